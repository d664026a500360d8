/* restored.c - see restored.h: a short list, the oldest first. */
#include "restored.h"

#include <stdlib.h>
#include <string.h>

#include "df/buf.h"
#include "df/file.h"

struct restored_one {
	struct restored_one *next;
	struct df_id parcel;
	uint64_t record;
	unsigned takers; /* that have not come; 0: not in custody */
	int fd;
	uint64_t size_bytes;
	char transfer_syntax[65];
	int64_t until_ms; /* monotonic */
};

/* Where the list names it, or its end. */
static struct restored_one **find(struct restored_store *s,
				  const struct df_id *parcel, uint64_t record)
{
	struct restored_one **at = &s->first;

	while (*at != NULL && ((*at)->record != record ||
			       strcmp((*at)->parcel.s, parcel->s) != 0))
		at = &(*at)->next;
	return at;
}

static void forget(struct restored_store *s, struct restored_one **at)
{
	struct restored_one *one = *at;

	*at = one->next;
	s->n--;
	s->bytes -= one->size_bytes;
	df_fd_close(&one->fd);
	free(one);
}

uint64_t restored_room(const struct restored_store *s)
{
	return s->n < RESTORED_COUNT ? RESTORED_BYTES - s->bytes : 0;
}

void restored_put(struct restored_store *s, const struct df_id *parcel,
		  uint64_t record, const char *transfer_syntax, int *fd,
		  int64_t mono_ms)
{
	struct restored_one **at = find(s, parcel, record), *one;
	uint64_t size = 0;

	if (*at != NULL) /* the job came again */
		forget(s, at);
	if (df_fd_size(*fd, &size, NULL) != DF_OK || size == 0 ||
	    size > RESTORED_ONE || size > restored_room(s))
		return;
	one = df_xcalloc(1, sizeof *one);
	one->parcel = *parcel;
	one->record = record;
	one->fd = df_fd_take(fd);
	one->size_bytes = size;
	df_str_fmt(one->transfer_syntax, sizeof one->transfer_syntax, "%s",
		   transfer_syntax);
	one->until_ms = mono_ms + RESTORED_MS;
	while (*at != NULL)
		at = &(*at)->next;
	*at = one;
	s->n++;
	s->bytes += size;
}

void restored_keep(struct restored_store *s, const struct df_id *parcel,
		   uint64_t record, unsigned takers, int64_t mono_ms)
{
	struct restored_one *one = *find(s, parcel, record);

	if (one == NULL)
		return;
	one->takers = takers;
	one->until_ms = mono_ms + RESTORED_MS;
}

void restored_drop(struct restored_store *s, const struct df_id *parcel)
{
	struct restored_one **at = &s->first;

	while (*at != NULL)
		if ((*at)->takers == 0 &&
		    strcmp((*at)->parcel.s, parcel->s) == 0)
			forget(s, at);
		else
			at = &(*at)->next;
}

void restored_age(struct restored_store *s, int64_t mono_ms)
{
	struct restored_one **at = &s->first;

	while (*at != NULL)
		if ((*at)->until_ms <= mono_ms)
			forget(s, at);
		else
			at = &(*at)->next;
}

int restored_take(struct restored_store *s, const struct df_id *parcel,
		  uint64_t record, uint64_t *size_bytes,
		  char transfer_syntax[65])
{
	struct restored_one **at = find(s, parcel, record), *one = *at;
	int fd = -1;

	if (one == NULL || one->takers == 0 ||
	    df_fd_dup(&fd, one->fd, NULL) != DF_OK)
		return -1;
	*size_bytes = one->size_bytes;
	memcpy(transfer_syntax, one->transfer_syntax,
	       sizeof one->transfer_syntax);
	if (--one->takers == 0)
		forget(s, at);
	return fd;
}
