/*
 * stow_server.c - a DICOMweb server of the configuration, and what its answers
 * have shown of the line to it.
 */
#include <fcntl.h>
#include <string.h>

#include "deliver.h"
#include "df/file.h"
#include "stow.h"

#define BATCH_BYTES_MIN (256u << 10)
#define BATCH_BYTES_MAX (16u << 20)
#define SAMPLE_BYTES (256u << 10)
/* What carries more, all requests together, is not worth coding for: see
 * deliver_dimse/association.c. */
#define SLOW_BYTES_PER_S 25000000u

#define JPEG_LS_LOSSLESS "1.2.840.10008.1.2.4.80"
#define JPEG_2000_LOSSLESS "1.2.840.10008.1.2.4.90"

enum df_err stow_target_init(struct stow_target *t,
			     const struct df_destination *d, struct df_why *why)
{
	size_t base = strlen(d->stow);
	enum df_err rc = DF_OK;

	*t = (struct stow_target){.caps = &d->caps};
	if (base == 0)
		return df_fail(why, DF_E_UNSUPPORTED,
			       "destination is no DICOMweb server");
	/* with or without the last step that vendors' papers show */
	while (base > 0 && d->stow[base - 1] == '/')
		base--;
	if (base > 8 && memcmp(d->stow + base - 8, "/studies", 8) == 0)
		base -= 8;
	df_str_fmt(t->url, sizeof t->url, "%.*s/studies", (int)base, d->stow);
	df_buf_init(&t->ca, 1u << 20);
	if (d->stow_ca[0] != '\0') {
		rc = df_file_read(AT_FDCWD, d->stow_ca, (1u << 20) - 1, &t->ca,
				  why);
		if (rc == DF_OK)
			rc = df_buf_u8(&t->ca, 0);
		t->tls.ca_pem = (const char *)t->ca.ptr;
	}
	return rc;
}

void stow_target_release(struct stow_target *t)
{
	df_buf_release(&t->ca);
}

struct stow_server *stow_server_of(struct df_room *room,
				   const struct df_destination *d)
{
	static struct stow_server *all; /* the configuration stays what it is */
	const struct df_config *cfg = df_room_config(room);

	if (all == NULL)
		all = df_xcalloc(cfg->n_destinations, sizeof *all);
	all[d - cfg->destinations].bit_for_bit = cfg->node.role == DF_NODE_CENTRE;
	return &all[d - cfg->destinations];
}

void stow_server_measure(struct stow_server *s, const struct df_http_result *r)
{
	uint64_t ms = r->elapsed_ms > 0 ? (uint64_t)r->elapsed_ms : 1;
	uint64_t now = r->sent_bytes * 1000 / ms;

	if (r->sent_bytes < SAMPLE_BYTES)
		return; /* it took the server's time, not the line's */
	s->bytes_per_s = s->bytes_per_s > 0 ? (3 * s->bytes_per_s + now) / 4
					    : now;
}

uint64_t stow_server_batch(const struct stow_server *s)
{
	uint64_t n = s->bytes_per_s;

	return n < BATCH_BYTES_MIN   ? BATCH_BYTES_MIN
	       : n > BATCH_BYTES_MAX ? BATCH_BYTES_MAX
				     : n;
}

const char *stow_server_syntax(const struct stow_server *s,
			       const struct df_destination *to)
{
	if (s->incapable)
		return NULL;
	switch ((enum df_compress)to->compress) {
	case DF_COMPRESS_AUTO:
		/* a centre hands on bit for bit what it got; else the first
		 * as it is, to see how fast that goes */
		if (s->bit_for_bit || s->bytes_per_s == 0 ||
		    s->bytes_per_s * (uint64_t)to->associations >
			    SLOW_BYTES_PER_S)
			return NULL;
		return JPEG_LS_LOSSLESS;
	case DF_COMPRESS_NO:
		return NULL;
	case DF_COMPRESS_JPEGLS:
		return JPEG_LS_LOSSLESS;
	case DF_COMPRESS_JPEG2000:
		return JPEG_2000_LOSSLESS;
	}
	df_bug("compress = %d", (int)to->compress);
}
