/* known_test.c - what is remembered of the region, and who was told what. */
#include "df/known.h"
#include "store_fixture.h"

#define CENTRE \
	"1f825aa2f0020ef7cf91dfa30da4668d791c5d4824fc8e41354b89ec05795ab3"
#define OTHER "2f825aa2f0020ef7cf91dfa30da4668d791c5d4824fc8e41354b89ec05795ab3"
#define WHO "resident|110101199003070011|"
#define ANSWER "{\"priors\":[{\"patient\":{\"name\":\"王^小东\"}}]}"

static void learn(struct home *h, const char *who, const char *peer,
		  int64_t now, const char *text)
{
	assert_int_equal(df_store_begin(h->store, NULL), DF_OK);
	assert_int_equal(df_store_put_known(h->store, who, peer, now,
					    df_text_of(text), NULL),
			 DF_OK);
	assert_int_equal(df_store_commit(h->store, NULL), DF_OK);
}

static void expect_known(struct home *h, const char *who, const char *peer,
			 int64_t at, const char *text)
{
	struct df_buf b;
	int64_t learned = 0;
	enum df_err rc;

	df_buf_init(&b, DF_KNOWN_MAX);
	rc = df_store_known(h->store, who, peer, &learned, &b, NULL);
	assert_int_equal(rc, text != NULL ? DF_OK : DF_E_NOTFOUND);
	if (text != NULL) {
		assert_int_equal(learned, at);
		assert_int_equal(b.len, strlen(text));
		assert_memory_equal(b.ptr, text, b.len);
	}
	df_buf_release(&b);
}

static void remembered(void **state)
{
	struct home *h = *state;

	expect_known(h, WHO, CENTRE, 0, NULL);
	learn(h, WHO, CENTRE, 1000, "{}");
	learn(h, WHO, CENTRE, 2000, ANSWER); /* takes its place */
	reopen(h);
	expect_known(h, WHO, CENTRE, 2000, ANSWER);
	expect_known(h, WHO, OTHER, 0, NULL);
	expect_known(h, "resident|110101199003070012|", CENTRE, 0, NULL);
	learn(h, "name|lisi|19610102", OTHER, 3000, "{}");
	assert_int_equal(df_store_forget_known(h->store, 2001, NULL), DF_OK);
	expect_known(h, WHO, CENTRE, 0, NULL);
	expect_known(h, "name|lisi|19610102", OTHER, 3000, "{}");
}

/* A sealed answer that is moved to another patient's row does not open. */
static void bound(void **state)
{
	struct home *h = *state;
	struct df_buf b;
	int64_t at;

	learn(h, WHO, CENTRE, 1000, ANSWER);
	key = 43; /* another node's */
	df_buf_init(&b, DF_KNOWN_MAX);
	assert_int_equal(df_store_known(h->store, WHO, CENTRE, &at, &b, NULL),
			 DF_E_NOTFOUND); /* not even found */
	df_buf_release(&b);
	key = 42;
}

static void too_large(void **state)
{
	struct home *h = *state;
	char *big = df_xcalloc(1, DF_KNOWN_MAX + 2);

	memset(big, 'x', DF_KNOWN_MAX + 1);
	assert_int_equal(df_store_put_known(h->store, WHO, CENTRE, 1,
					    df_text_of(big), NULL),
			 DF_E_LIMIT);
	big[DF_KNOWN_MAX] = '\0';
	learn(h, WHO, CENTRE, 1, big);
	expect_known(h, WHO, CENTRE, 1, big);
	free(big);
}

static void nothing_readable(void **state)
{
	static const char *const WORDS[] = {"110101199003070011", "resident",
					    "王", "priors"};
	struct home *h = *state;
	static char bytes[1 << 20];
	size_t n;
	FILE *f;

	learn(h, WHO, CENTRE, 1000, ANSWER);
	df_store_close(h->store);
	h->store = NULL;
	f = fopen(h->path, "rb");
	assert_non_null(f);
	n = fread(bytes, 1, sizeof bytes, f);
	assert_int_equal(fclose(f), 0);
	for (size_t i = 0; i < sizeof WORDS / sizeof WORDS[0]; i++)
		assert_null(memmem(bytes, n, WORDS[i], strlen(WORDS[i])));
	assert_non_null(memmem(bytes, n, CENTRE, 64)); /* it was looked at */
}

/* {DF_E_NOTFOUND, ""}, or whose exam it is. */
static void expect_told(struct home *h, const char *peer, int64_t since,
			enum df_err want, const char *whose)
{
	char origin[DF_HEX_LEN + 1] = "";

	assert_int_equal(
		df_store_told(h->store, peer, "1.2", since, origin, NULL),
		want);
	if (want == DF_OK)
		assert_string_equal(origin, whose);
}

static void tell(struct home *h, const char *origin, int64_t at)
{
	assert_int_equal(
		df_store_put_told(h->store, OTHER, "1.2", origin, at, NULL),
		DF_OK);
}

static void told(void **state)
{
	struct home *h = *state;

	expect_told(h, OTHER, 0, DF_E_NOTFOUND, NULL);
	tell(h, "", 3);
	expect_told(h, OTHER, 3, DF_OK, "");
	expect_told(h, OTHER, 4, DF_E_NOTFOUND, NULL);
	expect_told(h, CENTRE, 0, DF_E_NOTFOUND, NULL);
	/* reports of ours on a clinic's exam stand behind it */
	tell(h, CENTRE, 5);
	tell(h, CENTRE, 7);
	expect_told(h, OTHER, 0, DF_OK, CENTRE);
	expect_told(h, OTHER, 7, DF_OK, CENTRE);
	expect_told(h, OTHER, 8, DF_E_NOTFOUND, NULL);
	/* of two clinics' nobody can say which is meant, while both are new */
	tell(h, OTHER, 8);
	expect_told(h, OTHER, 7, DF_E_CONFLICT, NULL);
	expect_told(h, OTHER, 8, DF_OK, OTHER);
}

#define T(f) cmocka_unit_test_setup_teardown(f, up, down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(remembered),	     T(bound), T(too_large),
		T(nothing_readable), T(told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
