/* retention.c - the conditions, as a table. See df/retention.h. */
#include "df/retention.h"

#include <stddef.h>

struct condition {
	enum df_keep keep;
	bool (*holds)(const struct df_retention_facts *f,
		      const struct df_retention *p);
};

#define KEEPS_WHEN(name, expression)                                           \
	static bool name(const struct df_retention_facts *f,                   \
			 const struct df_retention *p)                         \
	{                                                                      \
		(void)f, (void)p;                                              \
		return expression;                                             \
	}

KEEPS_WHEN(is_empty, f->instances == 0)
KEEPS_WHEN(holds_more, f->aside > 0)
KEEPS_WHEN(is_unindexed, f->unindexed > 0)
KEEPS_WHEN(is_report, f->reports > 0)
KEEPS_WHEN(is_unsent, f->unsent > 0)
KEEPS_WHEN(is_unreceipted, f->unreceipted > 0)
KEEPS_WHEN(is_unheld, f->unheld > 0)
KEEPS_WHEN(is_promised, f->promised > 0)
KEEPS_WHEN(is_open, f->study_open)
KEEPS_WHEN(study_waits, f->study_waiting > 0)
KEEPS_WHEN(is_fetching, f->fetching)
/* a clock that went back makes it younger, never older */
KEEPS_WHEN(is_fetched,
	   f->fetched_ms > 0 && f->now_ms - f->fetched_ms < p->fetched_ms)
KEEPS_WHEN(is_young,
	   !p->short_of_space &&
		   (p->keep_ms <= 0 || f->confirmed_ms <= 0 ||
		    f->now_ms < f->confirmed_ms ||
		    f->now_ms - f->confirmed_ms < p->keep_ms))

static const struct condition conditions[] = {
	{DF_KEEP_EMPTY, is_empty},
	{DF_KEEP_ASIDE, holds_more},
	{DF_KEEP_UNINDEXED, is_unindexed},
	{DF_KEEP_REPORT, is_report},
	{DF_KEEP_UNSENT, is_unsent},
	{DF_KEEP_UNRECEIPTED, is_unreceipted},
	{DF_KEEP_UNHELD, is_unheld},
	{DF_KEEP_PROMISED, is_promised},
	{DF_KEEP_OPEN, is_open},
	{DF_KEEP_STUDY, study_waits},
	{DF_KEEP_FETCHING, is_fetching},
	{DF_KEEP_FETCHED, is_fetched},
	{DF_KEEP_YOUNG, is_young},
};
#define N_CONDITIONS (sizeof conditions / sizeof conditions[0])

static enum df_keep judge(const struct condition *table, size_t n,
			  const struct df_retention_facts *f,
			  const struct df_retention *p)
{
	for (size_t i = 0; i < n; i++)
		if (table[i].holds(f, p))
			return table[i].keep;
	return DF_KEEP_NOT;
}

enum df_keep df_retention_judge(const struct df_retention_facts *f,
				const struct df_retention *policy)
{
	return judge(conditions, N_CONDITIONS, f, policy);
}
