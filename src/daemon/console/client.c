/*
 * client.c - connections to control.sock: lines in, lines out.
 *
 * A client that is busy is not read. A client that leaves while rooms still
 * work for it stays in memory, without a descriptor, until they answered.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "console.h"
#include "df/file.h"
#include "df/log.h"

static struct {
	struct client *clients;
	unsigned count;
	int listener;
} self = {NULL, 0, -1};

static void on_client(void *ctx, int fd, unsigned events);

static void client_free(struct client *c)
{
	struct client **at = &self.clients;

	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
	self.count--;
	df_buf_release(&c->in);
	df_buf_release(&c->out);
	for (size_t i = 0; i < c->n_fds; i++)
		df_fd_close(&c->fds[i]);
	df_fd_close(&c->out_fd);
	cJSON_Delete(c->args);
	cJSON_Delete(c->result);
	free(c);
}

/* Memory stays until nobody looks at it: client_let_go. */
static void client_gone(struct client *c)
{
	if (c->fd < 0)
		return;
	df_loop_unwatch(df_room_loop(c->room), c->fd);
	df_fd_close(&c->fd);
}

void client_hold(struct client *c)
{
	c->held++;
}

void client_let_go(struct client *c)
{
	c->held--;
	if (c->fd < 0 && c->pending == 0 && c->held == 0)
		client_free(c);
}

/* Sends what waits; true when all is out. A broken client is gone then. */
static bool client_flush(struct client *c)
{
	while (c->out_done < c->out.len) {
		size_t done;
		const bool first = c->out_done == 0 && c->out_fd >= 0;
		const enum df_err rc =
			df_control_write(c->fd, c->out.ptr + c->out_done,
					 c->out.len - c->out_done, &c->out_fd,
					 first ? 1 : 0, &done, NULL);

		if (rc == DF_E_AGAIN) {
			df_loop_modify(df_room_loop(c->room), c->fd,
				       DF_LOOP_WRITE);
			return false;
		}
		if (rc != DF_OK) {
			client_gone(c);
			return false;
		}
		c->out_done += done;
	}
	df_buf_clear(&c->out);
	c->out_done = 0;
	df_fd_close(&c->out_fd);
	df_loop_modify(df_room_loop(c->room), c->fd, DF_LOOP_READ);
	return true;
}

/* Takes `answer`. */
static void client_finish(struct client *c, cJSON *answer)
{
	char *text = cJSON_PrintUnformatted(answer);
	bool ok;

	cJSON_Delete(answer);
	cJSON_Delete(c->args);
	cJSON_Delete(c->result);
	c->args = NULL;
	c->result = NULL;
	c->route = NULL;
	for (size_t i = 0; i < c->n_fds; i++)
		df_fd_close(&c->fds[i]);
	c->n_fds = 0;
	if (c->fd < 0) {
		free(text);
		return; /* it left while rooms worked for it */
	}
	ok = text != NULL &&
	     df_buf_add(&c->out, text, strlen(text), NULL) == DF_OK &&
	     df_buf_add(&c->out, "\n", 1, NULL) == DF_OK;
	free(text);
	if (ok)
		(void)client_flush(
			c); /* what does not fit waits for the loop */
	else
		client_gone(c);
}

void client_answer(struct client *c, cJSON *result, int *fd)
{
	cJSON *answer = cJSON_CreateObject();

	(void)cJSON_AddBoolToObject(answer, "ok", true); /* NULL: no memory */
	(void)cJSON_AddItemToObject(answer, "result",
				    result ? result : cJSON_CreateObject());
	if (fd != NULL && *fd >= 0)
		c->out_fd = df_fd_take(fd);
	client_finish(c, answer);
}

void client_fail(struct client *c, enum df_err err, const struct df_why *why)
{
	cJSON *answer = cJSON_CreateObject();
	const bool text = why != NULL && why->text[0] != '\0';

	(void)cJSON_AddBoolToObject(answer, "ok", false);
	(void)cJSON_AddStringToObject(answer, "error", df_err_name(err));
	(void)cJSON_AddStringToObject(answer, "text",
				      text ? why->text : df_err_text(err));
	client_finish(c, answer);
}

/* What people say goes into records that are never rewritten, and to terminals:
 * UTF-8, each text of one line. The first that is not, or NULL. */
static const cJSON *unclean(const cJSON *args)
{
	const cJSON *i, *bad;

	cJSON_ArrayForEach(i, args)
	{
		const char *s = cJSON_GetStringValue(i);

		if (s != NULL && !df_text_clean(df_text_of(s), NULL))
			return i;
		bad = unclean(i);
		if (bad != NULL)
			return bad;
	}
	return NULL;
}

/* One line: {"verb":"...","args":{...}}. */
static void client_request(struct client *c, const char *line, size_t len)
{
	cJSON *rq = cJSON_ParseWithLength(line, len);
	const char *verb = cJSON_GetStringValue(
		cJSON_GetObjectItemCaseSensitive(rq, "verb"));
	const struct route *route = verb ? route_find(verb) : NULL;
	cJSON *args = cJSON_DetachItemFromObjectCaseSensitive(rq, "args");
	const cJSON *bad = route ? unclean(args) : NULL;
	struct df_why why = {0};
	enum df_err err = DF_OK;

	if (route == NULL)
		err = df_fail(&why, DF_E_USAGE,
			      verb ? "unknown verb" : "not a request");
	else if (bad != NULL)
		err = df_fail(&why, DF_E_USAGE,
			      "%s: it is not UTF-8 text of one line",
			      bad->string != NULL ? bad->string : verb);
	if (err != DF_OK) {
		cJSON_Delete(args);
		client_fail(c, err, &why);
	} else {
		c->route = route;
		c->args = args;
		df_loop_modify(df_room_loop(c->room), c->fd, 0);
		route_start(c);
	}
	cJSON_Delete(rq);
}

static void client_read(struct client *c)
{
	const uint8_t *end;
	size_t len;
	const enum df_err rc =
		df_control_read(c->fd, &c->in, c->fds, &c->n_fds, NULL);

	if (rc == DF_E_AGAIN)
		return;
	if (rc != DF_OK) {
		client_gone(c);
		return;
	}
	end = memchr(c->in.ptr, '\n', c->in.len);
	if (end == NULL)
		return;
	len = (size_t)(end - c->in.ptr);
	if (len + 1 != c->in.len) { /* a second line before our answer */
		client_gone(c);
		return;
	}
	c->in.len = 0; /* the bytes stay while the request is parsed */
	client_request(c, (const char *)c->in.ptr, len);
}

static void on_client(void *ctx, int fd, unsigned events)
{
	struct client *c = ctx;

	(void)fd;
	client_hold(c);
	if (events & DF_LOOP_WRITE)
		(void)client_flush(c); /* a broken one is gone in there */
	else if (c->route != NULL && (events & DF_LOOP_HANGUP))
		client_gone(c);
	else if (c->route == NULL && c->out.len == 0)
		client_read(c);
	else if (events & DF_LOOP_HANGUP)
		client_gone(c);
	client_let_go(c);
}

static void client_new(struct df_room *room, int fd)
{
	struct client *c = df_xcalloc(1, sizeof *c);

	c->room = room;
	c->fd = fd;
	c->out_fd = -1;
	df_buf_init(&c->in, DF_CONTROL_REQUEST_MAX);
	df_buf_init(&c->out, DF_CONTROL_ANSWER_MAX);
	c->next = self.clients;
	self.clients = c;
	self.count++;
	if (df_loop_watch(df_room_loop(room), fd, DF_LOOP_READ, on_client, c) !=
	    DF_OK) {
		df_fd_close(&c->fd);
		client_free(c);
	}
}

static void on_listener(void *ctx, int fd, unsigned events)
{
	struct df_room *room = ctx;
	int got = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	uid_t uid;

	(void)events;
	if (got < 0)
		return; /* gone again, or out of descriptors: level-triggered */
	if (self.count >= CLIENTS_MAX ||
	    df_control_user(got, &uid, NULL) != DF_OK ||
	    (uid != 0 && uid != geteuid())) {
		df_fd_close(&got);
		return;
	}
	client_new(room, got);
}

enum df_err clients_start(struct df_room *room, struct df_why *why)
{
	self.listener = df_room_listener(room, "control");
	if (self.listener < 0)
		return df_fail(why, DF_E_CONFIG, "no control socket was given");
	return df_loop_watch(df_room_loop(room), self.listener, DF_LOOP_READ,
			     on_listener, room);
}
