/*
 * exam_test.c - the words of real modalities and of Chinese hospitals, and what
 * they mean by our own tables.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "df/recognition.h"

static struct df_rules *rules;

static int load(void **state)
{
	struct df_why why;

	(void)state;
	if (df_rules_load(&rules, NULL, NULL, &why) == DF_OK)
		return 0;
	(void)fprintf(stderr, "%s\n", why.text);
	return 1;
}

static int unload(void **state)
{
	(void)state;
	df_rules_free(rules);
	return 0;
}

static const struct {
	const char *modality, *part;
	const char *texts[DF_EXAM_TEXTS];
	const char *want; /* parts, or why not known */
	const char *items;
	enum df_side side;
	enum df_contrast contrast;
} WORDS[] = {
	/* as files of real scanners have them */
	{"CT",
	 "HEAD",
	 {"1A TRAUMA/PLAIN HEAD DM", "STEREOTAXIS", "1F STEREOTAXIS /Head"},
	 "HEAD",
	 "CT-HEAD",
	 0,
	 DF_CONTRAST_PLAIN},
	{"PT",
	 "",
	 {"Thorax^1HEAD_NECK_PETCT", "PET WB_0", "PET/CT,TUMOR SKULL TO THIGH"},
	 "CHEST HEAD NECK WHOLEBODY",
	 "PT-BODY",
	 0,
	 0},
	{"CT",
	 "ABDOMEN",
	 {"CT ABDOMEN/PELVIS W AND W/O IV CONTRAST", "90 sec ABD  3.0  B31f",
	  "KIDNEY_MASS_HEMATURIA_BMI_under30"},
	 "ABDOMEN KIDNEY PELVIS",
	 "CT-ABDOMEN CT-KIDNEY CT-PELVIS",
	 0,
	 DF_CONTRAST_ENHANCED},
	{"CT",
	 "",
	 {"CT, HEAD/BRAIN WO CONTRAST", "Routine Brain", "1.1 Routine Brain"},
	 "BRAIN",
	 "CT-HEAD",
	 0,
	 DF_CONTRAST_PLAIN},
	{"MR",
	 "BRAIN",
	 {"BORJAN GAGOSKI^Normal Volunteer Protocol",
	  "mocoMEMPRAGE_220FOV RMS"},
	 "BRAIN",
	 "MR-HEAD",
	 0,
	 0},
	{"CR",
	 "CSPINE",
	 {"XR C Spine Comp Min 4 Views", "Cervical OBLI 1"},
	 "CSPINE",
	 "DX-SPINE-C",
	 0,
	 0},
	{"DX",
	 "CHEST",
	 {"XR CHEST 2 VIEWS AP OR PA+LAT", "Chest PA PA"},
	 "CHEST",
	 "DX-CHEST",
	 0,
	 0},
	{"CR", "", {"THORAX"}, "CHEST", "DX-CHEST", 0, 0},
	{"CR", "BACINO", {"BACINO ANCA"}, "PELVIS", "DX-PELVIS", 0, 0},
	{"US", "", {"Carotids"}, "CAROTID", "US-CAROTID", 0, 0},
	{"US", "", {"Thyroid"}, "THYROID", "US-THYROID", 0, 0},
	{"US", "", {"Cardiac Echo"}, "HEART", "US-HEART", 0, 0},
	{"NM",
	 "WHOLE BODY",
	 {"Whole Body Bone", "Whole Body Bone"},
	 "SKELETON WHOLEBODY",
	 "NM-BONE",
	 0,
	 0},
	{"MR",
	 "",
	 {"head^general", "T/S/C RF FAST PILOT"},
	 "HEAD",
	 "MR-HEAD",
	 0,
	 0},
	{"CR", "", {"KNEE"}, "KNEE", "DX-KNEE", 0, 0},
	{"MG",
	 "BREAST",
	 {"PUNCTIE BORST LINKS"},
	 "BREAST",
	 "MG-BREAST",
	 DF_SIDE_LEFT,
	 0},
	{"OT", "", {"ECG"}, "no-modality", "", 0, 0},
	{"CT", "", {"Testing File-set"}, "no-part", "", 0, 0},
	{"CT", "", {"phantom", "e+1"}, "no-part", "", 0, 0},
	/* as hospitals here write them */
	{"CT", "", {"胸部平扫"}, "CHEST", "CT-CHEST", 0, DF_CONTRAST_PLAIN},
	{"CT", "", {"CT chest w/o"}, "CHEST", "CT-CHEST", 0, DF_CONTRAST_PLAIN},
	{"CT", "", {"Thorax^1_ThorRoutine"}, "CHEST", "CT-CHEST", 0, 0},
	{"CT", "", {"头颅CT平扫"}, "HEAD", "CT-HEAD", 0, DF_CONTRAST_PLAIN},
	{"CR", "", {"L-SPINE"}, "LSPINE", "DX-SPINE-L", 0, 0},
	{"DX", "", {"腰椎正侧位"}, "LSPINE", "DX-SPINE-L", 0, 0},
	{"CT",
	 "",
	 {"胸腹部CT增强"},
	 "ABDOMEN CHEST",
	 "CT-CHEST CT-ABDOMEN",
	 0,
	 DF_CONTRAST_ENHANCED},
	{"CT",
	 "",
	 {"胸部CT平扫+增强"},
	 "CHEST",
	 "CT-CHEST",
	 0,
	 DF_CONTRAST_ENHANCED},
	{"DX", "", {"左膝关节正侧位"}, "KNEE", "DX-KNEE", DF_SIDE_LEFT, 0},
	{"DX", "", {"双膝关节负重位"}, "KNEE", "DX-KNEE", DF_SIDE_BOTH, 0},
	{"DX", "KNEE", {"R Knee AP/LAT"}, "KNEE", "DX-KNEE", DF_SIDE_RIGHT, 0},
	{"CR/DX/SR", "CHEST", {"胸部正侧位"}, "CHEST", "DX-CHEST", 0, 0},
	{"CT", "", {"胸椎CT"}, "TSPINE", "CT-SPINE-T", 0, 0},
	{"DX", "SPINE", {"C-SPINE AP"}, "CSPINE", "DX-SPINE-C", 0, 0},
	{"CT",
	 "",
	 {"颈胸椎CT"},
	 "CSPINE TSPINE",
	 "CT-SPINE-C CT-SPINE-T",
	 0,
	 0},
	{"CT", "", {"股骨头CT平扫"}, "HIP", "CT-JOINT", 0, DF_CONTRAST_PLAIN},
	{"US",
	 "",
	 {"肝胆胰脾彩超"},
	 "GALLBLADDER LIVER PANCREAS SPLEEN",
	 "US-ABDOMEN",
	 0,
	 0},
	{"CT", "", {"胸部CT"}, "CHEST", "CT-CHEST", 0, 0},
	{"CT", "", {"HeadSeq"}, "HEAD", "CT-HEAD", 0, 0},
	{"CT", "", {"Spine^LSpineRoutine"}, "LSPINE", "CT-SPINE-L", 0, 0},
	{"CT", "", {"Extremities^KneeHR"}, "KNEE", "CT-JOINT", 0, 0},
	{"CT", "", {"ThorRoutine"}, "CHEST", "CT-CHEST", 0, 0},
	{"CT",
	 "",
	 {"冠脉CTA"},
	 "CORONARY",
	 "CT-HEART",
	 0,
	 DF_CONTRAST_ENHANCED},
	{"CT",
	 "",
	 {"头颈部CTA"},
	 "BRAINVESSEL CAROTID",
	 "CT-ANGIO-HEAD",
	 0,
	 DF_CONTRAST_ENHANCED},
	{"CT",
	 "",
	 {"肺动脉CTA"},
	 "PULMONARYARTERY",
	 "CT-ANGIO-LUNG",
	 0,
	 DF_CONTRAST_ENHANCED},
	{"MR", "", {"头颅MR平扫+DWI"}, "HEAD", "MR-HEAD", 0, DF_CONTRAST_PLAIN},
	{"CT", "", {"上颌窦CT"}, "SINUS", "CT-SINUS", 0, 0},
	{"DX",
	 "",
	 {"全脊柱正侧位"},
	 "CSPINE LSPINE TSPINE",
	 "DX-SPINE-C DX-SPINE-T DX-SPINE-L",
	 0,
	 0},
	{"DX", "", {"膝关节(左)正侧位"}, "KNEE", "DX-KNEE", DF_SIDE_LEFT, 0},
	{"DX", "", {"右踇趾正斜位"}, "TOE", "DX-FOOT", DF_SIDE_RIGHT, 0},
	{"DX", "", {"W033 Chest p.a."}, "CHEST", "DX-CHEST", 0, 0},
	{"US", "", {"腹股沟彩超"}, "no-part", "", 0, 0},
	{"US", "", {"双下肢动静脉彩超"}, "no-part", "", DF_SIDE_BOTH, 0},
	{"MR", "", {"phantom", "2D 16Echo qT2"}, "no-part", "", 0, 0},
	{"DX",
	 "",
	 {"左膝、右踝正侧位"},
	 "ANKLE KNEE",
	 "DX-KNEE DX-ANKLE",
	 DF_SIDE_NONE,
	 0},
	{"DX", "", {"左膝, 右侧胸部"}, "CHEST KNEE", "DX-CHEST DX-KNEE", 0, 0},
	{"DX", "", {"KNEE L", "KNEE R"}, "KNEE", "DX-KNEE", DF_SIDE_BOTH, 0},
	{"DX",
	 "",
	 {"左肩", "右肩"},
	 "SHOULDER",
	 "DX-SHOULDER",
	 DF_SIDE_BOTH,
	 0},
	/* what must not be read into them */
	{"CT", "", {"术后复查"}, "no-part", "", 0, 0},
	{"CT", "", {"手术计划"}, "no-part", "", 0, 0},
	{"CT", "", {"头先进"}, "no-part", "", 0, 0},
	{"CT", "", {"OVERHEAD"}, "no-part", "", 0, 0},
	{"CT", "", {"Head First Supine"}, "no-part", "", 0, 0},
	{"MR", "", {"PHASE CONTRAST brain"}, "BRAIN", "MR-HEAD", 0, 0},
	{"CT",
	 "CHEST",
	 {"头颅CT平扫"},
	 "contradiction",
	 "",
	 0,
	 DF_CONTRAST_PLAIN},
	{"CT", "CHEST", {"腰椎"}, "contradiction", "", 0, 0},
	{"CT", "WHOLEBODY", {""}, "no-item", "", 0, 0},
	{"PT/CT", "", {"胸部"}, "no-item", "", 0, 0},
	{"", "CHEST", {""}, "no-modality", "", 0, 0},
	{"SR", "CHEST", {""}, "no-modality", "", 0, 0},
};

static const char *const KNOWN[] = {
	[DF_EXAM_NO_MODALITY] = "no-modality",
	[DF_EXAM_NO_PART] = "no-part",
	[DF_EXAM_CONTRADICTION] = "contradiction",
	[DF_EXAM_NO_ITEM] = "no-item",
};

static void join(char *to, size_t cap, char (*codes)[DF_RULES_CODE], size_t n)
{
	to[0] = '\0';
	for (size_t i = 0; i < n; i++)
		(void)snprintf(to + strlen(to), cap - strlen(to), "%s%s",
			       i ? " " : "", codes[i]);
}

static void test_words(void **state)
{
	int wrong = 0;

	(void)state;
	for (size_t i = 0; i < sizeof WORDS / sizeof *WORDS; i++) {
		struct df_exam_words w = {.modality = WORDS[i].modality,
					  .body_part = WORDS[i].part};
		struct df_exam_meaning m;
		char parts[400], items[400];

		memcpy(w.texts, WORDS[i].texts, sizeof w.texts);
		df_exam_understand(rules, &w, &m);
		join(parts, sizeof parts, m.parts, m.n_parts);
		join(items, sizeof items, m.items, m.n_items);
		if (m.known != DF_EXAM_KNOWN)
			(void)snprintf(parts, sizeof parts, "%s",
				       KNOWN[m.known]);
		if (!strcmp(parts, WORDS[i].want) &&
		    !strcmp(items, WORDS[i].items) && m.side == WORDS[i].side &&
		    m.contrast == WORDS[i].contrast)
			continue;
		wrong++;
		(void)fprintf(stderr,
			      "%s '%s' '%s': %s; %s; side %d, contrast "
			      "%d\n",
			      WORDS[i].modality, WORDS[i].part,
			      WORDS[i].texts[0] ? WORDS[i].texts[0] : "", parts,
			      items, (int)m.side, (int)m.contrast);
	}
	assert_int_equal(wrong, 0);
}

static void assert_contrasts(const char *const *texts, size_t n,
			     enum df_contrast want)
{
	struct df_exam_meaning m;

	for (size_t i = 0; i < n; i++) {
		const struct df_exam_words w = {.texts = {texts[i]}};

		df_exam_understand(rules, &w, &m);
		if (m.contrast != want)
			fail_msg("'%s': contrast %d", texts[i],
				 (int)m.contrast);
	}
}

/* What is said not to be there is not there; what was made without and with is
 * with. */
static void test_contrast(void **state)
{
	static const char *const PLAIN[] = {
		"非增强",
		"非增强扫描",
		"不增强",
		"未增强",
		"未行增强",
		"未做增强",
		"没有增强",
		"无增强",
		"无强化",
		"未见强化",
		"不做三期增强",
		"平扫, 未增强",
		"无需增强",
		"暂不增强",
		"增强前",
		"NO CONTRAST",
		"NO IV CONTRAST",
		"pre contrast",
		"PRE-GD",
		"W/O CONTRAST",
		"W/O IV CONTRAST",
		"WITHOUT CONTRAST",
		"WITHOUT ANY CONTRAST",
		"without intravenous contrast",
		"WITHOUT GADOLINIUM",
		"WITHOUT ORAL OR IV CONTRAST",
		"WO IV CONTRAST",
		"W/O GD",
		"NO GD",
		"no C+",
		"NON-CONTRAST",
		"NON IV CONTRAST",
		"NON-ENHANCED",
		"NOT ENHANCED",
		"NON CE",
	};
	static const char *const ENHANCED[] = {
		"平扫+增强",
		"非增强+增强",
		"无 头痛, 增强",
		"W/O AND W CONTRAST",
		"W/O, W CONTRAST",
		"WITHOUT AND WITH CONTRAST",
		"WITH/WITHOUT CONTRAST",
		"WITH AND WITHOUT IV CONTRAST",
		"W+WO CONTRAST",
		"PRE/POST CONTRAST",
		"PRE AND POST CONTRAST",
		"PRE+POST GD",
		"NO ORAL, WITH IV CONTRAST",
		"过敏史: 无, 增强",
		"NO FEVER. CONTRAST",
	};
	static const char *const UNSAID[] = {"NO ORAL CONTRAST", "无, PRE-OP",
					     "WITHOUT ORAL CONTRAST"};

	static const char *const MAYBE[] = {
		"必要时增强",
		"胸部平扫, 必要时增强",
		"增强扫描(必要时)",
		"酌情增强",
		"with contrast if needed",
		"CHEST W CONTRAST IF NECESSARY",
		"± contrast",
		"CHEST +/- CONTRAST",
		"contrast as needed",
	};

	(void)state;
	assert_contrasts(MAYBE, sizeof MAYBE / sizeof *MAYBE,
			 DF_CONTRAST_MAYBE);
	assert_contrasts(PLAIN, sizeof PLAIN / sizeof *PLAIN,
			 DF_CONTRAST_PLAIN);
	assert_contrasts(ENHANCED, sizeof ENHANCED / sizeof *ENHANCED,
			 DF_CONTRAST_ENHANCED);
	assert_contrasts(UNSAID, sizeof UNSAID / sizeof *UNSAID,
			 DF_CONTRAST_UNSAID);
}

static void test_procedure(void **state)
{
	const struct df_exam_words w = {
		.modality = "CT",
		.procedure = "42274-1",
		.scheme = "2.16.840.1.113883.6.1",
		.texts = {"CT Abd+Pelvis WO+W contr IV"},
	};
	struct df_exam_meaning m;

	(void)state;
	df_exam_understand(rules, &w, &m);
	assert_int_equal(m.known, DF_EXAM_KNOWN);
	assert_int_equal(m.n_items, 2);
	assert_string_equal(m.items[0], "CT-ABDOMEN");
	assert_string_equal(m.items[1], "CT-PELVIS");
	assert_int_equal(m.contrast, DF_CONTRAST_ENHANCED);
}

static void test_meet(void **state)
{
	static const struct {
		struct df_exam_words a, b;
		bool want;
	} PAIRS[] = {
		{{.modality = "DX"}, {.modality = "CR/SR"}, true},
		{{.modality = "CT"}, {.modality = "CT/PT"}, true},
		{{.modality = "CT"}, {.modality = "MR"}, false},
		{{.modality = "CT"}, {.modality = ""}, true},
		{{.body_part = "CHEST"}, {.texts = {"胸部平扫"}}, true},
		{{.body_part = "CHEST"}, {.body_part = "LUNG"}, true},
		{{.body_part = "CHEST"}, {.body_part = "HEAD"}, false},
		{{.body_part = "CHEST"}, {.texts = {"胸腹部CT"}}, true},
		{{.body_part = "CHEST"}, {.body_part = "XYZ"}, true},
		{{.body_part = "SPINE"}, {.body_part = "LSPINE"}, true},
		{{.texts = {"胸部DR"}}, {.modality = "CR"}, true},
		{{.texts = {"胸部DR"}}, {.modality = "CT"}, false},
		{{.texts = {"胸部DR"}, .modality = "CT"},
		 {.modality = "CT"},
		 true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof PAIRS / sizeof *PAIRS; i++)
		if (df_exam_words_meet(rules, &PAIRS[i].a, &PAIRS[i].b) !=
			    PAIRS[i].want ||
		    df_exam_words_meet(rules, &PAIRS[i].b, &PAIRS[i].a) !=
			    PAIRS[i].want)
			fail_msg("pair %zu", i);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_contrast),
		cmocka_unit_test(test_procedure),
		cmocka_unit_test(test_meet),
	};

	return cmocka_run_group_tests(tests, load, unload);
}
