/*
 * instance_rows_test.c - rows of instances: any UID comes back as it was, objects
 * that nobody lives in are dropped, the same pixels are found.
 */
#include <sqlite3.h>

#include "store_fixture.h"

#include "df/pages.h"

#define PEER "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"

struct image {
	const char *study, *series, *uid, *peer, *modality, *id;
	int digest, pixels;
};

static struct df_store_instance of(const struct image *m)
{
	struct df_store_instance i = {
		.object = df_text_of("object-a"),
		.peer = df_text_of(m->peer),
		.study_uid = df_text_of(m->study),
		.series_uid = df_text_of(m->series),
		.sop_instance = df_text_of(m->uid),
		.modality = df_text_of(m->modality),
		.rows = df_text_of("512"),
		.size_bytes = 100,
		.received_ms = 1,
	};

	i.ident[DF_IDENT_PATIENT_ID] = df_text_of(m->id);
	memset(i.digest.b, m->digest, sizeof i.digest.b);
	memset(i.pixel_digest.b, m->pixels, sizeof i.pixel_digest.b);
	return i;
}

static void put_image(struct home *h, const struct image *m)
{
	struct df_store_instance i = of(m);

	put(h, &i);
}

struct twins {
	int n;
	struct df_store_twin t[64];
};

static enum df_err see(void *ctx, const struct df_store_twin *t)
{
	struct twins *s = ctx;

	if (s->n < 64)
		s->t[s->n] = *t;
	s->n++;
	return DF_OK;
}

static struct twins twins(struct home *h, const char *study, const char *peer)
{
	struct twins s = {0};

	assert_int_equal(df_store_twins(h->store, study, peer, see, &s, NULL),
			 DF_OK);
	return s;
}

static void test_twins(void **state)
{
	static const struct image M[] = {
		{"1.2.1", "1.2.1.1", "1.2.1.1.1", "", "CT", "1001", 1, 9},
		{"1.2.1", "1.2.1.1", "1.2.1.1.2", "", "CT", "1001", 2, 8},
		/* a disc read in: other UIDs, the same pixels */
		{"1.2.2", "1.2.2.1", "1.2.2.1.1", "", "CT", "1001", 3, 9},
		{"1.2.2", "1.2.2.1", "1.2.2.1.2", "", "CT", "1001", 4, 7},
		/* at another node, of another patient, of another modality */
		{"1.2.3", "1.2.3.1", "1.2.3.1.1", PEER, "OT", "2002", 5, 9},
		/* nothing known of its pixels */
		{"1.2.4", "1.2.4.1", "1.2.4.1.1", "", "CT", "1001", 6, 0},
	};
	struct home *h = *state;
	struct df_store_study st;
	struct twins t;
	size_t i;

	for (i = 0; i < sizeof M / sizeof M[0]; i++)
		put_image(h, &M[i]);
	t = twins(h, "1.2.1", "");
	assert_int_equal(t.n, 2);
	assert_string_equal(t.t[0].sop_instance, "1.2.1.1.1");
	assert_string_equal(t.t[0].other_study, "1.2.2");
	assert_string_equal(t.t[0].other_instance, "1.2.2.1.1");
	assert_string_equal(t.t[0].other_peer, "");
	assert_true(t.t[0].same_person);
	assert_true(t.t[0].same_modality);
	assert_string_equal(t.t[1].other_study, "1.2.3");
	assert_string_equal(t.t[1].other_peer, PEER);
	assert_false(t.t[1].same_person);
	assert_false(t.t[1].same_modality);
	assert_int_equal(twins(h, "1.2.3", PEER).n, 2);
	assert_int_equal(twins(h, "1.2.4", "").n, 0);
	assert_int_equal(df_store_twins(h->store, "1.2.9", "", see, &t, NULL),
			 DF_E_NOTFOUND);
	assert_int_equal(df_store_study(h->store, "1.2.1", NULL, &st, NULL),
			 DF_OK);
	assert_int_equal(st.instances, 2);
}

/* Pixels are decoded later than the facts are told. */
static void test_pixels_come_later(void **state)
{
	struct image a = {"1.1", "1.1.1", "1.1.1.1", "", "CT", "1", 1, 0};
	struct image b = {"1.2", "1.2.1", "1.2.1.1", "", "CT", "1", 2, 5};
	struct home *h = *state;

	put_image(h, &a);
	put_image(h, &b);
	assert_int_equal(twins(h, "1.2", "").n, 0);
	a.pixels = 5;
	put_image(h, &a);
	assert_int_equal(twins(h, "1.2", "").n, 1);
	a.pixels = 0; /* told again without: it stays known */
	put_image(h, &a);
	assert_int_equal(twins(h, "1.2", "").n, 1);
}

static void test_any_uid(void **state)
{
	static const char *const SERIES[] = {
		"1.2.840.113619.2.55.3.604688119.868.1249343483.504",
		"2.25.329800735698586629295641978511506172918",
		"1.2",
		"0",
		"1.2.3.4.5.6.7.8.9.0.1.2.3.4.5.6.7.8.9.0.1.2.3.4.5.6.7.8.9.0.12.4",
	};
	static const char *const UIDS[] = {
		"1.2.840.113619.2.55.3.604688119.868.1249343483.504",
		"1.2.840.113619.2.55.3.604688119.868.1249343483.504.1",
		"1.2.840.113619.2.55.3.604688119.868.1249343483.50",
		"2.25.329800735698586629295641978511506172917",
		"9",
		"1",
		"1.2.3.4.5.6.7.8.9.0.1.2.3.4.5.6.7.8.9.0.1.2.3.4.5.6.7.8.9.0.12.5",
		"9.2.3.4.5.6.7.8.9.0.1.2.3.4.5.6.7.8.9.0.1.2.3.4.5.6.7.8.9.0.1.45",
	};
	struct home *h = *state;
	size_t s, u;
	int n;

	for (s = 0; s < sizeof SERIES / sizeof SERIES[0]; s++) {
		char study[32], other[32];
		struct twins t;

		df_str_fmt(study, sizeof study, "7.%zu", s);
		df_str_fmt(other, sizeof other, "8.%zu", s);
		for (u = 0; u < sizeof UIDS / sizeof UIDS[0]; u++) {
			struct image m = {study, SERIES[s], UIDS[u], "",
					  "CT",	 "1",	    1,	     0};
			m.pixels = (int)(s * 16 + u + 1);
			put_image(h, &m);
			m.study = other;
			put_image(h, &m);
		}
		t = twins(h, study, "");
		assert_int_equal(t.n, 8);
		for (n = 0; n < t.n; n++) {
			assert_string_equal(t.t[n].sop_instance,
					    t.t[n].other_instance);
			for (u = 0; strcmp(UIDS[u], t.t[n].sop_instance); u++)
				assert_true(u < 7);
		}
	}
}

static int64_t number_of(sqlite3 *db, const char *sql)
{
	sqlite3_stmt *q;
	int64_t v;

	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &q, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(q), SQLITE_ROW);
	v = sqlite3_column_int64(q, 0);
	assert_int_equal(sqlite3_finalize(q), SQLITE_OK);
	return v;
}

static void test_moves(void **state)
{
	static const char *const OBJECTS[] = {"raw-1", "raw-2", "raw-3"};
	struct home *h = *state;
	sqlite3 *db;
	int n;

	for (n = 0; n < 6; n++) {
		char uid[16];
		struct image m = {"1.1",  "1.1.1", uid, "",
				  "CT",	  "1",	   n % 3 + 1, 0};
		struct df_store_instance i;

		df_str_fmt(uid, sizeof uid, "1.1.1.%d", n % 3);
		i = of(&m);
		i.object = df_text_of(n < 3 ? OBJECTS[n] : "parcel");
		i.record = (uint64_t)n;
		put(h, &i);
	}
	df_store_close(h->store);
	h->store = NULL;
	assert_int_equal(df_pages_open(&db, h->path), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "PRAGMA locking_mode = EXCLUSIVE",
				      NULL, NULL, NULL),
			 SQLITE_OK);
	assert_int_equal(number_of(db, "SELECT count(*) FROM instances"), 3);
	assert_int_equal(number_of(db, "SELECT count(*) FROM objects"), 1);
	assert_int_equal(number_of(db, "SELECT instances FROM objects"), 3);
	assert_int_equal(number_of(db, "SELECT count(*) FROM forms"), 1);
	assert_int_equal(number_of(db, "SELECT max(record) FROM instances"), 5);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, up, down)
		T(test_twins),
		T(test_pixels_come_later),
		T(test_any_uid),
		T(test_moves),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
