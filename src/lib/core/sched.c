/* sched.c - see df/sched.h. Linear: at most some hundreds of jobs wait. */
#include "df/sched.h"

#include <stdlib.h>
#include <string.h>

/* Sources and studies share one memory of when they were served. */
static uint64_t source_key(const struct df_sched_job *j)
{
	return ((uint64_t)j->source + 1) << 48;
}

static uint64_t study_key(const struct df_sched_job *j)
{
	return source_key(j) | ((j->study & 0xffffffffffffu) + 1);
}

static uint64_t served_at(const struct df_sched *s, uint64_t key)
{
	size_t slot = (size_t)(key * 0x9e3779b97f4a7c15u >> 56);

	return s->served[slot].key == key ? s->served[slot].at : 0;
}

static void serve(struct df_sched *s, uint64_t key)
{
	size_t slot = (size_t)(key * 0x9e3779b97f4a7c15u >> 56);

	s->served[slot].key = key;
	s->served[slot].at = ++s->clock;
}

void df_sched_release(struct df_sched *s)
{
	free(s->jobs);
	*s = (struct df_sched){0};
}

void df_sched_add(struct df_sched *s, const struct df_sched_job *job)
{
	if (s->n == s->cap) {
		s->cap = s->cap == 0 ? 16 : 2 * s->cap;
		s->jobs = df_xrealloc(s->jobs, s->cap * sizeof *s->jobs);
	}
	s->jobs[s->n] = *job;
	s->jobs[s->n++].order = ++s->clock;
}

static bool before(const struct df_sched *s, const struct df_sched_job *a,
		   const struct df_sched_job *b)
{
	uint64_t x, y;

	if (a->priority != b->priority)
		return a->priority > b->priority;
	x = served_at(s, source_key(a));
	y = served_at(s, source_key(b));
	if (x != y)
		return x < y;
	x = served_at(s, study_key(a));
	y = served_at(s, study_key(b));
	if (x != y)
		return x < y;
	return a->order < b->order;
}

static void *take(struct df_sched *s, size_t i)
{
	void *ctx = s->jobs[i].ctx;

	s->jobs[i] = s->jobs[--s->n]; /* `order` keeps the age */
	return ctx;
}

void *df_sched_next(struct df_sched *s)
{
	size_t best = 0;

	if (s->n == 0)
		return NULL;
	for (size_t i = 1; i < s->n; i++)
		if (before(s, &s->jobs[i], &s->jobs[best]))
			best = i;
	serve(s, source_key(&s->jobs[best]));
	serve(s, study_key(&s->jobs[best]));
	return take(s, best);
}

void df_sched_urge(struct df_sched *s, uint64_t study, uint32_t by)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->jobs[i].study == study && s->jobs[i].priority < by)
			s->jobs[i].priority += by;
}

bool df_sched_drop(struct df_sched *s, const void *ctx)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->jobs[i].ctx == ctx) {
			(void)take(s, i); /* the caller has ctx */
			return true;
		}
	return false;
}
