/*
 * linked.h - rows of state.db about studies that show the same images as
 * another one, and are not sent twice.
 *
 * Such a study is watched from its first parcel on. Its parcels get no delivery
 * while each of their images is one that the peers hold already, by receipt,
 * under another study; the first one that is not lets go of all. One that is
 * complete and was never let go stays here, held, until a person sends it.
 * That one was let go is in the ledger; without the other rows it is asked
 * about again.
 */
#ifndef DF_LINKED_H
#define DF_LINKED_H

#include "df/journal.h"

#ifdef __cplusplus
extern "C" {
#endif

enum df_linked_state {
	DF_LINKED_NOT,	    /* nothing is known of it */
	DF_LINKED_WATCHED,  /* so far all of it is */
	DF_LINKED_HELD,	    /* it is complete, and all of it is */
	DF_LINKED_SENT,	    /* it goes its way, whatever it shows */
};
struct df_row_linked {
	int64_t study;
	enum df_linked_state state;
	char twin[65];		   /* "" = being asked */
	char peer[DF_HEX_LEN + 1]; /* whose study the twin is; "" = ours */
};
/* DF_LINKED_NOT when there is none. */
enum df_linked_state df_journal_linked(struct df_journal *j, int64_t study,
				       struct df_row_linked *row);
void df_journal_linked_put(struct df_journal *j,
			   const struct df_row_linked *row);
/* In that state, study > after. */
size_t df_journal_linked_in(struct df_journal *j, enum df_linked_state state,
			    int64_t after, struct df_row_linked *rows,
			    size_t max);
/* Does that peer hold it, all of it? What is ours by its receipt; what was
 * fetched when it was fetched there, and is still here. */
bool df_journal_study_held_by(struct df_journal *j,
			      const struct df_row_study *s, const char *dest);
/* Closed, and every image of it in a parcel that was compared? */
bool df_journal_study_packed(struct df_journal *j, int64_t study);

#ifdef __cplusplus
}
#endif
#endif
