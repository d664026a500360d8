/*
 * message.h - the messages between rooms.
 *
 * A message is {u16 type, u32 tag, fields}; a field is {u16 name, u32 length,
 * bytes}, integers big-endian. Fields may repeat; an item is a field that
 * holds fields. Rooms check what they need and ignore fields they do not know;
 * an unknown or unexpected *type* ends the room that received it. A reply
 * carries the tag of its request. What may exceed DF_MSG_SMALL (manifests,
 * JSON, bundles, data sets) travels as a sealed memfd beside the message.
 *
 * Every type is listed once, in DF_MSG_MAP, with who sends it to whom; the
 * comment says which fields and descriptors it carries. [x] = optional, x* =
 * repeated, {..} = an item, (fd) = a descriptor, in this order.
 * "result" = DF_M_ERR (enum df_err; absent means DF_OK) and [DF_M_WHY].
 */
#ifndef DF_MESSAGE_H
#define DF_MESSAGE_H

#include "df/buf.h"
#include "df/checksum.h"
#include "df/str.h"

#ifdef __cplusplus
extern "C" {
#endif

#define DF_MSG_MAX (120 * 1024) /* whole message, bytes */
#define DF_MSG_SMALL (64 * 1024)

/* clang-format off */
#define DF_MSG_MAP(X)                                                          \
/* --- every room --------------------------------------------------------- */\
	/* supervise > room: ROLE NUMBER [LISTENER*: text "dicom", "https" or  \
	 * "control"] (fd configuration text) (fd)*: one a listener, same order\
	 */                                                                    \
	X(START)                                                               \
	/* supervise > room: ROLE NUMBER of the peer (fd) */                   \
	X(LINK)                                                                \
	X(READY)        /* room > supervise */                                 \
	/* supervise > room: finish what is in hand and exit. [PURPOSE "end"]: \
	 * all of the node ends, so an association is not waited for */        \
	X(DRAIN)                                                               \
	/* console > any: VERB [JSON arguments] [(fd)*]; verbs in the table at \
	 * the end of this file */                                             \
	X(QUERY)                                                               \
	/* any > console: result [(fd) JSON or file bytes] [MEDIA] */          \
	X(ANSWER)                                                              \
/* --- doors --------------------------------------------------------------*/ \
	X(ACCEPTED)     /* front > supervise: ADDRESS (fd socket) */           \
	X(WORKER_GONE)  /* supervise > front: one association slot is free */  \
	X(ASSOCIATION)  /* supervise > receive: ADDRESS (fd socket) */         \
	X(CONNECTION)   /* front > gateway: ADDRESS [PEER] (fd plain stream) */\
	/* front, queue, deliver_https > keys: [PEER: as this centre knows us] */\
	X(TLS_IDENTITY_RQ)                                                     \
	/* result CERT(PEM) CA(PEM, absent while not enrolled) PEER(own        \
	 * fingerprint) NAME */                                                \
	X(TLS_IDENTITY)                                                        \
	X(TLS_SIGN_RQ)  /* front, deliver_https > keys: DIGEST_BYTES */        \
	X(TLS_SIGN)     /* result SIGNATURE (DER ECDSA) */                     \
/* --- receive ------------------------------------------------------------*/ \
	X(ASSOCIATION_KEY_RQ) /* receive > keys */                             \
	X(ASSOCIATION_KEY)    /* result CEK WRAPPED(40) PEER(own fingerprint) */\
	/* receive > queue, once accepted: ASSOCIATION CALLING CALLED ADDRESS; \
	 * the association ends for the queue when the link goes down */       \
	X(ASSOCIATION_OPEN)                                                    \
	X(STAGE_RQ)     /* receive > queue: one file to write, please */       \
	/* the answer to both: result ID (fd rw) ; NOSPACE = answer A700 */    \
	X(STAGED)                                                              \
	/* receive > queue: ID LENGTH(DFENV bytes) ENVELOPE(text, as in the    \
	 * trailer). All of the file has been written and synced; who lent it  \
	 * has this message: it is in custody, and Success is said. It asks    \
	 * for the next file, too. */                                          \
	X(COMMIT)                                                              \
	/* receive > queue: ID is abandoned (no reply). result: why, when the  \
	 * disk would not take it (IO also: a sync failed) */                  \
	X(UNSTAGE)                                                             \
	/* receive > queue: a modality asks for storage commitment. CALLING   \
	 * TRANSACTION (fd list, df/references.h) */                           \
	X(COMMITMENT_RQ)                                                       \
	/* receive, deliver_dimse > queue: a PACS said what it commits to.     \
	 * CALLING or DESTINATION, TRANSACTION (fd list) */                    \
	X(COMMITMENT_WORD)                                                     \
	X(COMMITMENT_STATUS) /* STATUS of the response; 0 = durable */         \
	/* queue > receive: while the association rests, report over it.       \
	 * TRANSACTION (fd list) */                                            \
	X(COMMITMENT_TELL)                                                     \
	/* receive > queue, also another one than asked: CALLING TRANSACTION   \
	 * result [STATUS: the modality's answer to the report] */             \
	X(COMMITMENT_TOLD)                                                     \
/* --- queue > keys -------------------------------------------------------*/ \
	X(UNWRAP_RQ)    /* HEADER of an object at rest */                      \
	X(UNWRAPPED)    /* result CEK */                                       \
	/* CONTENT EPOCH SEQUENCE PREVIOUS(digest) PEER*(recipients; we are    \
	 * always one) */                                                      \
	X(SEAL_RQ)                                                             \
	X(SEALED)       /* result HEADER CEK PARCEL(hex32) H0(digest) */       \
	/* HEADER [PEER: the sender must be this one] ; without PEER only our  \
	 * own fingerprint is accepted as sender. [PURPOSE "held": it is ours  \
	 * to keep already, so its sender may have been revoked since;         \
	 * "prior": we asked for it, and its sender is any node of a CA of     \
	 * ours] */                                                            \
	X(OPEN_RQ)                                                             \
	/* result CEK PEER(verified sender) PARCEL H0 CONTENT EPOCH SEQUENCE   \
	 * PREVIOUS CREATED_MS */                                              \
	X(OPENED)                                                              \
	/* PURPOSE "manifest"|"receipt"|"report" (the report seal) (fd text) */\
	X(SIGN_RQ)                                                             \
	X(SIGNED)       /* result SIGNATURE (detached CMS, DER) */             \
	/* PURPOSE PEER SIGNATURE (fd text): did this peer sign this text? */  \
	X(CHECK_RQ)                                                            \
	X(CHECKED)      /* result */                                           \
	X(ANCHORS_RQ)                                                          \
	/* result (fd PEM: physicians' anchors) (fd PEM: centre seal certs,    \
	 * may be empty) */                                                    \
	X(ANCHORS)                                                             \
/* --- others > keys ------------------------------------------------------*/ \
	X(PEER_CHECK_RQ) /* gateway > keys: PEER */                            \
	X(PEER_CHECK)    /* result NAME ; DENIED when unknown or revoked */    \
	X(ENROL_RQ)      /* gateway > keys: INVITE NAME CSR PROOF */           \
	/* result CERT(the clinic's) CERT(second: the centre's own; the clinic \
	 * seals for it) CA SEAL_CERT (all PEM) NAME(centre) PEER(centre) */   \
	X(ENROLLED)                                                            \
	X(INDEX_KEY_RQ)  /* index > keys */                                    \
	/* result KEY (32 bytes AEAD, 32 bytes blind index) PEER(own           \
	 * fingerprint: which reports are addressed to us) */                  \
	X(INDEX_KEY)                                                           \
/* --- queue > prepare: jobs. Each ends with one JOB_DONE ----------------- */\
	/* OBJECT CEK LENGTH (fd ro) > [FACTS] JOB_DONE */                     \
	X(INSPECT)                                                             \
	/* HEADER CEK CODING [CODING: a second one, tried also on images of few\
	 * bits or in colour] [STATUS 1: frames are decoded and compared, and  \
	 * coded otherwise where they come back otherwise] SOURCE*{KIND CEK    \
	 * LENGTH RECORD} (fd out) (fd ro)*: one a source.                     \
	 * JOB_DONE: LENGTH CHECKSUM INSTANCE*{                                \
	 * SOP_INSTANCE RECORD CODING SIZE CODED_SIZE DIGEST [FAILED frames    \
	 * that the encoder gave back otherwise]} or [FAILED index] */         \
	X(PACK)                                                                \
	/* CEK LENGTH [STATUS 1: a cell died of it, so what is not needed is   \
	 * not done: FACTS say nothing of pixels] [WANT: bytes of the data sets\
	 * may come with FACTS] (fd ro) > FACTS* JOB_DONE: CHECKSUM */         \
	X(VERIFY)                                                              \
	/* LENGTH (fd ro) > JOB_DONE: CHECKSUM of so many bytes, read from the \
	 * disk and not from memory */                                         \
	X(SCRUB)                                                               \
	/* KIND CEK LENGTH RECORD TRANSFER_SYNTAX*(wanted, the best that can be\
	 * made first; none: the original) FORM (fd ro) >                      \
	 * JOB_DONE: SIZE DIGEST TRANSFER_SYNTAX SOP_CLASS SOP_INSTANCE        \
	 * [STATUS 1: a structured report, part10, that is not complete] (fd) */\
	X(RESTORE)                                                             \
	/* HEADER CEK (fd out) (fd statement) (fd cms) (fd body) > JOB_DONE:   \
	 * LENGTH CHECKSUM */                                                  \
	X(SEAL_REPORT)                                                         \
	/* CEK LENGTH NOW_MS (fd ro) (fd anchors) (fd seals) > JOB_DONE:       \
	 * STATEMENT VERDICT(0 signed, 1 sealed, 2 rejected) [REASON word]     \
	 * [WHY] [SIGNER] DIGEST(of the statement) */                          \
	X(OPEN_REPORT)                                                         \
	/* CEK LENGTH FORM "text"|"body"|"statement"|"cms" (fd) > JOB_DONE:    \
	 * MEDIA SIZE (fd) */                                                  \
	X(REPORT_PART)                                                         \
	/* prepare > queue, tag of the job: SOP_CLASS SOP_INSTANCE STUDY SERIES\
	 * TRANSFER_SYNTAX SIZE DIGEST RECORD CODING and the identity fields   \
	 * (PATIENT_NAME ... INSTANCE_NUMBER, each only when present) [(fd): a \
	 * sealed memfd, the data set as it came] */                           \
	X(FACTS)                                                               \
	/* worker > queue: result, and what the job says. A cell adds CPU_US   \
	 * (processor time) WALL_US */                                         \
	X(JOB_DONE)                                                            \
/* --- queue > index ------------------------------------------------------*/ \
	/* OBJECT [PEER: it came from this peer] [CALLING] RECEIVED_MS and all \
	 * fields of FACTS */                                                  \
	X(FACTS_PUT)                                                           \
	X(FACTS_STORED) /* result: committed */                                \
	/* STUDY [PURPOSE "released": a person sends a report on it although   \
	 * it names another patient or order] */                               \
	X(STUDY_FACTS_RQ)                                                      \
	/* result STUDY [PEER: the clinic it came from] [identity fields]      \
	 * [ID VERSION PREVIOUS: report id, version and statement digest of    \
	 * the report last accepted for it, which a new version follows] */    \
	X(STUDY_FACTS)                                                         \
	/* OBJECT PEER STATEMENT DIGEST VERDICT [REASON] [WHY] [SIGNER]        \
	 * MANIFEST*(digests receipted for the study, oldest first) NOW_MS */  \
	X(REPORT_PUT)                                                          \
	/* result VERDICT(as above, or 3 held: an earlier version is missing)  \
	 * [REASON word] [STATUS number of the statement's status] */          \
	X(REPORT_STORED)                                                       \
/* --- queue > deliver_https ----------------------------------------------*/ \
	/* DESTINATION(peer name) PARCEL LENGTH PRIORITY [OFFSET 0: it was     \
	 * never sent there] (fd ro) > PROGRESS* JOB_DONE */                   \
	X(PARCEL_SEND)                                                         \
	X(PROGRESS)     /* tag of the job: OFFSET (durable there) */           \
	/* DESTINATION PARCEL PRIORITY: one that is being sent is urgent now */\
	X(PARCEL_URGE)                                                         \
	/* DESTINATION STUDY VERSION PRIORITY SIGNATURE (fd manifest) > JOB_DONE:\
	 * RECEIPT(text) SIGNATURE, or MISSING*(parcel hex) */                 \
	X(MANIFEST_SEND)                                                       \
	/* DESTINATION CURSOR: long-poll from here; replaces an earlier one.   \
	 * > MAIL for the next entry; nothing more until the next MAILBOX_OPEN */\
	X(MAILBOX_OPEN)                                                        \
	X(MAIL)         /* deliver_https > queue: DESTINATION CURSOR PARCEL LENGTH */\
	/* queue > deliver_https: DESTINATION PARCEL OFFSET LENGTH [WAIT_MS: at \
	 * most] (fd wo): fetch the bytes from OFFSET to LENGTH.               \
	 * > PULL_PART* JOB_DONE */                                            \
	X(PULL)                                                                \
	X(PULL_PART)    /* tag of PULL: OFFSET written so far, not yet synced */\
/* --- queue > deliver_dimse, deliver_https (STOW-RS) ---------------------*/ \
	/* DESTINATION INSTANCE*{KEY_NUMBER SOP_CLASS SOP_INSTANCE             \
	 * TRANSFER_SYNTAX SIZE} > FETCH* RESULT* JOB_DONE [WAIT_MS: it asks   \
	 * to be left alone so long] */                                        \
	X(SEND)                                                                \
	/* deliver > queue, own tag: JOB(tag of SEND) KEY_NUMBER FORM          \
	 * "dataset"|"part10" TRANSFER_SYNTAX*(as in RESTORE) */               \
	X(FETCH)                                                               \
	X(FETCHED)      /* result KEY_NUMBER SIZE TRANSFER_SYNTAX (fd ro) */   \
	/* deliver > queue, tag of SEND: KEY_NUMBER result [STATUS (DIMSE or   \
	 * HTTP)] [TRANSFER_SYNTAX as sent] [COMMITMENT 1: the PACS offers     \
	 * storage commitment] */                                              \
	X(RESULT)                                                              \
	/* queue > deliver_dimse: DESTINATION TRANSACTION (fd list): does it   \
	 * commit to them? > JOB_DONE: result [STATUS of the N-ACTION]         \
	 * [COMMITMENT 1: it was there, and left when it was asked];           \
	 * UNSUPPORTED: the PACS does not offer it */                          \
	X(COMMITMENT_ASK)                                                      \
	/* queue > deliver_dimse (the one of no destination): CALLED (the      \
	 * modality) TRANSACTION (fd list) > JOB_DONE: result [STATUS] */      \
	X(COMMITMENT_REPORT)                                                   \
	/* DESTINATION > JOB_DONE: result (fd JSON: what works) */             \
	X(TEST)                                                                \
/* --- gateway > queue (the centre's side of the line) --------------------*/ \
	X(OFFER_RQ)     /* PEER OFFER*{PARCEL LENGTH} */                       \
	/* OFFER*{PARCEL WANT "have"|"want"|"refuse" OFFSET HELD*{OFFSET       \
	 * LENGTH} [WHY]}: what is held beyond OFFSET too */                   \
	X(OFFER)                                                               \
	/* PEER PARCEL OFFSET LENGTH(of the part) [SIZE: of the parcel, which  \
	 * may be new] [PRIORITY: it is urgent] */                             \
	X(PART_RQ)                                                             \
	X(PART)         /* result OFFSET(durable) [(fd wo)] */                 \
	X(PART_DONE)    /* PEER PARCEL OFFSET(start) LENGTH(written) */        \
	X(PART_DURABLE) /* result OFFSET */                                    \
	/* PEER STUDY [PRIORITY: it is urgent] SIGNATURE (fd manifest) */      \
	X(MANIFEST_RQ)                                                         \
	/* result RECEIPT SIGNATURE, or AGAIN with MISSING* */                 \
	X(MANIFEST_ANSWER)                                                     \
	X(MAILBOX_RQ)   /* PEER CURSOR WAIT_MS: parked until there is mail */  \
	X(MAILBOX)      /* MAIL*{CURSOR PARCEL LENGTH} */                      \
	X(PARCEL_RQ)    /* PEER PARCEL */                                      \
	/* result LENGTH (fd ro; DFENV bytes are 0..LENGTH) [HEADER OFFSET: it \
	 * stands for the bytes before OFFSET, and LENGTH counts it] */        \
	X(PARCEL_FILE)                                                         \
	/* deliver_https > queue: DESTINATION result [REASON: a remark while it\
	 * is up]: how the line to this peer is, as the poll of its mailbox    \
	 * finds it */                                                         \
	X(LINE)                                                                \
	/* deliver_https > queue: DESTINATION RATE(bytes/s it carries; absent: \
	 * not known) CONNECTIONS NAME(congestion control; absent: none open)  \
	 * WAIT_MS(round trip) SIZE(bytes of parcels sent since start) */      \
	X(LINE_PACE)                                                           \
	/* supervise > queue: NUMBER of a prepare cell that ended by a fault of\
	 * its own, not one that was killed or took too long; ERR = NOMEM: it  \
	 * ended for want of memory, and nobody is to blame */                 \
	X(CELL_CRASHED)                                                        \
/* --- the worklist of modalities (df/worklist.h) -------------------------*/  \
	/* receive > index: CALLING ITEM (what the modality asks for, and by) */\
	X(WORKLIST_RQ)                                                         \
	/* result (fd items); LIMIT: more match than one answer may hold */    \
	X(WORKLIST)                                                            \
/* --- the region: what another node knows of a patient (peer.md, priors) --*/ \
	/* index > deliver_https: DESTINATION(peer name) WAIT_MS(deadline)     \
	 * JSON(question) */                                                   \
	X(PRIOR_ASK)                                                           \
	/* gateway > index: PEER NAME(of the peer) JSON(question, checked) */  \
	X(PRIOR_RQ)                                                            \
	/* answer to both: result [WAIT_MS: ask again after] (fd JSON) */      \
	X(PRIORS)                                                              \
	/* gateway > index: PEER NAME(of the peer) STUDY JSON {purpose, [order]\
	 * [who]}: may this peer fetch this study? */                          \
	X(FETCH_MAY_RQ)                                                        \
	/* result [PEER: the clinic that it came from; absent: our own]        \
	 * OBJECT*(reports on it that stand, in the order of their versions) */ \
	X(FETCH_MAY)                                                           \
	/* gateway > queue, when it may: RECIPIENT(who asks) STUDY CURSOR      \
	 * [PEER] OBJECT* (as FETCH_MAY said them) */                          \
	X(PRIOR_FILES_RQ)                                                      \
	/* result PEER(who brought the study) NUMBER(its instances here)       \
	 * MISSING(u64: of them let go here) CURSOR(where to ask on)           \
	 * [WAIT_MS: there is more in so long] MAIL*{PARCEL LENGTH PEER(who    \
	 * sealed it) CONTENT} */                                              \
	X(PRIOR_FILES)                                                         \
	/* queue > deliver_https: DESTINATION STUDY CURSOR JSON {purpose, ..}  \
	 * > JOB_DONE: as PRIOR_FILES */                                       \
	X(PRIOR_FETCH)                                                         \
	/* queue > keys: the same parcel or bundle for another reader. HEADER  \
	 * PEER(who sealed it; absent: we) RECIPIENT */                        \
	X(REWRAP_RQ)                                                           \
	X(REWRAPPED)    /* result HEADER */                                    \
	/* queue > index: STUDY(ours) SOP_INSTANCE*: which of them show what   \
	 * another study of the same person shows? */                          \
	X(TWINS_RQ)                                                            \
	/* result NUMBER(of them) [STUDY [PEER: whose, absent: ours]: the one  \
	 * that shows the most of them] */                                     \
	X(TWINS)                                                               \
	/* queue > index: STUDY [PEER] NUMBER(at most) WAIT_MS(not older):     \
	 * other exams of its person */                                        \
	X(RELATED_RQ)                                                          \
	X(RELATED)      /* result MAIL*{STUDY [PEER]}, newest first */         \
	/* queue > index: one entry for the register. JSON */                  \
	X(AUDIT_PUT)                                                           \
	X(AUDIT_STORED) /* result: durable */

#define DF_FIELD_MAP(X)                                                        \
	X(ERR) X(WHY) X(ROLE) X(NUMBER) X(CONFIG) X(LISTENER) X(VERB) X(JSON)  \
	X(ADDRESS) X(PEER) X(NAME) X(CERT) X(CA) X(SEAL_CERT) X(CSR) X(PROOF)  \
	X(INVITE) X(DIGEST_BYTES) X(SIGNATURE) X(KEY) X(CEK) X(WRAPPED)        \
	X(ASSOCIATION) X(CALLING) X(CALLED) X(ID) X(OBJECT) X(LENGTH)          \
	X(ENVELOPE) X(HEADER) X(CONTENT) X(EPOCH) X(SEQUENCE) X(PREVIOUS)      \
	X(PARCEL) X(H0) X(CREATED_MS) X(RECEIVED_MS) X(NOW_MS) X(PURPOSE)      \
	X(CODING) X(SOURCE) X(KIND) X(RECORD) X(INSTANCE) X(SIZE)              \
	X(CODED_SIZE) X(DIGEST) X(FAILED) X(FORM) X(MEDIA) X(STATEMENT)        \
	X(VERDICT) X(REASON) X(SIGNER) X(MANIFEST) X(SOP_CLASS)                \
	X(SOP_INSTANCE) X(STUDY) X(SERIES) X(TRANSFER_SYNTAX) X(DESTINATION)   \
	X(URL) X(PRIORITY) X(OFFSET) X(VERSION) X(RECEIPT) X(MISSING)          \
	X(CURSOR) X(KEY_NUMBER) X(JOB) X(STATUS) X(OFFER) X(WANT) X(MAIL)      \
	X(WAIT_MS) X(TRANSACTION) X(COMMITMENT) X(HELD) X(RATE)                \
	X(CONNECTIONS) X(CPU_US) X(WALL_US) X(RECIPIENT)                       \
	/* identity fields: UTF-8 text, patient data, never logged */          \
	X(PATIENT_NAME) X(PATIENT_ID) X(PATIENT_ID_ISSUER) X(BIRTH_DATE)       \
	X(SEX) X(ACCESSION) X(ACCESSION_ISSUER) X(STUDY_DATE) X(STUDY_TIME)    \
	X(STUDY_DESCRIPTION) X(MODALITY) X(BODY_PART) X(SERIES_NUMBER)         \
	X(INSTANCE_NUMBER) X(ROWS) X(COLUMNS) X(FRAMES) X(INSTITUTION)         \
	X(PIXEL_DIGEST)                                                        \
	/* how sure PATIENT_NAME and PATIENT_ID are: a word of df/charset.h */ \
	X(NAME_BASIS)                                                          \
	X(ITEM)                                                                \
	X(CHECKSUM) /* 16 bytes, df/checksum.h, over a DFENV stream */
/* clang-format on */

enum df_msg_type {
	DF_MSG_NONE,
#define X(name) DF_MSG_##name,
	DF_MSG_MAP(X)
#undef X
		DF_MSG_COUNT
};
enum df_field {
	DF_M_NONE,
#define X(name) DF_M_##name,
	DF_FIELD_MAP(X)
#undef X
		DF_M_COUNT
};

/* index > queue, but a file in the node's directory, so that it outlives both:
 * index.db begins with nothing; queue tells it everything again and removes
 * this. */
#define DF_INDEX_NEW "index.new"

/* PRIORITY of what is sent: smaller goes first, below this it is urgent (STAT)
 * and nothing else is begun beside it. */
#define DF_PRIORITY_ROUTINE (UINT64_C(1) << 62)

/* KIND of a source in PACK and RESTORE. */
enum df_source_kind {
	DF_SOURCE_RAW,    /* content 3: the data set itself */
	DF_SOURCE_PARCEL, /* content 1: the instance record at RECORD */
};

/*
 * QUERY verbs, arguments (JSON) > answer (JSON unless said).
 *   supervise  "status" {} | "reload" {}
 *   keys       "peer invite" {name} | "peer list" | "peer revoke" {peer} |
 *              "reload" (trust and peers are read again)
 *   index      "patients" {studies:[uid]} | "report list" [{study}] |
 *              "report get" {id} | "study facts" {study} |
 *              "recognition check" {study|exam, [wanted], [today]} |
 *              "recognition view" {study, [node], doctor, [organisation],
 *              [order], [trigger], [text], [emergency]} |
 *              "recognition accept" (same) | "recognition decline" (same and
 *              reason) | "recognition undo" {undo: entry, doctor, text} |
 *              "recognition list" {[study], [act], [before], [limit]} |
 *              "recognition reasons" | "recognition figures" {month | from,
 *              to} | "audit read" {[from], [newest], [limit], [kind],
 *              [export]} | "audit status" | "audit verify" {[from]} |
 *              "report check" {statement, statement_sha256, verification} |
 *              "prior search" {id|name, [issuer, birth_date, sex, modality,
 *              body_part, days, purpose, order, who, local]} > {persons,
 *              priors, more, asked}: after 1.5 s at most |
 *              "prior local" {id|name, [issuer, birth_date, sex, modality,
 *              body_part, days, not (a study)]} > {persons, priors, more} |
 *              "study twins" {study, [peer]} > {same_images} |
 *              "identity list" {all, limit} | "identity status" |
 *              "identity show" {patient} |
 *              "identity merge" {a, b, by, reason} | "identity split" (same) |
 *              "identity undo" {seq, by, reason}
 *   queue      "status" | "study list" | "study show" {study} |
 *              "study why" {study} | "study send" {study, stat?} |
 *              "study export" {study, after} > the next image, a file |
 *              "queue list" | "quarantine list" | "quarantine show" {id} |
 *              "quarantine release" {id, who, reason} |
 *              "quarantine discard" {id, who, reason} |
 *              "commitment list" {all} | "queue hold" {ids|all|destination} |
 *              "queue release" {ids|all|destination} | "queue retry" {id} |
 *              "report submit" {study} (fd statement)(fd cms)(fd body) |
 *              "report text" {object} > text | "report body" {object} > file |
 *              "report statement" {object} > text |
 *              "report cms" {object} > DER |
 *              "destination test" {name}
 */

/*
 * One message. While building, `body` owns the fields; after df_msg_decode,
 * `in` borrows the caller's bytes. {0} is a released message.
 */
struct df_msg {
	enum df_msg_type type;
	uint32_t tag;
	struct df_buf body;  /* owned */
	struct df_text in;   /* borrowed */
	enum df_err failed;  /* sticky: a put that did not fit */
};

const char *df_msg_name(enum df_msg_type type);

/* --- building: puts never fail at once; df_msg_encode reports it ---------- */
void df_msg_init(struct df_msg *m, enum df_msg_type type, uint32_t tag);
void df_msg_release(struct df_msg *m); /* wipes: fields may hold keys */
void df_msg_put(struct df_msg *m, enum df_field f, const void *ptr, size_t len);
void df_msg_put_str(struct df_msg *m, enum df_field f, const char *s);
/* Like put_str, but nothing when s is NULL or empty. */
void df_msg_put_opt(struct df_msg *m, enum df_field f, const char *s);
void df_msg_put_text(struct df_msg *m, enum df_field f, struct df_text t);
void df_msg_put_u64(struct df_msg *m, enum df_field f, uint64_t v);
void df_msg_put_id(struct df_msg *m, enum df_field f, const struct df_id *id);
void df_msg_put_digest(struct df_msg *m, enum df_field f,
		       const struct df_digest *d);
void df_msg_put_checksum(struct df_msg *m, const struct df_checksum *sum);
/* Nests the fields of `item` (its type and tag do not matter). */
void df_msg_put_item(struct df_msg *m, enum df_field f,
		     const struct df_msg *item);
/* Copies every occurrence of f (or, with DF_M_NONE, all fields) from `from`. */
void df_msg_copy(struct df_msg *m, const struct df_msg *from, enum df_field f);
/* ERR and WHY from a result; nothing for DF_OK. */
void df_msg_put_result(struct df_msg *m, enum df_err err,
		       const struct df_why *why);
/* Appends the wire form. DF_E_LIMIT when it would exceed DF_MSG_MAX. */
DF_MUST_CHECK enum df_err df_msg_encode(const struct df_msg *m,
					struct df_buf *out, struct df_why *why);

/* --- reading -------------------------------------------------------------- */
/* Checks the whole structure; m borrows ptr until it is released. */
DF_MUST_CHECK enum df_err df_msg_decode(struct df_msg *m, const void *ptr,
					size_t len, struct df_why *why);
/* The first occurrence; false when absent or of the wrong size or shape. */
bool df_msg_get(const struct df_msg *m, enum df_field f, struct df_text *t);
bool df_msg_get_u64(const struct df_msg *m, enum df_field f, uint64_t *v);
bool df_msg_get_id(const struct df_msg *m, enum df_field f, struct df_id *id);
bool df_msg_get_digest(const struct df_msg *m, enum df_field f,
		       struct df_digest *d);
bool df_msg_get_checksum(const struct df_msg *m, struct df_checksum *sum);
/* Copies and terminates; false when absent, longer than cap-1, or with NUL.
 * `to` is "" then. */
bool df_msg_get_str(const struct df_msg *m, enum df_field f, char *to,
		    size_t cap);
/* Steps through all occurrences: *at starts at 0. */
bool df_msg_next(const struct df_msg *m, enum df_field f, size_t *at,
		 struct df_text *t);
bool df_msg_next_item(const struct df_msg *m, enum df_field f, size_t *at,
		      struct df_msg *item);
/* DF_OK, or the ERR of a result with its WHY text filled in. */
enum df_err df_msg_result(const struct df_msg *m, struct df_why *why);

#ifdef __cplusplus
}
#endif
#endif
