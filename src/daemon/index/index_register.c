/*
 * index_register.c - original data: written to the register, applied to
 * index.db, and applied again when index.db was made anew.
 *
 * Invariants: nothing is answered before its entry is synced; index.db says
 * in meta how far it has followed (register_seq), in the transaction that
 * follows; an entry is applied once, and none before all that stand before it.
 */
#include <fcntl.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "df/clock.h"
#include "df/log.h"
#include "identity_room.h"
#include "index.h"
#include "ledger_room.h"
#include "orders.h"
#include "region.h"

#define REPLAYED_AT_ONCE 5000 /* entries a transaction */

static const struct {
	const char *kind;
	index_apply_fn *apply;
} APPLIERS[] = {
	{"recognition", ledger_apply},
	{"order", order_apply},
	{"audit", region_audit_apply},
	{"identity", index_identity_apply},
};

static enum df_err apply_json(struct index *x,
			      const struct df_register_entry *e,
			      const cJSON *json, struct df_why *why)
{
	size_t i;

	if (!cJSON_IsObject(json))
		return df_fail(why, DF_E_FORMAT, "an entry is one object");
	for (i = 0; i < sizeof APPLIERS / sizeof APPLIERS[0]; i++)
		if (df_text_eq(e->kind, APPLIERS[i].kind))
			return APPLIERS[i].apply(x, e, json, why);
	return df_fail(why, DF_E_UNSUPPORTED, "no such kind of entry");
}

/* --- putting -------------------------------------------------------------- */

/* In a part of the transaction: taken back whole when one of it fails. */
static enum df_err put_part(struct index *x, struct df_register_entry *e,
			    const char *kind, const cJSON *json,
			    struct df_why *why)
{
	uint64_t followed;
	enum df_err rc =
		df_store_number(x->store, DF_STORE_FOLLOWED, &followed, why);

	if (rc == DF_OK && followed + 1 != e->seq) {
		x->reg_failed = true;
		rc = df_fail(why, DF_E_AGAIN,
			     "index.db is at %llu, not at %llu",
			     (unsigned long long)followed,
			     (unsigned long long)e->seq - 1);
	}
	if (rc == DF_OK)
		rc = apply_json(x, e, json, why);
	if (rc == DF_OK)
		rc = df_store_put_number(x->store, DF_STORE_FOLLOWED, e->seq,
					 why);
	if (rc != DF_OK)
		return rc;
	rc = df_register_append(x->reg, kind, e->at_ms, e->json, NULL, why);
	if (rc == DF_E_LIMIT || rc == DF_E_NOSPACE)
		return rc; /* nothing was added */
	if (rc == DF_OK && x->reg_gathers)
		x->reg_unsynced = true;
	else if (rc == DF_OK)
		rc = df_register_sync(x->reg, why);
	/* nobody knows what of it is on the disk, but the disk */
	x->reg_failed = rc != DF_OK;
	return rc;
}

static enum df_err put_text(struct index *x, const char *kind,
			    const cJSON *json, const char *text,
			    struct df_why *why)
{
	struct df_register_entry e = {.seq = df_register_next(x->reg),
				      .at_ms = df_clock_wall_ms(),
				      .kind = df_text_of(kind),
				      .json = df_text_of(text)};
	enum df_err rc;

	if (e.json.len > DF_REGISTER_JSON_MAX)
		return df_fail(why, DF_E_USAGE, "this is too long to record");
	rc = index_begin(x, why);
	if (rc == DF_OK)
		rc = df_store_save(x->store, why);
	if (rc != DF_OK)
		return rc;
	rc = put_part(x, &e, kind, json, why);
	if (rc == DF_OK)
		rc = df_store_keep(x->store, why);
	else if (df_store_back(x->store, NULL) == DF_OK)
		return rc;
	if (rc != DF_OK)
		index_abandon(x, rc, why);
	return rc;
}

enum df_err index_register_put(struct index *x, const char *kind,
			       cJSON *entry_take, struct df_why *why)
{
	char *text = cJSON_PrintUnformatted(entry_take);
	enum df_err rc;

	if (text == NULL)
		rc = df_fail(why, DF_E_NOMEM, "no memory for an entry");
	else if (x->reg_failed)
		rc = df_fail(why, DF_E_AGAIN, "the register is opened anew");
	else
		rc = put_text(x, kind, entry_take, text, why);
	if (text != NULL)
		explicit_bzero(text, strlen(text));
	cJSON_free(text);
	cJSON_Delete(entry_take);
	return rc;
}

void index_register_gather(struct index *x)
{
	x->reg_gathers = true;
}

enum df_err index_register_sync(struct index *x, struct df_why *why)
{
	bool unsynced = x->reg_unsynced;
	enum df_err rc;

	x->reg_gathers = x->reg_unsynced = false;
	if (!unsynced)
		return DF_OK;
	rc = x->reg_failed
		     ? df_fail(why, DF_E_AGAIN, "the register is opened anew")
		     : df_register_sync(x->reg, why);
	if (rc != DF_OK) {
		x->reg_failed = true;
		index_abandon(x, rc, why); /* index.db is never ahead of it */
	}
	return rc;
}

/* --- replay --------------------------------------------------------------- */

struct replay {
	struct index *x;
	uint64_t applied, refused, forged;
	struct df_why why;
};

/* True when the entry itself is the matter, and not the disk under us. */
static bool is_refusal(enum df_err rc)
{
	enum df_fate fate = df_err_fate(rc);

	return fate == DF_FATE_REJECT || rc == DF_E_CONFLICT;
}

static enum df_err replay_one(void *ctx, const struct df_register_entry *e)
{
	struct replay *r = ctx;
	struct index *x = r->x;
	cJSON *json = cJSON_ParseWithLength(e->json.ptr, e->json.len);
	enum df_err rc = index_begin(x, &r->why);

	if (rc == DF_OK)
		rc = df_store_save(x->store, &r->why);
	if (rc == DF_OK) {
		rc = apply_json(x, e, json, &r->why);
		if (rc == DF_OK) {
			rc = df_store_keep(x->store, &r->why);
			r->applied++;
		} else if (is_refusal(rc)) {
			df_log(DF_LOG_WARN, "register.entry-refused",
			       DF_F_NUM("seq", e->seq), DF_F_ERR(&r->why));
			rc = df_store_back(x->store, &r->why);
			r->refused++;
		}
	}
	if (rc == DF_OK)
		rc = df_store_put_number(x->store, DF_STORE_FOLLOWED, e->seq,
					 &r->why);
	if (rc == DF_OK && r->applied % REPLAYED_AT_ONCE == 0) {
		rc = df_store_commit(x->store, &r->why);
		x->begun = rc != DF_OK;
	}
	cJSON_Delete(json);
	return rc;
}

static enum df_err replay(struct index *x, uint64_t from, struct df_why *why)
{
	struct replay r = {.x = x};
	enum df_err rc = df_register_read(x->reg, from, replay_one, &r,
					  &r.forged, &r.why);

	if (rc == DF_OK)
		rc = index_begin(x, &r.why);
	if (rc == DF_OK) /* also past those that were passed over */
		rc = df_store_put_number(x->store, DF_STORE_FOLLOWED,
					 df_register_next(x->reg) - 1, &r.why);
	if (rc == DF_OK) {
		rc = df_store_commit(x->store, &r.why);
		x->begun = rc != DF_OK;
	}
	if (r.applied + r.refused + r.forged > 0)
		df_log(DF_LOG_INFO, "register.replayed",
		       DF_F_NUM("applied", r.applied),
		       DF_F_NUM("refused", r.refused),
		       DF_F_NUM("forged", r.forged));
	if (rc != DF_OK) {
		if (x->begun)
			df_store_abandon(x->store);
		x->begun = false;
		*why = r.why;
	}
	return rc;
}

/* seen: how far index.db has followed. */
static enum df_err follow(struct index *x, uint64_t seen, struct df_why *why)
{
	enum df_err rc;

	if (seen + 1 >= df_register_next(x->reg))
		return DF_OK;
	rc = df_register_sync(x->reg, why); /* some may be gathered still */
	return rc == DF_OK ? replay(x, seen + 1, why) : rc;
}

void index_register_follow(struct index *x)
{
	struct df_why why = {0};
	uint64_t seen;
	enum df_err rc;

	if (x->reg == NULL || x->reg_failed)
		return; /* whoever opens it follows */
	rc = df_store_number(x->store, DF_STORE_FOLLOWED, &seen, &why);
	if (rc == DF_OK)
		rc = follow(x, seen, &why);
	if (rc != DF_OK)
		df_log(DF_LOG_ERROR, "register.not-followed", DF_F_ERR(&why));
	x->reg_failed = rc != DF_OK;
}

enum df_err index_register_open(struct index *x, struct df_why *why)
{
	struct df_column_cipher cipher = index_cipher(x);
	const struct df_register_account *a;
	uint64_t seen;
	enum df_err rc;

	df_register_close(x->reg);
	x->reg = NULL;
	rc = df_register_open(&x->reg, AT_FDCWD, &cipher, why);
	if (rc == DF_OK)
		rc = df_store_number(x->store, DF_STORE_FOLLOWED, &seen, why);
	if (rc != DF_OK)
		return rc;
	df_register_pass(x->reg, seen); /* those beyond its end are lost */
	a = df_register_account(x->reg);
	if (a->broken != 0)
		df_log(DF_LOG_ERROR, "register.damaged",
		       DF_F_NUM("entry", a->broken),
		       DF_F_NUM("at", a->broken_at),
		       DF_F_NUM("missing", a->missing));
	return follow(x, seen, why);
}
