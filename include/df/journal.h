/*
 * journal.h - state.db: what the queue has attempted and what came of it.
 *
 * The directories hold custody, the journal holds attempts; it can be made
 * again from objects/ (df_spool_recover). Opened by `queue` only (and by the
 * command line while no daemon runs). SQLite, WAL, one process at a time.
 *
 * Writing functions return nothing: the first failure sticks, later calls do
 * nothing, and df_journal_commit reports it. So a turn of the queue is one
 * transaction: either all of it is durable, or the room ends and starts again
 * from what was. Nothing may leave the room before commit returned DF_OK.
 * Reads see what was written before in the same turn.
 *
 * Times are wall milliseconds. Texts are terminated; "" means none.
 */
#ifndef DF_JOURNAL_H
#define DF_JOURNAL_H

#include "df/lifecycle.h"
#include "df/manifest.h"
#include "df/spool.h"

#ifdef __cplusplus
extern "C" {
#endif

struct df_journal;

/* path: "state.db" in the node's directory. Made when absent. DF_E_FORMAT when
 * it is of another version. */
DF_MUST_CHECK enum df_err df_journal_open(struct df_journal **j,
					  const char *path,
					  struct df_why *why);
/* The database of that name in dir, and its log, step aside as NAME.TIME:
 * nothing is deleted. Durable. Who has it open must end. */
DF_MUST_CHECK enum df_err df_journal_aside(int dir, const char *name,
					   struct df_why *why);
void df_journal_close(struct df_journal *j); /* what is not committed is lost */
/*
 * Makes everything since the last commit durable; DF_OK when nothing was. A
 * turn that only noted what the objects say again (claims, dispatches, that an
 * instance was understood, routed or indexed) waits for the next one with more
 * than that, or for df_journal_firm; until then it can be lost.
 */
DF_MUST_CHECK enum df_err df_journal_commit(struct df_journal *j,
					    struct df_why *why);
/* The coming commit makes notes durable too. */
void df_journal_firm(struct df_journal *j);
/* True when commit has more to do than notes. */
bool df_journal_dirty(const struct df_journal *j);
/* True when nothing is uncommitted, not even a note. */
bool df_journal_at_rest(const struct df_journal *j);

/* --- objects and instances ------------------------------------------------ */
void df_journal_object_add(struct df_journal *j, const struct df_id *id,
			   enum df_env_kind kind, uint64_t dfenv_len,
			   uint64_t bytes, int64_t created_ms);
bool df_journal_object_has(struct df_journal *j, const struct df_id *id);
void df_journal_object_drop(struct df_journal *j, const struct df_id *id);
/* When it was stored; 0 when it has no row. */
int64_t df_journal_object_created(struct df_journal *j,
				  const struct df_id *id);
/* The index has nothing any more: all is to be told again. Returns how many
 * instances and reports. */
uint64_t df_journal_index_forget(struct df_journal *j);

/* What is to be done with a report that came here by C-STORE. */
enum df_row_reporting {
	DF_REPORTING_NONE,    /* it is none, or not for a clinic */
	DF_REPORTING_DUE,     /* a bundle is to be made */
	DF_REPORTING_DONE,    /* it is in the clinic's mailbox */
	DF_REPORTING_WAITS,   /* no clinic sent its study so far */
	DF_REPORTING_REFUSED, /* it contradicts the study; a person decides */
};
struct df_row_instance {
	int64_t n;                /* row number; 0 on add */
	char peer[DF_HEX_LEN + 1]; /* who signed for it; "" = received here */
	char sop_instance[65];
	char sop_class[65];
	char transfer_syntax[65];
	int64_t study;            /* row number, 0 = not known yet */
	char series[65];
	uint64_t size_bytes;
	struct df_digest digest;
	struct df_id association;
	char calling[17];
	int64_t received_ms;
	enum df_instance_state state;
	struct df_id object;      /* its home */
	bool in_parcel;           /* home is a parcel, at record */
	uint64_t record;
	uint64_t dfenv_len;       /* of the home; read only */
	char coding[16];
	uint64_t coded_bytes;
	bool indexed;             /* the index has its facts */
	uint32_t deaths;          /* cells that died on it */
	int64_t parcel;           /* row number of its parcel, 0 = none */
	uint32_t report;          /* enum df_row_reporting */
	char reason[160];         /* why quarantined, or not passed on */
};
int64_t df_journal_instance_add(struct df_journal *j,
				const struct df_row_instance *r);
/* A raw object that has come, and its instance: a note, for the object says
 * both again. */
void df_journal_arrival_note(struct df_journal *j,
			     const struct df_row_instance *r,
			     uint64_t dfenv_len, uint64_t bytes);
bool df_journal_instance(struct df_journal *j, int64_t n,
			 struct df_row_instance *r);
/*
 * May an instance of a peer go under its UIDs? n = 0: it has no row yet.
 * Always free for one that was received here (peer "").
 */
enum df_claim {
	DF_CLAIM_FREE,
	DF_CLAIM_TWIN,	 /* another peer brought the same bytes before */
	DF_CLAIM_OTHERS, /* UID or study are those of another peer */
};
enum df_claim df_journal_claim(struct df_journal *j,
			       const struct df_row_instance *r);
/* The one that is not quarantined; digest NULL = any. */
bool df_journal_instance_find(struct df_journal *j, const char *peer,
			      const char *sop_instance,
			      const struct df_digest *digest,
			      struct df_row_instance *r);
/* Does an earlier row, not quarantined, bear the same UID with other bytes? */
bool df_journal_instance_rival(struct df_journal *j,
			       const struct df_row_instance *r);
uint64_t df_journal_quarantined(struct df_journal *j); /* how many are */
enum df_instances_of {
	DF_OF_UNINSPECTED, /* received here, n > key */
	DF_OF_UNINDEXED,   /* inspected or packed, facts not kept, n > key */
	DF_OF_TO_PACK,     /* inspected, raw, of study key */
	DF_OF_STUDY,       /* all of study key */
	DF_OF_PARCEL,      /* of parcel key */
	DF_OF_TO_REPORT,   /* report = 1, n > key */
	DF_OF_QUARANTINED, /* n > key */
};
size_t df_journal_instances(struct df_journal *j, enum df_instances_of which,
			    int64_t key, struct df_row_instance *rows,
			    size_t max);
/* A second copy of the same bytes came: a note. */
void df_journal_extra_add(struct df_journal *j, int64_t instance,
			  const struct df_id *association, int64_t now_ms);
/* Before a cell gets it: one more death unless settled. Returns the deaths
 * counted before. */
uint32_t df_journal_instance_dispatch(struct df_journal *j, int64_t n);
/* The last death was no chance: it weighs so much more; or (-1) nobody's
 * fault: it does not count. */
void df_journal_instance_blame(struct df_journal *j, int64_t n,
			       int32_t weight);
/* Deaths are forgotten; study, series and report are set. */
void df_journal_instance_settle(struct df_journal *j, int64_t n,
				enum df_instance_state state, int64_t study,
				const char *series, uint32_t report,
				const char *reason);
void df_journal_instance_indexed(struct df_journal *j, int64_t n);
/* reason "" for DUE and DONE. */
void df_journal_instance_reporting(struct df_journal *j, int64_t n,
				   enum df_row_reporting to,
				   const char *reason);
/* Those that WAIT and whose study a clinic has sent meanwhile are DUE.
 * false = none waits. */
bool df_journal_reports_wake(struct df_journal *j);
/* Packed into a parcel that is not yet compared; its home does not change. */
void df_journal_instance_in(struct df_journal *j, int64_t n, int64_t parcel,
			    uint64_t record, const char *coding,
			    uint64_t coded_bytes);
/* That parcel is bad: its instances wait to be packed again. */
void df_journal_parcel_undo(struct df_journal *j, int64_t parcel);
/* Its home is now this parcel. */
void df_journal_instance_packed(struct df_journal *j, int64_t n, int64_t parcel,
				const struct df_id *object, uint64_t record,
				const char *coding, uint64_t coded_bytes);
/* Its home is this raw object again. */
void df_journal_instance_unpacked(struct df_journal *j, int64_t n,
				  const struct df_id *object);
/* Did this association bring an instance of the study? */
bool df_journal_study_from(struct df_journal *j, int64_t study,
			   const struct df_id *association);
/* Oldest received_ms of what no cell has looked at; INT64_MAX when none. */
int64_t df_journal_oldest_uninspected(struct df_journal *j);

/* --- studies -------------------------------------------------------------- */
enum df_study_state { DF_STUDY_OPEN, DF_STUDY_CLOSED };
struct df_row_study {
	int64_t n;
	char uid[65];
	char peer[DF_HEX_LEN + 1];
	enum df_study_state state;
	char close_reason[DF_MANIFEST_REASON_MAX + 1];
	int64_t opened_ms;
	int64_t last_ms;   /* last new instance */
	uint32_t version;  /* of the last manifest made; 0 = none */
	uint64_t epoch;    /* of its stream of parcels */
	uint64_t sequence; /* of the last parcel */
	struct df_digest h0;
	uint32_t priority; /* 0 routine, 1 STAT */
	char source[17];   /* AE title that brought the first instance */
	int64_t closed_ms; /* when it was last closed; 0 = never */
};
/* Finds or makes it; an instance came then: last_ms moves, and a study that
 * was closed before it came is open again. */
void df_journal_study_touch(struct df_journal *j, const char *uid,
			    const char *peer, const char *source,
			    int64_t received_ms, struct df_row_study *s);
bool df_journal_study(struct df_journal *j, int64_t n, struct df_row_study *s);
/* Is a study open that this AE title brought here? */
bool df_journal_study_in_flight(struct df_journal *j, const char *calling);
/* peer NULL = of the first peer that brought it ("" = ours). */
bool df_journal_study_find(struct df_journal *j, const char *uid,
			   const char *peer, struct df_row_study *s);
enum df_studies_of {
	DF_OF_QUIET,  /* ours, open, last_ms <= key */
	DF_OF_UNPACKED, /* ours, with inspected instances in raw objects */
	DF_OF_UNSIGNED, /* ours, closed, nothing left to pack or verify, and
			 * instances that no manifest names; key unused */
	DF_OF_ALL,    /* newest first */
};
size_t df_journal_studies(struct df_journal *j, enum df_studies_of which,
			  int64_t key, struct df_row_study *rows, size_t max);
/* Has the index still to hear of instances of this study? */
bool df_journal_study_untold(struct df_journal *j, const char *uid);
void df_journal_study_close(struct df_journal *j, int64_t n,
			    const char *reason, int64_t now_ms);
void df_journal_study_priority(struct df_journal *j, int64_t n, uint32_t p);
void df_journal_study_epoch(struct df_journal *j, int64_t n);

struct df_study_counts {
	uint64_t instances;   /* without the quarantined ones */
	uint64_t quarantined;
	uint64_t inspected;   /* or packed */
	uint64_t packed;
	uint64_t to_line;     /* delivered to every peer */
	uint64_t receipted;   /* confirmed by every peer */
	uint64_t to_pacs;     /* taken by every PACS it goes to */
	uint64_t in_pacs;     /* confirmed by every one of them */
	uint64_t for_pacs;    /* that go to a PACS */
	uint64_t bytes;
	uint64_t coded_bytes;
	uint64_t held;        /* deliveries */
	uint64_t deferred;
	uint64_t refused;
	uint64_t purged; /* instances whose bytes were let go */
};
void df_journal_study_counts(struct df_journal *j, int64_t n,
			     struct df_study_counts *c);

/* --- parcels -------------------------------------------------------------- */
enum df_parcel_state {
	DF_PARCEL_UNVERIFIED, /* made, not yet decoded and compared */
	DF_PARCEL_READY,
	DF_PARCEL_BAD,
	DF_PARCEL_PURGED, /* let go; its place in the stream stays known */
};
struct df_row_parcel {
	int64_t n;
	char hex[33]; /* id of its CORE */
	struct df_id object;
	int64_t study;
	enum df_env_direction direction;
	char peer[DF_HEX_LEN + 1]; /* taken: who signed it */
	uint64_t epoch;
	uint64_t sequence;
	struct df_digest h0;
	struct df_digest previous;
	uint64_t dfenv_len;
	enum df_parcel_state state;
	uint32_t deaths;
	int64_t created_ms;
};
/* A made one also moves the study's stream. */
int64_t df_journal_parcel_add(struct df_journal *j,
			      const struct df_row_parcel *p);
bool df_journal_parcel(struct df_journal *j, int64_t n,
		       struct df_row_parcel *p);
bool df_journal_parcel_find(struct df_journal *j, const char *hex,
			    struct df_row_parcel *p);
/* With this H0, signed by this peer. */
bool df_journal_parcel_held(struct df_journal *j, const char *peer,
			    const struct df_digest *h0);
/* Does a parcel that is held contradict p's place in its stream: another one
 * stands there, or a neighbour's hash is not the one that the chain names? */
bool df_journal_parcel_clash(struct df_journal *j, int64_t study,
			     const struct df_row_parcel *p);
size_t df_journal_parcels_unverified(struct df_journal *j, int64_t after,
				     struct df_row_parcel *rows, size_t max);
/* Ready ones of a study in order of (epoch, sequence), n > after by row. */
size_t df_journal_parcels_of(struct df_journal *j, int64_t study,
			     uint64_t epoch, uint64_t sequence,
			     struct df_row_parcel *rows, size_t max);
void df_journal_parcel_state(struct df_journal *j, int64_t n,
			     enum df_parcel_state state);
/* As df_journal_instance_dispatch. */
uint32_t df_journal_parcel_dispatch(struct df_journal *j, int64_t n);
/* The cell answered: it did not die. */
void df_journal_parcel_undispatch(struct df_journal *j, int64_t n);

/* --- deliveries ----------------------------------------------------------- */
enum df_delivery_kind {
	DF_DELIVER_PARCEL = 1,   /* item = parcels.n, dest = peer name */
	DF_DELIVER_INSTANCE = 2, /* item = instances.n, dest = destination */
};
struct df_row_delivery {
	int64_t n;
	enum df_delivery_kind kind;
	int64_t item;
	int64_t study;
	char dest[121];
	enum df_delivery_state state;
	int64_t next_ms;
	int64_t since_ms;
	uint32_t tries;
	enum df_err err;
	char why[200];
	uint32_t status; /* DIMSE or HTTP */
	uint32_t priority;
	int64_t due_ms; /* its place in the order; 0 = first of its study */
};
/* Nothing when there is one already. Its place in the order is settled now
 * (deliveries.c says how). */
void df_journal_delivery_add(struct df_journal *j, enum df_delivery_kind kind,
			     int64_t item, int64_t study, const char *dest,
			     int64_t now_ms);
bool df_journal_delivery(struct df_journal *j, int64_t n,
			 struct df_row_delivery *d);
bool df_journal_delivery_find(struct df_journal *j, enum df_delivery_kind kind,
			      int64_t item, const char *dest,
			      struct df_row_delivery *d);
/* Was a parcel of that study, other than but, ever to go to dest? */
bool df_journal_study_routed(struct df_journal *j, int64_t study,
			     const char *dest, int64_t but);
/* Waiting, or deferred and due, in their order: STAT first, then by due_ms. */
size_t df_journal_deliveries_due(struct df_journal *j,
				 enum df_delivery_kind kind, const char *dest,
				 int64_t now_ms, struct df_row_delivery *rows,
				 size_t max);
/* Moves by the table of df/lifecycle.h; false when it cannot. */
bool df_journal_delivery_move(struct df_journal *j, int64_t n,
			      enum df_delivery_event event, int64_t next_ms,
			      enum df_err err, const char *why,
			      uint32_t status);
/* The same event for all of a destination ("" = of all), or, with kind, of a
 * study and destination; what cannot move stays. Returns how many moved. */
uint64_t df_journal_deliveries_move(struct df_journal *j, const char *dest,
				    int64_t study, enum df_delivery_kind kind,
				    enum df_delivery_event event);
/* All but the confirmed, by n > after, each with its place among those that
 * wait for the same destination (1 = next; 0 = it does not wait). */
struct df_row_place {
	int64_t n;
	uint64_t place;
};
size_t df_journal_deliveries_list(struct df_journal *j, int64_t after,
				  struct df_row_place *rows, size_t max);
/* What of other studies a destination gets before the next item of this study
 * that waits for it, and before the last. */
struct df_ahead {
	bool waits; /* false: nothing of this study does */
	uint64_t items;
	uint64_t studies;
	uint64_t urgent; /* of these studies */
	uint64_t bytes;
};
void df_journal_ahead(struct df_journal *j, int64_t study, const char *dest,
		      enum df_delivery_kind kind, struct df_ahead *next,
		      struct df_ahead *last);
/* How many are in each state, per destination of a study (0 = of all). */
struct df_delivery_sum {
	char dest[121];
	enum df_delivery_kind kind;
	enum df_delivery_state state;
	uint64_t count;
	int64_t next_ms; /* earliest */
	enum df_err err; /* of the last failure */
	char why[200];
	uint32_t status;
	uint64_t remarked; /* stored, and the PACS had a remark (Bxxx) */
};
size_t df_journal_delivery_sums(struct df_journal *j, int64_t study,
				struct df_delivery_sum *rows, size_t max);

/* --- manifests: made here, one a version and peer -------------------------- */
enum df_manifest_state {
	DF_MANIFEST_WAITING,
	DF_MANIFEST_RECEIPTED,
	DF_MANIFEST_REFUSED,
};
struct df_row_manifest {
	int64_t n;
	int64_t study;
	uint32_t version;
	char dest[121];
	struct df_digest digest;
	enum df_manifest_state state;
	int64_t next_ms;
	int64_t since_ms;
	enum df_err err;
	char why[200];
};
/* Adds all packed instances and ready parcels of the study to *m. */
DF_MUST_CHECK enum df_err df_journal_manifest_fill(struct df_journal *j,
						   int64_t study,
						   struct df_manifest *m,
						   struct df_why *why);
/* Names all instances of the study as part of `version`. */
void df_journal_manifest_add(struct df_journal *j,
			     const struct df_row_manifest *m,
			     struct df_text text, struct df_text signature);
size_t df_journal_manifests_due(struct df_journal *j, const char *dest,
				int64_t now_ms, struct df_row_manifest *rows,
				size_t max);
/* of a study, newest version first */
size_t df_journal_manifests_of(struct df_journal *j, int64_t study,
			       struct df_row_manifest *rows, size_t max);
bool df_journal_manifest_text(struct df_journal *j, int64_t n,
			      struct df_buf *text, struct df_buf *signature);
void df_journal_manifest_settle(struct df_journal *j, int64_t n,
				enum df_manifest_state state, int64_t next_ms,
				enum df_err err, const char *why);
/* Keeps the receipt, and confirms the deliveries of what it names. */
void df_journal_manifest_receipt(struct df_journal *j,
				 const struct df_row_manifest *m,
				 struct df_text receipt,
				 struct df_text signature);
/* digests of receipted manifests of a study UID, newest first */
size_t df_journal_receipted(struct df_journal *j, const char *study_uid,
			    struct df_digest *digests, size_t max);

/* --- manifests that a peer gave us, with our receipt ----------------------- */
bool df_journal_held(struct df_journal *j, int64_t study, uint32_t version,
		     const struct df_digest *digest, struct df_buf *receipt,
		     struct df_buf *signature);
void df_journal_held_add(struct df_journal *j, int64_t study, uint32_t version,
			 const struct df_digest *digest, struct df_text text,
			 struct df_text receipt, struct df_text signature);
/* digests of manifests held for a study, newest first */
size_t df_journal_held_digests(struct df_journal *j, int64_t study,
			       struct df_digest *digests, size_t max);

/* --- uploads: parcels arriving from a peer --------------------------------- */
enum df_upload_state {
	DF_UPLOAD_RECEIVING,
	DF_UPLOAD_WHOLE, /* all bytes durable, not yet opened */
	DF_UPLOAD_REFUSED,
};
struct df_row_upload {
	char hex[33];
	char peer[DF_HEX_LEN + 1];
	uint64_t size;
	uint64_t offset; /* durable */
	struct df_id file; /* "" = none yet */
	enum df_upload_state state;
	enum df_err err;
	char why[200];
	uint32_t deaths;
	uint32_t priority; /* of its study, at its sender's */
};
bool df_journal_upload(struct df_journal *j, const char *hex, const char *peer,
		       struct df_row_upload *u);
void df_journal_upload_put(struct df_journal *j, const struct df_row_upload *u,
			   int64_t now_ms);
void df_journal_upload_drop(struct df_journal *j, const char *hex,
			    const char *peer);
/* How many of a peer's uploads are in that state; which rested longest, and
 * since when (undefined when there are none). */
uint64_t df_journal_uploads_of(struct df_journal *j, const char *peer,
			       enum df_upload_state state, int64_t *oldest_ms,
			       char oldest_hex[33]);
/* Whole ones of the first peer, by fingerprint, behind `after` that has any;
 * the one that is whole for longest first. */
size_t df_journal_uploads_whole(struct df_journal *j, const char *after,
				struct df_row_upload *rows, size_t max);
/* Whole ones of urgent studies, each peer's oldest; the oldest first. */
size_t df_journal_uploads_urgent(struct df_journal *j,
				 struct df_row_upload *rows, size_t max);
/* What each peer has brought and we still hold, in bytes of parcels, unfinished
 * and refused ones too. Walks over all parcels. */
struct df_row_share {
	char peer[DF_HEX_LEN + 1];
	uint64_t bytes;
};
size_t df_journal_peer_shares(struct df_journal *j, struct df_row_share *rows,
			      size_t max);
bool df_journal_upload_file(struct df_journal *j, const struct df_id *file);

/* --- reports and mailboxes ------------------------------------------------- */
/* Entry for a peer; the cursor is its number. Returns it. */
int64_t df_journal_mail_add(struct df_journal *j, const char *peer,
			    const char *hex, const struct df_id *object,
			    uint64_t dfenv_len);
struct df_row_mail {
	int64_t seq;
	char peer[DF_HEX_LEN + 1];
	char hex[33];
	struct df_id object;
	uint64_t dfenv_len;
};
size_t df_journal_mail(struct df_journal *j, const char *peer, int64_t after,
		       struct df_row_mail *rows, size_t max);
bool df_journal_mail_find(struct df_journal *j, const char *peer,
			  const char *hex, struct df_row_mail *m);

/* What we pull from a peer's mailbox, by configured peer name. */
struct df_row_pull {
	char dest[121];
	int64_t cursor; /* everything up to here is ours */
	char hex[33];   /* "" = nothing in hand */
	int64_t next_cursor;
	uint64_t size;
	uint64_t offset;
	struct df_id file;
};
void df_journal_pull(struct df_journal *j, const char *dest,
		     struct df_row_pull *p);
void df_journal_pull_put(struct df_journal *j, const struct df_row_pull *p);
bool df_journal_pull_file(struct df_journal *j, const struct df_id *file);

struct df_row_report {
	int64_t n;
	struct df_id object;
	char hex[33];
	char peer[DF_HEX_LEN + 1];
	enum df_env_direction direction;
	bool stored;      /* the index has it */
	uint32_t verdict; /* 0 signed, 1 sealed, 2 rejected, 3 held */
};
void df_journal_report_add(struct df_journal *j, const struct df_row_report *r);
bool df_journal_report_find(struct df_journal *j, const char *hex,
			    struct df_row_report *r);
bool df_journal_report_of(struct df_journal *j, const struct df_id *object,
			  struct df_row_report *r);
size_t df_journal_reports_open(struct df_journal *j, int64_t after,
			       struct df_row_report *rows, size_t max);
void df_journal_report_stored(struct df_journal *j, int64_t n,
			      uint32_t verdict);

/* The wall clock jumped: every waiting time moves with it. */
void df_journal_timers_shift(struct df_journal *j, int64_t by_ms);
/* At start: what an earlier life with a clock in the future left waiting
 * beyond latest_ms is due now. */
void df_journal_timers_cap(struct df_journal *j, int64_t now_ms,
			   int64_t latest_ms);

/* --- the ledger: what was settled and stands in no object -------------------- */
struct df_ledger_account {
	uint64_t facts;	  /* lines read, or put back */
	uint64_t damaged; /* lines that do not match their checksum */
};
/*
 * Appends to spool/ledger what was settled since, and syncs it. Only while
 * the journal is at rest: the ledger never leads. Nothing waits for it: when
 * it fails, everything stands in the journal and the next call says it again.
 */
DF_MUST_CHECK enum df_err df_ledger_flush(struct df_spool *sp,
					  struct df_journal *j,
					  struct df_why *why);
/* Puts back what the journal has not seen: of a new journal all, else what
 * was appended to the file behind its back. After the objects were adopted. */
DF_MUST_CHECK enum df_err df_ledger_replay(struct df_spool *sp,
					   struct df_journal *j,
					   struct df_ledger_account *out,
					   struct df_why *why);
/* Is the file the one that the journal remembers, and not cut? */
bool df_ledger_is_whole(const struct df_spool *sp, struct df_journal *j);
/* It is written anew with the next flush. */
void df_ledger_distrust(struct df_journal *j);
/* Reads every line; no ledger is an empty one. */
DF_MUST_CHECK enum df_err df_ledger_check(const struct df_spool *sp,
					  struct df_ledger_account *out,
					  struct df_why *why);

/* --- start ------------------------------------------------------------------ */
struct df_recovery {
	uint64_t swept;    /* unfinished files, never acknowledged: removed */
	uint64_t adopted;  /* objects that had no row */
	uint64_t dropped;  /* files that something else replaces */
	uint64_t lost;     /* rows whose object is gone */
	uint64_t bad;      /* objects whose envelope is not readable */
	uint64_t strangers;
	uint64_t objects;
	uint64_t facts;	    /* put back from the ledger */
	uint64_t forgotten; /* damaged lines of the ledger */
};
/*
 * Brings spool and journal together (invariants 4 and 6) and commits. With
 * `change` false it only counts: `spool check`. A rebuild is this on an empty
 * journal. Deliveries that were under way wait again.
 */
DF_MUST_CHECK enum df_err df_spool_recover(struct df_spool *sp,
					   struct df_journal *j, bool change,
					   int64_t now_ms,
					   struct df_recovery *out,
					   struct df_why *why);

#ifdef __cplusplus
}
#endif
#endif
