/*
 * message_io.h - DIMSE messages over DCMTK's P-DATA service: command sets in
 * and out, data set bytes out, one PDV at a time in.
 */
#ifndef DF_DICOM_MESSAGE_IO_H
#define DF_DICOM_MESSAGE_IO_H

#include "dcmtk/config/osconfig.h"
#include "dcmtk/dcmnet/assoc.h"

#include "command.h"
#include "transport.h"

/* How an association stands after a read. */
enum flow { FLOW_DATA, FLOW_RELEASE, FLOW_ENDED };

struct channel {
	T_ASC_Association *assoc;
	struct df_wire *wire;
	struct df_buf scratch; /* one command set, either way */
};

/*
 * Progress by amount: whole but tiny PDUs pass every deadline on reading, and
 * must not keep a worker for ever. False: less than pace_bytes in ms.
 */
enum { pace_bytes = 1024 };
struct pace {
	int64_t since; /* 0 = begins now */
	size_t bytes;
};
bool pace_kept(struct pace *p, size_t bytes, int ms);

/* The next PDV, from the PDU in hand or a new one. FLOW_ENDED: *err says how
 * (PEER, TIMEOUT, FORMAT). The bytes are DCMTK's until the next call. */
enum flow pdv_next(struct channel *ch, DUL_PDV *pdv, enum df_err *err,
		   struct df_why *why);

/* Reads one command set, on whatever context. FLOW_DATA means *c is filled;
 * FLOW_ENDED with DF_E_FORMAT means the peer broke the protocol. */
enum flow command_read(struct channel *ch, struct command *c, uint8_t *context,
		       enum df_err *err, struct df_why *why);

/* Appends the data set that follows a command; *err says what ended it. */
enum df_err dataset_collect(struct channel *ch, uint8_t context,
			    struct df_buf *to, struct df_why *why);

/* Writes a command set, then (data != NULL) a data set, on a context. */
enum df_err command_write(struct channel *ch, const struct command *c,
			  uint8_t context, struct df_why *why);
enum df_err dataset_write(struct channel *ch, const void *ptr, size_t len,
			  uint8_t context, struct df_why *why);

#endif
