/* peer_enrolment.c - the one resource for nodes that have no certificate yet.
 */
#include "df/log.h"
#include "gateway.h"

void enrol_begin(struct request *rq)
{
	request_gather(rq, 32u << 10); /* a request for a certificate */
}

static void take_pem(struct df_buf *to, const struct df_msg *m,
		     enum df_field field, size_t *at)
{
	struct df_text t = {0};

	df_buf_init(to, DF_MSG_MAX);
	if (df_msg_next(m, field, at, &t) &&
	    df_buf_add(to, t.ptr, t.len, NULL) != DF_OK)
		df_bug("a certificate larger than a message");
}

static void enrolled(void *ctx, struct df_reply *reply)
{
	struct request *rq = ctx;
	struct df_peer_enrolled e = {0};
	size_t cert = 0, ca = 0, seal = 0;
	struct df_buf json;
	enum df_err rc;

	if (request_failed(rq, reply))
		return;
	take_pem(&e.certificate, reply->msg, DF_M_CERT, &cert);
	take_pem(&e.node_certificate, reply->msg, DF_M_CERT, &cert);
	take_pem(&e.ca, reply->msg, DF_M_CA, &ca);
	take_pem(&e.seal_certificate, reply->msg, DF_M_SEAL_CERT, &seal);
	if (!df_msg_get_str(reply->msg, DF_M_NAME, e.centre_name,
			    sizeof e.centre_name) ||
	    !df_msg_get_str(reply->msg, DF_M_PEER, e.fingerprint,
			    sizeof e.fingerprint))
		df_bug("keys answered an enrolment badly");
	df_buf_init(&json, DF_PEER_JSON_MAX);
	rc = df_peer_enrolled_encode(&json, &e, NULL);
	df_log(DF_LOG_INFO, "peer.enrolled",
	       DF_F_ADDR(df_http_peer(rq->x)->address));
	request_json(rq, 200, &json, rc);
	df_peer_enrolled_release(&e);
}

void enrol_whole(struct request *rq)
{
	struct df_peer_enrol e = {0};
	struct df_why why = {0};
	struct df_msg m;
	enum df_err rc;

	rc = df_peer_enrol_decode(df_http_gathered(rq->x), &e, &why);
	if (rc != DF_OK) {
		df_http_answer_err(rq->x, rc, why.text);
	} else {
		df_msg_init(&m, DF_MSG_ENROL_RQ, 0);
		df_msg_put_str(&m, DF_M_INVITE, e.invite);
		df_msg_put_str(&m, DF_M_NAME, e.name);
		df_msg_put(&m, DF_M_CSR, e.csr.ptr, e.csr.len);
		df_msg_put(&m, DF_M_PROOF, e.proof.ptr, e.proof.len);
		request_ask(rq, DF_ROLE_KEYS, &m, NULL, 0, GATEWAY_KEYS_MS,
			    enrolled);
	}
	df_peer_enrol_release(&e);
}
