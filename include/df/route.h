/*
 * route.h - where things go. Pure.
 */
#ifndef DF_ROUTE_H
#define DF_ROUTE_H

#include "df/config.h"

#ifdef __cplusplus
extern "C" {
#endif

/* An instance goes to every PACS but the one that brought it (by AE title). */
bool df_route_destination(const struct df_destination *d,
			  const char *calling_ae);
/* Own studies go to every peer that we dial; a peer's studies go to none. */
bool df_route_peers(const struct df_config *cfg, const char *origin_peer);
/* Is an instance of this SOP class a report (SR document, encapsulated PDF)? */
bool df_route_is_report(const char *sop_class);

#ifdef __cplusplus
}
#endif
#endif
