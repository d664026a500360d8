/*
 * priors.h - what two nodes say to each other about earlier exams.
 *
 * docs/formats/peer.md is the specification. A document that came over the
 * line, or is about to leave, is not passed on: a new one is written with the
 * members that the specification names and no others, each of its kind and
 * within its length. So nothing unknown comes in, and nothing that is not
 * meant for others goes out. Pure, no I/O.
 *
 * All: DF_E_FORMAT or DF_E_LIMIT, and no byte of the input in *why; `out` has
 * room for DF_PEER_JSON_MAX. Cleaning a clean document changes nothing.
 */
#ifndef DF_PRIORS_H
#define DF_PRIORS_H

#include "df/str.h"

#ifdef __cplusplus
extern "C" {
#endif

#define DF_PRIORS_MAX 200u	       /* exams in one answer */
#define DF_PRIORS_QUESTION (16u << 10) /* bytes of a question */

/* POST /peer/v1/priors. Needs a purpose, and an identifier or a name with a
 * date of birth: nobody browses a region by the beginnings of names. */
DF_MUST_CHECK enum df_err df_priors_question_clean(struct df_buf *out,
						   struct df_text json,
						   struct df_why *why);
/* Its answer. One odd member keeps nothing else back: what is too long, or no
 * text, date or number as it should be, is left out; an exam, report or reason
 * that lacks what it needs, is left out whole. */
DF_MUST_CHECK enum df_err df_priors_answer_clean(struct df_buf *out,
						 struct df_text json,
						 struct df_why *why);
/* POST /peer/v1/priors/{study}/fetch: purpose, and who asks. */
DF_MUST_CHECK enum df_err df_priors_fetch_clean(struct df_buf *out,
						struct df_text json,
						struct df_why *why);

#ifdef __cplusplus
}
#endif
#endif
