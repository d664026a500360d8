/* seen.c - what a cell says of the instances in one job. */
#include <stdlib.h>

#include "queue.h"

void seen_add(struct seen_list *l, const struct df_msg *facts)
{
	struct seen *s;
	uint64_t received = 0;

	if (l->n == l->cap) {
		l->cap = l->cap ? 2 * l->cap : 8;
		l->v = df_xrealloc(l->v, l->cap * sizeof *l->v);
	}
	s = &l->v[l->n++];
	*s = (struct seen){0};
	/* a field that is absent or too long stays empty; what must be there
	 * is checked where it is used */
	(void)df_msg_get_str(facts, DF_M_SOP_CLASS, s->row.sop_class, 65);
	(void)df_msg_get_str(facts, DF_M_SOP_INSTANCE, s->row.sop_instance, 65);
	(void)df_msg_get_str(facts, DF_M_TRANSFER_SYNTAX,
			     s->row.transfer_syntax, 65);
	(void)df_msg_get_str(facts, DF_M_SERIES, s->row.series, 65);
	(void)df_msg_get_str(facts, DF_M_STUDY, s->study_uid, 65);
	(void)df_msg_get_u64(facts, DF_M_SIZE, &s->row.size_bytes);
	(void)df_msg_get_digest(facts, DF_M_DIGEST, &s->row.digest);
	(void)df_msg_get_u64(facts, DF_M_RECORD, &s->row.record);
	(void)df_msg_get_str(facts, DF_M_CODING, s->row.coding, 16);
	(void)df_msg_get_str(facts, DF_M_CALLING, s->row.calling, 17);
	(void)df_msg_get_u64(facts, DF_M_RECEIVED_MS, &received);
	s->row.received_ms = (int64_t)received;
	df_msg_init(&s->facts, DF_MSG_FACTS_PUT, 0);
	df_msg_copy(&s->facts, facts, DF_M_NONE);
}

void seen_release(struct seen_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		df_msg_release(&l->v[i].facts);
	free(l->v);
	*l = (struct seen_list){0};
}
