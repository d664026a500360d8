/*
 * report_policy.c - the rules, in the order in which they are asked.
 *
 * Order matters for what staff read: first "is it ours", then "is it about
 * this patient", then "does it follow what we have". A statement that we
 * accepted before is a replay whatever came after it.
 */
#include "df/report_policy.h"

#include <string.h>

static const struct {
	const char *word, *en, *zh;
} REASON[] = {
#define X(name, word, en, zh) {word, en, zh},
	DF_REPORT_REASON_MAP(X)
#undef X
};

const char *df_report_verdict_word(enum df_report_verdict v)
{
	switch (v) {
	case DF_REPORT_SIGNED:
		return "signed";
	case DF_REPORT_SEALED:
		return "sealed";
	case DF_REPORT_REJECTED:
		return "rejected";
	case DF_REPORT_HELD:
		return "held";
	}
	df_bug("verdict %d", (int)v);
}

const char *df_report_reason_word(enum df_report_reason r)
{
	return REASON[r < DF_REASON_COUNT ? r : 0].word;
}

const char *df_report_reason_en(enum df_report_reason r)
{
	return REASON[r < DF_REASON_COUNT ? r : 0].en;
}

const char *df_report_reason_zh(enum df_report_reason r)
{
	return REASON[r < DF_REASON_COUNT ? r : 0].zh;
}

enum df_report_reason df_report_reason_from(struct df_text word)
{
	unsigned i;

	for (i = 1; i < DF_REASON_COUNT; i++)
		if (df_text_eq(word, REASON[i].word))
			return (enum df_report_reason)i;
	return DF_REASON_NONE;
}

/* Is it from our centre, for us, signed in the role that it names? */
static enum df_report_reason check_parties(const struct df_report_claim *c,
					   const struct df_report_known *k,
					   enum df_report_verdict verified)
{
	if (!k->sender_trusted || strcmp(c->centre_node, k->sender) != 0)
		return DF_REASON_SENDER;
	/* what we did not make ourselves must be addressed to us, or to the
	 * clinic whose study we fetched: then check_binding asks */
	if (k->self[0] != '\0' && strcmp(k->sender, k->self) != 0 &&
	    strcmp(c->clinic_node, k->self) != 0 && !k->copy)
		return DF_REASON_CLINIC;
	if (c->seal_role != (verified == DF_REPORT_SEALED))
		return DF_REASON_ROLE;
	return DF_REASON_NONE;
}

static enum df_report_reason check_binding(const struct df_report_claim *c,
					   const struct df_report_known *k)
{
	if (!k->study_exists)
		return DF_REASON_STUDY;
	if (k->clinic[0] != '\0' && strcmp(c->clinic_node, k->clinic) != 0)
		return DF_REASON_CLINIC;
	if (strcmp(c->patient_id, k->patient_id) != 0 ||
	    strcmp(c->patient_id_issuer, k->patient_id_issuer) != 0)
		return DF_REASON_PATIENT;
	if (k->accession[0] != '\0' && strcmp(c->accession, k->accession) != 0)
		return DF_REASON_ACCESSION;
	return DF_REASON_NONE;
}

static bool final_word(enum df_claim_status s)
{
	return s != DF_CLAIM_PRELIMINARY;
}

static enum df_report_reason check_first(const struct df_report_claim *c)
{
	if (c->version > 1)
		return DF_REASON_GAP;
	if (c->status != DF_CLAIM_FINAL && c->status != DF_CLAIM_PRELIMINARY)
		return DF_REASON_FIRST;
	return DF_REASON_NONE;
}

static enum df_report_reason check_version(const struct df_report_claim *c,
					   const struct df_report_known *k)
{
	const struct df_report_past *last = &k->last;

	if (!last->exists)
		return check_first(c);
	if (c->version == last->version)
		return DF_REASON_CONFLICT; /* the replay was asked before */
	if (c->version < last->version)
		return DF_REASON_OLDER;
	if (c->version > last->version + 1)
		return DF_REASON_GAP;
	if (!df_digest_same(c->previous, &last->statement))
		return DF_REASON_PREVIOUS;
	if (last->conflict)
		return DF_REASON_CONFLICT;
	if (last->status == DF_CLAIM_RETRACTED)
		return DF_REASON_RETRACTED;
	if (final_word(last->status) && !final_word(c->status))
		return DF_REASON_BACK;
	return DF_REASON_NONE;
}

static bool among(const struct df_digest *d, const struct df_digest *list,
		  size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (df_digest_same(d, &list[i]))
			return true;
	return false;
}

/* Never a reason to refuse: the doctor must know which images were read. */
static enum df_report_reason note_images(const struct df_report_claim *c,
					 const struct df_report_known *k)
{
	size_t i;

	/* its manifests are between that clinic and the centre */
	if (k->copy)
		return DF_REASON_FOREIGN;
	if (c->image_count == 0)
		return DF_REASON_IMAGES_UNKNOWN;
	for (i = 0; i < c->image_count; i++)
		if (!among(&c->images[i], k->manifests, k->manifest_count))
			return DF_REASON_IMAGES_UNKNOWN;
	if (!among(&k->manifests[k->manifest_count - 1], c->images,
		   c->image_count))
		return DF_REASON_IMAGES_OLDER;
	return DF_REASON_NONE;
}

static bool seen_before(const struct df_report_claim *c,
			const struct df_report_past *p)
{
	return p->exists && p->version == c->version &&
	       df_digest_same(&p->statement, c->self);
}

struct df_report_ruling df_report_rule(const struct df_report_claim *claim,
				       const struct df_report_known *known,
				       enum df_report_verdict verified)
{
	struct df_report_ruling r = {.verdict = DF_REPORT_REJECTED};

	if (verified != DF_REPORT_SIGNED && verified != DF_REPORT_SEALED)
		df_bug("ruling on a report that was not verified");
	r.reason = check_parties(claim, known, verified);
	if (r.reason == DF_REASON_NONE)
		r.reason = check_binding(claim, known);
	if (r.reason != DF_REASON_NONE)
		return r;
	r.replay = seen_before(claim, &known->same);
	if (!r.replay)
		r.reason = check_version(claim, known);
	else if (known->same.conflict)
		r.reason = DF_REASON_CONFLICT;
	r.conflict = r.reason == DF_REASON_CONFLICT;
	if (r.reason == DF_REASON_GAP)
		r.verdict = DF_REPORT_HELD;
	if (r.reason != DF_REASON_NONE)
		return r;
	r.verdict = verified;
	r.note = note_images(claim, known);
	return r;
}
