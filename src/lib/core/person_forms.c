/*
 * person_forms.c - a name in the forms in which it can be compared.
 */
#include <string.h>

#include "df/person_name.h"
#include "identity_text.h"

static bool is_mark(uint32_t c)
{
	return c == '^' || c == '.' || c == ',' || c == '-' || c == '\'' ||
	       c == '_' || c == 0xb7 || c == 0x2022 || c == 0x2027 ||
	       c == 0x30fb || c == 0xff65; /* the dots between its parts */
}

/* Appends a text without what is written or not. */
static void fold(char to[DF_PERSON_NAME_CAP], size_t *n, struct df_text t,
		 bool *latin)
{
	uint32_t c;

	while ((c = df_fold_next(&t)) != 0) {
		if (df_fold_is_space(c) || is_mark(c))
			continue;
		if (c >= 'A' && c <= 'Z')
			c += 'a' - 'A';
		*latin &= c < 0x80;
		if (*n + 5 > DF_PERSON_NAME_CAP)
			break; /* folding only shortens: cannot be */
		*n += df_fold_put(to + *n, c);
	}
	to[*n] = '\0';
}

/* Who is not named, has no name that could equal another's. */
static bool is_nobody(const char *form)
{
	static const char *const nobody[] = {
		"",	   "anonymous", "anonymized", "anon", "unknown",
		"noname",  "none",	"null",	      "test", "patient",
		"xx",	   "xxx",	"匿名",	      "无名", "无名氏",
		"未知",	   "不详",	"测试",	      "患者", "病人",
		"急诊患者"};

	for (size_t i = 0; i < sizeof nobody / sizeof *nobody; i++)
		if (!strcmp(form, nobody[i]))
			return true;
	return false;
}

static void add_form(struct df_name_forms *f, const struct df_text *parts,
		     size_t n_parts)
{
	size_t n = 0;
	char *to;

	if (f->n == DF_PERSON_FORMS)
		return;
	to = f->form[f->n];
	f->latin[f->n] = true;
	to[0] = '\0';
	for (size_t i = 0; i < n_parts; i++)
		if (i != DF_PN_PREFIX) /* "Dr", written or not */
			fold(to, &n, parts[i], &f->latin[f->n]);
	if (is_nobody(to))
		return;
	for (size_t i = 0; i < f->n; i++)
		if (!strcmp(f->form[i], to))
			return;
	f->n++;
}

void df_person_forms(const struct df_person *p, struct df_name_forms *f)
{
	struct df_text readings = df_text_of(p->reading), line;
	struct df_person_name name;

	f->n = 0;
	df_person_name_split(&name, df_text_of(p->name));
	for (int group = 0; group < DF_PN_GROUPS; group++)
		add_form(f, name.part[group], DF_PN_PARTS);
	/* the reading of nobody's name is no name */
	while (f->n > 0 && df_text_line(&readings, &line))
		add_form(f, &line, 1);
}
