/*
 * index.h - the room `index`, private: one struct, who does what.
 */
#ifndef DF_INDEX_H
#define DF_INDEX_H

#include "df/limit.h"
#include "df/message.h"
#include "df/persons.h"
#include "df/pinyin.h"
#include "df/register.h"
#include "df/report_policy.h"
#include "df/room.h"
#include "df/store.h"

struct cJSON;
struct df_rules;
struct index_rules; /* index_rules.c */
struct region_quiet;
struct region_search;

/* A reply that waits for the commit of this turn. */
struct ack {
	struct df_link *to;
	struct df_msg reply;
};

/* A message that came before the index key did. */
struct parked {
	struct parked *next;
	struct df_link *from;
	void (*run)(struct df_room *room, struct df_link *from,
		    const struct df_msg *m, int *fds, size_t n_fds);
	struct df_buf bytes;
};

struct index {
	struct df_room *room;
	struct df_store *store; /* NULL until the key is there */
	struct df_register *reg; /* opened with it */
	bool reg_failed;	 /* the room ends, and looks what is there */
	bool reg_gathers;	 /* its entries are synced together */
	bool reg_unsynced;
	uint8_t seal_key[32];
	uint8_t blind_key[32];
	char self[DF_HEX_LEN + 1]; /* our own fingerprint */
	struct df_pinyin_reader *pinyin; /* made at the first name */
	struct index_rules *rules;	 /* read at the first question */
	bool rules_fresh; /* their files were looked at for this message */
	bool begun;
	bool gathering; /* a timer will flush */
	int64_t flushed_ms;
	struct ack *acks; /* owned; replies of this transaction */
	size_t n_acks;
	size_t cap_acks;
	struct parked *parked;
	struct parked **parked_end;
	size_t n_parked;
	struct df_limit questions;	   /* of one title, for its worklist */
	struct df_limit all_questions;	   /* of all of them */
	struct region_search *searches;    /* region_ask.c: under way */
	struct region_quiet *quiet; /* region_quiet.c */
};

/* main.c */
/* Joins the transaction that is open, or opens one. */
DF_MUST_CHECK enum df_err index_begin(struct index *x, struct df_why *why);
/* Takes reply; it goes out when the transaction is committed, or as its failure. */
void index_ack(struct index *x, struct df_link *to, struct df_msg *reply);
/* Commits and answers now: what is read next must be durable. */
void index_flush(struct index *x);
/* Forgets the open transaction; every reply of it becomes this failure. What
 * the register has of it is applied anew. */
void index_abandon(struct index *x, enum df_err err, const struct df_why *why);

/* member.c: members of JSON */
const char *index_word(const struct cJSON *o, const char *key); /* or "" */
void index_add(struct cJSON *o, const char *key, const char *text);

/* cipher.c */
struct df_column_cipher index_cipher(struct index *x);
/* reading.c: lends the store what else it needs, once it is open. */
void index_lend(struct index *x);

/* index_register.c: original data. */
/* Opens the register and applies what index.db has not seen of it. */
DF_MUST_CHECK enum df_err index_register_open(struct index *x,
					      struct df_why *why);
/* Applies what a lost transaction had of it, or sees to it that the room ends:
 * x->reg_failed. */
void index_register_follow(struct index *x);
/*
 * Writes an entry of this kind (entry_take is taken), applies it to index.db
 * in the open transaction, and syncs the register: after DF_OK it may be
 * answered. An entry that its applier refuses is not written. The number it
 * got is df_register_account(x->reg)->last.
 */
DF_MUST_CHECK enum df_err index_register_put(struct index *x, const char *kind,
					     struct cJSON *entry_take,
					     struct df_why *why);
/* Until index_register_sync, puts are synced by that one, together: nothing of
 * them may be answered or committed before. */
void index_register_gather(struct index *x);
DF_MUST_CHECK enum df_err index_register_sync(struct index *x,
					      struct df_why *why);
/*
 * What an entry does to index.db. It is called before the entry is written
 * (refuse what is wrong then: DF_E_USAGE, NOTFOUND, DENIED ...), and again when
 * index.db is new and knows *nothing* yet: queue tells its studies later. So an
 * applier takes everything from the entry itself, natural keys and no row
 * numbers. An entry that is refused in a replay is logged and passed over.
 */
typedef enum df_err index_apply_fn(struct index *x,
				   const struct df_register_entry *e,
				   const struct cJSON *json,
				   struct df_why *why);

/* index_facts.c */
extern const enum df_field index_ident_field[DF_IDENT_COUNT];
extern const char *const index_ident_word[DF_IDENT_COUNT];
void index_facts_put(struct index *x, struct df_link *from,
		     const struct df_msg *m);
void index_study_facts(struct index *x, struct df_link *from,
		       const struct df_msg *m);

/* verdict.c */
void index_report_put(struct index *x, struct df_link *from,
		      const struct df_msg *m);
/* The study that a statement of this clinic speaks of. */
DF_MUST_CHECK enum df_err index_claimed_study(struct index *x,
					      const char *study_uid,
					      const char *clinic_node,
					      struct df_store_study *out,
					      struct df_why *why);

/* What index_report_put would say to row->text whose signature was checked as
 * row->checked; fills what it claims, verdict and reason. Stores nothing. */
DF_MUST_CHECK enum df_err index_report_check(struct index *x,
					     struct df_store_report *row,
					     struct df_why *why);

/* prior.c */
/* Is it of the modality and part, and not older than the days that a question
 * {modality, body_part, days} wants? What it does not say is no reason. */
bool index_prior_fits(struct index *x, const struct df_store_study *st,
		      const struct cJSON *question);
/* One earlier exam, as docs/formats/peer.md has it; NULL: see why. */
struct cJSON *index_prior_json(struct index *x, const struct df_store_study *st,
			       const struct df_match_result *match,
			       struct df_why *why);
/* Is it on the exam of that UID that `node` (a fingerprint) made? One of
 * another clinic's is none of this exam. */
bool index_report_is_on(const struct df_store_report *r, const char *node);
/* "match" and "match_reasons". */
void index_match_json(struct cJSON *o, const struct df_match_result *m);

/* twins.c: the same images under other UIDs */
void index_twins(struct index *x, struct df_link *from, const struct df_msg *m);
DF_MUST_CHECK enum df_err index_study_twins(struct index *x,
					    const struct cJSON *args,
					    struct cJSON *out,
					    struct df_why *why);

/* related.c: other exams of a study's person */
void index_related(struct index *x, struct df_link *from,
		   const struct df_msg *m);

/* audit_put.c */
void index_audit_put(struct index *x, struct df_link *from,
		     const struct df_msg *m);

/* index_rules.c: may an earlier exam stand for a new one? df/recognition.h */
/* Read anew when their files changed, which is looked at once a message;
 * borrowed until the next call. *bad (may be NULL): why the node's tables are
 * not in use, or DF_OK. */
const struct df_rules *index_rules(struct index *x, struct df_why *bad);
void index_rules_release(struct index *x);
/* Adds "item" and "verdict" to each of a list of exams (index_prior_json).
 * wanted: {modality, body_part, description, item, ...} that is ordered; NULL:
 * nothing is. */
void index_priors_judge(struct index *x, struct cJSON *priors,
			const struct cJSON *wanted);
DF_MUST_CHECK enum df_err
index_recognition_check(struct index *x, const struct cJSON *args,
			struct cJSON *out, struct df_why *why);

/* prior_local.c: {id|name, issuer, birth_date, sex, modality, body_part, days,
 * not: a study's UID} > {persons, priors, more} */
DF_MUST_CHECK enum df_err index_prior_local(struct index *x,
					    const struct cJSON *args,
					    struct cJSON *out,
					    struct df_why *why);

/* ledger_acts.c */
/*
 * Somebody is shown these exams (index_prior_json, judged), at `trigger`
 * ("registration" "search"), for the order (its accession number; NULL or "":
 * none): those of this very patient that may be recognised, or that a person
 * must look at, are noted in the ledger, each once a case. Synced when it
 * returns; a failure is logged and stops nobody.
 */
void index_recognition_offer(struct index *x, const struct cJSON *priors,
			     const char *order, const char *trigger,
			     bool emergency);

/* twins.c: {study, [peer]} > {node, instances, linked, twins:[{study_uid, node,
 * instances, same_person, same_modality}]} */
DF_MUST_CHECK enum df_err index_study_twins(struct index *x,
					    const struct cJSON *args,
					    struct cJSON *out,
					    struct df_why *why);

/* query.c */
void index_query(struct index *x, struct df_link *from, const struct df_msg *m);
/* What this verb answers, into `out`. DF_E_UNSUPPORTED: there is none. */
DF_MUST_CHECK enum df_err index_verb(struct index *x, struct df_text verb,
				     const struct cJSON *args,
				     struct cJSON *out, struct df_why *why);
/* Sends out_take (or the failure) as a sealed memfd. */
void index_answer(struct df_link *to, enum df_msg_type type, uint32_t tag,
		  enum df_err rc, struct cJSON *out_take, struct df_why *why);

#endif
