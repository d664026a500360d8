#!/bin/sh
# index_dump.sh NODE-DIRECTORY - all of a stopped node's index.db by what its
# rows are called, not by their numbers: two that say the same print the same.
# Sealed columns are left out (each seal is another), their blind keys stand.
P="(SELECT hex(key) FROM patients WHERE id ="
exec "${DF_BIN:?}/pages-sql" "$1/index.db" \
	"SELECT 'patient', hex(p.key), n.node, p.number, p.who, p.held,
	(SELECT hex(min(q.key)) FROM patients q WHERE q.person = p.person)
	FROM patients p JOIN peers n ON n.id = p.peer ORDER BY p.key" \
	"SELECT 'key', key, $P patient) AS k FROM patient_keys ORDER BY key, k" \
	"SELECT 'pair', $P a) AS x, $P b) AS y, match, reasons, decided, seq
	FROM pairs ORDER BY x, y" \
	"SELECT 'decision', hex(a), hex(b), decided, seq FROM decisions" \
	"SELECT 'said', hex(a), hex(b), seq FROM said" \
	"SELECT 'study', s.uid, n.node, $P s.patient), s.accession, s.basis,
	s.first_ms, s.last_ms, s.mixed FROM studies s
	JOIN peers n ON n.id = s.peer ORDER BY s.uid, n.node" \
	"SELECT 'series', s.uid, r.uid, r.modality, r.body_part, r.number
	FROM series r JOIN studies s ON s.id = r.study ORDER BY s.uid, r.uid" \
	"SELECT 'instance', r.uid, hex(i.uid), hex(i.digest), f.class, f.syntax,
	f.coding, f.rows, f.columns, f.frames, f.calling_ae, i.size, o.name,
	i.record, i.number, hex(i.pixels), i.received_ms
	FROM instances i JOIN series r ON r.id = i.series
	JOIN forms f ON f.id = i.form JOIN objects o ON o.id = i.object
	ORDER BY r.uid, i.uid, i.digest" \
	"SELECT 'object', name, instances FROM objects ORDER BY name" \
	"SELECT 'image', hex(k.key), r.uid FROM image_keys k
	JOIN series r ON r.id = k.series ORDER BY k.key, r.uid" \
	"SELECT 'report', object, sender, received_ms, hex(statement), report_id,
	study_uid, version, status, checked, verdict, reason, note, why, accepted,
	conflict FROM reports ORDER BY object"
