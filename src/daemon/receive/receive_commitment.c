/*
 * receive_commitment.c - storage commitment: what a modality asks goes to
 * queue, which makes it durable before it is answered; the report comes back
 * the same way when the association is still there.
 */
#include "receive.h"

#include "df/clock.h"
#include "df/file.h"
#include "df/log.h"

#define ASK_MS 120000
#define REST_MS 500 /* a modality that was silent so long expects a report;
		       and how often the end of the node is looked for */
#define PROCESSING_FAILURE 0x0110

static uint16_t ask_queue(struct receive *r, enum df_msg_type type,
			  const struct df_commitment *c)
{
	struct df_link *queue = df_room_link(r->room, DF_ROLE_QUEUE, 0);
	uint64_t status = PROCESSING_FAILURE;
	struct df_why why = {0};
	struct df_msg m, reply;
	enum df_err rc;
	int fd = -1;

	rc = df_room_list_fd(&fd, &c->refs, &why);
	if (rc == DF_OK) {
		df_msg_init(&m, type, 0);
		df_msg_put_str(&m, DF_M_CALLING, r->calling);
		df_msg_put_str(&m, DF_M_TRANSACTION, c->transaction);
		rc = df_room_ask(r->room, queue, &m, &fd, 1, ASK_MS, &reply,
				 NULL, NULL, &why);
		receive_end_without_queue(rc, &why);
	}
	if (rc == DF_OK && (reply.type != DF_MSG_COMMITMENT_STATUS ||
			    !df_msg_get_u64(&reply, DF_M_STATUS, &status)))
		df_bug("queue answered %s with %s", df_msg_name(type),
		       df_msg_name(reply.type));
	df_log(status == 0 ? DF_LOG_INFO : DF_LOG_WARN,
	       type == DF_MSG_COMMITMENT_RQ ? "commitment.asked"
					    : "commitment.word",
	       DF_F_ID(&r->association), DF_F_AE("calling", r->calling),
	       DF_F_UID("transaction", c->transaction),
	       DF_F_NUM("instances", c->refs.n), DF_F_NUM("status", status));
	return (uint16_t)status;
}

static uint16_t asked(void *ctx, const struct df_commitment *c)
{
	return ask_queue(ctx, DF_MSG_COMMITMENT_RQ, c);
}

static uint16_t answered(void *ctx, const struct df_commitment *c)
{
	return ask_queue(ctx, DF_MSG_COMMITMENT_WORD, c);
}

/* It says which: queue may have started again since it gave the report. */
static void settle(struct receive *r, const char *transaction, enum df_err err,
		   uint16_t status)
{
	struct df_msg m;

	df_msg_init(&m, DF_MSG_COMMITMENT_TOLD, 0);
	df_msg_put_str(&m, DF_M_CALLING, r->calling);
	df_msg_put_str(&m, DF_M_TRANSACTION, transaction);
	df_msg_put_result(&m, err, NULL);
	df_msg_put_u64(&m, DF_M_STATUS, status);
	/* a lost queue gives the report again */
	(void)df_room_send(df_room_link(r->room, DF_ROLE_QUEUE, 0), &m, NULL,
			   0);
}

void receive_report_keep(struct receive *r, const struct df_msg *m, int fd)
{
	struct df_why why = {0};

	df_commitment_release(&r->report);
	if (!df_msg_get_str(m, DF_M_TRANSACTION, r->report.transaction,
			    sizeof r->report.transaction))
		df_bug("a report without its transaction");
	if (df_room_list_read(&r->report.refs, fd, &why) != DF_OK) {
		settle(r, r->report.transaction, why.err, 0);
		df_commitment_release(&r->report);
	}
}

static enum df_dimse_pause pause_step(struct receive *r, int fd,
				      int64_t left_ms, bool *again)
{
	bool has_report = r->report.transaction[0] != '\0';
	struct df_why why = {0};
	bool readable = false;
	bool whole = !has_report && left_ms <= REST_MS;
	enum df_err rc;

	*again = false;
	/* a queue that is lost gives the report anew: this one is not said */
	rc = df_room_wait_fd(r->room, DF_ROLE_BIT(QUEUE), fd,
			     whole ? left_ms : REST_MS, &readable, &why);
	if (readable)
		return DF_DIMSE_READ;
	if (rc == DF_E_TIMEOUT) {
		*again = !has_report && !whole && !receive_is_ending(r, true);
		return has_report ? DF_DIMSE_REPORT
		       : whole	  ? DF_DIMSE_SILENT
				  : DF_DIMSE_READ;
	}
	if (rc == DF_OK)
		rc = receive_message(r, 0, &why);
	receive_end_without_queue(rc, &why);
	*again = true;
	return DF_DIMSE_READ;
}

static enum df_dimse_pause pause_over(void *ctx, int fd, int timeout_ms,
				      struct df_commitment *report)
{
	int64_t until = df_clock_mono_ms() + timeout_ms;
	struct receive *r = ctx;
	enum df_dimse_pause over;
	bool again;

	do {
		int64_t left = until - df_clock_mono_ms();

		over = pause_step(r, fd, left > 0 ? left : 0, &again);
	} while (again);
	if (over == DF_DIMSE_REPORT) {
		df_str_fmt(r->reporting, sizeof r->reporting, "%s",
			   r->report.transaction);
		*report = r->report;
		r->report = (struct df_commitment){0};
	}
	return over;
}

static void told(void *ctx, enum df_err err, uint16_t status)
{
	struct receive *r = ctx;

	settle(r, r->reporting, err, status);
}

void receive_commitment(struct receive *r, struct df_commitment_sink *sink)
{
	*sink = (struct df_commitment_sink){r, asked, answered, pause_over,
					    told};
}
