/* log.c - logfmt on standard error; one write a line. See df/log.h. */
#include "df/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "df/clock.h"

static const char *room_name = "dcm-forward";
static enum df_log_level least_level = DF_LOG_INFO;

void df_log_init(const char *room, enum df_log_level least)
{
	room_name = room;
	least_level = least;
}

struct line {
	char s[1024];
	size_t n;
};

static void put(struct line *l, char c)
{
	if (l->n + 2 < sizeof l->s)
		l->s[l->n++] = c;
}

static void put_text(struct line *l, const char *s)
{
	while (*s)
		put(l, *s++);
}

/* quotes, and everything outside printable ASCII, never reach the log raw */
static void put_quoted(struct line *l, const char *s, size_t max)
{
	char esc[5];
	size_t i;

	put(l, '"');
	for (i = 0; s[i] && i < max; i++) {
		unsigned char c = (unsigned char)s[i];

		if (c >= 0x20 && c < 0x7f && c != '"' && c != '\\') {
			put(l, (char)c);
			continue;
		}
		(void)snprintf(esc, sizeof esc, "\\x%02x", c); /* fits */
		put_text(l, esc);
	}
	put(l, '"');
}

static void put_field(struct line *l, const struct df_log_field *f)
{
	char num[24];

	put(l, ' ');
	put_text(l, f->key);
	put(l, '=');
	switch (f->kind) {
	case DF_LOG_END:
		break;
	case DF_LOG_WORD:
		put_quoted(l, f->text ? f->text : "", 120);
		break;
	case DF_LOG_TEXT:
		put_quoted(l, f->text ? f->text : "", 80);
		break;
	case DF_LOG_NUM:
		(void)snprintf(num, sizeof num, "%lld",
			       (long long)f->num); /* fits */
		put_text(l, num);
		break;
	case DF_LOG_WHY:
		put_text(l, df_err_name(f->why->err));
		put_text(l, " text=");
		put_quoted(l, f->why->text, sizeof f->why->text);
		break;
	}
}

void df_log_fields(enum df_log_level level, const char *event, ...)
{
	static const char *const NAME[] = {"debug", "info", "warn", "error"};
	struct line l = {.n = 0};
	char when[DF_TIME_LEN + 1];
	struct df_log_field f;
	va_list ap;

	if (level < least_level)
		return;
	df_time_encode(when, df_clock_wall_ms());
	put_text(&l, "t=");
	put_text(&l, when);
	put_text(&l, " level=");
	put_text(&l, NAME[level]);
	put_text(&l, " room=");
	put_text(&l, room_name);
	put_text(&l, " event=");
	put_text(&l, event);
	va_start(ap, event);
	for (f = va_arg(ap, struct df_log_field); f.kind != DF_LOG_END;
	     f = va_arg(ap, struct df_log_field))
		put_field(&l, &f);
	va_end(ap);
	l.s[l.n++] = '\n';
	/* a log that cannot be written must not stop the room */
	if (write(STDERR_FILENO, l.s, l.n) < 0)
		return;
}
