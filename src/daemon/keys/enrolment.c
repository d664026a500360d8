/*
 * enrolment.c - invitations: made, kept, used once.
 *
 * keys/invites/<id> is text:
 *
 *   dcmf-invite: 1
 *   name: <UTF-8>
 *   secret: <32 hex>
 *   expires: <ms UTC>
 *   used: - | <SHA-256 of the CSR that used it>
 *   <certificate that was issued, PEM>
 *
 * It is marked used, with the certificate in it, in one durable step before
 * anything is answered: whoever asks again with the same request (the answer
 * was lost) gets the same certificate, anyone else is refused.
 */
#include "keys.h"

#include <fcntl.h>
#include <string.h>

#include "df/clock.h"
#include "df/digest.h"
#include "df/enrol.h"
#include "df/file.h"

#define INVITE_MAX 16384u
#define HOUR_MS (3600 * 1000LL)

struct invite {
	char id[DF_INVITE_ID_TEXT + 1];
	char name[DF_NODE_NAME_MAX + 1];
	uint8_t secret[DF_INVITE_SECRET_LEN];
	int64_t expires_ms;
	bool used;
	struct df_digest csr; /* that used it */
	struct df_buf cert;   /* owned; PEM, empty until used */
};

static void invite_release(struct invite *i)
{
	df_buf_release(&i->cert);
	df_wipe(i, sizeof *i);
}

static bool id_valid(const char *id)
{
	uint8_t raw[DF_INVITE_ID_LEN];

	return df_hex_decode(raw, sizeof raw, df_text_of(id));
}

static void path_of(char path[80], const char *id)
{
	df_str_fmt(path, 80, "%s/%s", DF_KEYS_INVITES, id);
}

static enum df_err save(const struct invite *i, struct df_why *why)
{
	char path[80], secret[2 * DF_INVITE_SECRET_LEN + 1];
	struct df_hex csr = df_digest_hex(&i->csr);
	struct df_buf b;
	enum df_err rc;

	path_of(path, i->id);
	df_hex_encode(secret, i->secret, sizeof i->secret);
	df_buf_init(&b, INVITE_MAX);
	rc = df_buf_addf(&b, why,
			 "dcmf-invite: 1\nname: %s\nsecret: %s\n"
			 "expires: %lld\nused: %s\n",
			 i->name, secret, (long long)i->expires_ms,
			 i->used ? csr.s : "-");
	if (rc == DF_OK)
		rc = df_buf_add(&b, i->cert.ptr, i->cert.len, why);
	if (rc == DF_OK)
		rc = df_file_write_durable(AT_FDCWD, path, 0600, b.ptr, b.len,
					   why);
	df_buf_wipe(&b);
	df_wipe(secret, sizeof secret);
	return rc;
}

static bool take(struct df_text *rest, const char *key, struct df_text *value)
{
	struct df_text line, name;

	return df_text_line(rest, &line) && df_text_pair(line, &name, value) &&
	       df_text_eq(name, key);
}

static bool parse(struct invite *i, struct df_text rest)
{
	struct df_text v;
	uint64_t ms;

	if (!take(&rest, "dcmf-invite", &v) || !df_text_eq(v, "1") ||
	    !take(&rest, "name", &v) ||
	    df_str_copy(i->name, sizeof i->name, v) != DF_OK ||
	    !take(&rest, "secret", &v) ||
	    !df_hex_decode(i->secret, sizeof i->secret, v) ||
	    !take(&rest, "expires", &v) || !df_text_u64(v, &ms) ||
	    ms > INT64_MAX || !take(&rest, "used", &v))
		return false;
	i->expires_ms = (int64_t)ms;
	i->used = !df_text_eq(v, "-");
	if (i->used && !df_digest_decode(&i->csr, v))
		return false;
	return df_buf_add(&i->cert, rest.ptr, rest.len, NULL) == DF_OK;
}

static enum df_err load(struct invite *i, const char *id, struct df_why *why)
{
	struct df_buf b;
	char path[80];
	enum df_err rc;

	memset(i, 0, sizeof *i);
	df_buf_init(&i->cert, INVITE_MAX);
	if (!id_valid(id))
		return df_fail(why, DF_E_DENIED, "unknown code");
	df_str_fmt(i->id, sizeof i->id, "%s", id);
	path_of(path, id);
	df_buf_init(&b, INVITE_MAX);
	rc = df_file_read(AT_FDCWD, path, INVITE_MAX, &b, why);
	if (rc == DF_E_NOTFOUND)
		rc = df_fail(why, DF_E_DENIED, "unknown code");
	else if (rc == DF_OK &&
		 !parse(i, (struct df_text){(const char *)b.ptr, b.len}))
		rc = df_fail(why, DF_E_CORRUPT, "invitation cannot be read");
	df_buf_wipe(&b);
	return rc;
}

enum df_err invite_make(struct keys *k, struct df_text name, int64_t now_ms,
			char *code, size_t cap, struct df_why *why)
{
	struct invite i = {.expires_ms = now_ms + DF_INVITE_HOURS * HOUR_MS};
	struct df_digest centre;
	struct df_invite raw;
	enum df_err rc;

	if (k->ca_key == NULL || k->ca == NULL)
		return df_fail(why, DF_E_DENIED,
			       "only a centre can invite: this node has no CA");
	if (cap <= DF_INVITE_CODE_LEN)
		df_bug("no room for a code");
	if (!df_name_valid(name) ||
	    df_str_copy(i.name, sizeof i.name, name) != DF_OK)
		return df_fail(why, DF_E_FORMAT,
			       "a name has 1 to 64 characters, none of them "
			       "a control character");
	df_cert_fingerprint(k->node_crt, &centre);
	df_invite_new(&raw, &centre);
	df_hex_encode(i.id, raw.id, sizeof raw.id);
	memcpy(i.secret, raw.secret, sizeof i.secret);
	rc = save(&i, why);
	if (rc == DF_OK)
		df_invite_encode(code, &raw);
	df_wipe(&raw, sizeof raw);
	df_wipe(&i, sizeof i);
	return rc;
}

struct list {
	cJSON *array;
	int64_t now_ms;
};

static enum df_err list_one(void *ctx, const char *name, struct df_why *why)
{
	struct list *l = ctx;
	char expires[DF_TIME_LEN + 1];
	struct invite i = {0};
	enum df_err rc = id_valid(name) ? load(&i, name, why) : DF_OK;
	cJSON *o;

	if (rc == DF_OK && i.id[0] != '\0' && !i.used &&
	    i.expires_ms > l->now_ms) {
		df_time_encode(expires, i.expires_ms);
		o = cJSON_CreateObject();
		cJSON_AddStringToObject(o, "id", i.id);
		cJSON_AddStringToObject(o, "name", i.name);
		cJSON_AddStringToObject(o, "expires", expires);
		cJSON_AddItemToArray(l->array, o);
	}
	invite_release(&i);
	return rc == DF_E_CORRUPT ? DF_OK : rc;
}

enum df_err invite_list(cJSON *array, int64_t now_ms, struct df_why *why)
{
	struct list l = {array, now_ms};

	return ring_names(DF_KEYS_INVITES, list_one, &l, why);
}

/* --- using one ----------------------------------------------------------- */

struct request {
	char id[DF_INVITE_ID_TEXT + 1];
	struct df_text csr;
	struct df_text proof;
	struct df_digest digest; /* of the CSR */
};

static enum df_err request_of(struct request *r, const struct df_msg *m,
			      struct df_why *why)
{
	if (!df_msg_get_str(m, DF_M_INVITE, r->id, sizeof r->id) ||
	    !df_msg_get(m, DF_M_CSR, &r->csr) ||
	    !df_msg_get(m, DF_M_PROOF, &r->proof) || r->csr.len == 0 ||
	    r->csr.len > DF_INVITE_CSR_MAX || r->proof.len != DF_DIGEST_LEN)
		return df_fail(why, DF_E_DENIED, "request is not whole");
	df_sha256(&r->digest, r->csr.ptr, r->csr.len);
	return DF_OK;
}

/* The proof comes before all else that is told about a code. */
static enum df_err check_proof(const struct invite *i, const struct request *r,
			       struct df_why *why)
{
	struct df_digest proof;

	df_invite_proof(&proof, i->secret, r->csr.ptr, r->csr.len);
	if (!df_same_secret(proof.b, r->proof.ptr, sizeof proof.b))
		return df_fail(why, DF_E_DENIED,
			       "the proof does not fit this code");
	return DF_OK;
}

static enum df_err issue(struct keys *k, struct invite *i,
			 const struct request *r, int64_t now_ms,
			 struct df_why *why)
{
	struct df_cert *cert = NULL;
	struct df_digest fp;
	struct df_hex hex;
	struct peer *p;
	enum df_err rc;

	if (now_ms > i->expires_ms)
		return df_fail(why, DF_E_DENIED, "this code expired");
	rc = df_csr_check(r->csr.ptr, r->csr.len, NULL, &fp, why);
	if (rc != DF_OK)
		return rc;
	hex = df_digest_hex(&fp);
	p = peers_find(k, df_text_of(hex.s));
	if (p != NULL && p->revoked) /* before the code is used up */
		return df_fail(why, DF_E_DENIED, "this key was revoked");
	rc = df_node_issue(&cert, k->ca_key, k->ca, r->csr.ptr, r->csr.len,
			   df_text_of(i->name), now_ms, why);
	if (rc == DF_OK)
		rc = df_cert_to_pem(&i->cert, cert, why);
	df_cert_free(cert);
	if (rc != DF_OK)
		return rc;
	i->used = true;
	i->csr = r->digest;
	return save(i, why);
}

/* Also after a crash between the invitation and the peer's file. */
static enum df_err enrol(struct keys *k, struct invite *i, struct request *r,
			 const struct df_msg *m, struct df_why *why)
{
	struct df_cert *cert = NULL;
	enum df_err rc = request_of(r, m, why);

	if (rc == DF_OK && (k->ca_key == NULL || k->ca == NULL))
		rc = df_fail(why, DF_E_DENIED, "this node enrols nobody");
	if (rc == DF_OK)
		rc = load(i, r->id, why);
	if (rc == DF_OK)
		rc = check_proof(i, r, why);
	if (rc == DF_OK && i->used && !df_digest_same(&i->csr, &r->digest))
		rc = df_fail(why, DF_E_DENIED, "code already used");
	if (rc == DF_OK && !i->used)
		rc = issue(k, i, r, df_clock_wall_ms(), why);
	if (rc == DF_OK)
		rc = df_cert_from_pem(
			&cert,
			(struct df_text){(const char *)i->cert.ptr,
					 i->cert.len},
			why);
	if (rc == DF_OK)
		rc = peers_enrol(k, cert, why);
	df_cert_free(cert);
	return rc;
}

static enum df_err put_pem(struct df_msg *out, enum df_field f,
			   const struct df_cert *cert, struct df_why *why)
{
	struct df_buf pem;
	enum df_err rc;

	if (cert == NULL)
		return DF_OK;
	df_buf_init(&pem, DF_PEM_MAX);
	rc = df_cert_to_pem(&pem, cert, why);
	if (rc == DF_OK)
		df_msg_put(out, f, pem.ptr, pem.len);
	df_buf_release(&pem);
	return rc;
}

void on_enrol(struct df_room *room, struct df_link *from,
	      const struct df_msg *m, int *fds, size_t n_fds)
{
	struct keys *k = keys_of(room);
	struct request r = {0};
	struct df_why why = {0};
	struct invite i = {0};
	struct df_msg out;
	enum df_err rc = enrol(k, &i, &r, m, &why);

	(void)fds, (void)n_fds; /* carries none */
	df_msg_init(&out, DF_MSG_ENROLLED, m->tag);
	if (rc == DF_OK) {
		df_msg_put(&out, DF_M_CERT, i.cert.ptr, i.cert.len);
		rc = put_pem(&out, DF_M_CERT, k->node_crt, &why);
	}
	if (rc == DF_OK)
		rc = put_pem(&out, DF_M_CA, k->ca, &why);
	if (rc == DF_OK)
		rc = put_pem(&out, DF_M_SEAL_CERT, k->seal_crt, &why);
	df_msg_put_str(&out, DF_M_NAME, k->name);
	df_msg_put_str(&out, DF_M_PEER, k->fp.s);
	df_msg_put_result(&out, rc, &why);
	ring_used(k, USE_ENROL, id_valid(r.id) ? r.id : NULL,
		  rc == DF_OK ? NULL : &why);
	invite_release(&i);
	df_room_send(from, &out, NULL, 0);
}
