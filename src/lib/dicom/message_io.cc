/* message_io.cc - see message_io.h. */
#include "message_io.h"

#include <cstring>

#include "dcmtk/dcmnet/cond.h"

#include "df/clock.h"

static enum df_err ended(struct channel *ch, const OFCondition &cond,
			 struct df_why *why)
{
	if (ch->wire->timed_out)
		return df_fail(why, DF_E_TIMEOUT,
			       "the peer was silent for too long");
	if (cond == DUL_PEERABORTEDASSOCIATION)
		return df_fail(why, DF_E_PEER, "the peer aborted");
	if (cond == DUL_NETWORKCLOSED || ch->wire->closed)
		return df_fail(why, DF_E_PEER,
			       "the peer closed the connection");
	return df_fail(why, DF_E_FORMAT,
		       "the peer broke the upper layer protocol (%04x:%04x)",
		       cond.module(), cond.code());
}

bool pace_kept(struct pace *p, size_t bytes, int ms)
{
	int64_t now = df_clock_mono_ms();

	if (p->since == 0)
		p->since = now;
	p->bytes += bytes;
	if (now - p->since < ms)
		return true;
	if (p->bytes < pace_bytes)
		return false;
	p->since = now;
	p->bytes = 0;
	return true;
}

enum flow pdv_next(struct channel *ch, DUL_PDV *pdv, enum df_err *err,
		   struct df_why *why)
{
	DUL_ASSOCIATIONKEY **key = &ch->assoc->DULassociation;
	OFCondition cond = DUL_NextPDV(key, pdv);

	while (cond.bad()) {
		cond = DUL_ReadPDVs(key, nullptr, DUL_BLOCK, 0);
		if (cond == DUL_PEERREQUESTEDRELEASE)
			return FLOW_RELEASE;
		if (cond != DUL_PDATAPDUARRIVED) {
			*err = ended(ch, cond, why);
			return FLOW_ENDED;
		}
		cond = DUL_NextPDV(key, pdv);
	}
	return FLOW_DATA;
}

enum flow command_read(struct channel *ch, struct command *c, uint8_t *context,
		       enum df_err *err, struct df_why *why)
{
	bool first = true;
	int64_t until = 0;
	DUL_PDV pdv;

	df_buf_clear(&ch->scratch);
	for (;;) {
		enum flow f = pdv_next(ch, &pdv, err, why);

		if (f != FLOW_DATA && (f == FLOW_ENDED || first))
			return f;
		*err = DF_OK;
		if (first) /* from here on it is under way */
			until = df_clock_mono_ms() + ch->wire->progress_ms;
		if (f == FLOW_RELEASE)
			*err = df_fail(why, DF_E_FORMAT,
				       "release inside a message");
		else if (df_clock_mono_ms() > until)
			*err = df_fail(why, DF_E_TIMEOUT,
				       "a command set came too slowly");
		else if (pdv.pdvType != DUL_COMMANDPDV)
			*err = df_fail(why, DF_E_FORMAT,
				       "data set without a command");
		else if (!first && pdv.presentationContextID != *context)
			*err = df_fail(why, DF_E_FORMAT,
				       "command set on two contexts");
		else
			*err = df_buf_add(&ch->scratch, pdv.data,
					  pdv.fragmentLength, why);
		if (*err != DF_OK)
			return FLOW_ENDED;
		*context = pdv.presentationContextID;
		first = false;
		if (pdv.lastPDV)
			break;
	}
	*err = command_decode(c, ch->scratch.ptr, ch->scratch.len, why);
	return *err == DF_OK ? FLOW_DATA : FLOW_ENDED;
}

enum df_err dataset_collect(struct channel *ch, uint8_t context,
			    struct df_buf *to, struct df_why *why)
{
	struct pace pace = {};
	enum df_err rc = DF_OK;
	DUL_PDV pdv;

	do {
		enum flow f = pdv_next(ch, &pdv, &rc, why);

		if (f == FLOW_ENDED)
			return rc;
		if (f == FLOW_RELEASE || pdv.pdvType != DUL_DATASETPDV ||
		    pdv.presentationContextID != context)
			return df_fail(why, DF_E_FORMAT,
				       "a data set was interrupted");
		if (!pdv.lastPDV && !pace_kept(&pace, pdv.fragmentLength,
					       ch->wire->progress_ms))
			return df_fail(why, DF_E_TIMEOUT,
				       "a data set came too slowly");
		rc = df_buf_add(to, pdv.data, pdv.fragmentLength, why);
	} while (rc == DF_OK && !pdv.lastPDV);
	return rc;
}

static enum df_err write_pdvs(struct channel *ch, const void *ptr, size_t len,
			      uint8_t context, DUL_DATAPDV type,
			      struct df_why *why)
{
	/* DCMTK takes the fragment as void * but only sends it */
	uint8_t *p = const_cast<uint8_t *>(static_cast<const uint8_t *>(ptr));
	size_t most = ch->assoc->sendPDVLength;
	size_t at = 0;

	do {
		size_t n = len - at < most ? len - at : most;
		DUL_PDV pdv;
		DUL_PDVLIST list;
		OFCondition cond;

		memset(&pdv, 0, sizeof pdv);
		memset(&list, 0, sizeof list);
		pdv.fragmentLength = n;
		pdv.presentationContextID = context;
		pdv.pdvType = type;
		pdv.lastPDV = at + n == len ? OFTrue : OFFalse;
		pdv.data = p + at;
		list.count = 1;
		list.pdv = &pdv;
		cond = DUL_WritePDVs(&ch->assoc->DULassociation, &list);
		if (cond.bad())
			return ended(ch, cond, why);
		at += n;
	} while (at < len);
	return DF_OK;
}

enum df_err command_write(struct channel *ch, const struct command *c,
			  uint8_t context, struct df_why *why)
{
	enum df_err rc = command_encode(&ch->scratch, c, why);

	if (rc != DF_OK)
		return rc;
	return write_pdvs(ch, ch->scratch.ptr, ch->scratch.len, context,
			  DUL_COMMANDPDV, why);
}

enum df_err dataset_write(struct channel *ch, const void *ptr, size_t len,
			  uint8_t context, struct df_why *why)
{
	return write_pdvs(ch, ptr, len, context, DUL_DATASETPDV, why);
}
