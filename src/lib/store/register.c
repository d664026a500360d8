/*
 * register.c - the file `register`: opened and looked at, appended to, read.
 *
 * Invariants:
 *  1. A byte that stands in the file is never changed or cut; what a crash
 *     left unfinished is passed over by whoever reads.
 *  2. What open found, and thus what index.db is told, is on stable storage:
 *     its name and its bytes synced, dropped from the cache, and then read.
 *  3. A sync that failed is not repeated: everything after it fails until the
 *     file is opened anew.
 *  4. A number is used once, also when its record is lost.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "df/file.h"
#include "df/hash.h"
#include "df/sys.h"
#include "register_record.h"

static const char MAGIC[] = "DFREGIS1"; /* then 16 random bytes */
#define PIECE (256u * 1024)
#define MARKED_EVERY 256 /* entries between two places that are remembered */

struct place_mark {
	uint64_t seq, at;
};

struct df_register {
	int fd;
	struct df_column_cipher cipher;
	bool sealed;   /* there is a cipher */
	bool failed;   /* a sync did */
	uint64_t head; /* bytes of a head that is one */
	uint64_t at;   /* where the next record goes */
	uint64_t next_seq;
	struct df_digest previous;
	struct df_register_account account;
	struct place_mark *marks; /* owned; ascending */
	size_t n_marks, cap_marks;
};

/* --- walking over the file ------------------------------------------------ */

struct walk {
	int fd;
	uint64_t at;  /* of buf.ptr[used] in the file */
	uint64_t end; /* of the file */
	struct df_buf buf;
	size_t used;
	uint64_t passed;
};

static void walk_open(struct walk *w, int fd, uint64_t at, uint64_t end)
{
	*w = (struct walk){.fd = fd, .at = at, .end = end};
	df_buf_init(&w->buf, PIECE + DF_REGISTER_RECORD_MAX);
}

static void walk_close(struct walk *w)
{
	df_buf_release(&w->buf);
}

/* A whole record's worth behind `used`, or all that is left. */
static enum df_err walk_fill(struct walk *w, struct df_why *why)
{
	size_t left = w->buf.len - w->used, more;
	uint64_t behind = w->end - w->at - left;
	enum df_err rc;

	if (left >= DF_REGISTER_RECORD_MAX || behind == 0)
		return DF_OK;
	if (left > 0)
		memmove(w->buf.ptr, w->buf.ptr + w->used, left);
	w->buf.len = left;
	w->used = 0;
	more = behind < PIECE ? (size_t)behind : PIECE;
	rc = df_buf_reserve(&w->buf, more, why);
	if (rc == DF_OK)
		rc = df_pread_all(w->fd, w->buf.ptr + left, more, w->at + left,
				  why);
	if (rc == DF_OK)
		w->buf.len += more;
	return rc;
}

static void walk_skip(struct walk *w, size_t n)
{
	w->used += n;
	w->at += n;
}

/* The next whole record; borrowed until the next call. DF_E_NOTFOUND. */
static enum df_err walk_next(struct walk *w, struct df_register_record *r,
			     struct df_why *why)
{
	for (;;) {
		enum df_err rc = walk_fill(w, why);
		size_t left = w->buf.len - w->used, to;
		const uint8_t *p;

		if (rc != DF_OK)
			return rc;
		if (left == 0)
			return DF_E_NOTFOUND;
		p = w->buf.ptr + w->used;
		if (df_register_record_decode(r, p, left)) {
			walk_skip(w, r->len);
			return DF_OK;
		}
		to = df_register_record_find(p, left, 1);
		if (to == left && left > 3 && w->end > w->at + left)
			to = left - 3; /* half a mark */
		w->passed += to;
		walk_skip(w, to);
	}
}

/* --- opening -------------------------------------------------------------- */

static void mark_put(struct df_register *r, uint64_t seq, uint64_t at)
{
	if (r->account.entries % MARKED_EVERY != 0)
		return;
	if (r->n_marks == r->cap_marks) {
		r->cap_marks = r->cap_marks ? 2 * r->cap_marks : 64;
		r->marks =
			df_xrealloc(r->marks, r->cap_marks * sizeof *r->marks);
	}
	r->marks[r->n_marks++] = (struct place_mark){seq, at};
}

static void broken(struct df_register *r, uint64_t seq, uint64_t at)
{
	if (r->account.broken != 0)
		return;
	r->account.broken = seq;
	r->account.broken_at = at;
}

/* Takes one record, that begins at `at`, into the account. One whose number
 * was there before is no part of it. */
static bool count(struct df_register *r, const struct df_register_record *rec,
		  uint64_t at)
{
	struct df_register_account *a = &r->account;

	if (rec->seq < r->next_seq) {
		broken(r, rec->seq, at);
		return false;
	}
	if (rec->seq > r->next_seq)
		broken(r, r->next_seq, at);
	else if (!df_digest_same(&rec->previous, &r->previous))
		broken(r, rec->seq, at);
	mark_put(r, rec->seq, at);
	a->missing += rec->seq - r->next_seq;
	a->entries++;
	a->first = a->entries == 1 ? rec->seq : a->first;
	a->last = rec->seq;
	a->head = rec->hash;
	r->next_seq = rec->seq + 1;
	r->previous = rec->hash;
	return true;
}

static enum df_err open_record(const struct df_register *r,
			       const struct df_register_record *rec,
			       struct df_buf *plain, struct df_why *why)
{
	struct df_register_place place = df_register_record_place(rec);

	df_buf_clear(plain);
	return r->cipher.open(r->cipher.ctx, df_text_of(place.s), rec->sealed,
			      plain, why);
}

/* Its head: what the first record follows on. A damaged one is passed over. */
static enum df_err look_at_head(struct df_register *r, struct df_why *why)
{
	uint8_t head[DF_REGISTER_HEAD_LEN] = {0};
	size_t len = r->account.bytes < sizeof head ? (size_t)r->account.bytes
						    : sizeof head;
	enum df_err rc = df_pread_all(r->fd, head, len, 0, why);

	if (rc != DF_OK)
		return rc;
	df_hash_bytes(&r->previous, head, sizeof head);
	if (len == sizeof head && memcmp(head, MAGIC, 8) == 0) {
		r->head = sizeof head;
		return DF_OK;
	}
	if (memcmp(head, MAGIC, 7) == 0 && head[7] > '1' && head[7] <= '9')
		return df_fail(why, DF_E_UNSUPPORTED,
			       "the register is of format %c, this program "
			       "knows 1",
			       head[7]);
	broken(r, 1, 0);
	return DF_OK;
}

/* Everything that stands in the file. Of records that are there, one at least
 * opens under our key. */
static enum df_err look(struct df_register *r, struct df_why *why)
{
	bool known = !r->sealed;
	struct df_register_record rec;
	struct df_buf plain;
	struct walk w;
	enum df_err rc;

	df_buf_init(&plain, DF_REGISTER_RECORD_MAX);
	/* from its first byte: behind a head that was cut may stand a record */
	walk_open(&w, r->fd, 0, r->account.bytes);
	while ((rc = walk_next(&w, &rec, why)) == DF_OK)
		if (count(r, &rec, w.at - rec.len) && !known)
			known = open_record(r, &rec, &plain, NULL) == DF_OK;
	if (rc == DF_E_NOTFOUND)
		rc = DF_OK;
	if (rc == DF_OK && !known && r->account.entries > 0)
		rc = df_fail(why, DF_E_KEY,
			     "the register was made under another index key; "
			     "restore keys/kek or move the file away");
	r->account.passed = w.passed > r->head ? w.passed - r->head : 0;
	walk_close(&w);
	df_buf_wipe(&plain);
	return rc;
}

static enum df_err make(int dir, struct df_why *why)
{
	uint8_t head[DF_REGISTER_HEAD_LEN];

	memcpy(head, MAGIC, 8);
	df_random(head + 8, sizeof head - 8);
	return df_file_write_durable(dir, DF_REGISTER_FILE, 0600, head,
				     sizeof head, why);
}

/* An earlier process may have made the file, and failed to keep its name. */
static enum df_err keep_name(int dir, struct df_why *why)
{
	int fd = -1;
	enum df_err rc = df_dir_open(&fd, dir, ".", why);

	if (rc == DF_OK)
		rc = df_dir_sync(fd, "the node's directory", why);
	df_fd_close(&fd);
	return rc;
}

static enum df_err open_file(struct df_register *r, int dir, struct df_why *why)
{
	int flags = r->sealed ? O_RDWR : O_RDONLY;
	enum df_err rc =
		df_file_open(&r->fd, dir, DF_REGISTER_FILE, flags, 0, why);

	if (rc == DF_E_NOTFOUND && r->sealed) {
		rc = make(dir, why);
		if (rc == DF_OK)
			rc = df_file_open(&r->fd, dir, DF_REGISTER_FILE, flags,
					  0, why);
	}
	if (rc == DF_OK && r->sealed)
		rc = keep_name(dir, why);
	if (rc == DF_OK && r->sealed)
		rc = df_fd_from_disk(r->fd, DF_REGISTER_FILE, why);
	if (rc == DF_OK)
		rc = df_fd_size(r->fd, &r->account.bytes, why);
	return rc;
}

enum df_err df_register_open(struct df_register **out, int dir,
			     const struct df_column_cipher *c,
			     struct df_why *why)
{
	struct df_register *r = df_xcalloc(1, sizeof *r);
	enum df_err rc;

	*out = NULL;
	r->fd = -1;
	r->next_seq = 1;
	r->sealed = c != NULL;
	if (c != NULL)
		r->cipher = *c;
	rc = open_file(r, dir, why);
	if (rc == DF_OK)
		rc = look_at_head(r, why);
	if (rc == DF_OK)
		rc = look(r, why);
	if (rc != DF_OK) {
		df_register_close(r);
		return rc;
	}
	r->at = r->account.bytes;
	*out = r;
	return DF_OK;
}

void df_register_close(struct df_register *r)
{
	if (r == NULL)
		return;
	df_fd_close(&r->fd);
	free(r->marks);
	free(r);
}

const struct df_register_account *
df_register_account(const struct df_register *r)
{
	return &r->account;
}

uint64_t df_register_next(const struct df_register *r)
{
	return r->next_seq;
}

void df_register_pass(struct df_register *r, uint64_t seq)
{
	if (seq < r->next_seq)
		return;
	broken(r, r->next_seq, r->at);
	r->account.missing += seq + 1 - r->next_seq;
	r->next_seq = seq + 1;
}

/* --- appending ------------------------------------------------------------ */

static enum df_err seal(struct df_register *r, struct df_register_record *rec,
			const struct df_buf *plain, struct df_buf *out,
			struct df_why *why)
{
	struct df_register_place place = df_register_record_place(rec);
	struct df_buf sealed;
	enum df_err rc;

	df_buf_init(&sealed, DF_REGISTER_SEALED_MAX);
	rc = r->cipher.seal(
		r->cipher.ctx, df_text_of(place.s),
		(struct df_text){(const char *)plain->ptr, plain->len}, &sealed,
		why);
	rec->sealed = (struct df_text){(const char *)sealed.ptr, sealed.len};
	if (rc == DF_OK)
		rc = df_register_record_encode(out, rec, why);
	rec->sealed = (struct df_text){0};
	df_buf_release(&sealed);
	return rc;
}

/* What came to the file: nobody else writes to it. */
static void took(struct df_register *r, const struct df_register_record *rec)
{
	struct df_register_account *a = &r->account;

	mark_put(r, rec->seq, r->at);
	r->at += rec->len;
	r->next_seq = rec->seq + 1;
	r->previous = rec->hash;
	a->entries++;
	a->first = a->entries == 1 ? rec->seq : a->first;
	a->last = rec->seq;
	a->head = rec->hash;
	a->bytes = a->bytes < r->at ? r->at : a->bytes;
}

enum df_err df_register_append(struct df_register *r, const char *kind,
			       int64_t now_ms, struct df_text json,
			       uint64_t *seq, struct df_why *why)
{
	struct df_register_record rec = {.seq = r->next_seq,
					 .previous = r->previous};
	struct df_buf plain, out;
	enum df_err rc;

	if (!r->sealed)
		df_bug("a register without a key is appended to");
	if (r->failed)
		return df_fail(why, DF_E_IO, "a sync of the register failed");
	df_buf_init(&plain, DF_REGISTER_SEALED_MAX);
	df_buf_init(&out, DF_REGISTER_RECORD_MAX);
	rc = df_register_plain_encode(&plain, kind, now_ms, json, why);
	if (rc == DF_OK)
		rc = seal(r, &rec, &plain, &out, why);
	/* half of it is overwritten by the next, or passed over */
	if (rc == DF_OK)
		rc = df_pwrite_all(r->fd, out.ptr, out.len, r->at, why);
	if (rc == DF_OK)
		took(r, &rec);
	if (rc == DF_OK && seq != NULL)
		*seq = rec.seq;
	df_buf_wipe(&plain);
	df_buf_release(&out);
	return rc;
}

enum df_err df_register_sync(struct df_register *r, struct df_why *why)
{
	enum df_err rc = DF_OK;

	if (r->failed)
		return df_fail(why, DF_E_IO, "a sync of the register failed");
	rc = df_fd_sync(r->fd, DF_REGISTER_FILE, why);
	r->failed = rc != DF_OK;
	return rc;
}

/* --- reading -------------------------------------------------------------- */

struct reader {
	enum df_err (*fn)(void *ctx, const struct df_register_entry *e);
	void *ctx;
	uint64_t forged;
	struct df_buf plain;
};

/* A place at or before which no entry of that number and higher stands. */
static uint64_t begin_at(const struct df_register *r, uint64_t from_seq)
{
	uint64_t at = 0;
	size_t lo = 0, hi = r->n_marks;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (r->marks[mid].seq <= from_seq) {
			at = r->marks[mid].at;
			lo = mid + 1;
		} else {
			hi = mid;
		}
	}
	return at < r->at ? at : r->at;
}

/* One record as an entry: to fn, or counted as not authentic. */
static enum df_err give(const struct df_register *r, struct reader *to,
			const struct df_register_record *rec,
			struct df_why *why)
{
	struct df_register_entry e = {.seq = rec->seq};
	enum df_err rc = open_record(r, rec, &to->plain, why);

	if (rc == DF_OK)
		rc = df_register_plain_decode(
			&e,
			(struct df_text){(const char *)to->plain.ptr,
					 to->plain.len},
			why);
	if (rc == DF_OK)
		return to->fn(to->ctx, &e);
	if (rc != DF_E_CORRUPT && rc != DF_E_FORMAT)
		return rc;
	to->forged++;
	return DF_OK;
}

enum df_err df_register_read(
	struct df_register *r, uint64_t from_seq,
	enum df_err (*fn)(void *ctx, const struct df_register_entry *e),
	void *ctx, uint64_t *forged, struct df_why *why)
{
	struct reader to = {.fn = fn, .ctx = ctx};
	enum df_err rc = DF_OK, found;
	struct df_register_record rec;
	uint64_t seen = 0;
	struct walk w;

	df_buf_init(&to.plain, DF_REGISTER_RECORD_MAX);
	walk_open(&w, r->fd, begin_at(r, from_seq), r->at);
	while (rc == DF_OK && (found = walk_next(&w, &rec, why)) == DF_OK) {
		if (rec.seq < from_seq || rec.seq <= seen)
			continue;
		seen = rec.seq;
		rc = give(r, &to, &rec, why);
	}
	if (rc == DF_OK && found != DF_E_NOTFOUND)
		rc = found;
	walk_close(&w);
	df_buf_wipe(&to.plain);
	if (forged != NULL)
		*forged = to.forged;
	return rc;
}
