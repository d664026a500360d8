/* report_policy_test.c - which report may be shown, as a table. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "df/report_policy.h"

#define COUNT(a) (sizeof(a) / sizeof(a)[0])

/* One case changes a good claim and knowledge in place. */
struct scene {
	struct df_report_claim c;
	struct df_report_known k;
	struct df_digest self, previous, images[2], manifests[2];
	enum df_report_verdict verified;
};

static void fill(struct df_digest *d, int v)
{
	memset(d->b, v, sizeof d->b);
}

static void good(struct scene *s)
{
	*s = (struct scene){.verified = DF_REPORT_SIGNED};
	fill(&s->self, 11);
	fill(&s->manifests[0], 1);
	fill(&s->manifests[1], 2);
	s->images[0] = s->manifests[1];
	s->c = (struct df_report_claim){.version = 1,
					.status = DF_CLAIM_FINAL,
					.self = &s->self,
					.previous = &s->previous,
					.study_uid = "1.2",
					.accession = "A1",
					.patient_id = "P1",
					.patient_id_issuer = "H",
					.images = s->images,
					.image_count = 1,
					.clinic_node = "clinic",
					.centre_node = "centre"};
	s->k = (struct df_report_known){.self = "clinic",
					.sender = "centre",
					.sender_trusted = true,
					.study_exists = true,
					.clinic = "clinic",
					.accession = "A1",
					.patient_id = "P1",
					.patient_id_issuer = "H",
					.manifests = s->manifests,
					.manifest_count = 2};
}

/* Version n of the report was accepted, its statement is all `v`. */
static void had(struct scene *s, uint32_t version, int v,
		enum df_claim_status status)
{
	s->k.last = (struct df_report_past){
		.exists = true, .version = version, .status = status};
	fill(&s->k.last.statement, v);
	s->c.version = version + 1;
	fill(&s->previous, v);
}

static void other_centre(struct scene *s)
{
	s->c.centre_node = "x";
}
static void other_sender(struct scene *s)
{
	s->k.sender = "x";
}
static void not_ours(struct scene *s)
{
	s->k.sender_trusted = false;
}
static void other_clinic(struct scene *s)
{
	s->c.clinic_node = "x";
}
static void no_study(struct scene *s)
{
	s->k.study_exists = false;
}
static void other_patient(struct scene *s)
{
	s->c.patient_id = "P2";
}
static void other_issuer(struct scene *s)
{
	s->c.patient_id_issuer = "G";
}
static void no_patient(struct scene *s)
{
	s->c.patient_id = "";
}
static void other_accession(struct scene *s)
{
	s->c.accession = "A2";
}
static void no_accession(struct scene *s)
{
	s->c.accession = "";
}
static void unknown_accession(struct scene *s)
{
	s->k.accession = "";
	s->c.accession = "A9";
}
static void seal(struct scene *s)
{
	s->verified = DF_REPORT_SEALED;
	s->c.seal_role = true;
}
static void seal_as_doctor(struct scene *s)
{
	s->verified = DF_REPORT_SEALED;
}
static void doctor_as_seal(struct scene *s)
{
	s->c.seal_role = true;
}
static void centre_itself(struct scene *s)
{
	s->k.self = "centre";
	s->k.clinic = "clinic";
}
static void centre_other_clinic(struct scene *s)
{
	centre_itself(s);
	s->k.clinic = "other";
}
/* Fetched with an earlier exam: it is addressed to the clinic that made it. */
static void prior(struct scene *s)
{
	s->k.copy = true;
	s->k.clinic = "another";
	s->c.clinic_node = "another";
}
static void prior_of_a_third(struct scene *s)
{
	prior(s);
	s->c.clinic_node = "third";
}
static void prior_from_elsewhere(struct scene *s)
{
	prior(s);
	s->k.sender = "x";
}
static void prior_of_other_patient(struct scene *s)
{
	prior(s);
	s->c.patient_id = "P2";
}
static void older_images(struct scene *s)
{
	s->images[0] = s->manifests[0];
}
static void foreign_images(struct scene *s)
{
	fill(&s->images[0], 99);
}
static void no_images(struct scene *s)
{
	s->c.image_count = 0;
}
static void no_manifest(struct scene *s)
{
	s->k.manifest_count = 0;
	s->c.image_count = 0;
}
static void both_images(struct scene *s)
{
	s->images[1] = s->manifests[0];
	s->c.image_count = 2;
}
static void next_version(struct scene *s)
{
	had(s, 1, 5, DF_CLAIM_PRELIMINARY);
}
static void amended(struct scene *s)
{
	had(s, 3, 5, DF_CLAIM_FINAL);
	s->c.status = DF_CLAIM_AMENDED;
}
static void wrong_previous(struct scene *s)
{
	had(s, 1, 5, DF_CLAIM_FINAL);
	fill(&s->previous, 6);
}
static void gap(struct scene *s)
{
	had(s, 1, 5, DF_CLAIM_FINAL);
	s->c.version = 3;
}
static void gap_first(struct scene *s)
{
	s->c.version = 2;
}
static void conflict(struct scene *s)
{
	had(s, 2, 5, DF_CLAIM_FINAL);
	s->c.version = 2;
	s->k.same = s->k.last;
}
static void after_conflict(struct scene *s)
{
	had(s, 2, 5, DF_CLAIM_FINAL);
	s->k.last.conflict = true;
}
static void older(struct scene *s)
{
	had(s, 2, 5, DF_CLAIM_FINAL);
	s->c.version = 1;
	s->k.same = (struct df_report_past){.exists = true, .version = 1};
	fill(&s->k.same.statement, 4);
}
static void replay_last(struct scene *s)
{
	had(s, 2, 11, DF_CLAIM_FINAL);
	s->c.version = 2;
	s->k.same = s->k.last;
}
static void replay_old(struct scene *s)
{
	older(s);
	fill(&s->k.same.statement, 11);
}
static void back(struct scene *s)
{
	had(s, 1, 5, DF_CLAIM_FINAL);
	s->c.status = DF_CLAIM_PRELIMINARY;
}
static void back_amended(struct scene *s)
{
	had(s, 2, 5, DF_CLAIM_AMENDED);
	s->c.status = DF_CLAIM_PRELIMINARY;
}
static void retract(struct scene *s)
{
	had(s, 1, 5, DF_CLAIM_FINAL);
	s->c.status = DF_CLAIM_RETRACTED;
}
static void retracted(struct scene *s)
{
	had(s, 2, 5, DF_CLAIM_RETRACTED);
}
static void first_amended(struct scene *s)
{
	s->c.status = DF_CLAIM_AMENDED;
}

#define OKAY(fn)                                                          \
	{                                                                 \
#fn, fn, DF_REPORT_SIGNED, DF_REASON_NONE, DF_REASON_NONE \
	}
#define NOTE(fn, n)                                                      \
	{                                                                \
#fn, fn, DF_REPORT_SIGNED, DF_REASON_NONE, DF_REASON_##n \
	}
#define NO(fn, r)                                                          \
	{                                                                  \
#fn, fn, DF_REPORT_REJECTED, DF_REASON_##r, DF_REASON_NONE \
	}
#define HOLD(fn)                                                       \
	{                                                              \
#fn, fn, DF_REPORT_HELD, DF_REASON_GAP, DF_REASON_NONE \
	}

static const struct {
	const char *name;
	void (*change)(struct scene *s);
	enum df_report_verdict verdict;
	enum df_report_reason reason, note;
} CASES[] = {
	NOTE(prior, FOREIGN),
	NO(prior_of_a_third, CLINIC),
	NO(prior_from_elsewhere, SENDER),
	NO(prior_of_other_patient, PATIENT),
	NO(other_centre, SENDER),
	NO(other_sender, SENDER),
	NO(not_ours, SENDER),
	NO(other_clinic, CLINIC),
	NO(centre_other_clinic, CLINIC),
	NO(no_study, STUDY),
	NO(other_patient, PATIENT),
	NO(other_issuer, PATIENT),
	NO(no_patient, PATIENT),
	NO(other_accession, ACCESSION),
	NO(no_accession, ACCESSION),
	NO(seal_as_doctor, ROLE),
	NO(doctor_as_seal, ROLE),
	NO(wrong_previous, PREVIOUS),
	NO(conflict, CONFLICT),
	NO(after_conflict, CONFLICT),
	NO(older, OLDER),
	NO(back, BACK),
	NO(back_amended, BACK),
	NO(retracted, RETRACTED),
	NO(first_amended, FIRST),
	HOLD(gap),
	HOLD(gap_first),
	{"seal", seal, DF_REPORT_SEALED, DF_REASON_NONE, DF_REASON_NONE},
	OKAY(unknown_accession),
	OKAY(centre_itself),
	OKAY(both_images),
	OKAY(next_version),
	OKAY(amended),
	OKAY(retract),
	OKAY(replay_last),
	OKAY(replay_old),
	NOTE(older_images, IMAGES_OLDER),
	NOTE(foreign_images, IMAGES_UNKNOWN),
	NOTE(no_images, IMAGES_UNKNOWN),
	NOTE(no_manifest, IMAGES_UNKNOWN),
};

static void test_table(void **state)
{
	struct df_report_ruling r;
	struct scene s;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(CASES); i++) {
		good(&s);
		CASES[i].change(&s);
		r = df_report_rule(&s.c, &s.k, s.verified);
		if (r.verdict != CASES[i].verdict ||
		    r.reason != CASES[i].reason || r.note != CASES[i].note)
			fail_msg("%s: %s, '%s', '%s'", CASES[i].name,
				 df_report_verdict_word(r.verdict),
				 df_report_reason_word(r.reason),
				 df_report_reason_word(r.note));
		assert_int_equal(r.replay,
				 strstr(CASES[i].name, "replay") != 0);
		assert_int_equal(r.conflict, r.reason == DF_REASON_CONFLICT);
	}
}

static void test_words(void **state)
{
	unsigned i;

	(void)state;
	for (i = 1; i < DF_REASON_COUNT; i++) {
		const char *w = df_report_reason_word((enum df_report_reason)i);

		assert_int_equal(df_report_reason_from(df_text_of(w)), i);
		assert_true(df_report_reason_en((enum df_report_reason)i)[0]);
		assert_true(df_report_reason_zh((enum df_report_reason)i)[0]);
	}
	assert_int_equal(df_report_reason_from(df_text_of("nonsense")), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
