/* references.c - lists of SOP instances as text. See df/references.h. */
#include "df/references.h"

#include <stdlib.h>
#include <string.h>

#include "df/hash.h"
#include "lines.h"

void df_references_release(struct df_references *l)
{
	free(l->v);
	*l = (struct df_references){0};
}

enum df_err df_references_add(struct df_references *l,
			      const struct df_reference *r, struct df_why *why)
{
	if (l->n >= DF_REFERENCES_MAX)
		return df_fail(why, DF_E_LIMIT, "more than %d instances",
			       DF_REFERENCES_MAX);
	if (l->n == 0 || (l->n >= 16 && (l->n & (l->n - 1)) == 0))
		l->v = df_xrealloc(l->v,
				   (l->n == 0 ? 16 : 2 * l->n) * sizeof *l->v);
	l->v[l->n++] = *r;
	return DF_OK;
}

size_t df_references_bad(const struct df_references *l)
{
	size_t n = 0;

	for (size_t i = 0; i < l->n; i++)
		n += l->v[i].reason != DF_REFERENCE_GOOD;
	return n;
}

enum df_err df_references_encode(struct df_buf *to,
				 const struct df_references *l,
				 struct df_why *why)
{
	enum df_err rc = DF_OK;

	for (size_t i = 0; i < l->n && rc == DF_OK; i++) {
		const struct df_reference *r = &l->v[i];

		rc = df_buf_addf(to, why, "%s %s", r->sop_class,
				 r->sop_instance);
		if (rc == DF_OK && r->reason != DF_REFERENCE_GOOD)
			rc = df_buf_addf(to, why, " %04x", r->reason);
		if (rc == DF_OK)
			rc = df_buf_addf(to, why, "\n");
	}
	return rc;
}

static bool uid_take(char to[65], struct df_text t)
{
	return df_uid_valid(t) && df_str_copy(to, 65, t) == DF_OK;
}

static bool line_take(struct df_reference *r, struct df_text line)
{
	struct df_text rest = line, reason;
	uint8_t b[2] = {0};

	if (!uid_take(r->sop_class, df_lines_split(&rest)) ||
	    !uid_take(r->sop_instance, df_lines_split(&rest)))
		return false;
	reason = df_lines_split(&rest);
	if (reason.len > 0 && !df_hex_decode(b, sizeof b, reason))
		return false;
	r->reason = df_get_u16(b);
	return rest.len == 0 && (reason.len == 0) == (r->reason == 0);
}

enum df_err df_references_decode(struct df_references *l, struct df_text text,
				 struct df_why *why)
{
	struct df_text line;
	enum df_err rc = DF_OK;

	*l = (struct df_references){0};
	if (text.len > 0 && text.ptr[text.len - 1] != '\n')
		return df_fail(why, DF_E_FORMAT, "list of instances is cut");
	while (rc == DF_OK && df_text_line(&text, &line)) {
		struct df_reference r = {0};

		if (line_take(&r, line))
			rc = df_references_add(l, &r, why);
		else
			rc = df_fail(why, DF_E_FORMAT,
				     "list of instances: line %zu is bad",
				     l->n + 1);
	}
	if (rc != DF_OK)
		df_references_release(l);
	return rc;
}

static int by_uid(const void *a, const void *b)
{
	const struct df_reference *x = *(const struct df_reference *const *)a;
	const struct df_reference *y = *(const struct df_reference *const *)b;
	int order = strcmp(x->sop_instance, y->sop_instance);

	return order != 0 ? order : strcmp(x->sop_class, y->sop_class);
}

void df_references_digest(const struct df_references *l, struct df_digest *d)
{
	const struct df_reference **order =
		df_xcalloc(l->n + 1, sizeof(*order));
	struct df_buf text;

	for (size_t i = 0; i < l->n; i++)
		order[i] = &l->v[i];
	qsort(order, l->n, sizeof(*order), by_uid);
	df_buf_init(&text, DF_REFERENCES_TEXT_MAX);
	for (size_t i = 0; i < l->n; i++)
		if (df_buf_addf(&text, NULL, "%s %s\n", order[i]->sop_class,
				order[i]->sop_instance) != DF_OK)
			df_bug("a list of instances is too long");
	df_hash_bytes(d, text.ptr, text.len);
	df_buf_release(&text);
	free(order);
}
