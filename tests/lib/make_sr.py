#!/usr/bin/env python3
"""Makes a Basic Text SR as a reading PACS would, with dump2dcm.

    make_sr.py OUT --study UID [--patient-id ID] [--name PN] [--accession A]
        [--charset utf8|gb18030] [--text LINE]... [--sop UID] [--partial]

Everything between this text and the DICOM file is DCMTK's.
"""
import argparse
import subprocess
import tempfile
import uuid

CHARSETS = {"utf8": ("ISO_IR 192", "utf-8"), "gb18030": ("GB18030", "gb18030")}


def code(indent, tag, value, scheme, meaning):
    pad = " " * indent
    return [f"{pad}({tag}) SQ (Sequence with undefined length)",
            f"{pad}  (fffe,e000) na (Item with undefined length)",
            f"{pad}    (0008,0100) SH [{value}]",
            f"{pad}    (0008,0102) SH [{scheme}]",
            f"{pad}    (0008,0104) LO [{meaning}]",
            f"{pad}  (fffe,e00d) na (ItemDelimitationItem)",
            f"{pad}(fffe,e0dd) na (SequenceDelimitationItem)"]


def main():
    p = argparse.ArgumentParser()
    p.add_argument("out")
    p.add_argument("--study", required=True)
    p.add_argument("--patient-id", default="")
    p.add_argument("--name", default="")
    p.add_argument("--accession", default="")
    p.add_argument("--charset", default="utf8", choices=CHARSETS)
    p.add_argument("--text", action="append", default=[])
    p.add_argument("--sop", default=f"2.25.{uuid.uuid4().int}")
    p.add_argument("--partial", action="store_true")
    a = p.parse_args()
    declared, codec = CHARSETS[a.charset]
    sr = "1.2.840.10008.5.1.4.1.1.88.11"
    lines = ["(0002,0010) UI [1.2.840.10008.1.2.1]",
             f"(0008,0005) CS [{declared}]", f"(0008,0016) UI [{sr}]",
             f"(0008,0018) UI [{a.sop}]", "(0008,0020) DA [20260102]",
             "(0008,0023) DA [20260102]", "(0008,0030) TM [101500]",
             "(0008,0033) TM [101500]", f"(0008,0050) SH [{a.accession}]",
             "(0008,0060) CS [SR]", "(0008,0070) LO [PACS]", "(0008,0090) PN []",
             f"(0010,0010) PN [{a.name}]", f"(0010,0020) LO [{a.patient_id}]",
             "(0010,0030) DA []", "(0010,0040) CS []", f"(0020,000d) UI [{a.study}]",
             f"(0020,000e) UI [{a.sop}.1]", "(0020,0010) SH []",
             "(0020,0011) IS [900]", "(0020,0013) IS [1]",
             "(0040,a040) CS [CONTAINER]"]
    lines += code(0, "0040,a043", "18782-3", "LN", "Radiology Report")
    lines += ["(0040,a050) CS [SEPARATE]", f"(0040,a491) CS [{'PARTIAL' if a.partial else 'COMPLETE'}]",
              "(0040,a493) CS [UNVERIFIED]",
              "(0040,a730) SQ (Sequence with undefined length)"]
    for text in a.text:
        lines += ["  (fffe,e000) na (Item with undefined length)",
                  "    (0040,a010) CS [CONTAINS]", "    (0040,a040) CS [TEXT]"]
        lines += code(4, "0040,a043", "121071", "DCM", "Finding")
        lines += [f"    (0040,a160) UT [{text}]",
                  "  (fffe,e00d) na (ItemDelimitationItem)"]
    lines += ["(fffe,e0dd) na (SequenceDelimitationItem)"]
    with tempfile.NamedTemporaryFile(suffix=".dump") as f:
        f.write(("\n".join(lines) + "\n").encode(codec))
        f.flush()
        subprocess.run(["dump2dcm", "-q", f.name, a.out], check=True)
    print(a.sop)


main()
