/*
 * report.cc - what a person reads of a report: SR content as plain text, the
 * PDF of an Encapsulated PDF. The tree is read as it stands, without the IOD
 * constraints that real documents break.
 */
#include "dataset.h"

#include <cstring>
#include <string>

#include "charset_text.h"
#include "guard.h"

static const int depth_max = 32;

extern "C" enum df_report_kind df_report_kind(const char *uid)
{
	static const char sr[] = "1.2.840.10008.5.1.4.1.1.88.";

	if (strcmp(uid, UID_EncapsulatedPDFStorage) == 0)
		return DF_REPORT_PDF;
	/* key object selections (88.59) are lists of images, not reports */
	if (strncmp(uid, sr, sizeof sr - 1) == 0 &&
	    strcmp(uid, UID_KeyObjectSelectionDocumentStorage) != 0)
		return DF_REPORT_SR;
	return DF_REPORT_NONE;
}

struct writer {
	struct df_buf *out;
	enum df_err err;
	struct df_why *why;
};

static std::string text_of(DcmItem *item, const DcmTagKey &key)
{
	enum df_text_basis basis;
	DcmEVR vr;
	struct df_text t = dataset_text(item, key, &vr);

	if (t.ptr == nullptr)
		return "";
	return charset_text(t, {dataset_charset(item).c_str(), vr == EVR_PN, 0},
			    true, &basis);
}

static std::string code_of(DcmItem *item, const DcmTagKey &sequence)
{
	DcmItem *code = nullptr;

	if (item->findAndGetSequenceItem(sequence, code).bad())
		return "";
	return text_of(code, DCM_CodeMeaning);
}

static void put_line(struct writer *w, int depth, const std::string &line)
{
	std::string indent((size_t)depth * 2, ' ');
	size_t at = 0;

	while (w->err == DF_OK && at <= line.size()) {
		size_t end = line.find('\n', at);
		std::string one;

		if (end == std::string::npos)
			end = line.size();
		one = indent + line.substr(at, end - at) + "\n";
		w->err = df_buf_add(w->out, one.data(), one.size(), w->why);
		at = end + 1;
		if (at > line.size())
			break;
	}
}

static std::string number_of(DcmItem *item)
{
	DcmItem *measured = nullptr;
	std::string unit;

	if (item->findAndGetSequenceItem(DCM_MeasuredValueSequence, measured)
		    .bad())
		return "-";
	unit = code_of(measured, DCM_MeasurementUnitsCodeSequence);
	return text_of(measured, DCM_NumericValue) +
	       (unit.empty() ? "" : " " + unit);
}

static std::string reference_of(DcmItem *item)
{
	DcmItem *sop = nullptr;

	if (item->findAndGetSequenceItem(DCM_ReferencedSOPSequence, sop).bad())
		return "";
	return "[" + text_of(sop, DCM_ReferencedSOPInstanceUID) + "]";
}

static std::string value_of(DcmItem *item, const std::string &type)
{
	if (type == "TEXT")
		return text_of(item, DCM_TextValue);
	if (type == "CODE")
		return code_of(item, DCM_ConceptCodeSequence);
	if (type == "NUM")
		return number_of(item);
	if (type == "DATE")
		return text_of(item, DCM_Date);
	if (type == "TIME")
		return text_of(item, DCM_Time);
	if (type == "DATETIME")
		return text_of(item, DCM_DateTime);
	if (type == "PNAME")
		return text_of(item, DCM_PersonName);
	if (type == "UIDREF")
		return text_of(item, DCM_UID);
	return reference_of(item);
}

static void put_content(struct writer *w, DcmItem *item, int depth)
{
	std::string type = text_of(item, DCM_ValueType);
	std::string name = code_of(item, DCM_ConceptNameCodeSequence);
	DcmSequenceOfItems *children = nullptr;

	if (type == "CONTAINER") {
		if (!name.empty())
			put_line(w, depth, name);
	} else if (!type.empty()) {
		std::string value = value_of(item, type);

		put_line(w, depth, name.empty() ? value : name + ": " + value);
	}
	if (depth >= depth_max ||
	    item->findAndGetSequence(DCM_ContentSequence, children).bad())
		return;
	for (unsigned long i = 0; w->err == DF_OK && i < children->card(); i++)
		put_content(w, children->getItem(i), depth + 1);
}

/* Cut at a character. */
static void put_title(struct df_report_view *view, const std::string &title)
{
	struct df_text t = {title.data(), title.size()};

	(void)df_charset_decode(view->title, sizeof view->title, t, "", false);
}

static enum df_err sr_view(DcmDataset *ds, struct writer *w,
			   struct df_report_view *view)
{
	view->complete = text_of(ds, DCM_CompletionFlag) == "COMPLETE";
	view->verified = text_of(ds, DCM_VerificationFlag) == "VERIFIED";
	put_title(view, code_of(ds, DCM_ConceptNameCodeSequence));
	put_content(w, ds, 0);
	return w->err;
}

static enum df_err pdf_view(DcmDataset *ds, struct writer *w,
			    struct df_report_view *view)
{
	DcmElement *e = nullptr;
	Uint8 *bytes = nullptr;
	Uint32 exact = 0;
	size_t len;

	view->complete = true;
	view->verified = text_of(ds, DCM_VerificationFlag) == "VERIFIED";
	put_title(view, text_of(ds, DCM_DocumentTitle));
	if (ds->findAndGetElement(DCM_EncapsulatedDocument, e).bad() ||
	    e == nullptr || e->getUint8Array(bytes).bad() || bytes == nullptr)
		return df_fail(w->why, DF_E_FORMAT, "no encapsulated document");
	len = e->getLength();
	if (ds->findAndGetUint32(DCM_EncapsulatedDocumentLength, exact)
		    .good() &&
	    exact > 0 && exact <= len)
		len = exact;
	else if (len > 0 && bytes[len - 1] == 0)
		len--;
	if (len < 5 || memcmp(bytes, "%PDF-", 5) != 0)
		return df_fail(w->why, DF_E_FORMAT,
			       "the encapsulated document is no PDF");
	return df_buf_add(w->out, bytes, len, w->why);
}

static enum df_err report(const struct df_object *o, size_t max_bytes,
			  struct df_report_view *view, struct df_why *why)
{
	struct writer w = {&view->body, DF_OK, why};
	DcmDataset ds;
	OFString uid;
	enum df_err rc;

	memset(view, 0, sizeof *view);
	df_buf_init(&view->body, max_bytes);
	rc = dataset_load(&ds, o, false, why);
	if (rc != DF_OK)
		return rc;
	(void)ds.findAndGetOFString(DCM_SOPClassUID, uid);
	view->kind = df_report_kind(uid.c_str());
	switch (view->kind) {
	case DF_REPORT_SR:
		return sr_view(&ds, &w, view);
	case DF_REPORT_PDF:
		return pdf_view(&ds, &w, view);
	case DF_REPORT_NONE:
		break;
	}
	return df_fail(why, DF_E_UNSUPPORTED,
		       "SOP class %.64s is neither SR nor Encapsulated PDF",
		       uid.c_str());
}

extern "C" enum df_err df_object_report(const struct df_object *o,
					size_t max_bytes,
					struct df_report_view *view,
					struct df_why *why)
try {
	memory_watch();
	return memory_held(report(o, max_bytes, view, why), why);
}
DF_GUARD(why)

extern "C" void df_report_view_release(struct df_report_view *view)
{
	df_buf_wipe(&view->body);
	memset(view, 0, sizeof *view);
}
