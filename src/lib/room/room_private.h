/* room_private.h - the inside of a room, shared by the files of this module. */
#ifndef DF_ROOM_PRIVATE_H
#define DF_ROOM_PRIVATE_H

#include "df/channel.h"
#include "df/file.h"
#include "df/room.h"

#define DF_ROOM_LISTENERS 16
#define DF_ROOM_BUCKETS 1024u

struct link;

/* A message that came while we waited for another one. */
struct stash {
	struct stash *next;
	size_t len;
	size_t n_fds;
	int fds[DF_CHANNEL_FDS];
	uint8_t bytes[];
};

/* A request without its last reply. reply == NULL: nobody waits any more, the
 * entry only tells a late reply from an unknown message. */
struct call {
	struct call *next; /* in its bucket */
	struct call *link_next;
	struct call *link_prev;
	struct link *link;
	struct df_room *room;
	uint32_t tag;
	enum df_msg_type last;
	df_reply_fn *reply;
	void *ctx;
	uint64_t timer;
};

struct link {
	struct df_link face; /* first: a df_link is a link */
	struct df_channel ch;
	struct link *next;
	struct call *calls;
	struct stash *stash;
	struct stash *stash_last;
	bool deaf;   /* sending failed; what it sent us is still read */
	bool broken; /* reaped at the end of the turn */
};

struct listener {
	char kind[16];
	int fd;
};

struct df_room {
	const struct df_room_spec *spec;
	struct df_loop *loop; /* NULL in a worker without one */
	struct df_config config;
	struct link *links;
	uint32_t links_made;
	unsigned replaced; /* without a loop: roles whose link came anew before
			    * its end was heard */
	struct call *buckets[DF_ROOM_BUCKETS];
	struct df_buf out;
	uint8_t *in;	 /* DF_CHANNEL_MAX bytes: the message being handled */
	uint8_t *in_ask; /* the same for df_room_ask */
	size_t in_len;
	struct listener listeners[DF_ROOM_LISTENERS];
	size_t n_listeners;
	void *ctx;
	uint32_t number;
	uint32_t tag;
	bool draining;
	bool failed;
	bool is_ready;
	bool stopped;
	uint64_t wake; /* timer that makes one more turn */
};

/* room.c */
/* Everything up to and including START; supervise is a link then. */
DF_MUST_CHECK enum df_err df_room_begin(struct df_room **to,
					const struct df_room_spec *spec,
					bool loop, struct df_why *why);
void df_room_fail(struct df_room *room);
/* LINK and DRAIN from supervise; false when it is neither. */
bool df_room_own_message(struct df_room *room, const struct df_msg *m, int *fds,
			 size_t n_fds);

/* links.c */
static inline struct link *df_link_inside(const struct df_link *face)
{
	return (struct link *)(uintptr_t)face;
}
/* The next message of this link, from its stash or its socket, into buf. */
enum df_err df_link_take(struct link *l, uint8_t *buf, size_t *len, int *fds,
			 size_t *n_fds, struct df_why *why);
void df_link_stash(struct link *l, const uint8_t *ptr, size_t len, int *fds,
		   size_t n_fds);
void df_link_free(struct link *l);
/* Handles what df_room_ask put aside. */
void df_links_deliver(struct df_room *room);
/* Ends broken links. */
void df_links_reap(struct df_room *room);
/* Makes sure that the loop makes one more turn at once. */
void df_room_wake(struct df_room *room);

/* calls.c */
struct call *df_call_add(struct link *l, uint32_t tag);
struct call *df_call_find(const struct df_room *room, const struct link *l,
			  uint32_t tag);
void df_call_remove(struct call *call);
/* Gives a reply to its call; false when there is no such call. */
bool df_call_deliver(struct link *l, const struct df_msg *m, int *fds,
		     size_t n_fds);
/* Answers every call of a link with DF_E_PEER. */
void df_calls_fail(struct link *l);
uint32_t df_tag_new(struct df_room *room);

#endif
