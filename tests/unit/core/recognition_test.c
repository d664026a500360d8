/*
 * recognition_test.c - testdata/recognition/oracle.tsv: cases that people
 * thought through, against what the rules say; rules changed in data change the
 * verdict; wrong tables are refused with file and line.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "df/recognition.h"

#define DIR DF_TESTDATA "/recognition"

/* --- files -----------------------------------------------------------------
 */

static enum df_err file_read(const char *path, struct df_buf *to)
{
	FILE *f = fopen(path, "rb");
	char part[4096];
	size_t n;

	if (f == NULL)
		return DF_E_NOTFOUND;
	while ((n = fread(part, 1, sizeof part, f)) > 0)
		assert_int_equal(df_buf_add(to, part, n, NULL), DF_OK);
	assert_int_equal(fclose(f), 0);
	return DF_OK;
}

/* What stands in the place of one file of the tables. */
struct instead {
	const char *file, *text;
};

static enum df_err table_read(void *ctx, const char *file, struct df_buf *to,
			      struct df_why *why)
{
	const struct instead *i = ctx;
	char path[512];

	if (i != NULL && strcmp(i->file, file) == 0)
		return df_buf_add(to, i->text, strlen(i->text), why);
	(void)snprintf(path, sizeof path, DIR "/tables/%s", file);
	return file_read(path, to);
}

static struct df_rules *rules_of(struct instead *i)
{
	struct df_why why = {0};
	struct df_rules *r;

	if (df_rules_load(&r, table_read, i, &why) != DF_OK)
		fail_msg("%s", why.text);
	return r;
}

/* --- a case ----------------------------------------------------------------
 */

struct one {
	struct df_exam exam;
	struct df_asking asking;
	char node[2][DF_HEX_LEN + 1];
};

static void set_node(char to[DF_HEX_LEN + 1], const char *letter,
		     const char **node)
{
	memset(to, letter[0], DF_HEX_LEN);
	to[DF_HEX_LEN] = '\0';
	*node = to;
}

static enum df_exam_report report_of(const char *v)
{
	return !strcmp(v, "signed")	  ? DF_EXAM_REPORT_SIGNED
	       : !strcmp(v, "sealed")	  ? DF_EXAM_REPORT_SEALED
	       : !strcmp(v, "unverified") ? DF_EXAM_REPORT_UNVERIFIED
					  : DF_EXAM_REPORT_NONE;
}

static void set(struct one *c, const char *key, const char *v)
{
	const struct {
		const char *key;
		const char **to;
	} TEXTS[] = {
		{"modality", &c->exam.words.modality},
		{"part", &c->exam.words.body_part},
		{"text", &c->exam.words.texts[0]},
		{"procedure", &c->exam.words.procedure},
		{"scheme", &c->exam.words.scheme},
		{"institution", &c->exam.institution},
		{"date", &c->exam.date},
		{"asker", &c->asking.institution},
		{"today", &c->asking.today},
		{"for", &c->asking.wanted.texts[0]},
		{"for-part", &c->asking.wanted.body_part},
		{"for-modality", &c->asking.wanted.modality},
		{"for-procedure", &c->asking.wanted.procedure},
		{"for-scheme", &c->asking.wanted.scheme},
		{"for-item", &c->asking.wanted_item},
	};

	for (size_t i = 0; i < sizeof TEXTS / sizeof *TEXTS; i++)
		if (strcmp(TEXTS[i].key, key) == 0) {
			*TEXTS[i].to = strcmp(v, "-") ? v : "";
			return;
		}
	if (!strcmp(key, "node"))
		set_node(c->node[0], v, &c->exam.node);
	else if (!strcmp(key, "asker-node"))
		set_node(c->node[1], v, &c->asking.node);
	else if (!strcmp(key, "images"))
		c->exam.instances = strtoul(v, NULL, 10);
	else if (!strcmp(key, "incomplete"))
		c->exam.incomplete = true;
	else if (!strcmp(key, "unusable"))
		c->exam.quality_rejected = true;
	else if (!strcmp(key, "patient"))
		c->exam.patient_exact = strcmp(v, "probable") != 0;
	else if (!strcmp(key, "report"))
		c->exam.report = report_of(v);
	else
		fail_msg("the oracle has a key '%s'", key);
}

static struct one base(void)
{
	return (struct one){
		.exam = {.words = {.modality = "CT", .body_part = "CHEST"},
			 .institution = "临江县人民医院",
			 .date = "20261101",
			 .instances = 10,
			 .patient_exact = true,
			 .report = DF_EXAM_REPORT_SIGNED},
		.asking = {.institution = "桥头镇卫生院", .today = "20261115"},
	};
}

/* "key=value; key=value", cut in place. */
static void differ(struct one *c, char *differs)
{
	char *at = differs, *end, *is;

	if (!strcmp(differs, "-"))
		return;
	for (; at != NULL; at = end) {
		end = strstr(at, "; ");
		if (end != NULL) {
			*end = '\0';
			end += 2;
		}
		is = strchr(at, '=');
		assert_non_null(is);
		*is = '\0';
		set(c, at, is + 1);
	}
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Codes that are not for it, sorted; "-" when there are none. */
static void reasons_of(const struct df_verdict *v, char *to, size_t cap)
{
	const char *codes[DF_VERDICT_REASONS];
	size_t n = 0;

	for (size_t i = 0; i < v->n_reasons; i++)
		if (df_recognition_effect(v->reasons[i].code) != DF_EFFECT_FOR)
			codes[n++] = df_recognition_word(v->reasons[i].code);
	qsort(codes, n, sizeof *codes, compare);
	(void)snprintf(to, cap, "%s", n ? "" : "-");
	for (size_t i = 0; i < n; i++)
		(void)snprintf(to + strlen(to), cap - strlen(to), "%s%s",
			       i ? " " : "", codes[i]);
}

static bool seen[DF_RECOGNITION_COUNT];

static int run(const struct df_rules *r, char *line)
{
	struct one c = base();
	struct df_verdict v;
	char *cell[6], reasons[512];
	const char *item;

	for (size_t i = 0; i < 6; i++) {
		cell[i] = line;
		assert_non_null(line);
		line = strchr(line, '\t');
		if (line != NULL)
			*line++ = '\0';
	}
	differ(&c, cell[4]);
	df_recognition_judge(r, &c.exam, &c.asking, &v);
	reasons_of(&v, reasons, sizeof reasons);
	for (size_t i = 0; i < v.n_reasons; i++)
		seen[v.reasons[i].code] = true;
	item = v.item[0] ? v.item : "-";
	if (!strcmp(cell[1], df_recognise_word(v.recognise)) &&
	    !strcmp(cell[2], reasons) && !strcmp(cell[3], item))
		return 0;
	(void)fprintf(stderr, "%s: wanted %s, %s, %s; got %s, %s, %s\n",
		      cell[0], cell[1], cell[2], cell[3],
		      df_recognise_word(v.recognise), reasons, item);
	return 1;
}

static void test_oracle(void **state)
{
	struct df_rules *r = rules_of(NULL);
	struct df_buf text;
	int wrong = 0, n = -1; /* the header */
	char *line, *end;

	(void)state;
	df_buf_init(&text, 1024 * 1024);
	assert_int_equal(file_read(DIR "/oracle.tsv", &text), DF_OK);
	assert_int_equal(df_buf_add(&text, "", 1, NULL), DF_OK);
	for (line = (char *)text.ptr; line != NULL; line = end) {
		end = strchr(line, '\n');
		if (end != NULL)
			*end++ = '\0';
		if (line[0] == '\0' || line[0] == '#' || n++ < 0)
			continue;
		wrong += run(r, line);
	}
	assert_int_equal(wrong, 0);
	assert_true(n >= 200);
	for (size_t i = 0; i < DF_RECOGNITION_COUNT; i++)
		if (!seen[i])
			fail_msg("no case has the reason '%s'",
				 df_recognition_word(
					 (enum df_recognition_code)i));
	df_buf_release(&text);
	df_rules_free(r);
}

/* Of two marks that reach as far the first of the table is named. */
static void test_detail(void **state)
{
	struct df_rules *r = rules_of(NULL);
	const struct one c = base();
	struct df_verdict v;
	size_t i = 0;

	(void)state;
	df_recognition_judge(r, &c.exam, &c.asking, &v);
	while (v.reasons[i].code != DF_RECOGNITION_MARK)
		assert_true(++i < v.n_reasons);
	assert_string_equal(v.reasons[i].detail, "LJ 20260101-20261231");
	assert_string_equal(v.institution, "xian");
	assert_int_equal(v.age_days, 14);
	assert_int_equal(v.valid_days, 45);
	df_rules_free(r);
}

/* --- data decides ----------------------------------------------------------
 */

static enum df_recognise verdict_with(const char *file, const char *text,
				      const char *differs)
{
	struct instead i = {file, text};
	struct df_rules *r = rules_of(&i);
	struct one c = base();
	struct df_verdict v;
	char copy[256];

	(void)snprintf(copy, sizeof copy, "%s", differs);
	differ(&c, copy);
	df_recognition_judge(r, &c.exam, &c.asking, &v);
	df_rules_free(r);
	return v.recognise;
}

static void test_data_decides(void **state)
{
	static const struct {
		const char *file, *text, *differs;
		enum df_recognise want;
	} CHANGES[] = {
		{"validity.tsv", "area\titem\trecognise\tdays\n", "-",
		 DF_RECOGNISE_YES},
		{"validity.tsv",
		 "area\titem\trecognise\tdays\nLJ\tCT-CHEST\tno\n", "-",
		 DF_RECOGNISE_NO},
		{"validity.tsv",
		 "area\titem\trecognise\tdays\nLJ\tCT-CHEST\tyes\t13\n", "-",
		 DF_RECOGNISE_NO},
		{"validity.tsv",
		 "area\titem\trecognise\tdays\nYLT\tCT-*\tyes\t14\n", "-",
		 DF_RECOGNISE_YES},
		{"marks.tsv", "institution\tarea\tfrom\tto\titems\n", "-",
		 DF_RECOGNISE_NO},
		{"marks.tsv",
		 "institution\tarea\tfrom\tto\titems\n"
		 "xian\tCN\t20261101\t20261101\tCT-CHEST\n",
		 "-", DF_RECOGNISE_YES},
		{"marks.tsv",
		 "institution\tarea\tfrom\tto\titems\n"
		 "xian\tCN\t20261102\t20271101\tCT-CHEST\n",
		 "-", DF_RECOGNISE_NO},
		{"words.tsv", "text\tmeans\n某某扫描\tCHEST\n",
		 "part=-; text=某某扫描", DF_RECOGNISE_YES},
		{"words.tsv", "text\tmeans\n", "part=-; text=某某扫描",
		 DF_RECOGNISE_UNKNOWN},
		/* a row of ours that the node takes away */
		{"words.tsv", "text\tmeans\nchest\t-\n", "-",
		 DF_RECOGNISE_UNKNOWN},
		{"items.tsv",
		 "item\tzh\ten\tmodalities\tparts\tdays\treport\n"
		 "CT-CHEST\t胸部CT\tchest CT\tCT\tCHEST\t30\tsealed\n"
		 "US-CAROTID\tx\tx\tUS\tCAROTID\t90\tno\n",
		 "report=sealed", DF_RECOGNISE_YES},
	};

	(void)state;
	for (size_t i = 0; i < sizeof CHANGES / sizeof *CHANGES; i++)
		if (verdict_with(CHANGES[i].file, CHANGES[i].text,
				 CHANGES[i].differs) != CHANGES[i].want)
			fail_msg("change %zu of %s", i, CHANGES[i].file);
}

/* --- wrong tables ----------------------------------------------------------
 */

static void test_wrong_tables(void **state)
{
	static const struct {
		const char *file, *text, *why;
	} WRONG[] = {
		{"items.tsv", "item\tname\n",
		 "items.tsv:1: there is no column"},
		{"items.tsv", "item\tzh\n",
		 "items.tsv:1: column 'en' is missi"},
		{"words.tsv", "text\tmeans\ttext\n",
		 "words.tsv:1: column 'text"},
		{"words.tsv", "text\tmeans\nx\tNOSE\n",
		 "words.tsv:2: 'NOSE' is"},
		{"words.tsv", "text\tmeans\n\n#\n--\tCHEST\n",
		 "words.tsv:4: 'text' is empty"},
		{"words.tsv", "text\tmeans\nx\tHEAD\nX \tCHEST\n",
		 "words.tsv:3: the same as line 2"},
		{"words.tsv", "text\tmeans\nx\tHEAD\ty\n",
		 "words.tsv:2: more cells"},
		{"words.tsv", "text\tmeans\n\xd0\xd8\tHEAD\n",
		 "words.tsv:2: is not UTF-8"},
		{"words.tsv", "\xff\xfet\n", "words.tsv:1: is not UTF-8"},
		{"words.tsv", "text\tmeans\rx\tHEAD\r", "words.tsv:1: holds c"},
		{"parts.tsv", "part\tzh\ten\twithin\nHEAD\tx\tx\tBRAIN\n",
		 ": is within itself"},
		{"parts.tsv", "part\tzh\ten\tkind\nHEAD\tx\tx\tsoft\n",
		 "parts.tsv:2: 'soft' is none of"},
		{"items.tsv",
		 "item\tzh\ten\tmodalities\tparts\tdays\treport\n"
		 "CT X\tx\tx\tCT\tHEAD\t1\tno\n",
		 "items.tsv:2: 'CT X' is no code"},
		{"items.tsv",
		 "item\tzh\ten\tmodalities\tparts\tdays\treport\n"
		 "CT-X\tx\tx\tCT\tHEAD\tsoon\tno\n",
		 "items.tsv:2: 'soon' is no number of days"},
		{"items.tsv",
		 "item\tzh\ten\tmodalities\tparts\tdays\treport\n"
		 "CT-X\tx\tx\tCT\tHEAD\t1\tperhaps\n",
		 "items.tsv:2: 'perhaps' is none of"},
		{"procedures.tsv", "scheme\tcode\titems\nL\t1\tCT-X\n",
		 "procedures.tsv:2: 'CT-X' is not in items.tsv"},
		{"areas.tsv", "area\tkind\tzh\ten\twithin\nX\tcity\tx\tx\tY\n",
		 "areas.tsv:2: 'Y' is not in areas.tsv"},
		{"areas.tsv", "area\tkind\tzh\ten\nX\tvillage\tx\tx\n",
		 "areas.tsv:2: 'village' is none of"},
		{"institutions.tsv",
		 "institution\tnames\tareas\na\tA;B\tCN\nb\tb 1;a\tCN\n",
		 "institutions.tsv:3: a name of line 2, too"},
		{"institutions.tsv",
		 "institution\tnames\tnode\tareas\na\tA\tabc\tCN\n",
		 "institutions.tsv:2: 'node' is not"},
		{"marks.tsv",
		 "institution\tarea\tfrom\tto\titems\n"
		 "nobody\tCN\t20260101\t20261231\t*\n",
		 "marks.tsv:2: 'nobody' is not in institutions.tsv"},
		{"marks.tsv",
		 "institution\tarea\tfrom\tto\titems\n"
		 "xian\tCN\t20260101\t20261301\t*\n",
		 "marks.tsv:2: 'from' and 'to' are days"},
		{"marks.tsv",
		 "institution\tarea\tfrom\tto\titems\n"
		 "xian\tCN\t20261231\t20260101\t*\n",
		 "marks.tsv:2: 'from' is after 'to'"},
		{"marks.tsv",
		 "institution\tarea\tfrom\tto\titems\n"
		 "xian\tCN\t20260101\t20261231\tXX-*\n",
		 "marks.tsv:2: 'XX-*' is no item and covers none"},
		{"validity.tsv", "area\titem\trecognise\nCN\t*\tmaybe\n",
		 "validity.tsv:2: 'recognise' is yes or no"},
		{"reasons.tsv", "kind\tarea\tcode\tzh\ten\nwhim\t\t9\tx\tx\n",
		 "reasons.tsv:2: 'kind' is repeat or decline"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof WRONG / sizeof *WRONG; i++) {
		struct instead in = {WRONG[i].file, WRONG[i].text};
		struct df_why why = {0};
		struct df_rules *r = NULL;

		if (df_rules_load(&r, table_read, &in, &why) != DF_E_CONFIG ||
		    strstr(why.text, WRONG[i].why) == NULL || r != NULL)
			fail_msg("wrong table %zu: '%s' instead of '%s'", i,
				 why.text, WRONG[i].why);
	}
}

/* As spreadsheets save it. */
static void test_spreadsheet(void **state)
{
	struct instead i = {"procedures.tsv",
			    "\xef\xbb\xbf\"scheme\"\tcode\titems\t\r\n"
			    "99X\t\"1\"\t\"CT-CHEST,CT-HEAD\"\t\t\r\n"
			    "\t\t\r\n"};
	struct df_exam_words w = {.procedure = "1", .scheme = "99X"};
	struct df_rules *r = rules_of(&i);
	struct df_exam_meaning m;

	(void)state;
	df_exam_understand(r, &w, &m);
	assert_int_equal(m.n_items, 2);
	assert_string_equal(m.items[1], "CT-HEAD");
	df_rules_free(r);
}

/* --- reasons ---------------------------------------------------------------
 */

static void test_reasons(void **state)
{
	struct df_rules *r = rules_of(NULL);
	struct df_rules_reason reason;
	size_t at = 0, repeats = 0, declines = 0;

	(void)state;
	while (df_rules_reason_next(r, "桥头镇卫生院", &at, &reason)) {
		repeats += strcmp(reason.kind, "repeat") == 0;
		declines += strcmp(reason.kind, "decline") == 0;
	}
	assert_int_equal(repeats, 6);
	assert_int_equal(declines, 6);
	assert_true(df_rules_reason(r, "桥头镇卫生院", "21", &reason));
	assert_true(df_rules_reason(r, NULL, "4", &reason));
	assert_string_equal(reason.kind, "repeat");
	/* the county's is the county's */
	assert_false(df_rules_reason(r, "石溪县人民医院", "21", &reason));
	assert_false(df_rules_reason(r, NULL, "21", &reason));
	assert_false(df_rules_reason(r, NULL, "7", &reason));
	/* ours in other words */
	assert_true(df_rules_reason(r, NULL, "11", &reason));
	assert_string_equal(reason.zh, "影像模糊");
	df_rules_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_oracle),
		cmocka_unit_test(test_detail),
		cmocka_unit_test(test_data_decides),
		cmocka_unit_test(test_wrong_tables),
		cmocka_unit_test(test_spreadsheet),
		cmocka_unit_test(test_reasons),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
