/*
 * store_fixture.h - an index.db in a throw-away directory, under a toy cipher
 * that is bound to key and place (the real one is tested with crypto).
 */
#ifndef STORE_FIXTURE_H
#define STORE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "df/persons.h"

static uint64_t mix(uint64_t h, const void *ptr, size_t len)
{
	const uint8_t *p = ptr;
	size_t i;

	for (i = 0; i < len; i++)
		h = (h ^ p[i]) * 0x100000001b3u;
	return h;
}

static enum df_err toy_seal(void *ctx, struct df_text place, struct df_text v,
			    struct df_buf *out, struct df_why *why)
{
	uint64_t h = mix(*(uint64_t *)ctx, place.ptr, place.len);
	uint64_t tag = mix(h, v.ptr, v.len);
	enum df_err rc = df_buf_add(out, &tag, sizeof tag, why);
	size_t i;

	for (i = 0; rc == DF_OK && i < v.len; i++) {
		h = mix(h, "k", 1);
		rc = df_buf_u8(out, (uint8_t)((uint8_t)v.ptr[i] ^ (h >> 32)));
	}
	return rc;
}

static enum df_err toy_open(void *ctx, struct df_text place, struct df_text v,
			    struct df_buf *out, struct df_why *why)
{
	uint64_t h = mix(*(uint64_t *)ctx, place.ptr, place.len), k = h, tag;
	size_t begin = out->len, i;
	enum df_err rc = DF_OK;

	if (v.len < sizeof tag)
		return df_fail(why, DF_E_CORRUPT, "short");
	memcpy(&tag, v.ptr, sizeof tag);
	for (i = sizeof tag; rc == DF_OK && i < v.len; i++) {
		k = mix(k, "k", 1);
		rc = df_buf_u8(out, (uint8_t)((uint8_t)v.ptr[i] ^ (k >> 32)));
	}
	if (rc == DF_OK && mix(h, out->ptr + begin, out->len - begin) != tag)
		return df_fail(why, DF_E_CORRUPT, "tag");
	return rc;
}

static void toy_blind(void *ctx, const char *column, struct df_text v,
		      struct df_digest *out)
{
	uint64_t h = mix(*(uint64_t *)ctx, column, strlen(column));
	int i;

	for (i = 0; i < 4; i++) {
		h = mix(h, v.ptr, v.len);
		memcpy(out->b + 8 * i, &h, 8);
	}
}

static uint64_t key;
static struct df_column_cipher toy(void)
{
	return (struct df_column_cipher){&key, toy_seal, toy_open, toy_blind};
}

struct home {
	char dir[64];
	char path[96];
	struct df_store *store;
};

static inline int up(void **state)
{
	struct home *h = df_xcalloc(1, sizeof *h);
	struct df_column_cipher c = toy();

	key = 42;
	df_str_fmt(h->dir, sizeof h->dir, "/tmp/df-store-XXXXXX");
	assert_non_null(mkdtemp(h->dir));
	df_str_fmt(h->path, sizeof h->path, "%s/index.db", h->dir);
	assert_int_equal(df_store_open(&h->store, h->path, &c, NULL), DF_OK);
	*state = h;
	return 0;
}

static inline int down(void **state)
{
	static const char *const END[] = {"", "-wal", "-shm", "-journal"};
	struct home *h = *state;
	char path[128];
	size_t i;

	df_store_close(h->store);
	for (i = 0; i < 4; i++) {
		df_str_fmt(path, sizeof path, "%s%s", h->path, END[i]);
		(void)unlink(path); /* most are not there */
	}
	assert_int_equal(rmdir(h->dir), 0);
	free(h);
	return 0;
}

static inline void reopen(struct home *h)
{
	struct df_column_cipher c = toy();

	df_store_close(h->store);
	assert_int_equal(df_store_open(&h->store, h->path, &c, NULL), DF_OK);
}

static inline void put(struct home *h, const struct df_store_instance *i)
{
	struct df_why why = {0};

	assert_int_equal(df_store_begin(h->store, &why), DF_OK);
	if (df_store_put_instance(h->store, i, &why) != DF_OK)
		fail_msg("%s", why.text);
	assert_int_equal(df_store_commit(h->store, &why), DF_OK);
	assert_int_equal(why.err, DF_OK); /* success leaves no reason */
}

#endif
