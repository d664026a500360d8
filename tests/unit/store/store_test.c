/*
 * store_test.c - index.db: facts in, studies and reports out, nothing readable.
 */
#include "store_fixture.h"

#define PEER "1f825aa2f0020ef7cf91dfa30da4668d791c5d4824fc8e41354b89ec05795ab3"

static struct df_store_instance sample(const char *uid, int digest)
{
	struct df_store_instance i = {
		.object = df_text_of("object-a"),
		.study_uid = df_text_of("1.2.3"),
		.series_uid = df_text_of("1.2.3.4"),
		.sop_instance = df_text_of(uid),
		.sop_class = df_text_of("1.2.840.10008.5.1.4.1.1.2"),
		.transfer_syntax = df_text_of("1.2.840.10008.1.2.1"),
		.modality = df_text_of("CT"),
		.size_bytes = 1000,
		.received_ms = 5000,
	};

	memset(i.digest.b, digest, sizeof i.digest.b);
	i.ident[DF_IDENT_PATIENT_NAME] = df_text_of("Wang^XiaoDong=王^小东");
	i.ident[DF_IDENT_PATIENT_ID] = df_text_of("PID-77aX");
	i.ident[DF_IDENT_PATIENT_ID_ISSUER] = df_text_of("HospitalA");
	i.ident[DF_IDENT_BIRTH_DATE] = df_text_of("19700102");
	i.ident[DF_IDENT_SEX] = df_text_of("M");
	i.ident[DF_IDENT_ACCESSION] = df_text_of("ACC-2026-001");
	i.ident[DF_IDENT_STUDY_DESCRIPTION] = df_text_of("Thorax nativ");
	return i;
}

static void test_study(void **state)
{
	struct home *h = *state;
	struct df_store_instance i = sample("1.2.3.4.1", 1);
	struct df_store_study st;

	put(h, &i);
	put(h, &i); /* again: nothing changes */
	i = sample("1.2.3.4.2", 2);
	i.series_uid = df_text_of("1.2.3.5");
	i.modality = df_text_of("SR");
	i.received_ms = 6000;
	put(h, &i);
	reopen(h);
	assert_int_equal(df_store_study(h->store, "1.2.3", NULL, &st, NULL),
			 DF_OK);
	assert_string_equal(st.ident[DF_IDENT_PATIENT_NAME],
			    "Wang^XiaoDong=王^小东");
	assert_string_equal(st.ident[DF_IDENT_ACCESSION], "ACC-2026-001");
	assert_string_equal(st.ident[DF_IDENT_STUDY_DATE], "");
	assert_string_equal(st.modalities, "CT/SR");
	assert_int_equal(st.instances, 2);
	assert_int_equal(st.series, 2);
	assert_int_equal(st.bytes, 2000);
	assert_int_equal(st.first_ms, 5000);
	assert_int_equal(st.last_ms, 6000);
	assert_false(st.mixed);
	assert_int_equal(df_store_study(h->store, "9.9", NULL, &st, NULL),
			 DF_E_NOTFOUND);
}

static void test_identity(void **state)
{
	static const struct {
		const char *name;
		enum df_ident field;
		const char *value;
		bool mixed;
	} CASES[] = {
		{"same, typed otherwise", DF_IDENT_PATIENT_ID,
		 " ｐｉｄ-７７ax ", false},
		{"name with empty components", DF_IDENT_PATIENT_NAME,
		 "Wang^XiaoDong=王^小东^^", false},
		{"no name", DF_IDENT_PATIENT_NAME, "", false},
		{"no id", DF_IDENT_PATIENT_ID, "", false},
		{"another id", DF_IDENT_PATIENT_ID, "PID-78", true},
		{"another name", DF_IDENT_PATIENT_NAME, "Li^Si", true},
		{"another birth date", DF_IDENT_BIRTH_DATE, "19800102", true},
		{"another issuer", DF_IDENT_PATIENT_ID_ISSUER, "B", true},
	};
	struct home *h = *state;
	struct df_store_study st;
	char uid[32];
	size_t n;

	for (n = 0; n < sizeof CASES / sizeof CASES[0]; n++) {
		struct df_store_instance i = sample("1.2.3.4.1", 1);

		df_str_fmt(uid, sizeof uid, "1.2.3.%zu", n);
		i.study_uid = df_text_of(uid);
		put(h, &i);
		i.sop_instance = df_text_of("1.2.3.4.2");
		i.ident[CASES[n].field] = df_text_of(CASES[n].value);
		put(h, &i);
		assert_int_equal(df_store_study(h->store, uid, NULL, &st, NULL),
				 DF_OK);
		if (st.mixed != CASES[n].mixed)
			fail_msg("%s: mixed %d", CASES[n].name, st.mixed);
		/* never overwritten by the later one */
		assert_string_equal(st.ident[DF_IDENT_PATIENT_ID], "PID-77aX");
	}
}

static void test_tenants(void **state)
{
	struct home *h = *state;
	struct df_store_instance i = sample("1.2.3.4.1", 1);
	struct df_store_study st;

	i.peer = df_text_of(PEER);
	put(h, &i);
	assert_int_equal(df_store_study(h->store, "1.2.3", NULL, &st, NULL),
			 DF_OK);
	assert_string_equal(st.peer, PEER);
	i.peer = df_text_of("");
	put(h, &i);
	assert_int_equal(df_store_study(h->store, "1.2.3", NULL, &st, NULL),
			 DF_OK);
	assert_string_equal(st.peer, PEER);
	i.peer = df_text_of("another clinic");
	put(h, &i);
	assert_int_equal(df_store_study(h->store, "1.2.3", NULL, &st, NULL),
			 DF_E_CONFLICT);
	assert_int_equal(df_store_study(h->store, "1.2.3", "", &st, NULL),
			 DF_OK);
	assert_int_equal(df_store_study(h->store, "1.2.3", PEER, &st, NULL),
			 DF_OK);
}

static void test_bounds(void **state)
{
	struct home *h = *state;
	struct df_store_instance i = sample("1.2.3.4.1", 1);
	struct df_store_study st;
	static char big[3 * 200 + 1];
	size_t n;

	for (n = 0; n < 200; n++)
		memcpy(big + 3 * n, "王", 3);
	i.ident[DF_IDENT_PATIENT_NAME] = df_text_of(big);
	put(h, &i);
	assert_int_equal(df_store_study(h->store, "1.2.3", NULL, &st, NULL),
			 DF_OK);
	assert_int_equal(strlen(st.ident[DF_IDENT_PATIENT_NAME]), 303);
	i = sample("", 1);
	assert_int_equal(df_store_begin(h->store, NULL), DF_OK);
	assert_int_equal(df_store_put_instance(h->store, &i, NULL),
			 DF_E_FORMAT);
	df_store_abandon(h->store);
	i = (struct df_store_instance){.study_uid = df_text_of("1.7"),
				       .series_uid = df_text_of("1.7.1"),
				       .sop_instance = df_text_of("1.7.2")};
	put(h, &i); /* anonymous */
	assert_int_equal(df_store_study(h->store, "1.7", NULL, &st, NULL),
			 DF_OK);
	assert_string_equal(st.ident[DF_IDENT_PATIENT_ID], "");
}

static void test_abandon(void **state)
{
	struct home *h = *state;
	struct df_store_instance i = sample("1.2.3.4.1", 1);
	struct df_store_study st;

	assert_int_equal(df_store_begin(h->store, NULL), DF_OK);
	assert_int_equal(df_store_put_instance(h->store, &i, NULL), DF_OK);
	df_store_abandon(h->store);
	assert_int_equal(df_store_study(h->store, "1.2.3", NULL, &st, NULL),
			 DF_E_NOTFOUND);
}

static enum df_err count_one(void *ctx, const struct df_store_study *st)
{
	int *n = ctx;

	(void)st;
	++*n;
	return DF_OK;
}

static void test_list(void **state)
{
	struct home *h = *state;
	struct df_store_instance i = sample("1.2.3.4.1", 1);
	char uid[32];
	int n = 0, k;

	for (k = 0; k < 5; k++) {
		df_str_fmt(uid, sizeof uid, "1.2.%d", k);
		i.study_uid = df_text_of(uid);
		put(h, &i);
	}
	assert_int_equal(df_store_studies(h->store, 3, count_one, &n, NULL),
			 DF_OK);
	assert_int_equal(n, 3);
}

static struct df_store_report report(const char *object, uint32_t version)
{
	struct df_store_report r = {.version = version,
				    .accepted = true,
				    .received_ms = 100 + version};

	df_str_fmt(r.object, sizeof r.object, "%s", object);
	df_str_fmt(r.report_id, sizeof r.report_id, "report-a");
	df_str_fmt(r.study_uid, sizeof r.study_uid, "1.2.3");
	df_str_fmt(r.signer, sizeof r.signer, "Dr. Zhang San");
	r.text = df_text_of("patient-id: PID-77aX\n");
	memset(r.statement.b, (int)version, sizeof r.statement.b);
	return r;
}

static void put_report(struct home *h, const struct df_store_report *r)
{
	assert_int_equal(df_store_begin(h->store, NULL), DF_OK);
	assert_int_equal(df_store_put_report(h->store, r, NULL), DF_OK);
	assert_int_equal(df_store_commit(h->store, NULL), DF_OK);
}

struct seen {
	int n;
	char last[32];
};

static enum df_err see(void *ctx, const struct df_store_report *r)
{
	struct seen *s = ctx;

	s->n++;
	df_str_fmt(s->last, sizeof s->last, "%s", r->object);
	return DF_OK;
}

static void test_reports(void **state)
{
	struct home *h = *state;
	struct df_store_report r = report("o1", 1), out;
	struct seen seen = {0};
	struct df_buf text;

	df_buf_init(&text, 65536);
	put_report(h, &r);
	r = report("o3", 3);
	put_report(h, &r);
	r = report("o9", 9);
	r.accepted = false;
	put_report(h, &r);
	put_report(h, &r);
	reopen(h);
	assert_int_equal(df_store_report(h->store, "o1", &out, &text, NULL),
			 DF_OK);
	assert_string_equal(out.signer, "Dr. Zhang San");
	assert_int_equal(out.text.len, 21);
	assert_memory_equal(out.text.ptr, "patient-id: PID-77aX\n", 21);
	assert_int_equal(df_store_report(h->store, "o2", &out, &text, NULL),
			 DF_E_NOTFOUND);
	assert_int_equal(df_store_report_version(h->store, "1.2.3", "report-a",
						 0, &out, &text, NULL),
			 DF_OK);
	assert_int_equal(out.version, 3);
	assert_int_equal(df_store_report_version(h->store, "1.2.3", "report-a",
						 2, &out, &text, NULL),
			 DF_E_NOTFOUND);
	assert_int_equal(df_store_reports(h->store, NULL, see, &seen, NULL),
			 DF_OK);
	assert_int_equal(seen.n, 3);
	assert_string_equal(seen.last, "o9");
	assert_int_equal(df_store_reports(h->store, "1.9", see, &seen, NULL),
			 DF_OK);
	assert_int_equal(seen.n, 3);
	df_buf_release(&text);
}

static void test_wrong_key(void **state)
{
	struct home *h = *state;
	struct df_column_cipher c = toy();
	struct df_store *other;

	df_store_close(h->store);
	key = 43;
	assert_int_equal(df_store_open(&other, h->path, &c, NULL), DF_E_KEY);
	assert_null(other);
	key = 42;
	assert_int_equal(df_store_open(&h->store, h->path, &c, NULL), DF_OK);
}

/* Nothing that identifies is in the file or its log, before and after. */
static void search(const char *path)
{
	static const char *const SECRET[] = {
		"Wang",	     "XiaoDong", "王",	     "PID-77", "pid-77",
		"HospitalA", "19700102", "ACC-2026", "Thorax", "Zhang"};
	FILE *f = fopen(path, "rb");
	char *p;
	size_t n, i;

	if (f == NULL)
		return;
	p = df_xmalloc(8 << 20);
	n = fread(p, 1, 8 << 20, f);
	assert_int_equal(fclose(f), 0);
	for (i = 0; i < sizeof SECRET / sizeof SECRET[0]; i++)
		if (memmem(p, n, SECRET[i], strlen(SECRET[i])) != NULL)
			fail_msg("%s holds '%s'", path, SECRET[i]);
	free(p);
}

static enum df_err count_study(void *ctx, const struct df_store_study *st)
{
	(void)st; /* each is one */
	++*(unsigned *)ctx;
	return DF_OK;
}

static void test_success_says_nothing(void **state)
{
	struct home *h = *state;
	struct df_store_instance i = sample("1.2.3.4.1", 1);
	struct df_store_study st;
	struct df_why why = {0};
	unsigned n = 0;
	uint64_t v;

	put(h, &i);
	assert_int_equal(df_store_study(h->store, "1.2.3", NULL, &st, &why),
			 DF_OK);
	assert_int_equal(df_store_studies(h->store, 9, count_study, &n, &why),
			 DF_OK);
	assert_int_equal(n, 1);
	assert_int_equal(df_store_number(h->store, "none", &v, &why), DF_OK);
	assert_int_equal(why.err, DF_OK);
	assert_string_equal(why.text, "");
}

static void test_nothing_readable(void **state)
{
	struct home *h = *state;
	struct df_store_instance i = sample("1.2.3.4.1", 1);
	struct df_store_report r = report("o1", 1);
	char wal[128];

	put(h, &i);
	put_report(h, &r);
	df_str_fmt(wal, sizeof wal, "%s-wal", h->path);
	search(h->path);
	search(wal);
	reopen(h);
	search(h->path);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, up, down)
	const struct CMUnitTest tests[] = {
		T(test_study),
		T(test_identity),
		T(test_tenants),
		T(test_bounds),
		T(test_abandon),
		T(test_list),
		T(test_reports),
		T(test_wrong_key),
		T(test_nothing_readable),
		T(test_success_says_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
