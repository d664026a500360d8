/* keys_query.c - what people ask of keys: peers, invitations, reading anew. */
#include "keys.h"

#include <stdlib.h>
#include <string.h>

#include "df/clock.h"
#include "df/enrol.h"
#include "df/file.h"
#include "df/log.h"

typedef enum df_err verb(struct keys *k, const cJSON *args, cJSON *answer,
			 struct df_why *why);

static struct df_text arg(const cJSON *args, const char *name)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(args, name);

	return df_text_of(cJSON_IsString(v) ? v->valuestring : "");
}

static enum df_err peer_invite(struct keys *k, const cJSON *args, cJSON *answer,
			       struct df_why *why)
{
	int64_t now_ms = df_clock_wall_ms();
	char code[DF_INVITE_CODE_LEN + 1];
	char expires[DF_TIME_LEN + 1];
	enum df_err rc;

	rc = invite_make(k, arg(args, "name"), now_ms, code, sizeof code, why);
	if (rc != DF_OK)
		return rc;
	df_time_encode(expires, now_ms + DF_INVITE_HOURS * 3600000LL);
	cJSON_AddStringToObject(answer, "code", code);
	cJSON_AddStringToObject(answer, "expires", expires);
	df_log(DF_LOG_INFO, "peer.invited", DF_F_WORD("until", expires));
	return DF_OK;
}

static cJSON *peer_json(const struct peer *p)
{
	char name[DF_NODE_NAME_MAX + 1], until[DF_TIME_LEN + 1];
	cJSON *o = cJSON_CreateObject();

	df_cert_name(p->cert, name);
	df_time_encode(until, df_cert_not_after_ms(p->cert));
	cJSON_AddStringToObject(o, "fingerprint", p->fp.s);
	cJSON_AddStringToObject(o, "name", name);
	cJSON_AddStringToObject(o, "state",
				p->revoked ? "revoked" : "enrolled");
	cJSON_AddStringToObject(o, "not_after", until);
	return o;
}

static enum df_err peer_list(struct keys *k, const cJSON *args, cJSON *answer,
			     struct df_why *why)
{
	cJSON *peers = cJSON_AddArrayToObject(answer, "peers");
	char until[DF_TIME_LEN + 1];
	size_t i;

	(void)args; /* takes none */
	for (i = 0; i < k->n_peers; i++)
		cJSON_AddItemToArray(peers, peer_json(&k->peers[i]));
	df_time_encode(until, df_cert_not_after_ms(k->node_crt));
	cJSON_AddStringToObject(answer, "fingerprint", k->fp.s);
	cJSON_AddStringToObject(answer, "name", k->name);
	cJSON_AddStringToObject(answer, "not_after", until);
	return invite_list(cJSON_AddArrayToObject(answer, "invites"),
			   df_clock_wall_ms(), why);
}

/* By fingerprint, or by name when only one bears it. */
static enum df_err peer_revoke(struct keys *k, const cJSON *args, cJSON *answer,
			       struct df_why *why)
{
	struct df_text who = arg(args, "peer");
	struct peer *found = peers_find(k, who);
	size_t i;

	for (i = 0; found == NULL && i < k->n_peers; i++) {
		char name[DF_NODE_NAME_MAX + 1];
		size_t j;

		df_cert_name(k->peers[i].cert, name);
		if (!df_text_eq(who, name))
			continue;
		found = &k->peers[i];
		for (j = i + 1; j < k->n_peers; j++) {
			df_cert_name(k->peers[j].cert, name);
			if (df_text_eq(who, name))
				return df_fail(why, DF_E_CONFLICT,
					       "several peers have this name: "
					       "give the fingerprint");
		}
	}
	if (found == NULL)
		return df_fail(why, DF_E_NOTFOUND, "no such peer");
	cJSON_AddStringToObject(answer, "fingerprint", found->fp.s);
	df_log(DF_LOG_WARN, "peer.revoked", DF_F_WORD("peer", found->fp.s));
	return peers_revoke(k, df_text_of(found->fp.s), why);
}

static enum df_err reload(struct keys *k, const cJSON *args, cJSON *answer,
			  struct df_why *why)
{
	enum df_err rc = ring_load(k, why);

	(void)args; /* takes none */
	if (rc == DF_OK)
		cJSON_AddNumberToObject(answer, "peers", (double)k->n_peers);
	return rc;
}

static const struct {
	const char *name;
	verb *run;
} VERBS[] = {
	{"peer invite", peer_invite},
	{"peer list", peer_list},
	{"peer revoke", peer_revoke},
	{"reload", reload},
};

static enum df_err run(struct keys *k, const struct df_msg *m, cJSON *answer,
		       struct df_why *why)
{
	struct df_text name = {NULL, 0}, json = {NULL, 0};
	enum df_err rc;
	cJSON *args;
	size_t i;

	(void)df_msg_get(m, DF_M_VERB, &name); /* absent: unknown verb */
	(void)df_msg_get(m, DF_M_JSON, &json); /* absent: no arguments */
	for (i = 0; i < sizeof VERBS / sizeof VERBS[0]; i++) {
		if (!df_text_eq(name, VERBS[i].name))
			continue;
		args = cJSON_ParseWithLength(json.ptr ? json.ptr : "",
					     json.len);
		rc = VERBS[i].run(k, args, answer, why);
		cJSON_Delete(args);
		return rc;
	}
	return df_fail(why, DF_E_USAGE, "keys does not know this verb");
}

/* Short answers stand in the message, long ones in a memfd beside it. */
static enum df_err put_json(struct df_msg *out, int *fd, const char *text,
			    struct df_why *why)
{
	size_t n = strlen(text);
	enum df_err rc;

	if (n <= DF_MSG_SMALL) {
		df_msg_put_str(out, DF_M_JSON, text);
		return DF_OK;
	}
	rc = df_memfd_new(fd, "answer", why);
	if (rc == DF_OK)
		rc = df_write_all(*fd, text, n, why);
	if (rc == DF_OK)
		rc = df_memfd_seal(*fd, why);
	return rc;
}

void on_query(struct df_room *room, struct df_link *from,
	      const struct df_msg *m, int *fds, size_t n_fds)
{
	cJSON *answer = cJSON_CreateObject();
	struct df_why why = {0};
	struct df_msg out;
	char *text = NULL;
	int fd = -1;
	enum df_err rc = run(keys_of(room), m, answer, &why);

	(void)fds, (void)n_fds; /* carries none */
	df_msg_init(&out, DF_MSG_ANSWER, m->tag);
	if (rc == DF_OK) {
		text = cJSON_PrintUnformatted(answer);
		rc = text ? put_json(&out, &fd, text, &why)
			  : df_fail(&why, DF_E_NOMEM, "no memory for JSON");
	}
	df_msg_put_result(&out, rc, &why);
	free(text);
	cJSON_Delete(answer);
	df_room_send(from, &out, &fd, fd >= 0 ? 1 : 0);
}
