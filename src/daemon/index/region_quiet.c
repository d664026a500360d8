/*
 * region_quiet.c - a new study of a patient: what others know of him is asked
 * for before anybody thinks of it, so that it is here when the line is not.
 *
 * One question at a time, one a patient and day. What fails is asked again
 * some seconds later, then minutes, and forgotten when the room ends: whoever
 * needs it asks.
 */
#include <stdlib.h>
#include <string.h>

#include "df/clock.h"
#include "df/log.h"
#include "region.h"

#define WAITING_MAX 256
#define FRESH_MS (INT64_C(24) * 3600 * 1000)
#define NEW_MS                                                        \
	(INT64_C(3600) * 1000) /* index.db may be told old ones again \
				*/
#define AGAIN_MS 5000	       /* doubled up to */
#define AGAIN_MAX_MS 300000
#define STUDIES 64 /* remembered: most instances are of one of these */
#define FAILURES_MAX 60

struct quiet {
	struct quiet *next;
	struct df_person who;
	char purpose[96];
	unsigned failures;
};

struct region_quiet {
	struct quiet *first; /* the one that is asked for stays until it is */
	struct quiet **end;
	size_t n;
	bool asking;
	uint64_t timer;
	char studies[STUDIES][65];
	size_t at;
	int64_t again_ms;
};

static void ask_next(void *ctx);

static struct region_quiet *quiet_of(struct index *x)
{
	if (x->quiet == NULL) {
		x->quiet = df_xcalloc(1, sizeof *x->quiet);
		x->quiet->end = &x->quiet->first;
	}
	return x->quiet;
}

static struct quiet *take_first(struct region_quiet *q)
{
	struct quiet *w = q->first;

	q->first = w->next;
	if (q->first == NULL)
		q->end = &q->first;
	q->n--;
	w->next = NULL;
	return w;
}

static void append(struct region_quiet *q, struct quiet *w)
{
	*q->end = w;
	q->end = &w->next;
	q->n++;
}

static void quiet_free(struct quiet *w)
{
	explicit_bzero(w, sizeof *w);
	free(w);
}

static void ask_soon(struct index *x, int64_t wait_ms)
{
	struct region_quiet *q = quiet_of(x);

	if (q->timer == 0 && q->first != NULL)
		q->timer = df_loop_timer(df_room_loop(x->room),
					 df_clock_mono_ms() + wait_ms, ask_next,
					 x);
}

static void asked(struct index *x, void *ctx, bool answered)
{
	struct region_quiet *q = quiet_of(x);
	struct quiet *w = take_first(q);

	(void)ctx; /* the first */
	q->asking = false;
	if (answered || ++w->failures >= FAILURES_MAX)
		quiet_free(w);
	else
		append(q, w);
	q->again_ms = answered ? 0 : 2 * q->again_ms;
	if (!answered && q->again_ms < AGAIN_MS)
		q->again_ms = AGAIN_MS;
	if (q->again_ms > AGAIN_MAX_MS)
		q->again_ms = AGAIN_MAX_MS;
	ask_soon(x, q->again_ms);
}

static void ask_next(void *ctx)
{
	struct index *x = ctx;
	struct region_quiet *q = quiet_of(x);

	q->timer = 0;
	if (q->asking || q->first == NULL)
		return;
	q->asking = true;
	region_ask_quietly(x, &q->first->who, q->first->purpose, asked, NULL);
}

/* All that are asked have told it within a day; of a namesake it says nothing.
 */
static bool is_fresh(struct index *x, const struct df_person *who)
{
	struct df_person p = *who;
	const struct df_config *cfg = df_room_config(x->room);
	int64_t now = df_clock_wall_ms(), learned_ms;
	struct df_why why = {0};

	if (p.n_ids > 0)
		p.name[0] = p.reading[0] = '\0';
	for (size_t i = 0; i < cfg->n_peers; i++) {
		cJSON *answer;

		if (cfg->peers[i].url[0] == '\0')
			continue;
		if (region_recall(x, &p, cfg->peers[i].fingerprint, NULL,
				  &learned_ms, &answer, &why) != DF_OK)
			return false;
		cJSON_Delete(answer);
		if (learned_ms <= now - FRESH_MS)
			return false;
	}
	return true;
}

static bool has_peer(const struct df_config *cfg)
{
	for (size_t i = 0; i < cfg->n_peers; i++)
		if (cfg->peers[i].url[0] != '\0')
			return true;
	return false;
}

static bool seen_before(struct region_quiet *q, struct df_text uid)
{
	for (size_t i = 0; i < STUDIES; i++)
		if (df_text_eq(uid, q->studies[i]))
			return true;
	if (df_str_copy(q->studies[q->at], sizeof q->studies[0], uid) != DF_OK)
		return true; /* no UID */
	q->at = (q->at + 1) % STUDIES;
	return false;
}

void region_study_seen(struct index *x, const struct df_store_instance *i)
{
	const struct df_config *cfg = df_room_config(x->room);
	struct region_quiet *q = quiet_of(x);
	struct df_person who;
	struct quiet *w;

	if (cfg->region.ask != DF_REGION_ASK_AUTO || i->peer.len > 0 ||
	    !has_peer(cfg) || i->received_ms < df_clock_wall_ms() - NEW_MS ||
	    seen_before(q, i->study_uid))
		return;
	df_person_of(&who, i->ident[DF_IDENT_PATIENT_NAME],
		     i->ident[DF_IDENT_PATIENT_ID],
		     i->ident[DF_IDENT_PATIENT_ID_ISSUER],
		     i->ident[DF_IDENT_BIRTH_DATE], i->ident[DF_IDENT_SEX],
		     x->self);
	if (!region_person_enough(&who) || is_fresh(x, &who))
		return;
	if (q->n == WAITING_MAX)
		return; /* a person who asks is answered all the same */
	w = df_xcalloc(1, sizeof *w);
	w->who = who;
	df_str_fmt(w->purpose, sizeof w->purpose, "new study %.*s",
		   (int)i->study_uid.len, i->study_uid.ptr);
	append(q, w);
	explicit_bzero(&who, sizeof who);
	if (!q->asking)
		ask_soon(x, q->again_ms);
}
