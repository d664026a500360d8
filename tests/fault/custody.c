/* custody.c - see custody.h. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "df/file.h"
#include "df/journal.h"
#include "df/sys.h"
#include "custody.h"

#define RAW_LEN 9000 /* three pages, the last not full */
#define PACKED 3
#define STUDY "1.2.826.0.1.3680043.10.1"
#define PEER "aabbccddeeff00112233445566778899aabbccddeeff00112233445566778899"
#define PART (3 * 4096)
#define UPLOAD_LEN (2 * PART)

static int node_dir;
static char db_path[4200];

struct life {
	struct df_spool sp;
	struct df_journal *j;
	struct said *said;
	bool over; /* the room has ended */
	int64_t study;
	int64_t rows[PACKED];
	struct df_id objects[PACKED];
};

void custody_init(int dir, const char *path)
{
	node_dir = dir;
	snprintf(db_path, sizeof db_path, "%s/state.db", path);
}

static void fill(uint8_t *to, size_t len, int k)
{
	for (size_t i = 0; i < len; i++)
		to[i] = (uint8_t)(i * 7 + i / 4096 * 13 + (size_t)k * 31);
}

static struct df_digest digest_of(int k)
{
	struct df_digest d = {{0}};

	d.b[0] = (uint8_t)(k + 1);
	return d;
}

static struct df_checksum sum_of(const uint8_t *p, size_t len)
{
	struct df_summer s = {0};
	struct df_checksum sum;

	df_summer_init(&s);
	df_summer_update(&s, p, len);
	df_summer_sum(&s, &sum);
	df_summer_release(&s);
	return sum;
}

/* A turn ends: nothing is said when it could not be committed, or when a sync
 * failed anywhere. */
static bool commit(struct life *l, bool firm)
{
	if (firm)
		df_journal_firm(l->j);
	if (df_sync_failed(NULL) || df_journal_commit(l->j, NULL) != DF_OK)
		l->over = true;
	return !l->over;
}

static bool begin(struct life *l, struct said *said)
{
	struct df_recovery rec;
	struct df_why why;
	enum df_err rc;

	*l = (struct life){.said = said,
			   .sp = {.root = -1,
				  .incoming = -1,
				  .objects = -1,
				  .quarantine = -1,
				  .reserve = -1}};
	df_sync_forget(); /* another process */
	rc = df_spool_trust(node_dir, &why);
	if (rc == DF_OK)
		rc = df_spool_open(&l->sp, node_dir, &why);
	if (rc != DF_OK)
		return false;
	rc = df_journal_open(&l->j, db_path, &why);
	if (rc == DF_OK)
		rc = df_spool_recover(&l->sp, l->j, true, 1, &rec, &why);
	l->over = rc != DF_OK;
	if (getenv("DF_VERBOSE") != NULL)
		printf("# start: %s; adopted %d, swept %d, bad %d\n",
		       rc == DF_OK ? "good" : why.text, (int)rec.adopted,
		       (int)rec.swept, (int)rec.bad);
	return !l->over;
}

static void end(struct life *l)
{
	df_stage_unstock(&l->sp);
	df_journal_close(l->j);
	df_spool_close(&l->sp);
}

/* --- receiving -------------------------------------------------------------- */

static void raw_env(struct df_envelope *e, const struct df_id *id, int k,
		    const uint8_t *bytes)
{
	*e = (struct df_envelope){.kind = DF_ENV_RAW,
				  .id = *id,
				  .association = *id,
				  .received_ms = 1000 + k,
				  .size_bytes = RAW_LEN,
				  .digest = digest_of(k),
				  .checksum = sum_of(bytes, RAW_LEN)};
	df_str_fmt(e->called_ae, 17, "HERE");
	df_str_fmt(e->calling_ae, 17, "CT1");
	df_str_fmt(e->address, 64, "127.0.0.1");
	df_str_fmt(e->sop_class, 65, "1.2.840.1");
	df_str_fmt(e->sop_instance, 65, "1.2.3.%d", k);
	df_str_fmt(e->transfer_syntax, 65, "1.2.840.2");
}

/* What a worker does: written, ended, synced. */
static enum df_err worker_writes(struct df_stage *s, int k,
				 struct df_envelope *e, uint64_t *bytes)
{
	uint8_t raw[RAW_LEN];
	struct df_buf b;
	enum df_err rc;

	fill(raw, sizeof raw, k);
	raw_env(e, &s->id, k, raw);
	df_buf_init(&b, DF_ENV_RAW_MAX);
	rc = df_envelope_encode(&b, e, RAW_LEN, NULL);
	if (rc == DF_OK)
		rc = df_write_all(s->fd, raw, sizeof raw, NULL);
	if (rc == DF_OK)
		rc = df_write_all(s->fd, b.ptr, b.len, NULL);
	if (rc == DF_OK)
		rc = df_fd_sync(s->fd, s->id.s, NULL);
	*bytes = RAW_LEN + b.len;
	df_buf_release(&b);
	return rc;
}

static void receive(struct life *l, int k)
{
	struct df_row_instance row = {0}, old;
	struct df_stage s = {.fd = -1};
	struct df_envelope e;
	uint64_t bytes;
	struct df_why why;

	if (l->over || df_stage_new(&l->sp, &s, &why) != DF_OK) {
		l->over |= df_sync_failed(NULL);
		return;
	}
	if (worker_writes(&s, k, &e, &bytes) != DF_OK) {
		df_stage_drop(&l->sp, &s);
		l->over |= df_sync_failed(NULL);
		return;
	}
	if (df_journal_instance_find(l->j, "", e.sop_instance, &e.digest,
				     &old)) {
		df_stage_drop(&l->sp, &s);
	} else {
		row = (struct df_row_instance){.size_bytes = e.size_bytes,
					       .digest = e.digest,
					       .association = e.association,
					       .received_ms = e.received_ms,
					       .object = e.id};
		memcpy(row.sop_instance, e.sop_instance, 65);
		memcpy(row.sop_class, e.sop_class, 65);
		memcpy(row.transfer_syntax, e.transfer_syntax, 65);
		memcpy(row.calling, e.calling_ae, 17);
		df_journal_arrival_note(l->j, &row, RAW_LEN, bytes);
		df_fd_close(&s.fd);
	}
	if (commit(l, false))
		l->said->received[k] = true;
}

/* --- packing ---------------------------------------------------------------- */

static void understand(struct life *l)
{
	struct df_row_study study;

	df_journal_study_touch(l->j, STUDY, "", "CT1", 1000, &study);
	l->study = study.n;
	for (int k = 0; k < PACKED && !l->over; k++) {
		struct df_digest d = digest_of(k);
		struct df_row_instance row;
		char sop[65];

		df_str_fmt(sop, sizeof sop, "1.2.3.%d", k);
		if (!df_journal_instance_find(l->j, "", sop, &d, &row)) {
			l->over = true; /* it was refused: no parcel today */
			return;
		}
		l->rows[k] = row.n;
		l->objects[k] = row.object;
		df_journal_instance_settle(l->j, row.n, DF_INSTANCE_INSPECTED,
					   study.n, "1.5", 0, "");
	}
	(void)commit(l, true);
}

static void parcel_env(struct df_envelope *e, const struct df_id *id,
		       enum df_env_direction direction, const uint8_t *bytes,
		       size_t len, size_t n, int first)
{
	*e = (struct df_envelope){.kind = DF_ENV_PARCEL,
				  .id = *id,
				  .received_ms = 2000,
				  .direction = direction,
				  .epoch = 1,
				  .sequence = 1,
				  .checksum = sum_of(bytes, len)};
	e->parcel_id[0] = (uint8_t)(1 + direction);
	df_str_fmt(e->peer, sizeof e->peer, "%s", PEER);
	df_str_fmt(e->study_uid, sizeof e->study_uid, "%s", STUDY);
	e->instances = df_xcalloc(n, sizeof *e->instances);
	e->n_instances = n;
	for (size_t i = 0; i < n; i++) {
		struct df_env_instance *in = &e->instances[i];

		df_str_fmt(in->sop_instance, 65, "1.2.3.%d", first + (int)i);
		df_str_fmt(in->sop_class, 65, "1.2.840.1");
		df_str_fmt(in->transfer_syntax, 65, "1.2.840.2");
		df_str_fmt(in->series_uid, 65, "1.5");
		df_str_fmt(in->calling_ae, 17, "CT1");
		df_str_fmt(in->coding, 16, "zstd");
		in->digest = digest_of(first + (int)i);
		in->size_bytes = RAW_LEN;
		in->record_offset = 64 + i * RAW_LEN;
	}
}

static enum df_err write_parcel(struct df_stage *s, uint8_t *bytes, size_t len,
				uint64_t *file_bytes)
{
	struct df_envelope e;
	struct df_buf b;
	enum df_err rc;

	fill(bytes, len, 40);
	parcel_env(&e, &s->id, DF_ENV_MADE, bytes, len, PACKED, 0);
	df_buf_init(&b, DF_ENV_TEXT_MAX);
	rc = df_envelope_encode(&b, &e, len, NULL);
	if (rc == DF_OK)
		rc = df_pwrite_all(s->fd, bytes, len, 0, NULL);
	if (rc == DF_OK)
		rc = df_pwrite_all(s->fd, b.ptr, b.len, len, NULL);
	*file_bytes = len + b.len;
	df_buf_release(&b);
	df_envelope_release(&e);
	return rc;
}

static int64_t parcel_rows(struct life *l, const struct df_id *id, size_t len,
			   uint64_t bytes)
{
	struct df_row_parcel p = {.object = *id,
				  .study = l->study,
				  .direction = DF_ENV_MADE,
				  .epoch = 1,
				  .sequence = 1,
				  .dfenv_len = len,
				  .created_ms = 2000};
	uint8_t name[16] = {1 + DF_ENV_MADE};
	int64_t n;

	df_hex_encode(p.hex, name, 16);
	df_journal_object_add(l->j, id, DF_ENV_PARCEL, len, bytes, 2000);
	n = df_journal_parcel_add(l->j, &p);
	for (int k = 0; k < PACKED; k++)
		df_journal_instance_in(l->j, l->rows[k], n,
				       64 + (uint64_t)k * RAW_LEN, "zstd",
				       RAW_LEN);
	return n;
}

/* Opened again and compared, before it takes the raw objects' place. */
static bool compares(struct life *l, const struct df_id *id)
{
	struct df_envelope env = {0};
	uint64_t len;
	int fd = -1;
	bool same = df_spool_object(&l->sp, id, &fd, NULL) == DF_OK &&
		    df_spool_envelope(fd, &env, &len, NULL, NULL) == DF_OK &&
		    df_spool_content(fd, &env, len, NULL) == DF_OK;

	df_envelope_release(&env);
	df_fd_close(&fd);
	return same;
}

static void pack(struct life *l)
{
	static uint8_t bytes[64 + PACKED * RAW_LEN];
	struct df_stage s = {.fd = -1}, *batch = &s;
	struct df_id id;
	uint64_t file_bytes;
	int64_t n;

	if (l->over || df_stage_new(&l->sp, &s, NULL) != DF_OK)
		return;
	id = s.id;
	if (write_parcel(&s, bytes, sizeof bytes, &file_bytes) != DF_OK) {
		df_stage_drop(&l->sp, &s);
		return;
	}
	df_stage_publish(&l->sp, &batch, 1);
	if (s.result != DF_OK) {
		l->over |= df_sync_failed(NULL);
		return;
	}
	n = parcel_rows(l, &id, sizeof bytes, file_bytes);
	if (!commit(l, true) || !compares(l, &id))
		return;
	for (int k = 0; k < PACKED; k++)
		df_journal_instance_packed(l->j, l->rows[k], n, &id,
					   64 + (uint64_t)k * RAW_LEN, "zstd",
					   RAW_LEN);
	df_journal_parcel_state(l->j, n, DF_PARCEL_READY);
	df_journal_delivery_add(l->j, DF_DELIVER_PARCEL, n, l->study, "centre",
				3000);
	if (!commit(l, true))
		return;
	for (int k = 0; k < PACKED; k++)
		df_spool_remove(&l->sp, &l->objects[k]);
}

static void confirm(struct life *l)
{
	struct df_row_manifest m = {.study = l->study,
				    .version = 1,
				    .dest = "centre"},
			       due;

	if (l->over)
		return;
	df_journal_study_close(l->j, l->study, "quiet", 4000);
	df_journal_manifest_add(l->j, &m, df_text_of("text"),
				df_text_of("signature"));
	if (!commit(l, true) ||
	    df_journal_manifests_due(l->j, "centre", 5000, &due, 1) != 1)
		return;
	df_journal_manifest_receipt(l->j, &due, df_text_of("receipt"),
				    df_text_of("its signature"));
	if (commit(l, true))
		l->said->confirmed = true;
}

/* --- the other side: an upload ---------------------------------------------- */

static const char *upload_hex(void)
{
	static char hex[33];
	uint8_t name[16] = {1 + DF_ENV_TAKEN};

	df_hex_encode(hex, name, 16);
	return hex;
}

static bool upload_part(struct life *l, struct df_row_upload *u)
{
	static uint8_t bytes[UPLOAD_LEN];
	enum df_err rc;
	int fd = -1;

	fill(bytes, sizeof bytes, 50);
	if (u->file.s[0] != '\0') {
		rc = df_incoming_open(&l->sp, &u->file, &fd, NULL);
	} else {
		rc = df_incoming_new(&l->sp, &u->file, &fd, NULL);
		if (rc == DF_OK)
			df_journal_upload_put(l->j, u, 1);
	}
	if (!commit(l, true))
		rc = DF_E_IO;
	if (rc == DF_OK)
		rc = df_pwrite_all(fd, bytes + u->offset, PART, u->offset,
				   NULL);
	df_fd_close(&fd); /* the gateway's */
	if (rc == DF_OK)
		rc = df_incoming_open(&l->sp, &u->file, &fd, NULL);
	if (rc == DF_OK)
		rc = df_incoming_sync(fd, NULL);
	df_fd_close(&fd);
	l->over |= df_sync_failed(NULL);
	if (rc != DF_OK)
		return false;
	u->offset += PART;
	if (u->offset == u->size)
		u->state = DF_UPLOAD_WHOLE;
	df_journal_upload_put(l->j, u, 1);
	if (commit(l, true))
		l->said->offset = u->offset;
	return !l->over;
}

static void take_rows(struct life *l, const struct df_row_upload *u,
		      const struct df_envelope *e, uint64_t bytes)
{
	struct df_row_parcel p = {.object = u->file,
				  .direction = DF_ENV_TAKEN,
				  .epoch = 1,
				  .sequence = 1,
				  .dfenv_len = u->size,
				  .state = DF_PARCEL_READY};
	struct df_row_study study;
	int64_t n;

	memcpy(p.hex, u->hex, sizeof p.hex);
	memcpy(p.peer, u->peer, sizeof p.peer);
	df_journal_study_touch(l->j, STUDY, PEER, "CT1", 2000, &study);
	p.study = study.n;
	df_journal_object_add(l->j, &p.object, DF_ENV_PARCEL, u->size, bytes,
			      2000);
	n = df_journal_parcel_add(l->j, &p);
	for (size_t i = 0; i < e->n_instances; i++) {
		struct df_row_instance row = {
			.study = study.n,
			.size_bytes = RAW_LEN,
			.digest = e->instances[i].digest,
			.state = DF_INSTANCE_PACKED,
			.object = p.object,
			.in_parcel = true,
			.record = e->instances[i].record_offset,
			.parcel = n};

		memcpy(row.peer, PEER, sizeof PEER);
		memcpy(row.sop_instance, e->instances[i].sop_instance, 65);
		(void)df_journal_instance_add(l->j, &row);
	}
	df_journal_upload_drop(l->j, u->hex, u->peer);
}

static void take(struct life *l, const struct df_row_upload *u)
{
	static uint8_t bytes[UPLOAD_LEN];
	struct df_envelope e;
	uint64_t file_bytes = 0;
	enum df_err rc;
	int fd = -1;

	fill(bytes, sizeof bytes, 50);
	parcel_env(&e, &u->file, DF_ENV_TAKEN, bytes, sizeof bytes, 2, 20);
	rc = df_incoming_open(&l->sp, &u->file, &fd, NULL);
	if (rc == DF_OK)
		rc = df_incoming_publish(&l->sp, fd, &e, u->size, &file_bytes,
					 NULL);
	df_fd_close(&fd);
	l->over |= df_sync_failed(NULL);
	if (rc == DF_OK && !l->over) {
		take_rows(l, u, &e, file_bytes);
		if (commit(l, true))
			l->said->taken = true;
	}
	df_envelope_release(&e);
}

static void upload(struct life *l)
{
	struct df_row_upload u = {.size = UPLOAD_LEN};
	struct df_row_study study;
	struct df_digest d = digest_of(99);

	if (l->over)
		return;
	df_str_fmt(u.hex, sizeof u.hex, "%s", upload_hex());
	df_str_fmt(u.peer, sizeof u.peer, "%s", PEER);
	df_journal_upload_put(l->j, &u, 1);
	if (!commit(l, true))
		return;
	while (u.offset < u.size)
		if (!upload_part(l, &u))
			return;
	take(l, &u);
	if (!l->said->taken || l->over ||
	    !df_journal_study_find(l->j, STUDY, PEER, &study))
		return;
	df_journal_held_add(l->j, study.n, 1, &d, df_text_of("manifest"),
			    df_text_of("receipt"), df_text_of("signature"));
	if (commit(l, true))
		l->said->receipted = true;
}

/* --- lives ------------------------------------------------------------------ */

void custody_live(struct said *said)
{
	struct life l;

	if (begin(&l, said)) {
		for (int k = 0; k < PACKED; k++)
			receive(&l, k);
		receive(&l, 0); /* the same again */
		if (!l.over && commit(&l, true))
			understand(&l);
		pack(&l);
		if (!l.over && df_ledger_flush(&l.sp, l.j, NULL) != DF_OK)
			l.over |= df_sync_failed(NULL); /* else: later */
		confirm(&l);
		upload(&l);
		receive(&l, 3);
	}
	end(&l);
}

/* A word that rests on the journal alone. */
static void give_again(struct life *l)
{
	struct df_digest d = digest_of(98);
	struct df_row_study study;

	if (l->over)
		return;
	df_journal_study_touch(l->j, STUDY, PEER, "CT1", 3000, &study);
	df_journal_held_add(l->j, study.n, 2, &d, df_text_of("manifest"),
			    df_text_of("receipt"), df_text_of("signature"));
	if (commit(l, true))
		l->said->receipted_again = true;
}

void custody_live_again(struct said *said)
{
	struct life l;

	if (begin(&l, said)) {
		for (int k = 0; k < 5; k++)
			if (!said->received[k])
				receive(&l, k);
		give_again(&l);
	}
	end(&l);
}

/* --- checking --------------------------------------------------------------- */

static bool object_good(struct life *l, const struct df_id *id,
			const char *sop)
{
	struct df_envelope env = {0};
	bool named = false;
	uint64_t len;
	int fd = -1;

	if (df_spool_object(&l->sp, id, &fd, NULL) == DF_OK &&
	    df_spool_envelope(fd, &env, &len, NULL, NULL) == DF_OK &&
	    df_spool_content(fd, &env, len, NULL) == DF_OK) {
		named = env.kind == DF_ENV_RAW &&
			strcmp(env.sop_instance, sop) == 0;
		for (size_t i = 0; i < env.n_instances; i++)
			named |= strcmp(env.instances[i].sop_instance, sop) ==
				 0;
	}
	df_envelope_release(&env);
	df_fd_close(&fd);
	return named;
}

static bool instance_held(struct life *l, const char *peer, int k)
{
	struct df_digest d = digest_of(k);
	struct df_row_instance row;
	char sop[65];

	df_str_fmt(sop, sizeof sop, "1.2.3.%d", k);
	return df_journal_instance_find(l->j, peer, sop, &d, &row) &&
	       object_good(l, &row.object, sop);
}

static bool offset_stands(struct life *l)
{
	static uint8_t want[UPLOAD_LEN], found[UPLOAD_LEN];
	struct df_row_upload u;
	bool same;
	int fd = -1;

	if (df_journal_parcel_find(l->j, upload_hex(), NULL))
		return true; /* more than was said */
	fill(want, sizeof want, 50);
	same = df_journal_upload(l->j, upload_hex(), PEER, &u) &&
	       u.offset >= l->said->offset &&
	       df_incoming_open(&l->sp, &u.file, &fd, NULL) == DF_OK &&
	       df_pread_all(fd, found, l->said->offset, 0, NULL) == DF_OK &&
	       memcmp(found, want, l->said->offset) == 0;
	df_fd_close(&fd);
	return same;
}

static bool receipt_stands(struct life *l, uint32_t version)
{
	struct df_digest d = digest_of(version == 1 ? 99 : 98);
	struct df_row_study study;
	struct df_buf a, b;
	bool held;

	df_buf_init(&a, 100);
	df_buf_init(&b, 100);
	held = df_journal_study_find(l->j, STUDY, PEER, &study) &&
	       df_journal_held(l->j, study.n, version, &d, &a, &b);
	df_buf_release(&a);
	df_buf_release(&b);
	return held;
}

static const char *missing(struct life *l)
{
	struct df_digest d;

	for (int k = 0; k < 8; k++)
		if (l->said->received[k] && !instance_held(l, "", k))
			return "an instance that was answered with Success";
	if (l->said->offset > 0 && !offset_stands(l))
		return "bytes of an upload whose offset was said";
	for (int k = 20; k < 22 && l->said->taken; k++)
		if (!instance_held(l, PEER, k))
			return "an instance of a parcel that was taken";
	if ((l->said->receipted && !receipt_stands(l, 1)) ||
	    (l->said->receipted_again && !receipt_stands(l, 2)))
		return "a receipt that was given";
	if (l->said->confirmed && df_journal_receipted(l->j, STUDY, &d, 1) != 1)
		return "a receipt that was verified";
	return NULL;
}

const char *custody_check(const struct said *said)
{
	struct said copy = *said;
	struct df_recovery rec = {0};
	const char *what = NULL;
	struct life l;

	if (!begin(&l, &copy))
		what = "a start on a healthy disk";
	if (what == NULL)
		what = missing(&l);
	if (what == NULL &&
	    (df_spool_recover(&l.sp, l.j, true, 1, &rec, NULL) != DF_OK ||
	     rec.adopted + rec.lost + rec.bad + rec.dropped > 0))
		what = "rest: a second recovery found more to do";
	receive(&l, 7);
	if (what == NULL && !copy.received[7])
		what = "service: a healthy node refused an instance";
	end(&l);
	return what;
}
