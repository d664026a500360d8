/*
 * change.c - the configuration is read, changed, and the node ends in order.
 *
 * A reload is parsed and checked first; a wrong one changes nothing. Then new
 * associations wait (nobody is refused), those under way may finish, and the
 * rooms that the change concerns are drained and started with the new text.
 */
#include "supervise.h"

#include <fcntl.h>
#include <string.h>

#include "df/clock.h"
#include "df/file.h"
#include "df/log.h"

#define SETTLE_MS 10000
#define ALL_ROLES UINT32_MAX

enum df_err config_load(struct df_config *cfg, int *fd, struct df_why *why)
{
	struct df_buf text;
	enum df_err err;

	*fd = -1;
	df_buf_init(&text, DF_CONFIG_MAX);
	err = df_file_read(AT_FDCWD, "config.ini", DF_CONFIG_MAX, &text, why);
	if (err == DF_OK)
		err = df_config_parse((const char *)text.ptr, text.len, cfg,
				      why);
	if (err == DF_OK)
		err = df_memfd_new(fd, "configuration", why);
	if (err == DF_OK)
		err = df_write_all(*fd, text.ptr, text.len, why);
	if (err == DF_OK)
		err = df_memfd_seal(*fd, why);
	df_buf_release(&text);
	if (err != DF_OK) {
		df_config_release(cfg);
		df_fd_close(fd);
	}
	return err;
}

/* --- reload --------------------------------------------------------------- */

static bool same(const void *a, size_t n_a, const void *b, size_t n_b,
		 size_t size)
{
	return n_a == n_b && (n_a == 0 || memcmp(a, b, n_a * size) == 0);
}

/* The next at or after i that queue and deliver-dimse know of, too: it is
 * urgent, or takes reports. NULL: there is none. */
static const struct df_modality *known_on(const struct df_config *c, size_t *i)
{
	for (; *i < c->n_modalities; ++*i) {
		const struct df_modality *m = &c->modalities[*i];

		if (m->stat || m->reports.host[0] != '\0')
			return m;
	}
	return NULL;
}

static bool known_same(const struct df_config *a, const struct df_config *b)
{
	const struct df_modality *x, *y;

	for (size_t i = 0, k = 0;; i++, k++) {
		x = known_on(a, &i);
		y = known_on(b, &k);
		if (x == NULL || y == NULL)
			return x == y;
		if (memcmp(x, y, sizeof *x) != 0)
			return false;
	}
}

/* Which roles read something that differs. Structs of a parsed configuration
 * are zeroed first, so that memcmp sees values only; a false difference costs
 * a restart. */
static unsigned roles_changed(const struct df_config *a,
			      const struct df_config *b)
{
	unsigned roles = 0;

	if (!same(a->modalities, a->n_modalities, b->modalities,
		  b->n_modalities, sizeof *a->modalities))
		roles |= DF_ROLE_BIT(RECEIVE);
	if (!known_same(a, b))
		roles |= DF_ROLE_BIT(QUEUE);
	if (!same(a->destinations, a->n_destinations, b->destinations,
		  b->n_destinations, sizeof *a->destinations))
		roles |= DF_ROLE_BIT(QUEUE) | DF_ROLE_BIT(DELIVER_DIMSE) |
			 DF_ROLE_BIT(DELIVER_HTTPS);
	/* joining a centre also changes certificates */
	if (!same(a->peers, a->n_peers, b->peers, b->n_peers, sizeof *a->peers))
		roles |= DF_ROLE_BIT(QUEUE) | DF_ROLE_BIT(DELIVER_HTTPS) |
			 DF_ROLE_BIT(KEYS) | DF_ROLE_BIT(FRONT) |
			 DF_ROLE_BIT(INDEX); /* whose reports count */
	if (memcmp(a, b, offsetof(struct df_config, modalities)) != 0)
		roles = ALL_ROLES;
	/* these would end with the queue anyway: better that they are asked */
	if (roles & DF_ROLE_BIT(QUEUE))
		roles |= DF_ROLE_BIT(RECEIVE) | DF_ROLE_BIT(PREPARE) |
			 DF_ROLE_BIT(GATEWAY) | DF_ROLE_BIT(DELIVER_HTTPS) |
			 DF_ROLE_BIT(DELIVER_DIMSE);
	return roles;
}

static void doors_change(struct supervise *s)
{
	struct df_why why = {0};

	doors_close(s);
	if (doors_open(s, &why) != DF_OK) /* what is open is open */
		df_log(DF_LOG_ERROR, "door.failed", DF_F_ERR(&why));
}

static void reload_apply(struct supervise *s)
{
	bool doors = memcmp(&s->config.node.listen_dicom,
			    &s->next_config.node.listen_dicom,
			    sizeof s->config.node.listen_dicom) != 0 ||
		     memcmp(&s->config.node.listen_https,
			    &s->next_config.node.listen_https,
			    sizeof s->config.node.listen_https) != 0;
	unsigned roles = s->next_roles;
	struct cell *c;

	df_loop_cancel(df_room_loop(s->room), s->timer);
	s->timer = 0;
	s->phase = PHASE_SERVING;
	df_config_release(&s->config);
	s->config = s->next_config;
	s->next_config = (struct df_config){0};
	df_log_init("supervise", (enum df_log_level)s->config.node.log_level);
	df_fd_close(&s->config_fd);
	s->config_fd = df_fd_take(&s->next_config_fd);
	if (doors)
		doors_change(s);
	for (c = s->cells; c != NULL; c = c->next)
		if (roles & (1u << c->role))
			cell_drain(c);
	cells_plan(s);
	workers_fill(s);
	df_log(DF_LOG_INFO, "config.applied", DF_F_NUM("roles", roles));
}

static void settle_late(void *ctx)
{
	struct supervise *s = ctx;

	s->timer = 0;
	reload_apply(s);
}

enum df_err reload(struct supervise *s, struct df_why *why)
{
	struct df_config cfg = {0};
	enum df_err err;
	int fd;

	if (s->phase == PHASE_ENDING)
		return df_fail(why, DF_E_CANCELLED, "the node is ending");
	err = config_load(&cfg, &fd, why);
	if (err != DF_OK)
		return err;
	df_config_release(&s->next_config);
	df_fd_close(&s->next_config_fd);
	s->next_config = cfg;
	s->next_config_fd = fd;
	s->next_roles = roles_changed(&s->config, &s->next_config);
	if (s->phase == PHASE_SERVING)
		s->timer = df_loop_timer(df_room_loop(s->room),
					 df_clock_mono_ms() + SETTLE_MS,
					 settle_late, s);
	s->phase = PHASE_SETTLING;
	return DF_OK; /* change_step goes on in this turn */
}

/* --- the end -------------------------------------------------------------- */

/* Doors and people first, then the work, then what all of it stands on. */
static const struct {
	unsigned roles;
	int64_t deadline_ms;
} STAGES[] = {
	{DF_ROLE_BIT(FRONT) | DF_ROLE_BIT(RECEIVE) | DF_ROLE_BIT(CONSOLE),
	 20000},
	{DF_ROLE_BIT(GATEWAY) | DF_ROLE_BIT(QUEUE) | DF_ROLE_BIT(PREPARE) |
		 DF_ROLE_BIT(DELIVER_HTTPS) | DF_ROLE_BIT(DELIVER_DIMSE),
	 8000},
	{DF_ROLE_BIT(KEYS) | DF_ROLE_BIT(INDEX), 2000},
};
#define N_STAGES (sizeof STAGES / sizeof STAGES[0])

static void stage_begin(struct supervise *s);

static void stage_late(void *ctx)
{
	struct supervise *s = ctx;

	s->timer = 0;
	df_log(DF_LOG_WARN, "drain.late", DF_F_NUM("stage", s->stage));
	s->stage++;
	stage_begin(s);
}

static void stage_begin(struct supervise *s)
{
	struct cell *c;

	df_loop_cancel(df_room_loop(s->room), s->timer);
	s->timer = 0;
	if (s->stage >= N_STAGES) {
		cells_kill(s); /* what is left had its time */
		df_room_stop(s->room);
		return;
	}
	for (c = s->cells; c != NULL; c = c->next)
		if (STAGES[s->stage].roles & (1u << c->role))
			cell_drain(c);
	s->timer =
		df_loop_timer(df_room_loop(s->room),
			      df_clock_mono_ms() + STAGES[s->stage].deadline_ms,
			      stage_late, s);
	change_step(s);
}

void end_begin(struct supervise *s)
{
	if (s->phase == PHASE_ENDING) { /* asked twice: at once */
		s->stage = N_STAGES;
	} else {
		df_log(DF_LOG_INFO, "node.ending", DF_F_NUM("busy", s->busy));
		s->phase = PHASE_ENDING;
		doors_close(s); /* a new connection is refused from here on */
	}
	stage_begin(s);
}

void change_step(struct supervise *s)
{
	unsigned roles;

	if (s->phase == PHASE_SETTLING &&
	    (s->busy == 0 || (s->next_roles & DF_ROLE_BIT(QUEUE)) == 0))
		reload_apply(s);
	if (s->phase != PHASE_ENDING || s->stage >= N_STAGES)
		return;
	roles = STAGES[s->stage].roles;
	if (cells_any(s, roles))
		return;
	s->stage++;
	stage_begin(s);
}
