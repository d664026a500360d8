/*
 * main.c - gateway: the HTTP parser that faces enrolled peers. It is handed
 * connections whose TLS front has ended, and translates between HTTP and
 * messages to queue and keys. It holds no key, opens no path and writes only
 * into descriptors that queue gave it.
 */
#include "df/file.h"
#include "df/log.h"
#include "gateway.h"

static struct gateway self;

static int64_t wait_ms(void *server)
{
	return df_http_server_timeout_ms(server);
}

static void serve(void *server)
{
	df_http_server_turn(server);
}

static enum df_err start(struct df_room *room, struct df_why *why)
{
	const struct df_config *cfg = df_room_config(room);
	struct df_http_service service = gateway_service;

	(void)why; /* nothing here fails but by dying */
	df_room_set_ctx(room, &self);
	df_limit_init(&self.requests, 60 * cfg->receive.peer_requests,
		      2 * cfg->receive.peer_requests);
	df_limit_init(&self.questions, cfg->region.questions,
		      (cfg->region.questions + 2) / 3);
	/* one fetch at a time asks once a second while it waits for a file */
	df_limit_init(&self.fetches, 120, 60);
	service.ctx = room;
	service.connections_max =
		(unsigned)cfg->receive.max_connections;
	self.server = df_http_server_new(&service);
	self.engine = (struct df_engine){
		.ctx = self.server, .timeout_ms = wait_ms, .turn = serve};
	return df_engine_start(&self.engine, df_room_loop(room),
			       df_http_server_fd(self.server));
}

static void turn(struct df_room *room)
{
	(void)room;
	df_engine_arm(&self.engine);
}

static void end(struct df_room *room)
{
	(void)room;
	df_engine_stop(&self.engine);
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
