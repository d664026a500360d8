/*
 * ledger_room.h - private to the room `index`: the ledger of recognition and
 * its figures. docs/formats/register.md has the entries.
 */
#ifndef DF_INDEX_LEDGER_ROOM_H
#define DF_INDEX_LEDGER_ROOM_H

#include "df/acts.h"
#include "index.h"

index_apply_fn ledger_apply; /* kind "recognition" */

/* The verbs "recognition view|accept|decline|undo|list|figures". */
typedef enum df_err ledger_verb_fn(struct index *x, const struct cJSON *args,
				   struct cJSON *out, struct df_why *why);
ledger_verb_fn ledger_view;
ledger_verb_fn ledger_accept;
ledger_verb_fn ledger_decline;
ledger_verb_fn ledger_undo;
ledger_verb_fn ledger_list;
ledger_verb_fn ledger_reasons;
ledger_verb_fn ledger_figures;

/* ... and "audit read|status|verify" (audit_read.c). */
ledger_verb_fn audit_read;
ledger_verb_fn audit_status;
ledger_verb_fn audit_verify;

#endif
