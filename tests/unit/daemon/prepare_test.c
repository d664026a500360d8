/*
 * prepare_test.c - the prepare room as it runs, this program as supervise and
 * queue: real data sets go in sealed, every job is asked, damage is refused.
 */
#include "prepare_fixture.h"

#include "df/frames.h"
#include "df/walker.h"

#define JPEG_LS "1.2.840.10008.1.2.4.80"
#define JPEG_2000 "1.2.840.10008.1.2.4.90"

static const struct df_cek RAW_KEY = {{1, 2, 3}}, PARCEL_KEY = {{4, 5, 6}};

static unsigned inspect(const struct object *o, struct df_why *why)
{
	struct df_msg m;
	uint64_t length;
	int fd = raw(o, &RAW_KEY, &length), got;

	df_msg_init(&m, DF_MSG_INSPECT, 7);
	df_msg_put(&m, DF_M_CEK, RAW_KEY.b, DF_CEK_LEN);
	df_msg_put_u64(&m, DF_M_LENGTH, length);
	return ask(&m, &fd, 1, &m, &got, why);
}

/* --- tests
 * ------------------------------------------------------------------*/

static const char *const FILES[] = {
	DF_TESTDATA "/dicom/ct/IM0001.dcm",
	DF_TESTDATA "/dicom/mr/epi01.dcm",
	DF_TESTDATA "/dicom/mr/enhanced_big_endian.dcm",
	DF_TESTDATA "/dicom/us/rgb.dcm",
	DF_TESTDATA "/dicom/us/ybr_jpeg_30_frames.dcm",
	DF_TESTDATA "/dicom/sr/basic_text.dcm",
	DF_TESTDATA "/dicom/syntaxes/deflated.dcm",
	DF_TESTDATA "/dicom/syntaxes/jpeg_ls.dcm",
};
#define N_FILES (sizeof FILES / sizeof *FILES)

static void test_inspect(void **state)
{
	struct df_why why;

	(void)state;
	for (size_t i = 0; i < N_FILES; i++) {
		struct object o = load(FILES[i]);

		if (inspect(&o, &why) != 1 || why.err != DF_OK)
			fail_msg("%s: %s", FILES[i], why.text);
		free(o.data);
	}
}

static void test_inspect_refuses(void **state)
{
	struct object o = load(FILES[0]), bad = o, deep = o;
	struct df_why why;

	(void)state;
	strcpy(bad.sop_instance, "1.2.3.4");
	assert_int_equal(inspect(&bad, &why), 1); /* where to look for it */
	assert_int_equal(why.err, DF_E_CONFLICT);
	bad = o;
	bad.len = o.len - 1; /* pixel data cut */
	assert_int_equal(inspect(&bad, &why), 1);
	assert_int_equal(why.err, DF_E_FORMAT);
	deep.len = 100000 * 20;
	deep.data = df_xmalloc(deep.len);
	for (size_t i = 0; i < deep.len; i += 20)
		memcpy(deep.data + i,
		       "\x08\x00\x40\x11SQ\0\0\xff\xff\xff\xff"
		       "\xfe\xff\x00\xe0\xff\xff\xff\xff",
		       20);
	assert_int_equal(inspect(&deep, &why), 0);
	assert_int_equal(why.err, DF_E_LIMIT);
	free(deep.data);
	free(o.data);
}

struct packed {
	int fd;
	uint64_t length;
	uint64_t record[N_FILES];
};

/* The checksum that a job said is that of the file's first length bytes. */
static void check_sum(const struct df_msg *m, int fd, uint64_t length)
{
	struct df_summer s = {0};
	struct df_checksum said, is;
	uint8_t *b = df_xmalloc(length);

	assert_true(df_msg_get_checksum(m, &said));
	assert_int_equal(df_pread_all(fd, b, length, 0, NULL), DF_OK);
	df_summer_init(&s);
	df_summer_update(&s, b, length);
	df_summer_sum(&s, &is);
	df_summer_release(&s);
	free(b);
	assert_true(df_checksum_same(&said, &is));
}

static struct packed pack_as(const struct object *o, size_t n,
			     const char *coding_wanted)
{
	struct packed p = {0};
	struct df_buf header;
	struct df_msg m, item;
	struct df_why why;
	int fds[1 + N_FILES], got, out;
	size_t at = 0;

	parcel_header(&header, &PARCEL_KEY, DF_SEALED_PARCEL);
	df_msg_init(&m, DF_MSG_PACK, 7);
	df_msg_put(&m, DF_M_HEADER, header.ptr, header.len);
	df_msg_put(&m, DF_M_CEK, PARCEL_KEY.b, DF_CEK_LEN);
	df_msg_put_str(&m, DF_M_CODING, coding_wanted);
	assert_int_equal(df_memfd_new(&out, "parcel", NULL), DF_OK);
	assert_int_equal(df_fd_dup(&fds[0], out, NULL), DF_OK);
	for (size_t i = 0; i < n; i++) {
		uint64_t length;

		fds[i + 1] = raw(&o[i], &RAW_KEY, &length);
		df_msg_init(&item, DF_MSG_NONE, 0);
		df_msg_put_u64(&item, DF_M_KIND, DF_SOURCE_RAW);
		df_msg_put(&item, DF_M_CEK, RAW_KEY.b, DF_CEK_LEN);
		df_msg_put_u64(&item, DF_M_LENGTH, length);
		df_msg_put_item(&m, DF_M_SOURCE, &item);
		df_msg_release(&item);
	}
	assert_int_equal(ask(&m, fds, n + 1, &m, &got, &why), 0);
	if (why.err != DF_OK)
		fail_msg("%s", why.text);
	assert_true(df_msg_get_u64(&m, DF_M_LENGTH, &p.length));
	check_sum(&m, out, p.length);
	for (size_t i = 0; i < n; i++) {
		char coding[16];

		assert_true(df_msg_next_item(&m, DF_M_INSTANCE, &at, &item));
		assert_true(df_msg_get_u64(&item, DF_M_RECORD, &p.record[i]));
		assert_true(df_msg_get_str(&item, DF_M_CODING, coding,
					   sizeof coding));
		if (i == 0 && n == N_FILES)
			assert_string_equal(coding, coding_wanted);
	}
	p.fd = out;
	df_buf_release(&header);
	return p;
}

static struct packed pack(const struct object *o, size_t n)
{
	return pack_as(o, n, "jpeg-ls");
}

/* As after a death: only what is needed. */
static bool careful;
static uint64_t want_bytes; /* of data sets with FACTS */

static unsigned verify(const struct packed *p, const struct df_cek *cek,
		       uint64_t length, struct df_why *why)
{
	struct df_msg m;
	unsigned n;
	int fd, got;

	assert_int_equal(df_fd_dup(&fd, p->fd, NULL), DF_OK);
	df_msg_init(&m, DF_MSG_VERIFY, 7);
	df_msg_put(&m, DF_M_CEK, cek->b, DF_CEK_LEN);
	df_msg_put_u64(&m, DF_M_LENGTH, length);
	if (careful)
		df_msg_put_u64(&m, DF_M_STATUS, 1);
	if (want_bytes > 0)
		df_msg_put_u64(&m, DF_M_WANT, want_bytes);
	n = ask(&m, &fd, 1, &m, &got, why);
	if (why->err == DF_OK)
		check_sum(&m, p->fd, length);
	return n;
}

/* The bytes of record i in the first of two transfer syntaxes (NULL: none)
 * that can be made; its name in made. NULL with *why. */
static uint8_t *restore_any(const struct packed *p, size_t i, const char *ts,
			    const char *or_ts, const char *form, size_t *len,
			    char made[65], struct df_why *why)
{
	struct df_msg m;
	int fd, got;
	uint64_t size = 0;
	uint8_t *b;

	assert_int_equal(df_fd_dup(&fd, p->fd, NULL), DF_OK);
	df_msg_init(&m, DF_MSG_RESTORE, 7);
	df_msg_put_u64(&m, DF_M_KIND, DF_SOURCE_PARCEL);
	df_msg_put(&m, DF_M_CEK, PARCEL_KEY.b, DF_CEK_LEN);
	df_msg_put_u64(&m, DF_M_LENGTH, p->length);
	df_msg_put_u64(&m, DF_M_RECORD, p->record[i]);
	df_msg_put_opt(&m, DF_M_TRANSFER_SYNTAX, ts);
	df_msg_put_opt(&m, DF_M_TRANSFER_SYNTAX, or_ts);
	df_msg_put_str(&m, DF_M_FORM, form);
	(void)ask(&m, &fd, 1, &m, &got, why);
	if (why->err != DF_OK) {
		assert_int_equal(got, -1);
		return NULL;
	}
	assert_true(df_msg_get_u64(&m, DF_M_SIZE, &size));
	assert_true(df_msg_get_str(&m, DF_M_TRANSFER_SYNTAX, made, 65));
	*len = size;
	b = df_xmalloc(size);
	assert_int_equal(df_pread_all(got, b, size, 0, NULL), DF_OK);
	df_fd_close(&got);
	return b;
}

static uint8_t *restore(const struct packed *p, size_t i, const char *ts,
			const char *form, size_t *len, struct df_why *why)
{
	char made[65];

	return restore_any(p, i, ts, NULL, form, len, made, why);
}

static void test_parcel(void **state)
{
	struct object o[N_FILES];
	struct df_why why;
	struct packed p;

	(void)state;
	for (size_t i = 0; i < N_FILES; i++)
		o[i] = load(FILES[i]);
	p = pack(o, N_FILES);
	assert_int_equal(verify(&p, &PARCEL_KEY, p.length, &why), N_FILES);
	assert_int_equal(why.err, DF_OK);
	for (size_t i = 0; i < N_FILES; i++) {
		size_t len = 0;
		uint8_t *b = restore(&p, i, NULL, "dataset", &len, &why);

		assert_non_null(b);
		assert_int_equal(len, o[i].len);
		assert_memory_equal(b, o[i].data, len);
		free(b);
		b = restore(&p, i, NULL, "part10", &len, &why);
		assert_non_null(b);
		assert_memory_equal(b + 128, "DICM", 4);
		assert_memory_equal(b + len - o[i].len, o[i].data, o[i].len);
		free(b);
	}
	df_fd_close(&p.fd);
	for (size_t i = 0; i < N_FILES; i++)
		free(o[i].data);
}

static void test_other_syntax(void **state)
{
	static const struct {
		size_t file;
		const char *ts;
		enum df_err want;
	} rows[] = {
		{0, IMPLICIT, DF_OK}, /* CT, explicit */
		{0, "1.2.840.10008.1.2.4.80", DF_OK},
		{2, LE, DF_OK},		   /* big endian */
		{6, LE, DF_OK},		   /* deflated */
		{7, LE, DF_OK},		   /* jpeg-ls */
		{4, LE, DF_E_UNSUPPORTED}, /* lossy */
	};
	struct object o[N_FILES];
	struct packed p;

	(void)state;
	for (size_t i = 0; i < N_FILES; i++)
		o[i] = load(FILES[i]);
	p = pack(o, N_FILES);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct df_why why;
		size_t len = 0;
		uint8_t *b = restore(&p, rows[i].file, rows[i].ts, "dataset",
				     &len, &why);

		if (why.err != rows[i].want)
			fail_msg("row %zu: %s %s", i, df_err_name(why.err),
				 why.text);
		free(b);
	}
	df_fd_close(&p.fd);
	for (size_t i = 0; i < N_FILES; i++)
		free(o[i].data);
}

/* A data set that came with FACTS: whole, and nobody can change it. */
static void check_handed(int fd, const struct object *o)
{
	uint8_t *b = df_xmalloc(o->len);
	uint64_t size = 0;

	assert_int_equal(df_fd_size(fd, &size, NULL), DF_OK);
	assert_int_equal(size, o->len);
	assert_int_equal(df_pread_all(fd, b, o->len, 0, NULL), DF_OK);
	assert_memory_equal(b, o->data, o->len);
	assert_int_equal(fcntl(fd, F_GET_SEALS), F_SEAL_SEAL | F_SEAL_SHRINK |
							 F_SEAL_GROW |
							 F_SEAL_WRITE);
	free(b);
}

static void test_handed_over(void **state)
{
	struct object o[N_FILES];
	struct df_why why;
	struct packed p;
	uint64_t all = 0;

	(void)state;
	for (size_t i = 0; i < N_FILES; i++) {
		o[i] = load(FILES[i]);
		all += o[i].len;
	}
	p = pack(o, N_FILES);
	assert_int_equal(verify(&p, &PARCEL_KEY, p.length, &why), N_FILES);
	for (size_t i = 0; i < N_FILES; i++)
		assert_int_equal(shown.data[i], -1); /* nobody wants them */
	want_bytes = all;
	assert_int_equal(verify(&p, &PARCEL_KEY, p.length, &why), N_FILES);
	for (size_t i = 0; i < N_FILES; i++) {
		check_handed(shown.data[i], &o[i]);
		df_fd_close(&shown.data[i]);
	}
	/* what has room, and no more; one that is too large stops no other */
	want_bytes = o[1].len + o[5].len;
	assert_true(o[0].len > want_bytes);
	assert_int_equal(verify(&p, &PARCEL_KEY, p.length, &why), N_FILES);
	assert_int_equal(shown.data[0], -1);
	check_handed(shown.data[1], &o[1]);
	for (size_t i = 0; i < N_FILES; i++) {
		all = shown.data[i] >= 0 ? o[i].len : 0;
		assert_true(want_bytes >= all);
		want_bytes -= all;
		df_fd_close(&shown.data[i]);
	}
	want_bytes = 0;
	df_fd_close(&p.fd);
	for (size_t i = 0; i < N_FILES; i++)
		free(o[i].data);
}

static void flip(int fd, uint64_t at)
{
	uint8_t b;

	assert_int_equal(df_pread_all(fd, &b, 1, at, NULL), DF_OK);
	b ^= 1;
	assert_int_equal(df_pwrite_all(fd, &b, 1, at, NULL), DF_OK);
}

/* What lies in the one fragment decodes to the pixels that came. */
static void check_encapsulated(const struct object *o, const uint8_t *b,
			       size_t len, enum df_coding coding)
{
	struct df_walk was, is;
	struct df_frame_shape shape = {0};
	uint64_t at, offset, length;
	uint8_t *pixels;

	assert_int_equal(
		df_walk(&was, o->data, o->len, DF_WALK_EXPLICIT_LE, NULL, NULL),
		DF_OK);
	assert_int_equal(df_walk(&is, b, len, DF_WALK_EXPLICIT_LE, NULL, NULL),
			 DF_OK);
	assert_int_equal(is.pixel, DF_WALK_PIXEL_ENCAPSULATED);
	assert_int_equal(is.fragments, 2);
	assert_string_equal(is.sop_instance.s, was.sop_instance.s);
	/* all that stands before the pixels is what it was, but for the length
	 * of their group, which would be wrong */
	assert_true(
		is.pixel_header == was.pixel_header ||
		(is.pixel_header == was.pixel_header - 12 &&
		 memcmp(o->data + is.pixel_header, "\xE0\x7F\0\0", 4) == 0));
	assert_memory_equal(b, o->data, is.pixel_header);
	at = is.pixel_value;
	assert_true(df_walk_fragment(&is, b, &at, &offset, &length));
	assert_int_equal(length, 4); /* one offset */
	assert_true(df_walk_fragment(&is, b, &at, &offset, &length));
	shape.columns = was.columns;
	shape.rows = was.rows;
	shape.bits = (uint8_t)was.stored;
	shape.bytes = (uint8_t)(was.allocated / 8);
	shape.samples = (uint8_t)was.samples;
	shape.sign_extended = was.representation == 1;
	pixels = df_xmalloc(df_frame_size(&shape));
	assert_int_equal(df_frame_decode(pixels, df_frame_size(&shape), coding,
					 &shape, b + offset, length, NULL),
			 DF_OK);
	assert_memory_equal(pixels, o->data + was.pixel_value,
			    df_frame_size(&shape));
	free(pixels);
}

static void test_encapsulated(void **state)
{
	static const struct {
		size_t file;
		const char *wanted, *got;
	} rows[] = {
		{0, JPEG_LS, JPEG_LS}, /* CT: the codestream of the parcel */
		{0, JPEG_2000, JPEG_2000}, /* coded now */
		{1, JPEG_LS, JPEG_LS},	   /* MR */
		{3, JPEG_2000, LE},	   /* colour would change its meaning */
		{4, JPEG_LS, "1.2.840.10008.1.2.4.50"}, /* lossy */
		{5, JPEG_LS, LE},			/* no pixels */
		{6, JPEG_LS, DEFLATED},
	};
	struct object o[N_FILES];
	struct packed p;

	(void)state;
	for (size_t i = 0; i < N_FILES; i++)
		o[i] = load(FILES[i]);
	p = pack(o, N_FILES);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const struct object *of = &o[rows[i].file];
		bool coded = strcmp(rows[i].wanted, rows[i].got) == 0;
		struct df_why why;
		char made[65];
		size_t len = 0;
		uint8_t *b = restore_any(&p, rows[i].file, rows[i].wanted,
					 of->ts, "dataset", &len, made, &why);

		if (b == NULL)
			fail_msg("row %zu: %s", i, why.text);
		assert_string_equal(made, rows[i].got);
		if (coded)
			check_encapsulated(of, b, len,
					   strcmp(made, JPEG_LS) == 0
						   ? DF_CODED_JPEG_LS
						   : DF_CODED_JPEG2000);
		else
			assert_int_equal(len, of->len);
		free(b);
	}
	df_fd_close(&p.fd);
	for (size_t i = 0; i < N_FILES; i++)
		free(o[i].data);
}

static void test_damage(void **state)
{
	struct object o = load(FILES[0]);
	struct packed p = pack(&o, 1);
	struct df_why why;

	(void)state;
	assert_int_equal(verify(&p, &RAW_KEY, p.length, &why), 0);
	assert_int_equal(why.err, DF_E_HEADER);
	for (uint64_t at = 160; at < p.length; at += p.length / 40) {
		flip(p.fd, at);
		assert_int_equal(verify(&p, &PARCEL_KEY, p.length, &why), 0);
		assert_int_not_equal(why.err, DF_OK);
		assert_int_not_equal(why.err, DF_E_BUG);
		flip(p.fd, at);
	}
	assert_int_equal(verify(&p, &PARCEL_KEY, p.length - 1, &why), 0);
	assert_int_not_equal(why.err, DF_OK);
	assert_int_equal(verify(&p, &PARCEL_KEY, p.length, &why), 1);
	assert_int_equal(why.err, DF_OK);
	df_fd_close(&p.fd);
	free(o.data);
}

/* --- reports
 * ----------------------------------------------------------------*/

static const char PDF[] = "%PDF-1.4\n% a report\n%%EOF\n";

static int memfd_of(const void *ptr, size_t len)
{
	int fd;

	assert_int_equal(df_memfd_new(&fd, "part", NULL), DF_OK);
	assert_int_equal(df_pwrite_all(fd, ptr, len, 0, NULL), DF_OK);
	return fd;
}

struct centre {
	struct df_key *ca_key, *seal_key;
	struct df_cert *ca, *seal;
	struct df_buf seal_pem;
};

static struct centre centre_new(int64_t now_ms)
{
	struct centre c = {0};

	assert_int_equal(df_key_new(&c.ca_key, NULL), DF_OK);
	assert_int_equal(df_key_new(&c.seal_key, NULL), DF_OK);
	assert_int_equal(
		df_ca_make(&c.ca, c.ca_key, df_text_of("Stadt"), now_ms, NULL),
		DF_OK);
	assert_int_equal(df_seal_issue(&c.seal, c.ca_key, c.ca, c.seal_key,
				       df_text_of("Stadt"), now_ms, NULL),
			 DF_OK);
	df_buf_init(&c.seal_pem, 65536);
	assert_int_equal(df_cert_to_pem(&c.seal_pem, c.seal, NULL), DF_OK);
	return c;
}

static void centre_free(struct centre *c)
{
	df_key_free(c->ca_key);
	df_key_free(c->seal_key);
	df_cert_free(c->ca);
	df_cert_free(c->seal);
	df_buf_release(&c->seal_pem);
}

static struct df_statement statement_of(const char *body, int64_t now_ms)
{
	struct df_statement st = {.version = 1,
				  .status = DF_REPORT_FINAL,
				  .study_uid = "1.2.3",
				  .media = DF_REPORT_PDF,
				  .role = DF_ROLE_SEAL,
				  .image_count = 1,
				  .images = {{{1}}},
				  .signed_at_ms = now_ms};

	df_id_new(&st.report_id);
	st.clinic_node = df_digest_hex(&(struct df_digest){{1}});
	st.centre_node = df_digest_hex(&(struct df_digest){{2}});
	df_sha256(&st.content, body, strlen(body));
	st.content_bytes = strlen(body);
	return st;
}

/* Seals a bundle of these parts; *length of the file. */
static int bundle(const struct df_buf *statement, const struct df_buf *cms,
		  const char *body, uint64_t *length)
{
	struct df_buf header;
	struct df_msg m;
	struct df_why why;
	int fds[4], out, got;

	parcel_header(&header, &PARCEL_KEY, DF_SEALED_REPORT);
	out = memfd_of("", 0);
	assert_int_equal(df_fd_dup(&fds[0], out, NULL), DF_OK);
	fds[1] = memfd_of(statement->ptr, statement->len);
	fds[2] = memfd_of(cms->ptr, cms->len);
	fds[3] = memfd_of(body, strlen(body));
	df_msg_init(&m, DF_MSG_SEAL_REPORT, 7);
	df_msg_put(&m, DF_M_HEADER, header.ptr, header.len);
	df_msg_put(&m, DF_M_CEK, PARCEL_KEY.b, DF_CEK_LEN);
	(void)ask(&m, fds, 4, &m, &got, &why);
	assert_int_equal(why.err, DF_OK);
	assert_true(df_msg_get_u64(&m, DF_M_LENGTH, length));
	df_buf_release(&header);
	return out;
}

static uint64_t open_report(int file, uint64_t length, int64_t now_ms,
			    const struct df_buf *seals, char reason[64])
{
	struct df_msg m;
	struct df_why why;
	uint64_t verdict = 99;
	int fds[3], got;

	assert_int_equal(df_fd_dup(&fds[0], file, NULL), DF_OK);
	fds[1] = memfd_of("", 0);
	fds[2] = memfd_of(seals->ptr, seals->len);
	df_msg_init(&m, DF_MSG_OPEN_REPORT, 7);
	df_msg_put(&m, DF_M_CEK, PARCEL_KEY.b, DF_CEK_LEN);
	df_msg_put_u64(&m, DF_M_LENGTH, length);
	df_msg_put_u64(&m, DF_M_NOW_MS, (uint64_t)now_ms);
	(void)ask(&m, fds, 3, &m, &got, &why);
	if (why.err != DF_OK)
		fail_msg("%s", why.text);
	assert_true(df_msg_get_u64(&m, DF_M_VERDICT, &verdict));
	(void)df_msg_get_str(&m, DF_M_REASON, reason, 64);
	return verdict;
}

static void test_report(void **state)
{
	int64_t now_ms = df_clock_wall_ms();
	struct centre c = centre_new(now_ms - 60000);
	struct df_statement st = statement_of(PDF, now_ms);
	struct df_buf text, cms, none = {0};
	uint64_t length;
	char reason[64], media[64];
	struct df_msg m;
	struct df_why why;
	int file, fd, got;

	(void)state;
	df_buf_init(&text, 16384);
	df_buf_init(&cms, 262144);
	assert_int_equal(df_statement_encode(&st, &text, NULL), DF_OK);
	assert_int_equal(df_report_sign(&cms, c.seal_key, c.seal, text.ptr,
					text.len, NULL),
			 DF_OK);
	file = bundle(&text, &cms, PDF, &length);
	assert_int_equal(open_report(file, length, now_ms, &c.seal_pem, reason),
			 1);
	assert_int_equal(open_report(file, length, now_ms, &none, reason), 2);
	assert_string_equal(reason, "unknown-signer");

	df_msg_init(&m, DF_MSG_REPORT_PART, 7);
	df_msg_put(&m, DF_M_CEK, PARCEL_KEY.b, DF_CEK_LEN);
	df_msg_put_u64(&m, DF_M_LENGTH, length);
	df_msg_put_str(&m, DF_M_FORM, "body");
	assert_int_equal(df_fd_dup(&fd, file, NULL), DF_OK);
	(void)ask(&m, &fd, 1, &m, &got, &why);
	assert_int_equal(why.err, DF_OK);
	assert_true(df_msg_get_str(&m, DF_M_MEDIA, media, sizeof media));
	assert_string_equal(media, "application/pdf");
	df_fd_close(&got);
	df_fd_close(&file);

	file = bundle(&text, &cms, "%PDF-1.4\n% another\n", &length);
	assert_int_equal(open_report(file, length, now_ms, &c.seal_pem, reason),
			 2);
	assert_string_equal(reason, "content-changed");
	df_fd_close(&file);
	df_buf_release(&text);
	df_buf_release(&cms);
	centre_free(&c);
}

/* --- what an image shows ---------------------------------------------------
 */

/* Of one object, by way of a parcel; false: nothing. */
static bool shows(const struct object *o, struct df_digest *d)
{
	struct packed p = pack_as(o, 1, "zstd");
	struct df_why why;

	assert_int_equal(verify(&p, &PARCEL_KEY, p.length, &why), 1);
	assert_int_equal(why.err, DF_OK);
	df_fd_close(&p.fd);
	*d = shown.d[0];
	return shown.has[0];
}

/* The same object in another transfer syntax. */
static bool in_syntax(const struct object *o, const char *ts,
		      struct object *other)
{
	struct packed p = pack_as(o, 1, "zstd");
	struct df_why why;

	*other = *o;
	other->data = restore(&p, 0, ts, "dataset", &other->len, &why);
	strcpy(other->ts, ts);
	df_fd_close(&p.fd);
	return other->data != NULL;
}

static void test_shows_the_same(void **state)
{
	static const char *const syntaxes[] = {LE,
					       IMPLICIT,
					       BE,
					       DEFLATED,
					       "1.2.840.10008.1.2.4.80",
					       "1.2.840.10008.1.2.4.90"};
	static const struct {
		const char *file;
		unsigned syntaxes; /* that it can be had in, itself too */
	} images[] = {
		{DF_TESTDATA "/dicom/ct/IM0001.dcm", 6},
		{DF_TESTDATA "/dicom/mr/epi01.dcm", 6},
		{DF_TESTDATA "/dicom/us/rgb.dcm", 5},
		{DF_TESTDATA "/dicom/syntaxes/jpeg_ls.dcm", 5},
		{DF_TESTDATA "/dicom/syntaxes/rle.dcm", 5},
		{DF_TESTDATA "/dicom/syntaxes/jpeg_lossless.dcm", 5},
	};
	struct df_digest was, is;

	(void)state;
	for (size_t i = 0; i < sizeof images / sizeof *images; i++) {
		struct object o = load(images[i].file), other;
		unsigned n = 0;

		assert_true(shows(&o, &was));
		for (size_t k = 0; k < sizeof syntaxes / sizeof *syntaxes;
		     k++) {
			if (!in_syntax(&o, syntaxes[k], &other))
				continue;
			n++;
			assert_true(shows(&other, &is));
			if (!df_digest_same(&was, &is))
				fail_msg("%s differs in %s", images[i].file,
					 syntaxes[k]);
			free(other.data);
		}
		if (n < images[i].syntaxes)
			fail_msg("%s: %u syntaxes", images[i].file, n);
		free(o.data);
	}
}

/* One sample, the time, where it lies, what a value means, or nothing but
 * black: and of a report nothing. */
static void test_shows_another(void **state)
{
	static const char *const tells[] = {
		"\x08\0\x32\0TM",
		"\x20\0\x32\0DS",
		"\x20\0\x37\0DS",
		"\x28\0\x30\0DS",
		"\x28\0\x52\x10"
		"DS",
	};
	struct object o = load(FILES[0]), black = o, sr = load(FILES[5]);
	struct df_digest was, is;
	struct df_walk w;

	(void)state;
	assert_int_equal(
		df_walk(&w, o.data, o.len, DF_WALK_EXPLICIT_LE, NULL, NULL),
		DF_OK);
	assert_true(shows(&o, &was));
	o.data[w.pixel_value + 1000] ^= 1;
	assert_true(shows(&o, &is));
	assert_false(df_digest_same(&was, &is));
	o.data[w.pixel_value + 1000] ^= 1;
	for (size_t i = 0; i < sizeof tells / sizeof *tells; i++) {
		uint8_t *value = memmem(o.data, o.len, tells[i], 6);

		assert_non_null(value);
		value[8] ^= 1;
		assert_true(shows(&o, &is));
		assert_false(df_digest_same(&was, &is));
		value[8] ^= 1;
		assert_true(shows(&o, &is));
		assert_true(df_digest_same(&was, &is));
	}
	memset(black.data + w.pixel_value, 0, w.pixel_length);
	assert_false(shows(&black, &is));
	assert_false(shows(&sr, &is));
	free(o.data);
	free(sr.data);
}

static void set_us(struct object *o, const char *tag_vr, uint16_t v)
{
	uint8_t *at = memmem(o->data, o->len, tag_vr, 6);

	assert_non_null(at);
	at[8] = (uint8_t)v;
	at[9] = (uint8_t)(v >> 8);
}

/* What a cell died of is not decoded for a digest again; nor is what says that
 * it is gigabytes. */
static void test_shows_nothing(void **state)
{
	static const char *const files[] = {
		DF_TESTDATA "/dicom/syntaxes/jpeg_ls.dcm",
		DF_TESTDATA "/dicom/syntaxes/rle.dcm"};
	struct df_digest d;

	(void)state;
	for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
		struct object o = load(files[i]);

		assert_true(shows(&o, &d));
		careful = true;
		assert_false(shows(&o, &d));
		careful = false;
		set_us(&o, "\x28\0\x10\0US", 60000);
		set_us(&o, "\x28\0\x11\0US", 60000);
		assert_false(shows(&o, &d));
		free(o.data);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_inspect),
		cmocka_unit_test(test_inspect_refuses),
		cmocka_unit_test(test_parcel),
		cmocka_unit_test(test_handed_over),
		cmocka_unit_test(test_other_syntax),
		cmocka_unit_test(test_encapsulated),
		cmocka_unit_test(test_damage),
		cmocka_unit_test(test_report),
		cmocka_unit_test(test_shows_the_same),
		cmocka_unit_test(test_shows_another),
		cmocka_unit_test(test_shows_nothing),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
