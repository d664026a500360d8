/*
 * config_value.c - one configuration value: text to struct and back.
 */
#include <arpa/inet.h>
#include <inttypes.h>
#include <string.h>

#include "config_table.h"

static bool in_utf8(const uint8_t *p, size_t len)
{
	for (size_t i = 0; i < len;) {
		const uint8_t c = p[i];
		const size_t more = c < 0x80   ? 0
				    : c < 0xe0 ? 1
				    : c < 0xf0 ? 2
					       : 3;

		if ((c >= 0x80 && c < 0xc2) || c > 0xf4 || more >= len - i)
			return false;
		for (size_t k = 1; k <= more; k++)
			if ((p[i + k] & 0xc0) != 0x80)
				return false;
		i += more + 1;
	}
	return true;
}

bool df_config_name_valid(struct df_text t)
{
	if (t.len == 0 || t.len > DF_NAME_LEN)
		return false;
	for (size_t i = 0; i < t.len; i++) {
		const uint8_t c = (uint8_t)t.ptr[i];

		if (c < 0x20 || c == 0x7f || c == '"' || c == '\\')
			return false;
	}
	return in_utf8((const uint8_t *)t.ptr, t.len);
}

static enum df_err port_decode(uint16_t *to, struct df_text t,
			       struct df_why *why)
{
	uint64_t v;

	if (!df_text_u64(t, &v) || v > 65535)
		return df_fail(why, DF_E_CONFIG, "port is not 0..65535");
	*to = (uint16_t)v;
	return DF_OK;
}

enum df_err df_endpoint_decode(struct df_endpoint *to, struct df_text t,
			       struct df_why *why)
{
	const char *colon = memrchr(t.ptr ? t.ptr : "", ':', t.len);
	struct df_text host, port;

	*to = (struct df_endpoint){0};
	if (colon == NULL)
		return df_fail(why, DF_E_CONFIG, "address is not HOST:PORT");
	host = (struct df_text){t.ptr, (size_t)(colon - t.ptr)};
	port = (struct df_text){colon + 1, t.len - host.len - 1};
	if (host.len >= 2 && host.ptr[0] == '[' &&
	    host.ptr[host.len - 1] == ']')
		host = (struct df_text){host.ptr + 1, host.len - 2};
	else if (memchr(host.ptr, ':', host.len) != NULL)
		return df_fail(why, DF_E_CONFIG,
			       "an IPv6 address stands in [brackets]");
	if (host.len == 0 || df_text_eq(host, "*"))
		host = df_text_of("::");
	for (size_t i = 0; i < host.len; i++)
		if (host.ptr[i] <= ' ' || strchr("/@\"\\", host.ptr[i]) != NULL)
			return df_fail(why, DF_E_CONFIG,
				       "host name is malformed");
	if (df_str_copy(to->host, sizeof to->host, host) != DF_OK)
		return df_fail(why, DF_E_CONFIG, "host name is too long");
	return port_decode(&to->port, port, why);
}

enum df_err df_dicom_address_decode(char ae[DF_AE_LEN + 1],
				    struct df_endpoint *to, struct df_text t,
				    struct df_why *why)
{
	const char *at = memchr(t.ptr ? t.ptr : "", '@', t.len);
	struct df_text title, rest;
	enum df_err rc;

	if (at == NULL)
		return df_fail(why, DF_E_CONFIG,
			       "address is not AET@HOST:PORT");
	title = (struct df_text){t.ptr, (size_t)(at - t.ptr)};
	rest = (struct df_text){at + 1, t.len - title.len - 1};
	if (!df_ae_valid(title))
		return df_fail(why, DF_E_CONFIG,
			       "AE title is not 1-16 characters");
	rc = df_endpoint_decode(to, rest, why);
	if (rc != DF_OK)
		return rc;
	if (to->port == 0 || rest.ptr[0] == ':' || rest.ptr[0] == '*')
		return df_fail(why, DF_E_CONFIG,
			       "address needs a host and a port");
	return df_str_copy(ae, DF_AE_LEN + 1, title);
}

/* Numeric address to 16 bytes; IPv4 is mapped. */
static bool addr_decode(uint8_t to[16], struct df_text t, bool *v4)
{
	char text[INET6_ADDRSTRLEN];
	struct in_addr in4;
	struct in6_addr in6;
	static const uint8_t mapped[12] = {0, 0, 0, 0, 0,   0,
					   0, 0, 0, 0, 255, 255};

	if (df_str_copy(text, sizeof text, t) != DF_OK)
		return false;
	if (inet_pton(AF_INET, text, &in4) == 1) {
		memcpy(to, mapped, sizeof mapped);
		memcpy(to + 12, &in4, 4);
		*v4 = true;
		return true;
	}
	if (inet_pton(AF_INET6, text, &in6) != 1)
		return false;
	memcpy(to, &in6, 16);
	*v4 = false;
	return true;
}

enum df_err df_cidr_decode(struct df_cidr *to, struct df_text t,
			   struct df_why *why)
{
	const char *slash = memchr(t.ptr ? t.ptr : "", '/', t.len);
	struct df_text addr = t;
	uint64_t bits = 0, most;
	bool v4;

	if (slash != NULL)
		addr.len = (size_t)(slash - t.ptr);
	if (!addr_decode(to->addr, addr, &v4))
		return df_fail(why, DF_E_CONFIG,
			       "'from' is not an address like 192.168.1.0/24");
	most = v4 ? 32 : 128;
	if (slash == NULL)
		bits = most;
	else if (!df_text_u64((struct df_text){slash + 1, t.len - addr.len - 1},
			      &bits) ||
		 bits > most)
		return df_fail(why, DF_E_CONFIG, "prefix length is not 0..%u",
			       (unsigned)most);
	to->bits = (uint8_t)(v4 ? bits + 96 : bits);
	return DF_OK;
}

bool df_cidr_holds(const struct df_cidr *c, struct df_text addr)
{
	uint8_t a[16];
	bool v4;
	const size_t whole = c->bits / 8;
	const unsigned rest = c->bits % 8;

	if (!addr_decode(a, addr, &v4) || memcmp(a, c->addr, whole) != 0)
		return false;
	return rest == 0 ||
	       (a[whole] >> (8 - rest)) == (c->addr[whole] >> (8 - rest));
}

static const struct unit {
	const char *name;
	unsigned shift;
} units[] = {{"", 0},	  {"B", 0},    {"KiB", 10},
	     {"MiB", 20}, {"GiB", 30}, {"TiB", 40}};

static enum df_err num_set(const struct df_config_key *k, int64_t *to,
			   struct df_text t, struct df_why *why)
{
	size_t n = 0;
	uint64_t v;
	struct df_text unit;
	const bool bytes = strcmp(k->unit, "bytes") == 0;
	unsigned shift = 0;

	while (n < t.len && t.ptr[n] >= '0' && t.ptr[n] <= '9')
		n++;
	if (!df_text_u64((struct df_text){t.ptr, n}, &v))
		return df_fail(why, DF_E_CONFIG, "'%s' is not a number",
			       k->key);
	unit = (struct df_text){t.ptr + n, t.len - n};
	while (unit.len > 0 && unit.ptr[0] == ' ') {
		unit.ptr++;
		unit.len--;
	}
	if (bytes) {
		size_t i = 0;

		while (i < sizeof units / sizeof *units &&
		       !df_text_eq(unit, units[i].name))
			i++;
		if (i == sizeof units / sizeof *units)
			return df_fail(why, DF_E_CONFIG,
				       "'%s' takes KiB, MiB, GiB", k->key);
		shift = units[i].shift;
	} else if (unit.len != 0 && !df_text_eq(unit, k->unit)) {
		return df_fail(why, DF_E_CONFIG, "'%s' is a number%s%s", k->key,
			       k->unit[0] ? " of " : "", k->unit);
	}
	if (v > (uint64_t)k->max >> shift || (int64_t)(v << shift) < k->min)
		return df_fail(why, DF_E_CONFIG,
			       "'%s' is not within %" PRId64 "..%" PRId64 " %s",
			       k->key, k->min, k->max, k->unit);
	*to = (int64_t)(v << shift);
	return DF_OK;
}

/* The n-th of "a|b|c". */
static struct df_text word_at(const char *words, int64_t n)
{
	const char *end;

	for (; n > 0; n--) {
		words = strchr(words, '|');
		if (words == NULL)
			return (struct df_text){NULL, 0};
		words++;
	}
	end = strchrnul(words, '|');
	return (struct df_text){words, (size_t)(end - words)};
}

static enum df_err word_set(const struct df_config_key *k, int64_t *to,
			    struct df_text t, struct df_why *why)
{
	for (int64_t i = 0; i <= k->max; i++)
		if (df_text_same(t, word_at(k->unit, i))) {
			*to = i;
			return DF_OK;
		}
	return df_fail(why, DF_E_CONFIG, "'%s' is one of %s", k->key, k->unit);
}

static bool starts(struct df_text t, const char *prefix)
{
	const size_t n = strlen(prefix);

	return t.len > n && memcmp(t.ptr, prefix, n) == 0;
}

static enum df_err url_set(const struct df_config_key *k, char *to,
			   struct df_text t, struct df_why *why)
{
	if (!starts(t, "https://") &&
	    !(k->type == DF_KEY_URL && starts(t, "http://")))
		return df_fail(why, DF_E_CONFIG, "'%s' is not %s", k->key,
			       k->type == DF_KEY_URL ? "an http(s) URL"
						     : "an https URL");
	for (size_t i = 0; i < t.len; i++)
		if (t.ptr[i] <= ' ' || t.ptr[i] == '@' || t.ptr[i] == '"')
			return df_fail(why, DF_E_CONFIG, "'%s' is malformed",
				       k->key);
	while (t.len > 0 && t.ptr[t.len - 1] == '/')
		t.len--;
	if (df_str_copy(to, DF_URL_LEN + 1, t) != DF_OK)
		return df_fail(why, DF_E_CONFIG, "'%s' is too long", k->key);
	return DF_OK;
}

/* A file under the node's directory: never up, never absolute. */
static enum df_err file_set(const struct df_config_key *k, char *to,
			    struct df_text t, struct df_why *why)
{
	if (t.len == 0 || t.ptr[0] == '/' || memmem(t.ptr, t.len, "..", 2) ||
	    df_str_copy(to, DF_URL_LEN + 1, t) != DF_OK)
		return df_fail(why, DF_E_CONFIG,
			       "'%s' is not a file in the node's directory",
			       k->key);
	return DF_OK;
}

static enum df_err text_set(const struct df_config_key *k, char *to,
			    struct df_text t, struct df_why *why)
{
	if (k->type == DF_KEY_AE && !df_ae_valid(t))
		return df_fail(why, DF_E_CONFIG,
			       "'%s' is not an AE title of 1-16 characters",
			       k->key);
	if (k->type == DF_KEY_TEXT && !df_config_name_valid(t))
		return df_fail(why, DF_E_CONFIG,
			       "'%s' is not 1-%u bytes of UTF-8 text", k->key,
			       (unsigned)k->max);
	if (k->type == DF_KEY_HEX) {
		uint8_t raw[DF_DIGEST_LEN];

		if (!df_hex_decode(raw, sizeof raw, t))
			return df_fail(why, DF_E_CONFIG,
				       "'%s' is not 64 hex digits", k->key);
		df_hex_encode(to, raw, sizeof raw);
		return DF_OK;
	}
	return df_str_copy(to, (size_t)k->max + 1, t);
}

static enum df_err bool_set(const struct df_config_key *k, bool *to,
			    struct df_text t, struct df_why *why)
{
	if (!df_text_eq(t, "yes") && !df_text_eq(t, "no"))
		return df_fail(why, DF_E_CONFIG, "'%s' is yes or no", k->key);
	*to = t.len == 3;
	return DF_OK;
}

static enum df_err cidr_add(struct df_modality *m, struct df_text t,
			    struct df_why *why)
{
	enum df_err rc;

	if (m->n_from == DF_CIDRS)
		return df_fail(why, DF_E_CONFIG, "more than %d 'from' lines",
			       DF_CIDRS);
	rc = df_cidr_decode(&m->from[m->n_from], t, why);
	if (rc == DF_OK)
		m->n_from++;
	return rc;
}

static enum df_err cap_add(struct df_caps *to, struct df_text t,
			   struct df_why *why)
{
	enum df_err rc;

	if (to->n == DF_CAPS_MAX)
		return df_fail(why, DF_E_CONFIG, "more than %d 'cap' lines",
			       DF_CAPS_MAX);
	rc = df_cap_decode(&to->v[to->n], t, why);
	if (rc == DF_OK)
		to->n++;
	return rc;
}

/* An AE title and where it is: of a PACS, or of a modality that listens. */
static enum df_err dial_set(const struct df_config_key *k, void *base,
			    struct df_text t, struct df_why *why)
{
	struct df_destination *d = base;
	struct df_modality *m = base;

	if (strcmp(k->section, "modality") == 0)
		return df_dicom_address_decode(m->reports_ae, &m->reports, t,
					       why);
	return df_dicom_address_decode(d->ae, &d->dicom, t, why);
}

enum df_err df_config_set(const struct df_config_key *k, void *base,
			  struct df_text t, struct df_why *why)
{
	char *at = (char *)base + k->offset;

	if (t.len == 0)
		return df_fail(why, DF_E_CONFIG, "'%s' has no value", k->key);
	switch (k->type) {
	case DF_KEY_NUM:
		return num_set(k, (int64_t *)(void *)at, t, why);
	case DF_KEY_BOOL:
		return bool_set(k, (bool *)at, t, why);
	case DF_KEY_WORD:
		return word_set(k, (int64_t *)(void *)at, t, why);
	case DF_KEY_TEXT:
	case DF_KEY_AE:
	case DF_KEY_HEX:
		return text_set(k, at, t, why);
	case DF_KEY_URL:
	case DF_KEY_PEER_URL:
		return url_set(k, at, t, why);
	case DF_KEY_FILE:
		return file_set(k, at, t, why);
	case DF_KEY_LISTEN:
		return df_endpoint_decode((struct df_endpoint *)(void *)at, t,
					  why);
	case DF_KEY_DIAL:
		return dial_set(k, base, t, why);
	case DF_KEY_CIDR:
		return cidr_add(base, t, why);
	case DF_KEY_CAP:
		return cap_add((struct df_caps *)(void *)at, t, why);
	}
	df_bug("key type %d", (int)k->type);
}

static enum df_err num_get(const struct df_config_key *k, int64_t v,
			   struct df_buf *to, struct df_why *why)
{
	size_t i = 0;

	if (strcmp(k->unit, "bytes") != 0 || v == 0)
		return df_buf_addf(to, why, "%" PRId64, v);
	for (i = sizeof units / sizeof *units - 1; i > 1; i--)
		if (v % ((int64_t)1 << units[i].shift) == 0)
			break;
	if (i <= 1)
		return df_buf_addf(to, why, "%" PRId64, v);
	return df_buf_addf(to, why, "%" PRId64 " %s", v >> units[i].shift,
			   units[i].name);
}

static enum df_err endpoint_get(const struct df_endpoint *e, const char *ae,
				struct df_buf *to, struct df_why *why)
{
	const bool v6 = strchr(e->host, ':') != NULL;

	if (e->host[0] == '\0')
		return DF_OK;
	return df_buf_addf(to, why, "%s%s%s%s%s:%u", ae, ae[0] ? "@" : "",
			   v6 ? "[" : "", e->host, v6 ? "]" : "",
			   (unsigned)e->port);
}

static enum df_err dial_get(const struct df_config_key *k, const void *base,
			    struct df_buf *to, struct df_why *why)
{
	const struct df_destination *d = base;
	const struct df_modality *m = base;

	if (strcmp(k->section, "modality") == 0)
		return endpoint_get(&m->reports, m->reports_ae, to, why);
	return endpoint_get(&d->dicom, d->ae, to, why);
}

static enum df_err caps_get(const struct df_caps *c, struct df_buf *to,
			    struct df_why *why)
{
	enum df_err rc = DF_OK;

	for (size_t i = 0; i < c->n && rc == DF_OK; i++) {
		char text[DF_CAP_TEXT];

		df_cap_encode(text, &c->v[i]);
		rc = df_buf_addf(to, why, "%s%s", i > 0 ? "; " : "", text);
	}
	return rc;
}

enum df_err df_config_get(const struct df_config_key *k, const void *base,
			  struct df_buf *to, struct df_why *why)
{
	const char *at = (const char *)base + k->offset;
	struct df_text word;

	switch (k->type) {
	case DF_KEY_NUM:
		return num_get(k, *(const int64_t *)(const void *)at, to, why);
	case DF_KEY_BOOL:
		return df_buf_addf(to, why, "%s",
				   *(const bool *)at ? "yes" : "no");
	case DF_KEY_WORD:
		word = word_at(k->unit, *(const int64_t *)(const void *)at);
		return df_buf_add(to, word.ptr, word.len, why);
	case DF_KEY_TEXT:
	case DF_KEY_AE:
	case DF_KEY_HEX:
	case DF_KEY_URL:
	case DF_KEY_PEER_URL:
	case DF_KEY_FILE:
		return df_buf_addf(to, why, "%s", at);
	case DF_KEY_LISTEN:
		return endpoint_get(
			(const struct df_endpoint *)(const void *)at, "", to,
			why);
	case DF_KEY_DIAL:
		return dial_get(k, base, to, why);
	case DF_KEY_CIDR:
		return DF_OK; /* the caller writes them */
	case DF_KEY_CAP:
		return caps_get((const struct df_caps *)(const void *)at, to,
				why);
	}
	df_bug("key type %d", (int)k->type);
}
