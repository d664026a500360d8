/* peer_json.c - see df/peer.h: the JSON documents, both ways. */
#include <string.h>

#include "json.h"

/* Parses a document whose substance is one array; *item is its first. The
 * caller deletes *root, also after a failure. */
static enum df_err list_open(struct df_text json, const char *name, size_t max,
			     cJSON **root, const cJSON **item,
			     struct df_why *why)
{
	enum df_err rc = df_json_parse(json, DF_PEER_JSON_MAX, root, why);

	*item = NULL;
	return rc == DF_OK ? df_json_get_array(*root, name, max, item, why)
			   : rc;
}

/* --- offers ------------------------------------------------------------- */

enum df_err df_peer_offers_encode(struct df_buf *out,
				  const struct df_peer_offer *o, size_t n,
				  struct df_why *why)
{
	cJSON *root = df_json_object();
	cJSON *array = df_json_put_array(root, "parcels");

	for (size_t i = 0; i < n; i++) {
		cJSON *item = df_json_put_item(array);

		df_json_put_parcel(item, &o[i].id);
		df_json_put_u64(item, "size", o[i].size_bytes);
	}
	return df_json_print(out, root, why);
}

enum df_err df_peer_offers_decode(struct df_text json,
				  struct df_peer_offer o[DF_PEER_OFFERS_MAX],
				  size_t *n, struct df_why *why)
{
	const cJSON *item;
	cJSON *root;
	enum df_err rc = list_open(json, "parcels", DF_PEER_OFFERS_MAX, &root,
				   &item, why);

	*n = 0;
	for (; rc == DF_OK && item != NULL; item = item->next, ++*n) {
		if (!df_json_get_parcel(item, &o[*n].id) ||
		    !df_json_get_u64(item, "size", &o[*n].size_bytes) ||
		    o[*n].size_bytes == 0)
			rc = df_fail(why, DF_E_FORMAT, "offer %zu is bad", *n);
		else if (o[*n].size_bytes > DF_PEER_PARCEL_MAX)
			rc = df_fail(why, DF_E_LIMIT, "parcel is too large");
	}
	cJSON_Delete(root);
	return rc;
}

static const char *const OFFER_WORDS[] = {
	[DF_OFFER_HAVE] = "have",
	[DF_OFFER_WANT] = "want",
	[DF_OFFER_REFUSED] = "refused",
};

static void put_wanted(cJSON *item, const struct df_peer_offered *o)
{
	cJSON *array;

	df_json_put_u64(item, "offset", o->offset);
	if (o->held.n == 0)
		return;
	array = df_json_put_array(item, "held");
	for (size_t i = 0; i < o->held.n; i++) {
		cJSON *range = df_json_put_item(array);

		df_json_put_u64(range, "from", o->held.r[i].from);
		df_json_put_u64(range, "to", o->held.r[i].to);
	}
}

enum df_err df_peer_offered_encode(struct df_buf *out,
				   const struct df_peer_offered *o, size_t n,
				   struct df_why *why)
{
	cJSON *root = df_json_object();
	cJSON *array = df_json_put_array(root, "parcels");

	for (size_t i = 0; i < n; i++) {
		cJSON *item = df_json_put_item(array);

		df_json_put_parcel(item, &o[i].id);
		df_json_put_text(item, "state", OFFER_WORDS[o[i].state]);
		if (o[i].state == DF_OFFER_WANT)
			put_wanted(item, &o[i]);
		if (o[i].state == DF_OFFER_REFUSED)
			df_json_put_text(item, "reason",
					 df_err_name(o[i].reason));
	}
	return df_json_print(out, root, why);
}

/* An error by its name; REFUSED for names of a newer peer. */
static enum df_err err_named(struct df_text name)
{
	for (unsigned e = DF_E_OK + 1; e < DF_E_COUNT; e++)
		if (df_text_eq(name, df_err_name((enum df_err)e)))
			return (enum df_err)e;
	return DF_E_REFUSED;
}

/* `held` may be absent: then nothing is. */
static bool get_wanted(const cJSON *from, struct df_peer_offered *o)
{
	const cJSON *item;
	uint64_t a, b;

	if (!df_json_get_u64(from, "offset", &o->offset))
		return false;
	if (cJSON_GetObjectItemCaseSensitive(from, "held") == NULL)
		return true;
	if (df_json_get_array(from, "held", DF_RANGES_MAX, &item, NULL) !=
	    DF_OK)
		return false;
	for (; item != NULL; item = item->next)
		if (!df_json_get_u64(item, "from", &a) ||
		    !df_json_get_u64(item, "to", &b) || a <= o->offset ||
		    !df_ranges_add(&o->held, a, b))
			return false;
	return true;
}

static bool get_offered(const cJSON *item, struct df_peer_offered *o)
{
	struct df_text word, reason;

	*o = (struct df_peer_offered){0};
	if (!df_json_get_parcel(item, &o->id) ||
	    !df_json_get_text(item, "state", &word))
		return false;
	for (unsigned s = DF_OFFER_HAVE; s <= DF_OFFER_REFUSED; s++)
		if (df_text_eq(word, OFFER_WORDS[s]))
			o->state = (enum df_offer_state)s;
	if (o->state == DF_OFFER_WANT)
		return get_wanted(item, o);
	if (o->state == DF_OFFER_REFUSED)
		o->reason = df_json_get_text(item, "reason", &reason)
				    ? err_named(reason)
				    : DF_E_REFUSED;
	return o->state == DF_OFFER_HAVE || o->state == DF_OFFER_REFUSED;
}

enum df_err df_peer_offered_decode(struct df_text json,
				   struct df_peer_offered o[DF_PEER_OFFERS_MAX],
				   size_t *n, struct df_why *why)
{
	const cJSON *item;
	cJSON *root;
	enum df_err rc = list_open(json, "parcels", DF_PEER_OFFERS_MAX, &root,
				   &item, why);

	*n = 0;
	for (; rc == DF_OK && item != NULL; item = item->next, ++*n)
		if (!get_offered(item, &o[*n]))
			rc = df_fail(why, DF_E_FORMAT,
				     "answer %zu to an offer is bad", *n);
	cJSON_Delete(root);
	return rc;
}

/* --- mailbox ------------------------------------------------------------ */

enum df_err df_peer_mail_encode(struct df_buf *out, uint64_t cursor,
				const struct df_peer_mail *m, size_t n,
				struct df_why *why)
{
	cJSON *root = df_json_object();
	cJSON *array;

	df_json_put_u64(root, "cursor", cursor);
	array = df_json_put_array(root, "items");
	for (size_t i = 0; i < n; i++) {
		cJSON *item = df_json_put_item(array);

		df_json_put_u64(item, "sequence", m[i].sequence);
		df_json_put_parcel(item, &m[i].id);
		df_json_put_u64(item, "size", m[i].size_bytes);
	}
	return df_json_print(out, root, why);
}

enum df_err df_peer_mail_decode(struct df_text json, uint64_t *cursor,
				struct df_peer_mail m[DF_PEER_MAIL_MAX],
				size_t *n, struct df_why *why)
{
	const cJSON *item;
	cJSON *root;
	enum df_err rc = list_open(json, "items", DF_PEER_MAIL_MAX, &root,
				   &item, why);

	*n = 0;
	if (rc == DF_OK && !df_json_get_u64(root, "cursor", cursor))
		rc = df_fail(why, DF_E_FORMAT, "no cursor");
	for (; rc == DF_OK && item != NULL; item = item->next, ++*n)
		if (!df_json_get_u64(item, "sequence", &m[*n].sequence) ||
		    !df_json_get_parcel(item, &m[*n].id) ||
		    !df_json_get_u64(item, "size", &m[*n].size_bytes) ||
		    m[*n].size_bytes == 0 ||
		    m[*n].size_bytes > DF_PEER_PARCEL_MAX)
			rc = df_fail(why, DF_E_FORMAT, "mail %zu is bad", *n);
	cJSON_Delete(root);
	return rc;
}

/* --- what a manifest misses --------------------------------------------- */

enum df_err df_peer_missing_encode(struct df_buf *out,
				   const struct df_parcel_id *ids, size_t n,
				   struct df_why *why)
{
	cJSON *root = df_json_object();
	cJSON *array = df_json_put_array(root, "missing");

	for (size_t i = 0; i < n; i++) {
		char hex[DF_PEER_PARCEL_HEX + 1];
		cJSON *s;

		df_parcel_id_encode(hex, &ids[i]);
		s = cJSON_CreateString(hex);
		if (s == NULL || !cJSON_AddItemToArray(array, s))
			df_bug("out of memory");
	}
	return df_json_print(out, root, why);
}

enum df_err df_peer_missing_decode(struct df_text json,
				   struct df_parcel_id *ids, size_t max,
				   size_t *n, struct df_why *why)
{
	const cJSON *item;
	cJSON *root;
	enum df_err rc = list_open(json, "missing", DF_PEER_JSON_MAX, &root,
				   &item, why);

	*n = 0;
	for (; rc == DF_OK && item != NULL && *n < max; item = item->next, ++*n)
		if (!cJSON_IsString(item) ||
		    !df_parcel_id_decode(&ids[*n],
					 df_text_of(item->valuestring)))
			rc = df_fail(why, DF_E_FORMAT, "missing %zu is bad",
				     *n);
	cJSON_Delete(root);
	return rc;
}

/* --- errors ------------------------------------------------------------- */

enum df_err df_peer_error_encode(struct df_buf *out, enum df_err err,
				 const char *text)
{
	cJSON *root = df_json_object();

	df_json_put_text(root, "error", df_err_name(err));
	df_json_put_text(root, "text", text != NULL ? text : df_err_text(err));
	return df_json_print(out, root, NULL);
}

static enum df_err status_err(unsigned status)
{
	if (status == 404)
		return DF_E_NOTFOUND;
	if (status == 409)
		return DF_E_CONFLICT;
	if (status == 413)
		return DF_E_LIMIT;
	if (status == 401 || status == 403)
		return DF_E_DENIED;
	if (status == 408 || status == 425 || status == 429)
		return DF_E_PEER;
	if (status == 507)
		return DF_E_NOSPACE;
	return status >= 400 && status < 500 ? DF_E_REFUSED : DF_E_PEER;
}

/* The peer's own trouble is for us a peer in trouble, never ours. */
static enum df_err theirs(enum df_err err)
{
	if (err == DF_E_BUG || err == DF_E_NOMEM || err == DF_E_IO ||
	    err == DF_E_CANCELLED || err == DF_E_CONFIG)
		return DF_E_PEER;
	return err;
}

enum df_err df_peer_error_decode(unsigned status, struct df_text json,
				 struct df_why *why)
{
	struct df_text name, text = {"", 0};
	enum df_err rc = status_err(status);
	cJSON *root;
	char clean[160];
	size_t n = 0;

	if (df_json_parse(json, DF_PEER_JSON_MAX, &root, NULL) == DF_OK) {
		if (df_json_get_text(root, "error", &name))
			rc = theirs(err_named(name));
		(void)df_json_get_text(root, "text", &text); /* absent: empty */
	}
	for (size_t i = 0; i < text.len && n < sizeof clean - 1; i++)
		if (text.ptr[i] >= ' ' && text.ptr[i] <= '~')
			clean[n++] = text.ptr[i];
	clean[n] = '\0';
	cJSON_Delete(root);
	return df_fail(why, rc, "peer answered %u%s%s", status,
		       n > 0 ? ": " : "", clean);
}

/* --- hello, enrolment --------------------------------------------------- */

enum df_err df_peer_hello_encode(struct df_buf *out,
				 const struct df_peer_hello *h,
				 struct df_why *why)
{
	cJSON *root = df_json_object();

	df_json_put_text(root, "name", h->name);
	df_json_put_text(root, "peer_name", h->peer_name);
	df_json_put_u64(root, "now_ms", (uint64_t)h->now_ms);
	return df_json_print(out, root, why);
}

enum df_err df_peer_hello_decode(struct df_text json, struct df_peer_hello *h,
				 struct df_why *why)
{
	uint64_t now = 0;
	cJSON *root;
	enum df_err rc = df_json_parse(json, DF_PEER_JSON_MAX, &root, why);

	*h = (struct df_peer_hello){0};
	if (rc == DF_OK &&
	    (!df_json_get_name(root, "name", h->name) ||
	     !df_json_get_name(root, "peer_name", h->peer_name) ||
	     !df_json_get_u64(root, "now_ms", &now)))
		rc = df_fail(why, DF_E_FORMAT, "not a hello");
	h->now_ms = (int64_t)now;
	cJSON_Delete(root);
	return rc;
}

void df_peer_enrol_release(struct df_peer_enrol *e)
{
	df_buf_release(&e->csr);
	df_buf_release(&e->proof);
}

void df_peer_enrolled_release(struct df_peer_enrolled *e)
{
	df_buf_release(&e->certificate);
	df_buf_release(&e->ca);
	df_buf_release(&e->node_certificate);
	df_buf_release(&e->seal_certificate);
}

enum df_err df_peer_enrol_encode(struct df_buf *out,
				 const struct df_peer_enrol *e,
				 struct df_why *why)
{
	cJSON *root = df_json_object();

	df_json_put_text(root, "invite", e->invite);
	df_json_put_text(root, "name", e->name);
	df_json_put_base64(root, "csr", &e->csr);
	df_json_put_base64(root, "proof", &e->proof);
	return df_json_print(out, root, why);
}

static bool get_invite(const cJSON *from, char *to, size_t cap)
{
	struct df_text t;

	if (!df_json_get_text(from, "invite", &t) || t.len == 0)
		return false;
	for (size_t i = 0; i < t.len; i++) {
		char c = t.ptr[i];

		if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
		      (c >= 'A' && c <= 'Z') || c == '-'))
			return false;
	}
	return df_str_copy(to, cap, t) == DF_OK;
}

enum df_err df_peer_enrol_decode(struct df_text json, struct df_peer_enrol *e,
				 struct df_why *why)
{
	cJSON *root;
	enum df_err rc = df_json_parse(json, DF_PEER_JSON_MAX, &root, why);

	if (rc == DF_OK &&
	    (!get_invite(root, e->invite, sizeof e->invite) ||
	     !df_json_get_name(root, "name", e->name) ||
	     !df_json_get_base64(root, "csr", &e->csr, 16u << 10) ||
	     !df_json_get_base64(root, "proof", &e->proof, 64)))
		rc = df_fail(why, DF_E_FORMAT, "not an enrolment");
	cJSON_Delete(root);
	return rc;
}

enum df_err df_peer_enrolled_encode(struct df_buf *out,
				    const struct df_peer_enrolled *e,
				    struct df_why *why)
{
	cJSON *root = df_json_object();

	df_json_put_text(root, "centre_name", e->centre_name);
	df_json_put_text(root, "fingerprint", e->fingerprint);
	df_json_put_pem(root, "certificate", &e->certificate);
	df_json_put_pem(root, "ca", &e->ca);
	df_json_put_pem(root, "node_certificate", &e->node_certificate);
	df_json_put_pem(root, "seal_certificate", &e->seal_certificate);
	return df_json_print(out, root, why);
}

enum df_err df_peer_enrolled_decode(struct df_text json,
				    struct df_peer_enrolled *e,
				    struct df_why *why)
{
	cJSON *root;
	enum df_err rc = df_json_parse(json, DF_PEER_JSON_MAX, &root, why);

	if (rc == DF_OK &&
	    (!df_json_get_name(root, "centre_name", e->centre_name) ||
	     !df_json_get_fingerprint(root, e->fingerprint) ||
	     !df_json_get_pem(root, "certificate", &e->certificate, false) ||
	     !df_json_get_pem(root, "ca", &e->ca, false) ||
	     !df_json_get_pem(root, "node_certificate", &e->node_certificate,
			      false) ||
	     !df_json_get_pem(root, "seal_certificate", &e->seal_certificate,
			      true)))
		rc = df_fail(why, DF_E_FORMAT, "not an answer to an enrolment");
	cJSON_Delete(root);
	return rc;
}
