/*
 * ledger_facts.c - what objects do not say of themselves, kind by kind.
 *
 * Everything here is a fact about custody that was settled: a judgement, a
 * word given or received, a place in a mailbox. What is merely under way
 * (tries, times of tries, what waits) is found again without it.
 */
#include <string.h>

#include "df/manifest.h"
#include "ledger.h"

/* Not OR IGNORE: an upsert that fires the trigger would overrule it. The plus
 * takes the column's affinity away, which would keep the index from being
 * used. */
#define CHANGED(kind, key) \
	"INSERT INTO changed SELECT '" kind "', " key " WHERE NOT EXISTS" \
	" (SELECT 1 FROM changed c WHERE c.kind = '" kind "' AND c.key = +" \
	key ")"
#define ALL(kind, key) \
	"INSERT OR IGNORE INTO changed SELECT '" kind "', " key " FROM "
#define TRIGGER(name, when, what, kind, key)                       \
	"CREATE TRIGGER IF NOT EXISTS ledger_" name " AFTER " when \
	" WHEN " what " BEGIN"                                     \
	" " CHANGED(kind, key) "; END;"

/* fields of a line */
#define F(name) "(?1 ->> '" name "')"
#define BLOB_OF(name) "unhex(" F(name) ")"
#define TEXT_BLOB(name) "CAST(" F(name) " AS BLOB)"
#define STUDY \
	"(SELECT n FROM studies WHERE uid = " F("study") " AND peer = " \
	F("study_peer") ")"
#define STUDY_FIELDS "'study', s.uid, 'study_peer', s.peer"
#define SAME_INSTANCE \
	"sop = " F("sop") " AND peer = " F("peer") " AND digest = " \
	BLOB_OF("digest")
/* the home that the line names, if several rows hold the same bytes */
#define INSTANCE \
	"(SELECT n FROM instances WHERE " SAME_INSTANCE \
	" ORDER BY object = ifnull(" F("object") ", '') DESC," \
	" state = 5, state = 3, n LIMIT 1)"
/* what a person discarded is none of those that came again after it */
#define ITSELF \
	SAME_INSTANCE " AND (object = " F("object") " OR (state <> 5 AND " \
	F("state") " <> 5))"
#define PARCEL "(SELECT n FROM parcels WHERE hex = " F("parcel") ")"

/* clang-format off */
const struct df_fact_kind df_fact_kinds[] = {
	{
	"study",
	TRIGGER("study_new", "INSERT ON studies", "true", "study", "NEW.n")
	TRIGGER("study",
		"UPDATE OF state, reason, version, epoch, sequence, h0,"
		" priority, closed ON studies",
		"(OLD.state, OLD.reason, OLD.version, OLD.epoch, OLD.sequence,"
		" OLD.priority, OLD.closed) IS NOT"
		" (NEW.state, NEW.reason, NEW.version, NEW.epoch, NEW.sequence,"
		" NEW.priority, NEW.closed)", "study", "NEW.n"),
	"SELECT json_object('kind', 'study', 'study', uid, 'study_peer', peer,"
	" 'state', state, 'reason', reason, 'opened', opened, 'last', last,"
	" 'version', version, 'epoch', epoch, 'sequence', sequence,"
	" 'h0', hex(h0), 'priority', priority, 'source', source,"
	" 'closed', closed) FROM changed JOIN studies ON n = key"
	" WHERE kind = 'study'",
	ALL("study", "n") "studies",
	{"INSERT OR IGNORE INTO studies(uid, peer, state, reason, opened,"
	 " last, version, epoch, sequence, h0, priority, source, closed)"
	 " VALUES(" F("study") ", " F("study_peer") ", 0, '', " F("opened")
	 ", " F("last") ", 0, 0, 0, " BLOB_OF("h0") ", 0, " F("source")
	 ", 0)",
	 /* a stream that the parcels themselves carry further stays so */
	 "UPDATE studies SET epoch = " F("epoch") ", sequence = "
	 F("sequence") ", h0 = " BLOB_OF("h0") " WHERE n = " STUDY
	 " AND NOT EXISTS (SELECT 1 FROM parcels p WHERE p.study = studies.n"
	 " AND direction = 1 AND (p.epoch, p.sequence) > (" F("epoch") ", "
	 F("sequence") "))",
	 "UPDATE studies SET state = " F("state") ", reason = " F("reason")
	 ", opened = " F("opened") ", last = max(last, " F("last") "),"
	 " version = max(version, " F("version") "), priority = " F("priority") ", source = " F("source")
	 ", closed = " F("closed") " WHERE n = " STUDY},
	.first = true,
	},
	{
	"parcel",
	TRIGGER("parcel", "UPDATE OF state ON parcels",
		"NEW.state >= 2 OR OLD.state >= 2", "parcel", "NEW.n"),
	"SELECT json_object('kind', 'parcel', 'parcel', hex,"
	" 'object', object, " STUDY_FIELDS ", 'direction', direction,"
	" 'peer', p.peer, 'epoch', p.epoch, 'sequence', p.sequence,"
	" 'h0', hex(p.h0), 'previous', hex(previous), 'dfenv', dfenv,"
	" 'state', p.state, 'created', created)"
	" FROM changed JOIN parcels p ON p.n = key"
	" JOIN studies s ON s.n = p.study WHERE kind = 'parcel'",
	ALL("parcel", "n") "parcels WHERE state >= 2",
	/* what is no object any more: its place in the stream stays known */
	{"INSERT OR IGNORE INTO parcels(hex, object, study, direction, peer,"
	 " epoch, sequence, h0, previous, dfenv, state, deaths, created)"
	 " SELECT " F("parcel") ", " F("object") ", study, " F("direction")
	 ", " F("peer") ", " F("epoch") ", " F("sequence") ", "
	 BLOB_OF("h0") ", " BLOB_OF("previous") ", " F("dfenv") ", "
	 F("state") ", 0, " F("created") " FROM (SELECT " STUDY " AS study)"
	 " WHERE study IS NOT NULL AND " F("state") " >= 2",
	 /* what was let go or lost may be an object again: fetched */
	 "UPDATE parcels SET state = " F("state") " WHERE hex = "
	 F("parcel") " AND (" F("state") " >= 2 OR state >= 2 AND EXISTS"
	 " (SELECT 1 FROM objects o WHERE o.id = object))", NULL},
	.first = true,
	},
	{
	"instance",
	TRIGGER("instance_new", "INSERT ON instances",
		"NEW.state >= 3 OR NEW.report <> 0", "instance", "NEW.n")
	TRIGGER("instance", "UPDATE OF state, report, reason ON instances",
		"(NEW.state >= 3 OR OLD.state >= 3 OR NEW.report <> 0 OR"
		" OLD.report <> 0) AND (OLD.state, OLD.report, OLD.reason)"
		" IS NOT (NEW.state, NEW.report, NEW.reason)",
		"instance", "NEW.n"),
	"SELECT json_object('kind', 'instance', 'peer', i.peer, 'sop', i.sop,"
	" 'digest', hex(i.digest), 'class', i.class, 'ts', i.ts,"
	" " STUDY_FIELDS ", 'series', i.series, 'size', i.size,"
	" 'assoc', i.assoc, 'calling', i.calling, 'received', i.received,"
	" 'state', i.state, 'object', i.object, 'in_parcel', i.in_parcel,"
	" 'record', i.record, 'coding', i.coding, 'coded', i.coded,"
	" 'indexed', i.indexed, 'parcel', p.hex, 'report', i.report,"
	" 'reason', i.reason)"
	" FROM changed JOIN instances i ON i.n = key"
	" LEFT JOIN studies s ON s.n = i.study"
	" LEFT JOIN parcels p ON p.n = i.parcel WHERE kind = 'instance'",
	ALL("instance", "n") "instances WHERE state >= 3 OR report <> 0",
	/* one that no object brings: its bytes were lost or let go */
	{"INSERT INTO instances(peer, sop, class, ts, study, series, size,"
	 " digest, assoc, calling, received, state, object, in_parcel, record,"
	 " coding, coded, indexed, deaths, parcel, report, reason)"
	 " SELECT " F("peer") ", " F("sop") ", " F("class") ", " F("ts")
	 ", 0, " F("series") ", " F("size") ", " BLOB_OF("digest") ", "
	 F("assoc") ", " F("calling") ", " F("received") ", " F("state") ", "
	 F("object") ", " F("in_parcel") ", " F("record") ", " F("coding")
	 ", " F("coded") ", " F("indexed") ", 0, 0, 0, ''"
	 " WHERE NOT EXISTS (SELECT 1 FROM instances WHERE " ITSELF ")",
	 /* what came out of quarantine is as its home shows it */
	 "UPDATE instances SET state = CASE WHEN " F("state") " >= 3 THEN "
	 F("state") " WHEN state >= 3 THEN iif(in_parcel, 2, 0) ELSE state"
	 " END, study = iif(study = 0, ifnull(" STUDY
	 ", 0), study), series = iif(series = '', " F("series")
	 ", series), parcel = iif(parcel = 0 AND in_parcel, ifnull(" PARCEL
	 ", 0), parcel), report = " F("report") ", reason = " F("reason")
	 " WHERE n = (SELECT n FROM instances WHERE " ITSELF
	 " ORDER BY object = " F("object") " DESC, state = 3, n LIMIT 1)",
	 NULL},
	.first = true,
	},
	{
	"delivery",
	TRIGGER("delivery", "UPDATE OF state ON deliveries",
		"NEW.state >= 3 OR OLD.state >= 3", "delivery", "NEW.n"),
	"SELECT json_object('kind', 'delivery', 'parcel', p.hex,"
	" 'peer', i.peer, 'sop', i.sop, 'digest', hex(i.digest),"
	" " STUDY_FIELDS ", 'dest', d.dest, 'state', d.state, 'since',"
	" d.since, 'err', d.err, 'why', d.why, 'status', d.status)"
	" FROM changed c JOIN deliveries d ON d.n = c.key"
	" LEFT JOIN studies s ON s.n = d.study"
	" LEFT JOIN parcels p ON d.kind = 1 AND p.n = d.item"
	" LEFT JOIN instances i ON d.kind = 2 AND i.n = d.item"
	" WHERE c.kind = 'delivery'",
	ALL("delivery", "n") "deliveries WHERE state >= 3",
	{"INSERT INTO deliveries(kind, item, study, dest, state, next, since,"
	 " tries, err, why, status, priority)"
	 " SELECT kind, item, study, " F("dest") ", " F("state") ", 0, "
	 F("since") ", 0, " F("err") ", " F("why") ", " F("status") ","
	 " ifnull((SELECT priority FROM studies s WHERE s.n = study), 0)"
	 " FROM (SELECT iif(" F("parcel") " IS NULL, 2, 1) AS kind,"
	 " iif(" F("parcel") " IS NULL, " INSTANCE ", " PARCEL ") AS item,"
	 " " STUDY " AS study) WHERE item IS NOT NULL AND study IS NOT NULL"
	 " ON CONFLICT(kind, item, dest) DO UPDATE SET"
	 " state = excluded.state, since = excluded.since, err = excluded.err,"
	 " why = excluded.why, status = excluded.status", NULL, NULL},
	.first = false,
	},
	{
	"manifest",
	TRIGGER("manifest_new", "INSERT ON manifests", "true", "manifest",
		"NEW.n")
	TRIGGER("manifest", "UPDATE OF state ON manifests",
		"OLD.state <> NEW.state", "manifest", "NEW.n"),
	"SELECT json_object('kind', 'manifest', " STUDY_FIELDS ","
	" 'version', m.version, 'dest', m.dest, 'digest', hex(m.digest),"
	" 'state', m.state, 'since', m.since, 'err', m.err, 'why', m.why,"
	" 'text', CAST(m.text AS TEXT), 'signature', hex(m.signature),"
	" 'receipt', CAST(m.receipt AS TEXT),"
	" 'receipt_signature', hex(m.receipt_signature))"
	" FROM changed JOIN manifests m ON m.n = key"
	" JOIN studies s ON s.n = m.study WHERE kind = 'manifest'",
	ALL("manifest", "n") "manifests",
	{"INSERT OR REPLACE INTO manifests(study, version, dest, digest,"
	 " state, next, since, err, why, text, signature, receipt,"
	 " receipt_signature) SELECT study, " F("version") ", " F("dest") ", "
	 BLOB_OF("digest") ", " F("state") ", 0, " F("since") ", " F("err")
	 ", " F("why") ", " TEXT_BLOB("text") ", " BLOB_OF("signature") ", "
	 TEXT_BLOB("receipt") ", " BLOB_OF("receipt_signature")
	 " FROM (SELECT " STUDY " AS study) WHERE study IS NOT NULL",
	 NULL, NULL},
	.first = false,
	},
	{
	"held",
	TRIGGER("held", "INSERT ON held", "true", "held", "NEW.rowid"),
	"SELECT json_object('kind', 'held', " STUDY_FIELDS ","
	" 'version', h.version, 'digest', hex(h.digest),"
	" 'text', CAST(h.text AS TEXT), 'receipt', CAST(h.receipt AS TEXT),"
	" 'signature', hex(h.signature))"
	" FROM changed JOIN held h ON h.rowid = key"
	" JOIN studies s ON s.n = h.study WHERE kind = 'held'",
	ALL("held", "rowid") "held",
	{"INSERT OR REPLACE INTO held SELECT study, " F("version") ", "
	 BLOB_OF("digest") ", " TEXT_BLOB("text") ", " TEXT_BLOB("receipt")
	 ", " BLOB_OF("signature") " FROM (SELECT " STUDY " AS study)"
	 " WHERE study IS NOT NULL", NULL, NULL},
	.first = false,
	},
	{
	"mail",
	TRIGGER("mail", "INSERT ON mail", "true", "mail", "NEW.seq"),
	"SELECT json_object('kind', 'mail', 'seq', seq, 'peer', peer,"
	" 'parcel', hex, 'object', object, 'dfenv', dfenv)"
	" FROM changed JOIN mail ON seq = key WHERE kind = 'mail'",
	ALL("mail", "seq") "mail",
	{"DELETE FROM mail WHERE peer = " F("peer") " AND hex = " F("parcel"),
	 "INSERT OR IGNORE INTO mail(seq, peer, hex, object, dfenv) SELECT "
	 F("seq") ", " F("peer") ", " F("parcel") ", " F("object") ", "
	 F("dfenv") " WHERE EXISTS (SELECT 1 FROM objects WHERE id = "
	 F("object") ")", NULL},
	.first = false,
	},
	{
	"report",
	TRIGGER("report", "UPDATE OF stored, verdict ON reports",
		"(OLD.stored, OLD.verdict) IS NOT (NEW.stored, NEW.verdict)",
		"report", "NEW.n"),
	"SELECT json_object('kind', 'report', 'parcel', hex,"
	" 'stored', stored, 'verdict', verdict)"
	" FROM changed JOIN reports ON n = key WHERE kind = 'report'",
	ALL("report", "n") "reports WHERE stored = 1",
	{"UPDATE reports SET stored = " F("stored") ", verdict = "
	 F("verdict") " WHERE hex = " F("parcel"), NULL, NULL},
	.first = false,
	},
	{
	"pull",
	TRIGGER("pull", "INSERT ON pulls", "true", "pull", "NEW.dest"),
	"SELECT json_object('kind', 'pull', 'dest', dest, 'cursor', cursor,"
	" 'parcel', hex, 'next_cursor', next_cursor, 'size', size,"
	" 'offset', offset, 'file', file)"
	" FROM changed JOIN pulls ON dest = key WHERE kind = 'pull'",
	ALL("pull", "dest") "pulls",
	{"INSERT OR REPLACE INTO pulls VALUES(" F("dest") ", " F("cursor")
	 ", " F("parcel") ", " F("next_cursor") ", " F("size") ", "
	 F("offset") ", " F("file") ")", NULL, NULL},
	.first = false,
	},
	{
	"upload",
	TRIGGER("upload", "INSERT ON uploads", "true", "upload",
		"NEW.hex || ' ' || NEW.peer")
	TRIGGER("upload_gone", "DELETE ON uploads", "true", "upload",
		"OLD.hex || ' ' || OLD.peer"),
	"SELECT json_object('kind', 'upload', 'parcel', substr(key, 1, 32),"
	" 'peer', substr(key, 34), 'size', size, 'offset', offset,"
	" 'file', file, 'state', state, 'err', err, 'why', why,"
	" 'deaths', deaths, 'at', at)"
	" FROM changed LEFT JOIN uploads ON hex = substr(key, 1, 32)"
	" AND peer = substr(key, 34) WHERE kind = 'upload'",
	ALL("upload", "hex || ' ' || peer") "uploads",
	{"DELETE FROM uploads WHERE hex = " F("parcel") " AND peer = "
	 F("peer"),
	 "INSERT INTO uploads(hex, peer, size, offset, file, state, err, why,"
	 " deaths, at) SELECT " F("parcel") ", " F("peer") ", " F("size") ", "
	 F("offset") ", " F("file") ", " F("state") ", " F("err") ", "
	 F("why") ", " F("deaths") ", " F("at") " WHERE " F("state")
	 " IS NOT NULL", NULL},
	.first = false,
	},
	{
	"decision",
	TRIGGER("decision", "INSERT ON decisions", "true", "decision",
		"NEW.n"),
	"SELECT json_object('kind', 'decision', 'peer', i.peer,"
	" 'sop', i.sop, 'digest', hex(i.digest), 'object', i.object,"
	" 'at', d.at, 'what', d.what, 'who', d.who, 'reason', d.reason)"
	" FROM changed JOIN decisions d ON d.n = key"
	" JOIN instances i ON i.n = d.instance WHERE kind = 'decision'",
	ALL("decision", "n") "decisions",
	{"INSERT INTO decisions(instance, at, what, who, reason)"
	 " SELECT instance, " F("at") ", " F("what") ", " F("who") ", "
	 F("reason") " FROM (SELECT " INSTANCE " AS instance) x"
	 " WHERE instance IS NOT NULL AND NOT EXISTS (SELECT 1 FROM"
	 " decisions d WHERE d.instance = x.instance AND at = " F("at")
	 " AND what = " F("what") ")", NULL, NULL},
	.first = false,
	},
	{
	"retained",
	TRIGGER("retained", "INSERT ON retained", "NEW.purged > 0",
		"retained", "NEW.study"),
	"SELECT json_object('kind', 'retained', " STUDY_FIELDS ","
	" 'confirmed', confirmed, 'bytes', bytes, 'purged', purged,"
	" 'purged_bytes', purged_bytes)"
	" FROM changed JOIN retained r ON r.study = key"
	" JOIN studies s ON s.n = key WHERE kind = 'retained'",
	ALL("retained", "study") "retained WHERE purged > 0",
	{"INSERT OR REPLACE INTO retained SELECT study, " F("confirmed") ", "
	 F("bytes") ", " F("purged") ", " F("purged_bytes")
	 " FROM (SELECT " STUDY " AS study) WHERE study IS NOT NULL",
	 NULL, NULL},
	.first = false,
	},
	{ /* that it goes its way, whatever it shows: a person may have said so */
	"linked",
	TRIGGER("linked", "INSERT ON linked", "NEW.state = 3", "linked",
		"NEW.study"),
	"SELECT json_object('kind', 'linked', " STUDY_FIELDS ","
	" 'state', l.state, 'twin', twin, 'node', l.peer)"
	" FROM changed JOIN linked l ON l.study = key"
	" JOIN studies s ON s.n = key WHERE kind = 'linked'",
	ALL("linked", "study") "linked WHERE state = 3",
	{"INSERT OR REPLACE INTO linked SELECT study, " F("state") ", "
	 F("twin") ", " F("node") " FROM (SELECT " STUDY " AS study)"
	 " WHERE study IS NOT NULL", NULL, NULL},
	.first = false,
	},
	{ /* asked of us by a modality; what we ask a PACS is asked again */
	"commitment",
	TRIGGER("commitment_new", "INSERT ON commitments", "NEW.side = 0",
		"commitment", "NEW.uid")
	TRIGGER("commitment", "UPDATE OF state ON commitments",
		"NEW.side = 0 AND OLD.state <> NEW.state", "commitment",
		"NEW.uid")
	TRIGGER("commitment_gone", "DELETE ON commitments", "OLD.side = 0",
		"commitment", "OLD.uid"),
	"SELECT json_object('kind', 'commitment', 'uid', key, 'who', who,"
	" 'digest', hex(digest), 'state', state, 'asked', asked, 'err', err,"
	" 'why', why, 'changed', changed, 'items', (SELECT"
	" json_group_array(json_array(k, class, sop, delivery, reason)) FROM"
	" commitment_items WHERE t = n))"
	" FROM changed LEFT JOIN commitments ON uid = key AND side = 0"
	" WHERE kind = 'commitment'",
	ALL("commitment", "uid") "commitments WHERE side = 0",
	{"DELETE FROM commitment_items WHERE t = (SELECT n FROM commitments"
	 " WHERE side = 0 AND uid = " F("uid") ")",
	 "DELETE FROM commitments WHERE side = 0 AND uid = " F("uid"),
	 "INSERT INTO commitments(side, uid, who, digest, state, asked, next,"
	 " tries, err, why, changed) SELECT 0, " F("uid") ", " F("who") ", "
	 BLOB_OF("digest") ", " F("state") ", " F("asked") ", 0, 0, "
	 F("err") ", " F("why") ", " F("changed") " WHERE " F("state")
	 " IS NOT NULL",
	 "INSERT INTO commitment_items SELECT n, value ->> 0, value ->> 1,"
	 " value ->> 2, value ->> 3, value ->> 4"
	 " FROM json_each(?1, '$.items') JOIN commitments ON side = 0 AND"
	 " uid = " F("uid")},
	.first = false,
	},
};
/* clang-format on */
const size_t df_n_fact_kinds = sizeof df_fact_kinds / sizeof *df_fact_kinds;

static void unhex(sqlite3_context *ctx, int n, sqlite3_value **values)
{
	const char *hex = (const char *)sqlite3_value_text(values[0]);
	size_t len = (size_t)sqlite3_value_bytes(values[0]) / 2;
	uint8_t *bytes;

	(void)n; /* registered for one */
	if (hex == NULL)
		return; /* NULL stays NULL */
	bytes = sqlite3_malloc64(len + 1);
	if (bytes == NULL) {
		sqlite3_result_error_nomem(ctx);
	} else if (df_hex_decode(bytes, len, df_text_of(hex))) {
		sqlite3_result_blob64(ctx, bytes, len, sqlite3_free);
	} else {
		sqlite3_free(bytes);
		sqlite3_result_error(ctx, "not hex", -1);
	}
}

int df_ledger_functions(sqlite3 *db)
{
	return sqlite3_create_function_v2(
		db, "unhex", 1, SQLITE_UTF8 | SQLITE_DETERMINISTIC, NULL, unhex,
		NULL, NULL, NULL);
}

/* Which version of a manifest named an instance first: only its text says. */
static void name_instances(struct df_journal *j, const char *line)
{
	struct df_manifest m = {0};
	struct df_buf text;
	int64_t study = 0;
	sqlite3_stmt *st;

	df_buf_init(&text, DF_MANIFEST_BYTES_MAX);
	st = df_sql(j, "SELECT " STUDY ", " TEXT_BLOB("text"), "t", line);
	if (df_sql_row(j, st) && df_col_blob(st, 1, &text))
		study = COL(st, 0);
	df_sql_done(st);
	if (study != 0 &&
	    df_manifest_decode((struct df_text){(const char *)text.ptr,
						text.len},
			       &m, NULL) == DF_OK)
		for (size_t i = 0; i < m.instance_count; i++)
			df_sql_run(j,
				   "UPDATE instances SET named = ?1 WHERE"
				   " sop = ?2 AND study = ?3 AND digest = ?4"
				   " AND (named = 0 OR named > ?1)",
				   "itid", (int64_t)m.version,
				   m.instances[i].sop_instance, study,
				   &m.instances[i].digest);
	df_manifest_release(&m);
	df_buf_release(&text);
}

void df_ledger_applied(struct df_journal *j, const struct df_fact_kind *kind,
		       const char *line)
{
	if (strcmp(kind->name, "manifest") == 0)
		name_instances(j, line);
}
