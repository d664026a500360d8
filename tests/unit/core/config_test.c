/*
 * config_test.c - what the configuration takes, refuses and writes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "df/config.h"

#define NODE "[node]\nrole = centre\nname = 县医院\nae-title = CENTRE\n"
#define FP "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

static enum df_err parse(const char *text, struct df_config *cfg,
			 struct df_why *why)
{
	return df_config_parse(text, strlen(text), cfg, why);
}

static void defaults_and_values(void **state)
{
	struct df_config c;
	struct df_why why;

	(void)state;
	assert_int_equal(parse(NODE "listen-https = [::1]:8443\n"
				    "listen-dicom = *:104 ; door\n"
				    "  [parcel]  # indented\n"
				    "\tsize = 8 MiB\n\tcoding = jpeg-ls\n",
			       &c, &why),
			 DF_OK);
	assert_int_equal(c.node.role, DF_NODE_CENTRE);
	assert_string_equal(c.node.name, "县医院");
	assert_string_equal(c.node.listen_https.host, "::1");
	assert_int_equal(c.node.listen_https.port, 8443);
	assert_string_equal(c.node.listen_dicom.host, "::");
	assert_int_equal(c.parcel.size_bytes, 8 << 20);
	assert_int_equal(c.parcel.coding, DF_CODING_JPEGLS);
	assert_int_equal(c.study.quiet_s, 60);
	assert_int_equal(c.receive.max_object_bytes, (int64_t)4 << 30);
	assert_false(c.receive.unknown_sop_classes);
	df_config_release(&c);
	df_config_release(&c);
}

static void named_sections(void **state)
{
	struct df_config c;
	struct df_why why;
	struct df_buf show;
	char text[2048];

	(void)state;
	(void)snprintf(text, sizeof text,
		       NODE
		       "[modality \"CT 1\"]\nstat = yes\n"
		       "from = 10.0.0.0/8\nfrom = 2001:db8::/32\n"
		       "[modality \"ANY\"]\n"
		       "[destination \"a very long name of a reading PACS "
		       "that is longer than fifty bytes\"]\n"
		       "dicom = PACS@pacs.example:104\n"
		       "[destination \"web\"]\nstow = http://h:1/dicom-web/\n"
		       "[peer \"centre\"]\nurl = https://h:8443\n"
		       "fingerprint = %s\n",
		       FP);
	assert_int_equal(parse(text, &c, &why), DF_OK);
	assert_int_equal(c.n_modalities, 2);
	assert_int_equal(c.modalities[0].n_from, 2);
	assert_int_equal(c.n_destinations, 2);
	assert_string_equal(c.destinations[0].ae, "PACS");
	assert_string_equal(c.destinations[0].dicom.host, "pacs.example");
	assert_string_equal(c.destinations[1].stow, "http://h:1/dicom-web");
	assert_non_null(df_config_destination(&c, df_text_of("web")));
	assert_null(df_config_destination(&c, df_text_of("none")));
	assert_non_null(df_config_peer(&c, df_text_of("centre")));
	assert_non_null(df_config_peer(&c, df_text_of(FP)));
	df_buf_init(&show, 1 << 16);
	assert_int_equal(df_config_show(&show, &c, &why), DF_OK);
	assert_non_null(memmem(show.ptr, show.len,
			       "modality \"CT 1\".from = listed  # 2 set\n"
			       "modality \"CT 1\".stat = yes  # set\n",
			       73));
	df_buf_release(&show);
	df_config_release(&c);
}

static void refusals(void **state)
{
	static const struct {
		const char *text, *want;
	} rows[] = {
		{"", "[node] needs 'role'"},
		{"role = clinic\n", "line 1: unknown key"},
		{"[node]\nrole = clinic\nname = x\n", "needs 'ae-title'"},
		{NODE "colour = red\n", "line 5: unknown key"},
		{NODE "[colour]\n", "line 5: unknown section"},
		{NODE "[node \"x\"]\n", "line 5: unknown section"},
		{NODE "role = clinic\n", "line 5: key is there twice"},
		{NODE "listen-dicom = 104\n",
		 "line 5: address is not HOST:PORT"},
		{NODE "listen-dicom = ::1:104\n", "brackets"},
		{NODE "listen-dicom = h:70000\n", "port"},
		{NODE "[study]\nquiet = soon\n",
		 "line 6: 'quiet' is not a number"},
		{NODE "[study]\nquiet = 0\n",
		 "line 6: 'quiet' is not within 1..86400"},
		{NODE "[study]\nquiet = 99999999999999999999\n",
		 "not a number"},
		{NODE "[parcel]\nsize = 4 MB\n", "KiB, MiB, GiB"},
		{NODE "[parcel]\nsize = 99999999 TiB\n", "not within"},
		{NODE "[parcel]\ncoding = zip\n",
		 "one of auto|stored|zstd|jpeg-ls"},
		{NODE "[receive]\nunknown-sop-classes = maybe\n", "yes or no"},
		{NODE "[retry]\nmin = 90\nmax = 5\n",
		 "'min' is more than 'max'"},
		{NODE "[modality]\n", "line 5: modality is not an AE title"},
		{NODE "[modality \"A\"]\n[modality \"A\"]\n",
		 "line 6: modality"},
		{NODE "[modality \"A\"]\nfrom = here\n", "line 6: 'from'"},
		{NODE "[modality \"A\"]\nfrom = 1.2.3.4/33\n", "0..32"},
		{NODE "[modality \"A\"\n", "line 5: section is not"},
		{NODE "[modality \"A\"] x\n", "line 5: text follows"},
		{NODE "[destination \"a\"]\n", "needs one of"},
		{NODE "[destination \"a\"]\ndicom = A@h:1\nstow = http://h\n",
		 "needs one of"},
		{NODE "[destination \"a\"]\ndicom = A@:1\n", "host"},
		{NODE "[destination \"a\"]\nstow = ftp://h\n", "http(s) URL"},
		{NODE "[destination \"a\"]\nca = ../x\n", "directory"},
		{NODE "[peer \"a\"]\nurl = http://h\n", "https URL"},
		{NODE "[peer \"a\"]\nurl = https://h\n", "needs 'url'"},
		{NODE "[destination \"a\"]\ncap = fast\n", "line 6: 'fast' is"},
		{NODE "[peer \"a\"]\ncap = Mon-Fri\n", "ends with a rate"},
		{NODE "nonsense\n", "line 5: not a 'key = value' line"},
		{NODE "log-level =\n", "line 5: 'log-level' has no value"},
		{"[node]\nname = \xff\xfe\n", "line 2: 'name'"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct df_config c;
		struct df_why why = {0};

		assert_int_equal(parse(rows[i].text, &c, &why), DF_E_CONFIG);
		if (strstr(why.text, rows[i].want) == NULL)
			fail_msg("row %zu: '%s' does not hold '%s'", i,
				 why.text, rows[i].want);
		assert_null(c.lines); /* released */
	}
}

static void long_lines(void **state)
{
	char text[1200];
	struct df_config c;
	struct df_why why;
	size_t n;

	(void)state;
	n = (size_t)snprintf(text, sizeof text, NODE "# ");
	memset(text + n, 'x', 900);
	text[n + 900] = '\0';
	assert_int_equal(parse(text, &c, &why), DF_OK);
	df_config_release(&c);
	n = (size_t)snprintf(text, sizeof text, NODE "log-level = ");
	memset(text + n, 'x', 900);
	text[n + 900] = '\0';
	assert_int_equal(parse(text, &c, &why), DF_E_CONFIG);
	assert_non_null(strstr(why.text, "line 5: line is too long"));
}

static void admission(void **state)
{
	static const struct {
		const char *called, *calling, *addr;
		enum df_admit want;
	} rows[] = {
		{"CENTRE", "CT1", "10.1.2.3", DF_ADMIT_OK},
		{"CENTRE ", " CT1 ", "::ffff:10.1.2.3", DF_ADMIT_OK},
		{"CENTRE", "CT1", "11.1.2.3", DF_ADMIT_CALLING_UNKNOWN},
		{"CENTRE", "CT1", "nonsense", DF_ADMIT_CALLING_UNKNOWN},
		{"CENTRE", "ANY", "2001:db8::1", DF_ADMIT_OK},
		{"CENTRE", "WHO", "10.1.2.3", DF_ADMIT_CALLING_UNKNOWN},
		{"OTHER", "CT1", "10.1.2.3", DF_ADMIT_CALLED_UNKNOWN},
		{"centre", "CT1", "10.1.2.3", DF_ADMIT_CALLED_UNKNOWN},
		{"CENTRE", "CENTRE", "127.0.0.1", DF_ADMIT_OK},
		{"CENTRE", "CENTRE", "::1", DF_ADMIT_OK},
		{"CENTRE", "CENTRE", "10.0.0.1", DF_ADMIT_CALLING_UNKNOWN},
		{"CENTRE", "V6", "2001:db8:0:7f::1", DF_ADMIT_OK},
		{"CENTRE", "V6", "2001:db8:0:80::1", DF_ADMIT_CALLING_UNKNOWN},
		/* PACS that are asked for storage commitment call back */
		{"CENTRE", "PACS", "10.9.9.9", DF_ADMIT_REPORTS},
		{"CENTRE", "QUIET", "10.9.9.9", DF_ADMIT_CALLING_UNKNOWN},
		{"CENTRE", "BOTH", "10.1.2.3", DF_ADMIT_OK},
		{"CENTRE", "BOTH", "11.1.2.3", DF_ADMIT_REPORTS},
	};
	struct df_config c;
	struct df_why why;

	(void)state;
	assert_int_equal(parse(NODE "[modality \"CT1\"]\nfrom = 10.0.0.0/8\n"
				    "[modality \"ANY\"]\n"
				    "[modality \"V6\"]\nfrom = 2001:db8::/57\n"
				    "[destination \"a\"]\ndicom = PACS@h:104\n"
				    "[destination \"b\"]\ndicom = QUIET@h:104\n"
				    "commitment = no\n"
				    "[modality \"BOTH\"]\nfrom = 10.0.0.0/8\n"
				    "[destination \"c\"]\ndicom = BOTH@h:104\n",
			       &c, &why),
			 DF_OK);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		assert_int_equal(df_config_admit(&c, df_text_of(rows[i].called),
						 df_text_of(rows[i].calling),
						 df_text_of(rows[i].addr)),
				 rows[i].want);
	df_config_release(&c);
}

static void storage_commitment(void **state)
{
	struct df_config c;
	struct df_why why;

	(void)state;
	assert_int_equal(parse(NODE "[commitment]\nlevel = local\ndeadline = 7\n"
				    "[modality \"CT1\"]\nreports = CT2@10.0.0.9:11104\n"
				    "[modality \"CT3\"]\n",
			       &c, &why),
			 DF_OK);
	assert_int_equal(c.commitment.level, DF_COMMIT_LOCAL);
	assert_int_equal(c.commitment.deadline_s, 7);
	assert_int_equal(c.commitment.missing_s, 60);
	assert_string_equal(c.modalities[0].reports_ae, "CT2");
	assert_string_equal(c.modalities[0].reports.host, "10.0.0.9");
	assert_int_equal(c.modalities[0].reports.port, 11104);
	assert_string_equal(c.modalities[1].reports.host, "");
	df_config_release(&c);
	assert_int_equal(parse(NODE "[modality \"CT1\"]\nreports = nowhere\n", &c,
			       &why),
			 DF_E_CONFIG);
	assert_int_equal(parse(NODE "[commitment]\nlevel = soon\n", &c, &why),
			 DF_E_CONFIG);
}

static void caps(void **state)
{
	struct df_config c;
	struct df_why why = {0};
	struct df_buf show;

	(void)state;
	assert_int_equal(parse(NODE "[peer \"a\"]\nurl = https://h\n"
				    "fingerprint = " FP "\n"
				    "cap = 10 Mbit/s\n"
				    "cap = Mon-Fri 08:00-18:00 2 Mbit/s\n"
				    "[destination \"p\"]\ndicom = A@h:1\n"
				    "cap = 1 Mbit/s\n",
			       &c, &why),
			 DF_OK);
	assert_int_equal(c.peers[0].caps.n, 2);
	assert_true(df_caps_rate(&c.peers[0].caps, 0) == 10000000);
	assert_true(df_caps_rate(&c.peers[0].caps, 9 * 60) == 2000000);
	assert_int_equal(c.destinations[0].caps.n, 1);
	assert_int_equal(c.destinations[0].associations, 1);
	df_buf_init(&show, 1 << 16);
	assert_int_equal(df_config_show(&show, &c, &why), DF_OK);
	assert_int_equal(df_buf_u8(&show, 0), DF_OK);
	assert_non_null(strstr((char *)show.ptr,
			       "peer \"a\".cap = 10 Mbit/s; "
			       "Mon-Fri 08:00-18:00 2 Mbit/s  # set\n"));
	df_buf_release(&show);
	df_config_release(&c);
}

static void appending(void **state)
{
	static const char *const pairs[] = {"dicom", "PACS@h:104"};
	static const char *const bad[] = {"dicom", "nowhere"};
	static const char *const line[] = {"dicom", "A@h:1\n[x]"};
	struct df_config c;
	struct df_why why;
	struct df_buf b;
	size_t before;

	(void)state;
	df_buf_init(&b, 1 << 16);
	assert_int_equal(df_buf_addf(&b, NULL, "# mine\n" NODE "# end"), DF_OK);
	assert_int_equal(df_config_append_section(&b, "destination", "p", pairs,
						  1, &why),
			 DF_OK);
	assert_int_equal(df_config_append_section(&b, "destination", "p", pairs,
						  1, &why),
			 DF_E_EXISTS);
	assert_int_equal(
		df_config_append_section(&b, "modality", "CT", NULL, 0, &why),
		DF_OK);
	before = b.len;
	assert_int_equal(
		df_config_append_section(&b, "destination", "q", bad, 1, &why),
		DF_E_CONFIG);
	assert_int_equal(
		df_config_append_section(&b, "destination", "q", line, 1, &why),
		DF_E_CONFIG);
	assert_int_equal(b.len, before);
	assert_int_equal(df_config_parse((char *)b.ptr, b.len, &c, &why),
			 DF_OK);
	assert_int_equal(c.n_destinations, 1);
	assert_int_equal(c.n_modalities, 1);
	assert_memory_equal(b.ptr, "# mine\n", 7);
	df_config_release(&c);
	df_buf_release(&b);
}

/* What we write we read: the sample, and the same node again from it. */
static void sample(void **state)
{
#define DF_KEY(section, key, ...) key " =",
	static const char *const keys[] = {
#include "../../../src/lib/core/config_keys.def"
	};
#undef DF_KEY
	struct df_config a, c;
	struct df_why why;
	struct df_buf b, show;
	FILE *f;
	char file[65536];
	size_t n;

	(void)state;
	df_buf_init(&b, 1 << 16);
	assert_int_equal(df_config_sample(&b, NULL, &why), DF_OK);
	assert_int_equal(df_config_parse((char *)b.ptr, b.len, &c, &why),
			 DF_OK);
	f = fopen(DF_TESTDATA "/../config/dcm-forward.ini", "r");
	assert_non_null(f);
	n = fread(file, 1, sizeof file, f);
	assert_int_equal(fclose(f), 0);
	/* drifted? `unit-core-config_test --sample` prints the new one */
	assert_int_equal(n, b.len);
	assert_memory_equal(file, b.ptr, n);
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
		if (memmem(b.ptr, b.len, keys[i], strlen(keys[i])) == NULL)
			fail_msg("the sample has no '%s'", keys[i]);
	df_config_release(&c);
	df_buf_clear(&b);

	assert_int_equal(parse(NODE
			       "listen-dicom = *:1\n[parcel]\nsize=1536 KiB\n",
			       &a, &why),
			 DF_OK);
	assert_int_equal(df_config_sample(&b, &a, &why), DF_OK);
	assert_int_equal(df_config_parse((char *)b.ptr, b.len, &c, &why),
			 DF_OK);
	assert_memory_equal(&a, &c, offsetof(struct df_config, modalities));
	df_buf_init(&show, 1 << 16);
	assert_int_equal(df_config_show(&show, &c, &why), DF_OK);
	assert_non_null(memmem(show.ptr, show.len,
			       "parcel.size = 1536 KiB  # line", 30));
	assert_non_null(
		memmem(show.ptr, show.len, "study.quiet = 60  # default", 27));
	df_config_release(&a);
	df_config_release(&c);
	df_buf_release(&b);
	df_buf_release(&show);
}

static int print_sample(void)
{
	struct df_buf b;
	int rc = 1;

	df_buf_init(&b, 1 << 16);
	if (df_config_sample(&b, NULL, NULL) == DF_OK &&
	    fwrite(b.ptr, 1, b.len, stdout) == b.len && fflush(stdout) == 0)
		rc = 0;
	df_buf_release(&b);
	return rc;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults_and_values),
		cmocka_unit_test(named_sections),
		cmocka_unit_test(refusals),
		cmocka_unit_test(long_lines),
		cmocka_unit_test(admission),
		cmocka_unit_test(storage_commitment),
		cmocka_unit_test(caps),
		cmocka_unit_test(appending),
		cmocka_unit_test(sample),
	};

	if (argc > 1 && strcmp(argv[1], "--sample") == 0)
		return print_sample();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
