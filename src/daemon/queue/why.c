/*
 * why.c - one screen: where a study is, what is missing, the last error, the
 * next try, what to do. Chinese first, English beside it.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "answers.h"
#include "df/clock.h"
#include "df/fetches.h"
#include "df/purge.h"

static void say(struct df_buf *b, const char *fmt, ...) DF_PRINTF(2, 3);

static void say(struct df_buf *b, const char *fmt, ...)
{
	char line[600];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(line, sizeof line, fmt, ap); /* a cut is harmless */
	va_end(ap);
	if (df_buf_add(b, line, strlen(line), NULL) != DF_OK)
		return; /* the screen is full */
}

static void say_state(struct df_buf *b, const struct df_row_study *s,
		      const struct study_view *v)
{
	static const struct {
		const char *word, *text;
	} words[] = {
		{"receiving", "接收中 / receiving"},
		{"sending", "发送中 / on its way"},
		{"confirmed", "已确认送达 / confirmed by the other side"},
		{"deferred", "等待重试 / waiting for the next try"},
		{"held", "已暂停 / held by a person"},
		{"linked", "与另一检查影像相同，未重复上传 / the same images as "
			   "another study, not sent again"},
		{"refused", "对方拒收 / refused by the other side"},
		{"stored", "仅本地保存 / stored here, no destination"},
		{"quarantined", "已隔离 / in quarantine, cannot be sent"},
	};

	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
		if (strcmp(words[i].word, v->state) == 0)
			say(b, "状态 state:      %s\n", words[i].text);
	say(b,
	    "影像 images:     %llu 收到 received, %llu 打包 packed, "
	    "%llu 送达 delivered, %llu 确认 confirmed\n",
	    (unsigned long long)v->c.instances, (unsigned long long)v->c.packed,
	    (unsigned long long)v->delivered, (unsigned long long)v->confirmed);
	if (v->c.bytes > 0 && v->c.coded_bytes > 0)
		say(b, "大小 size:       %.1f MB -> %.1f MB\n",
		    (double)v->c.bytes / 1e6, (double)v->c.coded_bytes / 1e6);
	if (s->priority > 0)
		say(b, "急诊 STAT:       优先发送 / it goes before all that is "
		       "not urgent\n");
	if (s->state == DF_STUDY_CLOSED)
		say(b, "完成 closed:     %s, 版本 version %u\n",
		    s->close_reason, (unsigned)s->version);
}

static void say_linked(struct df_buf *b, struct queue *q,
		       const struct df_row_study *s)
{
	char twin[65];

	if (linked_is_held(q, s->n, twin))
		say(b,
		    "相同 same as:    %s\n"
		    "                 中心已有这些影像 / the centre holds these "
		    "images\n"
		    "                 仍要上传 / send it all the same: "
		    "dcm-forward study send %s\n",
		    twin, s->uid);
}

static void say_open(struct df_buf *b, struct queue *q,
		     const struct df_row_study *s)
{
	int64_t left_s =
		(s->last_ms + q->cfg->study.quiet_s * 1000 - q->now) / 1000;

	if (s->state != DF_STUDY_OPEN || s->peer[0] != '\0')
		return;
	if (intake_is_open(q, s->n))
		say(b, "等待 waiting:    设备仍在发送 / the modality is still "
		       "connected\n");
	else
		say(b,
		    "等待 waiting:    %lld 秒内无新影像即完成 / complete "
		    "after %lld s without new images\n"
		    "                 立即完成 / complete it now: "
		    "dcm-forward study send %s\n",
		    (long long)(left_s > 0 ? left_s : 0),
		    (long long)(left_s > 0 ? left_s : 0), s->uid);
}

static const struct destination_state *state_of(const struct queue *q,
						const char *name)
{
	for (size_t i = 0; i < q->cfg->n_destinations; i++)
		if (strcmp(q->pacs[i].name, name) == 0)
			return &q->pacs[i];
	for (size_t i = 0; i < q->cfg->n_peers; i++)
		if (strcmp(q->peers[i].name, name) == 0)
			return &q->peers[i];
	return NULL;
}

static const char *advice(const struct df_delivery_sum *d, enum df_err err)
{
	if (d->state == DF_DELIVERY_HELD)
		return "放行 / let it go: dcm-forward queue release --all";
	if (d->state == DF_DELIVERY_REFUSED)
		return "看上面的原因，解决后 / see the reason above, then: "
		       "dcm-forward queue list, queue retry ID";
	if (err == DF_E_PEER || err == DF_E_TIMEOUT || err == DF_E_DENIED)
		return "检查网络和对方程序 / check the line and the other "
		       "side: dcm-forward destination test";
	if (err == DF_E_NOSPACE)
		return "对方存储已满 / the other side is full";
	return NULL;
}

/* Taken, and not yet the PACS's own word for it. */
static void say_commitment(struct df_buf *b, const struct df_delivery_sum *d)
{
	if (d->kind != DF_DELIVER_INSTANCE || d->state != DF_DELIVERY_DELIVERED)
		return;
	say(b, "  等待 waiting:  PACS 已接收，尚未承诺保存 / the PACS took them "
	       "and has not yet\n"
	       "                 committed to keep them: dcm-forward "
	       "commitment list\n");
}

static void say_delivery(struct df_buf *b, struct queue *q, int64_t study,
			 const struct df_delivery_sum *d)
{
	char place[400];
	const struct destination_state *st = state_of(q, d->dest);
	const char *error = d->why, *todo = advice(d, d->err);
	int64_t next_ms = d->next_ms;
	char when[DF_TIME_LEN + 1];

	say(b, "目的地 to:       %s: %llu %s %s\n", d->dest,
	    (unsigned long long)d->count,
	    d->kind == DF_DELIVER_PARCEL ? "包 parcels" : "影像 images",
	    df_delivery_state_name(d->state));
	if (d->remarked > 0)
		say(b,
		    "  附注 remarks:  %llu 幅已保存，PACS 有附注 / stored, with "
		    "a remark of the PACS\n"
		    "                 (Bxxx; 日志 / log: store.remark)\n",
		    (unsigned long long)d->remarked);
	if (df_delivery_ended(d->state) && d->state != DF_DELIVERY_REFUSED)
		return;
	if (st == NULL) {
		say(b, "                 配置中已没有这个目的地 / it is no "
		       "longer in the configuration\n");
		return;
	}
	if (st->window.failures > 0) {
		error = st->last.text;
		todo = advice(d, st->last.err);
		next_ms = st->window.next_ms;
	}
	if (error[0] != '\0')
		say(b, "  错误 error:    %s\n", error);
	if (next_ms > q->now && d->state != DF_DELIVERY_REFUSED &&
	    d->state != DF_DELIVERY_HELD) {
		df_time_encode(when, next_ms);
		say(b, "  下次 next try: %s (%lld s)\n", when,
		    (long long)((next_ms - q->now) / 1000));
	}
	if (place_say(q, place, sizeof place, study, d) > 0)
		say(b, "%s", place);
	say_commitment(b, d);
	if (todo != NULL)
		say(b, "  怎么办 do:     %s%s%s\n", todo,
		    strstr(todo, "destination test") ? " " : "",
		    strstr(todo, "destination test") ? d->dest : "");
}

static void say_manifest(struct df_buf *b, struct queue *q,
			 const struct df_row_study *s)
{
	struct df_row_manifest m;

	if (df_journal_manifests_of(q->j, s->n, &m, 1) != 1)
		return;
	say(b, "清单 manifest:   版本 version %u -> %s: %s\n",
	    (unsigned)m.version, m.dest,
	    m.state == DF_MANIFEST_RECEIPTED ? "已收到回执 receipted"
					     : "等待回执 waiting for receipt");
	if (m.state != DF_MANIFEST_RECEIPTED && m.why[0] != '\0')
		say(b, "  错误 error:    %s\n", m.why);
}

static void say_retention(struct df_buf *b, struct queue *q,
			  const struct df_row_study *s)
{
	char when[DF_TIME_LEN + 1];
	struct df_row_retained r;

	df_journal_retained(q->j, s->n, &r);
	if (r.purged_ms > 0) {
		df_time_encode(when, r.purged_ms);
		say(b,
		    "已释放 released: %s, %.1f MB 本机不再保存，对方有回执 / no "
		    "longer kept here; others hold it by receipt\n",
		    when, (double)r.purged_bytes / 1e6);
	}
	if (r.confirmed_ms > 0 && q->cfg->retention.days > 0) {
		df_time_encode(when, r.confirmed_ms +
					     q->cfg->retention.days * 86400000);
		say(b, "保存至 kept to:  %s\n", when);
	}
}

static void say_quarantined(struct df_buf *b, struct queue *q,
			    const struct df_row_study *s,
			    const struct study_view *v)
{
	struct df_row_instance *rows;
	size_t n, said = 0;

	if (v->c.quarantined == 0)
		return;
	say(b, "隔离 quarantine: %llu 影像不能发送 / images cannot be sent\n",
	    (unsigned long long)v->c.quarantined);
	rows = df_xcalloc(512, sizeof *rows);
	n = df_journal_instances(q->j, DF_OF_STUDY, s->n, rows, 512);
	for (size_t i = 0; i < n && said < 5; i++) {
		if (rows[i].state != DF_INSTANCE_QUARANTINED)
			continue;
		say(b, "  %s\n    %s\n", rows[i].sop_instance, rows[i].reason);
		said++;
	}
	if (said < v->c.quarantined)
		say(b, "  其余 the others: dcm-forward quarantine list\n");
	free(rows);
}

static void say_reports(struct df_buf *b, struct queue *q,
			const struct df_row_study *s)
{
	static const char *const words[] = {
		[DF_REPORTING_DUE] =
			"等待签章发送 / about to be sealed and sent",
		[DF_REPORTING_DONE] = "已发往卫生院 / in the clinic's mailbox",
		[DF_REPORTING_WAITS] =
			"保留在本机，没有卫生院发来该检查 / kept here",
		[DF_REPORTING_REFUSED] = "保留在本机，与检查不符 / kept here, "
					 "nobody else sees it",
	};
	struct df_row_instance *rows = df_xcalloc(512, sizeof *rows);
	size_t n = df_journal_instances(q->j, DF_OF_STUDY, s->n, rows, 512);

	for (size_t i = 0; i < n; i++) {
		if (rows[i].report == DF_REPORTING_NONE ||
		    rows[i].report > DF_REPORTING_REFUSED)
			continue;
		say(b, "报告 report:     %s\n                 %s\n",
		    rows[i].sop_instance, words[rows[i].report]);
		if (rows[i].report >= DF_REPORTING_WAITS)
			say(b, "  原因 reason:   %s\n", rows[i].reason);
	}
	free(rows);
}

char *why_text(struct queue *q, const struct df_row_study *s)
{
	struct df_delivery_sum *sums = df_xcalloc(32, sizeof *sums);
	size_t n = df_journal_delivery_sums(q->j, s->n, sums, 32);
	struct study_view v;
	struct df_buf b;
	size_t len;

	df_buf_init(&b, 16384);
	study_view(q, s, &v);
	say(&b, "检查 study:      %s\n", s->uid);
	say(&b, "来源 from:       %s%s%s\n", s->source,
	    s->peer[0] != '\0' ? ", 节点 node " : "", s->peer);
	if (df_journal_study_is_copy(q->j, s->n))
		say(&b, "既往检查 prior:  从中心调阅的副本，不再上传 / a copy "
			"fetched from the centre,\n"
			"                 it is not sent on to it\n");
	say_state(&b, s, &v);
	say_linked(&b, q, s);
	say_open(&b, q, s);
	for (size_t i = 0; i < n; i++)
		say_delivery(&b, q, s->n, &sums[i]);
	say_manifest(&b, q, s);
	say_retention(&b, q, s);
	say_quarantined(&b, q, s, &v);
	say_reports(&b, q, s);
	free(sums);
	if (df_buf_u8(&b, 0) != DF_OK)
		b.ptr[b.len - 1] = '\0';
	return (char *)df_buf_give(&b, &len);
}
