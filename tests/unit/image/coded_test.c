/*
 * coded_test.c - every shape in, the same bytes out; what falls back and why;
 * damaged bodies are refused; bombs stay small.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dlfcn.h>
#include <jxl/encode.h>
#include <malloc.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <stdlib.h>
#include <string.h>

#include "df/coded.h"
#include "df/frames.h"
#include "df/str.h"

enum fill { SMOOTH, SIGNED, DIRTY, NOISE };

struct row {
	const char *name;
	uint32_t allocated, stored, samples, planar, representation, frames;
	uint32_t extra; /* pixel bytes more than the shape needs */
	bool big_endian;
	enum fill fill;
	enum df_coding wanted, want;
};

#define JLS DF_CODED_JPEG_LS

static const struct row rows[] = {
	{"8 bit", 8, 8, 1, 0, 0, 1, 0, false, SMOOTH, JLS, JLS},
	{"12 in 16", 16, 12, 1, 0, 0, 1, 0, false, SMOOTH, JLS, JLS},
	{"16 in 16", 16, 16, 1, 0, 0, 1, 0, false, SMOOTH, JLS, JLS},
	{"8 in 16", 16, 8, 1, 0, 0, 1, 0, false, SMOOTH, JLS, JLS},
	{"7 in 8", 8, 7, 1, 0, 0, 1, 0, false, SMOOTH, JLS, JLS},
	{"2 in 8", 8, 2, 1, 0, 0, 1, 0, false, SMOOTH, JLS, JLS},
	{"signed 12 in 16", 16, 12, 1, 0, 1, 1, 0, false, SIGNED, JLS, JLS},
	{"signed 16", 16, 16, 1, 0, 1, 1, 0, false, SIGNED, JLS, JLS},
	{"signed 8 in 16", 16, 8, 1, 0, 1, 1, 0, false, SIGNED, JLS, JLS},
	{"signed 7 in 8", 8, 7, 1, 0, 1, 1, 0, false, SIGNED, JLS, JLS},
	{"dirty high bits", 16, 12, 1, 0, 0, 1, 0, false, DIRTY, JLS, JLS},
	{"dirty signed", 16, 12, 1, 0, 1, 1, 0, false, DIRTY, JLS, JLS},
	{"big endian", 16, 12, 1, 0, 0, 3, 0, true, SMOOTH, JLS, JLS},
	{"frames", 16, 12, 1, 0, 0, 5, 0, false, SMOOTH, JLS, JLS},
	{"RGB", 8, 8, 3, 0, 0, 1, 0, false, SMOOTH, JLS, JLS},
	{"RGB planes", 8, 8, 3, 1, 0, 2, 0, false, SMOOTH, JLS, JLS},
	{"RGB 16", 16, 16, 3, 0, 0, 1, 0, false, SMOOTH, JLS, JLS},
	{"trailing pixel bytes", 8, 8, 1, 0, 0, 1, 7, false, SMOOTH, JLS, JLS},
	{"1 bit", 1, 1, 1, 0, 0, 1, 0, false, SMOOTH, JLS, DF_CODED_ZSTD},
	{"32 bit", 32, 32, 1, 0, 0, 1, 0, false, SMOOTH, JLS, DF_CODED_ZSTD},
	{"noise", 8, 8, 1, 0, 0, 1, 0, false, NOISE, JLS, DF_CODED_STORED},
	{"zstd", 16, 12, 1, 0, 0, 1, 0, false, SMOOTH, DF_CODED_ZSTD,
	 DF_CODED_ZSTD},
	{"stored", 16, 12, 1, 0, 0, 1, 0, false, SMOOTH, DF_CODED_STORED,
	 DF_CODED_STORED},
};

#define COLUMNS 61u
#define ROWS 47u
#define PREFIX 333u
#define SUFFIX 57u

static uint32_t seed = 1;
static unsigned noise(void)
{
	seed = seed * 1664525u + 1013904223u;
	return seed >> 16;
}

static unsigned sample(const struct row *r, size_t i)
{
	unsigned x = (unsigned)(i % COLUMNS), y = (unsigned)(i / COLUMNS);
	unsigned v = (x * 3 + y * 2 + noise() % 3) * (unsigned)(1ull << r->stored) / 700;
	unsigned mask = r->stored == 32 ? ~0u : (1u << r->stored) - 1;
	int s;

	switch (r->fill) {
	case SMOOTH: return v & mask;
	case SIGNED:
		s = (int)(v & mask) - (1 << (r->stored - 1));
		return (unsigned)s;
	case DIRTY: return (v & mask) | (i % 97 ? 0 : 0xA000u);
	case NOISE: return noise();
	}
	return 0;
}

struct made {
	uint8_t *ptr;
	size_t len;
	struct df_coded_pixels pixels;
};

static struct made make(const struct row *r)
{
	size_t n = (size_t)COLUMNS * ROWS * r->samples * r->frames;
	size_t bytes = r->allocated >= 8 ? r->allocated / 8 : 1;
	struct made m = {.len = PREFIX + n * bytes + r->extra + SUFFIX};

	m.ptr = malloc(m.len);
	for (size_t i = 0; i < m.len; i++)
		m.ptr[i] = r->fill == NOISE ? (uint8_t)noise()
					    : (uint8_t)(i / 16);
	for (size_t i = 0; i < n; i++) {
		unsigned v = sample(r, i);

		for (size_t b = 0; b < bytes; b++)
			m.ptr[PREFIX + i * bytes +
			      (r->big_endian ? bytes - 1 - b : b)] =
				(uint8_t)(v >> (8 * b));
	}
	m.pixels = (struct df_coded_pixels){
		.offset = PREFIX,
		.length = n * bytes + r->extra,
		.rows = ROWS,
		.columns = COLUMNS,
		.frames = r->frames,
		.samples = r->samples,
		.planar = r->planar,
		.allocated = r->allocated,
		.stored = r->stored,
		.high_bit = r->stored - 1,
		.representation = r->representation,
		.big_endian = r->big_endian,
	};
	return m;
}

static void there_and_back(const struct row *r, enum df_coding wanted,
			   enum df_coding want)
{
	const struct df_coded_how how = {.coding = wanted};
	struct made m = make(r);
	struct df_coded_note note;
	struct df_coded_head head;
	struct df_why why = {0};
	struct df_buf out;
	uint8_t *back = malloc(m.len);

	df_buf_init(&out, df_coded_bound(m.len));
	if (df_coded_encode(&out, m.ptr, m.len, &m.pixels, &how, &note,
			    &why) != DF_OK)
		fail_msg("%s: %s", r->name, why.text);
	if (note.used != want || note.mismatches)
		fail_msg("%s as %s: %s (%s)", r->name, df_coding_name(wanted),
			 df_coding_name(note.used),
			 note.fallback ? note.fallback : "");
	assert_true(out.len <= m.len + 16);
	assert_int_equal(df_coded_head(&head, out.ptr, out.len, NULL), DF_OK);
	assert_int_equal(head.size_bytes, m.len);
	assert_int_equal(head.coding, want);
	if (df_coded_decode(back, m.len, out.ptr, out.len, &why) != DF_OK)
		fail_msg("%s: %s", r->name, why.text);
	assert_memory_equal(back, m.ptr, m.len);
	free(back);
	free(m.ptr);
	df_buf_release(&out);
}

static void test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		there_and_back(&rows[i], rows[i].wanted, rows[i].want);
}

/* What JPEG-LS codes, the other codecs of frames code. */
static void test_codecs(void **state)
{
	static const enum df_coding codecs[] = {
		DF_CODED_PREDICT, DF_CODED_JPEG2000, DF_CODED_JPEG_XL};

	(void)state;
	for (size_t c = 0; c < sizeof codecs / sizeof *codecs; c++)
		for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
			if (rows[i].wanted == JLS)
				there_and_back(&rows[i], codecs[c],
					       rows[i].want == JLS
						       ? codecs[c]
						       : rows[i].want);
}

/* Where zstd may be tried too, it stands when it is smaller: flat graphics. */
static void test_zstd_too(void **state)
{
	static const struct row picture = {"RGB", 8, 8, 3, 0, 0, 1, 0, false,
					   SMOOTH, JLS, JLS};
	struct df_coded_how how = {.coding = JLS, .zstd_too = true};
	struct made m = make(&picture);
	struct df_coded_note note;
	struct df_buf out;

	(void)state;
	df_buf_init(&out, df_coded_bound(m.len));
	assert_int_equal(df_coded_encode(&out, m.ptr, m.len, &m.pixels, &how,
					 &note, NULL),
			 DF_OK);
	assert_int_equal(note.used, JLS);
	/* the same row again and again: no codec of frames sees that far */
	for (uint64_t i = 0; i < m.pixels.length; i++)
		m.ptr[m.pixels.offset + i] =
			(uint8_t)(i % (3 * m.pixels.columns) * 37 % 251);
	df_buf_clear(&out);
	assert_int_equal(df_coded_encode(&out, m.ptr, m.len, &m.pixels, &how,
					 &note, NULL),
			 DF_OK);
	assert_int_equal(note.used, DF_CODED_ZSTD);
	assert_non_null(note.fallback);
	how.zstd_too = false;
	df_buf_clear(&out);
	assert_int_equal(df_coded_encode(&out, m.ptr, m.len, &m.pixels, &how,
					 &note, NULL),
			 DF_OK);
	assert_int_equal(note.used, JLS);
	free(m.ptr);
	df_buf_release(&out);
}

/* --- an encoder that is broken: this program stands before libjxl --------- */

static unsigned broken; /* of its next outputs so many are spoilt */

JxlEncoderStatus JxlEncoderProcessOutput(JxlEncoder *e, uint8_t **to,
					 size_t *left)
{
	JxlEncoderStatus (*real)(JxlEncoder *, uint8_t **, size_t *);
	uint8_t *from = *to;
	JxlEncoderStatus status;

	*(void **)&real = dlsym(RTLD_NEXT, "JxlEncoderProcessOutput");
	status = real(e, to, left);
	if (broken > 0 && *to - from > 64) {
		broken--;
		(*to)[-40] ^= 0x04;
	}
	return status;
}

static void test_a_broken_encoder_is_caught(void **state)
{
	const struct df_coded_how how = {.coding = DF_CODED_JPEG_XL};
	struct made m = make(&rows[1]);
	struct df_coded_note note;
	struct df_coded_head head;
	uint8_t *back = malloc(m.len);
	struct df_buf out;

	(void)state;
	df_buf_init(&out, df_coded_bound(m.len));
	broken = 1;
	assert_int_equal(df_coded_encode(&out, m.ptr, m.len, &m.pixels, &how,
					 &note, NULL),
			 DF_OK);
	assert_int_equal(broken, 0);
	assert_int_equal(note.mismatches, 1);
	assert_int_equal(note.used, DF_CODED_ZSTD);
	assert_string_equal(note.fallback, "decodes to something else");
	assert_int_equal(df_coded_head(&head, out.ptr, out.len, NULL), DF_OK);
	assert_int_equal(head.coding, DF_CODED_ZSTD);
	assert_int_equal(df_coded_decode(back, m.len, out.ptr, out.len, NULL),
			 DF_OK);
	assert_memory_equal(back, m.ptr, m.len);
	free(back);
	free(m.ptr);
	df_buf_release(&out);
}

/* One who compares later pays for no decoding here, and must compare. */
static void test_the_caller_may_compare(void **state)
{
	const struct df_coded_how how = {.coding = DF_CODED_JPEG_XL,
					 .compared_later = true};
	struct made m = make(&rows[1]);
	struct df_coded_note note;
	uint8_t *back = malloc(m.len);
	struct df_buf out;

	(void)state;
	df_buf_init(&out, df_coded_bound(m.len));
	broken = 1;
	assert_int_equal(df_coded_encode(&out, m.ptr, m.len, &m.pixels, &how,
					 &note, NULL),
			 DF_OK);
	assert_int_equal(note.mismatches, 0);
	assert_int_equal(note.used, DF_CODED_JPEG_XL);
	assert_true(df_coded_decode(back, m.len, out.ptr, out.len, NULL) !=
			    DF_OK ||
		    memcmp(back, m.ptr, m.len) != 0);
	out.len = 0;
	assert_int_equal(df_coded_encode(&out, m.ptr, m.len, &m.pixels, &how,
					 &note, NULL),
			 DF_OK);
	assert_int_equal(df_coded_decode(back, m.len, out.ptr, out.len, NULL),
			 DF_OK);
	assert_memory_equal(back, m.ptr, m.len);
	free(back);
	free(m.ptr);
	df_buf_release(&out);
}

static void test_lying_shapes(void **state)
{
	struct made m = make(&rows[1]);
	const struct df_coded_pixels good = m.pixels;
	const struct df_coded_how how = {.coding = JLS};
	struct df_coded_pixels lies[8];
	struct df_coded_note note;
	struct df_buf out;

	(void)state;
	for (size_t i = 0; i < 8; i++)
		lies[i] = good;
	lies[0].rows *= 2;            /* shorter than its shape */
	lies[1].frames = 1000;
	lies[2].columns = 0;
	lies[3].offset = UINT64_MAX;
	lies[4].length = UINT64_MAX;
	lies[5].stored = 40;
	lies[6].rows = 0x10000;
	lies[7].frames = UINT32_MAX;
	for (size_t i = 0; i < 8; i++) {
		df_buf_init(&out, df_coded_bound(m.len));
		assert_int_equal(df_coded_encode(&out, m.ptr, m.len, &lies[i],
						 &how, &note, NULL),
				 DF_OK);
		assert_int_equal(note.used, DF_CODED_ZSTD);
		assert_non_null(note.fallback);
		df_buf_release(&out);
	}
	free(m.ptr);
}

static void test_damage(void **state)
{
	static const enum df_coding as[] = {
		DF_CODED_JPEG_LS, DF_CODED_ZSTD, DF_CODED_STORED,
		DF_CODED_PREDICT, DF_CODED_JPEG2000, DF_CODED_JPEG_XL};
	struct df_buf out;

	(void)state;
	for (size_t k = 0; k < sizeof as / sizeof *as; k++) {
		const struct df_coded_how how = {.coding = as[k]};
		struct made m = make(&rows[1]);
		uint8_t *back = malloc(m.len);
		size_t same = 0;

		df_buf_init(&out, df_coded_bound(m.len));
		assert_int_equal(df_coded_encode(&out, m.ptr, m.len, &m.pixels,
						 &how, NULL, NULL),
				 DF_OK);
		for (size_t cut = 0; cut < out.len; cut += 1 + out.len / 200)
			assert_int_not_equal(df_coded_decode(back, m.len,
							     out.ptr, cut,
							     NULL),
					     DF_OK);
		/* nothing may crash; digests catch what decodes otherwise */
		for (size_t at = 0; at < out.len; at += 1 + out.len / 500) {
			out.ptr[at] ^= 0x10;
			if (df_coded_decode(back, m.len, out.ptr, out.len,
					    NULL) == DF_OK)
				same += memcmp(back, m.ptr, m.len) == 0;
			out.ptr[at] ^= 0x10;
		}
		/* JPEG 2000 writes a comment that nobody reads */
		assert_true(same < 50);
		free(back);
		free(m.ptr);
		df_buf_release(&out);
	}
}

/* In a process that may have `more` bytes more than it has: 0 decoded, 1 said
 * that memory is short, 2 blamed the frame, else what killed it. */
static int decode_with(rlim_t more, enum df_coding coding,
		       const struct df_frame_shape *s, const struct df_buf *code)
{
	size_t size = df_frame_size(s);
	uint8_t *back = malloc(size);
	unsigned long pages = 0;
	struct rlimit r;
	pid_t child;
	int status;
	FILE *f;

	(void)malloc_trim(0);
	f = fopen("/proc/self/statm", "r");
	assert_non_null(f);
	assert_int_equal(fscanf(f, "%lu", &pages), 1);
	fclose(f);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		enum df_err rc;

		r.rlim_cur = r.rlim_max =
			pages * (rlim_t)sysconf(_SC_PAGESIZE) + more;
		if (setrlimit(RLIMIT_AS, &r) < 0)
			_exit(9);
		rc = df_frame_decode(back, size, coding, s, code->ptr,
				     code->len, NULL);
		_exit(rc == DF_OK ? 0 : rc == DF_E_NOMEM ? 1 : 2);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	free(back);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 100;
}

/* Short of memory, a good frame is not called a bad one. */
static void test_short_of_memory(void **state)
{
	static const enum df_coding codecs[] = {
		DF_CODED_JPEG_LS, DF_CODED_PREDICT, DF_CODED_JPEG2000,
		DF_CODED_JPEG_XL};
	const struct df_frame_shape s = {.columns = 1024, .rows = 1024,
					 .bits = 12, .bytes = 2, .samples = 1};
	uint8_t *frame;

	(void)state;
#ifdef __SANITIZE_ADDRESS__
	skip(); /* it needs all addresses there are */
#endif
	frame = malloc(1024 * 1024 * 2);
	(void)mallopt(M_MMAP_THRESHOLD, 1 << 16); /* what is freed is gone */
	for (size_t i = 0; i < 1024 * 1024; i++) {
		unsigned v = (unsigned)(i / 300 + noise() % 9) & 0xFFF;

		frame[2 * i] = (uint8_t)v;
		frame[2 * i + 1] = (uint8_t)(v >> 8);
	}
	for (size_t c = 0; c < sizeof codecs / sizeof *codecs; c++) {
		int seen[3] = {0};
		struct df_buf code;

		df_buf_init(&code, 8 << 20);
		assert_int_equal(df_frame_encode(&code, codecs[c], &s, frame,
						 1024 * 1024 * 2, NULL),
				 DF_OK);
		for (rlim_t mb = 0; mb <= 96; mb += 4) {
			int said = decode_with(mb << 20, codecs[c], &s, &code);

			if (said > 1)
				fail_msg("%s with %u MiB: %d",
					 df_coding_name(codecs[c]),
					 (unsigned)mb, said);
			seen[said]++;
		}
		assert_true(seen[0] > 0 && (c < 2 || seen[1] > 0));
		df_buf_release(&code);
	}
	free(frame);
}

static void test_zstd_refuses(void **state)
{
	uint8_t zeros[4096] = {0}, back[4096];
	struct df_buf out;

	(void)state;
	df_buf_init(&out, 1 << 20);
	assert_int_equal(df_zstd_encode(&out, zeros, sizeof zeros, 3, NULL),
			 DF_OK);
	assert_int_equal(df_zstd_decode(back, 4096, out.ptr, out.len, NULL),
			 DF_OK);
	assert_int_equal(df_zstd_decode(back, 4095, out.ptr, out.len, NULL),
			 DF_E_FORMAT); /* another size than it says */
	assert_int_equal(df_zstd_decode(back, 4096, out.ptr, out.len - 1, NULL),
			 DF_E_FORMAT);
	assert_int_equal(df_buf_u8(&out, 0), DF_OK);
	assert_int_equal(df_zstd_decode(back, 4096, out.ptr, out.len, NULL),
			 DF_E_FORMAT); /* something follows */
	df_buf_release(&out);
}

static void test_inflate(void **state)
{
	/* raw deflate: stored block "abc"; 2 MiB of zeros would be a bomb */
	static const uint8_t abc[] = {1, 3, 0, 0xfc, 0xff, 'a', 'b', 'c'};
	uint8_t padded[17] = {0};
	struct df_buf out;

	(void)state;
	memcpy(padded, abc, sizeof abc);
	df_buf_init(&out, 100);
	assert_int_equal(df_inflate(&out, abc, sizeof abc, NULL), DF_OK);
	assert_int_equal(out.len, 3);
	df_buf_clear(&out);
	assert_int_equal(df_inflate(&out, padded, 16, NULL), DF_OK);
	df_buf_clear(&out);
	assert_int_equal(df_inflate(&out, padded, 17, NULL), DF_E_FORMAT);
	df_buf_clear(&out);
	assert_int_equal(df_inflate(&out, abc, 7, NULL), DF_E_FORMAT);
	df_buf_release(&out);
	df_buf_init(&out, 2);
	assert_int_equal(df_inflate(&out, abc, sizeof abc, NULL), DF_E_LIMIT);
	df_buf_release(&out);
}

static void test_names(void **state)
{
	enum df_coding c;

	(void)state;
	assert_true(df_coding_decode(&c, df_text_of("jpeg-ls")));
	assert_int_equal(c, DF_CODED_JPEG_LS);
	assert_string_equal(df_coding_name(DF_CODED_ZSTD), "zstd");
	assert_false(df_coding_decode(&c, df_text_of("JPEG-LS")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_codecs),
		cmocka_unit_test(test_zstd_too),
		cmocka_unit_test(test_a_broken_encoder_is_caught),
		cmocka_unit_test(test_the_caller_may_compare),
		cmocka_unit_test(test_lying_shapes),
		cmocka_unit_test(test_damage),
		cmocka_unit_test(test_short_of_memory),
		cmocka_unit_test(test_zstd_refuses),
		cmocka_unit_test(test_inflate),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
