#!/usr/bin/env python3
"""named - studies of people whose names are written in every way, and all words
that identify them.

named.py TEMPLATE OUT   makes OUT/p0, OUT/p1, ... (one image each), OUT/words
                        (UTF-8, one a line) and OUT/shown.json: what a node must
                        show of each study, {study UID: [name, basis]}

Nobody is meant: names by the seed of make_names, numbers by counting.
"""
import json
import os
import subprocess
import sys

LIB = os.path.dirname(os.path.abspath(__file__))
IR58 = b"\x1b$)A"
SURE, GUESS = "declared", "guessed gb18030"
# declared set (None: absent), bytes of the name, what it is, how sure
PEOPLE = [
    ("GB18030", "欧阳^晓琳".encode("gb18030"), "欧阳^晓琳", SURE),
    ("ISO_IR 100", "单^喆昞".encode("gb18030"), "单^喆昞", GUESS),
    (None, "ZHU^RONGQI=朱^镕祺".encode("gb18030"), "ZHU^RONGQI=朱^镕祺", GUESS),
    ("ISO_IR 192", "HE^QIONGHUA=何^琼花=ㄏㄜˊ^ㄑㄩㄥˊ".encode(), "HE^QIONGHUA=何^琼花=ㄏㄜˊ^ㄑㄩㄥˊ", SURE),
    ("\\ISO 2022 IR 58", b"Zhan^Shuxian=" + IR58 + "詹".encode("gb2312") + b"^" + IR58 +
     "淑娴".encode("gb2312"), "Zhan^Shuxian=詹^淑娴", SURE),
    ("GB18030", "龚^䶮𬭎".encode("gb18030"), "龚^䶮𬭎", SURE),
    ("ISO_IR 100", "Sørensen^Jürgen".encode("latin-1"), "Sørensen^Jürgen", SURE),
    (None, "买买提江·吐尔逊".encode(), "买买提江·吐尔逊", "guessed utf-8"),
]


def resident(n):
    body = f"3301061957{(n % 12) + 1:02}{(n % 28) + 1:02}{731 + 2 * n:03}"
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    return body + "10X98765432"[sum(int(a) * b for a, b in zip(body, weights)) % 11]


def words_of(name):
    """The name and each part of it that is long enough to be looked for."""
    yield name
    for group in name.split("="):
        yield group
        yield group.replace("^", "")
        yield group.replace("^", " ")
        yield from group.split("^")


def make(template, out, n, number, person):
    declared, name, _, _ = person
    folder = os.path.join(out, f"p{n}")
    uid = subprocess.run([sys.executable, f"{LIB}/make_study.py", template, folder, "1", f"named{n}"],
                         check=True, capture_output=True, text=True).stdout.strip()
    change = [b"-i", b"(0010,0010)=" + name]
    for tag, value in (("0010,0020", number), ("0010,0030", number[6:14]), ("0010,0040", "F"),
                       ("0010,1040", f"桥头镇柳树巷{n + 41}号"), ("0010,2154", f"0571-8650{n}731"),
                       ("0008,0050", f"ACC7{n}29Q{n}"), ("0008,0060", "CT"),
                       ("0008,0020", "20261101"), ("0008,1030", "CHEST")):
        change += [b"-i", f"({tag})={value}".encode("gb18030")]
    change += [b"-ea", b"(0008,0005)"] if declared is None else [
        b"-i", b"(0008,0005)=" + declared.encode()]
    subprocess.run([b"dcmodify", b"-q", b"-nb", *change] +
                   [os.path.join(folder, f).encode() for f in os.listdir(folder)], check=True)
    return uid


def main():
    template, out = sys.argv[1], sys.argv[2]
    shown, words = {}, set()
    for n, person in enumerate(PEOPLE):
        number = resident(n)
        shown[make(template, out, n, number, person)] = [person[2], person[3]]
        words.update(words_of(person[2]))
        words.update((number, number[6:14], f"ACC7{n}29Q{n}", f"桥头镇柳树巷{n + 41}号", f"0571-8650{n}731"))
    with open(os.path.join(out, "words"), "w", encoding="utf-8") as f:
        f.write("\n".join(sorted(w for w in words if len(w.encode()) >= 6)) + "\n")
    with open(os.path.join(out, "shown.json"), "w", encoding="utf-8") as f:
        json.dump(shown, f, ensure_ascii=False)


main()
