/*
 * degraded.c - a disk that failed to keep what it was given.
 *
 * A sync that fails is the last word about what was written before it: the
 * kernel drops those pages, and the next sync says OK. So nothing in memory or
 * in the cache is believed any more. The room says nothing of its turn, leaves
 * a note and ends; the next one first writes to the disk and reads it back.
 * While that fails it does nothing but say so: it refuses images (A700),
 * answers `status`, and tries again every 5 s. What it would send now could not
 * be recorded, and would be sent again and again.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "df/clock.h"
#include "df/file.h"
#include "df/log.h"
#include "answers.h"

#define NOTE "disk-trouble" /* "<wall ms> <text>\n", of the last failure */
#define NOTE_MAX 400
#define NOTE_DAYS 7 /* a person should look at this disk; then it has held */
#define AGAIN_MS 5000

static void note_write(struct queue *q, const struct df_why *why)
{
	char line[NOTE_MAX];

	df_str_fmt(line, sizeof line, "%lld %s\n", (long long)q->now,
		   why->text);
	if (df_file_write_durable(AT_FDCWD, NOTE, 0600, line, strlen(line),
				  NULL) != DF_OK)
		return; /* as was to be feared; the log has it */
}

static void note_read(struct queue *q)
{
	struct df_buf b;
	char *text = NULL;

	df_buf_init(&b, NOTE_MAX);
	if (df_file_read(AT_FDCWD, NOTE, NOTE_MAX - 1, &b, NULL) == DF_OK &&
	    df_buf_add(&b, "", 1, NULL) == DF_OK) {
		q->trouble.at_ms = strtoll((char *)b.ptr, &text, 10);
		text += *text == ' ';
		text[strcspn(text, "\n")] = '\0';
		df_str_fmt(q->trouble.text, sizeof q->trouble.text, "%s", text);
	}
	df_buf_release(&b);
	if (q->now - q->trouble.at_ms > NOTE_DAYS * 86400000ll)
		q->trouble = (struct disk_trouble){0};
}

void degraded_end(struct queue *q, const struct df_why *why)
{
	df_log(DF_LOG_ERROR, "disk.failed", DF_F_ERR(why));
	note_write(q, why);
	exit(1); /* nothing of this turn was said to anybody */
}

void degraded_look(struct queue *q)
{
	struct df_why why;

	if (df_sync_failed(&why))
		degraded_end(q, &why);
}

static void again(void *ctx)
{
	struct queue *q = ctx;
	struct df_why why = {0};

	if (df_spool_trust(AT_FDCWD, &why) == DF_OK) {
		df_log(DF_LOG_INFO, "disk.works");
		df_room_stop(q->room); /* and the next one starts from it */
		return;
	}
	q->acceptance.degraded = why;
	queue_later(q, AGAIN_MS, again, q);
}

void degraded_wait(struct queue *q, const struct df_why *why)
{
	df_journal_close(q->j);
	q->j = NULL;
	df_spool_close(&q->sp);
	df_log(DF_LOG_ERROR, "disk.failed", DF_F_ERR(why));
	q->acceptance.degraded = *why;
	queue_later(q, AGAIN_MS, again, q);
}

bool degraded_start(struct queue *q)
{
	struct df_why why = {0};

	note_read(q);
	if (df_spool_trust(AT_FDCWD, &why) == DF_OK)
		return false;
	degraded_wait(q, &why);
	return true;
}

void degraded_put(const struct queue *q, cJSON *o)
{
	char at[DF_TIME_LEN + 1];

	if (q->trouble.at_ms == 0)
		return;
	df_time_encode(at, q->trouble.at_ms);
	put_str(o, "disk_trouble_at", at);
	put_str(o, "disk_trouble", q->trouble.text);
}

void degraded_answer(struct ask *a)
{
	const struct df_why *why = &a->q->acceptance.degraded;
	cJSON *o;

	if (strcmp(a->verb, "status") != 0) {
		answer_error(a->q, a->link, a->tag, why->err, why);
		return;
	}
	o = cJSON_CreateObject();
	(void)acceptance(a->q, 0, &(struct df_why){0}); /* for its word */
	(void)cJSON_AddBoolToObject(o, "accepting", false); /* NULL: memory */
	put_str(o, "refusing", acceptance_word(a->q));
	put_str(o, "refusing_text", why->text);
	degraded_put(a->q, o);
	answer_json(a, o);
}
