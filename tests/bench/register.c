/*
 * register.c - what the register costs: bench-register DIR [ENTRIES]
 *
 * Entries of 600 bytes under the real seal: appended and synced one by one (as
 * the room does), appended only, found at a start, read and opened.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "df/aead.h"
#include "df/clock.h"
#include "df/file.h"
#include "df/register.h"

static const uint8_t key[DF_AEAD_KEY_LEN] = {1};

static enum df_err seal(void *ctx, struct df_text place, struct df_text v,
			struct df_buf *out, struct df_why *why)
{
	(void)ctx;
	return df_aead_seal(out, key, place, v.ptr, v.len, why);
}

static enum df_err unseal(void *ctx, struct df_text place, struct df_text v,
			  struct df_buf *out, struct df_why *why)
{
	(void)ctx;
	return df_aead_open(out, key, place, v.ptr, v.len, why);
}

static const struct df_column_cipher cipher = {NULL, seal, unseal, NULL};

static enum df_err count(void *ctx, const struct df_register_entry *e)
{
	(void)e;
	++*(uint64_t *)ctx;
	return DF_OK;
}

static void must(enum df_err rc, const struct df_why *why)
{
	if (rc == DF_OK)
		return;
	(void)fprintf(stderr, "bench-register: %s\n", why->text);
	exit(1);
}

static int64_t wall_us, cpu_us;

static void begin(void)
{
	wall_us = df_clock_mono_us();
	cpu_us = df_clock_cpu_us();
}

static void say(const char *what, uint64_t n)
{
	double us = (double)(df_clock_mono_us() - wall_us);
	double cpu = (double)(df_clock_cpu_us() - cpu_us);

	(void)printf("%-22s %8llu entries %8.1f us each, %6.1f us processor\n",
		     what, (unsigned long long)n, us / (double)n,
		     cpu / (double)n);
}

int main(int argc, char **argv)
{
	uint64_t n = argc > 2 ? strtoull(argv[2], NULL, 10) : 1000000;
	uint64_t synced = n < 2000 ? n : 2000, i, read = 0;
	struct df_register *r;
	struct df_why why = {0};
	char json[601];
	int dir;

	if (argc < 2)
		return 2;
	memset(json, 'x', 600);
	json[600] = '\0';
	must(df_dir_open(&dir, AT_FDCWD, argv[1], &why), &why);
	must(df_register_open(&r, dir, &cipher, &why), &why);
	begin();
	for (i = 0; i < synced; i++) {
		must(df_register_append(r, "audit", 1, df_text_of(json), NULL,
					&why),
		     &why);
		must(df_register_sync(r, &why), &why);
	}
	say("appended and synced", synced);
	begin();
	for (; i < n; i++)
		must(df_register_append(r, "audit", 1, df_text_of(json), NULL,
					&why),
		     &why);
	say("appended", n - synced);
	must(df_register_sync(r, &why), &why);
	df_register_close(r);
	begin();
	must(df_register_open(&r, dir, &cipher, &why), &why);
	say("a start", n);
	begin();
	must(df_register_read(r, 1, count, &read, NULL, &why), &why);
	say("read and opened", read);
	begin();
	must(df_register_read(r, n - 199, count, &read, NULL, &why), &why);
	say("the newest 200", 200);
	(void)printf("%llu bytes, %.0f an entry\n",
		     (unsigned long long)df_register_account(r)->bytes,
		     (double)df_register_account(r)->bytes / (double)n);
	df_register_close(r);
	return read == n + 200 ? 0 : 1;
}
