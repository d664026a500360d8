/*
 * make_queue.c - a node's directory with many parcels that wait for a peer, as
 * a long outage leaves it: whole object files, rows, deliveries.
 *
 *   make_queue DIRECTORY PARCELS PEER [INSTANCES-A-PARCEL]
 *
 * The content is no ciphertext of anybody: it is enough for a start, for
 * sending, and for every check that needs no key.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "df/clock.h"
#include "df/file.h"
#include "df/journal.h"
#include "df/sys.h"

#define CONTENT 4096u
#define STUDY_PARCELS 4

static void die(const struct df_why *why)
{
	(void)fprintf(stderr, "make_queue: %s\n", why->text);
	exit(1);
}

static struct df_env_instance instance_of(unsigned long parcel, unsigned k,
					  int64_t now_ms)
{
	struct df_env_instance in = {.size_bytes = 526000,
				     .received_ms = now_ms,
				     .record_offset = 600 * k};

	df_str_fmt(in.sop_instance, 65, "1.2.826.99.%lu.%u", parcel, k);
	df_str_fmt(in.sop_class, 65, "1.2.840.10008.5.1.4.1.1.2");
	df_str_fmt(in.series_uid, 65, "1.2.826.98.%lu", parcel);
	df_str_fmt(in.transfer_syntax, 65, "1.2.840.10008.1.2.1");
	df_str_fmt(in.coding, 16, "zstd");
	df_str_fmt(in.calling_ae, 17, "MODALITY");
	df_random(&in.digest, sizeof in.digest);
	return in;
}

static void write_object(struct df_spool *sp, struct df_envelope *env,
			 uint64_t *bytes)
{
	static uint8_t content[CONTENT];
	struct df_summer s = {0};
	struct df_why why;
	int fd = -1;

	df_random(content, sizeof content);
	df_summer_init(&s);
	df_summer_update(&s, content, sizeof content);
	df_summer_sum(&s, &env->checksum);
	df_summer_release(&s);
	if (df_incoming_new(sp, &env->id, &fd, &why) != DF_OK ||
	    df_write_all(fd, content, sizeof content, &why) != DF_OK ||
	    df_incoming_publish(sp, fd, env, sizeof content, bytes, &why) !=
		    DF_OK)
		die(&why);
	df_fd_close(&fd);
}

static void add_rows(struct df_journal *j, const struct df_envelope *env,
		     uint64_t bytes, const char *peer)
{
	struct df_row_study s;
	struct df_row_parcel p = {.object = env->id,
				  .direction = DF_ENV_MADE,
				  .epoch = env->epoch,
				  .sequence = env->sequence,
				  .h0 = env->h0,
				  .dfenv_len = CONTENT,
				  .state = DF_PARCEL_READY,
				  .created_ms = env->received_ms};

	df_hex_encode(p.hex, env->parcel_id, 16);
	df_journal_study_touch(j, env->study_uid, "", "MODALITY",
			       env->received_ms, &s);
	p.study = s.n;
	df_journal_object_add(j, &env->id, DF_ENV_PARCEL, CONTENT, bytes,
			      env->received_ms);
	p.n = df_journal_parcel_add(j, &p);
	for (size_t k = 0; k < env->n_instances; k++) {
		const struct df_env_instance *in = &env->instances[k];
		struct df_row_instance r = {.study = s.n,
					    .size_bytes = in->size_bytes,
					    .digest = in->digest,
					    .received_ms = in->received_ms,
					    .state = DF_INSTANCE_PACKED,
					    .object = env->id,
					    .in_parcel = true,
					    .record = in->record_offset,
					    .indexed = true,
					    .parcel = p.n};

		memcpy(r.sop_instance, in->sop_instance, 65);
		memcpy(r.sop_class, in->sop_class, 65);
		memcpy(r.transfer_syntax, in->transfer_syntax, 65);
		memcpy(r.series, in->series_uid, 65);
		memcpy(r.coding, in->coding, 16);
		memcpy(r.calling, in->calling_ae, 17);
		(void)df_journal_instance_add(j, &r); /* its number */
	}
	df_journal_delivery_add(j, DF_DELIVER_PARCEL, p.n, s.n, peer,
				env->received_ms);
}

static void make_parcel(struct df_spool *sp, struct df_journal *j,
			unsigned long n, const char *peer, unsigned instances)
{
	struct df_env_instance in[48];
	struct df_envelope env = {.kind = DF_ENV_PARCEL,
				  .direction = DF_ENV_MADE,
				  .received_ms = df_clock_wall_ms(),
				  .epoch = 1,
				  .sequence = n % STUDY_PARCELS + 1,
				  .instances = in,
				  .n_instances = instances};
	uint64_t bytes = 0;

	df_random(env.parcel_id, sizeof env.parcel_id);
	df_random(&env.h0, sizeof env.h0);
	memset(env.peer, 'a', DF_HEX_LEN);
	df_str_fmt(env.study_uid, 65, "1.2.826.97.%lu", n / STUDY_PARCELS);
	for (unsigned k = 0; k < instances; k++)
		in[k] = instance_of(n, k, env.received_ms);
	write_object(sp, &env, &bytes);
	add_rows(j, &env, bytes, peer);
}

static int no_sync(int fd)
{
	(void)fd;
	return 0;
}

int main(int argc, char **argv)
{
	struct df_spool sp;
	struct df_journal *j;
	struct df_recovery rec;
	struct df_why why = {0};
	unsigned long n = argc > 3 ? strtoul(argv[2], NULL, 10) : 0;
	unsigned each = argc > 4 ? (unsigned)strtoul(argv[4], NULL, 10) : 10;

	df_sys.fsync = df_sys.fdatasync = no_sync; /* it is thrown away */
	if (n == 0 || each == 0 || each > 48 || chdir(argv[1]) < 0) {
		(void)fputs("usage: make_queue DIRECTORY PARCELS PEER "
			    "[INSTANCES-A-PARCEL]\n",
			    stderr);
		return 2;
	}
	if (df_spool_open(&sp, AT_FDCWD, &why) != DF_OK ||
	    df_journal_open(&j, "state.db", &why) != DF_OK ||
	    df_spool_recover(&sp, j, true, df_clock_wall_ms(), &rec, &why) !=
		    DF_OK)
		die(&why);
	for (unsigned long i = 0; i < n; i++) {
		make_parcel(&sp, j, i, argv[3], each);
		if (i % 256 != 255 && i + 1 != n)
			continue;
		df_journal_firm(j);
		if (df_journal_commit(j, &why) != DF_OK ||
		    df_ledger_flush(&sp, j, &why) != DF_OK)
			die(&why);
	}
	df_journal_firm(j);
	if (df_journal_commit(j, &why) != DF_OK)
		die(&why);
	df_journal_close(j);
	df_spool_close(&sp);
	return 0;
}
