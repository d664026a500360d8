/* stow.h - private to the room: a DICOMweb server of the configuration. */
#ifndef DF_DELIVER_STOW_H
#define DF_DELIVER_STOW_H

#include "df/config.h"
#include "df/http_client.h"

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

#endif
