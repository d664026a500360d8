/*
 * config_table.h - private to core/config*: the key table and its values.
 */
#ifndef DF_CORE_CONFIG_TABLE_H
#define DF_CORE_CONFIG_TABLE_H

#include "df/config.h"

enum df_key_type {
	DF_KEY_NUM,
	DF_KEY_BOOL,
	DF_KEY_WORD,
	DF_KEY_TEXT,
	DF_KEY_AE,
	DF_KEY_LISTEN,
	DF_KEY_DIAL,
	DF_KEY_URL,
	DF_KEY_PEER_URL,
	DF_KEY_FILE,
	DF_KEY_HEX,
	DF_KEY_CIDR, /* these two may stand several times */
	DF_KEY_CAP,
};

struct df_config_key {
	const char *section;
	const char *key;
	enum df_key_type type;
	size_t offset;	   /* in struct df_config, or in the section's struct */
	const char *value; /* default, NULL = none */
	int64_t min;
	int64_t max;
	const char *unit;
	const char *help;
};

extern const struct df_config_key df_config_keys[];
extern const size_t df_config_n_keys;

/* May it stand several times? */
bool df_config_repeats(const struct df_config_key *k);

/* The named kinds stand after the single sections. */
bool df_config_is_named(const char *section);

/* Text to value in the struct at `base`, bounds checked. */
DF_MUST_CHECK enum df_err df_config_set(const struct df_config_key *k,
					void *base, struct df_text value,
					struct df_why *why);
/* Value to text as the parser takes it; "" = not set. */
DF_MUST_CHECK enum df_err df_config_get(const struct df_config_key *k,
					const void *base, struct df_buf *to,
					struct df_why *why);
/* A section's name: UTF-8 without quotes, backslash or control characters. */
bool df_config_name_valid(struct df_text name);

#endif
