/*
 * receive - one DICOM association, then the process ends.
 *
 * Started ahead of time: it has its data key and waits for a socket. It reads
 * that socket, seals what comes under the key into files lent by queue, and
 * can open neither paths nor sockets of its own. A crash costs one
 * association, none of whose acknowledged instances.
 */
#include "receive.h"

#include <string.h>

#include "df/clock.h"
#include "df/file.h"
#include "df/log.h"
#include "df/proc.h"

#define GRACE_MS 10000 /* for an association when the node ends */

static void tell_queue(struct receive *r)
{
	struct df_msg m;

	df_msg_init(&m, DF_MSG_ASSOCIATION_OPEN, 0);
	df_msg_put_id(&m, DF_M_ASSOCIATION, &r->association);
	df_msg_put_str(&m, DF_M_CALLING, r->calling);
	df_msg_put_str(&m, DF_M_CALLED, r->called);
	df_msg_put_str(&m, DF_M_ADDRESS, r->address);
	/* a queue that is gone shows at the first staging file */
	(void)df_room_send(df_room_link(r->room, DF_ROLE_QUEUE, 0), &m, NULL,
			   0);
}

static enum df_dimse_verdict verdict_of(struct receive *r,
					const struct df_dimse_peer *peer)
{
	struct df_why why = {0};
	enum df_err rc;

	switch (df_config_admit(
		df_room_config(r->room), df_text_of(peer->called),
		df_text_of(peer->calling), df_text_of(r->address))) {
	case DF_ADMIT_CALLED_UNKNOWN:
		return DF_DIMSE_REJECT_CALLED;
	case DF_ADMIT_CALLING_UNKNOWN:
		return DF_DIMSE_REJECT_CALLING;
	case DF_ADMIT_REPORTS:
		return DF_DIMSE_ACCEPT_REPORTS;
	case DF_ADMIT_OK:
		break;
	}
	tell_queue(r);
	rc = receive_stage(r, &why);
	if (rc != DF_OK)
		df_log(DF_LOG_WARN, "association.no_room", DF_F_ERR(&why));
	/* on a full disk each image is answered with A700, an echo is not */
	return rc == DF_E_PEER || rc == DF_E_TIMEOUT
		       ? DF_DIMSE_REJECT_BUSY
		       : DF_DIMSE_ACCEPT;
}

static enum df_dimse_verdict admit(void *ctx, const struct df_dimse_peer *peer)
{
	static const char *const words[] = {"accepted", "accepted to report",
					    "called AE unknown",
					    "calling AE or address unknown",
					    "no room"};
	struct receive *r = ctx;
	enum df_dimse_verdict verdict;

	df_str_fmt(r->calling, sizeof r->calling, "%s", peer->calling);
	df_str_fmt(r->called, sizeof r->called, "%s", peer->called);
	verdict = verdict_of(r, peer);
	df_log(verdict <= DF_DIMSE_ACCEPT_REPORTS ? DF_LOG_INFO : DF_LOG_WARN,
	       "association.request", DF_F_WORD("verdict", words[verdict]),
	       DF_F_ID(&r->association), DF_F_AE("calling", r->calling),
	       DF_F_AE("called", r->called), DF_F_ADDR(r->address));
	return verdict;
}

/* Waits for the socket; -1 when we are told to end before. */
static enum df_err take_socket(struct receive *r, int *fd, struct df_why *why)
{
	int fds[DF_CHANNEL_FDS];
	struct df_link *from;
	size_t n_fds = 0, i;
	struct df_msg m;
	enum df_err rc;

	*fd = -1;
	rc = df_room_wait(r->room, DF_ROLE_BIT(SUPERVISE), -1, &from, &m, fds,
			  &n_fds, why);
	if (rc != DF_OK || m.type == DF_MSG_DRAIN)
		return rc;
	if (m.type != DF_MSG_ASSOCIATION || n_fds != 1 ||
	    !df_msg_get_str(&m, DF_M_ADDRESS, r->address, sizeof r->address))
		df_bug("unexpected message %s", df_msg_name(m.type));
	*fd = df_fd_take(&fds[0]);
	for (i = 0; i < n_fds; i++)
		df_fd_close(&fds[i]);
	return DF_OK;
}

/*
 * Between two images: does the node end? A modality that is at it has a while
 * to come to its own end; one that is silent is told at once.
 */
bool receive_is_ending(struct receive *r, bool silent)
{
	int fds[DF_CHANNEL_FDS];
	struct df_link *from;
	size_t n_fds = 0;
	struct df_msg m;
	enum df_err rc = DF_OK;
	char purpose[8];

	while (rc == DF_OK) {
		rc = df_room_wait(r->room, DF_ROLE_BIT(SUPERVISE), 0, &from, &m,
				  fds, &n_fds, NULL);
		if (rc == DF_OK && m.type == DF_MSG_DRAIN &&
		    df_msg_get_str(&m, DF_M_PURPOSE, purpose, sizeof purpose))
			r->ends_ms = df_clock_mono_ms() + GRACE_MS;
		for (size_t i = 0; rc == DF_OK && i < n_fds; i++)
			df_fd_close(&fds[i]);
	}
	if (rc != DF_E_TIMEOUT)
		return true; /* supervise is gone */
	return r->ends_ms != 0 &&
	       (silent || df_clock_mono_ms() >= r->ends_ms);
}

static bool is_ending(void *ctx, bool silent)
{
	return receive_is_ending(ctx, silent);
}

static enum df_err serve(struct receive *r, int fd, struct df_why *why)
{
	const struct df_config *cfg = df_room_config(r->room);
	int timeout_ms = (int)(cfg->receive.timeout_s * 1000);
	struct df_commitment_sink commitment;
	struct df_worklist_sink worklist;
	struct df_dimse_scp scp = {.idle_ms = timeout_ms,
				   .progress_ms = timeout_ms,
				   .unknown_classes =
					   cfg->receive.unknown_sop_classes,
				   .commitment = &commitment,
				   .worklist = cfg->worklist.offer ? &worklist
								   : NULL,
				   .ctx = r,
				   .admit = admit,
				   .ending = is_ending};
	struct df_store_sink sink;
	enum df_err rc;

	df_id_new(&r->association);
	receive_sink(r, &sink);
	receive_commitment(r, &commitment);
	receive_worklist(r, &worklist);
	rc = df_dimse_serve(fd, &scp, &sink, why);
	df_log(rc == DF_OK ? DF_LOG_INFO : DF_LOG_WARN, "association.end",
	       DF_F_ID(&r->association), DF_F_NUM("stored", r->stored),
	       DF_F_NUM("refused", r->refused),
	       DF_F_WORD("result", df_err_name(rc)),
	       DF_F_WORD("why", rc == DF_OK ? "released" : why->text));
	return rc;
}

int main(int argc, char **argv)
{
	static struct receive r;
	static const struct df_room_spec spec = {.role = DF_ROLE_RECEIVE};
	struct df_why why = {0};
	enum df_err rc;
	int fd = -1;

	r.file.fd = r.ready.fd = -1;
	df_proc_keep_memory();
	rc = df_proc_confine(&why);
	if (rc == DF_OK)
		rc = df_room_open(&r.room, argc, argv, &spec,
				  DF_ROLE_BIT(QUEUE) | DF_ROLE_BIT(KEYS), &why);
	if (rc == DF_OK)
		rc = receive_key(&r, &why);
	if (rc == DF_OK)
		rc = take_socket(&r, &fd, &why);
	if (rc != DF_OK)
		df_log(DF_LOG_DEBUG, "receive.end", DF_F_ERR(&why));
	else if (fd >= 0) /* its result is logged, and is no fault of ours */
		(void)serve(&r, fd, &why);
	receive_release(&r);
	if (r.room != NULL)
		df_room_close(r.room);
	return rc == DF_OK || rc == DF_E_CANCELLED ? 0 : 1;
}
