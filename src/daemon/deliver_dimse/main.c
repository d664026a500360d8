/*
 * deliver_dimse - C-STORE SCU for one PACS, which it also asks what it commits
 * to; one more process gives modalities our reports of storage commitment.
 *
 * It gets lists of instances from queue, asks for each one's bytes when the
 * wire is ready for them, and says what became of each. It can open no path;
 * what it sends lies in sealed memory lent by queue. One process an
 * association, several to a PACS, so that a stalled one holds up nobody else.
 */
#include "deliver.h"

#include "df/clock.h"
#include "df/file.h"
#include "df/log.h"
#include "df/proc.h"

/* How long an association is kept for the next job. One of several goes
 * sooner: a PACS may have few places. */
#define IDLE_MS 5000
#define IDLE_OTHERS_MS 2000

const struct df_destination *
job_destination(struct deliver *d, const struct df_msg *m, struct df_why *why)
{
	const struct df_destination *to;
	struct df_text name;

	if (!df_msg_get(m, DF_M_DESTINATION, &name))
		df_bug("a job without a destination");
	to = df_config_destination(df_room_config(d->room), name);
	if (to == NULL || to->dicom.host[0] == 0) {
		(void)df_fail(why, DF_E_CONFIG,
			      "no such DICOM destination in the configuration");
		return NULL;
	}
	return to;
}

void job_done(struct deliver *d, uint32_t tag, enum df_err err,
	      const struct df_why *why, int *fd)
{
	struct df_msg m;

	df_msg_init(&m, DF_MSG_JOB_DONE, tag);
	df_msg_put_result(&m, err, why);
	/* a lost queue shows at the next wait */
	(void)df_room_send(deliver_queue(d), &m, fd, fd != NULL ? 1 : 0);
}

/* How long an idle association is kept: a report may still come over it. */
static int64_t idle_ms(const struct deliver *d)
{
	int64_t hears_ms = d->hears_until_ms - df_clock_mono_ms();
	bool first = df_room_number(d->room) <=
		     df_room_config(d->room)->n_destinations;
	int64_t kept_ms = first ? IDLE_MS : IDLE_OTHERS_MS;

	return hears_ms > kept_ms ? hears_ms : kept_ms;
}

static enum df_err run(struct deliver *d, const struct df_msg *m, int list,
		       struct df_why *why)
{
	if (m->type == DF_MSG_SEND)
		return send_run(d, m, why);
	if (m->type == DF_MSG_TEST)
		return test_run(d, m, why);
	if (m->type == DF_MSG_COMMITMENT_ASK)
		ask_run(d, m, list);
	else if (m->type == DF_MSG_COMMITMENT_REPORT)
		report_run(d, m, list);
	else if (m->type != DF_MSG_DRAIN)
		df_bug("unexpected message %s", df_msg_name(m->type));
	return DF_OK;
}

static enum df_err step(struct deliver *d, struct df_why *why)
{
	struct df_msg m = {0};
	enum df_err rc;
	int fd = -1;

	rc = deliver_wait(d, d->open != NULL ? idle_ms(d) : -1, why);
	if (rc == DF_E_TIMEOUT)
		association_end(d, false);
	association_hear(d);
	if (rc == DF_OK)
		rc = deliver_next(d, 0, &m, &fd, why);
	if (rc == DF_E_TIMEOUT)
		return DF_OK;
	if (rc != DF_OK)
		return rc;
	rc = run(d, &m, fd, why);
	df_fd_close(&fd);
	df_msg_release(&m);
	return rc;
}

int main(int argc, char **argv)
{
	static struct deliver d;
	static const struct df_room_spec spec = {.role = DF_ROLE_DELIVER_DIMSE,
						 .exit_without =
							 DF_ROLE_BIT(QUEUE)};
	struct df_why why = {0};
	enum df_err rc;

	rc = df_proc_confine(&why);
	if (rc == DF_OK)
		rc = df_room_open(&d.room, argc, argv, &spec,
				  DF_ROLE_BIT(QUEUE), &why);
	while (rc == DF_OK && !df_room_draining(d.room))
		rc = step(&d, &why);
	association_end(&d, false);
	while (d.n_waiting > 0) {
		df_msg_release(&d.waiting[--d.n_waiting]);
		df_fd_close(&d.waiting_fds[d.n_waiting]);
	}
	if (rc != DF_OK)
		df_log(DF_LOG_DEBUG, "deliver.end", DF_F_ERR(&why));
	if (d.room != NULL)
		df_room_close(d.room);
	return rc == DF_OK ? 0 : 1;
}
