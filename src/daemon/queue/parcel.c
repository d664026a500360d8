/*
 * parcel.c - the cell's part of packing, and the parcel's publication.
 */
#include <stdlib.h>
#include <string.h>

#include "df/coding_rows.h"
#include "df/file.h"
#include "df/log.h"
#include "df/sys.h"
#include "packing.h"

/* The slowest of those that are known: it is the one that needs help. */
double pack_line(const struct queue *q)
{
	double line = 0;

	for (size_t i = 0; i < q->cfg->n_peers; i++) {
		double one = q->peers[i].bytes_per_s;

		if (one > 0 && (line <= 0 || one < line))
			line = one;
	}
	return line;
}

static void choose_coding(struct pack *p)
{
	struct queue *q = p->q;
	enum df_coding_choice fixed =
		(enum df_coding_choice)q->cfg->parcel.coding;
	struct df_link *cell = NULL;
	unsigned cells = 0;

	p->coding = (struct df_coding_chosen){fixed, DF_CODING_FIXED, 0, false};
	if (fixed != DF_CODING_AUTO)
		return;
	while ((cell = df_room_link_next(q->room, DF_ROLE_PREPARE, cell)) !=
	       NULL)
		cells++;
	df_coding_choose(&p->coding, &q->coders, cells, pack_line(q),
			 p->study.sequence == 0 && p->n == 1
				 ? p->src[0].row.size_bytes
				 : 0);
}

static void put_coding(struct df_msg *m, const struct pack *p)
{
	df_msg_put_str(m, DF_M_CODING, df_coding_word(p->coding.coding));
	if (p->coding.why != DF_CODING_FIXED)
		df_msg_put_str(m, DF_M_CODING, df_coding_word(DF_CODING_ZSTD));
	if (p->compares)
		df_msg_put_u64(m, DF_M_STATUS, 1);
}

/* What the parcel says of the encoders, and the study of the choice. */
static void note_coding(struct pack *p, uint64_t raw, uint64_t coded)
{
	struct df_row_coding row = {
		.line_bytes_per_s = (uint64_t)p->coding.line_bytes_per_s,
		.assumed = p->coding.assumed,
		.instances = p->n,
	};
	struct df_coders *c = &p->q->coders;

	df_str_fmt(row.wanted, sizeof row.wanted, "%s",
		   df_coding_word(p->coding.coding));
	df_str_fmt(row.why, sizeof row.why, "%s",
		   df_coding_why_word(p->coding.why));
	for (size_t i = 0; i < p->n; i++) {
		row.fell_back += strcmp(p->src[i].coding, row.wanted) != 0;
		row.mismatches += p->src[i].mismatches;
	}
	if (row.mismatches > 0)
		df_coders_mismatch(c, p->coding.coding);
	df_journal_coding_add(p->q->j, p->study.n, &row);
	p->work.raw = raw;
	p->work.coded = coded;
	if (row.fell_back == 0)
		df_coders_packed(c, p->coding.coding, &p->work);
}

/* The one instance that cannot be packed must not hold up the others. */
static void give_up(struct pack *p, size_t i, const char *reason)
{
	struct df_row_instance row;
	enum df_instance_state to;

	if (!df_journal_instance(p->q->j, p->src[i].row.n, &row) ||
	    !df_instance_may(row.state, DF_INSTANCE_REJECTED, &to))
		return;
	df_log(DF_LOG_WARN, "instance.quarantined", DF_F_ID(&row.object),
	       DF_F_UID("sop_instance", row.sop_instance));
	df_journal_instance_settle(p->q->j, row.n, to, row.study, row.series,
				   0, reason);
}

/*
 * Among many a death makes each suspect, no more: they go alone from then on,
 * and only what dies alone is given up. (Cells that are killed by chance must
 * not add up to a verdict on all that was in hand.)
 */
static bool dispatch(void *ctx)
{
	struct pack *p = ctx;

	if (p->n == 1 && df_journal_instance_dispatch(p->q->j,
						      p->src[0].row.n) >=
				 PACK_SUSPECT + DEATHS_MAX * CRASH_WEIGHT) {
		give_up(p, 0, "each process that packed it died (three crashes)");
		pack_over(p, false);
		return false;
	}
	for (size_t i = 0; p->n > 1 && i < p->n; i++)
		if (p->src[i].row.deaths < PACK_SUSPECT)
			(void)df_journal_instance_dispatch(
				p->q->j, p->src[i].row.n); /* not yet */
	return true;
}

/* Deaths that did not happen. */
static void undispatch(struct pack *p)
{
	for (size_t i = 0; i < p->n; i++) {
		const struct df_row_instance *row = &p->src[i].row;

		df_journal_instance_settle(p->q->j, row->n,
					   DF_INSTANCE_INSPECTED, row->study,
					   row->series, 0, "");
	}
}

static void envelope_of(const struct pack *p, struct df_envelope *env,
			const struct df_checksum *sum)
{
	*env = (struct df_envelope){
		.kind = DF_ENV_PARCEL,
		.id = p->stage.id,
		.received_ms = p->row.created_ms,
		.checksum = *sum,
		.direction = DF_ENV_MADE,
		.epoch = p->row.epoch,
		.sequence = p->row.sequence,
		.h0 = p->row.h0,
		.previous = p->row.previous,
	};
	if (p->q->cfg->n_peers > 0)
		memcpy(env->peer, p->q->cfg->peers[0].fingerprint,
		       sizeof env->peer);
	(void)df_hex_decode(env->parcel_id, 16,
			    df_text_of(p->row.hex)); /* keys made it */
	memcpy(env->study_uid, p->study.uid, sizeof env->study_uid);
	env->n_instances = p->n;
	env->instances = df_xcalloc(p->n, sizeof *env->instances);
	for (size_t i = 0; i < p->n; i++) {
		const struct pack_source *s = &p->src[i];
		struct df_env_instance *in = &env->instances[i];

		memcpy(in->sop_instance, s->row.sop_instance, 65);
		memcpy(in->sop_class, s->row.sop_class, 65);
		memcpy(in->transfer_syntax, s->row.transfer_syntax, 65);
		memcpy(in->series_uid, s->row.series, 65);
		memcpy(in->calling_ae, s->row.calling, 17);
		memcpy(in->coding, s->coding, 16);
		in->digest = s->row.digest;
		in->size_bytes = s->row.size_bytes;
		in->record_offset = s->record;
		in->received_ms = s->row.received_ms;
		in->association = s->row.association;
	}
}

static void published(void *ctx, enum df_err rc, const struct df_why *why)
{
	struct pack *p = ctx;
	struct df_journal *j = p->q->j;
	uint64_t raw = 0, coded = 0;
	int64_t n;

	if (rc != DF_OK) {
		df_log(DF_LOG_ERROR, "parcel.unstored", DF_F_ERR(why));
		undispatch(p);
		pack_over(p, true);
		return;
	}
	p->promised = 0;
	df_journal_object_add(j, &p->row.object, DF_ENV_PARCEL,
			      p->row.dfenv_len, p->file_bytes,
			      p->row.created_ms);
	n = df_journal_parcel_add(j, &p->row);
	if (p->q->first_made == 0)
		p->q->first_made = n;
	if (p->compares && p->q->compared_from == 0)
		p->q->compared_from = n;
	for (size_t i = 0; i < p->n; i++) {
		const struct pack_source *s = &p->src[i];

		df_journal_instance_in(j, s->row.n, n, s->record, s->coding,
				       s->coded);
		raw += s->row.size_bytes;
		coded += s->coded;
	}
	note_coding(p, raw, coded);
	if (coded > 0 && raw > 0)
		p->q->ratio = 0.7 * p->q->ratio +
			      0.3 * (double)raw / (double)coded;
	df_log(DF_LOG_INFO, "parcel.made",
	       DF_F_WORD("parcel", p->row.hex),
	       DF_F_UID("study", p->study.uid),
	       DF_F_NUM("sequence", p->row.sequence),
	       DF_F_NUM("instances", p->n), DF_F_NUM("raw", raw),
	       DF_F_WORD("coding", df_coding_word(p->coding.coding)),
	       DF_F_BYTES(p->row.dfenv_len));
	p->q->study_look = p->q->verify_look = true;
	if (p->study.priority > 0)
		verify_urgent(p->q, n);
	pack_over(p, false);
}

static bool take_items(struct pack *p, const struct df_msg *m)
{
	struct df_msg item;
	size_t at = 0, i = 0;

	while (i < p->n && df_msg_next_item(m, DF_M_INSTANCE, &at, &item)) {
		struct pack_source *s = &p->src[i++];
		struct df_digest d;

		s->mismatches = 0;
		(void)df_msg_get_u64(&item, DF_M_FAILED,
				     &s->mismatches); /* absent: none */
		if (!df_msg_get_u64(&item, DF_M_RECORD, &s->record) ||
		    !df_msg_get_u64(&item, DF_M_CODED_SIZE, &s->coded) ||
		    !df_msg_get_str(&item, DF_M_CODING, s->coding,
				    sizeof s->coding) ||
		    !df_msg_get_digest(&item, DF_M_DIGEST, &d) ||
		    !df_digest_same(&d, &s->row.digest))
			return false;
	}
	return i == p->n;
}

/* The envelope goes behind the sealed bytes; publication syncs both. */
static enum df_err finish_file(struct pack *p, const struct df_msg *m,
			       struct df_why *why)
{
	struct df_envelope env;
	struct df_checksum sum;
	struct df_buf b;
	uint64_t size = 0;
	enum df_err rc = df_fd_size(p->stage.fd, &size, why);

	if (rc != DF_OK)
		return rc;
	if (!take_items(p, m) ||
	    !df_msg_get_u64(m, DF_M_LENGTH, &p->row.dfenv_len) ||
	    !df_msg_get_checksum(m, &sum) ||
	    size != p->row.dfenv_len)
		return df_fail(why, DF_E_CORRUPT,
			       "the cell packed something else");
	envelope_of(p, &env, &sum);
	df_buf_init(&b, DF_ENV_TEXT_MAX);
	rc = df_envelope_encode(&b, &env, p->row.dfenv_len, why);
	if (rc == DF_OK)
		rc = df_pwrite_all(p->stage.fd, b.ptr, b.len,
				   p->row.dfenv_len, why);
	p->file_bytes = p->row.dfenv_len + b.len;
	df_buf_release(&b);
	df_envelope_release(&env);
	return rc;
}

static void failed(struct pack *p, const struct df_reply *r)
{
	uint64_t i;

	undispatch(p);
	if (df_err_fate(r->err) != DF_FATE_RETRY &&
	    df_msg_get_u64(r->msg, DF_M_FAILED, &i) && i < p->n) {
		give_up(p, (size_t)i, r->why.text);
		object_doubt(p->q, &p->src[i].row.object, r->err);
		pack_over(p, false);
		return;
	}
	df_log(DF_LOG_WARN, "pack.failed", DF_F_ERR(&r->why));
	pack_over(p, true);
}

static void done(void *ctx, struct df_reply *r)
{
	struct pack *p = ctx;
	struct df_why why = {0};

	if (job_lost(r)) {
		df_log(DF_LOG_WARN, "cell.lost", DF_F_WORD("job", "pack"));
		pack_over(p, true);
		return;
	}
	if (r->err != DF_OK) {
		failed(p, r);
		return;
	}
	p->row.created_ms = p->q->now;
	(void)df_msg_get_u64(r->msg, DF_M_CPU_US, &p->work.cpu_us);
	(void)df_msg_get_u64(r->msg, DF_M_WALL_US, &p->work.wall_us);
	if (finish_file(p, r->msg, &why) != DF_OK) {
		df_log(DF_LOG_ERROR, "parcel.unfinished", DF_F_ERR(&why));
		undispatch(p);
		pack_over(p, true);
		return;
	}
	p->row.object = p->stage.id;
	queue_publish(p->q, &p->stage, published, p);
}

static void put_source(struct job *job, struct pack_source *s)
{
	struct df_msg item;

	df_msg_init(&item, DF_MSG_NONE, 0);
	df_msg_put_u64(&item, DF_M_KIND, DF_SOURCE_RAW);
	opened_put(&item, &s->o);
	df_msg_put_u64(&item, DF_M_RECORD, 0);
	df_msg_put_item(&job->m, DF_M_SOURCE, &item);
	df_msg_release(&item);
	job_fd(job, df_fd_take(&s->o.fd));
}

/* A parcel is never much larger than what goes in. */
static uint64_t most_bytes(const struct pack *p)
{
	uint64_t sum = p->header.len;

	for (size_t i = 0; i < p->n; i++)
		sum += p->src[i].row.size_bytes +
		       p->src[i].row.size_bytes / 64 + 4096;
	return sum;
}

void pack_submit(struct pack *p)
{
	struct df_why why = {0};
	struct job *job;
	int fd = -1;
	enum df_err rc = acceptance_room(p->q, most_bytes(p), &why);

	if (rc == DF_OK)
		rc = df_stage_new(&p->q->sp, &p->stage, &why);
	if (rc == DF_OK)
		rc = df_fd_dup(&fd, p->stage.fd, &why);
	if (rc != DF_OK) {
		df_log(DF_LOG_WARN, "pack.delayed", DF_F_ERR(&why));
		pack_over(p, true);
		return;
	}
	p->promised = most_bytes(p);
	job = job_new(p->q, DF_MSG_PACK, WORK_PACK, p->study.n, p);
	df_msg_put(&job->m, DF_M_HEADER, p->header.ptr, p->header.len);
	df_msg_put(&job->m, DF_M_CEK, p->cek, sizeof p->cek);
	explicit_bzero(p->cek, sizeof p->cek);
	choose_coding(p);
	p->compares = p->q->pack_compares;
	put_coding(&job->m, p);
	job_fd(job, fd);
	for (size_t i = 0; i < p->n; i++)
		put_source(job, &p->src[i]);
	if (p->n == 1) {
		job->instance = p->src[0].row.n;
		job->suspect = p->src[0].row.deaths > 0;
	}
	job->dispatch = dispatch;
	job->done = done;
	job_submit(job);
}
