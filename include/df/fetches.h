/*
 * fetches.h - rows of state.db about priors: what we fetch from a node that we
 * dial, and what we have made ready for one that fetches from us.
 *
 * Attempts, not custody: both can be lost. A fetch is ordered again, and a
 * header is made again.
 */
#ifndef DF_FETCHES_H
#define DF_FETCHES_H

#include "df/journal.h"

#ifdef __cplusplus
extern "C" {
#endif

enum df_fetch_state {
	DF_FETCH_WAITING, /* or under way */
	DF_FETCH_DONE,	  /* all of it is here, verified */
	DF_FETCH_FAILED,  /* why says what; ordering it again begins anew */
	DF_FETCH_CANCELLED,
};
const char *df_fetch_state_name(enum df_fetch_state s);

/* A study that somebody here wants. */
struct df_row_fetch {
	int64_t n;
	char study[65];
	char dest[121]; /* name of the peer */
	enum df_fetch_state state;
	int64_t asked_ms;
	int64_t ended_ms; /* 0 = not yet */
	int64_t next_ms;
	/* as the peer said last; "" and 0 = not yet */
	char origin[DF_HEX_LEN + 1];
	uint64_t instances;
	uint64_t gone; /* of these it has let go */
	uint64_t bytes; /* fetched so far, of whole files */
	enum df_err err; /* of the last failure */
	char why[200];
	/* in hand; hex "" = nothing */
	char hex[33];
	char sender[DF_HEX_LEN + 1];
	bool report;
	uint64_t size;
	uint64_t offset; /* durable */
	struct df_id file;
};
/* Inserts (n = 0), or writes all of it; returns n. */
int64_t df_journal_fetch_put(struct df_journal *j,
			     const struct df_row_fetch *f);
/* The newest of that study. */
bool df_journal_fetch_of(struct df_journal *j, const char *study,
			 struct df_row_fetch *f);
/* Waiting and due of a peer: the oldest. */
bool df_journal_fetch_due(struct df_journal *j, const char *dest,
			  int64_t now_ms, struct df_row_fetch *f);
/* Waiting, with a file in hand, n > after. */
bool df_journal_fetch_in_hand(struct df_journal *j, int64_t after,
			      struct df_row_fetch *f);
/* Newest first. */
size_t df_journal_fetches(struct df_journal *j, struct df_row_fetch *rows,
			  size_t max);
/* Is this file in incoming/ one that is being fetched? */
bool df_journal_fetch_file(struct df_journal *j, const struct df_id *file);
/* How many instances of the study of that peer are here and usable. */
uint64_t df_journal_study_usable(struct df_journal *j, const char *study,
				 const char *peer);
/* The usable instance of a study behind row `after`; false: there is none. */
bool df_journal_study_next(struct df_journal *j, int64_t study, int64_t after,
			   struct df_row_instance *row);
/* Is some of it understood, and at home in no parcel? */
bool df_journal_study_is_raw(struct df_journal *j, int64_t study);
/* Is all that we have of this study fetched? Then another node answers for it,
 * and we have given no word for it. */
bool df_journal_study_is_copy(struct df_journal *j, int64_t study);

/* A header for one reader, for a parcel or bundle that is an object here. */
struct df_row_outgoing {
	char peer[DF_HEX_LEN + 1]; /* the reader */
	char hex[33];
	struct df_id object;
	char sender[DF_HEX_LEN + 1]; /* who sealed it */
	bool report;
	uint64_t skip;	    /* bytes of the object that the header replaces */
	uint64_t size;	    /* of the whole stream with this header */
};
void df_journal_outgoing_put(struct df_journal *j,
			     const struct df_row_outgoing *o,
			     struct df_text header, int64_t now_ms);
/* header NULL = not wanted. */
bool df_journal_outgoing(struct df_journal *j, const char *peer,
			 const char *hex, struct df_row_outgoing *o,
			 struct df_buf *header);
/* Those made before then are forgotten. */
void df_journal_outgoing_forget(struct df_journal *j, int64_t before_ms);
/* Ready parcels of a study, n > after, in the order of n. */
size_t df_journal_parcels_ready(struct df_journal *j, int64_t study,
				int64_t after, struct df_row_parcel *rows,
				size_t max);

/* Is some of it lost here, or damaged, and nowhere else in this node? */
bool df_journal_study_lost(struct df_journal *j, int64_t study);
/* One that was let go or lost is here again, bit for bit, as this object; so
 * are those of its instances that lived in it and came by no other way. */
void df_journal_parcel_revive(struct df_journal *j, int64_t n,
			      const struct df_id *object);

#ifdef __cplusplus
}
#endif
#endif
