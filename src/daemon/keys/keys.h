/*
 * keys.h - the room of the private keys: its state and its parts.
 *
 * ring.c reads keys/; enrolled.c who is a peer; sealing.c CEKs and headers;
 * signing.c signatures, TLS, anchors; enrolment.c invitations; keys_query.c
 * what people ask. Nothing here is ever written to a log but fingerprints, ids,
 * names of uses and counts.
 */
#ifndef KEYS_H
#define KEYS_H

#include <cjson/cJSON.h>

#include "df/keyring.h"
#include "df/room.h"
#include "df/seal.h"
#include "df/sealed.h"

#define PEERS_MAX 10000u
#define ANCHORS_MAX (4u << 20)
#define SIGNED_TEXT_MAX (32u << 20)

struct peer {
	struct df_hex fp;
	struct df_cert *cert; /* owned, as all below */
	struct df_cert *own;  /* ours, of its CA; NULL: node_crt */
	struct df_cert *ca;   /* NULL: that of keys */
	bool revoked;
};

enum use { /* counted, told at the end */
	   USE_ASSOCIATION,
	   USE_UNWRAP,
	   USE_SEAL,
	   USE_OPEN,
	   USE_SIGN,
	   USE_CHECK,
	   USE_TLS,
	   USE_ENROL,
	   USE_REWRAP,
	   USE_COUNT
};

struct keys {
	struct df_key *node; /* owned, as all below */
	struct df_cert *node_crt;
	/* goes with what we sign: node_crt, or, among centres of several CAs,
	 * one that the node's key signed itself: each knows us by that key */
	struct df_cert *signer;
	struct df_hex fp; /* of the node */
	char name[DF_NODE_NAME_MAX + 1];
	struct df_cert *ca;    /* of node_crt; NULL: has not joined */
	struct df_key *ca_key; /* centre only */
	struct df_key *seal;   /* centre only */
	struct df_cert *seal_crt;
	uint8_t kek[DF_KEK_LEN];
	struct peer *peers;
	size_t n_peers;
	uint64_t uses[USE_COUNT];
};

static inline struct keys *keys_of(struct df_room *room)
{
	return df_room_ctx(room);
}

/* --- ring.c -------------------------------------------------------------- */
/* Reads all of keys/; on failure *k is as it was. Also for "reload". */
DF_MUST_CHECK enum df_err ring_load(struct keys *k, struct df_why *why);
void ring_release(struct keys *k);
/* Calls each(ctx, name) for every regular name in a directory of keys/. */
DF_MUST_CHECK enum df_err
ring_names(const char *dir,
	   enum df_err (*each)(void *ctx, const char *name, struct df_why *why),
	   void *ctx, struct df_why *why);
/* Counts a use and logs it; detail is a fingerprint or a word, or NULL. */
void ring_used(struct keys *k, enum use use, const char *detail,
	       const struct df_why *failed);

/* --- enrolled.c ---------------------------------------------------------- */
DF_MUST_CHECK enum df_err peers_load(struct keys *k, struct df_why *why);
void peers_release(struct keys *k);
/* NULL when unknown. */
struct peer *peers_find(struct keys *k, struct df_text fp);
/* DF_E_DENIED when unknown or revoked. */
DF_MUST_CHECK enum df_err peers_allowed(struct keys *k, struct df_text fp,
					struct peer **peer, struct df_why *why);
/* Durable, then in the table; replaces an older certificate. A revoked key
 * stays revoked: DF_E_DENIED. */
DF_MUST_CHECK enum df_err
peers_enrol(struct keys *k, const struct df_cert *cert, struct df_why *why);
bool same_cert(const struct df_cert *a, const struct df_cert *b);
DF_MUST_CHECK enum df_err peers_revoke(struct keys *k, struct df_text fp,
				       struct df_why *why);
/* Is this certificate, byte for byte, one that we hold, or its own (see signer)
 * with a key that we know, or did a CA of ours make it? at_ms: when it was
 * used. DF_E_SENDER. */
DF_MUST_CHECK enum df_err peers_certificate(struct keys *k,
					    const struct df_cert *cert,
					    int64_t at_ms, struct df_why *why);

/* --- handlers: all answer their sender ----------------------------------- */
typedef void handler(struct df_room *room, struct df_link *from,
		     const struct df_msg *m, int *fds, size_t n_fds);
handler on_association_key, on_unwrap, on_seal, on_open; /* sealing.c */
handler on_sign, on_check, on_anchors, on_tls_identity, on_tls_sign,
	on_peer_check, on_index_key; /* signing.c */
handler on_enrol;		     /* enrolment.c */
handler on_rewrap;		     /* rewrap.c */
handler on_query;		     /* keys_query.c */

/* --- sealing.c ----------------------------------------------------------- */
/* The data key out of m's HEADER, when its sender is the PEER of m (absent: we)
 * and may be, for that purpose (OPEN_RQ). head borrows from m. */
DF_MUST_CHECK enum df_err sealing_open(struct keys *k,
				       struct df_sealed_head *head,
				       struct df_cek *cek,
				       const struct df_msg *m,
				       const char *purpose, struct df_why *why);

/* --- enrolment.c --------------------------------------------------------- */
DF_MUST_CHECK enum df_err invite_make(struct keys *k, struct df_text name,
				      int64_t now_ms, char *code, size_t cap,
				      struct df_why *why);
/* Adds the invitations that are still open to a JSON array. */
DF_MUST_CHECK enum df_err invite_list(cJSON *array, int64_t now_ms,
				      struct df_why *why);

#endif
