/* purge_facts.h - a study as the purge sees it; private to spool. */
#ifndef DF_SPOOL_PURGE_FACTS_H
#define DF_SPOOL_PURGE_FACTS_H

#include "df/fetches.h"
#include "df/purge.h"
#include "sql.h"

struct purge_row { /* an instance whose bytes are here */
	int64_t n;
	struct df_id object;
	bool in_parcel;
	int64_t parcel;
	enum df_instance_state state;
	char sop[DF_UID_CAP];
	struct df_digest digest;
	bool indexed;
	bool report;
	/* only of those in use */
	bool unsent;
	bool unreceipted;
	bool unheld;
	bool promised;
};

struct purge_study {
	struct df_row_study study;
	struct df_row_retained retained;
	struct df_row_fetch fetch; /* n 0: nobody here ever asked for it */
	bool copy;	     /* fetched; another node answers for it */
	bool held_back;	     /* linked: no peer gets it (df/linked.h) */
	struct purge_row *v; /* owned; those of one object stand together */
	size_t n, cap;
	uint64_t waiting; /* that someone has yet to confirm */
};

/* Is this text of that digest, and the receipt one of exactly this manifest?
 * node NULL = given by us. *m (the text, decoded) is to be released always. */
bool df_purge_is_word(struct df_text text, struct df_text receipt,
		      const struct df_digest *said, const char *node,
		      struct df_manifest *m);
/* Reads all of it; false when there is no such study. Unload it always. */
bool df_purge_load(struct df_journal *j, const struct df_purge *p,
		   int64_t study, struct purge_study *ps);
void df_purge_unload(struct purge_study *ps);
/* The facts of the object whose first row is v[at]; returns where the next
 * object begins. */
size_t df_purge_object(struct df_journal *j, const struct df_purge *p,
		       const struct purge_study *ps, size_t at,
		       struct df_retention_facts *f);

#endif
