/*
 * identity_decisions.c - what a named person says of two patients.
 *
 * A decision is an entry of the register: who, when, why, of which two, and
 * what holds from now on. Nothing is overwritten: `undo` is one more entry,
 * after which what held before the undone one holds again; only the decision
 * in force can be undone, so that the entries of two patients are a stack.
 *
 *	{"act":"merge"|"split","a":ref,"b":ref,"by":..,"reason":..}
 *	{"act":"undo","undoes":seq,"a","b","by","reason",
 *	 "now":"same"|"different"|"nothing","now_seq":seq}
 */
#include <stdlib.h>
#include <string.h>

#include "identity_room.h"

#define BY_MAX 64u
#define REASON_MAX 200u /* characters */
#define STACK_MAX 64

static const char *const said_words[] = {"nothing", "same", "different"};

const char *identity_said_word(enum df_decided said)
{
	return (unsigned)said < 3 ? said_words[said] : "?";
}

static const char *text_of(const cJSON *o, const char *key)
{
	const char *s =
		cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(o, key));

	return s != NULL ? s : "";
}

static uint64_t seq_of(const cJSON *o, const char *key)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(o, key);

	return cJSON_IsNumber(v) && v->valuedouble >= 1 &&
			       v->valuedouble < 9007199254740992.0
		       ? (uint64_t)v->valuedouble
		       : 0;
}

enum df_err identity_entry_read(struct identity_entry *e, const cJSON *json,
				uint64_t seq, int64_t at_ms, struct df_why *why)
{
	const char *act = text_of(json, "act"), *now = text_of(json, "now");

	*e = (struct identity_entry){.seq = seq,
				     .at_ms = at_ms,
				     .said_seq = seq,
				     .a = text_of(json, "a"),
				     .b = text_of(json, "b"),
				     .by = text_of(json, "by"),
				     .reason = text_of(json, "reason")};
	if (!strcmp(act, "merge")) {
		e->said = DF_DECIDED_SAME;
	} else if (!strcmp(act, "split")) {
		e->said = DF_DECIDED_DIFFERENT;
	} else if (!strcmp(act, "undo") && seq_of(json, "undoes") > 0) {
		e->undoes = seq_of(json, "undoes");
		e->said_seq = seq_of(json, "now_seq");
		while (e->said < 3 && strcmp(now, said_words[e->said]) != 0)
			e->said++;
	} else {
		e->said = 3;
	}
	if ((unsigned)e->said >= 3 || e->a[0] == '\0' || e->b[0] == '\0' ||
	    e->by[0] == '\0')
		return df_fail(why, DF_E_FORMAT,
			       "this is no decision about identity");
	return DF_OK;
}

enum df_err index_identity_apply(struct index *x,
				 const struct df_register_entry *e,
				 const cJSON *json, struct df_why *why)
{
	struct identity_entry d;
	enum df_err rc = identity_entry_read(&d, json, e->seq, e->at_ms, why);

	if (rc != DF_OK)
		return rc;
	rc = df_store_put_said(x->store, d.a, d.b, d.seq, why);
	return rc == DF_OK ? df_store_decide(x->store, d.a, d.b, d.said,
					     d.said_seq, why)
			   : rc;
}

/* --- what was ever said ------------------------------------------------------
 */

struct reading {
	struct index *x;
	uint64_t seq;
	identity_entry_fn *fn;
	void *ctx;
	struct df_why *why;
};

static enum df_err read_one(void *ctx, const struct df_register_entry *e)
{
	struct reading *r = ctx;
	struct identity_entry d;
	cJSON *json;

	if (e->seq != r->seq || !df_text_eq(e->kind, "identity"))
		return DF_E_CANCELLED; /* one look is enough */
	json = cJSON_ParseWithLength(e->json.ptr, e->json.len);
	if (identity_entry_read(&d, json, e->seq, e->at_ms, NULL) == DF_OK)
		r->fn(r->ctx, &d);
	cJSON_Delete(json);
	return DF_E_CANCELLED;
}

static enum df_err read_entry(void *ctx, uint64_t seq)
{
	struct reading *r = ctx;
	enum df_err rc;

	r->seq = seq;
	rc = df_register_read(r->x->reg, seq, read_one, r, NULL, r->why);
	return rc == DF_E_CANCELLED ? DF_OK : rc;
}

enum df_err identity_entries(struct index *x, const char *ref,
			     const char *other, identity_entry_fn *fn,
			     void *ctx, struct df_why *why)
{
	struct reading r = {x, 0, fn, ctx, why};

	return df_store_said(x->store, ref, other, read_entry, &r, why);
}

/* --- who, and why ------------------------------------------------------------
 */

static size_t characters(const char *s)
{
	size_t n = 0;

	for (; *s != '\0'; s++)
		n += ((unsigned char)*s & 0xc0) != 0x80;
	return n;
}

static enum df_err signed_entry(const cJSON *args, const char *act,
				const char *a, const char *b, cJSON **entry,
				struct df_why *why)
{
	const char *by = text_of(args, "by"), *reason = text_of(args, "reason");
	bool turned = strcmp(a, b) > 0;

	*entry = NULL;
	if (by[0] == '\0' || reason[0] == '\0')
		return df_fail(why, DF_E_USAGE,
			       "say who decides (by) and why (reason): both "
			       "are kept");
	if (characters(by) > BY_MAX || characters(reason) > REASON_MAX)
		return df_fail(why, DF_E_USAGE,
			       "a name has at most %u characters, a reason %u",
			       BY_MAX, REASON_MAX);
	*entry = cJSON_CreateObject();
	(void)cJSON_AddStringToObject(*entry, "act", act);
	(void)cJSON_AddStringToObject(*entry, "a", turned ? b : a);
	(void)cJSON_AddStringToObject(*entry, "b", turned ? a : b);
	(void)cJSON_AddStringToObject(*entry, "by", by);
	(void)cJSON_AddStringToObject(*entry, "reason", reason);
	return DF_OK;
}

/* Writes it, and says what became of the two. */
static enum df_err decide(struct index *x, cJSON *entry_take,
			  const struct df_store_patient *p, cJSON *out,
			  struct df_why *why)
{
	struct df_store_patient now;
	enum df_err rc = index_register_put(x, "identity", entry_take, why);

	if (rc != DF_OK)
		return rc;
	(void)cJSON_AddNumberToObject(
		out, "seq", (double)df_register_account(x->reg)->last);
	rc = df_store_patient(x->store, p->ref, &now, why);
	return rc == DF_OK ? identity_person_add(x, &now, out, why) : rc;
}

/* --- merge, split
 * ------------------------------------------------------------- */

struct of_two {
	const char *a, *b;
	enum df_decided said;
};

static enum df_err what_is_said(void *ctx, const struct df_store_pair *pair)
{
	struct of_two *t = ctx;

	if ((!strcmp(pair->a.ref, t->a) && !strcmp(pair->b.ref, t->b)) ||
	    (!strcmp(pair->a.ref, t->b) && !strcmp(pair->b.ref, t->a)))
		t->said = pair->decided;
	return DF_OK;
}

static enum df_err two(struct index *x, const cJSON *args,
		       struct df_store_patient *a, struct df_store_patient *b,
		       struct df_why *why)
{
	const char *ra = text_of(args, "a"), *rb = text_of(args, "b");
	enum df_err rc;

	if (ra[0] == '\0' || rb[0] == '\0')
		return df_fail(why, DF_E_USAGE,
			       "which two patients? their references stand in "
			       "identity list");
	rc = df_store_patient(x->store, ra, a, why);
	if (rc == DF_OK)
		rc = df_store_patient(x->store, rb, b, why);
	if (rc == DF_OK && !strcmp(a->ref, b->ref))
		return df_fail(why, DF_E_USAGE,
			       "both references name one patient record");
	return rc;
}

static enum df_err say(struct index *x, const cJSON *args, const char *act,
		       enum df_decided said, cJSON *out, struct df_why *why)
{
	struct df_store_patient a, b;
	struct of_two t = {.a = a.ref, .b = b.ref};
	cJSON *entry;
	enum df_err rc = two(x, args, &a, &b, why);

	if (rc == DF_OK)
		rc = df_store_patient_pairs(x->store, a.row, what_is_said, &t,
					    why);
	if (rc == DF_OK && t.said == said)
		return df_fail(why, DF_E_EXISTS,
			       "that was decided already; see identity show");
	if (rc == DF_OK)
		rc = signed_entry(args, act, a.ref, b.ref, &entry, why);
	if (rc != DF_OK)
		return rc;
	(void)cJSON_AddStringToObject(out, "decided", identity_said_word(said));
	return decide(x, entry, &a, out, why);
}

enum df_err index_identity_merge(struct index *x, const cJSON *args, cJSON *out,
				 struct df_why *why)
{
	return say(x, args, "merge", DF_DECIDED_SAME, out, why);
}

enum df_err index_identity_split(struct index *x, const cJSON *args, cJSON *out,
				 struct df_why *why)
{
	return say(x, args, "split", DF_DECIDED_DIFFERENT, out, why);
}

/* --- undo
 * ------------------------------------------------------------------------ */

struct stack {
	char a[DF_PATIENT_REF_LEN + 1], b[DF_PATIENT_REF_LEN + 1];
	struct {
		uint64_t seq;
		enum df_decided said;
	} held[STACK_MAX];
	size_t n;
	uint64_t want;
	bool seen;   /* the decision that is to be undone */
	bool undone; /* it was, before */
	struct df_why why;
};

static void push_or_pop(void *ctx, const struct identity_entry *d)
{
	struct stack *k = ctx;
	size_t i;

	if (d->undoes == 0) {
		if (k->n == STACK_MAX) { /* the oldest is not gone back to */
			memmove(k->held, k->held + 1,
				(STACK_MAX - 1) * sizeof k->held[0]);
			k->n--;
		}
		k->held[k->n].seq = d->seq;
		k->held[k->n++].said = d->said;
		return;
	}
	k->undone |= d->undoes == k->want;
	for (i = 0; i < k->n; i++)
		if (k->held[i].seq == d->undoes)
			k->n = i;
}

static void find_two(void *ctx, const struct identity_entry *d)
{
	struct stack *k = ctx;

	k->seen = d->undoes == 0 &&
		  df_str_copy(k->a, sizeof k->a, df_text_of(d->a)) == DF_OK &&
		  df_str_copy(k->b, sizeof k->b, df_text_of(d->b)) == DF_OK;
}

/* The decisions on the two of entry `want`, the one in force last. */
static enum df_err stack_of(struct index *x, struct stack *k,
			    struct df_why *why)
{
	struct reading r = {x, 0, find_two, k, why};
	enum df_err rc = read_entry(&r, k->want);

	if (rc != DF_OK)
		return rc;
	if (!k->seen)
		return df_fail(why, DF_E_NOTFOUND,
			       "entry %llu of the register is no decision to "
			       "merge or split; see identity show",
			       (unsigned long long)k->want);
	return identity_entries(x, k->a, k->b, push_or_pop, k, why);
}

static enum df_err may_undo(const struct stack *k, struct df_why *why)
{
	if (k->undone)
		return df_fail(why, DF_E_EXISTS,
			       "decision %llu was undone already",
			       (unsigned long long)k->want);
	if (k->n == 0 || k->held[k->n - 1].seq != k->want)
		return df_fail(
			why, DF_E_CONFLICT,
			"decision %llu is not in force: %llu came after it, "
			"undo that one first",
			(unsigned long long)k->want,
			(unsigned long long)(k->n ? k->held[k->n - 1].seq : 0));
	return DF_OK;
}

static enum df_err undo(struct index *x, struct stack *k, const cJSON *args,
			cJSON *out, struct df_why *why)
{
	bool before = k->n > 1;
	enum df_decided now =
		before ? k->held[k->n - 2].said : DF_DECIDED_NOTHING;
	struct df_store_patient p;
	cJSON *entry;
	enum df_err rc = signed_entry(args, "undo", k->a, k->b, &entry, why);

	if (rc != DF_OK)
		return rc;
	(void)cJSON_AddNumberToObject(entry, "undoes", (double)k->want);
	(void)cJSON_AddStringToObject(entry, "now", identity_said_word(now));
	(void)cJSON_AddNumberToObject(
		entry, "now_seq", before ? (double)k->held[k->n - 2].seq : 0);
	(void)cJSON_AddStringToObject(out, "decided", identity_said_word(now));
	rc = df_store_patient(x->store, k->a, &p, why);
	if (rc == DF_OK)
		return decide(x, entry, &p, out, why);
	if (rc == DF_E_NOTFOUND) /* its object is not there; the word is */
		return index_register_put(x, "identity", entry, why);
	cJSON_Delete(entry);
	return rc;
}

enum df_err index_identity_undo(struct index *x, const cJSON *args, cJSON *out,
				struct df_why *why)
{
	struct stack *k;
	enum df_err rc;

	if (seq_of(args, "seq") == 0)
		return df_fail(why, DF_E_USAGE,
			       "which decision? its number stands in identity "
			       "show");
	k = df_xcalloc(1, sizeof *k);
	k->want = seq_of(args, "seq");
	rc = stack_of(x, k, why);
	if (rc == DF_OK)
		rc = may_undo(k, why);
	if (rc == DF_OK)
		rc = undo(x, k, args, out, why);
	free(k);
	return rc;
}
