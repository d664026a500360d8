/* object.cc - data sets into DCMTK and back, and the facts of an instance. */
#include "dataset.h"

#include <algorithm>
#include <cstdio>
#include <cstring>

#include "dcmtk/dcmdata/dcistrmb.h"
#include "dcmtk/dcmdata/dcostrmb.h"

#include "charset_text.h"
#include "df/str.h"
#include "guard.h"
#include "transport.h"

extern "C" enum df_err df_object_init(struct df_why *why)
try {
	df_dcmtk_silence();
	/* iconv and codecs load on first use; the dictionary is a file */
	if (!dcmDataDict.isDictionaryLoaded())
		return df_fail(why, DF_E_CONFIG,
			       "DCMTK's data dictionary is not there (package "
			       "libdcmtk17, or set DCMDICTPATH)");
	return DF_OK;
}
DF_GUARD(why)

enum df_err dataset_load(DcmDataset *ds, const struct df_object *o, bool head,
			 struct df_why *why)
{
	DcmXfer xfer(o->transfer_syntax);
	DcmInputBufferStream in;
	OFCondition cond;

	if (xfer.getXfer() == EXS_Unknown)
		return df_fail(why, DF_E_UNSUPPORTED,
			       "transfer syntax %.64s is not known",
			       o->transfer_syntax);
	in.setBuffer(o->ptr, (offile_off_t)o->len);
	in.setEos();
	ds->transferInit();
	if (head)
		cond = ds->readUntilTag(in, xfer.getXfer(), EGL_noChange,
					DCM_MaxReadLength,
					DcmTagKey(0x7fe0, 0x0000));
	else
		cond = ds->read(in, xfer.getXfer());
	ds->transferEnd();
	if (cond.bad())
		return df_fail(why, DF_E_FORMAT,
			       "DCMTK cannot read the data set (%04x:%04x)",
			       cond.module(), cond.code());
	return DF_OK;
}

enum df_err dataset_save(DcmDataset *ds, E_TransferSyntax to,
			 struct df_buf *out, struct df_why *why)
{
	std::string block(1 << 20, '\0');
	DcmOutputBufferStream os(&block[0], (offile_off_t)block.size());
	enum df_err rc = DF_OK;
	OFCondition cond;
	bool more = true;

	ds->transferInit();
	while (more && rc == DF_OK) {
		void *ptr = nullptr;
		offile_off_t len = 0;

		cond = ds->write(os, to, EET_ExplicitLength, nullptr,
				 EGL_recalcGL);
		more = cond == EC_StreamNotifyClient;
		if (cond.good()) { /* the deflater may hold some back */
			os.flush();
			more = !os.isFlushed();
		}
		os.flushBuffer(ptr, len);
		if (len > 0)
			rc = df_buf_add(out, ptr, (size_t)len, why);
	}
	ds->transferEnd();
	if (rc == DF_OK && cond.bad())
		rc = df_fail(why, DF_E_UNSUPPORTED,
			     "DCMTK cannot write the data set (%04x:%04x)",
			     cond.module(), cond.code());
	return rc;
}

struct df_text dataset_text(DcmItem *item, const DcmTagKey &key, DcmEVR *vr)
{
	DcmElement *e = nullptr;
	char *text = nullptr;
	Uint8 *bytes = nullptr;
	Uint32 len = 0;

	*vr = EVR_UNKNOWN;
	if (item->findAndGetElement(key, e).bad() || e == nullptr)
		return {nullptr, 0};
	*vr = e->ident();
	if (e->getString(text, len).good() && text != nullptr)
		return {text, len};
	if (e->getUint8Array(bytes).good() && bytes != nullptr)
		return {(const char *)bytes, e->getLength()};
	return {nullptr, 0};
}

/* The element may claim any VR and length; no list of sets is that long. */
static bool own_charset(DcmItem *item, OFString *to)
{
	DcmEVR vr;
	struct df_text t = dataset_text(item, DCM_SpecificCharacterSet, &vr);

	while (t.len > 0 && (t.ptr[t.len - 1] == 0 || t.ptr[t.len - 1] == ' '))
		t.len--;
	if (t.ptr == nullptr || t.len >= 256 ||
	    memchr(t.ptr, 0, t.len) != nullptr)
		return false;
	to->assign(t.ptr, t.len);
	return true;
}

/* An item has its own, or that of the item around it (PS3.3 C.12.1.1.2). */
OFString dataset_charset(DcmItem *item)
{
	OFString charset;

	while (item != nullptr && !own_charset(item, &charset))
		item = item->getParentItem();
	return charset;
}

static bool vr_uses_charset(DcmEVR vr)
{
	return vr == EVR_PN || vr == EVR_LO || vr == EVR_SH || vr == EVR_ST ||
	       vr == EVR_LT || vr == EVR_UT || vr == EVR_UC || vr == EVR_UN;
}

static const size_t text_max = 4096;

struct reader {
	DcmDataset *ds;
	OFString declared;
	int64_t chinese;	  /* what all texts together say */
	enum df_text_basis basis; /* the worst so far */
	enum df_text_basis name_basis;
};

static struct df_text fact_text(struct reader *r, const DcmTagKey &key,
				DcmEVR *vr)
{
	struct df_text t = dataset_text(r->ds, key, vr);

	if (t.len > text_max) /* no honest value is; the field is cut anyway */
		t.len = text_max;
	return t;
}

static void weigh_fact(struct reader *r, Uint16 group, Uint16 element)
{
	DcmEVR vr;
	struct df_text t = fact_text(r, DcmTagKey(group, element), &vr);

	if (t.ptr != nullptr && vr_uses_charset(vr))
		r->chinese += charset_evidence(t, r->declared.c_str());
}

static void read_fact(struct reader *r, char *to, size_t cap, Uint16 group,
		      Uint16 element)
{
	DcmTagKey key(group, element);
	Uint16 number = 0;
	DcmEVR vr;
	struct df_text t = fact_text(r, key, &vr);
	struct text_setting set = {"", vr == EVR_PN, r->chinese};
	enum df_text_basis basis;
	std::string s;

	to[0] = 0;
	if (vr == EVR_US) {
		if (r->ds->findAndGetUint16(key, number).good())
			(void)snprintf(to, cap, "%u", number);
		return;
	}
	if (t.ptr == nullptr)
		return;
	if (vr_uses_charset(vr))
		set.declared = r->declared.c_str();
	s = charset_text(t, set, false, &basis);
	charset_put(to, cap, s);
	if (!vr_uses_charset(vr))
		return;
	r->basis = std::max(r->basis, basis);
	if (key == DCM_PatientName || key == DCM_PatientID)
		r->name_basis = std::max(r->name_basis, basis);
}

static void read_accession_issuer(struct reader *r, char *to, size_t cap)
{
	DcmItem *item = nullptr;
	DcmEVR vr;
	struct df_text t;

	to[0] = 0;
	if (r->ds->findAndGetSequenceItem(DCM_IssuerOfAccessionNumberSequence,
					  item)
		    .bad())
		return;
	t = dataset_text(item, DCM_UniversalEntityID, &vr);
	if (t.ptr == nullptr)
		t = dataset_text(item, DCM_LocalNamespaceEntityID, &vr);
	if (t.ptr != nullptr)
		(void)df_charset_decode(to, cap, t,
					dataset_charset(item).c_str(), false);
}

static enum df_err uids_are_there(const struct df_facts *f, struct df_why *why)
{
	const struct {
		const char *uid, *name;
	} needed[] = {{f->sop_class, "SOP Class UID"},
		      {f->sop_instance, "SOP Instance UID"},
		      {f->study_uid, "Study Instance UID"},
		      {f->series_uid, "Series Instance UID"}};

	for (const auto &n : needed)
		if (!df_uid_valid(df_text_of(n.uid)))
			return df_fail(why, DF_E_FORMAT,
				       "the data set has %s %s",
				       n.uid[0] ? "an invalid" : "no", n.name);
	return DF_OK;
}

static enum df_err facts(const struct df_object *o, struct df_facts *f,
			 struct df_why *why)
{
	DcmDataset ds;
	struct reader r = {&ds, "", 0, DF_TEXT_ASCII, DF_TEXT_ASCII};
	enum df_err rc;

	memset(f, 0, sizeof *f);
	rc = dataset_load(&ds, o, true, why);
	if (rc != DF_OK) /* half-read elements have lengths but no values */
		return rc;
	r.declared = dataset_charset(&ds);
#define X(name, cap, group, element) weigh_fact(&r, group, element);
	DF_FACTS_MAP(X)
#undef X
#define X(name, cap, group, element) \
	read_fact(&r, f->name, sizeof f->name, group, element);
	DF_FACTS_MAP(X)
#undef X
	read_accession_issuer(&r, f->accession_issuer,
			      sizeof f->accession_issuer);
	df_str_fmt(f->text_basis, sizeof f->text_basis, "%s",
		   df_text_basis_name(r.basis));
	df_str_fmt(f->name_basis, sizeof f->name_basis, "%s",
		   df_text_basis_name(r.name_basis));
	return uids_are_there(f, why);
}

extern "C" enum df_err df_object_facts(const struct df_object *o,
				       struct df_facts *f, struct df_why *why)
try {
	memory_watch();
	return memory_held(facts(o, f, why), why);
}
DF_GUARD(why)
