/*
 * queue.h - the room `queue`: custody, and the scheduler of everything.
 *
 * One event loop. A turn is: messages and timers; then every flow looks for
 * work; then what was staged is published; then one commit of state.db; only
 * then do messages leave (queue_post, queue_call). So no room ever hears of
 * something that a power cut could take back.
 *
 * Memory holds only what is under way. After a restart each flow finds its
 * work again in state.db; losing any other room makes its replies DF_E_PEER
 * and the work is issued again.
 */
#ifndef QUEUE_H
#define QUEUE_H

#include "acceptance.h"
#include "df/coding_choice.h"
#include "df/journal.h"
#include "df/retry.h"
#include "df/room.h"
#include "df/sched.h"
#include "restored.h"
#include "scrub.h"

#define CEK_LEN 32
#define DEATHS_MAX 3       /* cells that may die on one object */
/* A crash is a witness, a cell that was killed (by whom?) or took too long (a
 * disk may stall) only a hint: three of them weigh as much, so that chance
 * convicts nobody. One that found no memory counts for nothing. */
#define CRASH_WEIGHT 3
#define CELLS_MAX 16
#define CALL_MS 60000      /* keys and index answer, or are gone */
#define RETRY_MS 1000      /* pause after a room was away */
/* What cannot be read for now must not hold a place that others need: after
 * so many tries it waits aside. */
#define TRIES_MAX 5
#define ASIDE_MS 30000
#define TICK_MS 200
#define PACK_MAX 48        /* instances in one parcel */
#define CEKS_KEPT 32
#define PURGED_TEXT                                                            \
	"its bytes were let go here: others hold it, by receipt (study show)"
#define RAW_CEKS_KEPT 16 /* associations */
#define WANTED_STUDIES 16 /* studies packed because others fetch them */
#define WRAPPED_LEN 40

enum source { /* kinds of work in cells, served in turn */
	WORK_RESTORE,
	WORK_INSPECT,
	WORK_VERIFY,
	WORK_PACK,
	WORK_REPORT,
	WORK_SCRUB, /* reading objects again from the disk */
};

#define QUEUE_HANDLER(name)                                                    \
	void on_##name(struct df_room *room, struct df_link *from,             \
		       const struct df_msg *m, int *fds, size_t n_fds)

struct queue;

/* --- posts: what leaves after the commit ---------------------------------- */
struct post;
/* All take m and fds. link may be NULL: a call is answered with DF_E_PEER. */
void queue_post(struct queue *q, struct df_link *link, struct df_msg *m,
		int *fds, size_t n_fds);
void queue_call(struct queue *q, struct df_link *link, struct df_msg *m,
		int *fds, size_t n_fds, enum df_msg_type last,
		int64_t timeout_ms, df_reply_fn *reply, void *ctx);
/* Unlinks the object after the commit that made it superfluous. */
void queue_remove(struct queue *q, const struct df_id *object);
/* Moves it to quarantine/ after the commit of the row that says so: a file
 * there that no row names would be in no list. */
void queue_aside(struct queue *q, const struct df_id *object);
/* Runs fn after ms; for work that another room could not take. */
void queue_later(struct queue *q, int64_t ms, df_loop_fn *fn, void *ctx);
struct df_link *queue_keys(struct queue *q);
struct df_link *queue_index(struct queue *q);
struct df_link *queue_https(struct queue *q);
uint32_t queue_chance(void);

/* --- publishing: staged files become objects at the end of the turn -------- */
typedef void published_fn(void *ctx, enum df_err err,
			  const struct df_why *why);
/* Takes the staged file. done runs before the commit, so it writes rows. */
void queue_publish(struct queue *q, struct df_stage *stage, published_fn *done,
		   void *ctx);

/* --- cells ----------------------------------------------------------------- */
/* A job's priority: of an urgent study; and what others wait for. */
#define JOB_URGENT 4
#define JOB_SOON 1
struct job { /* heap; init with job_new */
	struct df_msg m;
	int fds[64]; /* DF_CHANNEL_FDS */
	size_t n_fds;
	uint32_t priority;
	enum source source;
	int64_t study;
	/* before it is handed to a cell; false: it is dropped, ctx is settled */
	bool (*dispatch)(void *ctx);
	/* once for each FACTS */
	void (*facts)(void *ctx, const struct df_msg *facts);
	/* after it, when a data set came with them: may take *fd */
	void (*handed)(void *ctx, const struct df_msg *facts, int *fd);
	void (*done)(void *ctx, struct df_reply *reply); /* once */
	void *ctx;
	struct queue *q;
	struct df_link *cell;
	uint32_t number; /* of the cell */
	int64_t instance; /* the only one in it, else 0 */
	bool suspect;	  /* a cell died on it before */
	struct job *next; /* of q->suspects */
};
struct job *job_new(struct queue *q, enum df_msg_type type, enum source source,
		    int64_t study, void *ctx);
void job_fd(struct job *job, int fd); /* takes fd */
void job_submit(struct job *job);     /* takes job */
/* True when a cell died or was lost: the job may be issued again. */
bool job_lost(const struct df_reply *r);
void cells_pump(struct queue *q);
QUEUE_HANDLER(cell_crashed);

/* --- opening objects: descriptor and data key ------------------------------- */
struct opened {
	int fd; /* read-only; closed after the callback unless taken */
	uint8_t cek[CEK_LEN];
	uint64_t dfenv_len;
	/* of a signed header (content 1 and 2) */
	char hex[33];
	struct df_digest h0;
	struct df_digest previous;
	uint64_t content, epoch, sequence, created_ms;
};
typedef void opened_fn(void *ctx, enum df_err err, const struct df_why *why,
		       struct opened *o);
/* sender: "" = we made it; for raw objects sealed = false. */
void object_open(struct queue *q, const struct df_id *id, bool sealed,
		 const char *sender, opened_fn *fn, void *ctx);
/* The same for a sealed file that is not yet an object. Takes fd. purpose: of
 * OPEN_RQ, or "". */
void object_open_fd(struct queue *q, int fd, uint64_t len, const char *sender,
		    const char *purpose, opened_fn *fn, void *ctx);
/* The whole header of a sealed object, and the length of its stream. */
enum df_err object_header(struct queue *q, const struct df_id *id,
			  struct df_buf *head, uint64_t *dfenv_len,
			  struct df_why *why);
void opened_put(struct df_msg *m, const struct opened *o); /* CEK LENGTH */

/* --- the room ----------------------------------------------------------------*/
struct lane { /* to a PACS: one association, or one STOW-RS request */
	bool busy;		 /* a SEND is under way */
	struct df_window window; /* it has no room for this one, others work */
};
struct destination_state { /* one a configured destination or peer */
	const char *name; /* of the configuration */
	struct df_window window;
	uint32_t under_way;  /* parcels, and of these */
	uint32_t urgent;     /* so many of urgent studies */
	struct parcel_job *jobs;
	int64_t manifests[2]; /* under way; the second for urgent studies */
	double bytes_per_s; /* peers: what the line carries; 0 = unknown */
	bool busy;           /* a MANIFEST_SEND is under way */
	struct lane lanes[DF_ASSOCIATIONS]; /* PACS only */
	bool polling;        /* mailbox, or an item of it is in hand: */
	bool pulling;
	uint64_t promised; /* bytes of the disk that the pull may still need */
	struct df_why last;  /* its last failure */
	char remark[120];    /* while it is up: that the clocks differ */
	struct {
		uint32_t connections; /* parts at once; 0 = nothing known */
		uint32_t rtt_ms;
		uint64_t sent_bytes; /* of parcels, since deliver's start */
		char congestion[16];
	} pace;
};

struct removal { /* of a file, after the commit */
	struct df_id object;
	bool aside; /* into quarantine/ */
};

struct queue {
	struct df_room *room;
	const struct df_config *cfg;
	struct df_spool sp;
	bool stock_failed; /* names could not be made ahead */
	struct df_journal *j;
	char self[DF_HEX_LEN + 1]; /* our fingerprint, "" until keys said it */
	int64_t now; /* wall ms, once a turn */
	int64_t wall_ahead_ms; /* of the monotonic clock; 0 = not yet looked */
	bool stopping;

	struct post *posts, **posts_end;
	struct publish *batch, **batch_end;
	struct removal *removals;
	size_t n_removals, cap_removals;

	struct df_sched sched;
	struct job *suspects; /* wait for each other: one runs at a time */
	int64_t in_cell[CELLS_MAX]; /* by cell: whose job is there, or was lost */
	struct kept_cek {
		struct df_id id;
		struct opened o;
	} ceks[CEKS_KEPT];
	uint32_t cek_next;
	struct raw_cek {
		uint8_t wrapped[WRAPPED_LEN]; /* all zeros: none */
		uint8_t cek[CEK_LEN];
	} raw_ceks[RAW_CEKS_KEPT];
	uint32_t raw_next;

	struct acceptance acceptance;
	struct scrub scrub;
	unsigned ledger_ticks; /* since the ledger was written */
	struct disk_trouble { /* of this or an earlier life, for a week */
		int64_t at_ms; /* 0 = none */
		char text[240];
	} trouble;
	struct staged *staged;
	struct {
		int64_t cursor;   /* last instance taken up */
		uint32_t under_way;
		bool more;
	} inspect;
	struct {
		int64_t *todo; /* instances whose facts an earlier life lost */
		size_t n, at;
		uint32_t under_way;
		int64_t last_parcel;
	} facts;
	struct facts *unacked; /* facts that the index has not kept yet */
	uint32_t n_unacked;
	struct pack *packs;
	double ratio; /* raw to coded, learned */
	int64_t first_made; /* parcel of this life of the room; 0 = none yet */
	struct df_coders coders; /* learned too */
	/* A parcel made here was not what was put in: packing compares, from
	 * this parcel on (0 = none made so yet). */
	bool pack_compares;
	int64_t compared_from;
	bool pack_look;
	bool urgent_look; /* also of urgent studies alone */
	int64_t verify_cursor;
	struct verify *verifying; /* all that are in hand */
	uint32_t verifies;
	bool verify_look;
	bool study_look;
	bool manifest_look;
	bool signing;
	bool upload_look;
	char upload_turn[DF_HEX_LEN + 1]; /* whose parcel was taken up last */
	struct upload *uploads;
	struct upload_beyond *beyond; /* upload_parts.c */
	struct parked_manifest *manifests;
	struct parked_mailbox *mailboxes;
	struct giving *givings; /* prior_give.c */
	uint32_t twins_asked;	/* questions that linked.c waits for */
	struct wanted {
		int64_t study; /* 0 = none */
		int64_t until_ms;
	} wanted[WANTED_STUDIES];
	struct fetching **fetchings; /* prior_fetch.c; one a peer, NULL = none */
	struct purpose *purposes;    /* prior_order.c */
	bool report_look;
	bool reporting; /* judging.c */
	bool sealing;   /* report.c */
	int64_t report_cursor;
	int64_t verdict_cursor;
	int64_t reports_woken_ms;
	struct {
		int64_t next_ms; /* monotonic */
		int64_t cursor;
		uint64_t rounds; /* since start: all studies looked at */
	} purge;
	struct fetch *fetches;
	struct restored_store restored;
	struct destination_state *pacs; /* cfg->destinations */
	struct destination_state *peers;
	struct promising *promising; /* promising.h */
	bool asking_look;	     /* once a tick */
	struct asking *asking;	     /* one a destination */
	uint64_t instances_received; /* since start */
};

struct queue *queue_of(struct df_room *room);

/* acceptance.c */
void acceptance_start(struct queue *q);
void acceptance_tick(struct queue *q);
/* May an image, or a parcel of `more` bytes, come in? Else the refusal. */
enum df_err acceptance(struct queue *q, uint64_t more, struct df_why *why);
/* The same for what a peer brings: above the high mark, who holds more than an
 * equal share waits, and the others go on. */
enum df_err acceptance_peer(struct queue *q, const char *peer, uint64_t more,
			    struct df_why *why);
/* Reports are small and wanted: they may use half of the reserve. */
enum df_err acceptance_report(struct queue *q, uint64_t more,
			      struct df_why *why);
/* DF_E_NOSPACE: above the high mark images of this source come later. (Its
 * association does not: an echo, storage commitment and the word of a PACS go
 * on.) */
enum df_err acceptance_association(struct queue *q, const char *calling,
				   struct df_why *why);
/* Room for work on what is here (packing, receipts): the reserve is given up
 * for it, step by step. DF_E_NOSPACE when that is used up too. */
enum df_err acceptance_room(struct queue *q, uint64_t bytes,
			    struct df_why *why);
/* A write has failed: nothing is taken until one works again. */
void acceptance_doubt(struct queue *q);
/* Room for state.db to be opened and written, out of the reserve if need be. */
void acceptance_open(struct queue *q);
/* A database has no room to grow: some of the reserve, not too often. */
void acceptance_feed(struct queue *q);
/* "" while images are taken; else the reason of the refusal, one word; its
 * text is in q->acceptance.why. */
const char *acceptance_word(const struct queue *q);
bool acceptance_is_urgent(const struct queue *q, const char *calling);
/* Above the soft mark: what may be purged is to be purged now. */
bool acceptance_wants_purge(const struct queue *q);

/* degraded.c: a sync failed, or what was written did not come back */
/* At start. True: the disk does not work; nothing else is opened (q->j stays
 * NULL), images are refused, and the room ends when it works again. */
bool degraded_start(struct queue *q);
/* The files cannot be opened: refuses everything, and tries again. */
void degraded_wait(struct queue *q, const struct df_why *why);
/* Ends the room when a sync of this process failed. */
void degraded_look(struct queue *q);
/* Ends the room, so that the next one starts from the disk. */
void degraded_end(struct queue *q, const struct df_why *why) DF_NORETURN;

/* clock_watch.c */
void clock_watch(struct queue *q);

/* scrub.c */
void scrub_start(struct queue *q);
void scrub_pump(struct queue *q);
/* Reads an object as the disk gives it back; answers later. */
void object_reread(struct queue *q, const struct df_id *id, scrubbed_fn *fn,
		   void *ctx);
/* Somebody could not use it, and rc says that its bytes may be the cause: it
 * is read, and set aside when it is damaged. */
void object_doubt(struct queue *q, const struct df_id *id, enum df_err rc);
/* It is damaged: out of use, and said aloud. */
void object_condemn(struct queue *q, const struct df_id *id,
		    const struct df_why *what);

/* rebirth.c */
/* state.db opened and held against the objects; one that is damaged steps
 * aside and is made anew from them and the ledger. */
enum df_err journal_start(struct queue *q, struct df_why *why);
/* A turn found it damaged: it steps aside now; the room must end. */
void journal_aside(struct queue *q, const struct df_why *what);
/* At the end of a turn, all committed: what was settled goes to the ledger,
 * now or when it is time. */
void ledger_look(struct queue *q, bool now);

/* intake.c */
QUEUE_HANDLER(association_open);
QUEUE_HANDLER(stage);
QUEUE_HANDLER(commit);
QUEUE_HANDLER(unstage);
void intake_link_down(struct queue *q, struct df_link *link);
bool intake_is_open(struct queue *q, int64_t study);

/* inspection.c */
void inspect_pump(struct queue *q);

/* facts.c: what the index must know, until it knows it */
void facts_put(struct queue *q, int64_t instance, const struct df_msg *facts,
	       const struct df_row_instance *row);
void facts_index_up(struct queue *q);
void facts_pump(struct queue *q); /* those lost with an earlier life */
/* Is the index still being told what it, or we, had lost? */
bool facts_retelling(const struct queue *q);

/* routing of what was understood: facts.c */
void instance_route(struct queue *q, const struct df_row_instance *row);
/* A study stays with the peers that its parcels (but that one; 0 = all count)
 * go to already: one that was joined since could not open them. */
bool study_goes_to(struct queue *q, int64_t study, size_t peer, int64_t but);
void parcel_route(struct queue *q, int64_t parcel, int64_t study);
/* A peer's instance under UIDs of another peer: row becomes quarantined, or
 * indexed when it is the other's twin. Neither is to be routed. */
void claim_check(struct queue *q, struct df_row_instance *row);

void facts_start(struct queue *q); /* finds what facts_pump has to do */

/* seen.c: the FACTS of one job */
struct seen {
	struct df_row_instance row; /* what FACTS say of it */
	char study_uid[65];
	struct df_msg facts; /* owned */
};
struct seen_list {
	struct seen *v; /* owned */
	size_t n, cap;
};
void seen_add(struct seen_list *l, const struct df_msg *facts);
void seen_release(struct seen_list *l);

/* inspection.c: one raw object again, for its facts */
void inspect_again(struct queue *q, const struct df_row_instance *row);
/* One that a person released: judged as if it had just come. */
void inspect_released(struct queue *q, int64_t instance);

/* packing.c, verify.c */
void pack_pump(struct queue *q);
/* Bytes that parcels in the making may still need of the disk. */
uint64_t pack_promised(const struct queue *q);
bool pack_busy(const struct queue *q, int64_t study);
/* Has the line nothing to do, and nothing soon? */
bool pack_is_awaited(const struct queue *q);
/* A parcel of the study was bad: again after a while, or soon. */
void pack_failed(struct queue *q, int64_t study, bool soon);
void verify_pump(struct queue *q);
/* A parcel of an urgent study: it does not wait for a place. */
void verify_urgent(struct queue *q, int64_t parcel);
/* A parcel that is ready, for the facts of its instances. */
void verify_again(struct queue *q, int64_t parcel);

/* purging.c */
void purge_pump(struct queue *q);

/* assemble.c */
void assemble_pump(struct queue *q);

/* deliver.c: peers; pacs.c: destinations */
void deliver_pump(struct queue *q);
void deliver_link_down(struct queue *q, struct df_link *link);
QUEUE_HANDLER(line);
QUEUE_HANDLER(line_pace); /* line_pace.c */
void pacs_pump(struct queue *q);
/* How many PACS will soon ask for the data set, as it came, of an instance that
 * another node brought. */
unsigned pacs_takers(const struct queue *q);
QUEUE_HANDLER(fetch);
void destination_bad(struct queue *q, struct destination_state *d,
		     const struct df_why *why);
int64_t object_again(struct queue *q, int64_t since_ms);
/* It is urgent (STAT) from now on: all of it that waits goes first, and what is
 * under way to a peer too. */
void study_urge(struct queue *q, int64_t study);

/* upload.c, upload_parts.c, receipting.c */
QUEUE_HANDLER(offer);
QUEUE_HANDLER(part);
QUEUE_HANDLER(part_done);
QUEUE_HANDLER(manifest);
void upload_pump(struct queue *q);
void receipt_pump(struct queue *q); /* parked manifests look again */
/* What this peer brought has changed (NULL: anybody's). */
void receipt_wake(struct queue *q, const char *peer);
void receipt_link_down(struct queue *q, struct df_link *link);

/* mailbox.c (centre), pull.c (clinic) */
QUEUE_HANDLER(mailbox);
QUEUE_HANDLER(parcel);
QUEUE_HANDLER(mail);
void mailbox_wake(struct queue *q, const char *peer);
void mailbox_pump(struct queue *q);
void mailbox_link_down(struct queue *q, struct df_link *link);
void pull_pump(struct queue *q);
/* A file in incoming/ that was opened by keys becomes a report bundle here.
 * DF_E_AGAIN: the disk would not; anything else: it is not what it says. */
struct report_file {
	struct df_id file;
	char hex[33];
	char peer[DF_HEX_LEN + 1]; /* who sealed it */
	uint64_t size;
};
enum df_err report_take(struct queue *q, const struct report_file *f,
			const struct opened *o, struct df_why *why);

/* linked.c: the same images under other UIDs are sent once */
/* Routes a parcel that was compared, when it is to go. */
void linked_route(struct queue *q, const struct df_row_parcel *p,
		  const struct seen_list *seen);
/* The study goes its way from now on, whatever it shows. */
void linked_let_go(struct queue *q, int64_t study);
void linked_start(struct queue *q);
void linked_pump(struct queue *q);
bool linked_is_held(struct queue *q, int64_t study, char twin[65]);

/* prior_give.c (centre): the files of an earlier exam for another node */
QUEUE_HANDLER(prior_files);
void prior_give_link_down(struct queue *q, struct df_link *link);
/* Is this study of ours to be packed, although we send it nowhere? By place in
 * q->wanted; 0 = there is none at that place. */
int64_t prior_wanted(const struct queue *q, size_t place);

/* prior_along.c: a PACS gets what a reader compares this study with */
void prior_along(struct queue *q, int64_t study);

/* prior_fetch.c (clinic): priors that people here want */
void prior_pump(struct queue *q);

/* report.c: bundles made here; judging.c: bundles judged here */
void report_pump(struct queue *q);
void report_submit(struct queue *q, struct df_link *link, uint32_t tag,
		   const char *study_uid, int *fds, size_t n_fds);
void verdict_pump(struct queue *q);

/* answers.c, why.c */
QUEUE_HANDLER(query);
/* Answers with an error. */
void answer_error(struct queue *q, struct df_link *link, uint32_t tag,
		  enum df_err err, const struct df_why *why);
/* Answers with text in a memfd; media NULL = JSON. */
void answer_text(struct queue *q, struct df_link *link, uint32_t tag,
		 const char *text, const char *media);
/* The one screen of `study why`; caller frees. */
char *why_text(struct queue *q, const struct df_row_study *s);

/* A sealed memfd that holds text, or -1 (why says). */
int text_fd(const char *name, struct df_text t, struct df_why *why);
/* Reads a small descriptor wholly. */
enum df_err fd_text(int fd, struct df_buf *to, struct df_why *why);

#endif
