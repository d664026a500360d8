/*
 * dimse.h - DICOM associations: we answer one (SCP), or open one (SCU).
 *
 * Conventions: no C++ type, no DCMTK type, no exception crosses this face.
 * Data set bytes pass through untouched in both directions; nothing here
 * parses them. All calls block, with deadlines on progress. Texts from a peer
 * (AE titles, UIDs) arrive validated and terminated. Not thread safe: one
 * association a process on the SCP side.
 */
#ifndef DF_DIMSE_H
#define DF_DIMSE_H

#include <stddef.h>

#include "df/commitment.h"
#include "df/worklist_dataset.h"

#ifdef __cplusplus
extern "C" {
#endif

#define DF_UID_CAP 65 /* 64 characters and the end */
#define DF_AE_CAP 17
#define DF_DIMSE_CONTEXTS_MAX 128
#define DF_DIMSE_PDU_MAX 131072

/* --- the answering side ---------------------------------------------------*/

/* Who asks for the association; titles without padding. */
struct df_dimse_peer {
	char calling[DF_AE_CAP];
	char called[DF_AE_CAP];
	char implementation[DF_UID_CAP];
};

/* What becomes of an association; each but the first is the standard's
 * A-ASSOCIATE-RJ (PS3.8 9.3.4). */
enum df_dimse_verdict {
	DF_DIMSE_ACCEPT,
	/* only to say what it commits to: no storage class is accepted */
	DF_DIMSE_ACCEPT_REPORTS,
	DF_DIMSE_REJECT_CALLED,	 /* permanent, user, called AE not recognised */
	DF_DIMSE_REJECT_CALLING, /* permanent, user, calling AE not recognised
				  */
	DF_DIMSE_REJECT_BUSY,	 /* transient, local limit exceeded */
};

/* What to do while the peer is silent. */
enum df_dimse_pause {
	DF_DIMSE_READ,	 /* it said something, or ended */
	DF_DIMSE_REPORT, /* *report is to be given over this association */
	DF_DIMSE_SILENT, /* it was silent for too long */
};
/*
 * Storage commitment on an association that was opened to us. A function that
 * answers a request returns the status of the response: 0000, or a failure of
 * PS3.7 annex C.
 */
struct df_commitment_sink {
	void *ctx; /* borrowed */
	/* N-ACTION: with 0 we owe a report, whatever happens to us. */
	uint16_t (*asked)(void *ctx, const struct df_commitment *c);
	/* N-EVENT-REPORT: the result of what we asked; 0 = durable here. */
	uint16_t (*answered)(void *ctx, const struct df_commitment *c);
	/* After an N-ACTION, before each wait for the peer: until fd can be
	 * read, a report is there (*report is the callee's to release then),
	 * timeout_ms have passed, or this node ends (then READ). */
	enum df_dimse_pause (*pause)(void *ctx, int fd, int timeout_ms,
				     struct df_commitment *report);
	/* The report was answered with status, or err says why it was not. */
	void (*told)(void *ctx, enum df_err err, uint16_t status);
};

/* A modality asks what it has to do (C-FIND). */
struct df_worklist_sink {
	void *ctx; /* borrowed */
	/* Appends the items that match (df/worklist.h) and says in which
	 * character set they go. Returns the status of the response: 0000, or
	 * a failure of PS3.4 table K.4.1-2. */
	uint16_t (*find)(void *ctx, const struct df_worklist_query *q,
			 struct df_buf *items,
			 enum df_worklist_charset *charset);
};
#define DF_WORKLIST_ITEMS_MAX ((size_t)16 * 1024 * 1024) /* bytes of items */

struct df_dimse_scp {
	int idle_ms;	      /* longest silence between two commands */
	int progress_ms;      /* longest silence inside a message or a write */
	bool unknown_classes; /* accept abstract syntaxes DCMTK does not know */
	const struct df_commitment_sink *commitment; /* NULL: not offered */
	const struct df_worklist_sink *worklist;     /* the same */
	void *ctx;	      /* borrowed, for admit and ending */
	/* Asked between two commands, and when it is silent there: is the
	 * association to end? Then it ends with A-ABORT. NULL: never. */
	bool (*ending)(void *ctx, bool silent);
	/* Asked once, before anything is accepted. */
	enum df_dimse_verdict (*admit)(void *ctx,
				       const struct df_dimse_peer *peer);
};

/* One C-STORE-RQ: UIDs of the command, transfer syntax of its context. */
struct df_store_rq {
	char sop_class[DF_UID_CAP];
	char sop_instance[DF_UID_CAP];
	char transfer_syntax[DF_UID_CAP];
	char move_originator[DF_AE_CAP]; /* "" when absent */
	uint16_t message_id;
};

/*
 * Where the bytes go. For each C-STORE: begin, write..., then exactly one of
 * commit and abandon, if begin returned DF_OK; nothing, if it did not. When
 * begin or write fails the rest of the data set is drained (abandon is called
 * at once after a failed write) and the sender gets the status of the error.
 * Success (0x0000) is sent only after commit returned DF_OK. The functions
 * are called from inside DCMTK: they must not jump out or throw.
 */
struct df_store_sink {
	void *ctx; /* borrowed */
	enum df_err (*begin)(void *ctx, const struct df_store_rq *rq,
			     struct df_why *why);
	enum df_err (*write)(void *ctx, const void *ptr, size_t len,
			     struct df_why *why);
	enum df_err (*commit)(void *ctx, struct df_why *why);
	void (*abandon)(void *ctx);
};

/*
 * Serves one association on a connected socket (TCP, or one end of an AF_UNIX
 * pair) until it ends. Takes fd and closes it. Accepts C-ECHO, C-STORE for
 * every storage class and transfer syntax of the conformance statement,
 * storage commitment in both roles, and C-FIND on a modality worklist.
 * DF_OK after a release or a rejection of ours; DF_E_CANCELLED when cfg->ending
 * said so, after the answer to the last command; DF_E_PEER when the peer
 * aborted or vanished, DF_E_TIMEOUT at a deadline, DF_E_FORMAT when it broke
 * the protocol (it then got an A-ABORT).
 */
DF_MUST_CHECK enum df_err df_dimse_serve(int fd, const struct df_dimse_scp *cfg,
					 const struct df_store_sink *sink,
					 struct df_why *why);

/* The one translation from an error to a C-STORE status (PS3.4 B.2.3). */
uint16_t df_store_status(enum df_err err);
/* And back: what a status in a C-STORE-RSP means for the delivery. DF_OK for
 * success and the warnings Bxxx (it is stored); NOSPACE for A7xx (the
 * destination's trouble: retry); AGAIN for 0110 (this instance, later);
 * REFUSED for A9xx, Cxxx and all else. */
enum df_err df_store_status_err(uint16_t status);

/* --- the asking side
 * --------------------------------------------------------*/

struct df_dimse; /* an open association */

struct df_dimse_target {
	const char *host; /* name or address */
	uint16_t port;
	const char *calling; /* ours */
	const char *called;  /* theirs */
	int connect_ms;
	int progress_ms;
	bool reports; /* we are the SCP of storage commitment, to report */
	/* How many of `want` bytes may leave now; 0: none, ask again after
	 * *wait_ms. NULL = as fast as it goes. */
	size_t (*pace)(void *ctx, size_t want, int64_t *wait_ms);
	void *pace_ctx; /* borrowed */
};

/* One presentation context: one abstract syntax, one transfer syntax. The
 * same class may stand in several. */
struct df_dimse_context {
	const char *sop_class;
	const char *transfer_syntax;
};
#define DF_VERIFICATION_CLASS "1.2.840.10008.1.1"

/*
 * Opens an association with n contexts (1..128). DF_E_PEER when the peer is
 * not there or rejects transiently, DF_E_REFUSED when it rejects permanently
 * (the text says source and reason), DF_E_TIMEOUT. Contexts that it does not
 * accept are no error: ask df_dimse_accepts.
 */
DF_MUST_CHECK enum df_err df_dimse_open(struct df_dimse **d,
					const struct df_dimse_target *target,
					const struct df_dimse_context *contexts,
					size_t n, struct df_why *why);
bool df_dimse_accepts(const struct df_dimse *d, const char *sop_class,
		      const char *transfer_syntax);

struct df_store_rsp {
	uint16_t status;
	char comment[65]; /* the peer's Error Comment, printable ASCII; may
			     hold patient data: never log it */
};

/*
 * Sends the len bytes exactly as they are on the context for rq's class and
 * transfer syntax and waits for the answer. An odd length is DF_E_UNSUPPORTED,
 * but a deflated stream gets the NUL that PS3.5 A.5 wants. rq->message_id is
 * ignored. DF_OK when an answer came, whatever its status. DF_E_UNSUPPORTED
 * when no context fits (the association lives). After any other error the
 * association is dead: df_dimse_abort it.
 */
DF_MUST_CHECK enum df_err df_dimse_store(struct df_dimse *d,
					 const struct df_store_rq *rq,
					 const void *ptr, size_t len,
					 struct df_store_rsp *rsp,
					 struct df_why *why);
/* C-ECHO; DF_E_REFUSED when the status is not 0. */
DF_MUST_CHECK enum df_err df_dimse_echo(struct df_dimse *d, struct df_why *why);

/*
 * Storage commitment on an association that we opened, with a context for its
 * class in implicit VR little endian. df_dimse_ask sends N-ACTION,
 * df_dimse_tell N-EVENT-REPORT (target.reports was set). DF_OK when
 * an answer came, *status is its status; DF_E_UNSUPPORTED when the context was
 * not accepted (the association lives).
 */
DF_MUST_CHECK enum df_err df_dimse_ask(struct df_dimse *d,
				       const struct df_commitment *c,
				       uint16_t *status, struct df_why *why);
DF_MUST_CHECK enum df_err df_dimse_tell(struct df_dimse *d,
					const struct df_commitment *c,
					uint16_t *status, struct df_why *why);
/* Where an N-EVENT-REPORT goes that comes over it, also while another answer
 * is waited for; returns the status for the response. ctx is borrowed. */
typedef uint16_t df_dimse_heard_fn(void *ctx, const struct df_commitment *c);
void df_dimse_listen(struct df_dimse *d, df_dimse_heard_fn *heard, void *ctx);
/* Reads one N-EVENT-REPORT; for when df_dimse_fd can be read. Any error means
 * that the association is dead. */
DF_MUST_CHECK enum df_err df_dimse_hear(struct df_dimse *d,
					struct df_why *why);
int df_dimse_fd(const struct df_dimse *d); /* to poll only; -1 when closed */

/* What the kernel saw of the line so far. */
struct df_dimse_line {
	uint32_t rtt_us;      /* at best; 0 = not known */
	uint64_t bytes_per_s; /* over this association; 0 = not enough went */
};
void df_dimse_measure(const struct df_dimse *d, struct df_dimse_line *line);

/* True when the peer said or did something while it should be silent, that
 * is, the idle association is gone. */
bool df_dimse_is_stale(struct df_dimse *d);
void df_dimse_close(struct df_dimse *d); /* releases, frees; NULL is fine */
void df_dimse_abort(struct df_dimse *d); /* aborts, frees; NULL is fine */

#ifdef __cplusplus
}
#endif
#endif
