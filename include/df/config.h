/*
 * config.h - the node's configuration: INI text in, a checked struct out.
 *
 * One table (core/config_keys.def) holds every key with type, default, bounds,
 * unit and help; parser, `config show` and the sample file come from it. An
 * unknown section or key, a wrong type, a value out of bounds, a key or section
 * given twice: DF_E_CONFIG, and `why` names the line. Nothing is guessed.
 *
 * The text is read from disk by supervise and the command line only; rooms get
 * it in their first message. No room changes its configuration: a reload is a
 * new text for restarted rooms.
 *
 * Sections: [node] [receive] [study] [parcel] [spool] [retention] [line]
 * [retry] [dimse] [commitment] [prepare] [region] [worklist] once each;
 * [modality "AET"] [destination "NAME"] [peer "NAME"] as often as wanted, each
 * name once per kind.
 */
#ifndef DF_CONFIG_H
#define DF_CONFIG_H

#include "df/cap.h"
#include "df/str.h"

#ifdef __cplusplus
extern "C" {
#endif

#define DF_CONFIG_MAX (1024 * 1024) /* bytes of text */
#define DF_CONFIG_ITEMS 1024	    /* sections of one kind */
#define DF_AE_LEN 16
#define DF_NAME_LEN 120 /* bytes of UTF-8: node, peer, destination */
#define DF_HOST_LEN 120
#define DF_URL_LEN 180
#define DF_CIDRS 8 /* per modality */
#define DF_ASSOCIATIONS 8 /* to one PACS at once */

enum df_node_role { DF_NODE_CLINIC, DF_NODE_CENTRE };
enum df_commit_level { DF_COMMIT_AUTO, DF_COMMIT_LOCAL, DF_COMMIT_CENTRE };
/* When the centre is asked for earlier exams. */
enum df_region_ask {
	DF_REGION_ASK_AUTO,
	DF_REGION_ASK_PERSON,
	DF_REGION_ASK_NEVER,
};
/* What becomes of a study that shows only what another one showed. */
enum df_study_linked { DF_STUDY_LINKED_HOLD, DF_STUDY_LINKED_SEND };
enum df_commit_ask { DF_COMMIT_ASK_AUTO, DF_COMMIT_ASK_YES, DF_COMMIT_ASK_NO };
/* Where a worklist item says that there is an earlier exam. */
enum df_worklist_verdict {
	DF_WORKLIST_VERDICT_BOTH,
	DF_WORKLIST_VERDICT_COMMENTS,
	DF_WORKLIST_VERDICT_NO,
};
/* In which form native pixels go to a PACS. */
enum df_compress {
	DF_COMPRESS_AUTO,
	DF_COMPRESS_NO,
	DF_COMPRESS_JPEGLS,
	DF_COMPRESS_JPEG2000,
};
enum df_coding_choice {
	DF_CODING_AUTO,
	DF_CODING_STORED,
	DF_CODING_ZSTD,
	DF_CODING_JPEGLS,
	DF_CODING_PREDICT,
	DF_CODING_JPEG2000,
	DF_CODING_JPEGXL,
	DF_CODING_COUNT,
};

/* HOST:PORT or [v6]:PORT; host "" = not configured. */
struct df_endpoint {
	char host[DF_HOST_LEN + 1]; /* name or number, no brackets */
	uint16_t port;		    /* 0 when listening = any free one */
};

/* An address prefix; IPv4 stands as ::ffff:a.b.c.d with 96 more bits. */
struct df_cidr {
	uint8_t addr[16];
	uint8_t bits; /* 0..128 */
};

struct df_modality {
	char ae[DF_AE_LEN + 1]; /* calling AE title */
	struct df_cidr from[DF_CIDRS];
	size_t n_from; /* 0 = from anywhere */
	char reports_ae[DF_AE_LEN + 1];	/* where it takes what we commit to; */
	struct df_endpoint reports;	/* host "" = on its association only */
	bool stat;     /* urgent */
	bool worklist; /* may ask for it */
	int64_t charset; /* of it: enum df_worklist_charset of the dicom side */
};

/* A PACS: exactly one of dicom and stow is given. */
struct df_destination {
	char name[DF_NAME_LEN + 1];
	char ae[DF_AE_LEN + 1];		/* called AE title, dicom only */
	struct df_endpoint dicom;	/* host "" = not DIMSE */
	char stow[DF_URL_LEN + 1];	/* base URL, "" = not STOW-RS */
	char stow_ca[DF_URL_LEN + 1];	/* PEM file under DIR, "" = system's */
	char calling_ae[DF_AE_LEN + 1]; /* "" = the node's own */
	int64_t commitment; /* enum df_commit_ask */
	struct df_caps caps;
	int64_t associations; /* at once, 1..DF_ASSOCIATIONS; 1 when DIMSE
			       * is capped: each is a process of its own */
	int64_t compress;     /* enum df_compress */
};

/* The node that we dial (the centre, seen from a clinic). */
struct df_peer {
	char name[DF_NAME_LEN + 1];
	char url[DF_URL_LEN + 1];	  /* https://host:port */
	char fingerprint[DF_HEX_LEN + 1]; /* hex SHA-256 of its public key */
	struct df_caps caps;		  /* of what we send there */
};

struct df_config {
	struct {
		int64_t role; /* enum df_node_role */
		char name[DF_NAME_LEN + 1];
		char ae[DF_AE_LEN + 1];
		struct df_endpoint listen_dicom;
		struct df_endpoint listen_https;
		int64_t log_level; /* enum df_log_level */
	} node;
	struct {
		int64_t max_associations;
		int64_t max_per_address; /* strangers */
		int64_t max_per_peer;	 /* connections of one key */
		int64_t peer_requests;	 /* a second, of one key */
		int64_t max_connections; /* held by front, idle ones too */
		bool unknown_sop_classes;
		int64_t max_object_bytes;
		int64_t timeout_s; /* DIMSE, without progress */
	} receive;
	struct {
		int64_t quiet_s;
		int64_t linked; /* enum df_study_linked */
	} study;
	struct {
		int64_t size_bytes;
		int64_t wait_ms;
		int64_t coding; /* enum df_coding_choice */
	} parcel;
	struct {
		int64_t reserve_bytes;	 /* A700 when less is left ... */
		int64_t reserve_percent; /* ... or less than this share */
		int64_t soft_percent;	 /* of the rest, filled: alarm */
		int64_t high_percent;	 /* urgent sources only */
	} spool;
	struct {
		int64_t days; /* 0 = only when space is short */
		bool early;   /* at the soft mark */
	} retention;
	struct {
		int64_t connections;
		int64_t max_part_bytes;
		int64_t poll_s; /* mailbox long poll */
		char proxy[DF_URL_LEN + 1];
		char proxy_user[DF_NAME_LEN + 1];
		char proxy_password[DF_URL_LEN + 1]; /* a file of the node */
	} line;
	struct {
		int64_t min_s;
		int64_t max_s;
	} retry;
	struct {
		int64_t connect_s;
		int64_t timeout_s; /* without progress */
	} dimse;
	struct {
		int64_t level; /* enum df_commit_level */
		int64_t missing_s;
		int64_t deadline_s;
		int64_t report_s;
		int64_t answer_s;
	} commitment;
	struct {
		int64_t job_s; /* one job of a cell, at most */
		int64_t memory_bytes;
	} prepare;
	struct {
		int64_t ask; /* enum df_region_ask */
		bool answer;
		int64_t questions; /* a minute, of one node */
		int64_t along;	   /* exams that go with a new one */
		int64_t along_days;
	} region;
	struct {
		bool offer;
		int64_t charset; /* as of a modality */
		int64_t days;	 /* an order stays, after its day */
		int64_t verdict; /* enum df_worklist_verdict */
	} worklist;
	struct df_modality *modalities; /* owned */
	size_t n_modalities;
	struct df_destination *destinations;
	size_t n_destinations;
	struct df_peer *peers;
	size_t n_peers;
	uint32_t *lines; /* per single key: line it came from, 0 = default */
};

/*
 * Parses and checks. On failure *cfg is released and `why` says which line.
 * {0} is a valid released struct; release is idempotent.
 */
DF_MUST_CHECK enum df_err df_config_parse(const char *text, size_t len,
					  struct df_config *cfg,
					  struct df_why *why);
void df_config_release(struct df_config *cfg);

/*
 * A process of deliver_dimse has one association. Its number tells which: the
 * lane'th of a destination; destination n_destinations, lane 0: reports of
 * storage commitment to modalities.
 */
uint32_t df_config_lane(const struct df_config *cfg, size_t destination,
			size_t lane);

/* By name, or NULL. */
const struct df_modality *df_config_modality(const struct df_config *cfg,
					     struct df_text ae);
const struct df_destination *df_config_destination(const struct df_config *cfg,
						   struct df_text name);
const struct df_peer *df_config_peer(const struct df_config *cfg,
				     struct df_text name_or_fingerprint);

/*
 * May this association be? AE titles with or without padding spaces; `addr` is
 * the numeric remote address. Our own AE title is allowed from loopback.
 */
enum df_admit {
	DF_ADMIT_OK,
	DF_ADMIT_CALLED_UNKNOWN,
	DF_ADMIT_CALLING_UNKNOWN,
	DF_ADMIT_REPORTS, /* a PACS of ours that is asked for commitment, and
			   * no modality, or not where that one's images come
			   * from: it may say its word and no more */
};
enum df_admit df_config_admit(const struct df_config *cfg,
			      struct df_text called, struct df_text calling,
			      struct df_text addr);

/*
 * Parts, for callers that check what a person typed (DF_E_CONFIG).
 * An empty host ("*:104" or ":104") becomes "::" when listening.
 */
DF_MUST_CHECK enum df_err df_endpoint_decode(struct df_endpoint *to,
					     struct df_text t,
					     struct df_why *why);
/* AET@HOST:PORT */
DF_MUST_CHECK enum df_err df_dicom_address_decode(char ae[DF_AE_LEN + 1],
						  struct df_endpoint *to,
						  struct df_text t,
						  struct df_why *why);
DF_MUST_CHECK enum df_err df_cidr_decode(struct df_cidr *to, struct df_text t,
					 struct df_why *why);
bool df_cidr_holds(const struct df_cidr *c, struct df_text addr);

/*
 * Editing keeps what people wrote: a section goes to the end of the text.
 * The result is parsed before it is handed out, so that a wrong edit never
 * reaches the disk. `pairs` are key, value, key, value, ...; DF_E_EXISTS when
 * the section is there already.
 */
DF_MUST_CHECK enum df_err
df_config_append_section(struct df_buf *text, const char *kind,
			 const char *name, const char *const *pairs,
			 size_t n_pairs, struct df_why *why);

/* The commented sample file; with values, those of `cfg` (NULL: defaults). */
DF_MUST_CHECK enum df_err df_config_sample(struct df_buf *to,
					   const struct df_config *cfg,
					   struct df_why *why);
/* One line a key: "section.key = value  # default | line N". */
DF_MUST_CHECK enum df_err df_config_show(struct df_buf *to,
					 const struct df_config *cfg,
					 struct df_why *why);

#ifdef __cplusplus
}
#endif
#endif
