/* stow.h - private to the room: a DICOMweb server of the configuration. */
#ifndef DF_DELIVER_STOW_H
#define DF_DELIVER_STOW_H

#include "df/config.h"
#include "df/http_client.h"
#include "df/room.h"

struct stow_target {
	char url[DF_URL_LEN + 16]; /* <base>/studies */
	struct df_buf ca;	   /* terminated; empty = the system's */
	struct df_http_tls tls;
	const struct df_caps *caps; /* of the configuration */
};

/* DF_E_UNSUPPORTED when the destination is no DICOMweb server; else what
 * reading its CA file says. Release in any case. */
DF_MUST_CHECK enum df_err stow_target_init(struct stow_target *t,
					   const struct df_destination *d,
					   struct df_why *why);
void stow_target_release(struct stow_target *t);

struct stow_job;
/* What requests have shown of a server; one a destination, for good. */
struct stow_server {
	uint64_t bytes_per_s; /* of one request; 0 = not known */
	bool incapable;	      /* it refused what was compressed */
	bool bit_for_bit;     /* we are a centre */
	bool probed;	      /* one request has come to its end */
	struct stow_job *prober; /* whose first request that is */
	struct stow_job *parked; /* those who wait for what it shows */
};
struct stow_server *stow_server_of(struct df_room *room,
				   const struct df_destination *d);
/* A request was answered. */
void stow_server_measure(struct stow_server *s, const struct df_http_result *r);
/* Bytes that one request is to have: about a second of the line. */
uint64_t stow_server_batch(const struct stow_server *s);
/* The transfer syntax that makes fewer bytes of native pixels; NULL: they go as
 * they came. */
const char *stow_server_syntax(const struct stow_server *s,
			       const struct df_destination *to);

#endif
