/*
 * identity_fuzz.c - two records of any bytes: seven fields each, divided by
 * NUL. What is found must not depend on which comes first, nothing may be cut,
 * and what was normalised once stays as it is.
 */
#include <stdlib.h>
#include <string.h>

#include "df/identity.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct df_text field(struct df_text *rest)
{
	const char *end = rest->len ? memchr(rest->ptr, '\0', rest->len) : NULL;
	struct df_text t = {rest->ptr,
			    end ? (size_t)(end - rest->ptr) : rest->len};

	rest->ptr += t.len + (end != NULL);
	rest->len -= t.len + (end != NULL);
	return t;
}

static void person(struct df_person *p, struct df_text *rest)
{
	struct df_text name = field(rest), id = field(rest);
	struct df_text issuer = field(rest), birth = field(rest);
	struct df_text sex = field(rest), reading = field(rest);
	/* a fingerprint of ours, never a stranger's bytes */
	const char *node = field(rest).len % 2 ? "a" : "b";

	df_person_of(p, name, id, issuer, birth, sex, node);
	if (df_str_copy(p->reading, sizeof p->reading, reading) != DF_OK)
		p->reading[0] = '\0';
}

static void normal_stays(const struct df_person *p)
{
	for (size_t i = 0; i < p->n_ids; i++) {
		const struct df_identifier *id = &p->ids[i];
		struct df_identifier again;

		if (strlen(id->number) >= sizeof id->number ||
		    !df_identifier_set(&again, id->type, df_text_of(id->number),
				       df_text_of(id->issuer)) ||
		    strcmp(again.number, id->number) != 0)
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct df_text rest = {(const char *)data, size};
	struct df_person a, b;
	struct df_match_result x, y;
	struct df_identifier id;

	person(&a, &rest);
	person(&b, &rest);
	normal_stays(&a);
	normal_stays(&b);
	x = df_person_match(&a, &b);
	y = df_person_match(&b, &a);
	if (x.match != y.match || x.reasons != y.reasons)
		abort();
	if (df_person_match(&a, &a).match == DF_MATCH_CONTRADICTION)
		abort();
	(void)df_identifier_parse(&id,
				  (struct df_text){(const char *)data, size},
				  "node"); /* any answer is fine */
	return 0;
}
