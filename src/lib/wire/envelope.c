/*
 * envelope.c - the text and footer behind the DFENV stream of an object file.
 *
 * One table says which line stands where; encode and decode both walk it, so
 * that they cannot disagree. Decode accepts only what encode would write.
 */
#include "df/envelope.h"

#include <stdlib.h>
#include <string.h>

#include "df/hash.h"

#define MAGIC "DFENVEL1"

enum field_type {
	T_KIND,
	T_DIRECTION,
	T_ID,
	T_MS,
	T_U64,
	T_AE,
	T_ADDRESS,
	T_UID,
	T_CHECKSUM,
	T_DIGEST,
	T_PEER,
	T_PARCEL_ID,
};

#define RAW (1u << DF_ENV_RAW)
#define SEALED ((1u << DF_ENV_PARCEL) | (1u << DF_ENV_REPORT))

static const struct field {
	const char *key;
	enum field_type type;
	size_t at;
	unsigned kinds;
} fields[] = {
#define F(key, type, member, kinds)                                            \
	{key, type, offsetof(struct df_envelope, member), kinds}
	F("kind", T_KIND, kind, RAW | SEALED),
	F("id", T_ID, id, RAW | SEALED),
	F("received", T_MS, received_ms, RAW | SEALED),
	F("checksum", T_CHECKSUM, checksum, RAW | SEALED),
	F("association", T_ID, association, RAW),
	F("called-ae", T_AE, called_ae, RAW),
	F("calling-ae", T_AE, calling_ae, RAW),
	F("address", T_ADDRESS, address, RAW),
	F("sop-class", T_UID, sop_class, RAW),
	F("sop-instance", T_UID, sop_instance, RAW),
	F("transfer-syntax", T_UID, transfer_syntax, RAW),
	F("size", T_U64, size_bytes, RAW),
	F("digest", T_DIGEST, digest, RAW),
	F("direction", T_DIRECTION, direction, SEALED),
	F("peer", T_PEER, peer, SEALED),
	F("parcel", T_PARCEL_ID, parcel_id, SEALED),
	F("study-uid", T_UID, study_uid, SEALED),
	F("epoch", T_U64, epoch, SEALED),
	F("sequence", T_U64, sequence, SEALED),
	F("h0", T_DIGEST, h0, SEALED),
	F("previous", T_DIGEST, previous, SEALED),
#undef F
};
#define N_FIELDS (sizeof fields / sizeof fields[0])

static const char *const kind_words[] = {NULL, "raw", "parcel", "report"};
static const char *const direction_words[] = {NULL, "made", "taken",
					      "fetched"};

void df_envelope_release(struct df_envelope *env)
{
	free(env->instances);
	*env = (struct df_envelope){0};
}

/* Printable, no spaces: what an address or a coding word may hold. */
static bool plain(const char *s, size_t cap)
{
	size_t n = strnlen(s, cap);

	if (n == 0 || n == cap)
		return false;
	for (size_t i = 0; i < n; i++)
		if (s[i] <= ' ' || s[i] > '~')
			return false;
	return true;
}

static bool peer_valid(const char *s)
{
	uint8_t b[DF_DIGEST_LEN];

	return s[0] == '\0' || df_hex_decode(b, sizeof b, df_text_of(s));
}

static const char *dash(const char *s)
{
	return s[0] != '\0' ? s : "-";
}

static bool field_valid(const struct field *f, const void *p)
{
	struct df_id id;

	switch (f->type) {
	case T_KIND:
	case T_DIRECTION:
		return *(const unsigned *)p >= 1 && *(const unsigned *)p < 4;
	case T_ID:
		return df_id_decode(&id, df_text_of(p));
	case T_MS:
		return *(const int64_t *)p >= 0;
	case T_AE:
		return df_ae_valid(df_text_of(p));
	case T_ADDRESS:
		return plain(p, 64);
	case T_UID:
		return df_uid_valid(df_text_of(p));
	case T_PEER:
		return peer_valid(p);
	case T_CHECKSUM: /* zeros are one that nobody made */
		return !df_checksum_same(p, &(struct df_checksum){{0}});
	case T_U64:
	case T_DIGEST:
	case T_PARCEL_ID:
		return true;
	}
	return false;
}

static enum df_err field_encode(struct df_buf *out, const struct field *f,
				const void *p, struct df_why *why)
{
	char hex[2 * DF_DIGEST_LEN + 1];
	const char *s = p;

	if (!field_valid(f, p))
		return df_fail(why, DF_E_FORMAT,
			       "envelope field '%s' is not valid", f->key);
	switch (f->type) {
	case T_KIND:
		s = kind_words[*(const enum df_env_kind *)p];
		break;
	case T_DIRECTION:
		s = direction_words[*(const enum df_env_direction *)p];
		break;
	case T_U64:
	case T_MS: /* never negative here */
		return df_buf_addf(out, why, "%s: %llu\n", f->key,
				   *(const unsigned long long *)p);
	case T_DIGEST:
		df_hex_encode(hex, p, DF_DIGEST_LEN);
		s = hex;
		break;
	case T_CHECKSUM:
	case T_PARCEL_ID:
		df_hex_encode(hex, p, 16);
		s = hex;
		break;
	case T_PEER:
		s = dash(s);
		break;
	case T_ID:
	case T_AE:
	case T_ADDRESS:
	case T_UID:
		break;
	}
	return df_buf_addf(out, why, "%s: %s\n", f->key, s);
}

static bool id_or_none(const struct df_env_instance *in)
{
	struct df_id id;

	return in->association.s[0] == '\0' ||
	       df_id_decode(&id, df_text_of(in->association.s));
}

static enum df_err instance_encode(struct df_buf *out,
				   const struct df_env_instance *in,
				   struct df_why *why)
{
	if (!df_uid_valid(df_text_of(in->sop_instance)) ||
	    !df_uid_valid(df_text_of(in->sop_class)) ||
	    !df_uid_valid(df_text_of(in->transfer_syntax)) ||
	    (in->series_uid[0] != '\0' &&
	     !df_uid_valid(df_text_of(in->series_uid))) ||
	    !plain(in->coding, sizeof in->coding) ||
	    (in->calling_ae[0] != '\0' &&
	     !df_ae_valid(df_text_of(in->calling_ae))) ||
	    in->received_ms < 0 || !id_or_none(in))
		return df_fail(why, DF_E_FORMAT,
			       "envelope instance line is not valid");
	return df_buf_addf(out, why,
			   "instance: %s %s %s %s %s %llu %llu %s %lld %s %s\n",
			   in->sop_instance, in->sop_class,
			   dash(in->series_uid), in->transfer_syntax,
			   df_digest_hex(&in->digest).s,
			   (unsigned long long)in->size_bytes,
			   (unsigned long long)in->record_offset, in->coding,
			   (long long)in->received_ms, dash(in->association.s),
			   dash(in->calling_ae));
}

enum df_err df_envelope_encode(struct df_buf *out,
			       const struct df_envelope *env,
			       uint64_t dfenv_len, struct df_why *why)
{
	size_t start = out->len;
	struct df_digest hash;
	enum df_err rc;

	if (env->kind < DF_ENV_RAW || env->kind > DF_ENV_REPORT)
		return df_fail(why, DF_E_FORMAT, "envelope without a kind");
	if (env->n_instances > DF_ENV_INSTANCES_MAX)
		return df_fail(why, DF_E_LIMIT, "too many instances");
	for (size_t i = 0; i < N_FIELDS; i++) {
		if (!(fields[i].kinds & (1u << env->kind)))
			continue;
		rc = field_encode(out, &fields[i],
				  (const char *)env + fields[i].at, why);
		if (rc != DF_OK)
			return rc;
	}
	for (size_t i = 0; i < env->n_instances; i++) {
		rc = instance_encode(out, &env->instances[i], why);
		if (rc != DF_OK)
			return rc;
	}
	df_hash_bytes(&hash, out->ptr + start, out->len - start);
	rc = df_buf_addf(out, why, "hash: %s\n", df_digest_hex(&hash).s);
	if (rc == DF_OK)
		rc = df_buf_u64(out, dfenv_len);
	if (rc == DF_OK)
		rc = df_buf_add(out, MAGIC, 8, why);
	return rc;
}

enum df_err df_envelope_footer(uint64_t *dfenv_len,
			       const uint8_t footer[DF_ENV_FOOTER_LEN],
			       uint64_t file_size, struct df_why *why)
{
	uint64_t n = df_get_u64(footer);

	if (memcmp(footer + 8, MAGIC, 8) != 0)
		return df_fail(why, DF_E_TRUNC, "object without its envelope");
	if (file_size < DF_ENV_FOOTER_LEN ||
	    n > file_size - DF_ENV_FOOTER_LEN ||
	    file_size - DF_ENV_FOOTER_LEN - n > DF_ENV_TEXT_MAX)
		return df_fail(why, DF_E_FORMAT,
			       "envelope and object size disagree");
	*dfenv_len = n;
	return DF_OK;
}

static bool word_decode(unsigned *v, struct df_text t, const char *const *words,
			unsigned n)
{
	for (unsigned i = 1; i < n; i++)
		if (df_text_eq(t, words[i])) {
			*v = i;
			return true;
		}
	return false;
}

/* Capacities of the text members, by type (AE 17, UID 65, peer 65, ...). */
static size_t text_cap(enum field_type type)
{
	switch (type) {
	case T_ID:
		return DF_ID_LEN + 1;
	case T_AE:
		return 17;
	case T_ADDRESS:
		return 64;
	case T_UID:
		return DF_UID_MAX + 1;
	case T_PEER:
		return DF_HEX_LEN + 1;
	case T_KIND:
	case T_DIRECTION:
	case T_MS:
	case T_U64:
	case T_CHECKSUM:
	case T_DIGEST:
	case T_PARCEL_ID:
		break;
	}
	return 0;
}

/* "-" stands for an empty text. */
static bool text_decode(char *to, size_t cap, struct df_text t, bool may_dash)
{
	if (may_dash && df_text_eq(t, "-"))
		t.len = 0;
	else if (t.len == 0)
		return false;
	return df_str_copy(to, cap, t) == DF_OK;
}

static bool field_decode(struct df_envelope *env, const struct field *f,
			 struct df_text t)
{
	void *p = (char *)env + f->at;
	uint64_t v;
	bool ok = false;

	switch (f->type) {
	case T_KIND:
		ok = word_decode(p, t, kind_words, 4);
		break;
	case T_DIRECTION:
		ok = word_decode(p, t, direction_words, 4);
		break;
	case T_U64:
	case T_MS:
		ok = df_text_u64(t, &v) && (f->type == T_U64 || v <= INT64_MAX);
		if (ok)
			memcpy(p, &v, sizeof v);
		break;
	case T_DIGEST:
		ok = df_hex_decode(p, DF_DIGEST_LEN, t);
		break;
	case T_CHECKSUM:
	case T_PARCEL_ID:
		ok = df_hex_decode(p, 16, t);
		break;
	case T_PEER:
		ok = text_decode(p, text_cap(f->type), t, true);
		break;
	case T_ID:
	case T_AE:
	case T_ADDRESS:
	case T_UID:
		ok = text_decode(p, text_cap(f->type), t, false);
		break;
	}
	return ok && field_valid(f, p);
}

/* Takes the text up to the next space; the whole rest when `last`. */
static struct df_text word_take(struct df_text *rest, bool last)
{
	const char *sp = last ? NULL : memchr(rest->ptr, ' ', rest->len);
	struct df_text w = *rest;

	if (sp != NULL) {
		w.len = (size_t)(sp - rest->ptr);
		rest->ptr += w.len + 1;
		rest->len -= w.len + 1;
	} else {
		rest->ptr += rest->len;
		rest->len = 0;
	}
	return w;
}

static bool instance_decode(struct df_env_instance *in, struct df_text t)
{
	struct df_text rest = t;
	uint64_t received = 0;
	bool good;

	good = text_decode(in->sop_instance, sizeof in->sop_instance,
			   word_take(&rest, false), false) &&
	       text_decode(in->sop_class, sizeof in->sop_class,
			   word_take(&rest, false), false) &&
	       text_decode(in->series_uid, sizeof in->series_uid,
			   word_take(&rest, false), true) &&
	       text_decode(in->transfer_syntax, sizeof in->transfer_syntax,
			   word_take(&rest, false), false) &&
	       df_digest_decode(&in->digest, word_take(&rest, false)) &&
	       df_text_u64(word_take(&rest, false), &in->size_bytes) &&
	       df_text_u64(word_take(&rest, false), &in->record_offset) &&
	       text_decode(in->coding, sizeof in->coding,
			   word_take(&rest, false), false) &&
	       df_text_u64(word_take(&rest, false), &received) &&
	       received <= INT64_MAX &&
	       text_decode(in->association.s, sizeof in->association.s,
			   word_take(&rest, false), true) &&
	       id_or_none(in) &&
	       text_decode(in->calling_ae, sizeof in->calling_ae,
			   word_take(&rest, true), true);
	in->received_ms = (int64_t)received;
	return good;
}

static enum df_err instances_decode(struct df_envelope *env,
				    struct df_text *rest, struct df_why *why)
{
	struct df_text look = *rest, line, key, value;
	size_t cap = 0;

	while (df_text_line(&look, &line) && df_text_pair(line, &key, &value) &&
	       df_text_eq(key, "instance")) {
		if (env->kind != DF_ENV_PARCEL)
			return df_fail(why, DF_E_FORMAT,
				       "instance line outside a parcel");
		if (env->n_instances == DF_ENV_INSTANCES_MAX)
			return df_fail(why, DF_E_LIMIT, "too many instances");
		if (env->n_instances == cap) {
			cap = cap == 0 ? 16 : 2 * cap;
			env->instances = df_xrealloc(
				env->instances, cap * sizeof *env->instances);
		}
		memset(&env->instances[env->n_instances], 0,
		       sizeof *env->instances);
		if (!instance_decode(&env->instances[env->n_instances], value))
			return df_fail(why, DF_E_FORMAT,
				       "envelope instance line is not valid");
		env->n_instances++;
		*rest = look;
	}
	return DF_OK;
}

static enum df_err text_decode_all(struct df_envelope *env, struct df_text text,
				   struct df_why *why)
{
	struct df_text rest = text, line, key, value;
	struct df_digest want, is;
	enum df_err rc;

	for (size_t i = 0; i < N_FIELDS; i++) {
		if (i > 0 && !(fields[i].kinds & (1u << env->kind)))
			continue;
		if (!df_text_line(&rest, &line) ||
		    !df_text_pair(line, &key, &value) ||
		    !df_text_eq(key, fields[i].key) ||
		    !field_decode(env, &fields[i], value))
			return df_fail(why, DF_E_FORMAT,
				       "envelope line '%s' is not valid",
				       fields[i].key);
	}
	rc = instances_decode(env, &rest, why);
	if (rc != DF_OK)
		return rc;
	df_hash_bytes(&is, text.ptr, text.len - rest.len);
	if (!df_text_line(&rest, &line) || !df_text_pair(line, &key, &value) ||
	    !df_text_eq(key, "hash") || !df_digest_decode(&want, value) ||
	    rest.len != 0 || line.ptr + line.len + 1 != rest.ptr)
		return df_fail(why, DF_E_FORMAT, "envelope does not end well");
	if (!df_digest_same(&want, &is))
		return df_fail(why, DF_E_CORRUPT,
			       "envelope does not match its hash");
	return DF_OK;
}

/* The canonical form is the only form: what we read must encode to itself. */
static enum df_err same_again(const struct df_envelope *env,
			      const uint8_t *ptr, size_t len,
			      struct df_why *why)
{
	struct df_buf again;
	enum df_err rc;

	df_buf_init(&again, len);
	rc = df_envelope_encode(&again, env,
				df_get_u64(ptr + len - DF_ENV_FOOTER_LEN), why);
	/* no memory to compare in says nothing of what was read */
	if (df_err_fate(rc) != DF_FATE_RETRY &&
	    (rc != DF_OK || again.len != len ||
	     memcmp(again.ptr, ptr, len) != 0))
		rc = df_fail(why, DF_E_FORMAT, "envelope is not canonical");
	df_buf_release(&again);
	return rc;
}

enum df_err df_envelope_decode(struct df_envelope *env, const uint8_t *ptr,
			       size_t len, struct df_why *why)
{
	struct df_text text = {(const char *)ptr, 0};
	enum df_err rc;

	*env = (struct df_envelope){0};
	if (len < DF_ENV_FOOTER_LEN ||
	    memcmp(ptr + len - 8, MAGIC, 8) != 0)
		return df_fail(why, DF_E_TRUNC, "object without its envelope");
	if (len > DF_ENV_TEXT_MAX)
		return df_fail(why, DF_E_LIMIT, "envelope too long");
	text.len = len - DF_ENV_FOOTER_LEN;
	rc = text_decode_all(env, text, why);
	if (rc == DF_OK)
		rc = same_again(env, ptr, len, why);
	if (rc != DF_OK)
		df_envelope_release(env);
	return rc;
}
