/*
 * placing.c - for people: where a study stands in the order of a destination,
 * what goes before it, and the cap of this hour.
 */
#include <stdio.h>

#include "answers.h"
#include "df/clock.h"

static void put_ahead(cJSON *o, const char *key, const struct df_ahead *a)
{
	cJSON *in = cJSON_AddObjectToObject(o, key);

	put_num(in, "items", a->items);
	put_num(in, "studies", a->studies);
	put_num(in, "stat_studies", a->urgent);
	put_num(in, "bytes", a->bytes);
}

void place_put(struct queue *q, cJSON *o, int64_t study,
	       const struct df_delivery_sum *d)
{
	struct df_ahead next, last;

	if (d->state != DF_DELIVERY_WAITING && d->state != DF_DELIVERY_DEFERRED)
		return;
	df_journal_ahead(q->j, study, d->dest, d->kind, &next, &last);
	put_ahead(o, "before_next", &next);
	put_ahead(o, "before_last", &last);
}

size_t place_say(struct queue *q, char *to, size_t cap, int64_t study,
		 const struct df_delivery_sum *d)
{
	struct df_ahead next, last;
	const char *zh = d->kind == DF_DELIVER_PARCEL ? "包" : "影像";
	const char *en = d->kind == DF_DELIVER_PARCEL ? "parcels" : "images";
	char stat[80] = "";
	int n;

	to[0] = '\0';
	if (d->state != DF_DELIVERY_WAITING && d->state != DF_DELIVERY_DEFERRED)
		return 0;
	df_journal_ahead(q->j, study, d->dest, d->kind, &next, &last);
	if (!next.waits)
		return 0;
	if (last.urgent > 0)
		df_str_fmt(stat, sizeof stat,
			   "，其中急诊 %llu 个 (%llu of them STAT)",
			   (unsigned long long)last.urgent,
			   (unsigned long long)last.urgent);
	if (last.items == 0)
		n = snprintf(to, cap, "  次序 place:    下一个就是 / next\n");
	else
		n = snprintf(to, cap,
			     "  次序 place:    前面 %llu 个%s，全部发完前 %llu 个 "
			     "(%.1f MB, %llu 个检查%s)\n"
			     "                 %llu %s before its next, %llu "
			     "(%llu studies) before its last\n",
			     (unsigned long long)next.items, zh,
			     (unsigned long long)last.items,
			     (double)last.bytes / 1e6,
			     (unsigned long long)last.studies, stat,
			     (unsigned long long)next.items, en,
			     (unsigned long long)last.items,
			     (unsigned long long)last.studies);
	return n > 0 ? (size_t)n : 0;
}

static const struct df_caps *caps_of(const struct queue *q, const char *name)
{
	const struct df_peer *p = df_config_peer(q->cfg, df_text_of(name));
	const struct df_destination *d =
		df_config_destination(q->cfg, df_text_of(name));

	return p != NULL ? &p->caps : d != NULL ? &d->caps : NULL;
}

void cap_put(struct queue *q, cJSON *o, const char *name)
{
	const struct df_caps *caps = caps_of(q, name);
	const struct df_cap *now;
	char text[DF_CAP_TEXT];
	cJSON *cap;

	if (caps == NULL || caps->n == 0)
		return;
	now = df_caps_at(caps, df_time_week_minute(q->now));
	cap = cJSON_AddObjectToObject(o, "cap");
	put_num(cap, "bit_per_s", now != NULL ? now->bit_per_s : 0);
	df_cap_rate_encode(text, now != NULL ? now->bit_per_s : 0);
	put_str(cap, "rate", text);
	text[0] = '\0';
	if (now != NULL)
		df_cap_encode(text, now);
	put_str(cap, "line", text); /* of the configuration */
}
