/*
 * labelled_test.c - all records of the labelled pairs in one index.db: whom it
 * takes for one person, over everybody else's records too.
 *
 * The pairs are of one person or of two; records of two pairs are of two.
 */
#include "store_fixture.h"

#define PAIRS DF_TESTDATA "/identity/pairs.tsv"
#define RECORDS_MAX 8000
#define SELF "self"

struct record {
	char node[16], id[72], issuer[32], name[128], reading[128];
	char birth[12], sex[8], uid[32];
	size_t truth; /* which person */
	uint64_t person;
	char patient[DF_PATIENT_REF_LEN + 1];
};

static struct record *records;
static size_t n_records;

static char *take(char **rest)
{
	char *field = strsep(rest, "\t");

	assert_non_null(field);
	return field;
}

static void read_record(char **rest, size_t truth)
{
	struct record *r = &records[n_records++];

	assert_true(n_records <= RECORDS_MAX);
	df_str_fmt(r->node, sizeof r->node, "%s", take(rest));
	df_str_fmt(r->id, sizeof r->id, "%s", take(rest));
	df_str_fmt(r->issuer, sizeof r->issuer, "%s", take(rest));
	df_str_fmt(r->name, sizeof r->name, "%s", take(rest));
	df_str_fmt(r->reading, sizeof r->reading, "%s", take(rest));
	df_str_fmt(r->birth, sizeof r->birth, "%s", take(rest));
	df_str_fmt(r->sex, sizeof r->sex, "%s", take(rest));
	df_str_fmt(r->uid, sizeof r->uid, "1.2.%zu", n_records);
	r->truth = truth;
}

static void read_pairs(void)
{
	FILE *f = fopen(PAIRS, "r");
	size_t people = 0;
	char line[4096];

	assert_non_null(f);
	while (fgets(line, sizeof line, f) != NULL) {
		char *rest = line;
		bool same;

		line[strcspn(line, "\n")] = '\0';
		if (line[0] == '#')
			continue;
		(void)take(&rest); /* the case */
		same = !strcmp(take(&rest), "same");
		read_record(&rest, people);
		people += !same;
		read_record(&rest, people++);
	}
	(void)fclose(f);
}

/* As pinyin.c would: what the script wrote beside the name. */
static size_t read_name(void *ctx, struct df_text group,
			struct df_name_reading *out)
{
	const struct record *r = *(struct record **)ctx;

	if (r->reading[0] == '\0' || group.len == 0)
		return 0;
	*out = (struct df_name_reading){0};
	for (const char *p = r->reading; *p != '\0'; p++)
		if (*p != ' ')
			out->full[strlen(out->full)] = *p;
	out->initials[0] = r->reading[0];
	return 1;
}

static struct record *now; /* whose name is read */

static void put_all(struct home *h)
{
	struct df_store_lent lent = {
		.self = SELF, .ctx = &now, .read = read_name};

	df_store_lend(h->store, &lent);
	assert_int_equal(df_store_begin(h->store, NULL), DF_OK);
	for (size_t i = 0; i < n_records; i++) {
		struct df_store_instance in = {
			.object = df_text_of("object-a"),
			.study_uid = df_text_of(records[i].uid),
			.series_uid = df_text_of(records[i].uid),
			.sop_instance = df_text_of(records[i].uid),
			.peer = df_text_of(records[i].node),
			.received_ms = 1000 + (int64_t)i,
		};

		now = &records[i];
		in.ident[DF_IDENT_PATIENT_ID] = df_text_of(now->id);
		in.ident[DF_IDENT_PATIENT_ID_ISSUER] = df_text_of(now->issuer);
		in.ident[DF_IDENT_PATIENT_NAME] = df_text_of(now->name);
		in.ident[DF_IDENT_BIRTH_DATE] = df_text_of(now->birth);
		in.ident[DF_IDENT_SEX] = df_text_of(now->sex);
		assert_int_equal(df_store_put_instance(h->store, &in, NULL),
				 DF_OK);
	}
	assert_int_equal(df_store_commit(h->store, NULL), DF_OK);
	for (size_t i = 0; i < n_records; i++) {
		struct df_store_study st;

		/* two clinics never send one study here */
		assert_int_equal(df_store_study(h->store, records[i].uid, NULL,
						&st, NULL),
				 DF_OK);
		records[i].person = st.person;
		memcpy(records[i].patient, st.patient, sizeof st.patient);
	}
}

/* Two people who are written alike to the letter (number 21 of the day, no
 * birth date) are one record, and nothing can tell them apart: then the record
 * must not say who it is by itself, so that a search calls it probable. */
static bool says_who(struct home *h, const char *ref)
{
	struct df_store_patient p;
	struct df_person who;

	assert_int_equal(df_store_patient(h->store, ref, &p, NULL), DF_OK);
	df_store_person_of(h->store, &p, &who);
	return df_person_match(&who, &who).match == DF_MATCH_EXACT;
}

static void compare(struct home *h, const struct record *a,
		    const struct record *b, size_t n[3])
{
	if (a->person != b->person)
		return;
	if (a->truth == b->truth) {
		n[0]++;
	} else if (strcmp(a->patient, b->patient) != 0 ||
		   says_who(h, a->patient)) {
		n[1]++;
		print_message("taken for one: %s / %s\n", a->uid, b->uid);
	} else {
		n[2]++;
	}
}

static void nobody_is_taken_for_another(void **state)
{
	struct home *h = *state;
	size_t n[3] = {0};
	uint64_t open = 0;

	records = df_xcalloc(RECORDS_MAX, sizeof *records);
	read_pairs();
	put_all(h);
	for (size_t i = 0; i < n_records; i++)
		for (size_t k = i + 1; k < n_records; k++)
			compare(h, &records[i], &records[k], n);
	assert_int_equal(df_store_questions(h->store, &open, NULL), DF_OK);
	print_message("%zu records: %zu pairs rightly joined, %zu wrongly, "
		      "%zu written alike, %llu questions\n",
		      n_records, n[0], n[1], n[2], (unsigned long long)open);
	assert_int_equal(n[1], 0);
	assert_true(n[0] >= 500);
	assert_true(open >= 1000); /* else nothing was looked for */
	free(records);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(nobody_is_taken_for_another, up,
						down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
