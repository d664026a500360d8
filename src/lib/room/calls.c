/*
 * calls.c - requests and their replies, matched by tag. See df/room.h.
 *
 * Invariant: a call is in its bucket and in its link's list, or in neither and
 * freed. A call whose asker has gone stays as a tombstone until its reply
 * comes or its link ends, so that a late reply is not an unknown message.
 */
#include "room_private.h"

#include <stdlib.h>

#include "df/clock.h"

/* The top four bits are our role: a tag of ours never equals one of a peer's,
 * and is never 0. */
uint32_t df_tag_new(struct df_room *room)
{
	room->tag = (room->tag + 1) & 0x0fffffffu;
	return ((uint32_t)room->spec->role << 28) | room->tag;
}

struct call *df_call_add(struct link *l, uint32_t tag)
{
	struct df_room *room = l->face.room;
	struct call **bucket = &room->buckets[tag % DF_ROOM_BUCKETS];
	struct call *call = df_xcalloc(1, sizeof *call);

	call->link = l;
	call->room = room;
	call->tag = tag;
	call->next = *bucket;
	*bucket = call;
	call->link_next = l->calls;
	if (l->calls != NULL)
		l->calls->link_prev = call;
	l->calls = call;
	return call;
}

struct call *df_call_find(const struct df_room *room, const struct link *l,
			  uint32_t tag)
{
	struct call *call = room->buckets[tag % DF_ROOM_BUCKETS];

	while (call != NULL &&
	       (call->tag != tag || (l != NULL && call->link != l)))
		call = call->next;
	return call;
}

void df_call_remove(struct call *call)
{
	struct df_room *room = call->room;
	struct call **at = &room->buckets[call->tag % DF_ROOM_BUCKETS];

	while (*at != call)
		at = &(*at)->next;
	*at = call->next;
	if (call->link_prev != NULL)
		call->link_prev->link_next = call->link_next;
	else
		call->link->calls = call->link_next;
	if (call->link_next != NULL)
		call->link_next->link_prev = call->link_prev;
	if (room->loop != NULL)
		df_loop_cancel(room->loop, call->timer);
	free(call);
}

bool df_call_deliver(struct link *l, const struct df_msg *m, int *fds,
		     size_t n_fds)
{
	struct call *call = df_call_find(l->face.room, l, m->tag);
	struct df_reply reply = {
		.msg = m, .fds = fds, .n_fds = n_fds, .link = &l->face};
	df_reply_fn *run;
	void *ctx;

	if (call == NULL)
		return false;
	run = call->reply;
	ctx = call->ctx;
	reply.last = call->last == DF_MSG_NONE || call->last == m->type;
	if (reply.last)
		df_call_remove(call); /* before: the callback may end us */
	if (run == NULL)
		return true;
	reply.err = df_msg_result(m, &reply.why);
	run(ctx, &reply);
	return true;
}

static void end_without_reply(struct df_link *link, df_reply_fn *run, void *ctx,
			      enum df_err err, const char *text)
{
	struct df_reply reply = {.err = err, .last = true, .link = link};

	if (run == NULL)
		return;
	(void)df_fail(&reply.why, err, "%s", text); /* fills why */
	run(ctx, &reply);
}

void df_calls_fail(struct link *l)
{
	df_reply_fn *run;
	void *ctx;

	while (l->calls != NULL) {
		run = l->calls->reply;
		ctx = l->calls->ctx;
		df_call_remove(l->calls);
		end_without_reply(&l->face, run, ctx, DF_E_PEER,
				  "room ended before it answered");
	}
}

static void expire(void *ctx)
{
	struct call *call = ctx;
	df_reply_fn *run = call->reply;

	call->timer = 0;
	call->reply = NULL; /* a tombstone from here on */
	end_without_reply(&call->link->face, run, call->ctx, DF_E_TIMEOUT,
			  "room does not answer");
}

uint32_t df_room_call(struct df_room *room, struct df_link *link,
		      struct df_msg *m, int *fds, size_t n_fds,
		      enum df_msg_type last, int64_t timeout_ms,
		      df_reply_fn *reply, void *ctx)
{
	uint32_t tag = df_tag_new(room);
	struct call *call;
	enum df_err err;

	m->tag = tag;
	err = df_room_send(link, m, fds, n_fds);
	if (err != DF_OK) {
		end_without_reply(link, reply, ctx, err, "room is not there");
		return 0;
	}
	call = df_call_add(df_link_inside(link), tag);
	call->last = last;
	call->reply = reply;
	call->ctx = ctx;
	if (timeout_ms > 0)
		call->timer = df_loop_timer(room->loop,
					    df_clock_mono_ms() + timeout_ms,
					    expire, call);
	return tag;
}

void df_room_call_cancel(struct df_room *room, uint32_t tag)
{
	struct call *call = tag == 0 ? NULL : df_call_find(room, NULL, tag);

	if (call == NULL)
		return;
	df_loop_cancel(room->loop, call->timer);
	call->timer = 0;
	call->reply = NULL;
}
