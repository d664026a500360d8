/*
 * inflate.c - a deflated data set, with a bound on what it may become.
 */
#define ZLIB_CONST
#include <zlib.h>

#include "df/frames.h"

#define PIECE (256u * 1024)
#define FREE_BYTES (1u << 20) /* the ratio is not asked for below this */
#define TRAILER 8u /* a pad byte, or the trailer that gzip would have */

/* One piece more into out; *end when the stream is complete. */
static enum df_err step(z_stream *z, struct df_buf *out, size_t start,
			size_t len, bool *end, struct df_why *why)
{
	size_t room = out->max - out->len;
	size_t done;
	enum df_err rc;
	int zrc;

	if (room == 0)
		return df_fail(why, DF_E_LIMIT,
			       "deflated data set is larger than %zu bytes",
			       out->max - start);
	if (room > PIECE)
		room = PIECE;
	rc = df_buf_reserve(out, room, why);
	if (rc != DF_OK)
		return rc;
	z->next_out = out->ptr + out->len;
	z->avail_out = (uInt)room;
	zrc = inflate(z, Z_NO_FLUSH);
	out->len += room - z->avail_out;
	done = out->len - start;
	if (done > FREE_BYTES && done / DF_INFLATE_RATIO_MAX > len)
		return df_fail(why, DF_E_LIMIT,
			       "data set is deflated more than %d to 1",
			       DF_INFLATE_RATIO_MAX);
	*end = zrc == Z_STREAM_END;
	if (zrc == Z_MEM_ERROR)
		return df_fail(why, DF_E_NOMEM, "no memory to inflate");
	if (!*end && (zrc != Z_OK || (z->avail_in == 0 && z->avail_out != 0)))
		return df_fail(why, DF_E_FORMAT,
			       "deflated data set is damaged or cut");
	return DF_OK;
}

enum df_err df_inflate(struct df_buf *out, const void *ptr, size_t len,
		       struct df_why *why)
{
	z_stream z = {0};
	size_t start = out->len;
	bool end = false;
	enum df_err rc = DF_OK;

	if (len > UINT32_MAX)
		return df_fail(why, DF_E_LIMIT,
			       "deflated data set is larger than 4 GiB");
	z.next_in = (const Bytef *)ptr;
	z.avail_in = (uInt)len;
	if (inflateInit2(&z, -MAX_WBITS) != Z_OK)
		return df_fail(why, DF_E_NOMEM, "no memory to inflate");
	while (rc == DF_OK && !end)
		rc = step(&z, out, start, len, &end, why);
	if (rc == DF_OK && z.avail_in > TRAILER)
		rc = df_fail(why, DF_E_FORMAT,
			     "%u bytes follow the deflated data set",
			     z.avail_in);
	(void)inflateEnd(&z); /* frees; cannot fail after a good init */
	return rc;
}
