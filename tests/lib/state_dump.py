"""state_dump - what a node's state.db says, in natural keys, sorted: two dumps
of the same custody are the same text.

  state_dump.py NODE

Left out, because a rebuild finds it again by doing: numbers of rows, tries and
times of tries, how many bytes of a parcel are an instance's (near enough), texts
of failures that were tried again, what is only waiting
to be told to the index, the state of the ledger and of the scrubber.
"""
import os
import shutil
import sqlite3
import sys
import tempfile

QUERIES = {
    "object": "SELECT id, kind, dfenv, bytes, created FROM objects",
    "study": "SELECT uid, peer, state, reason, opened, last, version, epoch,"
             " sequence, hex(h0), priority, source, closed FROM studies",
    "parcel": "SELECT p.hex, p.object, s.uid, s.peer, p.direction, p.peer, p.epoch,"
              " p.sequence, hex(p.h0), hex(p.previous), p.dfenv, p.state, p.created"
              " FROM parcels p JOIN studies s ON s.n = p.study",
    "instance": "SELECT i.peer, i.sop, i.class, i.ts, s.uid, i.series, i.size,"
                " hex(i.digest), i.assoc, i.calling, i.received, i.state, i.object,"
                " i.in_parcel, i.record, i.coding, i.indexed, p.hex,"
                " i.report, i.named, i.reason FROM instances i"
                " LEFT JOIN studies s ON s.n = i.study"
                " LEFT JOIN parcels p ON p.n = i.parcel AND i.parcel > 0",
    "delivery": "SELECT d.kind, p.hex, i.peer, i.sop, hex(i.digest), s.uid, d.dest,"
                # what was tried and failed for now waits again
                " CASE WHEN d.state = 2 THEN 0 ELSE d.state END, d.priority,"
                " iif(d.state >= 5, d.err, 0), iif(d.state = 6, d.why, ''),"
                " iif(d.state >= 5, d.status, 0) FROM deliveries d"
                " LEFT JOIN parcels p ON d.kind = 1 AND p.n = d.item"
                " LEFT JOIN instances i ON d.kind = 2 AND i.n = d.item"
                " LEFT JOIN studies s ON s.n = d.study",
    "manifest": "SELECT s.uid, s.peer, m.version, m.dest, hex(m.digest), m.state,"
                " hex(m.text), hex(m.signature), hex(m.receipt),"
                " hex(m.receipt_signature) FROM manifests m"
                " JOIN studies s ON s.n = m.study",
    "held": "SELECT s.uid, s.peer, h.version, hex(h.digest), hex(h.text),"
            " hex(h.receipt), hex(h.signature) FROM held h"
            " JOIN studies s ON s.n = h.study",
    "upload": "SELECT hex, peer, size, offset, file, state, err, why FROM uploads",
    "mail": "SELECT seq, peer, hex, object, dfenv FROM mail",
    "pull": "SELECT dest, cursor, hex, next_cursor, size, offset, file FROM pulls",
    "report": "SELECT hex, object, peer, direction, stored, verdict FROM reports",
    "commitment": "SELECT uid, who, hex(digest), state, asked FROM commitments"
                  " WHERE side = 0",
    "item": "SELECT c.uid, i.k, i.class, i.sop FROM commitment_items i"
            " JOIN commitments c ON c.n = i.t WHERE c.side = 0",
    "linked": "SELECT s.uid, l.twin, l.peer FROM linked l"
              " JOIN studies s ON s.n = l.study WHERE l.state = 3",
    "decision": "SELECT i.sop, i.peer, hex(i.digest), d.at, d.what, d.who, d.reason"
                " FROM decisions d JOIN instances i ON i.n = d.instance",
}


def main():
    with tempfile.TemporaryDirectory() as copy:  # opening it may write
        for part in ("state.db", "state.db-wal"):
            if os.path.exists(f"{sys.argv[1]}/{part}"):
                shutil.copy(f"{sys.argv[1]}/{part}", copy)
        db = sqlite3.connect(f"{copy}/state.db")
        for name, query in QUERIES.items():
            for row in sorted(db.execute(query), key=repr):
                print(name, *row, sep="|")
        db.close()


main()
