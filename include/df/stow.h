/*
 * stow.h - what a DICOMweb server says to a STOW-RS request (PS3.18 10.5):
 * the DICOM JSON of its response, read for the outcome of each instance.
 */
#ifndef DF_STOW_H
#define DF_STOW_H

#include "df/str.h"

#ifdef __cplusplus
extern "C" {
#endif

#define DF_STOW_JSON_MAX (1u << 20)
#define DF_STOW_ITEMS_MAX 256u

struct df_stow_item {
	char sop_instance[65];
	bool stored;
	/* (0008,1197) FailureReason, or (0008,1196) WarningReason of one that
	 * was stored; 0 = none given */
	uint16_t reason;
};

/* Fills at most DF_STOW_ITEMS_MAX places. DF_E_FORMAT when it is not DICOM
 * JSON of that kind; then nothing is known about any instance. */
DF_MUST_CHECK enum df_err
df_stow_decode(struct df_text json,
	       struct df_stow_item items[DF_STOW_ITEMS_MAX], size_t *n,
	       struct df_why *why);

/* The reason, or the remark, that the answer gives for an instance. */
uint16_t df_stow_reason(const struct df_stow_item *items, size_t n,
			const char *sop_instance);

/*
 * What became of one instance of a request that was answered with `status`
 * and these items: DF_OK only when the server says so. DF_E_REFUSED
 * concerns this instance, DF_E_AGAIN too but may pass, DF_E_PEER and
 * DF_E_NOSPACE the server.
 */
enum df_err df_stow_outcome(int status, const struct df_stow_item *items,
			    size_t n, const char *sop_instance,
			    struct df_why *why);

#ifdef __cplusplus
}
#endif
#endif
