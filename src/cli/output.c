/*
 * output.c - what people and programs read on standard output.
 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

static bool printed; /* a document: there is one, or none */

/* Bytes of the character of UTF-8 that is no control at text; 0: none is. */
static size_t char_at(const char *text, size_t left)
{
	for (size_t n = 1; n <= 4 && n <= left; n++)
		if (df_text_clean((struct df_text){text, n}, NULL))
			return n;
	return 0;
}

void df_text_mend(char *text)
{
	size_t left = strlen(text);

	while (left > 0) {
		size_t n = char_at(text, left);

		if (n == 0 && *text != '\n' && *text != '\t')
			*text = '?';
		n = n ? n : 1;
		text += n;
		left -= n;
	}
}

void df_print_json(const cJSON *json)
{
	char *text = cJSON_PrintUnformatted(json);

	if (text != NULL) {
		df_text_mend(text);
		(void)puts(text); /* main checks stdout at the end */
	}
	free(text);
	printed = true;
}

bool df_json_printed(void)
{
	return printed;
}

const cJSON *df_json_at(const cJSON *o, const char *key)
{
	return cJSON_GetObjectItemCaseSensitive(o, key);
}

const char *df_json_text(const cJSON *o, const char *key)
{
	const char *s = cJSON_GetStringValue(df_json_at(o, key));

	return s ? s : "";
}

int64_t df_json_num(const cJSON *o, const char *key)
{
	const cJSON *v = df_json_at(o, key);

	return cJSON_IsNumber(v) ? (int64_t)v->valuedouble : -1;
}

void df_bytes_text(char to[16], int64_t bytes)
{
	static const char *const units[] = {"B", "kB", "MB", "GB", "TB"};
	double v = (double)bytes;
	size_t u = 0;

	if (bytes < 0) {
		df_str_fmt(to, 16, "-");
		return;
	}
	while (v >= 1000 && u + 1 < sizeof units / sizeof *units) {
		v /= 1000;
		u++;
	}
	df_str_fmt(to, 16, u ? "%.1f %s" : "%.0f %s", v, units[u]);
}

void df_print_clean(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		const unsigned char c = (unsigned char)text[i];
		const bool control =
			(c < 0x20 && c != '\n' && c != '\t') || c == 0x7f;

		(void)putchar(control ? '?' : c); /* main checks stdout */
	}
}

void df_print_file(const struct df_cli *cli, const char *text, size_t len)
{
	if (cli->json) {
		char *copy = df_xmalloc(len + 1);
		cJSON *o;

		memcpy(copy, text, len);
		copy[len] = '\0';
		o = df_args1("text", copy);
		df_print_json(o);
		cJSON_Delete(o);
		free(copy);
	} else {
		df_print_clean(text, len);
	}
}

/* Columns of the character that begins with this byte: three bytes of UTF-8
 * and more are mostly CJK, two columns wide. */
static int columns_of(unsigned char c)
{
	if ((c & 0xc0) == 0x80)
		return 0;
	return c >= 0xe3 && c < 0xf8 ? 2 : 1;
}

/* Prints at most `most` columns; returns how many. */
static int columns_print(const char *text, int most)
{
	int columns = 0;

	for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
		if (columns + columns_of(*p) > most)
			break;
		columns += columns_of(*p);
		(void)putchar(*p < 0x20 || *p == 0x7f ? '?' : *p); /* main */
	}
	return columns;
}

static void pad(int columns, int width)
{
	for (; columns < width; columns++)
		(void)putchar(' '); /* main checks stdout at the end */
	(void)putchar(' ');	    /* the same */
}

void df_cell(const char *text, int width)
{
	pad(columns_print(text, INT_MAX - 2), width);
}

void df_cell_cut(const char *text, int width)
{
	int all = 0;

	for (const char *p = text; *p; p++)
		all += columns_of((unsigned char)*p);
	if (all <= width) {
		df_cell(text, width);
		return;
	}
	all = columns_print(text, width - 1);
	(void)fputs("…", stdout); /* main checks stdout */
	pad(all + 1, width);
}

void df_print_time(const char *time)
{
	for (; *time && *time != '.' && *time != 'Z'; time++)
		(void)putchar(*time == 'T' ? ' ' : *time); /* main */
}
