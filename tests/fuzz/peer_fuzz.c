/* peer_fuzz.c - every document that a peer or a DICOMweb server sends us.
 * What decodes must encode to something that decodes to the same. */
#include <stdlib.h>
#include <string.h>

#include "df/peer.h"
#include "df/prior_files.h"
#include "df/priors.h"
#include "df/stow.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void offers(struct df_text t)
{
	static struct df_peer_offer a[DF_PEER_OFFERS_MAX],
		b[DF_PEER_OFFERS_MAX];
	struct df_buf out;
	size_t n, m;

	if (df_peer_offers_decode(t, a, &n, NULL) != DF_OK)
		return;
	df_buf_init(&out, DF_PEER_JSON_MAX);
	if (df_peer_offers_encode(&out, a, n, NULL) != DF_OK ||
	    df_peer_offers_decode((struct df_text){(char *)out.ptr, out.len}, b,
				  &m, NULL) != DF_OK ||
	    n != m || memcmp(a, b, n * sizeof a[0]) != 0)
		abort();
	df_buf_release(&out);
}

static void prior_files(struct df_text t)
{
	static struct df_prior_files a, b;
	struct df_buf out;

	if (df_prior_files_decode(t, &a, NULL) != DF_OK)
		return;
	df_buf_init(&out, DF_PEER_JSON_MAX);
	if (df_prior_files_encode(&out, &a, NULL) != DF_OK ||
	    df_prior_files_decode((struct df_text){(char *)out.ptr, out.len},
				  &b, NULL) != DF_OK ||
	    memcmp(&a, &b, sizeof a) != 0)
		abort();
	df_buf_release(&out);
}

/* What is clean stays as it is. */
static void priors(struct df_text t,
		   enum df_err (*clean)(struct df_buf *, struct df_text,
					struct df_why *))
{
	struct df_buf one, two;

	df_buf_init(&one, DF_PEER_JSON_MAX);
	df_buf_init(&two, DF_PEER_JSON_MAX);
	if (clean(&one, t, NULL) == DF_OK &&
	    (clean(&two, (struct df_text){(char *)one.ptr, one.len}, NULL) !=
		     DF_OK ||
	     one.len != two.len || memcmp(one.ptr, two.ptr, one.len) != 0))
		abort();
	df_buf_release(&one);
	df_buf_release(&two);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct df_peer_offered offered[DF_PEER_OFFERS_MAX];
	static struct df_peer_mail mail[DF_PEER_MAIL_MAX];
	static struct df_stow_item stow[DF_STOW_ITEMS_MAX];
	struct df_text t = {(const char *)data, size}, text, cms;
	struct df_peer_enrolled enrolled = {0};
	struct df_peer_enrol enrol = {0};
	struct df_parcel_id ids[4];
	struct df_peer_hello hello;
	struct df_digest digest;
	uint64_t a, b;
	size_t n;

	offers(t);
	prior_files(t);
	priors(t, df_priors_question_clean);
	priors(t, df_priors_answer_clean);
	priors(t, df_priors_fetch_clean);
	(void)!df_peer_offered_decode(t, offered, &n, NULL);
	(void)!df_peer_mail_decode(t, &a, mail, &n, NULL);
	(void)!df_peer_missing_decode(t, ids, 4, &n, NULL);
	(void)!df_peer_hello_decode(t, &hello, NULL);
	(void)!df_peer_enrol_decode(t, &enrol, NULL);
	df_peer_enrol_release(&enrol);
	(void)!df_peer_enrolled_decode(t, &enrolled, NULL);
	df_peer_enrolled_release(&enrolled);
	(void)!df_peer_error_decode(500, t, NULL);
	(void)!df_peer_signed_decode(t, &text, &cms, NULL);
	(void)!df_content_digest_decode(&digest, t, NULL);
	(void)!df_range_decode(t, &a, &b);
	(void)!df_stow_decode(t, stow, &n, NULL);
	return 0;
}
