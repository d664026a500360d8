/*
 * persons_test.c - persons behind patients: joined, held, asked about,
 * decided, found, and none of it readable in the file.
 */
#include <sqlite3.h>

#include "store_fixture.h"

#include "df/pages.h"

#define SELF "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define CLINIC "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define ID_WANG "11010519491231002X" /* of the standard */
#define ID_LI "440524188001010014"

/* --- a reading of five characters ------------------------------------------- */

static const struct {
	const char *zh, *read;
} READ[] = {{"王", "wang"}, {"小", "xiao"}, {"东", "dong"},
	    {"李", "li"},   {"伟", "wei"}};

static void add_word(struct df_name_reading *r, const char *word, size_t len)
{
	memcpy(r->full + strlen(r->full), word, len);
	r->initials[strlen(r->initials)] = word[0];
}

static size_t toy_read(void *ctx, struct df_text group,
		       struct df_name_reading *out)
{
	char word[300];
	size_t at = 0, i, len = 0;

	(void)ctx;
	*out = (struct df_name_reading){0};
	while (at < group.len) {
		for (i = 0; i < 5; i++)
			if (group.len - at >= 3 &&
			    memcmp(group.ptr + at, READ[i].zh, 3) == 0)
				break;
		if (i < 5) {
			add_word(out, READ[i].read, strlen(READ[i].read));
			at += 3;
			continue;
		}
		for (len = 0; at < group.len && group.ptr[at] > 0; at++) {
			if (strchr("^ ", group.ptr[at]) != NULL)
				break;
			word[len++] = (char)(group.ptr[at] | 0x20);
		}
		if (len > 0)
			add_word(out, word, len);
		else
			at++;
	}
	return out->full[0] != '\0';
}

static void lend(struct home *h)
{
	struct df_store_lent lent = {.self = SELF, .read = toy_read};

	df_store_lend(h->store, &lent);
}

static int up_lent(void **state)
{
	(void)up(state); /* asserts */
	lend(*state);
	return 0;
}

/* --- patients ------------------------------------------------------------------ */

struct who {
	const char *peer, *id, *name, *birth, *sex;
};

static struct df_store_instance instance_of(const struct who *w, int n)
{
	static char study[64][32], series[64][32], uid[64][32];
	struct df_store_instance i = {
		.object = df_text_of("object-a"),
		.modality = df_text_of("CT"),
		.size_bytes = 10,
		.received_ms = 1000 + n,
	};

	df_str_fmt(study[n], 32, "1.2.%d", n);
	df_str_fmt(series[n], 32, "1.2.%d.1", n);
	df_str_fmt(uid[n], 32, "1.2.%d.1.1", n);
	i.study_uid = df_text_of(study[n]);
	i.series_uid = df_text_of(series[n]);
	i.sop_instance = df_text_of(uid[n]);
	i.peer = df_text_of(w->peer);
	i.ident[DF_IDENT_PATIENT_ID] = df_text_of(w->id);
	i.ident[DF_IDENT_PATIENT_NAME] = df_text_of(w->name);
	i.ident[DF_IDENT_BIRTH_DATE] = df_text_of(w->birth);
	i.ident[DF_IDENT_SEX] = df_text_of(w->sex);
	return i;
}

static void add_as(struct home *h, const struct who *w, int n)
{
	struct df_store_instance i = instance_of(w, n);

	put(h, &i);
}

static struct df_store_study study(struct home *h, int n)
{
	struct df_store_study st;
	char uid[32];

	df_str_fmt(uid, sizeof uid, "1.2.%d", n);
	assert_int_equal(df_store_study(h->store, uid, NULL, &st, NULL), DF_OK);
	return st;
}

static bool one_person(struct home *h, int a, int b)
{
	return study(h, a).person == study(h, b).person;
}

static void decide(struct home *h, int a, int b, enum df_decided d)
{
	struct df_store_study x = study(h, a), y = study(h, b);

	assert_int_equal(df_store_begin(h->store, NULL), DF_OK);
	assert_int_equal(df_store_decide(h->store, x.patient, y.patient, d, 7,
					 NULL),
			 DF_OK);
	assert_int_equal(df_store_commit(h->store, NULL), DF_OK);
}

struct pairs {
	int n;
	struct df_store_pair last;
};

static enum df_err see_pair(void *ctx, const struct df_store_pair *p)
{
	struct pairs *s = ctx;

	s->n++;
	s->last = *p;
	return DF_OK;
}

static struct pairs pairs(struct home *h, bool all)
{
	struct pairs s = {0};

	assert_int_equal(df_store_pairs(h->store, all, 100, see_pair, &s, NULL),
			 DF_OK);
	return s;
}

static void test_joined(void **state)
{
	static const struct who W[] = {
		{"", ID_WANG, "王^小东", "19491231", "F"},
		{CLINIC, "11010519491231002x", "WANG^XIAODONG=王^小东",
		 "19491231", "F"},
		{CLINIC, "17", "李^伟", "19800101", "M"},
		{"", "17", "王^伟", "19700101", "M"}, /* another clinic's 17 */
	};
	struct home *h = *state;
	struct df_store_study st;
	int i;

	for (i = 0; i < 4; i++)
		add_as(h, &W[i], i);
	assert_true(one_person(h, 0, 1));
	assert_false(one_person(h, 0, 2));
	assert_false(one_person(h, 2, 3));
	assert_int_equal(pairs(h, false).n, 0);
	st = study(h, 1);
	assert_string_equal(st.ident[DF_IDENT_PATIENT_ID],
			    "11010519491231002x"); /* as it came */
	assert_false(st.held);
	reopen(h);
	assert_true(one_person(h, 0, 1));
}

static void test_no_number_is_nobody_else(void **state)
{
	static const struct who W = {"", "", "王^伟", "", "M"};
	struct home *h = *state;

	add_as(h, &W, 0);
	add_as(h, &W, 1);
	assert_false(one_person(h, 0, 1));
	assert_string_not_equal(study(h, 0).patient, study(h, 1).patient);
}

static void test_contradiction(void **state)
{
	static const struct who W[] = {
		{"", "4711", "王^伟", "19700101", "M"},
		{"", "4711", "李^小东", "19850505", "F"},
		{"", "4711", "", "", ""}, /* fits both */
		{"", "4711", "王^伟", "19700101", ""},
	};
	struct home *h = *state;
	struct pairs p;

	add_as(h, &W[0], 0);
	add_as(h, &W[3], 3);
	assert_true(one_person(h, 0, 3));
	add_as(h, &W[1], 1);
	assert_false(one_person(h, 0, 1));
	for (int i = 0; i < 2; i++)
		assert_true(study(h, i).held);
	p = pairs(h, false);
	assert_int_equal(p.n, 2);
	assert_int_equal(p.last.match, DF_MATCH_CONTRADICTION);
	assert_true(p.last.reasons & DF_BECAUSE(SAME_LOCAL));
	add_as(h, &W[2], 2);
	assert_false(one_person(h, 0, 1));
	/* although the nameless record joined both */
	assert_true(one_person(h, 0, 3));
	assert_false(one_person(h, 0, 2));
}

static void test_decisions(void **state)
{
	static const struct who W[] = {
		{"", "1001", "王^伟", "19700101", "M"},
		{CLINIC, "2002", "王^伟", "19700101", "M"},
		{"", "1001", "王^伟", "19700101", ""},
	};
	struct home *h = *state;
	struct pairs p;
	int i;

	for (i = 0; i < 3; i++)
		add_as(h, &W[i], i);
	assert_true(one_person(h, 0, 2));
	assert_false(one_person(h, 0, 1)); /* probable is asked */
	assert_true(pairs(h, false).n >= 1);
	decide(h, 0, 1, DF_DECIDED_SAME);
	assert_true(one_person(h, 0, 1));
	assert_true(one_person(h, 1, 2));
	p = pairs(h, true);
	assert_true(p.n >= 1);
	reopen(h);
	lend(h);
	decide(h, 0, 1, DF_DECIDED_NOTHING); /* undone */
	assert_false(one_person(h, 0, 1));
	assert_true(one_person(h, 0, 2));
	decide(h, 0, 2, DF_DECIDED_DIFFERENT);
	assert_false(one_person(h, 0, 2));
	decide(h, 0, 2, DF_DECIDED_NOTHING);
	assert_true(one_person(h, 0, 2));
}

/* The register is replayed before queue tells of the patients. */
static void test_decided_before_known(void **state)
{
	static const struct who W[] = {
		{"", "1001", "王^伟", "19700101", "M"},
		{CLINIC, "2002", "李^小东", "19900101", "F"},
	};
	struct df_column_cipher c = toy();
	struct home *h = *state;
	char a[DF_PATIENT_REF_LEN + 1], b[DF_PATIENT_REF_LEN + 1];
	struct df_why why = {0};

	add_as(h, &W[0], 0);
	add_as(h, &W[1], 1);
	memcpy(a, study(h, 0).patient, sizeof a);
	memcpy(b, study(h, 1).patient, sizeof b);
	df_store_close(h->store);
	assert_int_equal(unlink(h->path), 0);
	assert_int_equal(df_store_open(&h->store, h->path, &c, NULL), DF_OK);
	lend(h);
	assert_int_equal(df_store_begin(h->store, NULL), DF_OK);
	assert_int_equal(
		df_store_decide(h->store, a, b, DF_DECIDED_SAME, 9, &why),
		DF_OK);
	assert_int_equal(why.err, DF_OK);
	assert_int_equal(df_store_decide(h->store, a, a, DF_DECIDED_SAME, 9,
					 NULL),
			 DF_E_FORMAT);
	assert_int_equal(df_store_commit(h->store, NULL), DF_OK);
	add_as(h, &W[1], 1);
	add_as(h, &W[0], 0);
	assert_true(one_person(h, 0, 1));
	assert_int_equal(pairs(h, true).last.seq, 9);
}

static enum df_err add_seq(void *ctx, uint64_t seq)
{
	uint64_t *digits = ctx;

	*digits = 10 * *digits + seq;
	return DF_OK;
}

static uint64_t said(struct home *h, const char *ref, const char *other)
{
	uint64_t digits = 0;
	struct df_why why = {0};

	assert_int_equal(
		df_store_said(h->store, ref, other, add_seq, &digits, &why),
		DF_OK);
	assert_int_equal(why.err, DF_OK);
	return digits;
}

static void test_what_was_said_is_found(void **state)
{
	static const char *const REF[] = {"00112233445566778899aabbccddeeff",
					  "10112233445566778899aabbccddeeff",
					  "20112233445566778899aabbccddeeff"};
	static const unsigned SAID[][2] = {{0, 1}, {2, 0}, {1, 0}, {1, 2}};
	struct home *h = *state;

	assert_int_equal(df_store_begin(h->store, NULL), DF_OK);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(df_store_put_said(h->store, REF[SAID[i][0]],
						   REF[SAID[i][1]], i + 1,
						   NULL),
				 DF_OK);
	assert_int_equal(df_store_put_said(h->store, REF[0], "x", 5, NULL),
			 DF_E_FORMAT);
	assert_int_equal(df_store_commit(h->store, NULL), DF_OK);
	assert_int_equal(said(h, REF[0], NULL), 123);
	assert_int_equal(said(h, REF[1], NULL), 134);
	assert_int_equal(said(h, REF[0], REF[1]), 13);
	assert_int_equal(said(h, REF[1], REF[0]), 13);
	assert_int_equal(said(h, REF[2], REF[1]), 4);
}

/* --- the order does not matter ----------------------------------------------- */

#define CROWD 40

static uint32_t seed = 1;
static unsigned roll(unsigned n)
{
	seed = seed * 1664525u + 1013904223u;
	return (seed >> 8) % n;
}

/* For each study the least study of its person, as text. */
static void partition(struct home *h, char to[CROWD + 1], char held[CROWD + 1])
{
	int i, j;

	for (i = 0; i < CROWD; i++) {
		for (j = 0; !one_person(h, i, j); j++)
			;
		to[i] = (char)('0' + j);
		held[i] = study(h, i).held ? 'h' : '-';
	}
	to[CROWD] = held[CROWD] = '\0';
}

static void test_any_order(void **state)
{
	static const char *const IDS[] = {"1001", "1002", ID_WANG, ID_LI,
					  "1003", ""};
	static const char *const NAMES[] = {"王^伟", "李^伟", "王^小东",
					    "WANG^WEI=王^伟", ""};
	static const char *const BIRTHS[] = {"19491231", "18800101",
					     "19700101", ""};
	static const char *const SEXES[] = {"M", "F", ""};
	char first[2][CROWD + 1] = {{0}}, again[2][CROWD + 1];
	struct who w[CROWD];
	int order[CROWD], i, round;
	size_t joined = 0;

	for (i = 0; i < CROWD; i++)
		w[i] = (struct who){roll(2) ? "" : CLINIC, IDS[roll(6)],
				    NAMES[roll(5)], BIRTHS[roll(4)],
				    SEXES[roll(3)]};
	for (round = 0; round < 6; round++) {
		void *fresh = NULL;

		(void)up_lent(&fresh); /* asserts */
		for (i = 0; i < CROWD; i++)
			order[i] = i;
		for (i = CROWD - 1; round > 0 && i > 0; i--) {
			int j = (int)roll((unsigned)i + 1), t = order[i];

			order[i] = order[j];
			order[j] = t;
		}
		for (i = 0; i < CROWD; i++)
			add_as(fresh, &w[order[i]], order[i]);
		partition(fresh, again[0], again[1]);
		if (round == 0)
			memcpy(first, again, sizeof first);
		assert_string_equal(again[0], first[0]);
		assert_string_equal(again[1], first[1]);
		(void)down(&fresh);
	}
	for (i = 0; i < CROWD; i++)
		joined += first[0][i] != '0' + i;
	assert_true(joined > 5); /* there was something to join */
	assert_non_null(strchr(first[1], 'h'));
	(void)state;
}

/* --- found ------------------------------------------------------------------------- */

struct hits {
	int n;
	char names[200];
};

static enum df_err see(void *ctx, const struct df_store_patient *p)
{
	struct hits *s = ctx;

	s->n++;
	df_str_fmt(s->names + strlen(s->names), 100, "%s;",
		   p->ident[DF_IDENT_PATIENT_NAME]);
	return DF_OK;
}

static int by_name(struct home *h, const char *typed)
{
	struct hits s = {0};
	bool more;

	if (df_store_find_name(h->store, typed, 10, see, &s, &more, NULL) ==
	    DF_E_USAGE)
		return -1;
	assert_false(more);
	return s.n;
}

static int by_number(struct home *h, const char *typed)
{
	struct df_identifier id;
	struct hits s = {0};

	assert_true(df_identifier_parse(&id, df_text_of(typed), SELF));
	assert_int_equal(df_store_find_number(h->store, &id, 10, see, &s, NULL),
			 DF_OK);
	return s.n;
}

static const struct who FOLK[] = {
	{"", ID_WANG, "王^小东", "19491231", "F"},
	{CLINIC, "A-77", "LI^WEI=李^伟", "19900101", "M"},
	{"", "A-77", "Smith^John", "19800101", "M"},
	{"", "B-78", "王^伟", "19900101", "M"},
};

static void test_found(void **state)
{
	static const struct {
		const char *typed;
		int n;
	} NAMES[] = {
		{"王小东", 1}, {"王小", 1}, {"王^小东", 1}, {"王", -1},
		{"王伟", 1},   {"wang", 2}, {"wangx", 1},   {"WANG XIAO", 1},
		{"wangxiaodo", 1}, {"wangxiaodongx", 0}, {"wxd", 1}, {"wx", 1},
		{"ww", 1}, {"lw", 1}, {"liwei", 1}, {"smith", 1},
		{"smithjo", 1}, {"smithy", 0}, {"s", -1}, {"", -1},
		{"李伟", 1},   {"李东", 0},
	};
	struct df_identifier bare;
	struct home *h = *state;
	struct hits s = {0};
	size_t i;

	for (i = 0; i < 4; i++)
		add_as(h, &FOLK[i], (int)i);
	for (i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++)
		if (by_name(h, NAMES[i].typed) != NAMES[i].n)
			fail_msg("'%s': %d", NAMES[i].typed,
				 by_name(h, NAMES[i].typed));
	assert_int_equal(by_number(h, "11010519491231002x"), 1);
	assert_int_equal(by_number(h, "a-77"), 1); /* ours, not the clinic's */
	assert_int_equal(by_number(h, "A-79"), 0);
	assert_true(df_identifier_set(&bare, DF_IDENTIFIER_LOCAL,
				      df_text_of("A-77"), (struct df_text){0}));
	assert_int_equal(df_store_find_number(h->store, &bare, 10, see, &s,
					      NULL),
			 DF_OK);
	assert_int_equal(s.n, 2);
	s = (struct hits){0};
	assert_int_equal(df_store_find_who(h->store, "李伟", "19900101", 10,
					   see, &s, NULL),
			 DF_OK);
	assert_int_equal(s.n, 1);
	assert_string_equal(s.names, "LI^WEI=李^伟;");
	assert_int_equal(df_store_find_who(h->store, "李伟", "", 10, see, &s,
					   NULL),
			 DF_E_USAGE);
}

static void test_ref(void **state)
{
	struct home *h = *state;
	struct df_store_patient p;
	char ref[DF_PATIENT_REF_LEN + 1];
	size_t i;

	for (i = 0; i < 4; i++)
		add_as(h, &FOLK[i], (int)i);
	memcpy(ref, study(h, 2).patient, sizeof ref);
	assert_int_equal(df_store_patient(h->store, ref, &p, NULL), DF_OK);
	assert_string_equal(p.ident[DF_IDENT_PATIENT_NAME], "Smith^John");
	ref[11] = '\0';
	assert_int_equal(df_store_patient(h->store, ref, &p, NULL), DF_OK);
	assert_string_equal(p.ident[DF_IDENT_PATIENT_NAME], "Smith^John");
	ref[10] = ref[10] == '0' ? '1' : '0';
	assert_int_equal(df_store_patient(h->store, ref, &p, NULL),
			 DF_E_NOTFOUND);
	assert_int_equal(df_store_patient(h->store, "", &p, NULL),
			 DF_E_NOTFOUND);
	assert_int_equal(df_store_patient(h->store, "xyz", &p, NULL),
			 DF_E_NOTFOUND);
}

static enum df_err note(void *ctx, const struct df_store_study *st)
{
	char *to = ctx;

	df_str_fmt(to + strlen(to), 20, "%s ", st->study_uid);
	return DF_OK;
}

static void test_person_studies(void **state)
{
	struct home *h = *state;
	char seen[200] = "";
	struct hits s = {0};

	add_as(h, &FOLK[0], 0);
	add_as(h, &FOLK[3], 1);
	add_as(h, &FOLK[0], 2);
	add_as(h, &(struct who){CLINIC, ID_WANG, "王小东", "19491231", "F"}, 3);
	assert_int_equal(df_store_person_studies(h->store, study(h, 0).person,
						 10, note, seen, NULL),
			 DF_OK);
	assert_string_equal(seen, "1.2.3 1.2.2 1.2.0 ");
	assert_int_equal(df_store_person(h->store, study(h, 0).person, see, &s,
					 NULL),
			 DF_OK);
	assert_string_equal(s.names, "王^小东;王小东;");
	seen[0] = '\0';
	assert_int_equal(df_store_person_studies(h->store, study(h, 0).person,
						 1, note, seen, NULL),
			 DF_OK);
	assert_string_equal(seen, "1.2.3 ");
}

/* --- the file ----------------------------------------------------------------------- */

static void test_names_are_not_readable(void **state)
{
	static const char *const WORDS[] = {"王^小东", "小东", "wangxiaodong",
					    "WANG", "wxd", ID_WANG, "19491231",
					    "A-77", "Smith", "smithjohn"};
	struct home *h = *state;
	char path[128];
	size_t i, n, len;
	static char all[1 << 20];

	for (i = 0; i < 4; i++)
		add_as(h, &FOLK[i], (int)i);
	for (n = 0; n < 2; n++) {
		FILE *f;

		df_str_fmt(path, sizeof path, "%s%s", h->path,
			   n ? "-wal" : "");
		f = fopen(path, "rb");
		assert_non_null(f);
		len = fread(all, 1, sizeof all, f);
		(void)fclose(f);
		for (i = 0; i < sizeof WORDS / sizeof WORDS[0]; i++)
			if (memmem(all, len, WORDS[i], strlen(WORDS[i])))
				fail_msg("%s is in %s", WORDS[i], path);
	}
}

static void test_older_steps_aside(void **state)
{
	struct df_column_cipher c = toy();
	struct home *h = *state;
	sqlite3 *db;

	df_store_close(h->store);
	h->store = NULL;
	assert_int_equal(df_pages_open(&db, h->path), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db,
				      "PRAGMA locking_mode = EXCLUSIVE;"
				      "PRAGMA user_version = 1",
				      NULL, NULL, NULL),
			 SQLITE_OK);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	assert_int_equal(df_store_open(&h->store, h->path, &c, NULL),
			 DF_E_AGAIN);
	assert_null(h->store);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, up_lent, down)
		T(test_joined),
		T(test_no_number_is_nobody_else),
		T(test_contradiction),
		T(test_decisions),
		T(test_decided_before_known),
		T(test_what_was_said_is_found),
		T(test_any_order),
		T(test_found),
		T(test_ref),
		T(test_person_studies),
		T(test_names_are_not_readable),
		T(test_older_steps_aside),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
