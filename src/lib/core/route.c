/* route.c - see df/route.h. */
#include "df/route.h"

#include <string.h>

/* AE titles compare without their padding spaces. */
bool df_route_destination(const struct df_destination *d,
			  const char *calling_ae)
{
	if (d->ae[0] == '\0')
		return true;
	return !df_text_same(df_text_trim(df_text_of(d->ae)),
			     df_text_trim(df_text_of(calling_ae)));
}

bool df_route_peers(const struct df_config *cfg, const char *origin_peer)
{
	return cfg->n_peers > 0 && origin_peer[0] == '\0';
}

bool df_route_is_report(const char *sop_class)
{
	/* PS3.4 B.5: documents that a physician writes, not dose reports or
	 * measurements by a machine (.67, .88.40, .88.50 and so on) */
	static const char *const reports[] = {
		"1.2.840.10008.5.1.4.1.1.88.11", /* Basic Text SR */
		"1.2.840.10008.5.1.4.1.1.88.22", /* Enhanced SR */
		"1.2.840.10008.5.1.4.1.1.88.33", /* Comprehensive SR */
		"1.2.840.10008.5.1.4.1.1.88.34", /* Comprehensive 3D SR */
		"1.2.840.10008.5.1.4.1.1.104.1", /* Encapsulated PDF */
	};

	for (size_t i = 0; i < sizeof reports / sizeof reports[0]; i++)
		if (strcmp(sop_class, reports[i]) == 0)
			return true;
	return false;
}
