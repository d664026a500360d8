/*
 * config.c - the configuration text becomes a checked struct.
 *
 * inih splits "key = value"; its reader hook is ours, so that lines are
 * counted, over-long ones are refused instead of cut, indentation is harmless,
 * and section names keep their full length (inih cuts at 50 bytes).
 */
#include <ini.h>
#include <stdlib.h>
#include <string.h>

#include "config_table.h"

#define AT(member) offsetof(struct df_config, member)
#define OF(type, member) offsetof(struct type, member)
#define DF_KEY(section, key, type, at, value, min, max, unit, help) \
	{section, key, DF_KEY_##type, at, value, min, max, unit, help},
const struct df_config_key df_config_keys[] = {
#include "config_keys.def"
};
#undef DF_KEY
#define N_KEYS (sizeof df_config_keys / sizeof *df_config_keys)
const size_t df_config_n_keys = N_KEYS;

/* In a named section each key but 'from' and 'cap' stands once. */
struct parse {
	struct df_config *cfg;
	struct df_why *why;
	struct df_text rest;
	enum df_err rc;
	uint32_t line;
	char section[32]; /* kind, "" before the first */
	void *base;	  /* where its keys go, NULL before the first */
	bool seen[N_KEYS];
};

static const char *const kinds[] = {"modality", "destination", "peer"};

bool df_config_is_named(const char *section)
{
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (strcmp(section, kinds[i]) == 0)
			return true;
	return false;
}

bool df_config_repeats(const struct df_config_key *k)
{
	return k->type == DF_KEY_CIDR || k->type == DF_KEY_CAP;
}

/* Keeps the first failure and says where it stands. */
static void note(struct parse *p, enum df_err rc, const char *text)
{
	if (p->rc != DF_OK)
		return;
	p->rc = df_fail(p->why, rc, "line %u: %s", (unsigned)p->line, text);
}

static void *item_add(void **items, size_t *n, size_t size)
{
	void *last;

	*items = df_xrealloc(*items, (*n + 1) * size);
	last = (char *)*items + *n * size;
	memset(last, 0, size);
	(*n)++;
	return last;
}

const struct df_modality *df_config_modality(const struct df_config *cfg,
					     struct df_text ae)
{
	for (size_t i = 0; i < cfg->n_modalities; i++)
		if (df_text_eq(ae, cfg->modalities[i].ae))
			return &cfg->modalities[i];
	return NULL;
}

static void begin_modality(struct parse *p, struct df_text name)
{
	struct df_config *c = p->cfg;
	struct df_modality *m;
	void *items = c->modalities;

	name = df_text_trim(name);
	if (!df_ae_valid(name)) {
		note(p, DF_E_CONFIG, "modality is not an AE title");
		return;
	}
	if (df_config_modality(c, name) != NULL) {
		note(p, DF_E_CONFIG, "modality is there twice");
		return;
	}
	m = item_add(&items, &c->n_modalities, sizeof *m);
	c->modalities = items;
	if (df_str_copy(m->ae, sizeof m->ae, name) != DF_OK)
		df_bug("modality name");
	p->base = m;
}

static void begin_named(struct parse *p, struct df_text name)
{
	struct df_config *c = p->cfg;
	const bool peer = strcmp(p->section, "peer") == 0;
	void *items = peer ? (void *)c->peers : (void *)c->destinations;
	void *item;

	if (!df_config_name_valid(name)) {
		note(p, DF_E_CONFIG, "name is not 1-120 bytes of UTF-8 text");
		return;
	}
	if (peer ? df_config_peer(c, name) != NULL
		 : df_config_destination(c, name) != NULL) {
		note(p, DF_E_CONFIG, "section is there twice");
		return;
	}
	if (peer) {
		item = item_add(&items, &c->n_peers, sizeof *c->peers);
		c->peers = items;
	} else {
		item = item_add(&items, &c->n_destinations,
				sizeof *c->destinations);
		c->destinations = items;
	}
	/* the name stands first in both */
	if (df_str_copy(item, DF_NAME_LEN + 1, name) != DF_OK)
		df_bug("section name");
	p->base = item;
}

static bool single_known(const char *section)
{
	for (size_t i = 0; i < N_KEYS; i++)
		if (strcmp(df_config_keys[i].section, section) == 0 &&
		    !df_config_is_named(section))
			return true;
	return false;
}

/* Of a named section, or (NULL) of all that stand once. */
static void set_defaults(void *base, const char *section)
{
	struct df_why why = {0};

	for (size_t i = 0; i < N_KEYS; i++) {
		const struct df_config_key *k = &df_config_keys[i];
		bool here = section != NULL ? strcmp(k->section, section) == 0
					    : !df_config_is_named(k->section);

		if (k->value != NULL && here &&
		    df_config_set(k, base, df_text_of(k->value), &why) != DF_OK)
			df_bug("default of '%s' is bad", k->key);
	}
}

/* `line` starts at '[': [kind] or [kind "name"], a comment may follow. */
static void begin_section(struct parse *p, struct df_text line)
{
	const char *end = line.ptr + line.len, *s = line.ptr + 1, *q;
	struct df_text name = {NULL, 0};
	const char *kind = s;

	p->base = NULL;
	while (s < end && ((*s >= 'a' && *s <= 'z') || *s == '-'))
		s++;
	if (df_str_copy(p->section, sizeof p->section,
			(struct df_text){kind, (size_t)(s - kind)}) != DF_OK)
		p->section[0] = '\0';
	while (s < end && *s == ' ')
		s++;
	if (s < end && *s == '"') {
		q = memchr(s + 1, '"', (size_t)(end - s - 1));
		if (q != NULL) {
			name = (struct df_text){s + 1, (size_t)(q - s - 1)};
			s = q + 1;
		}
	}
	if (s >= end || *s != ']') {
		note(p, DF_E_CONFIG,
		     "section is not [kind] or [kind \"name\"]");
		return;
	}
	for (s++; s < end && (*s == ' ' || *s == '\t'); s++)
		;
	if (s < end && *s != '#' && *s != ';') {
		note(p, DF_E_CONFIG, "text follows the section");
		return;
	}
	if (df_config_is_named(p->section)) {
		if (p->cfg->n_modalities + p->cfg->n_destinations +
			    p->cfg->n_peers >=
		    DF_CONFIG_ITEMS) {
			note(p, DF_E_CONFIG, "too many sections");
			return;
		}
		for (size_t i = 0; i < N_KEYS; i++)
			if (df_config_is_named(df_config_keys[i].section))
				p->seen[i] = false;
		if (strcmp(p->section, "modality") == 0)
			begin_modality(p, name);
		else
			begin_named(p, name);
		if (p->rc == DF_OK)
			set_defaults(p->base, p->section);
	} else if (name.ptr != NULL || !single_known(p->section)) {
		note(p, DF_E_CONFIG, "unknown section");
	} else {
		p->base = p->cfg;
	}
}

/* inih's fgets: one line without indentation, or NULL at the end. */
static char *next_line(char *to, int num, void *stream)
{
	struct parse *p = stream;
	struct df_text line;

	if (p->rc != DF_OK || !df_text_line(&p->rest, &line))
		return NULL;
	p->line++;
	if (line.len > 0 && line.ptr[line.len - 1] == '\r')
		line.len--;
	if (p->line == 1 && line.len >= 3 &&
	    memcmp(line.ptr, "\xef\xbb\xbf", 3) == 0) {
		line.ptr += 3;
		line.len -= 3;
	}
	while (line.len > 0 && (*line.ptr == ' ' || *line.ptr == '\t')) {
		line.ptr++;
		line.len--;
	}
	/* comments may be long; a cut key or value would be a lie */
	if (line.len > 0 && (*line.ptr == '#' || *line.ptr == ';'))
		line.len = 0;
	if (line.len + 2 > (size_t)num) {
		note(p, DF_E_CONFIG, "line is too long");
		return NULL;
	}
	if (line.len > 0 && memchr(line.ptr, '\0', line.len) != NULL) {
		note(p, DF_E_CONFIG, "line holds a zero byte");
		return NULL;
	}
	if (line.len > 0 && *line.ptr == '[') {
		begin_section(p, line);
		line.len = 0;
	}
	if (line.len > 0)
		memcpy(to, line.ptr, line.len);
	to[line.len] = '\n';
	to[line.len + 1] = '\0';
	return to;
}

/* inih's handler: 1 = fine. The section is the one next_line() saw. */
static int pair(void *user, const char *section, const char *name,
		const char *value)
{
	struct parse *p = user;
	struct df_why why = {0};
	size_t i = 0;
	enum df_err rc;

	(void)section; /* inih never sees one */
	if (p->rc != DF_OK)
		return 1;
	while (i < N_KEYS &&
	       (strcmp(df_config_keys[i].section, p->section) != 0 ||
		strcmp(df_config_keys[i].key, name) != 0))
		i++;
	if (i == N_KEYS || p->base == NULL) {
		note(p, DF_E_CONFIG, "unknown key");
		return 1;
	}
	if (p->seen[i] && !df_config_repeats(&df_config_keys[i])) {
		note(p, DF_E_CONFIG, "key is there twice");
		return 1;
	}
	p->seen[i] = true;
	rc = df_config_set(&df_config_keys[i], p->base, df_text_of(value),
			   &why);
	if (rc != DF_OK)
		note(p, DF_E_CONFIG, why.text);
	else if (p->base == p->cfg)
		p->cfg->lines[i] = p->line;
	return 1;
}

static enum df_err check_items(const struct df_config *c, struct df_why *why)
{
	for (size_t i = 0; i < c->n_destinations; i++) {
		const struct df_destination *d = &c->destinations[i];

		if ((d->dicom.host[0] != '\0') == (d->stow[0] != '\0'))
			return df_fail(
				why, DF_E_CONFIG,
				"destination \"%s\" needs one of 'dicom' "
				"and 'stow'",
				d->name);
	}
	for (size_t i = 0; i < c->n_peers; i++) {
		const struct df_peer *p = &c->peers[i];

		if (p->url[0] == '\0' || p->fingerprint[0] == '\0')
			return df_fail(why, DF_E_CONFIG,
				       "peer \"%s\" needs 'url' and "
				       "'fingerprint'",
				       p->name);
		for (size_t k = 0; k < i; k++)
			if (strcmp(c->peers[k].fingerprint, p->fingerprint) ==
			    0)
				return df_fail(why, DF_E_CONFIG,
					       "peer \"%s\" is there twice",
					       p->name);
	}
	return DF_OK;
}

static enum df_err check(const struct parse *p, struct df_why *why)
{
	static const char *const wanted[] = {"role", "name", "ae-title"};
	const struct df_config *c = p->cfg;

	for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
		for (size_t k = 0; k < N_KEYS; k++)
			if (strcmp(df_config_keys[k].section, "node") == 0 &&
			    strcmp(df_config_keys[k].key, wanted[i]) == 0 &&
			    !p->seen[k])
				return df_fail(why, DF_E_CONFIG,
					       "[node] needs '%s'", wanted[i]);
	if (c->retry.min_s > c->retry.max_s)
		return df_fail(why, DF_E_CONFIG,
			       "[retry] 'min' is more than 'max'");
	return check_items(c, why);
}

enum df_err df_config_parse(const char *text, size_t len, struct df_config *cfg,
			    struct df_why *why)
{
	struct parse p = {.cfg = cfg, .why = why, .rest = {text, len}};
	int bad;

	*cfg = (struct df_config){0};
	if (len > DF_CONFIG_MAX)
		return df_fail(why, DF_E_CONFIG, "configuration is too large");
	cfg->lines = df_xcalloc(N_KEYS, sizeof *cfg->lines);
	set_defaults(cfg, NULL);
	bad = ini_parse_stream(next_line, &p, pair, &p);
	if (p.rc == DF_OK && bad != 0) {
		p.line = (uint32_t)bad;
		note(&p, DF_E_CONFIG, "not a 'key = value' line");
	}
	if (p.rc == DF_OK)
		p.rc = check(&p, why);
	for (size_t i = 0; p.rc == DF_OK && i < cfg->n_destinations; i++)
		if (cfg->destinations[i].caps.n > 0 &&
		    cfg->destinations[i].dicom.host[0] != '\0')
			cfg->destinations[i].associations = 1;
	if (p.rc != DF_OK)
		df_config_release(cfg);
	return p.rc;
}

void df_config_release(struct df_config *cfg)
{
	free(cfg->modalities);
	free(cfg->destinations);
	free(cfg->peers);
	free(cfg->lines);
	*cfg = (struct df_config){0};
}

const struct df_destination *df_config_destination(const struct df_config *cfg,
						   struct df_text name)
{
	for (size_t i = 0; i < cfg->n_destinations; i++)
		if (df_text_eq(name, cfg->destinations[i].name))
			return &cfg->destinations[i];
	return NULL;
}

const struct df_peer *df_config_peer(const struct df_config *cfg,
				     struct df_text name)
{
	for (size_t i = 0; i < cfg->n_peers; i++)
		if (df_text_eq(name, cfg->peers[i].name) ||
		    df_text_eq(name, cfg->peers[i].fingerprint))
			return &cfg->peers[i];
	return NULL;
}

static bool is_loopback(struct df_text addr)
{
	struct df_cidr v4, v6;

	if (df_cidr_decode(&v4, df_text_of("127.0.0.0/8"), NULL) != DF_OK ||
	    df_cidr_decode(&v6, df_text_of("::1"), NULL) != DF_OK)
		df_bug("loopback prefixes");
	return df_cidr_holds(&v4, addr) || df_cidr_holds(&v6, addr);
}

uint32_t df_config_lane(const struct df_config *cfg, size_t destination,
			size_t lane)
{
	return (uint32_t)(lane * (cfg->n_destinations + 1) + destination);
}

/* A PACS that we ask for storage commitment calls back. */
static bool is_asked(const struct df_config *cfg, struct df_text calling)
{
	for (size_t i = 0; i < cfg->n_destinations; i++) {
		const struct df_destination *d = &cfg->destinations[i];

		if (d->dicom.host[0] != '\0' &&
		    d->commitment != DF_COMMIT_ASK_NO &&
		    df_text_eq(calling, d->ae))
			return true;
	}
	return false;
}

enum df_admit df_config_admit(const struct df_config *cfg,
			      struct df_text called, struct df_text calling,
			      struct df_text addr)
{
	const struct df_modality *m;

	called = df_text_trim(called);
	calling = df_text_trim(calling);
	if (!df_text_eq(called, cfg->node.ae))
		return DF_ADMIT_CALLED_UNKNOWN;
	if (df_text_eq(calling, cfg->node.ae) && is_loopback(addr))
		return DF_ADMIT_OK;
	m = df_config_modality(cfg, calling);
	if (m != NULL && m->n_from == 0)
		return DF_ADMIT_OK;
	for (size_t i = 0; m != NULL && i < m->n_from; i++)
		if (df_cidr_holds(&m->from[i], addr))
			return DF_ADMIT_OK;
	/* one AE may be both: elsewhere than its images its word may come from */
	return is_asked(cfg, calling) ? DF_ADMIT_REPORTS
				      : DF_ADMIT_CALLING_UNKNOWN;
}
