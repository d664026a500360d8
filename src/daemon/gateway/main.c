/*
 * main.c - gateway: the HTTP parser that faces enrolled peers. It is handed
 * connections whose TLS front has ended, and translates between HTTP and
 * messages to queue and keys. It holds no key, opens no path and writes only
 * into descriptors that queue gave it.
 */
#include "df/clock.h"
#include "df/file.h"
#include "df/log.h"
#include "gateway.h"

static struct gateway self;

static void arm(struct df_room *room);

static void due(void *ctx)
{
	self.timer = 0;
	df_http_server_turn(self.server);
	arm(ctx);
}

static void readable(void *ctx, int fd, unsigned events)
{
	(void)ctx;
	(void)fd;
	(void)events;
	df_http_server_turn(self.server);
}

/* What callbacks answered goes out before we wait again. */
static void arm(struct df_room *room)
{
	int64_t ms = df_http_server_timeout_ms(self.server);

	df_loop_cancel(df_room_loop(room), self.timer);
	self.timer = 0;
	if (ms >= 0)
		self.timer = df_loop_timer(df_room_loop(room),
					   df_clock_mono_ms() + ms, due, room);
}

static enum df_err start(struct df_room *room, struct df_why *why)
{
	struct df_http_service service = gateway_service;

	(void)why; /* nothing here fails but by dying */
	service.ctx = room;
	self.server = df_http_server_new(&service);
	return df_loop_watch(df_room_loop(room), df_http_server_fd(self.server),
			     DF_LOOP_READ, readable, room);
}

static void turn(struct df_room *room)
{
	arm(room);
}

static void end(struct df_room *room)
{
	df_loop_cancel(df_room_loop(room), self.timer);
	df_loop_unwatch(df_room_loop(room), df_http_server_fd(self.server));
	df_http_server_free(self.server);
}

static void take_connection(struct df_room *room, struct df_link *from,
			    const struct df_msg *m, int *fds, size_t n_fds)
{
	struct df_http_peer peer = {0};
	struct df_why why = {0};

	(void)room;
	(void)from;
	if (n_fds != 1)
		df_bug("connection without descriptor");
	/* both may be absent: "" then */
	(void)df_msg_get_str(m, DF_M_PEER, peer.fingerprint,
			     sizeof peer.fingerprint);
	(void)df_msg_get_str(m, DF_M_ADDRESS, peer.address,
			     sizeof peer.address);
	if (df_http_server_add(self.server, df_fd_take(&fds[0]), &peer, &why) !=
	    DF_OK)
		df_log(DF_LOG_WARN, "connection.refused",
		       DF_F_ADDR(peer.address), DF_F_ERR(&why));
}

int main(int argc, char **argv)
{
	static const struct df_handler HANDLERS[] = {
		{DF_MSG_CONNECTION, DF_ROLE_FRONT, take_connection},
	};
	static const struct df_room_spec SPEC = {
		.role = DF_ROLE_GATEWAY,
		.handlers = HANDLERS,
		.n_handlers = sizeof HANDLERS / sizeof HANDLERS[0],
		.start = start,
		.turn = turn,
		.end = end,
		.exit_without = DF_ROLE_BIT(QUEUE),
	};

	return df_room_main(argc, argv, &SPEC);
}
