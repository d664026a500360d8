/* report_bundle.h - statement, signature and body become a sealed bundle. */
#ifndef QUEUE_BUNDLE_H
#define QUEUE_BUNDLE_H

#include "queue.h"

struct bundle; /* heap, owned by report_bundle.c once given */

typedef void bundled_fn(void *ctx, enum df_err err, const struct df_why *why,
			const struct df_id *object, const char *hex);
/*
 * Takes the three descriptors (set to -1). When all is durable the bundle is
 * in the mailbox of `peer`; done runs once, before the commit.
 */
void bundle_make(struct queue *q, const char *peer, const char *study_uid,
		 int *statement, int *cms, int *body, bundled_fn *done,
		 void *ctx);

#endif
