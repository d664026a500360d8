/*
 * deliver_dimse - C-STORE SCU for one PACS.
 *
 * It gets lists of instances from queue, asks for each one's bytes when the
 * wire is ready for them, and says what became of each. It can open no path;
 * what it sends lies in sealed memory lent by queue. One process a
 * destination, so that a stalled PACS holds up nobody else.
 */
#include "deliver.h"

#include "df/file.h"
#include "df/log.h"
#include "df/proc.h"

#define IDLE_MS 5000 /* how long an association is kept for the next job */

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

static enum df_err step(struct deliver *d, struct df_why *why)
{
	struct df_msg m = {0};
	enum df_err rc;

	rc = deliver_next(d, d->open != NULL ? IDLE_MS : -1, &m, why);
	if (rc == DF_E_TIMEOUT) {
		association_end(d, false);
		return DF_OK;
	}
	if (rc != DF_OK)
		return rc;
	if (m.type == DF_MSG_SEND)
		rc = send_run(d, &m, why);
	else if (m.type == DF_MSG_TEST)
		rc = test_run(d, &m, why);
	else if (m.type != DF_MSG_DRAIN)
		df_bug("unexpected message %s", df_msg_name(m.type));
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
	while (d.n_waiting > 0)
		df_msg_release(&d.waiting[--d.n_waiting]);
	if (rc != DF_OK)
		df_log(DF_LOG_DEBUG, "deliver.end", DF_F_ERR(&why));
	if (d.room != NULL)
		df_room_close(d.room);
	return rc == DF_OK ? 0 : 1;
}
