/*
 * main.c - keys: the only holder of private keys. It reads keys/ at start,
 * computes for the other rooms, and sees no payload and no network.
 */
#include "keys.h"

#include "df/clock.h"
#include "df/digest.h"
#include "df/log.h"
#include "df/proc.h"

static struct keys self;

static const struct df_handler handlers[] = {
	{DF_MSG_ASSOCIATION_KEY_RQ, DF_ROLE_RECEIVE, on_association_key},
	{DF_MSG_UNWRAP_RQ, DF_ROLE_QUEUE, on_unwrap},
	{DF_MSG_SEAL_RQ, DF_ROLE_QUEUE, on_seal},
	{DF_MSG_OPEN_RQ, DF_ROLE_QUEUE, on_open},
	{DF_MSG_REWRAP_RQ, DF_ROLE_QUEUE, on_rewrap},
	{DF_MSG_SIGN_RQ, DF_ROLE_QUEUE, on_sign},
	{DF_MSG_CHECK_RQ, DF_ROLE_QUEUE, on_check},
	{DF_MSG_ANCHORS_RQ, DF_ROLE_QUEUE, on_anchors},
	{DF_MSG_TLS_IDENTITY_RQ, DF_ROLE_FRONT, on_tls_identity},
	{DF_MSG_TLS_IDENTITY_RQ, DF_ROLE_QUEUE, on_tls_identity},
	{DF_MSG_TLS_IDENTITY_RQ, DF_ROLE_DELIVER_HTTPS, on_tls_identity},
	{DF_MSG_TLS_SIGN_RQ, DF_ROLE_FRONT, on_tls_sign},
	{DF_MSG_TLS_SIGN_RQ, DF_ROLE_DELIVER_HTTPS, on_tls_sign},
	{DF_MSG_PEER_CHECK_RQ, DF_ROLE_GATEWAY, on_peer_check},
	{DF_MSG_ENROL_RQ, DF_ROLE_GATEWAY, on_enrol},
	{DF_MSG_INDEX_KEY_RQ, DF_ROLE_INDEX, on_index_key},
	{DF_MSG_QUERY, DF_ROLE_CONSOLE, on_query},
};

static enum df_err start(struct df_room *room, struct df_why *why)
{
	enum df_err rc = df_proc_confine(why);

	df_room_set_ctx(room, &self);
	if (rc == DF_OK)
		rc = ring_load(&self, why);
	if (rc != DF_OK)
		return rc;
	df_log(DF_LOG_INFO, "keys.loaded", DF_F_WORD("node", self.fp.s),
	       DF_F_NUM("peers", self.n_peers));
	if (df_cert_not_after_ms(self.node_crt) < df_clock_wall_ms())
		df_log(DF_LOG_ERROR, "keys.certificate_expired",
		       DF_F_WORD("node", self.fp.s));
	return DF_OK;
}

static void end(struct df_room *room)
{
	struct keys *k = keys_of(room);

	df_log(DF_LOG_INFO, "keys.used",
	       DF_F_NUM("association", k->uses[USE_ASSOCIATION]),
	       DF_F_NUM("unwrap", k->uses[USE_UNWRAP]),
	       DF_F_NUM("seal", k->uses[USE_SEAL]),
	       DF_F_NUM("open", k->uses[USE_OPEN]),
	       DF_F_NUM("sign", k->uses[USE_SIGN]),
	       DF_F_NUM("check", k->uses[USE_CHECK]),
	       DF_F_NUM("tls", k->uses[USE_TLS]),
	       DF_F_NUM("enrol", k->uses[USE_ENROL]),
	       DF_F_NUM("rewrap", k->uses[USE_REWRAP]));
	ring_release(k);
}

static const struct df_room_spec spec = {
	.role = DF_ROLE_KEYS,
	.handlers = handlers,
	.n_handlers = sizeof handlers / sizeof handlers[0],
	.start = start,
	.end = end,
};

int main(int argc, char **argv)
{
	return df_room_main(argc, argv, &spec);
}
