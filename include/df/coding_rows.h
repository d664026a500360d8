/* coding_rows.h - how the images of a study were coded, and why so; in
 * state.db, for people. Not rebuilt with it: what each instance is coded as is
 * in its object. */
#ifndef DF_CODING_ROWS_H
#define DF_CODING_ROWS_H

#include "df/journal.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What was wanted for some of its parcels. */
struct df_row_coding {
	char wanted[16];   /* a word of coding_choice.h */
	char why[16];	   /* likewise; both together are the key */
	uint64_t line_bytes_per_s; /* as it was last; 0 = did not matter */
	bool assumed;		   /* not measured then */
	uint64_t instances;
	uint64_t fell_back;  /* instances that got another coding */
	uint64_t mismatches; /* frames that an encoder gave back otherwise */
};
/* Counts are added to what is there. In the open turn. */
void df_journal_coding_add(struct df_journal *j, int64_t study,
			   const struct df_row_coding *r);
/* In the order of wanted and why. */
size_t df_journal_codings_wanted(struct df_journal *j, int64_t study,
				 struct df_row_coding *rows, size_t max);

/* What came of it. */
struct df_coding_sum {
	char coding[16];
	uint64_t instances;
	uint64_t raw, coded; /* bytes */
};
size_t df_journal_codings(struct df_journal *j, int64_t study,
			  struct df_coding_sum *rows, size_t max);

#ifdef __cplusplus
}
#endif
#endif
