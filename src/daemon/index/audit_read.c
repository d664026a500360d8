/*
 * audit_read.c - the register, read back for people: what was done, by whom,
 * and whether all of it is there.
 *
 * A slice at a time, so that nothing else waits for a long register. Whoever
 * takes all of it away (export) is an entry himself.
 */
#include <string.h>

#include <cjson/cJSON.h>

#include "df/clock.h"
#include "ledger_room.h"

#define SLICE 200      /* entries, when nobody says how many */
#define SLICE_MAX 1000 /* each at most 32 KiB, mostly 300 bytes */
#define SLICE_BYTES (1u << 20)
#define CHECKED 20000 /* entries that are looked at for one answer */

static uint64_t number(const cJSON *o, const char *key)
{
	double v =
		cJSON_GetNumberValue(cJSON_GetObjectItemCaseSensitive(o, key));

	return v >= 1 && v < 9e15 ? (uint64_t)v : 0;
}

static void put(cJSON *o, const char *key, uint64_t v)
{
	(void)cJSON_AddNumberToObject(o, key, (double)v); /* dies for memory */
}

/* --- what the file is ----------------------------------------------------- */

static void add_account(struct index *x, cJSON *out)
{
	const struct df_register_account *a = df_register_account(x->reg);

	put(out, "entries", a->entries);
	put(out, "first", a->first);
	put(out, "last", a->last);
	put(out, "next", df_register_next(x->reg));
	put(out, "missing", a->missing);
	put(out, "broken", a->broken);
	put(out, "broken_at", a->broken_at);
	put(out, "passed", a->passed);
	put(out, "bytes", a->bytes);
	(void)cJSON_AddStringToObject(out, "head", df_digest_hex(&a->head).s);
}

enum df_err audit_status(struct index *x, const cJSON *args, cJSON *out,
			 struct df_why *why)
{
	(void)args, (void)why; /* nothing to ask, nothing to fail */
	add_account(x, out);
	return DF_OK;
}

/* --- slices --------------------------------------------------------------- */

struct slice {
	cJSON *list; /* NULL: counted only */
	const char *kind;
	uint64_t most, n, looked, bytes; /* n: of that kind */
	uint64_t end;			 /* entries before it only; 0: all */
	uint64_t next; /* the first that was not looked at; 0: all were */
};

static enum df_err add_entry(void *ctx, const struct df_register_entry *e)
{
	struct slice *s = ctx;
	char at[DF_TIME_LEN + 1], kind[DF_REGISTER_KIND_MAX + 1];
	cJSON *o, *json;

	if (s->end != 0 && e->seq >= s->end)
		return DF_E_CANCELLED;
	if (s->n >= s->most || s->looked >= CHECKED ||
	    (s->end == 0 && s->bytes >= SLICE_BYTES)) {
		s->next = e->seq;
		return DF_E_CANCELLED; /* enough */
	}
	s->looked++;
	if (s->kind[0] != '\0' && !df_text_eq(e->kind, s->kind))
		return DF_OK;
	s->n++;
	if (s->list == NULL)
		return DF_OK;
	s->bytes += e->json.len;
	if (df_str_copy(kind, sizeof kind, e->kind) != DF_OK)
		df_bug("a kind is longer than it may be");
	json = cJSON_ParseWithLength(e->json.ptr, e->json.len);
	df_time_encode(at, e->at_ms);
	o = cJSON_CreateObject();
	put(o, "seq", e->seq);
	(void)cJSON_AddStringToObject(o, "at", at); /* dies for memory */
	(void)cJSON_AddStringToObject(o, "kind", kind);
	(void)cJSON_AddItemToObject(o, "entry",
				    json ? json : cJSON_CreateNull());
	(void)cJSON_AddItemToArray(s->list, o);
	return DF_OK;
}

static enum df_err read_slice(struct index *x, uint64_t from, struct slice *s,
			      uint64_t *forged, struct df_why *why)
{
	enum df_err rc =
		df_register_read(x->reg, from, add_entry, s, forged, why);

	return rc == DF_E_CANCELLED ? DF_OK : rc;
}

/* From there on, oldest first. */
static enum df_err read_on(struct index *x, uint64_t from, struct slice *s,
			   cJSON *out, struct df_why *why)
{
	uint64_t forged = 0;
	enum df_err rc = read_slice(x, from, s, &forged, why);

	put(out, "forged", forged);
	if (s->next != 0)
		put(out, "more", s->next);
	return rc;
}

/* The newest of the kind, oldest first: back from the end, a few at a time. */
static enum df_err read_newest(struct index *x, struct slice *s, cJSON *out,
			       struct df_why *why)
{
	const uint64_t last = df_register_next(x->reg);
	uint64_t from = last, forged = 0, all_forged = 0;
	uint64_t most = s->most;
	cJSON *list = s->list;
	enum df_err rc = DF_OK;

	while (rc == DF_OK && from > 1 && most > 0 && last - from < CHECKED &&
	       s->bytes < SLICE_BYTES) {
		s->end = from;
		from = from > SLICE ? from - SLICE : 1;
		s->most = s->n + SLICE;
		s->list = cJSON_CreateArray();
		rc = read_slice(x, from, s, &forged, why);
		all_forged += forged;
		while (most > 0 && s->list->child != NULL) {
			(void)cJSON_InsertItemInArray(
				list, 0,
				cJSON_DetachItemViaPointer(
					s->list, s->list->child->prev));
			most--;
		}
		cJSON_Delete(s->list);
	}
	put(out, "forged", all_forged);
	if (most > 0 && from > 1)
		put(out, "looked_from", from);
	return rc;
}

/* Somebody takes copies away: that is in the register before he has them. */
static enum df_err note_export(struct index *x, const cJSON *args,
			       struct df_why *why)
{
	cJSON *e = cJSON_CreateObject();

	(void)cJSON_AddStringToObject(e, "act", "audit-export");
	(void)cJSON_AddStringToObject(e, "who", index_word(args, "export"));
	put(e, "from", number(args, "from"));
	return index_register_put(x, "audit", e, why);
}

/* {[from] [newest] [limit] [kind] [export: who]} > {entries, [more], forged,
 * [looked_from]}: oldest first, from a number on or the newest ones */
enum df_err audit_read(struct index *x, const cJSON *args, cJSON *out,
		       struct df_why *why)
{
	uint64_t limit = number(args, "limit");
	struct slice s = {.kind = index_word(args, "kind")};
	enum df_err rc = DF_OK;

	s.most = limit == 0 ? SLICE : limit > SLICE_MAX ? SLICE_MAX : limit;
	if (index_word(args, "export")[0] != '\0')
		rc = note_export(x, args, why);
	if (rc != DF_OK)
		return rc;
	s.list = cJSON_AddArrayToObject(out, "entries");
	if (cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(args, "newest")))
		return read_newest(x, &s, out, why);
	return read_on(x, number(args, "from"), &s, out, why);
}

/* {[from]} > the account, and of CHECKED entries how many are not authentic */
enum df_err audit_verify(struct index *x, const cJSON *args, cJSON *out,
			 struct df_why *why)
{
	struct slice s = {.kind = "", .most = CHECKED};
	enum df_err rc = read_on(x, number(args, "from"), &s, out, why);

	put(out, "checked", s.n);
	add_account(x, out);
	return rc;
}
