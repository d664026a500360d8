/*
 * scu.h - an association that we opened: what its services share.
 */
#ifndef DF_DICOM_SCU_H
#define DF_DICOM_SCU_H

#include "message_io.h"

struct proposed {
	char sop_class[DF_UID_CAP];
	char transfer_syntax[DF_UID_CAP];
	uint8_t id; /* 0 = not accepted */
};

struct df_dimse {
	struct channel ch;
	struct df_wire wire;
	df_layer layer;
	T_ASC_Network *net;
	struct proposed *contexts;
	size_t n;
	uint16_t next_id;
	bool open;
	df_dimse_heard_fn *heard; /* NULL: reports are refused */
	void *heard_ctx;

	df_dimse()
	    : ch(), wire(), layer(&wire), net(nullptr), contexts(nullptr), n(0),
	      next_id(1), open(false), heard(nullptr), heard_ctx(nullptr)
	{
	}
};

/*
 * How long what a peer has to say may take in all, as a multiple of progress:
 * each of its messages can be in time and there be no end of them.
 */
enum { patience = 4 };

/* The accepted context, or NULL. */
const struct proposed *scu_context(const struct df_dimse *d,
				   const char *sop_class,
				   const char *transfer_syntax);
/* Sends a request and waits for the response that answers it. */
enum df_err scu_exchange(struct df_dimse *d, struct command *rq,
			 uint8_t context, const void *ptr, size_t len,
			 struct command *rsp, struct df_why *why);
/* An N-EVENT-REPORT-RQ came: reads it, hands it on, answers it. */
enum df_err scu_heard(struct df_dimse *d, const struct command *rq,
		      uint8_t context, struct df_why *why);

#endif
