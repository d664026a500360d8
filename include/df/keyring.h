/*
 * keyring.h - the files of keys/ and what a new node puts there.
 *
 *   node.key node.crt      the node: signs, TLS, opens parcels (PEM)
 *   ca.crt                 centre: its own CA; clinic: that of the first centre
 *   ca.key                 centre only
 *   seal.key seal.crt      centre only: seals reports
 *   kek                    32 bytes: wraps the keys of objects at rest
 *   peers/<fp>.pem         an enrolled node's certificate; <fp> = 64 hex
 *   peers/<fp>.own         clinic: the node's certificate of that centre's CA
 *   peers/<fp>.ca          clinic: that CA
 *   peers/<fp>.revoked     present: that node is refused
 *   invites/<id>           one invitation, text (df/enrol.h)
 *   report-trust/<fp>.pem      a CA whose certificates may sign reports
 *   report-trust/seal-<fp>.pem a centre's seal certificate
 *
 * Directories are 0700, files 0600. A clinic's node.crt is self-signed until
 * it has joined its first centre. <fp> in report-trust is the certificate's
 * df_cert_fingerprint.
 */
#ifndef DF_KEYRING_H
#define DF_KEYRING_H

#include "df/x509.h"

#ifdef __cplusplus
extern "C" {
#endif

#define DF_KEYS_DIR "keys"
#define DF_KEYS_NODE_KEY "keys/node.key"
#define DF_KEYS_NODE_CRT "keys/node.crt"
#define DF_KEYS_CA_KEY "keys/ca.key"
#define DF_KEYS_CA_CRT "keys/ca.crt"
#define DF_KEYS_SEAL_KEY "keys/seal.key"
#define DF_KEYS_SEAL_CRT "keys/seal.crt"
#define DF_KEYS_KEK "keys/kek"
#define DF_KEYS_PEERS "keys/peers"
#define DF_KEYS_OWN_SUFFIX ".own"
#define DF_KEYS_CA_SUFFIX ".ca"
#define DF_KEYS_INVITES "keys/invites"
#define DF_KEYS_TRUST "keys/report-trust"
#define DF_KEYS_SEAL_PREFIX "seal-"

#define DF_KEYRING_FILES_MAX 8
struct df_keyring_file {
	const char *path; /* one of the names above, static */
	struct df_buf content;
};
/* {0} is a valid released state. */
struct df_keyring_new {
	struct df_keyring_file files[DF_KEYRING_FILES_MAX];
	size_t count;
	struct df_digest fingerprint; /* of the new node */
};
/*
 * A complete new key set in memory: the caller makes keys/ and its three
 * directories, writes each file (0600, O_EXCL), syncs, and releases.
 */
DF_MUST_CHECK enum df_err df_keyring_make(struct df_keyring_new *k, bool centre,
					  struct df_text name, int64_t now_ms,
					  struct df_why *why);
void df_keyring_release(struct df_keyring_new *k); /* wipes */

#ifdef __cplusplus
}
#endif
#endif
