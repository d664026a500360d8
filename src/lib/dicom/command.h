/*
 * command.h - DIMSE command sets (PS3.7 6.3 and annex E): the few that we
 * speak, as a pure encoder and decoder without DCMTK's dictionary.
 */
#ifndef DF_DICOM_COMMAND_H
#define DF_DICOM_COMMAND_H

#include "df/buf.h"
#include "df/dimse.h"

#ifdef __cplusplus
extern "C" {
#endif

#define COMMAND_MAX 16384 /* bytes; larger command sets are refused */

enum command_field {
	COMMAND_C_STORE_RQ = 0x0001,
	COMMAND_C_STORE_RSP = 0x8001,
	COMMAND_C_FIND_RQ = 0x0020,
	COMMAND_C_FIND_RSP = 0x8020,
	COMMAND_C_ECHO_RQ = 0x0030,
	COMMAND_C_ECHO_RSP = 0x8030,
	COMMAND_C_CANCEL_RQ = 0x0fff,
	COMMAND_N_EVENT_REPORT_RQ = 0x0100,
	COMMAND_N_EVENT_REPORT_RSP = 0x8100,
	COMMAND_N_ACTION_RQ = 0x0130,
	COMMAND_N_ACTION_RSP = 0x8130,
};
#define COMMAND_NO_DATASET 0x0101

struct command {
	uint16_t field;
	uint16_t message_id;   /* of a request; of a response: responded to */
	uint16_t dataset_type; /* 0x0101 = no data set follows */
	uint16_t status;
	uint16_t type; /* of the event or action; 0 = none */
	char sop_class[DF_UID_CAP];    /* affected or requested */
	char sop_instance[DF_UID_CAP]; /* "" when absent or invalid */
	char move_originator[DF_AE_CAP];
	char comment[65];
};

/* Implicit VR little endian, group 0000. DF_E_FORMAT when the structure or a
 * length is wrong or the command field is missing; elements that we do not
 * know are skipped. */
DF_MUST_CHECK enum df_err command_decode(struct command *c, const uint8_t *ptr,
					 size_t len, struct df_why *why);
/* Writes a request or response of the fields that its kind has; out is
 * cleared first. */
DF_MUST_CHECK enum df_err
command_encode(struct df_buf *out, const struct command *c, struct df_why *why);

#ifdef __cplusplus
}
#endif
#endif
