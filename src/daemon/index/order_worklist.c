/*
 * order_worklist.c - a modality asks what it has to do.
 *
 * An order without a station is everybody's: it is given out under the title
 * that was asked for. What the technician should know before the exposure
 * stands before the description of the step, where consoles show it, and whole
 * in the comments (docs/decisions/0017); neither goes into any image but the
 * description.
 */
#include <string.h>

#include "df/attribute_match.h"
#include "df/clock.h"
#include "df/file.h"
#include "df/log.h"
#include "orders.h"
#include "region.h"

#define ITEMS_MAX 2000
#define BYTES_MAX ((size_t)8 * 1024 * 1024)
#define LAST_MOMENT 999999999999
/* Questions of one title, and of all: each costs what all open orders cost. */
#define PER_MINUTE 120
#define BURST 30
#define ALL_PER_MINUTE 600
#define ALL_BURST 150

struct answer {
	struct index *x;
	const struct df_worklist_item *keys;
	const char *calling;
	int64_t verdict; /* enum df_worklist_verdict */
	struct df_buf items;
	size_t n;
	struct df_why why;
};

static bool matches(const struct df_worklist_item *keys,
		    const struct df_worklist_item *item)
{
	unsigned i;

	for (i = 0; i < DF_WORKLIST_COUNT; i++) {
		const char *vr =
			df_worklist_attribute((enum df_worklist_field)i)->vr;

		if (i == DF_WORKLIST_STEP_DATE || i == DF_WORKLIST_STEP_TIME ||
		    strcmp(vr, "LT") == 0)
			continue;
		if (!df_attribute_match(vr, keys->v[i], item->v[i]))
			return false;
	}
	return df_moment_match(
		keys->v[DF_WORKLIST_STEP_DATE], keys->v[DF_WORKLIST_STEP_TIME],
		item->v[DF_WORKLIST_STEP_DATE], item->v[DF_WORKLIST_STEP_TIME]);
}

static bool is_plain(struct df_text key)
{
	return key.len > 0 && memchr(key.ptr, '*', key.len) == NULL &&
	       memchr(key.ptr, '?', key.len) == NULL &&
	       memchr(key.ptr, '\\', key.len) == NULL;
}

/* Text that may have so many characters. */
struct line {
	char *to;
	size_t len, cap;
	unsigned chars; /* left */
};

static void line_add(struct line *l, struct df_text t)
{
	for (size_t i = 0; i < t.len; i++) {
		bool begins = ((unsigned char)t.ptr[i] & 0xc0) != 0x80;

		if (begins && (l->chars == 0 || l->len + 4 >= l->cap))
			break;
		l->chars -= begins;
		l->to[l->len++] = t.ptr[i];
	}
	l->to[l->len] = '\0';
}

/* t behind a mark and a blank, cut to what the VR allows. */
static void join(char *to, size_t cap, unsigned chars, const char *mark,
		 struct df_text t)
{
	struct line l = {to, 0, cap, chars};

	line_add(&l, df_text_of(mark));
	if (mark[0] != '\0' && t.len > 0)
		line_add(&l, df_text_of(" "));
	line_add(&l, t);
}

static void read_item(const cJSON *order, struct df_worklist_item *item)
{
	unsigned i;

	*item = (struct df_worklist_item){0};
	for (i = 0; i < DF_WORKLIST_COUNT; i++)
		item->v[i] = order_value(order, (enum df_worklist_field)i);
	if (item->v[DF_WORKLIST_STEP_DESCRIPTION].len == 0)
		item->v[DF_WORKLIST_STEP_DESCRIPTION] =
			item->v[DF_WORKLIST_PROCEDURE];
}

/* What is said about earlier exams; the texts live as long as the caller's. */
struct said {
	char description[64 * 4 + 1];
	char comments[1024 * 4 + 1], step_comments[1024 * 4 + 1];
};

static void say(const struct answer *a, const cJSON *order, struct said *s,
		struct df_worklist_item *item)
{
	const char *mark = index_word(order, "mark");
	const char *text = index_word(order, "mark_text");
	struct df_text *v = item->v;

	if (a->verdict == DF_WORKLIST_VERDICT_NO)
		mark = text = "";
	if (a->verdict == DF_WORKLIST_VERDICT_COMMENTS)
		mark = "";
	join(s->description, sizeof s->description, 64, mark,
	     v[DF_WORKLIST_STEP_DESCRIPTION]);
	join(s->comments, sizeof s->comments, 1024, text,
	     v[DF_WORKLIST_COMMENTS]);
	join(s->step_comments, sizeof s->step_comments, 1024, text,
	     v[DF_WORKLIST_STEP_COMMENTS]);
	v[DF_WORKLIST_STEP_DESCRIPTION] = df_text_of(s->description);
	v[DF_WORKLIST_COMMENTS] = df_text_of(s->comments);
	v[DF_WORKLIST_STEP_COMMENTS] = df_text_of(s->step_comments);
}

static enum df_err add(struct answer *a, const cJSON *order)
{
	struct df_text asked = a->keys->v[DF_WORKLIST_STATION_AE];
	struct df_worklist_item item;
	struct said said;
	unsigned i;

	read_item(order, &item);
	if (item.v[DF_WORKLIST_STATION_AE].len == 0)
		item.v[DF_WORKLIST_STATION_AE] =
			is_plain(asked) ? asked : df_text_of(a->calling);
	if (!matches(a->keys, &item))
		return DF_OK;
	if (++a->n > ITEMS_MAX)
		return df_fail(&a->why, DF_E_LIMIT, "more than %d items match",
			       ITEMS_MAX);
	say(a, order, &said, &item);
	for (i = 0; i < DF_WORKLIST_COUNT; i++)
		item.has[i] = item.v[i].len > 0;
	return df_worklist_encode(&a->items, &item, &a->why);
}

static enum df_err look(void *ctx, const struct df_store_order *o)
{
	cJSON *order = cJSON_ParseWithLength(o->text.ptr, o->text.len);
	enum df_err rc = order != NULL ? add(ctx, order) : DF_OK;

	cJSON_Delete(order);
	return rc;
}

void order_worklist_init(struct index *x)
{
	df_limit_init(&x->questions, PER_MINUTE, BURST);
	df_limit_init(&x->all_questions, ALL_PER_MINUTE, ALL_BURST);
}

static enum df_err may_ask(struct index *x, const char *calling,
			   struct df_why *why)
{
	int64_t now = df_clock_mono_ms(), wait_ms;

	return df_limit_take(&x->questions, calling, 0, now, &wait_ms) &&
			       df_limit_take(&x->all_questions, "", 0, now,
					     &wait_ms)
		       ? DF_OK
		       : df_fail(why, DF_E_AGAIN, "too many questions");
}

static enum df_err collect(struct answer *a, const struct df_msg *m,
			   struct df_why *why)
{
	struct df_worklist_item keys;
	char calling[DF_AE_LEN + 1];
	struct df_text bytes = {0};
	enum df_err rc;

	(void)df_msg_get(m, DF_M_ITEM, &bytes); /* absent is no item */
	if (!df_worklist_next(&bytes, &keys) || bytes.len > 0 ||
	    !df_msg_get_str(m, DF_M_CALLING, calling, sizeof calling))
		return df_fail(why, DF_E_FORMAT, "not a worklist question");
	rc = may_ask(a->x, calling, why);
	if (rc != DF_OK)
		return rc;
	a->keys = &keys;
	a->calling = calling;
	a->verdict = df_room_config(a->x->room)->worklist.verdict;
	rc = df_store_orders(a->x->store, order_first_moment(a->x), LAST_MOMENT,
			     look, a, why);
	if (rc != DF_OK && a->why.err == rc)
		*why = a->why;
	return rc;
}

void order_worklist(struct index *x, struct df_link *from,
		    const struct df_msg *m)
{
	struct answer a = {.x = x};
	struct df_why why = {0};
	struct df_msg reply;
	int fd = -1;
	enum df_err rc;

	df_buf_init(&a.items, BYTES_MAX);
	rc = collect(&a, m, &why);
	if (rc == DF_OK)
		rc = df_memfd_new(&fd, "worklist", &why);
	if (rc == DF_OK)
		rc = df_write_all(fd, a.items.ptr, a.items.len, &why);
	if (rc == DF_OK)
		rc = df_memfd_seal(fd, &why);
	if (rc != DF_OK) {
		df_fd_close(&fd);
		if (rc != DF_E_AGAIN) /* receive says that */
			df_log(DF_LOG_WARN, "worklist.failed", DF_F_ERR(&why));
	}
	df_buf_wipe(&a.items);
	df_msg_init(&reply, DF_MSG_WORKLIST, m->tag);
	df_msg_put_result(&reply, rc, &why);
	(void)df_room_send(from, &reply, &fd, fd >= 0 ? 1 : 0);
}
