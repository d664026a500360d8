/*
 * spool.h - the files that hold custody: incoming and objects.
 *
 *   spool/FORMAT          "dcm-forward spool 1"; anything else is refused
 *   spool/incoming/<id>   parcels arriving from a peer; offset in state.db
 *   spool/objects/ab/<id> objects (df/envelope.h): whole ones are never
 *                         modified, the others are being written, or were
 *   spool/reserve         preallocated and empty, given up when space is short
 *   spool/quarantine/<id> objects that hurt us; only a person deletes them
 *
 * Invariants (docs/invariants.md argues them):
 *  1. Success was said for x => x, its name and its envelope are durable.
 *  2. A file under objects/ never changes. It goes only when a compared form
 *     of the same bytes has taken its place, durably.
 *  3. A file without a whole, matching end was never acknowledged.
 *  4. A row without its object is an alarm; an object without row is adopted.
 *  5. Derived files may be lost at any time without loss.
 *  6. Recovery is idempotent: crash during recovery and run it again.
 *
 * Names are ours (struct df_id); no byte from a peer is part of a path.
 */
#ifndef DF_SPOOL_H
#define DF_SPOOL_H

#include <sys/types.h>

#include "df/envelope.h"
#include "df/watermark.h"

#ifdef __cplusplus
extern "C" {
#endif

#define DF_SPOOL_BUCKET 128u /* objects that share a directory in a row */

#define DF_SPOOL_PLACE 4096

#define DF_SPOOL_STOCK 64u /* names made at once */

struct df_name { /* an empty file in objects/ */
	struct df_id id;
	int fd;
};

struct df_spool { /* all descriptors -1 when closed */
	int root;
	int incoming;
	int objects;
	int quarantine;
	char bucket[3];    /* directory for the next objects */
	uint32_t in_bucket;
	struct df_name names[2 * DF_SPOOL_STOCK]; /* durable, not lent out */
	size_t n_names;
	int reserve;       /* -1 until it is there */
	char place[DF_SPOOL_PLACE]; /* path of FORMAT; "" = not known */
	dev_t device;
	ino_t inode;
};

/*
 * To be called before spool and journal are opened: writes to the disks of
 * both and reads it back, and lets what an earlier process left there be read
 * from the disk, not from the cache, where it may be without being durable. A
 * disk that is only full is trusted.
 */
DF_MUST_CHECK enum df_err df_spool_trust(int node_dir, struct df_why *why);

/* Opens DIR/spool below node_dir; makes what is missing, durably.
 * DF_E_FORMAT when FORMAT is not ours. Closed after a failure. */
DF_MUST_CHECK enum df_err df_spool_open(struct df_spool *sp, int node_dir,
					struct df_why *why);
void df_spool_close(struct df_spool *sp);

/* --- the disk --------------------------------------------------------------- */
/* How full it is, with what the reserve holds. */
DF_MUST_CHECK enum df_err df_spool_disk(const struct df_spool *sp,
					struct df_disk *d, struct df_why *why);
/* Does the path that was opened still lead to this spool? DF_E_NOTFOUND when
 * its disk was unmounted, moved or covered. */
DF_MUST_CHECK enum df_err df_spool_in_place(const struct df_spool *sp,
					    struct df_why *why);
/*
 * The reserve (spool/reserve): preallocated, nothing in it, never synced.
 * grow adds one step of 16 MiB towards target bytes; DF_E_UNSUPPORTED where
 * files cannot be preallocated (then the marks alone keep space back). give
 * makes it shorter by `bytes`; DF_E_NOSPACE when nothing is left of it.
 */
DF_MUST_CHECK enum df_err df_spool_reserve_grow(struct df_spool *sp,
						uint64_t target,
						struct df_why *why);
DF_MUST_CHECK enum df_err df_spool_reserve_give(struct df_spool *sp,
						uint64_t bytes,
						struct df_why *why);

/* --- files to write into ---------------------------------------------------- */
struct df_stage { /* {.fd = -1} is released */
	struct df_id id;
	int fd; /* owned, read-write */
	enum df_err result; /* of publish */
	struct df_why why;
};
/* Makes names ahead and their directory durable, when half of the stock is
 * used up: a moment when nobody waits is the time to call it. */
DF_MUST_CHECK enum df_err df_stage_stock(struct df_spool *sp,
					 struct df_why *why);
/* Removes what was made ahead. */
void df_stage_unstock(struct df_spool *sp);
/* An empty file under the name that it will keep; the name is durable. */
DF_MUST_CHECK enum df_err df_stage_new(struct df_spool *sp, struct df_stage *s,
				       struct df_why *why);
/* Unlinks and closes; idempotent. */
void df_stage_drop(struct df_spool *sp, struct df_stage *s);
/*
 * Takes custody of n whole files: syncs the content of each. s->result says
 * which are durable; all descriptors are closed. A file whose sync failed is
 * dropped.
 */
void df_stage_publish(struct df_spool *sp, struct df_stage **batch, size_t n);

/* --- incoming ------------------------------------------------------------- */
DF_MUST_CHECK enum df_err df_incoming_new(struct df_spool *sp, struct df_id *id,
					  int *fd, struct df_why *why);
/* For reading and writing. DF_E_NOTFOUND. */
DF_MUST_CHECK enum df_err df_incoming_open(const struct df_spool *sp,
					   const struct df_id *id, int *fd,
					   struct df_why *why);
/* Syncs what was written so far. */
DF_MUST_CHECK enum df_err df_incoming_sync(int fd, struct df_why *why);
/* Appends the envelope at offset dfenv_len, syncs, renames into objects/,
 * syncs the directory. */
DF_MUST_CHECK enum df_err df_incoming_publish(struct df_spool *sp, int fd,
					      const struct df_envelope *env,
					      uint64_t dfenv_len,
					      uint64_t *file_bytes,
					      struct df_why *why);
void df_incoming_drop(struct df_spool *sp, const struct df_id *id);
/* The copy of a refused upload (df_incoming_quarantine); nothing when it has
 * none. Only when its sender is to bring it again. */
void df_incoming_drop_refused(struct df_spool *sp, const struct df_id *id);
/* Moves incoming/<id> to quarantine/<id>, durably. */
DF_MUST_CHECK enum df_err df_incoming_quarantine(struct df_spool *sp,
						 const struct df_id *id,
						 struct df_why *why);

/* --- objects -------------------------------------------------------------- */
/* Read-only; also finds quarantined ones. DF_E_NOTFOUND. */
DF_MUST_CHECK enum df_err df_spool_object(const struct df_spool *sp,
					  const struct df_id *id, int *fd,
					  struct df_why *why);
/* Reads and checks the trailer. text (may be NULL) gets its bytes. */
DF_MUST_CHECK enum df_err df_spool_envelope(int fd, struct df_envelope *env,
					    uint64_t *dfenv_len,
					    struct df_buf *text,
					    struct df_why *why);
/* Reads the first dfenv_len bytes and sums them up. */
DF_MUST_CHECK enum df_err df_spool_checksum(int fd, uint64_t dfenv_len,
					    struct df_checksum *sum,
					    struct df_why *why);
/* Reads the content of an object: DF_E_CORRUPT when it is not what the
 * envelope says, DF_E_IO or DF_E_TRUNC when it cannot be read. */
DF_MUST_CHECK enum df_err df_spool_content(int fd,
					   const struct df_envelope *env,
					   uint64_t dfenv_len,
					   struct df_why *why);
/* Only when a durable row says that something else is the home. */
void df_spool_remove(struct df_spool *sp, const struct df_id *id);
DF_MUST_CHECK enum df_err df_spool_quarantine(struct df_spool *sp,
					      const struct df_id *id,
					      struct df_why *why);
/* Moves quarantine/<id> back into objects/, durably; DF_OK when it is there. */
DF_MUST_CHECK enum df_err df_spool_unquarantine(struct df_spool *sp,
						const struct df_id *id,
						struct df_why *why);
/* Removes quarantine/<id>: only when a durable row says that a person wants
 * it so. Nothing when there is none. */
void df_spool_discard(struct df_spool *sp, const struct df_id *id);

/* Calls each for every name in objects/; a false return stops. Files whose
 * names are not ours are counted, not touched. */
typedef bool df_spool_each_fn(void *ctx, const struct df_id *id);
DF_MUST_CHECK enum df_err df_spool_each(const struct df_spool *sp,
					df_spool_each_fn *each, void *ctx,
					uint64_t *strangers,
					struct df_why *why);
/* The same for quarantine/. */
DF_MUST_CHECK enum df_err df_spool_each_quarantined(const struct df_spool *sp,
						    df_spool_each_fn *each,
						    void *ctx,
						    struct df_why *why);
/* Moves a damaged object to quarantine/<id>.damaged, durably: nobody finds it
 * under its name any more. Absent is fine. */
DF_MUST_CHECK enum df_err df_spool_set_aside(struct df_spool *sp,
					     const struct df_id *id,
					     struct df_why *why);
/* The same for incoming/. */
DF_MUST_CHECK enum df_err df_spool_each_incoming(const struct df_spool *sp,
						 df_spool_each_fn *each,
						 void *ctx, struct df_why *why);
#ifdef __cplusplus
}
#endif
#endif
