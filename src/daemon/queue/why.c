/*
 * why.c - `study why`: on one screen, in Chinese and English, where a study
 * is, what is missing, the last error, the next try, what to do.
 */
#include <stdlib.h>
#include <string.h>

#include "df/clock.h"
#include "queue.h"

#define SCREEN_MAX (64u * 1024u)
#define BAD_SHOWN 8
#define SUMS_MAX 64

/* A screen that is cut is better than none: failures only stop adding. */
struct screen {
	struct df_buf b;
	bool full;
};

#define put(s, ...)                                                            \
	((s)->full = (s)->full ||                                              \
		     df_buf_addf(&(s)->b, NULL, __VA_ARGS__) != DF_OK)

static void put_time(struct screen *s, int64_t ms)
{
	char text[DF_TIME_LEN + 1] = "-";

	if (ms > 0)
		df_time_encode(text, ms);
	put(s, "%s", text);
}

static void head(struct screen *s, const struct df_row_study *st,
		 const struct df_study_counts *c)
{
	put(s, "检查 Study      %s\n", st->uid);
	put(s, "来源 From       %s%s%.16s\n", st->source,
	    st->peer[0] ? "  对端 peer " : "", st->peer);
	put(s, "收到 Received   %llu 幅 images, ",
	    (unsigned long long)(c->instances + c->quarantined));
	put_time(s, st->opened_ms);
	put(s, " – ");
	put_time(s, st->last_ms);
	put(s, "\n状态 State      ");
	if (st->state == DF_STUDY_OPEN)
		put(s, "接收中，静默后自动完成 open, completes when quiet\n");
	else
		put(s, "已完成 closed (%s), 第 %u 版 version %u\n",
		    st->close_reason, st->version, st->version);
	if (c->packed > 0 && c->coded_bytes > 0)
		put(s, "打包 Packed     %llu 幅 images, %.1f MB -> %.1f MB\n",
		    (unsigned long long)c->packed, (double)c->bytes / 1e6,
		    (double)c->coded_bytes / 1e6);
}

static const char *state_words(enum df_delivery_state state)
{
	switch (state) {
	case DF_DELIVERY_WAITING:
		return "等待发送 waiting";
	case DF_DELIVERY_SENDING:
		return "发送中 sending";
	case DF_DELIVERY_DEFERRED:
		return "稍后重试 will be tried again";
	case DF_DELIVERY_HELD:
		return "已暂停 held";
	case DF_DELIVERY_DELIVERED:
		return "已送达，待回执 delivered, receipt awaited";
	case DF_DELIVERY_CONFIRMED:
		return "已确认 confirmed";
	case DF_DELIVERY_REFUSED:
		return "被拒收 refused";
	case DF_DELIVERY_EXPIRED:
		return "已过期 expired";
	case DF_DELIVERY_CANCELLED:
		return "已取消 cancelled";
	}
	return "";
}

static const struct destination_state *destination_of(const struct queue *q,
						      const char *name)
{
	for (size_t i = 0; i < q->cfg->n_peers; i++)
		if (strcmp(q->peers[i].name, name) == 0)
			return &q->peers[i];
	for (size_t i = 0; i < q->cfg->n_destinations; i++)
		if (strcmp(q->pacs[i].name, name) == 0)
			return &q->pacs[i];
	return NULL;
}

static void deliveries(struct screen *s, struct queue *q,
		       const struct df_delivery_sum *sums, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct df_delivery_sum *d = &sums[i];
		const struct destination_state *to = destination_of(q, d->dest);

		put(s, "去向 To         %s: %llu %s %s\n", d->dest,
		    (unsigned long long)d->count,
		    d->kind == DF_DELIVER_PARCEL ? "包 parcels"
						 : "幅 images",
		    state_words(d->state));
		if (d->why[0] != '\0' && d->state != DF_DELIVERY_CONFIRMED)
			put(s, "  错误 error    %s\n", d->why);
		if (d->state == DF_DELIVERY_DEFERRED) {
			put(s, "  下次 next try ");
			put_time(s, d->next_ms);
			put(s, "\n");
		}
		if (to != NULL && to->window.down_since_ms != 0 &&
		    d->state != DF_DELIVERY_CONFIRMED) {
			put(s, "  对端不通 unreachable: %s, 下次 next try ",
			    to->last.text);
			put_time(s, to->window.next_ms);
			put(s, "\n");
		}
	}
}

static void manifests(struct screen *s, struct queue *q,
		      const struct df_row_study *st)
{
	static const char *const WORD[] = {"待回执 receipt awaited",
					   "已有回执 receipted",
					   "被拒 refused"};
	struct df_row_manifest rows[8];
	size_t n = df_journal_manifests_of(q->j, st->n, rows, 8);

	for (size_t i = 0; i < n; i++) {
		put(s, "清单 Manifest   第 %u 版 version %u -> %s: %s\n",
		    rows[i].version, rows[i].version, rows[i].dest,
		    WORD[rows[i].state]);
		if (rows[i].why[0] && rows[i].state != DF_MANIFEST_RECEIPTED)
			put(s, "  错误 error    %s\n", rows[i].why);
	}
}

static void quarantined(struct screen *s, struct queue *q,
			const struct df_row_study *st)
{
	struct df_row_instance *rows = df_xcalloc(2048, sizeof *rows);
	size_t n = df_journal_instances(q->j, DF_OF_STUDY, st->n, rows, 2048);
	size_t shown = 0;

	for (size_t i = 0; i < n && shown < BAD_SHOWN; i++) {
		if (rows[i].state != DF_INSTANCE_QUARANTINED)
			continue;
		put(s, "隔离 Quarantine %s\n  原因 reason   %s\n",
		    rows[i].sop_instance, rows[i].reason);
		shown++;
	}
	free(rows);
}

/* The first thing that a person can do, or that nothing is to be done. */
static void advice(struct screen *s, struct queue *q,
		   const struct df_row_study *st,
		   const struct df_study_counts *c)
{
	bool line = q->cfg->n_peers > 0 && st->peer[0] == '\0';
	uint64_t confirmed = line ? c->receipted : c->in_pacs;
	bool down = false;

	for (size_t i = 0; i < q->cfg->n_peers; i++)
		down = down || q->peers[i].window.down_since_ms != 0;
	for (size_t i = 0; i < q->cfg->n_destinations; i++)
		down = down || q->pacs[i].window.down_since_ms != 0;
	put(s, "\n怎么办 What to do\n");
	if (c->refused > 0)
		put(s, "  对方拒收：按上面的错误处理后执行 queue retry。"
		       "\n  It was refused: mend what the error says, then "
		       "`queue retry ID` (ids: `queue list`).\n");
	else if (c->held > 0)
		put(s, "  已被暂停：执行 queue release。"
		       "\n  It is held: `queue release --all` lets it go.\n");
	else if (c->quarantined > 0)
		put(s, "  有图像被隔离：请按原因核对设备，原始数据仍保留。"
		       "\n  Some images are in quarantine: check the modality; "
		       "their bytes are kept.\n");
	else if (down)
		put(s, "  线路或对端不通，恢复后自动续传，无需操作。检查网络，"
		       "或执行 destination test。\n  The line or the other "
		       "side is down; it goes on by itself. Check the network, "
		       "or `destination test NAME`.\n");
	else if (q->cfg->n_peers + q->cfg->n_destinations == 0)
		put(s, "  没有配置去向：peer join 或 destination add。\n  There "
		       "is nowhere to send to: `peer join` or `destination "
		       "add`.\n");
	else if (c->instances > 0 && confirmed >= c->instances &&
		 st->state == DF_STUDY_CLOSED)
		put(s, "  全部完成，无需操作。 All is done.\n");
	else if (st->state == DF_STUDY_OPEN && st->peer[0] == '\0')
		put(s, "  等待检查结束（静默 %lld 秒），或执行 study send。\n"
		       "  It waits for %lld s without a new image, or for "
		       "`study send`.\n",
		    (long long)q->cfg->study.quiet_s,
		    (long long)q->cfg->study.quiet_s);
	else
		put(s, "  正在进行，无需操作。 Under way; nothing to do.\n");
}

char *why_text(struct queue *q, const struct df_row_study *st)
{
	struct df_delivery_sum *sums = df_xcalloc(SUMS_MAX, sizeof *sums);
	struct df_study_counts c;
	struct screen s = {.full = false};
	size_t n = df_journal_delivery_sums(q->j, st->n, sums, SUMS_MAX);
	size_t len;

	df_buf_init(&s.b, SCREEN_MAX);
	df_journal_study_counts(q->j, st->n, &c);
	head(&s, st, &c);
	deliveries(&s, q, sums, n);
	manifests(&s, q, st);
	quarantined(&s, q, st);
	advice(&s, q, st, &c);
	free(sums);
	if (df_buf_add(&s.b, "", 1, NULL) != DF_OK) {
		df_buf_release(&s.b);
		return df_xstrdup("");
	}
	return (char *)df_buf_give(&s.b, &len);
}
