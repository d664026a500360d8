/*
 * config_text.c - the configuration as text: sample, show, added sections.
 */
#include <string.h>

#include "config_table.h"

/* What the sample shows; parsed like any other, so it cannot be wrong. */
static const char example[] = "[node]\n"
			      "role = clinic\n"
			      "name = 桥头镇卫生院\n"
			      "ae-title = QIAOTOU\n"
			      "listen-dicom = *:11112\n";

static const char named[] =
	"\n# Who may send images: the calling AE title, and from where.\n"
	"# Without a 'from' line it may call from anywhere.\n"
	"#\n"
	"# [modality \"CT1\"]\n"
	"# from = 192.168.1.0/24\n"
	"# reports = CT1@192.168.1.20:104   (storage commitment)\n"
	"# stat = yes   (urgent: goes first, is taken while the disk is nearly "
	"full)\n"
	"# worklist = no   (it may not ask what it has to do)\n"
	"# charset = gb18030   (of its worklist, for an old console)\n"
	"\n# Where images go: a PACS by C-STORE, or a DICOMweb server.\n"
	"#\n"
	"# [destination \"pacs\"]\n"
	"# dicom = PACS@192.168.1.10:104\n"
	"# calling-ae = CLINIC7   (we call it under another AE title)\n"
	"# commitment = no   (auto: ask it, where it offers that, to keep "
	"them)\n"
	"# associations = 8   (at once; 4 unless said)\n"
	"# compress = no   (auto: without loss, where it takes that)\n"
	"# cap = 10 Mbit/s   (as of a peer)\n"
	"#\n"
	"# [destination \"web\"]\n"
	"# stow = https://pacs.example/dicom-web\n"
	"# ca = keys/pacs-ca.pem\n"
	"\n# The centre that we dial: `peer join` writes this section.\n"
	"#\n"
	"# [peer \"centre\"]\n"
	"# url = https://centre.example:8443\n"
	"# fingerprint = <64 hex digits>\n"
	"# cap = 10 Mbit/s   (what we may send there; without: all it takes)\n"
	"# cap = Mon-Fri 08:00-18:00 2 Mbit/s   (the narrowest hours count)\n"
	"# cap = 22:00-06:00 none\n";

static enum df_err key_write(struct df_buf *to, const struct df_config_key *k,
			     const struct df_config *cfg, bool set,
			     struct df_why *why)
{
	enum df_err rc;
	const bool words = k->type == DF_KEY_WORD;

	rc = df_buf_addf(to, why, "# %s%s%s%s%s\n", k->help,
			 k->unit[0] ? " (" : "", words ? "" : k->unit,
			 words ? k->unit : "", k->unit[0] ? ")" : "");
	if (rc != DF_OK)
		return rc;
	if (!set && k->value == NULL)
		return df_buf_addf(to, why, "# %s =\n", k->key);
	rc = df_buf_addf(to, why, "%s%s = ", set ? "" : "# ", k->key);
	if (rc == DF_OK)
		rc = df_config_get(k, cfg, to, why);
	return rc == DF_OK ? df_buf_addf(to, why, "\n") : rc;
}

static enum df_err singles_write(struct df_buf *to, const struct df_config *cfg,
				 struct df_why *why)
{
	const char *section = "";
	enum df_err rc = DF_OK;

	for (size_t i = 0; i < df_config_n_keys && rc == DF_OK; i++) {
		const struct df_config_key *k = &df_config_keys[i];

		if (df_config_is_named(k->section))
			break;
		if (strcmp(section, k->section) != 0)
			rc = df_buf_addf(to, why, "\n[%s]\n", k->section);
		section = k->section;
		if (rc == DF_OK)
			rc = key_write(to, k, cfg, cfg->lines[i] != 0, why);
	}
	return rc;
}

enum df_err df_config_sample(struct df_buf *to, const struct df_config *cfg,
			     struct df_why *why)
{
	struct df_config own = {0};
	enum df_err rc;

	if (cfg == NULL) {
		rc = df_config_parse(example, sizeof example - 1, &own, why);
		if (rc != DF_OK)
			return rc;
		cfg = &own;
	}
	rc = df_buf_addf(
		to, why,
		"# dcm-forward configuration. A line that starts with # "
		"is a comment;\n"
		"# a key that stands in one has the value shown. After a "
		"change:\n"
		"# dcm-forward -C DIR config check, then reload.\n");
	if (rc == DF_OK)
		rc = singles_write(to, cfg, why);
	if (rc == DF_OK)
		rc = df_buf_addf(to, why, "%s", named);
	df_config_release(&own);
	return rc;
}

static enum df_err show_key(struct df_buf *to, const struct df_config_key *k,
			    const char *section, const char *name,
			    const void *base, const char *origin,
			    struct df_why *why)
{
	struct df_buf value;
	enum df_err rc;

	df_buf_init(&value, 4096);
	rc = df_config_get(k, base, &value, why);
	if (rc == DF_OK && (value.len > 0 || name == NULL))
		rc = df_buf_addf(to, why, "%s%s%s%s.%s = %.*s  # %s\n", section,
				 name ? " \"" : "", name ? name : "",
				 name ? "\"" : "", k->key, (int)value.len,
				 value.ptr ? (const char *)value.ptr : "",
				 origin);
	df_buf_release(&value);
	return rc;
}

/* Every set key of one named section; its name stands first in the struct. */
static enum df_err show_named(struct df_buf *to, const char *kind,
			      const void *item, struct df_why *why)
{
	enum df_err rc = DF_OK;

	for (size_t i = 0; i < df_config_n_keys && rc == DF_OK; i++)
		if (strcmp(df_config_keys[i].section, kind) == 0)
			rc = show_key(to, &df_config_keys[i], kind, item, item,
				      "set", why);
	return rc;
}

/* As others; addresses are counted, and the report's two parts are one. */
static enum df_err modality_show(struct df_buf *to, const struct df_modality *m,
				 struct df_why *why)
{
	enum df_err rc = df_buf_addf(
		to, why, "modality \"%s\".from = %s  # %zu set\n", m->ae,
		m->n_from ? "listed" : "anywhere", m->n_from);

	for (size_t i = 0; i < df_config_n_keys && rc == DF_OK; i++) {
		const struct df_config_key *k = &df_config_keys[i];

		if (strcmp(k->section, "modality") == 0 &&
		    strcmp(k->key, "from") != 0)
			rc = show_key(to, k, "modality", m->ae, m, "set", why);
	}
	return rc;
}

enum df_err df_config_show(struct df_buf *to, const struct df_config *cfg,
			   struct df_why *why)
{
	enum df_err rc = DF_OK;

	for (size_t i = 0; i < df_config_n_keys && rc == DF_OK; i++) {
		const struct df_config_key *k = &df_config_keys[i];
		char origin[32];

		if (df_config_is_named(k->section))
			continue;
		if (cfg->lines[i] != 0)
			df_str_fmt(origin, sizeof origin, "line %u",
				   (unsigned)cfg->lines[i]);
		else
			df_str_fmt(origin, sizeof origin, "default");
		rc = show_key(to, k, k->section, NULL, cfg, origin, why);
	}
	for (size_t i = 0; i < cfg->n_modalities && rc == DF_OK; i++) {
		const struct df_modality *m = &cfg->modalities[i];

		rc = modality_show(to, m, why);
	}
	for (size_t i = 0; i < cfg->n_destinations && rc == DF_OK; i++)
		rc = show_named(to, "destination", &cfg->destinations[i], why);
	for (size_t i = 0; i < cfg->n_peers && rc == DF_OK; i++)
		rc = show_named(to, "peer", &cfg->peers[i], why);
	return rc;
}

static bool section_exists(const struct df_config *c, const char *kind,
			   const char *name)
{
	const struct df_text t = df_text_of(name);

	if (strcmp(kind, "destination") == 0)
		return df_config_destination(c, t) != NULL;
	if (strcmp(kind, "peer") == 0)
		return df_config_peer(c, t) != NULL;
	for (size_t i = 0; i < c->n_modalities; i++)
		if (df_text_eq(t, c->modalities[i].ae))
			return true;
	return false;
}

/* Nothing that would end the line or the quotes. */
static bool plain(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < 0x20 || *text == '"' ||
		    *text == 0x7f)
			return false;
	return true;
}

static enum df_err section_write(struct df_buf *text, const char *kind,
				 const char *name, const char *const *pairs,
				 size_t n_pairs, struct df_why *why)
{
	enum df_err rc = DF_OK;

	if (text->len > 0 && text->ptr[text->len - 1] != '\n')
		rc = df_buf_addf(text, why, "\n");
	if (rc == DF_OK)
		rc = df_buf_addf(text, why, "\n[%s \"%s\"]\n", kind, name);
	for (size_t i = 0; i < n_pairs && rc == DF_OK; i++)
		rc = df_buf_addf(text, why, "%s = %s\n", pairs[2 * i],
				 pairs[2 * i + 1]);
	return rc;
}

enum df_err df_config_append_section(struct df_buf *text, const char *kind,
				     const char *name, const char *const *pairs,
				     size_t n_pairs, struct df_why *why)
{
	struct df_config cfg;
	const size_t before = text->len;
	bool there;
	enum df_err rc;

	if (!plain(name))
		return df_fail(why, DF_E_CONFIG,
			       "name holds quotes or controls");
	for (size_t i = 0; i < 2 * n_pairs; i++)
		if (!plain(pairs[i]))
			return df_fail(why, DF_E_CONFIG,
				       "value holds quotes or controls");
	rc = df_config_parse((const char *)text->ptr, text->len, &cfg, why);
	if (rc != DF_OK)
		return rc;
	there = section_exists(&cfg, kind, name);
	df_config_release(&cfg);
	if (there)
		return df_fail(why, DF_E_EXISTS, "%s \"%s\" is there already",
			       kind, name);
	rc = section_write(text, kind, name, pairs, n_pairs, why);
	if (rc == DF_OK)
		rc = df_config_parse((const char *)text->ptr, text->len, &cfg,
				     why);
	if (rc != DF_OK) {
		text->len = before;
		return rc;
	}
	df_config_release(&cfg);
	return DF_OK;
}
