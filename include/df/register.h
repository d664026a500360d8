/*
 * register.h - the index room's original data: what people decided and asked,
 * and what no object says again.
 *
 * One file, `register` in the node's directory, only ever appended to: orders,
 * decisions about identity, the ledger of recognition, who asked about whom.
 * Each entry is sealed under the index key, bound to its number and to the
 * hash of the entry before it (docs/formats/register.md). index.db holds what
 * follows from it and can be made again.
 *
 * Damage never ends reading: what is not a whole record is passed over, the
 * next whole one is found, and what is missing is counted. Bytes that stand
 * in the file are never changed or cut.
 */
#ifndef DF_REGISTER_H
#define DF_REGISTER_H

#include "df/store.h"

#ifdef __cplusplus
extern "C" {
#endif

#define DF_REGISTER_FILE "register"
#define DF_REGISTER_JSON_MAX ((size_t)32 * 1024)
#define DF_REGISTER_KIND_MAX 31

struct df_register;

struct df_register_entry {
	uint64_t seq; /* from 1; never used twice */
	int64_t at_ms;
	struct df_text kind; /* "order" "identity" "recognition" "audit" */
	struct df_text json; /* one object, UTF-8; patient data */
};

/* What a look at the file found. */
struct df_register_account {
	uint64_t entries;     /* that are whole */
	uint64_t first, last; /* their numbers; 0 = none */
	uint64_t missing;     /* numbers between 1 and last without a record */
	uint64_t broken;    /* the first number that is missing, or whose record
			     * does not follow on the one before; 0 = none */
	uint64_t broken_at; /* the byte where that shows */
	uint64_t passed;    /* bytes that are no record */
	uint64_t bytes;	    /* of the file */
	struct df_digest head; /* hash of the last record */
};

/*
 * Opens or makes the file in `dir` and looks at every record. What is found is
 * on stable storage afterwards, also if an earlier process could not sync it.
 * The cipher is copied, its ctx borrowed until close; NULL: nothing can be
 * read or appended, only the account is taken, of a file that is there.
 * DF_E_KEY: made under another index key; DF_E_UNSUPPORTED: of another
 * release; DF_E_NOTFOUND (without cipher); DF_E_IO, DF_E_NOSPACE.
 */
DF_MUST_CHECK enum df_err df_register_open(struct df_register **r, int dir,
					   const struct df_column_cipher *c,
					   struct df_why *why);
void df_register_close(struct df_register *r); /* NULL is fine */

/* As of open, and what was appended since. */
const struct df_register_account *
df_register_account(const struct df_register *r);

/* The number that the next entry gets. */
uint64_t df_register_next(const struct df_register *r);
/* The numbers up to seq were given before (index.db knows them): the next
 * entry gets a higher one, and those that are not here count as missing. */
void df_register_pass(struct df_register *r, uint64_t seq);

/*
 * kind and json as in the entry; *seq (may be NULL) is its number. Not durable
 * before df_register_sync. DF_E_LIMIT: json too long; DF_E_IO, also of every
 * call after a sync that failed: open anew; DF_E_NOSPACE: nothing was added.
 */
DF_MUST_CHECK enum df_err df_register_append(struct df_register *r,
					     const char *kind, int64_t now_ms,
					     struct df_text json, uint64_t *seq,
					     struct df_why *why);
/* Everything appended is on stable storage after DF_OK. */
DF_MUST_CHECK enum df_err df_register_sync(struct df_register *r,
					   struct df_why *why);

/* Entries from from_seq on, in order; what they borrow ends with fn. fn's
 * error ends it and is given back. An entry that is not authentic is passed
 * over, and counted in *forged (may be NULL). */
DF_MUST_CHECK enum df_err df_register_read(
	struct df_register *r, uint64_t from_seq,
	enum df_err (*fn)(void *ctx, const struct df_register_entry *e),
	void *ctx, uint64_t *forged, struct df_why *why);

#ifdef __cplusplus
}
#endif
#endif
