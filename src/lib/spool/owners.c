/*
 * owners.c - what one peer may not do to the studies of another.
 *
 * Peers are told apart by their key, and UIDs are only numbers: a second peer
 * that brings a UID which the first one's images bear must neither reach the
 * PACS under it nor get the reports. Who came first owns it.
 */
#include <stdio.h>

#include "sql.h"

/* An earlier instance of this UID from another peer. */
static enum df_claim instance_claim(struct df_journal *j,
				    const struct df_row_instance *r)
{
	/* one without a row yet is later than all */
	int64_t n = r->n != 0 ? r->n : INT64_MAX;
	int64_t at = r->n != 0 ? r->received_ms : INT64_MAX;
	enum df_claim claim = DF_CLAIM_FREE;
	sqlite3_stmt *st =
		df_sql(j,
		       "SELECT digest FROM instances WHERE sop = ?1 AND"
		       " peer <> ?2 AND peer <> '' AND state NOT IN (3, 5)"
		       " AND (received, n) < (?3, ?4)",
		       "ttii", r->sop_instance, r->peer, at, n);

	while (claim != DF_CLAIM_OTHERS && df_sql_row(j, st)) {
		struct df_digest d;

		df_col_digest(st, 0, &d);
		claim = df_digest_same(&d, &r->digest) ? DF_CLAIM_TWIN
						       : DF_CLAIM_OTHERS;
	}
	df_sql_done(st);
	return claim;
}

static bool study_is_others(struct df_journal *j, int64_t study)
{
	return df_sql_any(
		j,
		df_sql(j,
		       "SELECT 1 FROM studies o JOIN studies s ON o.uid = s.uid"
		       " WHERE s.n = ? AND o.peer <> '' AND o.peer <> s.peer"
		       " AND (o.opened, o.n) < (s.opened, s.n)"
		       " AND EXISTS (SELECT 1 FROM instances i WHERE i.study = "
		       "o.n"
		       "  AND i.state NOT IN (3, 5))",
		       "i", study));
}

enum df_claim df_journal_claim(struct df_journal *j,
			       const struct df_row_instance *r)
{
	enum df_claim claim;

	if (r->peer[0] == '\0')
		return DF_CLAIM_FREE;
	claim = instance_claim(j, r);
	if (claim == DF_CLAIM_FREE && study_is_others(j, r->study))
		claim = DF_CLAIM_OTHERS;
	return claim;
}

size_t df_journal_peer_shares(struct df_journal *j, struct df_row_share *rows,
			      size_t max)
{
	sqlite3_stmt *st =
		df_sql(j,
		       "SELECT peer, sum(bytes) FROM (SELECT peer, dfenv AS"
		       " bytes FROM parcels WHERE direction = ? AND state <> ?"
		       " UNION ALL SELECT peer, offset FROM uploads)"
		       " GROUP BY peer LIMIT ?",
		       "iii", (int64_t)DF_ENV_TAKEN, (int64_t)DF_PARCEL_PURGED,
		       (int64_t)max);
	size_t n = 0;

	while (n < max && df_sql_row(j, st)) {
		df_col_text(st, 0, rows[n].peer, sizeof rows[n].peer);
		rows[n++].bytes = (uint64_t)COL(st, 1);
	}
	df_sql_done(st);
	return n;
}

uint64_t df_journal_uploads_of(struct df_journal *j, const char *peer,
			       enum df_upload_state state, int64_t *oldest_ms,
			       char oldest_hex[33])
{
	sqlite3_stmt *st = df_sql(j,
				  "SELECT count(*), min(at), hex FROM uploads"
				  " WHERE peer = ? AND state = ?",
				  "ti", peer, (int64_t)state);
	uint64_t n = 0;

	if (df_sql_row(j, st)) {
		n = (uint64_t)COL(st, 0);
		*oldest_ms = COL(st, 1);
		df_col_text(st, 2, oldest_hex, 33);
	}
	df_sql_done(st);
	return n;
}
