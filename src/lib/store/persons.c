/*
 * persons.c - which patients are one person.
 *
 * A person is what links connect: an exact match, or a human being's word;
 * "they are different" takes a link away. When a contradiction stands between
 * two whom links connect (a nameless record matches two people), nobody can
 * say which link is wrong. Then only those stay together who have the same
 * name and date of birth too; and when even among these somebody said
 * "different", only those whom somebody said to be the same. Such patients are
 * held: a question is open. All this is made from the links alone, anew at
 * each change, so that the order in which patients came does not matter.
 */
#include <stdlib.h>

#include "pairs.h"

#define CANDIDATES 32 /* a key; who shares more of them shares a placeholder */

enum level { ALL_LINKS, SAME_WHO, SAID_ONLY };

/* --- sets of rows ----------------------------------------------------------- */

bool df_crowd_has(const struct df_crowd *c, uint64_t row)
{
	size_t i;

	for (i = 0; i < c->n; i++)
		if (c->rows[i] == row)
			return true;
	return false;
}

static void push(struct df_crowd *c, uint64_t row)
{
	if (c->n == c->cap) {
		c->cap = c->cap ? 2 * c->cap : 16;
		c->rows = df_xrealloc(c->rows, c->cap * sizeof *c->rows);
	}
	c->rows[c->n++] = row;
}

bool df_crowd_add(struct df_crowd *c, uint64_t row)
{
	if (df_crowd_has(c, row))
		return false;
	push(c, row);
	return true;
}

void df_crowd_release(struct df_crowd *c)
{
	free(c->rows);
	*c = (struct df_crowd){0};
}

enum df_err df_person_next(struct df_store *s, uint64_t person, uint64_t *row,
			   struct df_why *why)
{
	sqlite3_stmt *q = df_sql(s, DF_SQL_PERSON_NEXT_, why);

	df_sql_u64(q, 1, person);
	df_sql_u64(q, 2, *row);
	return df_sql_number(s, q, row, why);
}

/* --- what links connect ----------------------------------------------------- */

static enum df_err who_of(struct df_store *s, uint64_t row, uint64_t *who,
			  struct df_why *why)
{
	sqlite3_stmt *q = df_sql(s, DF_SQL_PATIENT_WHO_, why);

	df_sql_u64(q, 1, row);
	return df_sql_number(s, q, who, why);
}

static enum df_err same_who(struct df_store *s, uint64_t a, uint64_t b,
			    bool *same, struct df_why *why)
{
	uint64_t wa, wb = 0;
	enum df_err rc = who_of(s, a, &wa, why);

	if (rc == DF_OK)
		rc = who_of(s, b, &wb, why);
	*same = wa == wb && wa != 0;
	return rc;
}

/* Those who are linked to `row`; and of whom it is said that they are not. */
static enum df_err links_of(struct df_store *s, uint64_t row, enum level level,
			    struct df_crowd *crowd, struct df_crowd *against,
			    struct df_why *why)
{
	sqlite3_stmt *q = df_sql(s, DF_SQL_PAIR_LINKS_, why);
	enum df_err rc;

	df_sql_u64(q, 1, row);
	while ((rc = df_sql_step(s, q, why)) == DF_OK) {
		uint64_t other = df_sql_col_u64(q, 0);
		uint64_t match = df_sql_col_u64(q, 1);
		uint64_t said = df_sql_col_u64(q, 2);
		bool link = said == DF_DECIDED_SAME;

		if (said == DF_DECIDED_NOTHING && match == DF_MATCH_EXACT) {
			link = level == ALL_LINKS;
			if (level == SAME_WHO)
				rc = same_who(s, row, other, &link, why);
			if (rc != DF_OK)
				break;
		}
		if (link)
			(void)df_crowd_add(crowd, other); /* or it is in */
		if (said == DF_DECIDED_DIFFERENT ||
		    (said == DF_DECIDED_NOTHING &&
		     match == DF_MATCH_CONTRADICTION))
			push(against, other);
	}
	df_sql_done(q);
	return rc == DF_E_NOTFOUND ? DF_OK : rc;
}

static enum df_err gather(struct df_store *s, uint64_t start, enum level level,
			  struct df_crowd *crowd, bool *conflict,
			  struct df_why *why)
{
	struct df_crowd against = {0};
	enum df_err rc = DF_OK;
	size_t i;

	(void)df_crowd_add(crowd, start); /* the first */
	for (i = 0; rc == DF_OK && i < crowd->n; i++)
		rc = links_of(s, crowd->rows[i], level, crowd, &against, why);
	*conflict = false;
	for (i = 0; !*conflict && i < against.n; i++)
		*conflict = df_crowd_has(crowd, against.rows[i]);
	df_crowd_release(&against);
	return rc;
}

static enum df_err join(struct df_store *s, const struct df_crowd *crowd,
			enum level level, struct df_crowd *done,
			struct df_why *why)
{
	uint64_t first = crowd->rows[0];
	enum df_err rc = DF_OK;
	size_t i;

	for (i = 1; i < crowd->n; i++)
		if (crowd->rows[i] < first)
			first = crowd->rows[i];
	for (i = 0; rc == DF_OK && i < crowd->n; i++) {
		sqlite3_stmt *q = df_sql(s, DF_SQL_PATIENT_JOIN_, why);

		df_sql_u64(q, 1, crowd->rows[i]);
		df_sql_u64(q, 2, first);
		df_sql_u64(q, 3, level != ALL_LINKS);
		rc = df_sql_run(s, q, why);
		(void)df_crowd_add(done, crowd->rows[i]); /* once is enough */
	}
	return rc;
}

static enum df_err place(struct df_store *s, uint64_t start, enum level level,
			 struct df_crowd *done, struct df_why *why)
{
	struct df_crowd crowd = {0};
	bool conflict = false;
	enum df_err rc = gather(s, start, level, &crowd, &conflict, why);
	size_t i;

	if (rc == DF_OK && (!conflict || level == SAID_ONLY))
		rc = join(s, &crowd, level, done, why);
	else
		for (i = 0; rc == DF_OK && i < crowd.n; i++)
			if (!df_crowd_has(done, crowd.rows[i]))
				rc = place(s, crowd.rows[i], level + 1, done,
					   why);
	df_crowd_release(&crowd);
	return rc;
}

enum df_err df_person_regroup(struct df_store *s, const struct df_crowd *starts,
			      struct df_why *why)
{
	struct df_crowd done = {0};
	enum df_err rc = DF_OK;
	size_t i;

	for (i = 0; rc == DF_OK && i < starts->n; i++)
		if (!df_crowd_has(&done, starts->rows[i]))
			rc = place(s, starts->rows[i], ALL_LINKS, &done, why);
	df_crowd_release(&done);
	return rc;
}

/* --- a new patient ---------------------------------------------------------- */

/* Earlier patients who share a number, or a name with the date of birth. */
static enum df_err candidates(struct df_store *s, uint64_t row,
			      const struct df_keys *keys,
			      struct df_crowd *found, struct df_why *why)
{
	enum df_err rc = DF_OK;
	size_t i, n;

	for (i = 0; rc == DF_OK && i < keys->n; i++) {
		uint64_t at = row;

		for (n = 0; rc == DF_OK && n < CANDIDATES; n++) {
			sqlite3_stmt *q = df_sql(s, DF_SQL_KEY_NEXT_, why);

			df_sql_u64(q, 1, keys->key[i]);
			df_sql_u64(q, 2, at);
			rc = df_sql_number(s, q, &at, why);
			if (rc == DF_OK)
				(void)df_crowd_add(found, at); /* or twice */
		}
		if (rc == DF_E_NOTFOUND)
			rc = DF_OK;
	}
	return rc;
}

static enum df_err put_keys(struct df_store *s, uint64_t row,
			    const struct df_keys *keys, struct df_why *why)
{
	enum df_err rc = DF_OK;
	size_t i;

	for (i = 0; rc == DF_OK && i < keys->n; i++) {
		sqlite3_stmt *q = df_sql(s, DF_SQL_KEY_PUT_, why);

		df_sql_u64(q, 1, keys->key[i]);
		df_sql_u64(q, 2, row);
		rc = df_sql_run(s, q, why);
	}
	return rc;
}

/* Keys that lead to the same person, and those that only people search by. */
static void keys_of(struct df_store *s, const struct df_store_patient *p,
		    const struct df_person *person, struct df_keys *same,
		    struct df_keys *search)
{
	size_t i;

	for (i = 0; i < person->n_ids; i++) {
		df_keys_add(same, df_key_of_number(s, &person->ids[i]));
		df_keys_add(search, df_key_of_bare_number(s, &person->ids[i]));
	}
	df_keys_of_who(s, person, same);
	df_keys_of_name(s, p->ident[DF_IDENT_PATIENT_NAME], p->readings,
			search);
}

static enum df_err compare_all(struct df_store *s,
			       const struct df_store_patient *p,
			       const struct df_person *person,
			       const struct df_keys *keys, bool *related,
			       struct df_why *why)
{
	struct df_crowd found = {0};
	enum df_err rc = candidates(s, p->row, keys, &found, why);
	size_t i;

	for (i = 0; rc == DF_OK && i < found.n; i++)
		rc = df_pair_compare(s, p, person, found.rows[i], related, why);
	df_crowd_release(&found);
	return rc;
}

enum df_err df_person_admit(struct df_store *s, uint64_t row,
			    struct df_why *why)
{
	struct df_crowd self = {0};
	struct df_keys same = {0}, search = {0};
	struct df_store_patient p;
	struct df_person person;
	bool related = false;
	enum df_err rc = df_patient_read(s, row, &p, why);

	if (rc != DF_OK)
		return rc;
	df_store_person_of(s, &p, &person);
	keys_of(s, &p, &person, &same, &search);
	rc = compare_all(s, &p, &person, &same, &related, why);
	if (rc == DF_OK)
		rc = put_keys(s, row, &same, why);
	if (rc == DF_OK)
		rc = put_keys(s, row, &search, why);
	if (rc == DF_OK)
		rc = df_pair_take_up(s, &p, &person, &related, why);
	if (rc != DF_OK)
		return rc;
	push(&self, row);
	rc = related ? df_person_regroup(s, &self, why)
		     : join(s, &self, ALL_LINKS, &self, why);
	df_crowd_release(&self);
	return rc;
}
