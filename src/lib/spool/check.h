/* check.h - one check; check.c and check_rows.c. */
#ifndef DF_SPOOL_CHECK_H
#define DF_SPOOL_CHECK_H

#include "df/check.h"
#include "sql.h"

struct check {
	const struct df_spool *sp;
	struct df_journal *j;
	bool read_data;
	df_finding_fn *fn;
	void *ctx;
	uint64_t objects, bytes;
	char dir[3]; /* of objects/, that is being listed */
	enum df_err rc;
	struct df_why why;
};
void df_check_found(struct check *c, enum df_finding f, const char *subject);
void df_check_rows(struct check *c);

#endif
