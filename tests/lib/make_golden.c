/*
 * make_golden.c - writes sealed objects with the keys that open them, once for
 * each version of the format: make-golden DIR [FUZZ-DIR]
 *
 * The files are kept for ever and never written again: what one version
 * sealed, every later one opens (tests/unit/crypto/golden_test.c), and so does
 * a reader that shares no code with us (tests/lib/dfenv_open.py).
 */
#include "parcel.h"

#include "df/sign.h"

static const char *dir;

static void save(const char *where, const char *name, const void *ptr,
		 size_t len)
{
	char path[512];
	FILE *f;

	df_str_fmt(path, sizeof path, "%s/%s", where, name);
	f = fopen(path, "wb");
	if (f == NULL || fwrite(ptr, 1, len, f) != len || fclose(f) != 0)
		df_bug("cannot write %s", path);
}

static void save_cert(const char *name, const struct df_cert *cert)
{
	struct df_buf b;

	df_buf_init(&b, DF_PEM_MAX);
	must(df_cert_to_pem(&b, cert, NULL));
	save(dir, name, b.ptr, b.len);
	df_buf_release(&b);
}

static void save_key(const char *name, const struct df_key *key)
{
	struct df_buf b;

	df_buf_init(&b, DF_PEM_MAX);
	must(df_key_to_pem(&b, key, NULL));
	save(dir, name, b.ptr, b.len);
	df_buf_wipe(&b);
}

/* Bytes that look like nothing and need no file: SHA-256 of a counter. */
static void pattern(struct df_buf *out, size_t len)
{
	struct df_digest d;
	uint8_t n[8];
	size_t i;

	for (i = 0; i * sizeof d.b < len; i++) {
		df_put_u64(n, i);
		df_sha256(&d, n, sizeof n);
		must(df_buf_add(out, d.b, sizeof d.b, NULL));
	}
	out->len = len;
}

static void expect(FILE *list, const char *name, const struct df_buf *plain)
{
	struct df_digest d;
	struct df_hex hex;

	df_sha256(&d, plain->ptr, plain->len);
	hex = df_digest_hex(&d);
	(void)fprintf(list, "%s %zu %s\n", name, plain->len, hex.s);
}

/* Seals plain, saves it, gives H0 for the next one's `previous`. */
static void parcel(FILE *list, const char *name, const struct parcel_nodes *n,
		   struct df_sealed_core *core, const struct df_buf *plain,
		   struct df_buf *out)
{
	df_buf_clear(out);
	parcel_seal(out, n, core, plain->ptr, plain->len);
	df_sha256(&core->previous, out->ptr, DF_SEALED_CORE_LEN);
	save(dir, name, out->ptr, out->len);
	expect(list, name, plain);
}

static void record(struct df_buf *out, struct df_record_contents *c,
		   enum df_record_type type, const char *name, const void *ptr,
		   size_t len)
{
	struct df_record_frame f = {.type = type, .body_len = len};
	struct df_record_entry e = {.offset = out->len};
	uint8_t frame[DF_RECORD_FRAME_LEN];

	df_str_fmt(e.name, sizeof e.name, "%s", name);
	df_sha256(&e.digest, ptr, len);
	must(df_record_contents_add(c, &e, NULL));
	df_record_frame_encode(frame, &f);
	must(df_buf_add(out, frame, sizeof frame, NULL));
	must(df_buf_add(out, ptr, len, NULL));
}

static void report(struct df_buf *out, const struct parcel_nodes *n)
{
	static const char text[] = "dcmf-report: 1\nreport-id: golden\n";
	struct df_record_contents c = {0};
	struct df_buf cms;

	df_buf_init(&cms, DF_SIGN_CMS_MAX);
	must(df_report_sign(&cms, n->clinic_key, n->clinic, text,
			    sizeof text - 1, NULL));
	record(out, &c, DF_RECORD_STATEMENT, "statement", text,
	       sizeof text - 1);
	record(out, &c, DF_RECORD_CMS, "cms", cms.ptr, cms.len);
	record(out, &c, DF_RECORD_BODY, "body", "%PDF-1.4 golden", 15);
	must(df_record_contents_encode(out, &c, NULL));
	df_record_contents_release(&c);
	df_buf_release(&cms);
}

static void rest(FILE *list, const struct df_buf *plain, struct df_buf *out)
{
	struct df_sealed_core core = {.content = DF_SEALED_REST,
				      .suite = DF_SUITE_AES256GCM,
				      .created_ms = NOW_MS};
	uint8_t bytes[DF_SEALED_CORE_LEN], kek[DF_KEK_LEN], w[DF_WRAPPED_LEN];
	struct df_cek cek = {{1}}; /* the one that sealed_fuzz knows */
	struct df_sealer s = {0};

	df_random(core.id, sizeof core.id);
	df_random(kek, sizeof kek);
	df_sealed_core_encode(bytes, &core);
	df_kek_wrap(w, kek, &cek);
	df_buf_clear(out);
	must(df_seal_rest_header(out, bytes, &cek, w, NULL));
	must(df_seal_init(&s, bytes, &cek, parcel_sink, out, NULL));
	must(df_seal_update(&s, plain->ptr, plain->len, NULL));
	must(df_seal_finish(&s, NULL));
	df_seal_release(&s);
	save(dir, "kek", kek, sizeof kek);
	save(dir, "rest.dfenv", out->ptr, out->len);
	expect(list, "rest.dfenv", plain);
}

static void make(FILE *list, const char *fuzz)
{
	struct df_sealed_core core = {.content = DF_SEALED_PARCEL,
				      .suite = DF_SUITE_AES256GCM,
				      .epoch = 1,
				      .sequence = 1,
				      .created_ms = NOW_MS};
	struct df_buf body, plain, out;
	struct parcel_nodes n;
	char seeds[512];

	df_buf_init(&body, 1 << 20);
	df_buf_init(&plain, 1 << 20);
	df_buf_init(&out, 1 << 21);
	parcel_nodes_make(&n);
	save_cert("ca.crt", n.ca);
	save_cert("centre.crt", n.centre);
	save_cert("clinic.crt", n.clinic);
	save_key("centre.key", n.centre_key);
	save_key("clinic.key", n.clinic_key);
	pattern(&body, 1000);
	parcel_records(&plain, body.ptr, body.len);
	parcel(list, "small.dfenv", &n, &core, &plain, &out);
	df_str_fmt(seeds, sizeof seeds, "%s/sealed", fuzz);
	save(seeds, "small", out.ptr, out.len);
	df_str_fmt(seeds, sizeof seeds, "%s/record", fuzz);
	save(seeds, "instance", plain.ptr, plain.len);
	rest(list, &body, &out);
	df_str_fmt(seeds, sizeof seeds, "%s/sealed", fuzz);
	save(seeds, "rest", out.ptr, out.len);
	save(seeds, "cut", out.ptr, 200);
	df_buf_clear(&body); /* three chunks of 64 KiB, the last one short */
	df_buf_clear(&plain);
	pattern(&body, 140000);
	parcel_records(&plain, body.ptr, body.len);
	core.sequence = 2;
	core.chunk_log2 = 16;
	parcel(list, "chunks.dfenv", &n, &core, &plain, &out);
	df_buf_clear(&plain);
	report(&plain, &n);
	core = (struct df_sealed_core){.content = DF_SEALED_REPORT,
				       .suite = DF_SUITE_AES256GCM,
				       .epoch = 1,
				       .sequence = 1,
				       .created_ms = NOW_MS};
	parcel(list, "report.dfenv", &n, &core, &plain, &out);
	df_str_fmt(seeds, sizeof seeds, "%s/record", fuzz);
	save(seeds, "report", plain.ptr, plain.len);
	df_buf_release(&body);
	df_buf_release(&plain);
	df_buf_release(&out);
	parcel_nodes_release(&n);
}

int main(int argc, char **argv)
{
	char path[512];
	FILE *list;

	if (argc != 3) {
		(void)fputs("usage: make-golden DIR FUZZ-DIR\n", stderr);
		return 2;
	}
	dir = argv[1];
	df_str_fmt(path, sizeof path, "%s/expect", dir);
	list = fopen(path, "wx"); /* never over an old set */
	if (list == NULL) {
		(void)fprintf(stderr, "cannot make %s\n", path);
		return 1;
	}
	make(list, argv[2]);
	return fclose(list) == 0 ? 0 : 1;
}
