/* peer_text.c - see df/peer.h: what is not JSON on the line between nodes. */
#include <string.h>
#include <strings.h>

#include "df/peer.h"

void df_parcel_id_encode(char to[DF_PEER_PARCEL_HEX + 1],
			 const struct df_parcel_id *id)
{
	df_hex_encode(to, id->b, sizeof id->b);
}

bool df_parcel_id_decode(struct df_parcel_id *id, struct df_text hex)
{
	/* one name a parcel: upper case would be a second one */
	for (size_t i = 0; i < hex.len; i++)
		if (hex.ptr[i] >= 'A' && hex.ptr[i] <= 'F')
			return false;
	return df_hex_decode(id->b, sizeof id->b, hex);
}

/* "u=0" among the members, which stand between commas. */
bool df_peer_is_urgent(struct df_text value)
{
	const char *at = value.ptr, *end = value.ptr + value.len;

	while (at != NULL && at < end) {
		const char *next = memchr(at, ',', (size_t)(end - at));
		size_t len = (size_t)((next != NULL ? next : end) - at);

		while (len > 0 && (*at == ' ' || *at == '\t')) {
			at++;
			len--;
		}
		while (len > 0 && (at[len - 1] == ' ' || at[len - 1] == '\t'))
			len--;
		if (len == 3 && memcmp(at, "u=0", 3) == 0)
			return true;
		at = next != NULL ? next + 1 : NULL;
	}
	return false;
}

/* --- a text and its signature ------------------------------------------------
 */

enum df_err df_peer_signed_encode(struct df_buf *out, struct df_text text,
				  struct df_text cms, struct df_why *why)
{
	enum df_err rc;

	if (text.len == 0 || text.len > DF_PEER_SIGNED_MAX || cms.len == 0 ||
	    cms.len > DF_PEER_CMS_MAX)
		return df_fail(why, DF_E_LIMIT,
			       "signed text of %zu and %zu bytes", text.len,
			       cms.len);
	rc = df_buf_reserve(out, 8 + text.len + cms.len, why);
	if (rc == DF_OK)
		rc = df_buf_u32(out, (uint32_t)text.len);
	if (rc == DF_OK)
		rc = df_buf_add(out, text.ptr, text.len, why);
	if (rc == DF_OK)
		rc = df_buf_u32(out, (uint32_t)cms.len);
	if (rc == DF_OK)
		rc = df_buf_add(out, cms.ptr, cms.len, why);
	return rc;
}

static bool take_part(struct df_text *rest, size_t max, struct df_text *part)
{
	uint32_t len;

	if (rest->len < 4)
		return false;
	len = df_get_u32((const uint8_t *)rest->ptr);
	if (len == 0 || len > max || len > rest->len - 4)
		return false;
	*part = (struct df_text){rest->ptr + 4, len};
	rest->ptr += 4 + (size_t)len;
	rest->len -= 4 + (size_t)len;
	return true;
}

enum df_err df_peer_signed_decode(struct df_text body, struct df_text *text,
				  struct df_text *cms, struct df_why *why)
{
	if (!take_part(&body, DF_PEER_SIGNED_MAX, text) ||
	    !take_part(&body, DF_PEER_CMS_MAX, cms) || body.len != 0)
		return df_fail(why, DF_E_FORMAT,
			       "not a text with its signature");
	return DF_OK;
}

/* --- header fields ------------------------------------------------------ */

void df_content_digest_encode(char to[64], const struct df_digest *d)
{
	struct df_buf b;

	df_buf_init(&b, 64);
	if (df_base64_encode(&b, d->b, sizeof d->b) != DF_OK)
		df_bug("a digest does not fit");
	df_str_fmt(to, 64, "sha-256=:%.*s:", (int)b.len, (char *)b.ptr);
	df_buf_release(&b);
}

static struct df_text trim(struct df_text t)
{
	while (t.len > 0 && (*t.ptr == ' ' || *t.ptr == '\t')) {
		t.ptr++;
		t.len--;
	}
	while (t.len > 0 &&
	       (t.ptr[t.len - 1] == ' ' || t.ptr[t.len - 1] == '\t'))
		t.len--;
	return t;
}

static enum df_err digest_item(struct df_digest *d, struct df_text item,
			       struct df_why *why)
{
	static const char LEAD[] = "sha-256=:";
	struct df_buf b;
	enum df_err rc = DF_E_NOTFOUND;

	if (item.len < sizeof LEAD ||
	    strncasecmp(item.ptr, LEAD, sizeof LEAD - 1) != 0)
		return DF_E_NOTFOUND;
	item.ptr += sizeof LEAD - 1;
	item.len -= sizeof LEAD - 1;
	if (item.ptr[item.len - 1] != ':')
		return df_fail(why, DF_E_FORMAT, "Content-Digest is malformed");
	item.len--;
	df_buf_init(&b, 64);
	rc = df_base64_decode(&b, item, why);
	if (rc == DF_OK && b.len != sizeof d->b)
		rc = df_fail(why, DF_E_FORMAT, "sha-256 is not 32 bytes");
	if (rc == DF_OK)
		memcpy(d->b, b.ptr, sizeof d->b);
	df_buf_release(&b);
	return rc == DF_OK ? DF_OK : DF_E_FORMAT;
}

enum df_err df_content_digest_decode(struct df_digest *d, struct df_text value,
				     struct df_why *why)
{
	while (value.len > 0) {
		const char *comma = memchr(value.ptr, ',', value.len);
		size_t len =
			comma == NULL ? value.len : (size_t)(comma - value.ptr);
		enum df_err rc = digest_item(
			d, trim((struct df_text){value.ptr, len}), why);

		if (rc != DF_E_NOTFOUND)
			return rc;
		if (comma == NULL)
			break;
		value.ptr += len + 1;
		value.len -= len + 1;
	}
	return df_fail(why, DF_E_FORMAT, "Content-Digest has no sha-256");
}

bool df_range_decode(struct df_text value, uint64_t *first, uint64_t *last)
{
	static const char UNIT[] = "bytes=";
	const char *dash;
	struct df_text a, b;

	if (value.len < sizeof UNIT - 1 ||
	    strncasecmp(value.ptr, UNIT, sizeof UNIT - 1) != 0)
		return false;
	value.ptr += sizeof UNIT - 1;
	value.len -= sizeof UNIT - 1;
	dash = memchr(value.ptr, '-', value.len);
	if (dash == NULL)
		return false;
	a = (struct df_text){value.ptr, (size_t)(dash - value.ptr)};
	b = (struct df_text){dash + 1, value.len - a.len - 1};
	*last = UINT64_MAX;
	if (!df_text_u64(a, first) || (b.len > 0 && !df_text_u64(b, last)))
		return false;
	return *first <= *last;
}

/* --- errors ------------------------------------------------------------- */

unsigned df_http_status(enum df_err err)
{
	switch (err) {
	case DF_E_OK:
		return 200;
	case DF_E_FORMAT:
	case DF_E_USAGE:
		return 400;
	case DF_E_DENIED:
	case DF_E_REFUSED:
	case DF_E_SENDER:
		return 403;
	case DF_E_NOTFOUND:
		return 404;
	case DF_E_CONFLICT:
	case DF_E_EXISTS:
	case DF_E_MANIFEST:
		return 409;
	case DF_E_LIMIT:
		return 413;
	case DF_E_CORRUPT:
	case DF_E_KEY:
	case DF_E_HEADER:
	case DF_E_SUITE:
	case DF_E_REPLAY:
	case DF_E_CHUNK:
	case DF_E_TRUNC:
	case DF_E_TRAIL:
		return 422;
	case DF_E_UNSUPPORTED:
		return 501;
	case DF_E_PEER:
	case DF_E_AGAIN:
	case DF_E_NOMEM:
	case DF_E_IO:
	case DF_E_CANCELLED:
		return 503;
	case DF_E_TIMEOUT:
		return 504;
	case DF_E_NOSPACE:
		return 507;
	case DF_E_CONFIG:
	case DF_E_BUG:
	case DF_E_COUNT:
		break;
	}
	return 500;
}
