/*
 * index.c - index.db with a million exams: how fast facts go in, how long a
 * search takes, how large it is.
 *
 *   bench-index DIRECTORY [--names FILE] [--exams N] [--images N] [--queries N]
 *               [--keep] [--again]
 *
 * Under the cipher and the readings of names that the room `index` uses, in its
 * commits, alone on one core. Patients have 1 to 7 exams, of `images` instances
 * each in one series; most bear a resident ID, one in ten is known to two of
 * the 20 clinics; one exam in four has a report. Each search reads the exams and
 * reports of whom it finds, and is compared with what was put. --again searches
 * a file that was kept, with the same numbers. Names of Chinese
 * form are made of FILE's (testdata/names/chinese.tsv).
 *
 * Exit 1 when a search found something else than what is there.
 */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "df/aead.h"
#include "df/pages.h"
#include "df/person_name.h"
#include "df/persons.h"
#include "df/pinyin.h"

#define CLINICS 20
#define COMMIT 256 /* the room's GATHER_MAX */
#define NAMES_MAX 8192
#define SELF "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"

/* --- the room's cipher and readings ----------------------------------------- */

static const uint8_t seal_key[32] = {1}, blind_key[32] = {2};
static struct df_pinyin_reader *reader;

static enum df_err seal(void *ctx, struct df_text place, struct df_text v,
			struct df_buf *out, struct df_why *why)
{
	(void)ctx;
	return df_aead_seal(out, seal_key, place, v.ptr, v.len, why);
}

static enum df_err open_sealed(void *ctx, struct df_text place,
			       struct df_text v, struct df_buf *out,
			       struct df_why *why)
{
	(void)ctx;
	return df_aead_open(out, seal_key, place, v.ptr, v.len, why);
}

static void blind(void *ctx, const char *column, struct df_text v,
		  struct df_digest *out)
{
	(void)ctx;
	df_blind_index(out, blind_key, column, v);
}

static size_t read_name(void *ctx, struct df_text group,
			struct df_name_reading *out)
{
	struct df_pinyin p = {0};
	size_t i;

	(void)ctx;
	if (df_pinyin_read(reader, group, &p, NULL) != DF_OK)
		return 0;
	for (i = 0; i < p.n && i < DF_NAME_READINGS; i++) {
		df_str_fmt(out[i].full, sizeof out[i].full, "%.127s",
			   p.reading[i].full);
		df_str_fmt(out[i].initials, sizeof out[i].initials, "%.31s",
			   p.reading[i].initials);
	}
	return i;
}

/* --- who there is --------------------------------------------------------------- */

static char names[NAMES_MAX][100];
static size_t n_names;

static uint64_t mixed(uint64_t x)
{
	x += 0x9e3779b97f4a7c15u;
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
	return x ^ (x >> 31);
}

static unsigned roll(uint64_t who, uint64_t what, unsigned n)
{
	return (unsigned)(mixed(who * 64 + what) % n);
}

struct person {
	char name[100], id[20], birth[9], sex[2];
	unsigned exams, clinic, second; /* second: where the later ones were */
	bool resident;
};

static void check_digit(char id[20])
{
	static const int W[] = {7, 9, 10, 5, 8, 4, 2, 1, 6,
				3, 7, 9,  10, 5, 8, 4, 2};
	int i, sum = 0;

	for (i = 0; i < 17; i++)
		sum += W[i] * (id[i] - '0');
	id[17] = "10X98765432"[sum % 11];
	id[18] = '\0';
}

static struct person person(uint64_t n)
{
	/* common names are common */
	unsigned a = roll(n, 1, (unsigned)n_names);
	unsigned b = roll(n, 2, a / 4 + 1), order = roll(n, 10, 900);
	struct person p = {.exams = 1 + roll(n, 3, 7),
			   .clinic = roll(n, 4, CLINICS),
			   .resident = roll(n, 5, 10) < 7};

	df_str_fmt(p.name, sizeof p.name, "%s", names[roll(n, 9, 3) ? a : b]);
	df_str_fmt(p.birth, sizeof p.birth, "%04u%02u%02u",
		   1930 + roll(n, 6, 90), 1 + roll(n, 7, 12),
		   1 + roll(n, 8, 28));
	p.second = roll(n, 11, 10) ? p.clinic : (p.clinic + 1) % CLINICS;
	p.sex[0] = order % 2 ? 'M' : 'F';
	if (p.resident) {
		df_str_fmt(p.id, sizeof p.id, "%06u%s%03u",
			   110101 + roll(n, 12, 9), p.birth, order % 1000);
		check_digit(p.id);
	} else {
		df_str_fmt(p.id, sizeof p.id, "P%09llu", (unsigned long long)n);
	}
	return p;
}

static bool read_names(const char *path)
{
	char line[256];
	FILE *f = fopen(path, "r");

	if (f == NULL)
		return false;
	while (n_names < NAMES_MAX && fgets(line, sizeof line, f) != NULL) {
		char *name = strchr(line, '\t'); /* after its bytes */
		size_t len = name != NULL ? strcspn(++name, "\t\n") : 0;

		if (len > 0 && len < sizeof names[0])
			memcpy(names[n_names++], name, len);
	}
	(void)fclose(f);
	return n_names > 100;
}

static void clinic_of(char to[DF_HEX_LEN + 1], unsigned n)
{
	size_t i;

	for (i = 0; i < DF_HEX_LEN; i++)
		to[i] = "0123456789abcdef"[mixed(n * 100 + i) % 16];
	to[DF_HEX_LEN] = '\0';
}

/* --- put ------------------------------------------------------------------------- */

struct bench {
	struct df_store *store;
	char path[512];
	uint64_t exams, images, queries;
	uint64_t put, persons;
	unsigned pending;
	bool again; /* it is full already */
	int wrong;
};

static void die(const struct df_why *why)
{
	fprintf(stderr, "bench-index: %s\n", why->text);
	exit(2);
}

static void begin(struct bench *b)
{
	struct df_why why = {0};

	if (df_store_begin(b->store, &why) != DF_OK)
		die(&why);
}

static void commit(struct bench *b)
{
	struct df_why why = {0};

	if (df_store_commit(b->store, &why) != DF_OK)
		die(&why);
	b->pending = 0;
}

static void digest_of(struct df_digest *d, uint64_t n)
{
	uint64_t v[4] = {mixed(n), mixed(n + 1), mixed(n ^ 77), mixed(~n)};

	memcpy(d->b, v, sizeof d->b);
}

static void study_of(char to[65], uint64_t exam)
{
	df_str_fmt(to, 65, "1.2.840.113619.2.55.3.%u.868.%llu",
		   roll(exam, 22, 900000), (unsigned long long)exam);
}

/* As three kinds of maker write them: counted on, serial numbers, random. */
static void uid_of(char to[65], const char *series, uint64_t exam, uint64_t i)
{
	unsigned long long a = mixed(exam * 5000 + i) % 10000000000000000u;
	unsigned long long b = mixed(~(exam * 5000 + i)) % 10000000000000000u;

	if (exam % 3 == 0)
		df_str_fmt(to, 65, "%s.%llu", series, (unsigned long long)i);
	else if (exam % 3 == 1)
		df_str_fmt(to, 65, "1.3.12.2.1107.5.2.36.40436.3000%016llu%05llu",
			   a, b % 100000);
	else
		df_str_fmt(to, 65, "2.25.3%016llu%016llu", a, b);
}

/* One exam in four is read. */
static void put_report(struct bench *b, const char *study, uint64_t exam)
{
	struct df_store_report r = {.version = 1, .accepted = true};
	static char text[1200];
	struct df_why why = {0};

	if (roll(exam, 26, 4) != 0)
		return;
	memset(text, 't', sizeof text);
	r.text = (struct df_text){text, sizeof text};
	r.received_ms = (int64_t)exam;
	df_str_fmt(r.object, sizeof r.object, "%025llur",
		   (unsigned long long)exam);
	df_str_fmt(r.report_id, sizeof r.report_id, "%026llu",
		   (unsigned long long)exam);
	df_str_fmt(r.study_uid, sizeof r.study_uid, "%s", study);
	if (df_store_put_report(b->store, &r, &why) != DF_OK)
		die(&why);
}

static void put_exam(struct bench *b, const struct person *p, unsigned k,
		     uint64_t exam)
{
	static const char *const MODALITY[] = {"CR", "DX", "CT", "MR", "US"};
	static const char *const PART[] = {"CHEST", "ABDOMEN", "HEAD", "KNEE"};
	char peer[DF_HEX_LEN + 1], study[65], series[65], uid[65], object[27];
	char accession[20], number[12], date[9];
	struct df_why why = {0};
	uint64_t i;
	struct df_store_instance in = {
		.sop_class = df_text_of("1.2.840.10008.5.1.4.1.1.2"),
		.transfer_syntax = df_text_of("1.2.840.10008.1.2.1"),
		.coding = df_text_of("jpeg-xl"),
		.modality = df_text_of(MODALITY[roll(exam, 20, 5)]),
		.body_part = df_text_of(PART[roll(exam, 21, 4)]),
		.series_number = df_text_of("1"),
		.rows = df_text_of("512"),
		.columns = df_text_of("512"),
		.calling_ae = df_text_of("CT1"),
		.basis = df_text_of("declared"),
	};

	clinic_of(peer, k < p->exams / 2 + 1 ? p->clinic : p->second);
	study_of(study, exam);
	df_str_fmt(series, sizeof series, "%s.1", study);
	df_str_fmt(object, sizeof object, "%026llu", (unsigned long long)exam);
	df_str_fmt(accession, sizeof accession, "A%09llu",
		   (unsigned long long)exam);
	df_str_fmt(date, sizeof date, "2026%02u%02u", 1 + roll(exam, 23, 12),
		   1 + roll(exam, 24, 28));
	in.peer = df_text_of(peer);
	in.object = df_text_of(object);
	in.study_uid = df_text_of(study);
	in.series_uid = df_text_of(series);
	in.received_ms = INT64_C(1780000000000) + (int64_t)exam * 1000;
	in.ident[DF_IDENT_PATIENT_NAME] = df_text_of(p->name);
	in.ident[DF_IDENT_PATIENT_ID] = df_text_of(p->id);
	in.ident[DF_IDENT_BIRTH_DATE] = df_text_of(p->birth);
	in.ident[DF_IDENT_SEX] = df_text_of(p->sex);
	in.ident[DF_IDENT_ACCESSION] = df_text_of(accession);
	in.ident[DF_IDENT_STUDY_DATE] = df_text_of(date);
	in.ident[DF_IDENT_STUDY_DESCRIPTION] = df_text_of("胸部平扫");
	in.ident[DF_IDENT_INSTITUTION] = df_text_of("县人民医院");
	for (i = 0; i < b->images; i++) {
		uid_of(uid, series, exam, i);
		df_str_fmt(number, sizeof number, "%llu",
			   (unsigned long long)i + 1);
		in.sop_instance = df_text_of(uid);
		in.instance_number = df_text_of(number);
		in.size_bytes = 250000 + roll(exam + i, 25, 100000);
		in.record = i * 260000;
		digest_of(&in.digest, b->put * 2);
		digest_of(&in.pixel_digest, b->put * 2 + 1);
		if (df_store_put_instance(b->store, &in, &why) != DF_OK)
			die(&why);
		b->put++;
		if (++b->pending == COMMIT) {
			commit(b);
			begin(b);
		}
	}
	put_report(b, study, exam);
}

static void put_all(struct bench *b)
{
	uint64_t exam = 0;

	begin(b);
	for (b->persons = 0; exam < b->exams; b->persons++) {
		struct person p = person(b->persons);
		unsigned k;

		for (k = 0; k < p.exams; k++, exam++)
			if (!b->again)
				put_exam(b, &p, k, exam);
	}
	b->exams = exam;
	b->put = exam * b->images;
	commit(b);
}

/* --- search -------------------------------------------------------------------------- */

struct found {
	struct bench *b;
	uint64_t persons[64];
	size_t n_persons;
	uint64_t studies, reports;
	bool more;
};

static enum df_err see_report(void *ctx, const struct df_store_report *r)
{
	struct found *f = ctx;

	(void)r;
	f->reports++;
	return DF_OK;
}

static enum df_err see_study(void *ctx, const struct df_store_study *st)
{
	struct found *f = ctx;

	f->studies++;
	return df_store_reports(f->b->store, st->study_uid, see_report, f,
				NULL);
}

static enum df_err see_patient(void *ctx, const struct df_store_patient *p)
{
	struct found *f = ctx;
	size_t i;

	for (i = 0; i < f->n_persons; i++)
		if (f->persons[i] == p->person)
			return DF_OK;
	f->persons[f->n_persons++] = p->person;
	return DF_OK;
}

enum kind { BY_NUMBER, BY_NAME_AND_BIRTH, BY_NAME, BY_PREFIX, BY_PINYIN, KINDS };
static const char *const KIND[] = {"number", "name and birth date", "name",
				   "two characters", "pinyin, 6 letters"};

/* Bytes of its first two characters; of a Latin name, all. */
static int two_of(const char *name)
{
	int at, n = 0;

	if (!df_text_is_cjk(df_text_of(name)))
		return 40;
	for (at = 0; name[at] != '\0'; at++)
		if (((uint8_t)name[at] & 0xC0) != 0x80 && name[at] != ' ' &&
		    strncmp(name + at, "\u3000", 3) != 0 && n++ == 2)
			break;
	return at;
}

static enum df_err search(struct bench *b, enum kind kind,
			  const struct person *p, struct found *f,
			  struct df_why *why)
{
	char self[DF_HEX_LEN + 1], typed[64] = "", shown[304];
	struct df_name_reading r[DF_NAME_READINGS];
	struct df_identifier id;

	df_person_name_show(shown, sizeof shown, df_text_of(p->name));
	switch (kind) {
	case BY_NUMBER:
		clinic_of(self, p->clinic);
		if (!df_identifier_parse(&id, df_text_of(p->id), self))
			return df_fail(why, DF_E_USAGE, "no number");
		return df_store_find_number(b->store, &id, 32, see_patient, f,
					    why);
	case BY_NAME_AND_BIRTH:
		return df_store_find_who(b->store, p->name, p->birth, 32,
					 see_patient, f, why);
	case BY_NAME:
		df_str_fmt(typed, sizeof typed, "%s", shown);
		break;
	case BY_PREFIX:
		df_str_fmt(typed, sizeof typed, "%.*s", two_of(shown), shown);
		break;
	case BY_PINYIN:
		if (read_name(NULL, df_text_of(shown), r) > 0)
			df_str_fmt(typed, sizeof typed, "%.6s", r[0].full);
		break;
	case KINDS:
		break;
	}
	return df_store_find_name(b->store, typed, 32, see_patient, f, &f->more,
				  why);
}

static double clock_ms(clockid_t which)
{
	struct timespec t;

	clock_gettime(which, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* What each took by the clock, and of the processor. */
struct times {
	double *ms, *cpu_ms;
	uint64_t n;
	double begun, cpu_begun;
};

static void times_new(struct times *t, uint64_t n)
{
	*t = (struct times){.ms = df_xcalloc(n, sizeof *t->ms),
			    .cpu_ms = df_xcalloc(n, sizeof *t->cpu_ms)};
}

static void times_begin(struct times *t)
{
	t->cpu_begun = clock_ms(CLOCK_PROCESS_CPUTIME_ID);
	t->begun = clock_ms(CLOCK_MONOTONIC);
}

static void times_end(struct times *t)
{
	t->ms[t->n] = clock_ms(CLOCK_MONOTONIC) - t->begun;
	t->cpu_ms[t->n++] = clock_ms(CLOCK_PROCESS_CPUTIME_ID) - t->cpu_begun;
}

static void times_say(struct times *t, const char *what, uint64_t found)
{
	qsort(t->ms, t->n, sizeof *t->ms, ascending);
	qsort(t->cpu_ms, t->n, sizeof *t->cpu_ms, ascending);
	printf("%-22s %9.3f %9.3f %9.3f %9.3f %9.3f   %.1f\n", what,
	       t->ms[t->n / 2], t->ms[t->n * 95 / 100], t->ms[t->n - 1],
	       t->cpu_ms[t->n / 2], t->cpu_ms[t->n * 95 / 100],
	       (double)found / (double)t->n);
	free(t->ms);
	free(t->cpu_ms);
}

/* A clinic's own number says nothing of another clinic. */
static unsigned exams_of_number(const struct person *p)
{
	unsigned here = p->exams / 2 + 1;

	return p->resident || p->second == p->clinic || here > p->exams
		       ? p->exams
		       : here;
}

static void search_all(struct bench *b, enum kind kind)
{
	uint64_t q, studies = 0;
	struct df_why why = {0};
	struct times t;

	times_new(&t, b->queries);
	for (q = 0; q < b->queries; q++) {
		uint64_t who = mixed(q * 7 + kind) % b->persons;
		struct person p = person(who);
		struct found f = {.b = b};
		size_t i;

		times_begin(&t);
		if (search(b, kind, &p, &f, &why) != DF_OK) {
			fprintf(stderr, "%s, as '%s':\n", KIND[kind], p.name);
			die(&why);
		}
		for (i = 0; i < f.n_persons; i++)
			if (df_store_person_studies(b->store, f.persons[i], 200,
						    see_study, &f,
						    &why) != DF_OK)
				die(&why);
		times_end(&t);
		studies += f.studies;
		if (f.n_persons == 0 || f.studies == 0 ||
		    (kind == BY_NUMBER && f.studies != exams_of_number(&p))) {
			b->wrong++;
			printf("wrong: %s found %llu of %u exams\n", KIND[kind],
			       (unsigned long long)f.studies, p.exams);
		}
	}
	times_say(&t, KIND[kind], studies);
}

/* --- look-up and size -------------------------------------------------------------- */

static void look_up(struct bench *b)
{
	struct df_store_study st;
	struct df_why why = {0};
	uint64_t q, images = 0;
	struct times t;

	times_new(&t, b->queries);
	for (q = 0; q < b->queries; q++) {
		char uid[65];

		times_begin(&t);
		study_of(uid, mixed(q) % b->exams);
		if (df_store_study(b->store, uid, NULL, &st, &why) != DF_OK)
			die(&why);
		times_end(&t);
		images += st.instances;
	}
	times_say(&t, "(a study, opened)", b->queries);
	b->wrong += images != b->queries * b->images;
}

/* The bare row of an instance, by the UIDs of its study and series. */
static void look_up_rows(struct bench *b, sqlite3 *db)
{
	static const char SQL[] =
		"SELECT i.object FROM studies s JOIN series r ON r.study = s.id"
		" JOIN instances i ON i.series = r.id"
		" WHERE s.uid = ?1 AND r.uid = ?1 || '.1' LIMIT 1";
	sqlite3_stmt *row = NULL;
	struct times t;
	uint64_t q;

	if (sqlite3_prepare_v2(db, SQL, -1, &row, NULL) != SQLITE_OK)
		exit(2);
	times_new(&t, b->queries);
	for (q = 0; q < b->queries; q++) {
		char uid[65];

		times_begin(&t);
		study_of(uid, mixed(q) % b->exams);
		(void)sqlite3_bind_text(row, 1, uid, -1, SQLITE_TRANSIENT);
		b->wrong += sqlite3_step(row) != SQLITE_ROW;
		(void)sqlite3_reset(row); /* its step was looked at */
		times_end(&t);
	}
	(void)sqlite3_finalize(row);
	times_say(&t, "(an instance's row)", b->queries);
}

static void say_tables(struct bench *b, sqlite3 *db)
{
	static const char SQL[] =
		"SELECT coalesce(m.tbl_name, d.name) AS t, sum(pgsize) AS n"
		" FROM dbstat d LEFT JOIN sqlite_schema m ON m.name = d.name"
		" GROUP BY t ORDER BY n DESC";
	sqlite3_stmt *q = NULL;

	if (sqlite3_prepare_v2(db, SQL, -1, &q, NULL) != SQLITE_OK)
		exit(2);
	while (sqlite3_step(q) == SQLITE_ROW)
		if (sqlite3_column_int64(q, 1) > 100000)
			printf("  %-14s %8.1f MB %7.1f B an instance\n",
			       (const char *)sqlite3_column_text(q, 0),
			       sqlite3_column_double(q, 1) / 1e6,
			       sqlite3_column_double(q, 1) / (double)b->put);
	(void)sqlite3_finalize(q);
}

/* What is left to see in the closed file; tables with their indexes. */
static void say_file(struct bench *b)
{
	sqlite3 *db = NULL;
	struct stat st;

	df_store_close(b->store);
	b->store = NULL;
	if (stat(b->path, &st) != 0 ||
	    df_pages_open(&db, b->path) != SQLITE_OK ||
	    sqlite3_exec(db, "PRAGMA locking_mode = EXCLUSIVE", NULL, NULL,
			 NULL) != SQLITE_OK)
		exit(2);
	look_up_rows(b, db);
	printf("size %.1f MB, %.1f B an instance\n", (double)st.st_size / 1e6,
	       (double)st.st_size / (double)b->put);
	say_tables(b, db);
	(void)sqlite3_close(db);
}

/* --- main ----------------------------------------------------------------------------- */

static void open_store(struct bench *b, const char *dir)
{
	struct df_column_cipher c = {NULL, seal, open_sealed, blind};
	struct df_store_lent lent = {.self = SELF, .read = read_name};
	struct df_why why = {0};

	snprintf(b->path, sizeof b->path, "%s/index.db", dir);
	if (df_store_open(&b->store, b->path, &c, &why) != DF_OK)
		die(&why);
	df_store_lend(b->store, &lent);
}

static void run(struct bench *b)
{
	double begun = clock_ms(CLOCK_MONOTONIC), took;
	double cpu = clock_ms(CLOCK_PROCESS_CPUTIME_ID);
	unsigned kind;

	put_all(b);
	took = (clock_ms(CLOCK_MONOTONIC) - begun) / 1000;
	cpu = (clock_ms(CLOCK_PROCESS_CPUTIME_ID) - cpu) / 1000;
	printf("%llu exams of %llu people, %llu instances: %.1f s (%.1f s of "
	       "processor), %.0f instances/s\n",
	       (unsigned long long)b->exams, (unsigned long long)b->persons,
	       (unsigned long long)b->put, took, cpu, (double)b->put / took);
	printf("%-22s %9s %9s %9s %9s %9s   exams found\n", "search by",
	       "p50 ms", "p95 ms", "max ms", "p50 cpu", "p95 cpu");
	for (kind = 0; kind < KINDS; kind++)
		search_all(b, kind);
	look_up(b);
	say_file(b);
}

int main(int argc, char **argv)
{
	struct bench b = {.exams = 1000000, .images = 2, .queries = 1000};
	const char *file = "testdata/names/chinese.tsv";
	bool keep = false;
	int i;

	for (i = 2; i < argc; i++) {
		bool more = i + 1 < argc;

		if (strcmp(argv[i], "--keep") == 0)
			keep = true;
		else if (strcmp(argv[i], "--again") == 0)
			b.again = keep = true;
		else if (strcmp(argv[i], "--names") == 0 && more)
			file = argv[++i];
		else if (strcmp(argv[i], "--exams") == 0 && more)
			b.exams = strtoull(argv[++i], NULL, 10);
		else if (strcmp(argv[i], "--images") == 0 && more)
			b.images = strtoull(argv[++i], NULL, 10);
		else if (strcmp(argv[i], "--queries") == 0 && more)
			b.queries = strtoull(argv[++i], NULL, 10);
		else
			argc = 0;
	}
	if (argc < 2 || !read_names(file) || b.exams * b.images * b.queries == 0) {
		fprintf(stderr, "usage: bench-index DIRECTORY [--names FILE] "
				"[--exams N] [--images N] [--queries N] "
				"[--keep] [--again]\n");
		return 2;
	}
	reader = df_pinyin_reader_new();
	open_store(&b, argv[1]);
	run(&b);
	if (!keep)
		(void)unlink(b.path); /* what is left is told by its name */
	df_pinyin_reader_free(reader);
	return b.wrong > 0;
}
