/* turn.h - the end of a turn, for main.c only. */
#ifndef QUEUE_TURN_H
#define QUEUE_TURN_H

#include "queue.h"

bool turn_has_work(const struct queue *q);
/* Publishes, commits, removes, sends, in this order. */
void turn_end(struct queue *q);
/* Sends only: where there is no journal, answers rest on nothing. */
void turn_answer(struct queue *q);
/* Names for what will come, made when nobody waits for an answer. */
void turn_stock(struct queue *q);
void turn_link_down(struct queue *q, struct df_link *link);

#endif
