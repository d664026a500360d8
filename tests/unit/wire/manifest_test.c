/* manifest_test.c - manifest and receipt: one meaning, one text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "df/manifest.h"
#include "df/receipt.h"

#define NODE "1f825aa2f0020ef7cf91dfa30da4668d791c5d4824fc8e41354b89ec05795ab3"

static struct df_digest digest_of(uint8_t v)
{
	struct df_digest d;

	memset(d.b, v, sizeof d.b);
	return d;
}

static void add_instance(struct df_manifest *m, const char *uid, uint8_t v)
{
	struct df_manifest_instance i = {.size_bytes = v * 1000u};

	assert_int_equal(df_str_copy(i.sop_instance, sizeof i.sop_instance,
				     df_text_of(uid)),
			 DF_OK);
	i.digest = digest_of(v);
	assert_int_equal(df_manifest_add_instance(m, &i, NULL), DF_OK);
}

static void add_parcel(struct df_manifest *m, uint64_t epoch, uint64_t seq)
{
	struct df_manifest_parcel p = {.epoch = epoch, .sequence = seq};

	memset(p.id, (int)seq, sizeof p.id);
	p.h0 = digest_of((uint8_t)(100 + seq));
	assert_int_equal(df_manifest_add_parcel(m, &p, NULL), DF_OK);
}

static void sample(struct df_manifest *m)
{
	*m = (struct df_manifest){.version = 2, .created_ms = 1795309323000};
	df_str_fmt(m->study_uid, sizeof m->study_uid, "1.2.840.1");
	df_str_fmt(m->clinic_node.s, sizeof m->clinic_node.s, NODE);
	df_str_fmt(m->close_reason, sizeof m->close_reason, "late-instance");
	m->previous = digest_of(7);
	add_instance(m, "1.2.840.1.9", 9);
	add_instance(m, "1.2.840.1.10", 10);
	add_parcel(m, 5, 2);
	add_parcel(m, 5, 1);
}

static char *read_golden(const char *name, size_t *len)
{
	char path[512];
	FILE *f;
	char *p;
	long n;

	df_str_fmt(path, sizeof path, "%s/golden/%s", DF_TESTDATA, name);
	f = fopen(path, "rb");
	if (f == NULL)
		fail_msg("no %s", path);
	assert_int_equal(fseek(f, 0, SEEK_END), 0);
	n = ftell(f);
	rewind(f);
	p = df_xmalloc((uint64_t)n + 1);
	*len = fread(p, 1, (size_t)n, f);
	assert_int_equal(*len, n);
	p[n] = '\0';
	assert_int_equal(fclose(f), 0);
	return p;
}

static void test_golden(void **state)
{
	struct df_manifest m, back = {0};
	struct df_why why = {0};
	struct df_buf out;
	size_t len;
	char *want = read_golden("manifest-1.txt", &len);

	(void)state;
	sample(&m);
	df_buf_init(&out, DF_MANIFEST_BYTES_MAX);
	assert_int_equal(df_manifest_encode(&m, &out, &why), DF_OK);
	assert_int_equal(out.len, len);
	assert_memory_equal(out.ptr, want, len);
	if (df_manifest_decode((struct df_text){want, len}, &back, &why))
		fail_msg("%s", why.text);
	assert_int_equal(back.instance_count, 2);
	assert_int_equal(back.parcels[1].sequence, 2);
	assert_int_equal(back.created_ms, m.created_ms);
	assert_non_null(df_manifest_find(&back, "1.2.840.1.9"));
	assert_null(df_manifest_find(&back, "1.2.840.1.11"));
	df_manifest_release(&m);
	df_manifest_release(&back);
	df_buf_release(&out);
	free(want);
}

/* Every single changed byte is refused or means something else; every
 * truncation is refused. */
static void test_damage(void **state)
{
	struct df_manifest back;
	struct df_buf out;
	size_t len, i;
	char *text = read_golden("manifest-1.txt", &len);

	(void)state;
	df_buf_init(&out, DF_MANIFEST_BYTES_MAX);
	for (i = 0; i < len; i++) {
		back = (struct df_manifest){0};
		assert_int_not_equal(
			df_manifest_decode((struct df_text){text, i}, &back,
					   NULL),
			DF_OK);
		df_manifest_release(&back);
		text[i] ^= 1;
		df_buf_clear(&out);
		if (!df_manifest_decode((struct df_text){text, len}, &back,
					NULL)) {
			assert_int_equal(df_manifest_encode(&back, &out, NULL),
					 DF_OK);
			assert_memory_equal(out.ptr, text, len);
		}
		df_manifest_release(&back);
		text[i] ^= 1;
	}
	df_buf_release(&out);
	free(text);
}

static void test_encode_refuses(void **state)
{
	static const char *const NAMES[] = {"study",   "version", "node",
					    "reason",  "twice",	  "sequence",
					    "nothing", "previous"};
	struct df_manifest m;
	struct df_buf out;
	size_t i;

	(void)state;
	df_buf_init(&out, DF_MANIFEST_BYTES_MAX);
	for (i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++) {
		sample(&m);
		switch (i) {
		case 0:
			m.study_uid[0] = 'x';
			break;
		case 1:
			m.version = 0;
			break;
		case 2:
			m.clinic_node.s[3] = 'A';
			break;
		case 3:
			m.close_reason[0] = ' ';
			break;
		case 4:
			add_instance(&m, "1.2.840.1.9", 11);
			break;
		case 5:
			add_parcel(&m, 5, 2);
			break;
		case 6:
			m.instance_count = 0;
			break;
		default:
			m.version = 1;
			break;
		}
		if (df_manifest_encode(&m, &out, NULL) != DF_E_FORMAT)
			fail_msg("accepted: %s", NAMES[i]);
		df_manifest_release(&m);
	}
	df_buf_release(&out);
}

static void test_limits(void **state)
{
	struct df_manifest_instance x = {.sop_instance = "1.2"};
	struct df_manifest m = {0};
	struct df_text text = {NULL, DF_MANIFEST_BYTES_MAX + 1};
	size_t i;

	(void)state;
	for (i = 0; i < DF_MANIFEST_INSTANCES_MAX; i++)
		assert_int_equal(df_manifest_add_instance(&m, &x, NULL), DF_OK);
	assert_int_equal(df_manifest_add_instance(&m, &x, NULL), DF_E_LIMIT);
	df_manifest_release(&m);
	text.ptr = "";
	assert_int_equal(df_manifest_decode(text, &m, NULL), DF_E_LIMIT);
	df_manifest_release(&m);
}

static void test_receipt(void **state)
{
	struct df_receipt r = {.version = 2, .held = 2, .at_ms = 1795309324000};
	struct df_receipt back;
	struct df_manifest m;
	struct df_digest d = digest_of(3), other = digest_of(4);
	struct df_buf out;
	size_t len;
	char *want = read_golden("receipt-1.txt", &len);

	(void)state;
	sample(&m);
	r.manifest = d;
	df_str_fmt(r.study_uid, sizeof r.study_uid, "1.2.840.1");
	df_str_fmt(r.centre_node.s, sizeof r.centre_node.s, NODE);
	df_buf_init(&out, DF_RECEIPT_BYTES_MAX);
	assert_int_equal(df_receipt_encode(&r, &out, NULL), DF_OK);
	assert_int_equal(out.len, len);
	assert_memory_equal(out.ptr, want, len);
	assert_int_equal(
		df_receipt_decode((struct df_text){want, len}, &back, NULL),
		DF_OK);
	assert_int_equal(df_receipt_match(&back, &m, &d, NULL), DF_OK);
	assert_int_equal(df_receipt_match(&back, &m, &other, NULL),
			 DF_E_MANIFEST);
	back.held = 1;
	assert_int_equal(df_receipt_match(&back, &m, &d, NULL), DF_E_MANIFEST);
	back.held = 2;
	m.version = 3;
	assert_int_equal(df_receipt_match(&back, &m, &d, NULL), DF_E_MANIFEST);
	assert_int_equal(
		df_receipt_decode((struct df_text){want, len - 1}, &back, NULL),
		DF_E_FORMAT);
	df_manifest_release(&m);
	df_buf_release(&out);
	free(want);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_golden),
		cmocka_unit_test(test_damage),
		cmocka_unit_test(test_encode_refuses),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_receipt),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
