/*
 * jpeg2000.c - frames as reversible JPEG 2000 codestreams, through OpenJPEG.
 *
 * Signed samples are signed components, colours go through the reversible
 * colour transform: the codestream that DICOM encapsulates.
 */
#include <openjpeg.h>
#include <stdlib.h>
#include <string.h>

#include "frame.h"

/* --- memory as a stream ------------------------------------------------- */

struct memory {
	struct df_buf *out; /* writing appends here */
	size_t start;
	const uint8_t *code; /* reading takes from here */
	size_t len;
	size_t at;
};

static OPJ_SIZE_T read_some(void *to, OPJ_SIZE_T n, void *ctx)
{
	struct memory *m = ctx;

	if (m->at >= m->len)
		return (OPJ_SIZE_T)-1;
	if (n > m->len - m->at)
		n = m->len - m->at;
	memcpy(to, m->code + m->at, n);
	m->at += n;
	return n;
}

static OPJ_SIZE_T write_some(void *from, OPJ_SIZE_T n, void *ctx)
{
	struct memory *m = ctx;
	size_t end = m->start + m->at;

	if (m->out->len < end + n &&
	    df_buf_reserve(m->out, end + n - m->out->len, NULL) != DF_OK)
		return (OPJ_SIZE_T)-1;
	memcpy(m->out->ptr + end, from, n);
	m->at += n;
	if (m->out->len < end + n)
		m->out->len = end + n;
	return n;
}

static size_t limit_of(const struct memory *m)
{
	return m->out != NULL ? m->out->len - m->start : m->len;
}

static OPJ_BOOL seek_to(OPJ_OFF_T to, void *ctx)
{
	struct memory *m = ctx;

	if (to < 0 || (size_t)to > limit_of(m))
		return OPJ_FALSE;
	m->at = (size_t)to;
	return OPJ_TRUE;
}

static OPJ_OFF_T skip_some(OPJ_OFF_T n, void *ctx)
{
	struct memory *m = ctx;

	if (n < 0 || (size_t)n > limit_of(m) - m->at)
		return -1;
	m->at += (size_t)n;
	return n;
}

static opj_stream_t *stream_of(struct memory *m)
{
	opj_stream_t *s = opj_stream_default_create(m->out == NULL);

	if (s == NULL)
		return NULL;
	opj_stream_set_user_data(s, m, NULL);
	opj_stream_set_user_data_length(s, m->len);
	opj_stream_set_read_function(s, read_some);
	opj_stream_set_write_function(s, write_some);
	opj_stream_set_seek_function(s, seek_to);
	opj_stream_set_skip_function(s, skip_some);
	return s;
}

/* --- samples ------------------------------------------------------------ */

/* Where sample i of component c stands in a plain frame. */
static size_t place(const struct df_frame_shape *s, unsigned c, size_t i)
{
	return s->planar ? c * (size_t)s->columns * s->rows + i
			 : i * s->samples + c;
}

static void take_samples(const struct df_frame_shape *s, opj_image_t *image,
			 const uint8_t *p)
{
	size_t n = (size_t)s->columns * s->rows;
	int top = 1 << (s->bits - 1);

	for (unsigned c = 0; c < s->samples; c++)
		for (size_t i = 0; i < n; i++) {
			size_t at = place(s, c, i);
			int v = s->bits <= 8 ? p[at]
					     : p[2 * at] | p[2 * at + 1] << 8;

			if (s->sign_extended && (v & top))
				v -= 2 * top;
			image->comps[c].data[i] = v;
		}
}

static void give_samples(const struct df_frame_shape *s,
			 const opj_image_t *image, uint8_t *p)
{
	size_t n = (size_t)s->columns * s->rows;
	unsigned mask = (1u << s->bits) - 1;

	for (unsigned c = 0; c < s->samples; c++)
		for (size_t i = 0; i < n; i++) {
			size_t at = place(s, c, i);
			unsigned v = (unsigned)image->comps[c].data[i] & mask;

			if (s->bits <= 8) {
				p[at] = (uint8_t)v;
			} else {
				p[2 * at] = (uint8_t)v;
				p[2 * at + 1] = (uint8_t)(v >> 8);
			}
		}
}

/* --- encoding ----------------------------------------------------------- */

static opj_image_t *image_new(const struct df_frame_shape *s,
			      const void *plain)
{
	opj_image_cmptparm_t c[3] = {{0}};
	opj_image_t *image;

	for (unsigned i = 0; i < s->samples; i++)
		c[i] = (opj_image_cmptparm_t){
			.dx = 1,
			.dy = 1,
			.w = s->columns,
			.h = s->rows,
			.prec = s->bits,
			.sgnd = s->sign_extended,
		};
	image = opj_image_create(s->samples, c,
				 s->samples == 3 ? OPJ_CLRSPC_SRGB
						 : OPJ_CLRSPC_GRAY);
	if (image == NULL)
		return NULL;
	image->x1 = s->columns;
	image->y1 = s->rows;
	take_samples(s, image, plain);
	return image;
}

/* As many halvings as the shorter side stands. */
static int resolutions(const struct df_frame_shape *s)
{
	uint32_t side = s->columns < s->rows ? s->columns : s->rows;
	int n = 1;

	while (n < 6 && side >> n)
		n++;
	return n;
}

static bool run_encoder(opj_codec_t *codec, opj_stream_t *stream,
			opj_image_t *image, const struct df_frame_shape *s)
{
	opj_cparameters_t *p = calloc(1, sizeof *p); /* 18 KiB */
	bool good;

	if (p == NULL)
		return false;
	opj_set_default_encoder_parameters(p);
	p->tcp_numlayers = 1;
	p->cp_disto_alloc = 1;
	p->numresolution = resolutions(s);
	p->tcp_mct = s->samples == 3;
	good = opj_setup_encoder(codec, p, image) &&
	       opj_start_compress(codec, image, stream) &&
	       opj_encode(codec, stream) && opj_end_compress(codec, stream);
	free(p);
	return good;
}

static enum df_err jpeg2000_encode(struct df_buf *out,
				   const struct df_frame_shape *s,
				   const void *ptr, size_t len,
				   struct df_why *why)
{
	struct memory m = {.out = out, .start = out->len};
	opj_codec_t *codec = opj_create_compress(OPJ_CODEC_J2K);
	opj_stream_t *stream = stream_of(&m);
	opj_image_t *image = NULL;
	enum df_err rc = DF_OK;
	const void *plain;
	void *made;

	(void)len; /* that of the shape */
	plain = frame_plain(s, 0, ptr, &made);
	if (plain != NULL)
		image = image_new(s, plain);
	if (codec == NULL || stream == NULL || image == NULL)
		rc = df_fail(why, DF_E_NOMEM, "no memory for jpeg2000");
	else if (!run_encoder(codec, stream, image, s))
		rc = df_fail(why, DF_E_UNSUPPORTED, "cannot encode jpeg2000");
	opj_image_destroy(image);
	opj_stream_destroy(stream);
	opj_destroy_codec(codec);
	free(made);
	return rc;
}

/* --- decoding ----------------------------------------------------------- */

/* The codestream must be what our encoder would write for this shape. */
static bool is_of_shape(const opj_image_t *image,
			const struct df_frame_shape *s)
{
	if (image->x0 != 0 || image->y0 != 0 || image->x1 != s->columns ||
	    image->y1 != s->rows || image->numcomps != s->samples)
		return false;
	for (unsigned c = 0; c < s->samples; c++)
		if (image->comps[c].w != s->columns ||
		    image->comps[c].h != s->rows ||
		    image->comps[c].dx != 1 || image->comps[c].dy != 1 ||
		    image->comps[c].prec != s->bits ||
		    image->comps[c].sgnd != (OPJ_UINT32)s->sign_extended)
			return false;
	return true;
}

/* Ours have one tile; thousands of tiny ones would take memory and time out
 * of all proportion. */
static bool is_one_tile(opj_codec_t *codec)
{
	opj_codestream_info_v2_t *info = opj_get_cstr_info(codec);
	bool one = info != NULL && info->tw == 1 && info->th == 1;

	if (info != NULL)
		opj_destroy_cstr_info(&info);
	return one;
}

static bool has_samples(const opj_image_t *image)
{
	for (unsigned c = 0; c < image->numcomps; c++)
		if (image->comps[c].data == NULL)
			return false;
	return true;
}

static enum df_err run_decoder(opj_codec_t *codec, opj_stream_t *stream,
			       const struct df_frame_shape *s,
			       opj_image_t **image, struct df_why *why)
{
	opj_dparameters_t p;

	opj_set_default_decoder_parameters(&p);
	if (!opj_setup_decoder(codec, &p) ||
	    !opj_decoder_set_strict_mode(codec, OPJ_TRUE) ||
	    !opj_read_header(stream, codec, image))
		return df_fail(why, DF_E_FORMAT, "cannot read jpeg2000");
	if (!is_of_shape(*image, s) || !is_one_tile(codec))
		return df_fail(why, DF_E_FORMAT,
			       "jpeg2000 frame is not of the shape announced");
	if (!opj_decode(codec, stream, *image) ||
	    !opj_end_decompress(codec, stream) || !has_samples(*image) ||
	    !is_of_shape(*image, s))
		return df_fail(why, DF_E_FORMAT, "cannot decode jpeg2000");
	return DF_OK;
}

static enum df_err jpeg2000_decode(void *to, size_t len,
				   const struct df_frame_shape *s,
				   const void *code, size_t code_len,
				   struct df_why *why)
{
	struct memory m = {.code = code, .len = code_len};
	opj_codec_t *codec = opj_create_decompress(OPJ_CODEC_J2K);
	opj_stream_t *stream = stream_of(&m);
	opj_image_t *image = NULL;
	bool direct = frame_plain_size(s) == len && !s->sign_extended;
	uint8_t *plain = direct ? to : malloc(frame_plain_size(s));
	enum df_err rc;

	if (codec == NULL || stream == NULL || plain == NULL)
		rc = df_fail(why, DF_E_NOMEM, "no memory for jpeg2000");
	else
		rc = run_decoder(codec, stream, s, &image, why);
	if (rc == DF_OK) {
		give_samples(s, image, plain);
		if (!direct)
			frame_unpack(s, 0, to, plain);
	}
	opj_image_destroy(image);
	opj_stream_destroy(stream);
	opj_destroy_codec(codec);
	if (!direct)
		free(plain);
	return rc;
}

const struct frame_codec frame_codec_jpeg2000 = {jpeg2000_encode,
						 jpeg2000_decode, true};
