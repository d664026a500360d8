/*
 * scp.h - an association that was opened to us: what its messages share.
 */
#ifndef DF_DICOM_SCP_H
#define DF_DICOM_SCP_H

#include <cstring>

#include "df/object.h"
#include "message_io.h"

struct scp {
	struct channel ch;
	struct df_wire wire;
	const struct df_dimse_scp *cfg;
	const struct df_store_sink *sink;
	T_ASC_Network *net;
	bool reports_only;
	/* transfer syntax of each accepted context, by id; "" = not accepted */
	char syntax[256][DF_UID_CAP];
	char abstract[256][DF_UID_CAP]; /* abstract syntax of each of them */
	/* storage commitment */
	uint8_t asked_on; /* context of the last N-ACTION; 0 = none came */
	bool telling;	  /* a report was sent and is not answered */
	uint16_t told_id; /* message id of it */
	int64_t told_until; /* monotonic: when its answer is due */
	bool mute;	    /* one was not answered: no more of them here */
	struct df_worklist_query query; /* of the C-FIND under way */
};

static inline void scp_copy(char *to, size_t cap, const char *from)
{
	size_t n = 0;

	while (n < cap - 1 && from[n] != 0)
		n++;
	memcpy(to, from, n);
	to[n] = 0;
}

/* Implicit and explicit VR little endian: what we read and write ourselves. */
static inline bool plain_syntax(const char *uid)
{
	return strcmp(uid, DF_TS_IMPLICIT_LE) == 0 ||
	       strcmp(uid, DF_TS_EXPLICIT_LE) == 0;
}

static inline bool is_explicit(const struct scp *s, uint8_t context)
{
	return strcmp(s->syntax[context], DF_TS_EXPLICIT_LE) == 0;
}

/* N-ACTION and N-EVENT-REPORT requests: read, handed on, answered. */
enum df_err commitment_rq(struct scp *s, const struct command *c,
			  uint8_t context, struct df_why *why);
/* The answer to a report of ours. */
enum df_err commitment_rsp(struct scp *s, const struct command *c,
			   uint8_t context, struct df_why *why);
/* Before a wait for the peer: gives the report that is due, if one is; one
 * that it did not answer in idle_ms was not given.
 * DF_E_TIMEOUT when the peer was silent for too long. */
enum df_err commitment_pause(struct scp *s, struct df_why *why);
/* The association is over: a report without an answer was not given. */
void commitment_end(struct scp *s);
/* A C-FIND on the worklist: read, asked, answered item by item. */
enum df_err worklist_find(struct scp *s, const struct command *c,
			  uint8_t context, struct df_why *why);

#endif
