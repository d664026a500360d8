/* paths.h - names inside the spool, in one place; private to spool. */
#ifndef DF_SPOOL_PATHS_H
#define DF_SPOOL_PATHS_H

#include "df/spool.h"

#define DF_DAMAGED_SUFFIX ".damaged"
#define DF_OBJECT_PATH (2 + 1 + DF_ID_LEN + 1)

/* "ab/<id>" */
void df_object_path(char to[DF_OBJECT_PATH], const struct df_id *id);
/* A name whose directory is the spool's current bucket. */
void df_object_name_new(struct df_spool *sp, struct df_id *id);
/* Makes objects/ab, durably, unless it is there. */
enum df_err df_object_dir(const struct df_spool *sp, const struct df_id *id,
			  struct df_why *why);
/* Removes a name that nothing needs; a leftover is swept at the next start. */
void df_path_forget(int dir, const char *name);
enum df_err df_object_dir_sync(const struct df_spool *sp,
			       const struct df_id *id, struct df_why *why);
/* Its file stands and is what was put into it, as all of it is read. */
DF_MUST_CHECK enum df_err df_spool_whole(const struct df_spool *sp,
					 const struct df_id *id,
					 struct df_why *why);
/* Opens quarantine/<id>.damaged (df_spool_set_aside). DF_E_NOTFOUND. */
DF_MUST_CHECK enum df_err df_spool_aside(const struct df_spool *sp,
					 const struct df_id *id, int *fd,
					 struct df_why *why);
/* Calls each for those. */
DF_MUST_CHECK enum df_err df_spool_each_damaged(const struct df_spool *sp,
						df_spool_each_fn *each,
						void *ctx, struct df_why *why);
/* Remembers where the spool is: df_spool_in_place. */
void df_spool_mark_place(struct df_spool *sp);

#endif
