/*
 * pairs.c - what the matcher found of two patients, and what a human being
 * said of them.
 *
 * A pair stands twice, (a, b) and (b, a), so that either side finds it; a
 * question stands once, with the later patient first. A decision is kept by
 * the patients' keys too: after a new index.db was made it is here before
 * they are.
 */
#include "pairs.h"

#include <string.h>

_Static_assert(DF_MATCH_CONTRADICTION == 3, "DF_SQL_HELD says so");

static bool is_question(enum df_match match)
{
	return match == DF_MATCH_PROBABLE || match == DF_MATCH_CONTRADICTION;
}

static enum df_err put_half(struct df_store *s, uint64_t a, uint64_t b,
			    const struct df_match_result *m,
			    struct df_why *why)
{
	sqlite3_stmt *q = df_sql(s, DF_SQL_PAIR_PUT_, why);

	df_sql_u64(q, 1, a);
	df_sql_u64(q, 2, b);
	df_sql_u64(q, 3, m->match);
	df_sql_u64(q, 4, m->reasons);
	df_sql_u64(q, 5, a > b && is_question(m->match));
	return df_sql_run(s, q, why);
}

static enum df_err put_pair(struct df_store *s, uint64_t a, uint64_t b,
			    const struct df_match_result *m,
			    struct df_why *why)
{
	enum df_err rc = put_half(s, a, b, m, why);

	return rc == DF_OK ? put_half(s, b, a, m, why) : rc;
}

static enum df_err match_with(struct df_store *s, const struct df_person *pa,
			      uint64_t b, struct df_match_result *m,
			      struct df_why *why)
{
	struct df_store_patient other;
	struct df_person pb;
	enum df_err rc = df_patient_read(s, b, &other, why);

	if (rc != DF_OK)
		return rc;
	df_store_person_of(s, &other, &pb);
	*m = df_person_match(pa, &pb);
	return DF_OK;
}

enum df_err df_pair_compare(struct df_store *s,
			    const struct df_store_patient *a,
			    const struct df_person *pa, uint64_t b,
			    bool *related, struct df_why *why)
{
	struct df_match_result m = {0};
	enum df_err rc = match_with(s, pa, b, &m, why);

	if (rc != DF_OK || m.match == DF_MATCH_NONE)
		return rc;
	*related = true;
	return put_pair(s, a->row, b, &m, why);
}

/* --- decisions --------------------------------------------------------------- */

static enum df_err decide_half(struct df_store *s, uint64_t a, uint64_t b,
			       enum df_match match, enum df_decided decided,
			       uint64_t seq, struct df_why *why)
{
	sqlite3_stmt *q = df_sql(s, DF_SQL_PAIR_DECIDE_, why);

	df_sql_u64(q, 1, a);
	df_sql_u64(q, 2, b);
	df_sql_u64(q, 3, decided);
	df_sql_u64(q, 4, seq);
	df_sql_u64(q, 5,
		   a > b && decided == DF_DECIDED_NOTHING &&
			   is_question(match));
	return df_sql_run(s, q, why);
}

/* Both are known; the pair may not be one yet. */
static enum df_err decide_pair(struct df_store *s, uint64_t a,
			       const struct df_person *pa, uint64_t b,
			       enum df_decided decided, uint64_t seq,
			       struct df_why *why)
{
	struct df_match_result m = {0};
	enum df_err rc = match_with(s, pa, b, &m, why);

	if (rc == DF_OK)
		rc = put_pair(s, a, b, &m, why);
	if (rc == DF_OK)
		rc = decide_half(s, a, b, m.match, decided, seq, why);
	if (rc == DF_OK)
		rc = decide_half(s, b, a, m.match, decided, seq, why);
	return rc;
}

struct decision {
	uint64_t other, seq;
	enum df_decided decided;
};

enum df_err df_pair_take_up(struct df_store *s,
			    const struct df_store_patient *p,
			    const struct df_person *person, bool *related,
			    struct df_why *why)
{
	sqlite3_stmt *q = df_sql(s, DF_SQL_DECISION_LIST_, why);
	struct df_patient_key key;
	enum df_err rc;

	if (!df_hex_decode(key.b, sizeof key.b, df_text_of(p->ref)))
		df_bug("a patient's ref is no key");
	df_sql_blob(q, 1, key.b, sizeof key.b);
	while ((rc = df_sql_step(s, q, why)) == DF_OK) {
		struct decision d = {df_sql_col_u64(q, 0), df_sql_col_u64(q, 2),
				     (enum df_decided)df_sql_col_u64(q, 1)};

		rc = decide_pair(s, p->row, person, d.other, d.decided, d.seq,
				 why);
		if (rc != DF_OK)
			break;
		*related = true;
	}
	df_sql_done(q);
	return rc == DF_E_NOTFOUND ? DF_OK : rc;
}

static enum df_err keep_half(struct df_store *s, const struct df_patient_key *a,
			     const struct df_patient_key *b,
			     enum df_decided decided, uint64_t seq,
			     struct df_why *why)
{
	bool drop = decided == DF_DECIDED_NOTHING;
	sqlite3_stmt *q = df_sql(
		s, drop ? DF_SQL_DECISION_DROP_ : DF_SQL_DECISION_PUT_, why);

	df_sql_blob(q, 1, a->b, sizeof a->b);
	df_sql_blob(q, 2, b->b, sizeof b->b);
	if (!drop) {
		df_sql_u64(q, 3, decided);
		df_sql_u64(q, 4, seq);
	}
	return df_sql_run(s, q, why);
}

/* All of the persons that the two belong to now: some may fall apart. */
static enum df_err add_person(struct df_store *s, uint64_t person,
			      struct df_crowd *c, struct df_why *why)
{
	uint64_t row = 0;
	enum df_err rc;

	while ((rc = df_person_next(s, person, &row, why)) == DF_OK)
		(void)df_crowd_add(c, row); /* or it is in */
	return rc == DF_E_NOTFOUND ? DF_OK : rc;
}

static enum df_err settle(struct df_store *s, const struct df_store_patient *a,
			  const struct df_store_patient *b,
			  enum df_decided decided, uint64_t seq,
			  struct df_why *why)
{
	struct df_crowd c = {0};
	struct df_person pa;
	enum df_err rc;

	df_store_person_of(s, a, &pa);
	rc = decide_pair(s, a->row, &pa, b->row, decided, seq, why);
	if (rc == DF_OK)
		rc = add_person(s, a->person, &c, why);
	if (rc == DF_OK)
		rc = add_person(s, b->person, &c, why);
	if (rc == DF_OK)
		rc = df_person_regroup(s, &c, why);
	df_crowd_release(&c);
	return rc;
}

static enum df_err two_keys(const char *ref_a, const char *ref_b,
			    struct df_patient_key *a, struct df_patient_key *b,
			    struct df_why *why)
{
	return df_hex_decode(a->b, sizeof a->b, df_text_of(ref_a)) &&
			       df_hex_decode(b->b, sizeof b->b,
					     df_text_of(ref_b)) &&
			       memcmp(a->b, b->b, sizeof a->b) != 0
		       ? DF_OK
		       : df_fail(why, DF_E_FORMAT,
				 "two references of patients are needed, of %d "
				 "digits each",
				 DF_PATIENT_REF_LEN);
}

enum df_err df_store_decide(struct df_store *s, const char *ref_a,
			    const char *ref_b, enum df_decided decided,
			    uint64_t seq, struct df_why *why)
{
	struct df_store_patient a, b;
	struct df_patient_key ka, kb;
	enum df_err rc = two_keys(ref_a, ref_b, &ka, &kb, why);

	if (rc == DF_OK)
		rc = keep_half(s, &ka, &kb, decided, seq, why);
	if (rc == DF_OK)
		rc = keep_half(s, &kb, &ka, decided, seq, why);
	if (rc == DF_OK)
		rc = df_store_patient(s, ref_a, &a, why);
	if (rc == DF_OK)
		rc = df_store_patient(s, ref_b, &b, why);
	if (rc == DF_E_NOTFOUND) { /* taken up when they come */
		if (why != NULL)
			*why = (struct df_why){0};
		return DF_OK;
	}
	return rc == DF_OK ? settle(s, &a, &b, decided, seq, why) : rc;
}

static enum df_err said_half(struct df_store *s, const struct df_patient_key *a,
			     const struct df_patient_key *b, uint64_t seq,
			     struct df_why *why)
{
	sqlite3_stmt *q = df_sql(s, DF_SQL_SAID_PUT_, why);

	df_sql_blob(q, 1, a->b, sizeof a->b);
	df_sql_blob(q, 2, b->b, sizeof b->b);
	df_sql_u64(q, 3, seq);
	return df_sql_run(s, q, why);
}

enum df_err df_store_put_said(struct df_store *s, const char *ref_a,
			      const char *ref_b, uint64_t seq,
			      struct df_why *why)
{
	struct df_patient_key a, b;
	enum df_err rc = two_keys(ref_a, ref_b, &a, &b, why);

	if (rc == DF_OK)
		rc = said_half(s, &a, &b, seq, why);
	return rc == DF_OK ? said_half(s, &b, &a, seq, why) : rc;
}

enum df_err df_store_said(struct df_store *s, const char *ref,
			  const char *other,
			  enum df_err (*fn)(void *ctx, uint64_t seq), void *ctx,
			  struct df_why *why)
{
	struct df_patient_key a, b;
	sqlite3_stmt *q;
	enum df_err rc;

	if (!df_hex_decode(a.b, sizeof a.b, df_text_of(ref)) ||
	    (other != NULL &&
	     !df_hex_decode(b.b, sizeof b.b, df_text_of(other))))
		return df_fail(why, DF_E_FORMAT, "no reference of a patient");
	q = df_sql(s, DF_SQL_SAID_LIST_, why);
	df_sql_blob(q, 1, a.b, sizeof a.b);
	if (other != NULL)
		df_sql_blob(q, 2, b.b, sizeof b.b);
	while ((rc = df_sql_step(s, q, why)) == DF_OK) {
		rc = fn(ctx, df_sql_col_u64(q, 0));
		if (rc != DF_OK)
			break;
	}
	df_sql_done(q);
	return rc == DF_E_NOTFOUND ? DF_OK : rc;
}

/* --- questions ----------------------------------------------------------------- */

static enum df_err next_pair(struct df_store *s, enum df_sql which,
			     uint64_t at[2], struct df_store_pair *out,
			     struct df_why *why)
{
	sqlite3_stmt *q = df_sql(s, which, why);
	enum df_err rc;

	*out = (struct df_store_pair){0};
	df_sql_u64(q, 1, at[0]);
	df_sql_u64(q, 2, at[1]);
	rc = df_sql_step(s, q, why);
	if (rc == DF_OK) {
		at[0] = df_sql_col_u64(q, 0);
		at[1] = df_sql_col_u64(q, 1);
		out->match = (enum df_match)df_sql_col_u64(q, 2);
		out->reasons = (unsigned)df_sql_col_u64(q, 3);
		out->decided = (enum df_decided)df_sql_col_u64(q, 4);
		out->seq = df_sql_col_u64(q, 5);
	}
	df_sql_done(q);
	if (rc == DF_OK)
		rc = df_patient_read(s, at[0], &out->a, why);
	if (rc == DF_OK)
		rc = df_patient_read(s, at[1], &out->b, why);
	return rc;
}

enum df_err df_store_pairs(
	struct df_store *s, bool all, unsigned limit,
	enum df_err (*fn)(void *ctx, const struct df_store_pair *pair),
	void *ctx, struct df_why *why)
{
	uint64_t at[2] = {INT64_MAX, INT64_MAX};
	struct df_store_pair pair;
	enum df_err rc = DF_OK;

	while (rc == DF_OK && limit-- > 0) {
		rc = next_pair(
			s, all ? DF_SQL_PAIR_NEXT_ : DF_SQL_PAIR_QUESTION_, at,
			&pair, why);
		if (rc == DF_OK)
			rc = fn(ctx, &pair);
	}
	return rc == DF_E_NOTFOUND ? DF_OK : rc;
}

enum df_err df_store_questions(struct df_store *s, uint64_t *open,
			       struct df_why *why)
{
	sqlite3_stmt *q = df_sql(s, DF_SQL_PAIR_OPEN_, why);

	df_sql_u64(q, 1, DF_MATCH_PROBABLE);
	return df_sql_number(s, q, open, why);
}

enum df_err df_store_patient_pairs(
	struct df_store *s, uint64_t row,
	enum df_err (*fn)(void *ctx, const struct df_store_pair *pair),
	void *ctx, struct df_why *why)
{
	uint64_t at[2] = {row, INT64_MAX};
	struct df_store_pair pair;
	enum df_err rc = DF_OK;

	while (rc == DF_OK) {
		rc = next_pair(s, DF_SQL_PAIR_OF_, at, &pair, why);
		if (rc == DF_OK)
			rc = fn(ctx, &pair);
	}
	return rc == DF_E_NOTFOUND ? DF_OK : rc;
}
