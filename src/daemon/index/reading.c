/*
 * reading.c - lends the store how a name is read (ICU) and who we are.
 *
 * ICU's tables are loaded at the first name. Where they are missing names are
 * found by their characters only; that is said once.
 */
#include <string.h>

#include "df/log.h"
#include "index.h"

static size_t read_name(void *ctx, struct df_text group,
			struct df_name_reading *out)
{
	static bool said;
	struct index *x = ctx;
	struct df_why why = {0};
	struct df_pinyin p = {0};
	size_t i;

	if (x->pinyin == NULL)
		x->pinyin = df_pinyin_reader_new();
	if (df_pinyin_read(x->pinyin, group, &p, &why) != DF_OK) {
		if (!said)
			df_log(DF_LOG_WARN, "index.no-readings",
			       DF_F_ERR(&why));
		said = true;
		return 0;
	}
	for (i = 0; i < p.n && i < DF_NAME_READINGS; i++) {
		/* what is longer is found by its beginning */
		df_str_fmt(out[i].full, sizeof out[i].full, "%.*s",
			   (int)sizeof out[i].full - 1, p.reading[i].full);
		df_str_fmt(out[i].initials, sizeof out[i].initials, "%.*s",
			   (int)sizeof out[i].initials - 1,
			   p.reading[i].initials);
	}
	return i;
}

void index_lend(struct index *x)
{
	struct df_store_lent lent = {.ctx = x, .read = read_name};

	memcpy(lent.self, x->self, sizeof lent.self);
	df_store_lend(x->store, &lent);
}
