/*
 * known.h - what index.db remembers of the region: the last answer to a
 * question for earlier exams, so that it is there when the line is not, and
 * which studies were named to whom, because only those may be fetched.
 *
 * Answers are found by a keyed blind index and sealed as all that identifies;
 * they are copies of what others hold: lost with index.db, asked for again.
 * What was told is UIDs and fingerprints, in clear; it follows from the
 * register.
 */
#ifndef DF_KNOWN_H
#define DF_KNOWN_H

#include "df/store.h"

#ifdef __cplusplus
extern "C" {
#endif

#define DF_KNOWN_MAX (256u << 10) /* bytes of an answer */

/*
 * The answer of `peer` (fingerprint) about who is called `identity`, a text of
 * the caller's; it takes the place of an earlier one. Puts stand between begin
 * and commit.
 */
DF_MUST_CHECK enum df_err
df_store_put_known(struct df_store *s, const char *identity, const char *peer,
		   int64_t now_ms, struct df_text answer, struct df_why *why);
/* Appends the answer; DF_E_NOTFOUND. */
DF_MUST_CHECK enum df_err
df_store_known(struct df_store *s, const char *identity, const char *peer,
	       int64_t *learned_ms, struct df_buf *answer, struct df_why *why);
/* Answers learned before this time are forgotten. */
DF_MUST_CHECK enum df_err df_store_forget_known(struct df_store *s,
						int64_t before_ms,
						struct df_why *why);

/* This study (of the clinic `origin`, "" = our own) was named to `peer`. */
DF_MUST_CHECK enum df_err
df_store_put_told(struct df_store *s, const char *peer, const char *study_uid,
		  const char *origin, int64_t now_ms, struct df_why *why);
/* Was it since then, and whose? A clinic's comes before our own.
 * DF_E_NOTFOUND: it was not; DF_E_CONFLICT: of two clinics under one UID. */
DF_MUST_CHECK enum df_err df_store_told(struct df_store *s, const char *peer,
					const char *study_uid, int64_t since_ms,
					char origin[DF_HEX_LEN + 1],
					struct df_why *why);

#ifdef __cplusplus
}
#endif
#endif
