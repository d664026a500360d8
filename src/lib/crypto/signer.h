/* signer.h - checks that signing and verifying share (private to crypto). */
#ifndef DF_SIGNER_H
#define DF_SIGNER_H

#include <openssl/x509.h>

#include "df/sign.h"

/* May a certificate with these usages sign a document? GOOD or USAGE. */
enum df_sign_verdict df_signer_usage(X509 *cert);
/* GOOD, EXPIRED, NOT_YET; CHAIN when the times cannot be read. */
enum df_sign_verdict df_signer_time(X509 *cert, int64_t at_ms);

#endif
