/*
 * worklist_scp.cc - C-FIND on the modality worklist (PS3.4 annex K): the
 * question is read here, items come from the sink, one response each.
 *
 * Between two of them the modality may cancel; anything else that it says
 * before our last response breaks the protocol.
 */
#include "scp.h"

#include <poll.h>

static const uint16_t not_of_class = 0xa900;
static const uint16_t unable = 0xc000;
static const uint16_t cancelled = 0xfe00;
static const uint16_t pending = 0xff00;
static const uint16_t pending_others = 0xff01; /* a key is not supported */

static enum df_err respond(struct scp *s, const struct command *c,
			   uint8_t context, uint16_t status,
			   const struct df_buf *item, struct df_why *why)
{
	struct command rsp = {};
	enum df_err rc;

	rsp.field = COMMAND_C_FIND_RSP;
	rsp.message_id = c->message_id;
	rsp.dataset_type = item != nullptr ? 0x0001 : COMMAND_NO_DATASET;
	rsp.status = status;
	scp_copy(rsp.sop_class, sizeof rsp.sop_class, c->sop_class);
	rc = command_write(&s->ch, &rsp, context, why);
	if (rc == DF_OK && item != nullptr)
		rc = dataset_write(&s->ch, item->ptr, item->len, context, why);
	return rc;
}

/* Has it said that it wants no more? */
static enum df_err look_for_cancel(struct scp *s, const struct command *c,
				   uint8_t context, bool *is_cancelled,
				   struct df_why *why)
{
	struct pollfd p = {s->wire.fd, POLLIN, 0};
	enum df_err rc = DF_OK;
	uint8_t on = 0;
	struct command said;

	*is_cancelled = false;
	if (poll(&p, 1, 0) <= 0)
		return DF_OK;
	switch (command_read(&s->ch, &said, &on, &rc, why)) {
	case FLOW_ENDED:
		return rc;
	case FLOW_RELEASE:
		return df_fail(why, DF_E_FORMAT,
			       "release before the last answer");
	case FLOW_DATA:
		break;
	}
	if (said.field != COMMAND_C_CANCEL_RQ || on != context ||
	    said.message_id != c->message_id)
		return df_fail(why, DF_E_FORMAT,
			       "a command before the last answer");
	*is_cancelled = true;
	return DF_OK;
}

static enum df_err answer(struct scp *s, const struct command *c,
			  uint8_t context, struct df_text items,
			  enum df_worklist_charset charset, uint16_t *status,
			  struct df_why *why)
{
	struct df_worklist_item item;
	bool is_cancelled = false;
	enum df_err rc = DF_OK;
	struct df_buf set;

	df_buf_init(&set, DF_WORKLIST_DATASET_MAX);
	while (rc == DF_OK && df_worklist_next(&items, &item)) {
		rc = look_for_cancel(s, c, context, &is_cancelled, why);
		if (rc != DF_OK || is_cancelled)
			break;
		df_buf_clear(&set);
		/* one that cannot be said is not silently left out */
		if (df_worklist_item_encode(&set, &s->query, &item, charset,
					    is_explicit(s, context),
					    nullptr) != DF_OK) {
			*status = unable;
			break;
		}
		rc = respond(s, c, context,
			     s->query.others ? pending_others : pending, &set,
			     why);
	}
	df_buf_wipe(&set);
	if (is_cancelled)
		*status = cancelled;
	return rc;
}

enum df_err worklist_find(struct scp *s, const struct command *c,
			  uint8_t context, struct df_why *why)
{
	const struct df_worklist_sink *sink = s->cfg->worklist;
	enum df_worklist_charset charset = DF_WORKLIST_AUTO;
	uint16_t status = not_of_class;
	struct df_buf data, items;
	enum df_err rc = DF_OK;

	df_buf_init(&data, DF_WORKLIST_DATASET_MAX);
	df_buf_init(&items, DF_WORKLIST_ITEMS_MAX);
	if (c->dataset_type != COMMAND_NO_DATASET) {
		rc = dataset_collect(&s->ch, context, &data, why);
		status = 0;
	}
	if (rc == DF_OK && strcmp(c->sop_class, DF_WORKLIST_CLASS) != 0)
		status = not_of_class;
	if (rc == DF_OK && status == 0 &&
	    df_worklist_query_decode(&s->query, data.ptr, data.len,
				     is_explicit(s, context), nullptr) != DF_OK)
		status = unable;
	if (rc == DF_OK && status == 0)
		status = sink->find(sink->ctx, &s->query, &items, &charset);
	if (rc == DF_OK && status == 0) {
		struct df_text all = {reinterpret_cast<const char *>(items.ptr),
				      items.len};

		rc = answer(s, c, context, all, charset, &status, why);
	}
	if (rc == DF_OK)
		rc = respond(s, c, context, status, nullptr, why);
	df_buf_wipe(&items);
	df_buf_wipe(&data);
	return rc;
}
