/*
 * spool_fixture.h - a spool and a journal in a directory of their own, and
 * objects to put into them.
 */
#ifndef SPOOL_FIXTURE_H
#define SPOOL_FIXTURE_H

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "df/file.h"
#include "df/journal.h"
#include "df/sys.h"

struct world {
	char dir[64];
	int fd;
	struct df_spool sp;
	struct df_journal *j;
};

static inline int setup(void **state)
{
	struct world *w = df_xcalloc(1, sizeof *w);
	char db[80];

	df_str_fmt(w->dir, sizeof w->dir, "/tmp/df-spool-XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	w->fd = open(w->dir, O_RDONLY | O_DIRECTORY);
	assert_int_equal(df_spool_open(&w->sp, w->fd, NULL), DF_OK);
	df_str_fmt(db, sizeof db, "%s/state.db", w->dir);
	assert_int_equal(df_journal_open(&w->j, db, NULL), DF_OK);
	*state = w;
	return 0;
}

static inline int teardown(void **state)
{
	struct world *w = *state;
	char cmd[100];

	df_journal_close(w->j);
	df_spool_close(&w->sp);
	close(w->fd);
	df_str_fmt(cmd, sizeof cmd, "rm -rf '%s'", w->dir);
	assert_int_equal(system(cmd), 0);
	free(w);
	return 0;
}

static inline void sum_up(struct df_checksum *sum, const char *bytes)
{
	struct df_summer s = {0};

	df_summer_init(&s);
	df_summer_update(&s, bytes, strlen(bytes));
	df_summer_sum(&s, sum);
	df_summer_release(&s);
}

static inline struct df_envelope raw_env(const struct df_id *id, int k)
{
	struct df_envelope e = {.kind = DF_ENV_RAW,
				.id = *id,
				.association = *id,
				.received_ms = 1000 + k,
				.size_bytes = 10};

	df_str_fmt(e.called_ae, 17, "HERE");
	df_str_fmt(e.calling_ae, 17, "CT1");
	df_str_fmt(e.address, 64, "127.0.0.1");
	df_str_fmt(e.sop_class, 65, "1.2.840.1");
	df_str_fmt(e.sop_instance, 65, "1.2.3.%d", k);
	df_str_fmt(e.transfer_syntax, 65, "1.2.840.2");
	e.digest.b[0] = (uint8_t)k;
	sum_up(&e.checksum, "0123456789");
	return e;
}

/* The whole file of a raw instance. */
static inline void raw_file(struct df_buf *b, const struct df_id *id, int k)
{
	struct df_envelope e = raw_env(id, k);

	df_buf_init(b, 4096);
	assert_int_equal(df_buf_add(b, "0123456789", 10, NULL), DF_OK);
	assert_int_equal(df_envelope_encode(b, &e, 10, NULL), DF_OK);
}

static inline void stage_raw(struct world *w, struct df_stage *s, int k)
{
	struct df_buf b;

	assert_int_equal(df_stage_new(&w->sp, s, NULL), DF_OK);
	raw_file(&b, &s->id, k);
	assert_int_equal(df_write_all(s->fd, b.ptr, b.len, NULL), DF_OK);
	df_buf_release(&b);
}

/* The process is killed and starts again: what was open is closed, notes that
 * were not committed are gone. The result of the recovery. */
static inline enum df_err start_again(struct world *w, struct df_recovery *rec)
{
	char db[80];

	for (size_t i = 0; i < w->sp.n_names; i++)
		df_fd_close(&w->sp.names[i].fd);
	w->sp.n_names = 0;
	df_spool_close(&w->sp);
	assert_int_equal(df_spool_open(&w->sp, w->fd, NULL), DF_OK);
	df_journal_close(w->j);
	df_str_fmt(db, sizeof db, "%s/state.db", w->dir);
	assert_int_equal(df_journal_open(&w->j, db, NULL), DF_OK);
	return df_spool_recover(&w->sp, w->j, true, 1, rec, NULL);
}

/* The object file of a parcel that holds one instance, UID 1.2.3.`uid`,
 * digest k. peer "" = it was made here. */
static inline void parcel_file(struct world *w, struct df_id *id,
			       const char *peer, uint8_t name, int uid, int k)
{
	struct df_env_instance in = {.size_bytes = 10};
	struct df_envelope e = {.kind = DF_ENV_PARCEL,
				.direction =
					peer[0] ? DF_ENV_TAKEN : DF_ENV_MADE,
				.received_ms = 1000 + k,
				.epoch = 1,
				.sequence = 1,
				.n_instances = 1,
				.instances = &in};
	uint64_t bytes;
	int fd;

	assert_int_equal(df_incoming_new(&w->sp, id, &fd, NULL), DF_OK);
	assert_int_equal(df_write_all(fd, "0123456789", 10, NULL), DF_OK);
	e.id = *id;
	e.parcel_id[0] = name;
	sum_up(&e.checksum, "0123456789");
	e.h0.b[0] = (uint8_t)k;
	if (peer[0])
		memset(e.peer, peer[0], DF_HEX_LEN);
	df_str_fmt(e.study_uid, 65, "1.2.9");
	df_str_fmt(in.sop_instance, 65, "1.2.3.%d", uid);
	df_str_fmt(in.sop_class, 65, "1.2.840.1");
	df_str_fmt(in.transfer_syntax, 65, "1.2.840.2");
	df_str_fmt(in.series_uid, 65, "1.2.9.1");
	df_str_fmt(in.coding, 16, "zstd");
	in.digest.b[0] = (uint8_t)k;
	assert_int_equal(df_incoming_publish(&w->sp, fd, &e, 10, &bytes, NULL),
			 DF_OK);
	df_fd_close(&fd);
}

#endif
