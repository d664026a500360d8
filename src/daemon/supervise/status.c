/* status.c - what console asks: how are the rooms; take the new text. */
#include "supervise.h"

#include "df/file.h"
#include "df/log.h"

#define STATUS_MAX (256u * 1024u)

static const char *const STATE[] = {
	[CELL_WAITING] = "waiting",
	[CELL_STARTING] = "starting",
	[CELL_READY] = "ready",
	[CELL_STOPPING] = "stopping",
};

/* Only names, numbers and addresses of ours: nothing needs escaping. */
static enum df_err doors_put(const struct supervise *s, struct df_buf *to,
			     struct df_why *why)
{
	const char *sep = "";
	enum df_err err;
	size_t i;

	err = df_buf_addf(to, why, ",\"listen\":[");
	for (i = 0; i < s->n_doors && err == DF_OK; i++) {
		if (s->doors[i].address[0] == '\0')
			continue;
		err = df_buf_addf(to, why,
				  "%s{\"kind\":\"%s\",\"address\":\"%s\"}", sep,
				  s->doors[i].kind, s->doors[i].address);
		sep = ",";
	}
	return err != DF_OK ? err : df_buf_addf(to, why, "]");
}

static enum df_err status_put(const struct supervise *s, struct df_buf *to,
			      struct df_why *why)
{
	const char *sep = "";
	const struct cell *c;
	enum df_err err;

	err = df_buf_addf(to, why, "{\"ready\":%s,\"rooms\":[",
			  cells_ready(s) ? "true" : "false");
	for (c = s->cells; c != NULL && err == DF_OK; c = c->next) {
		if (c->role == DF_ROLE_RECEIVE && !c->busy)
			continue;
		err = df_buf_addf(
			to, why,
			"%s{\"room\":\"%s\",\"number\":%u,\"pid\":%ld,"
			"\"state\":\"%s\",\"restarts\":%llu}",
			sep, df_role_name(c->role), c->number, (long)c->pid,
			STATE[c->state], (unsigned long long)c->restarts);
		sep = ",";
	}
	if (err == DF_OK)
		err = df_buf_addf(to, why, "],\"associations\":%u", s->busy);
	if (err == DF_OK)
		err = doors_put(s, to, why);
	return err != DF_OK ? err : df_buf_addf(to, why, "}");
}

static enum df_err status_file(const struct supervise *s, int *fd,
			       struct df_why *why)
{
	struct df_buf text;
	enum df_err err;

	df_buf_init(&text, STATUS_MAX);
	err = status_put(s, &text, why);
	if (err == DF_OK)
		err = df_memfd_new(fd, "status", why);
	if (err == DF_OK)
		err = df_write_all(*fd, text.ptr, text.len, why);
	if (err == DF_OK)
		err = df_memfd_seal(*fd, why);
	df_buf_release(&text);
	return err;
}

void query(struct df_room *room, struct df_link *from, const struct df_msg *m,
	   int *fds, size_t n_fds)
{
	struct supervise *s = df_room_ctx(room);
	struct df_text verb = {0};
	struct df_why why = {0};
	struct df_msg answer;
	enum df_err err;
	int fd = -1;

	(void)fds; /* none of its verbs has any */
	(void)n_fds;
	(void)df_msg_get(m, DF_M_VERB, &verb); /* absent: unknown, below */
	if (df_text_eq(verb, "status"))
		err = status_file(s, &fd, &why);
	else if (df_text_eq(verb, "reload"))
		err = reload(s, &why);
	else
		err = df_fail(&why, DF_E_UNSUPPORTED, "unknown question");
	if (err != DF_OK)
		df_log(DF_LOG_WARN, "query.failed", DF_F_ERR(&why));
	df_msg_init(&answer, DF_MSG_ANSWER, m->tag);
	df_msg_put_result(&answer, err, &why);
	df_room_send(from, &answer, &fd, fd < 0 ? 0 : 1);
	df_fd_close(&fd);
	change_step(s); /* after the answer: it may restart who asked */
}
