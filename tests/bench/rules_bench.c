/*
 * rules_bench.c - bench-rules: what it takes to read the tables of recognition
 * and to judge an exam; docs/performance.md. With a number: so many
 * institutions and marks besides ours.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "df/clock.h"
#include "df/recognition.h"

#define LOADS 20
#define JUDGED 20000

static enum df_err table(void *ctx, const char *file, struct df_buf *to,
			 struct df_why *why)
{
	const unsigned long n = *(const unsigned long *)ctx;
	const bool marks = !strcmp(file, "marks.tsv");
	enum df_err rc;

	if (!marks && strcmp(file, "institutions.tsv") != 0)
		return DF_E_NOTFOUND;
	rc = df_buf_addf(to, why,
			 marks ? "institution\tarea\tfrom\tto\titems\n"
			       : "institution\tnames\tareas\n");
	for (unsigned long i = 0; i < n && rc == DF_OK; i++)
		rc = marks ? df_buf_addf(to, why,
					 "h%lu\tCN-33\t20260101\t20261231\t"
					 "CT-*,DX-*\n",
					 i)
			   : df_buf_addf(to, why, "h%lu\t第%lu医院\tCN-33\n", i,
					 i);
	return rc;
}

int main(int argc, char **argv)
{
	static const struct df_exam exam = {
		.words = {.modality = "CT/SR",
			  .body_part = "ABDOMEN",
			  .texts = {"CT ABDOMEN/PELVIS W AND W/O IV CONTRAST",
				    "KIDNEY_MASS_HEMATURIA_BMI_under30"}},
		.institution = "第1医院",
		.date = "20261101",
		.instances = 300,
		.patient_exact = true,
		.report = DF_EXAM_REPORT_SIGNED,
	};
	static const struct df_asking asking = {
		.institution = "第0医院",
		.today = "20261115",
		.wanted = {.modality = "CT", .texts = {"腹部CT平扫"}},
	};
	unsigned long n = argc > 1 ? strtoul(argv[1], NULL, 10) : 2;
	struct df_rules *r = NULL;
	struct df_why why = {0};
	struct df_verdict v;
	int64_t t0 = df_clock_mono_us();

	for (int i = 0; i < LOADS; i++) {
		df_rules_free(r);
		if (df_rules_load(&r, table, &n, &why) != DF_OK) {
			(void)fprintf(stderr, "%s\n", why.text);
			return 1;
		}
	}
	(void)printf("tables read and checked: %.1f ms\n",
		     (double)(df_clock_mono_us() - t0) / LOADS / 1000);
	t0 = df_clock_mono_us();
	for (int i = 0; i < JUDGED; i++)
		df_recognition_judge(r, &exam, &asking, &v);
	(void)printf("one exam judged (%s, %zu reasons): %.1f us\n",
		     df_recognise_word(v.recognise), v.n_reasons,
		     (double)(df_clock_mono_us() - t0) / JUDGED);
	df_rules_free(r);
	return 0;
}
