/*
 * commitment_test.c - storage commitment: data sets in both layouts, as other
 * programs write them and as nobody should.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "df/commitment.h"

#define CT "1.2.840.10008.5.1.4.1.1.2"

static void add(struct df_references *l, const char *uid, uint16_t reason)
{
	struct df_reference r = {.sop_class = CT, .reason = reason};

	df_str_fmt(r.sop_instance, sizeof r.sop_instance, "%s", uid);
	assert_int_equal(df_references_add(l, &r, NULL), DF_OK);
}

static void round_trip(void **state)
{
	struct df_commitment c = {.transaction = "2.25.77"}, back;
	struct df_buf out;

	(void)state;
	add(&c.refs, "1.2.3", 0);
	add(&c.refs, "1.2.34", DF_REFERENCE_NO_SUCH_INSTANCE);
	add(&c.refs, "1.2.345", 0);
	for (int explicit_vr = 0; explicit_vr < 2; explicit_vr++) {
		df_buf_init(&out, DF_COMMITMENT_DATASET_MAX);
		assert_int_equal(
			df_commitment_encode(&out, &c, explicit_vr, NULL),
			DF_OK);
		assert_int_equal(out.len % 2, 0);
		assert_int_equal(df_commitment_decode(&back, out.ptr, out.len,
						      explicit_vr, NULL),
				 DF_OK);
		assert_string_equal(back.transaction, "2.25.77");
		assert_int_equal(back.refs.n, 3);
		/* failed ones stand first: their tag is smaller */
		assert_string_equal(back.refs.v[0].sop_instance, "1.2.34");
		assert_int_equal(back.refs.v[0].reason, 0x0112);
		assert_string_equal(back.refs.v[2].sop_instance, "1.2.345");
		assert_string_equal(back.refs.v[2].sop_class, CT);
		df_commitment_release(&back);
		/* every cut is refused, or is a whole without its end */
		for (size_t cut = 0; cut < out.len; cut++) {
			uint8_t *part = malloc(cut + 1);

			memcpy(part, out.ptr, cut);
			if (df_commitment_decode(&back, part, cut, explicit_vr,
						 NULL) == DF_OK)
				assert_int_equal(back.refs.n, 1);
			df_commitment_release(&back);
			free(part);
		}
		df_buf_release(&out);
	}
	df_commitment_release(&c);
}

/* Undefined lengths, elements that nobody asked for, nested ones too. */
static void as_others_write(void **state)
{
	static const uint8_t bytes[] =
		"\x08\x00\x54\x00\x04\0\0\0PACS"	     /* retrieve AE */
		"\x08\x00\x11\x11\xff\xff\xff\xff"	     /* MPPS: a sequence */
		"\xfe\xff\x00\xe0\xff\xff\xff\xff"
		"\x08\x00\x50\x11\x04\0\0\0" "1.9\0"
		"\xfe\xff\x0d\xe0\0\0\0\0"
		"\xfe\xff\xdd\xe0\0\0\0\0"
		"\x08\x00\x95\x11\x06\0\0\0" "1.2.7\0"
		"\x08\x00\x99\x11\xff\xff\xff\xff"
		"\xfe\xff\x00\xe0\xff\xff\xff\xff"
		"\x08\x00\x50\x11\x04\0\0\0" "1.5\0"
		"\x08\x00\x55\x11\x04\0\0\0" "1.6\0"
		"\xfe\xff\x0d\xe0\0\0\0\0"
		"\xfe\xff\xdd\xe0\0\0\0\0";
	struct df_commitment c;

	(void)state;
	assert_int_equal(
		df_commitment_decode(&c, bytes, sizeof bytes - 1, false, NULL),
		DF_OK);
	assert_string_equal(c.transaction, "1.2.7");
	assert_int_equal(c.refs.n, 1);
	assert_string_equal(c.refs.v[0].sop_class, "1.5");
	assert_string_equal(c.refs.v[0].sop_instance, "1.6");
	df_commitment_release(&c);
}

static void refused(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
	} rows[] = {
#define ROW(b) {b, sizeof b - 1}
		ROW(""),
		ROW("\x08\x00\x95\x11\x06\0\0\0" "1.2.7\0"), /* no reference */
		ROW("\x08\x00\x95\x11\x06\0\0\0" "1.2.x\0"), /* not a UID */
		ROW("\x08\x00\x95\x11\xff\xff\xff\x7f" "1.2.7\0"),
		ROW("\x08\x00\x99\x11\xff\xff\xff\xff"), /* no end */
		ROW("\x08\x00\x99\x11\x04\0\0\0abcd"),	 /* not an item */
		ROW("\x08\x00\x11\x11\xff\xff\xff\xff"),
		/* an item without its instance */
		ROW("\x08\x00\x95\x11\x04\0\0\0" "1.2\0"
		    "\x08\x00\x99\x11\x14\0\0\0\xfe\xff\x00\xe0\x0c\0\0\0"
		    "\x08\x00\x50\x11\x04\0\0\0" "1.5\0"),
#undef ROW
	};
	struct df_commitment c;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		assert_int_equal(
			df_commitment_decode(&c,
					     (const uint8_t *)rows[i].bytes,
					     rows[i].len, false, NULL),
			DF_E_FORMAT);
}

static void lists(void **state)
{
	static const char *const bad[] = {"1.2\n",	"1.2 1.3",
					  "1.2 1.3 0000\n", "1.2 1.3 12\n",
					  "1.2 1.3 zzzz\n", "1.2 a 0110\n",
					  "1.2 1.3 0110 \n1", "\n"};
	struct df_references l, m = {0};
	struct df_digest a, b;

	(void)state;
	assert_int_equal(df_references_decode(
				 &l, df_text_of("1.2 1.3\n1.2 1.4 0110\n"),
				 NULL),
			 DF_OK);
	assert_int_equal(l.n, 2);
	assert_int_equal(df_references_bad(&l), 1);
	/* what is named counts, not how or in which order */
	m.v = NULL;
	assert_int_equal(
		df_references_decode(&m, df_text_of("1.2 1.4\n1.2 1.3\n"),
				     NULL),
		DF_OK);
	df_references_digest(&l, &a);
	df_references_digest(&m, &b);
	assert_true(df_digest_same(&a, &b));
	df_references_release(&l);
	df_references_release(&m);
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_int_equal(
			df_references_decode(&l, df_text_of(bad[i]), NULL),
			DF_E_FORMAT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(round_trip),
		cmocka_unit_test(as_others_write),
		cmocka_unit_test(refused),
		cmocka_unit_test(lists),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
