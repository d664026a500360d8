/*
 * peer.h - the documents that two nodes exchange over HTTP: encode, decode.
 *
 * docs/formats/peer.md is the specification. Decoders are strict and bounded:
 * bodies ≤ DF_PEER_JSON_MAX, nesting ≤ 8, arrays as stated; DF_E_FORMAT or
 * DF_E_LIMIT, and no byte of the input in *why. Pure, no I/O.
 */
#ifndef DF_PEER_H
#define DF_PEER_H

#include "df/ranges.h"
#include "df/str.h"

#ifdef __cplusplus
extern "C" {
#endif

#define DF_PEER_JSON_MAX (256u << 10)
#define DF_PEER_OFFERS_MAX 256u   /* parcels in one offer */
#define DF_PEER_MAIL_MAX 256u     /* items in one mailbox answer */
#define DF_PEER_PART_MAX (4u << 20)
#define DF_PEER_PARCEL_MAX (64ull << 30)
#define DF_PEER_SIGNED_MAX (16u << 20) /* text of a signed pair */
#define DF_PEER_CMS_MAX (64u << 10)
#define DF_PEER_NAME_MAX 200u
#define DF_PEER_POLL_MAX_S 50u
#define DF_PEER_PARCEL_HEX 32 /* characters of a parcel id */

/* A request header (RFC 9218): what it brings is of an urgent (STAT) study. */
#define DF_PEER_URGENT "Priority: u=0"
/* Does the value of a Priority header say so? */
bool df_peer_is_urgent(struct df_text value);

#define DF_PEER_TYPE_JSON "application/json"
#define DF_PEER_TYPE_PARCEL "application/vnd.dcm-forward.parcel"
#define DF_PEER_TYPE_SIGNED "application/vnd.dcm-forward.signed"

struct df_parcel_id {
	uint8_t b[16]; /* the id in the parcel's CORE */
};
/* "/peer/v1/parcels/<32 hex>" and the like use lower-case hex. */
void df_parcel_id_encode(char to[DF_PEER_PARCEL_HEX + 1],
			 const struct df_parcel_id *id);
bool df_parcel_id_decode(struct df_parcel_id *id, struct df_text hex);

struct df_peer_offer {
	struct df_parcel_id id;
	uint64_t size_bytes; /* of the whole DFENV stream */
};
enum df_offer_state { DF_OFFER_HAVE = 1, DF_OFFER_WANT, DF_OFFER_REFUSED };
struct df_peer_offered {
	struct df_parcel_id id;
	enum df_offer_state state;
	uint64_t offset;   /* want: the first byte that is missing */
	struct df_ranges held; /* want: what is there behind it */
	enum df_err reason; /* refused */
};
struct df_peer_mail {
	uint64_t sequence; /* cursor after this item */
	struct df_parcel_id id;
	uint64_t size_bytes;
};

DF_MUST_CHECK enum df_err df_peer_offers_encode(struct df_buf *out,
						const struct df_peer_offer *o,
						size_t n, struct df_why *why);
/* Fills at most DF_PEER_OFFERS_MAX places. */
DF_MUST_CHECK enum df_err
df_peer_offers_decode(struct df_text json,
		      struct df_peer_offer o[DF_PEER_OFFERS_MAX], size_t *n,
		      struct df_why *why);
DF_MUST_CHECK enum df_err
df_peer_offered_encode(struct df_buf *out, const struct df_peer_offered *o,
		       size_t n, struct df_why *why);
DF_MUST_CHECK enum df_err
df_peer_offered_decode(struct df_text json,
		       struct df_peer_offered o[DF_PEER_OFFERS_MAX], size_t *n,
		       struct df_why *why);
DF_MUST_CHECK enum df_err df_peer_mail_encode(struct df_buf *out,
					      uint64_t cursor,
					      const struct df_peer_mail *m,
					      size_t n, struct df_why *why);
DF_MUST_CHECK enum df_err
df_peer_mail_decode(struct df_text json, uint64_t *cursor,
		    struct df_peer_mail m[DF_PEER_MAIL_MAX], size_t *n,
		    struct df_why *why);

/* The list of parcels that a centre still misses for a manifest (409). */
DF_MUST_CHECK enum df_err
df_peer_missing_encode(struct df_buf *out, const struct df_parcel_id *ids,
		       size_t n, struct df_why *why);
/* At most max ids; more are cut off (the next answer names them). */
DF_MUST_CHECK enum df_err df_peer_missing_decode(struct df_text json,
						 struct df_parcel_id *ids,
						 size_t max, size_t *n,
						 struct df_why *why);

/* An error answer, and what a client makes of it. */
DF_MUST_CHECK enum df_err df_peer_error_encode(struct df_buf *out,
					       enum df_err err,
					       const char *text);
/* Error named in the body; when there is none, what the status means. */
enum df_err df_peer_error_decode(unsigned status, struct df_text json,
				 struct df_why *why);
/* The one place where an error becomes an HTTP status. */
unsigned df_http_status(enum df_err err);

/* Who answers: GET /peer/v1/hello. */
struct df_peer_hello {
	char name[DF_PEER_NAME_MAX + 1]; /* UTF-8, controls refused */
	char peer_name[DF_PEER_NAME_MAX + 1]; /* how it knows the caller */
	int64_t now_ms;                       /* its clock */
};
DF_MUST_CHECK enum df_err df_peer_hello_encode(struct df_buf *out,
					       const struct df_peer_hello *h,
					       struct df_why *why);
DF_MUST_CHECK enum df_err df_peer_hello_decode(struct df_text json,
					       struct df_peer_hello *h,
					       struct df_why *why);

/* Enrolment. The request carries DER (base64 in JSON), the answer PEM. */
struct df_peer_enrol {
	char invite[65]; /* [0-9A-Za-z-] */
	char name[DF_PEER_NAME_MAX + 1];
	struct df_buf csr;
	struct df_buf proof;
};
struct df_peer_enrolled {
	char centre_name[DF_PEER_NAME_MAX + 1];
	char fingerprint[DF_HEX_LEN + 1]; /* of the centre's node key */
	struct df_buf certificate;        /* the clinic's new one, PEM */
	struct df_buf ca;                 /* the centre's CA, PEM */
	struct df_buf node_certificate;   /* the centre's own, PEM */
	struct df_buf seal_certificate;   /* its report seal, PEM */
};
void df_peer_enrol_release(struct df_peer_enrol *e);
void df_peer_enrolled_release(struct df_peer_enrolled *e);
DF_MUST_CHECK enum df_err df_peer_enrol_encode(struct df_buf *out,
					       const struct df_peer_enrol *e,
					       struct df_why *why);
/* Into a zeroed *e, which the caller releases also after a failure. */
DF_MUST_CHECK enum df_err df_peer_enrol_decode(struct df_text json,
					       struct df_peer_enrol *e,
					       struct df_why *why);
DF_MUST_CHECK enum df_err
df_peer_enrolled_encode(struct df_buf *out, const struct df_peer_enrolled *e,
			struct df_why *why);
DF_MUST_CHECK enum df_err df_peer_enrolled_decode(struct df_text json,
						  struct df_peer_enrolled *e,
						  struct df_why *why);

/* A text and its detached CMS in one body: u32 length, text, u32 length,
 * CMS; nothing after. Manifests and receipts travel so. */
DF_MUST_CHECK enum df_err df_peer_signed_encode(struct df_buf *out,
						struct df_text text,
						struct df_text cms,
						struct df_why *why);
DF_MUST_CHECK enum df_err df_peer_signed_decode(struct df_text body,
						struct df_text *text,
						struct df_text *cms,
						struct df_why *why);

/* "sha-256=:<base64>:" (RFC 9530). Other algorithms in the same field are
 * passed over; DF_E_FORMAT when there is no sha-256 in it. */
void df_content_digest_encode(char to[64], const struct df_digest *d);
DF_MUST_CHECK enum df_err df_content_digest_decode(struct df_digest *d,
						   struct df_text value,
						   struct df_why *why);
/* "bytes=a-b" or "bytes=a-": [*first, *last], *last = UINT64_MAX when open. */
bool df_range_decode(struct df_text value, uint64_t *first, uint64_t *last);

#ifdef __cplusplus
}
#endif
#endif
