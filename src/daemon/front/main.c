/*
 * main.c - df-front: every inbound connection begins here.
 *
 * One policy for caps and deadlines at all doors. DICOM sockets go to a
 * worker with their association request unread; TLS ends here, and its plain
 * bytes go to gateway.
 */
#include "front.h"

#include <openssl/ssl.h>

#include "df/file.h"

static struct front self;

static void listeners_take(struct front *f, const char *kind_name,
			   enum conn_kind kind)
{
	struct listener *l;
	int fd;

	while (f->n_listeners < FRONT_LISTENERS) {
		fd = df_room_listener(f->room, kind_name);
		if (fd < 0)
			return;
		l = &f->listeners[f->n_listeners++];
		*l = (struct listener){.kind = kind, .fd = fd, .f = f};
	}
}

static bool has_tls(const struct front *f)
{
	size_t i;

	for (i = 0; i < f->n_listeners; i++)
		if (f->listeners[i].kind == CONN_TLS)
			return true;
	return false;
}

static enum df_err start(struct df_room *room, struct df_why *why)
{
	(void)why; /* nothing here can fail */
	self.room = room;
	df_room_set_ctx(room, &self);
	listeners_take(&self, "dicom", CONN_DICOM);
	listeners_take(&self, "https", CONN_TLS);
	listeners_watch(&self);
	if (!has_tls(&self))
		df_room_ready(room); /* else when keys has told who we are */
	return DF_OK;
}

static void link_up(struct df_room *room, struct df_link *link)
{
	struct front *f = df_room_ctx(room);

	if (link->role == DF_ROLE_KEYS && has_tls(f))
		tls_identity_ask(f);
}

/* New connections are refused; those to gateway end with it. */
static void drain(struct df_room *room)
{
	listeners_close(df_room_ctx(room));
	df_room_stop(room);
}

static void end(struct df_room *room)
{
	struct front *f = df_room_ctx(room);

	listeners_close(f);
	while (f->conns != NULL)
		conn_end(f->conns);
	SSL_CTX_free(f->ssl_ctx);
}

int main(int argc, char **argv)
{
	static const struct df_handler HANDLERS[] = {
		{DF_MSG_WORKER_GONE, DF_ROLE_SUPERVISE, worker_gone},
	};
	static const struct df_room_spec SPEC = {
		.role = DF_ROLE_FRONT,
		.handlers = HANDLERS,
		.n_handlers = sizeof HANDLERS / sizeof HANDLERS[0],
		.start = start,
		.link_up = link_up,
		.drain = drain,
		.end = end,
		.says_ready = true,
	};

	return df_room_main(argc, argv, &SPEC);
}
