/*
 * transcode.cc - the same instance in another transfer syntax, without loss.
 * What cannot be proved lossless is refused, not tried.
 */
#include "dataset.h"

#include <cstring>

#include "dcmtk/dcmdata/dcrledrg.h"
#include "dcmtk/dcmjpeg/djdecode.h"
#include "dcmtk/dcmjpls/djdecode.h"
#include "dcmtk/dcmjpls/djencode.h"
#include "dcmtk/dcmjpls/djrparam.h"

#include "guard.h"
#include "transport.h"

static bool one_of(const char *uid, const char *const *list)
{
	for (; *list != nullptr; list++)
		if (strcmp(*list, uid) == 0)
			return true;
	return false;
}

static const char *const readable[] = {
	DF_TS_IMPLICIT_LE,  DF_TS_EXPLICIT_LE,	     DF_TS_EXPLICIT_BE,
	DF_TS_DEFLATED_LE,  DF_TS_JPEG_LS_LOSSLESS,  DF_TS_JPEG_LOSSLESS,
	DF_TS_RLE_LOSSLESS, DF_TS_JPEG_LOSSLESS_SV1, nullptr,
};
static const char *const writable[] = {
	DF_TS_IMPLICIT_LE, DF_TS_EXPLICIT_LE,	   DF_TS_EXPLICIT_BE,
	DF_TS_DEFLATED_LE, DF_TS_JPEG_LS_LOSSLESS, nullptr,
};

extern "C" bool df_object_can_transcode(const char *from, const char *to)
{
	return strcmp(from, to) == 0 ||
	       (one_of(from, readable) && one_of(to, writable));
}

static void register_codecs(void)
{
	static bool done;

	if (done)
		return;
	df_dcmtk_silence();
	DcmRLEDecoderRegistration::registerCodecs();
	/* colour stays what it is: a conversion would lose bits */
	DJDecoderRegistration::registerCodecs(EDC_never, EUC_never);
	DJLSDecoderRegistration::registerCodecs(EJLSUC_never);
	/* raw: all stored bits, high bits and padding included */
	DJLSEncoderRegistration::registerCodecs(0, 0, 0, 0, OFFalse, 0, OFTrue,
						EJLSUC_never);
	done = true;
}

/* Native pixel bytes of ds, which must be in a native representation. */
static bool pixels(DcmDataset *ds, const void **ptr, size_t *len)
{
	DcmElement *e = nullptr;
	Uint8 *b = nullptr;
	Uint16 *w = nullptr;

	*ptr = nullptr;
	*len = 0;
	if (ds->findAndGetElement(DCM_PixelData, e).bad() || e == nullptr)
		return true; /* none */
	*len = e->getLength();
	if (e->getUint16Array(w).good() && w != nullptr)
		*ptr = w;
	else if (e->getUint8Array(b).good() && b != nullptr)
		*ptr = b;
	return *ptr != nullptr || *len == 0;
}

/* Decodes the coded result again and compares. */
static enum df_err prove(DcmDataset *native, const struct df_buf *out,
			 size_t start, const char *ts, struct df_why *why)
{
	struct df_object again = {out->ptr + start, out->len - start, ts};
	const void *a = nullptr, *b = nullptr;
	size_t a_len = 0, b_len = 0;
	DcmDataset ds;
	enum df_err rc = dataset_load(&ds, &again, false, why);

	if (rc != DF_OK)
		return rc;
	if (ds.chooseRepresentation(EXS_LittleEndianExplicit, nullptr).bad() ||
	    !pixels(native, &a, &a_len) || !pixels(&ds, &b, &b_len) ||
	    a_len != b_len || (a_len > 0 && memcmp(a, b, a_len) != 0))
		return df_fail(why, DF_E_UNSUPPORTED,
			       "the pixels would not survive transfer syntax "
			       "%s",
			       ts);
	return DF_OK;
}

static enum df_err convert(DcmDataset *ds, E_TransferSyntax to,
			   const char *from_uid, const char *to_uid,
			   struct df_why *why)
{
	DJLSRepresentationParameter lossless(0, OFTrue);
	OFCondition cond = ds->chooseRepresentation(
		to, to == EXS_JPEGLSLossless ? &lossless : nullptr);

	if (cond.bad() || !ds->canWriteXfer(to))
		return df_fail(why, DF_E_UNSUPPORTED,
			       "pixels in transfer syntax %.64s cannot be "
			       "brought to %.64s (%04x:%04x)",
			       from_uid, to_uid, cond.module(), cond.code());
	return DF_OK;
}

static enum df_err transcode(const struct df_object *o, const char *to_uid,
			     struct df_buf *out, struct df_why *why)
{
	E_TransferSyntax to = DcmXfer(to_uid).getXfer();
	size_t start = out->len;
	DcmDataset ds;
	enum df_err rc;

	if (strcmp(o->transfer_syntax, to_uid) == 0)
		return df_buf_add(out, o->ptr, o->len, why);
	if (!df_object_can_transcode(o->transfer_syntax, to_uid))
		return df_fail(why, DF_E_UNSUPPORTED,
			       "no lossless way from transfer syntax %.64s to "
			       "%.64s",
			       o->transfer_syntax, to_uid);
	register_codecs();
	rc = dataset_load(&ds, o, false, why);
	/* through native pixels, kept for the proof */
	if (rc == DF_OK)
		rc = convert(&ds, EXS_LittleEndianExplicit, o->transfer_syntax,
			     DF_TS_EXPLICIT_LE, why);
	if (rc == DF_OK && to == EXS_JPEGLSLossless) {
		DcmDataset native(ds);

		rc = convert(&ds, to, o->transfer_syntax, to_uid, why);
		if (rc == DF_OK)
			rc = dataset_save(&ds, to, out, why);
		if (rc == DF_OK)
			rc = prove(&native, out, start, to_uid, why);
	} else if (rc == DF_OK) {
		rc = dataset_save(&ds, to, out, why);
	}
	if (rc != DF_OK)
		out->len = start;
	return rc;
}

extern "C" enum df_err df_object_transcode(const struct df_object *o,
					   const char *transfer_syntax,
					   struct df_buf *out,
					   struct df_why *why)
try {
	memory_watch();
	return memory_held(transcode(o, transfer_syntax, out, why), why);
}
DF_GUARD(why)
