"""Seeded faults: what a careless program would do, by lib/sysshim.c.

Each must be found by the ordering lint or by replay, else these instruments
prove nothing. A mutant is a node whose system calls lie; the program itself is
the one that is shipped.
"""
import os

FILES = "*/spool/objects/*"  # content of objects; directories end in two signs
RULES = {
    # content is never synced: the name and the row stand, the bytes may not
    "no-file-sync": [
        "call=fdatasync,fsync path=*/spool/*/??????????????????????????"
        " times=0 do=pretend",
        "call=sync_file_range times=0 do=pretend"],
    # the file is synced, its name is not
    "no-directory-sync": [
        "call=fsync,fdatasync path=*/spool/objects times=0 do=pretend",
        "call=fsync,fdatasync path=*/spool/objects/?? times=0 do=pretend",
        "call=fsync,fdatasync path=*/spool/incoming times=0 do=pretend"],
    # as SQLite with synchronous=NORMAL: the log waits for a checkpoint
    "journal-normal": [
        "call=fsync,fdatasync path=*.db-wal times=0 do=pretend"],
    # everything is synced, but only after it was said
    "early-word": ["call=fsync,fdatasync times=0 do=later:150"],
    # nothing is synced at all, as under eatmydata
    "eatmydata": ["call=fsync,fdatasync,sync_file_range times=0 do=pretend"],
}


def environment(name, binaries, folder):
    """The environment in which the rooms of a node are that mutant."""
    rules = os.path.join(folder, f"mutant-{name}")
    with open(rules, "w", encoding="ascii") as f:
        f.writelines(line + "\n" for line in RULES[name])
    return {"LD_PRELOAD": os.path.join(binaries, "sysshim.so"),
            "DF_SHIM": rules}
