#!/usr/bin/env python3
"""byte_search - looks for words in files as any program might have left them.

byte_search.py WORDS PATH...   every word of the file WORDS (UTF-8, one a line)
        as UTF-8, GB 18030, Latin-1, UTF-16 of both orders, hex of the first two, base64,
        and as digests without a key (MD5, SHA-1, SHA-256, raw and hex); prints
        what is found; exit 0: nothing is; else something is, or it could not
        look. Forms below 6 bytes are left out: they are found by chance. Files
        may go while it looks.
"""
import base64
import hashlib
import os
import subprocess
import sys
import tempfile


def forms(word):
    for codec in ("utf-8", "gb18030"):
        raw = word.encode(codec)
        yield codec, raw
        yield f"hex of {codec}", raw.hex().encode()
        yield f"HEX of {codec}", raw.hex().upper().encode()
        for shift in range(3):  # base64 of a text that has it inside
            coded = base64.b64encode(b"\0" * shift + raw)
            yield f"base64 of {codec}", coded[4 if shift else 0:len(coded) // 4 * 4 - 4]
        for name in ("md5", "sha1", "sha256"):
            digest = hashlib.new(name, raw)
            yield f"{name} of {codec}", digest.digest()
            yield f"{name} of {codec}, hex", digest.hexdigest().encode()
    yield "latin-1", word.encode("latin-1", "ignore")
    yield "utf-16le", word.encode("utf-16le")
    yield "utf-16be", word.encode("utf-16be")


def files(paths):
    """The size of each."""
    for path in paths:
        for folder, _, names in os.walk(path):
            for name in names:
                try:
                    yield os.lstat(os.path.join(folder, name)).st_size
                except FileNotFoundError:
                    pass
        if os.path.isfile(path):
            yield os.path.getsize(path)


def suspects(patterns, paths):
    """Files that have a form, or a part of one: lines end at LF, so only the
    longest piece of a form with LFs in it is looked for here."""
    pieces = {max(p.split(b"\n"), key=len) for p in patterns}
    with tempfile.NamedTemporaryFile() as f:
        f.write(b"\n".join(sorted(p for p in pieces if len(p) >= 4)) + b"\n")
        f.flush()
        done = subprocess.run(["grep", "-raFlZ", "-f", f.name, *paths], capture_output=True,
                              env={**os.environ, "LC_ALL": "C"}, check=False)
    wrong = [w for w in done.stderr.splitlines() if not w.endswith(b": No such file or directory")]
    if wrong or done.returncode > 1 and not done.stderr or not all(map(os.path.exists, paths)):
        sys.exit(f"byte_search: grep failed: {wrong}")
    return [p for p in done.stdout.split(b"\0") if p]


def main():
    with open(sys.argv[1], encoding="utf-8") as f:
        patterns = {p: (w, how) for w in f.read().split("\n") if w for how, p in forms(w) if len(p) >= 6}
    found = 0
    for path in suspects(patterns, sys.argv[2:]):
        try:
            with open(path, "rb") as f:
                data = f.read()
        except FileNotFoundError:
            continue
        for pattern, (word, how) in patterns.items():
            if pattern in data:
                found += 1
                print(f"{path.decode()}: {word} ({how})")
    size = sum(files(sys.argv[2:]))
    print(f"# {len(patterns)} forms in {size} bytes: {found} found")
    return found > 0


sys.exit(main())
