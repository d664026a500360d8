/*
 * names.c - what reading names costs: bench-names [FILE of testdata/names].
 *
 * Processor time of the first use of ICU, of each name as pinyin, of each name
 * decoded; memory of this process before and after the first use.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "df/charset.h"
#include "df/object.h"
#include "df/pinyin.h"
#include "df/str.h"

#define NAMES_MAX 10000

struct name {
	char gb[200], text[400];
	size_t gb_len;
};

static double cpu_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static long private_kib(void)
{
	FILE *in = fopen("/proc/self/smaps_rollup", "r");
	long all = 0, one;
	char line[200];

	while (in != NULL && fgets(line, sizeof line, in) != NULL)
		if (sscanf(line, "Private_%*[^:]: %ld", &one) == 1)
			all += one;
	if (in != NULL)
		fclose(in);
	return all;
}

static size_t load(struct name *names, const char *path)
{
	FILE *in = fopen(path, "r");
	char line[1000];
	size_t n = 0;

	while (in != NULL && n < NAMES_MAX &&
	       fgets(line, sizeof line, in) != NULL) {
		char *tab = strchr(line, '\t');
		struct name *one = &names[n];

		if (tab == NULL)
			continue;
		one->gb_len = (size_t)(tab - line) / 2;
		snprintf(one->text, sizeof one->text, "%.*s",
			 (int)strcspn(tab + 1, "\n"), tab + 1);
		n += one->gb_len <= sizeof one->gb &&
		     df_hex_decode(one->gb, one->gb_len,
				   (struct df_text){line, one->gb_len * 2});
	}
	if (in != NULL)
		fclose(in);
	return n;
}

static void decode(const struct name *names, size_t n, const char *declared)
{
	double began = cpu_us();
	char to[400];
	size_t i, right = 0;

	for (i = 0; i < n; i++) {
		(void)df_charset_decode(
			to, sizeof to,
			(struct df_text){names[i].gb, names[i].gb_len},
			declared, true);
		right += !strcmp(to, names[i].text);
	}
	printf("decoded, declared as %-10s  %6.2f us a name, %zu of %zu "
	       "right\n",
	       declared[0] != 0 ? declared : "nothing",
	       (cpu_us() - began) / (double)n, right, n);
}

int main(int argc, char **argv)
{
	struct name *names = calloc(NAMES_MAX, sizeof *names);
	size_t n = load(names,
			argc > 1 ? argv[1] : DF_TESTDATA "/names/chinese.tsv");
	struct df_pinyin_reader *r = df_pinyin_reader_new();
	struct df_pinyin p;
	double began;
	long before;
	size_t i;

	if (n == 0 || df_object_init(NULL) != DF_OK)
		return 1;
	decode(names, n, "GB18030");
	decode(names, n, "ISO_IR 100");
	decode(names, n, "");
	before = private_kib();
	began = cpu_us();
	if (df_pinyin_read(r, df_text_of("张^三"), &p, NULL) != DF_OK)
		return 1;
	printf("pinyin, the first name        %6.0f us, %ld KiB\n",
	       cpu_us() - began, private_kib() - before);
	began = cpu_us();
	for (i = 0; i < n; i++)
		if (df_pinyin_read(r, df_text_of(names[i].text), &p, NULL) !=
		    DF_OK)
			return 1;
	printf("pinyin, each further name     %6.1f us\n",
	       (cpu_us() - began) / (double)n);
	df_pinyin_reader_free(r);
	free(names);
	return 0;
}
