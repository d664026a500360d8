"""The ordering lint: reads a system-call trace (strace -f -yy -xx) of a node
and asks at every acknowledgement whether what it rests on had been synced.

What rests on what (docs/invariants.md):
  C-STORE-RSP 0000     each file that this worker wrote since its last answer:
                       content and name, with the directories above; and the
                       object that holds this instance, which may be another's,
                       given to queue before by COMMIT
  an upload's offset   what of the upload's file was written when the part was
                       done, its name, and the row: the journal's log was
                       written and synced since the request came
  a receipt            every object that came from a peer, and the row
  N-ACTION-RSP 0000    the transaction's row
  N-EVENT-REPORT       every object that was acknowledged
  any word of queue    nothing of the journal's log is unsynced
  unlink of an object  nothing of the journal's log is unsynced
  the log begins anew  nothing of the journal itself is unsynced

The trace shows when a call began and when it ended: a write counts from its
beginning, a sync from its end and only for what was written before it began.
"""
import collections
import re

CALLS = ("execve,clone,clone3,vfork,fork,openat,write,pwrite64,writev,pwritev,"
         "pwritev2,fsync,fdatasync,ftruncate,fallocate,rename,renameat,"
         "renameat2,link,linkat,unlink,unlinkat,mkdir,mkdirat,sendto,sendmsg,"
         "recvmsg")
WRITES = ("write", "pwrite64", "writev", "pwritev", "pwritev2", "ftruncate",
          "fallocate")
C_STORE_RSP = b"\0\0\0\x01\x02\0\0\0\x01\x80"
AFFECTED = b"\0\0\0\x10"  # (0000,1000)
STATUS_OK = b"\0\0\0\x09\x02\0\0\0\0\0"
# the queue's answers that rest on a row, and the requests that they answer
ANSWERS = {"PART_DURABLE": ("PART_DONE",),
           "MANIFEST_ANSWER": ("MANIFEST_RQ",),
           "COMMITMENT_STATUS": ("COMMITMENT_RQ", "COMMITMENT_WORD")}
REQUESTS = {request for some in ANSWERS.values() for request in some}
REPORTS = ("COMMITMENT_TELL", "COMMITMENT_REPORT")

LINE = re.compile(r"(\d+) +(?:(\w+)\((.*)|<\.\.\. (\w+) resumed>(.*))$", re.S)
HEX = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')
FD = re.compile(r"(\d+|AT_FDCWD)<((?:\\x[0-9a-f]{2})+)>")


def command(folder_of_trace):
    """The words that put a program under the trace."""
    return ["strace", "-f", "-yy", "-xx", "-s", "1024", "-qq", "-e",
            "signal=none", "-e", "trace=" + CALLS, "-o", folder_of_trace]


def text(hexes):
    return bytes.fromhex(hexes.replace("\\x", ""))


def path_text(hexes):
    return text(hexes).decode("utf-8", "replace")


class Numbers:
    """Messages and fields by number, as include/df/message.h lists them."""

    def __init__(self, header):
        with open(header, encoding="utf-8") as f:
            source = re.sub(r"/\*.*?\*/", "", f.read(), flags=re.S)
        self.message = self.names(source, "DF_MSG_MAP")
        self.field = self.names(source, "DF_FIELD_MAP")

    @staticmethod
    def names(source, macro):
        body = re.search(rf"#define {macro}\(X\)((?:.*\\\n)*.*)", source).group(1)
        return {n: name for n, name in enumerate(
            re.findall(r"X\((\w+)\)", body), 1)}

    def decode(self, data):
        """(type, tag, {field: bytes}) of what the trace shows of a message."""
        if len(data) < 6:
            return None, 0, {}
        at, fields = 6, {}
        while at + 6 <= len(data):
            name = self.field.get(int.from_bytes(data[at:at + 2], "big"))
            size = int.from_bytes(data[at + 2:at + 6], "big")
            fields.setdefault(name, data[at + 6:at + 6 + size])
            at += 6 + size
        return (self.message.get(int.from_bytes(data[:2], "big")),
                int.from_bytes(data[2:6], "big"), fields)


class File:
    def __init__(self, path, writer=None):
        self.path, self.writer = path, writer
        self.written = self.synced = 0
        self.new_name = self.gone = False

    @property
    def dirty(self):
        return self.written > self.synced


class Lint:
    def __init__(self, node, numbers):
        self.node, self.numbers = node.rstrip("/"), numbers
        self.files, self.rooms, self.pending = {}, {}, {}
        self.wrote = collections.defaultdict(list)  # worker -> files since
        self.said = collections.Counter()
        self.wrong = []
        self.commits = 0  # syncs of the journal's log
        self.acknowledged = []
        self.homes = collections.defaultdict(list)  # instance -> objects
        self.asked, self.parcels, self.uploads = {}, {}, {}
        self.offsets = {}  # of uploads, said before
        self.parts = {}  # request -> what was written when a part was done
        self.line = 0

    # --- the state of the disk ------------------------------------------------

    def file(self, path):
        if path not in self.files:
            self.files[path] = File(path)
        return self.files[path]

    def ours(self, path):
        return path.startswith(self.node + "/") and not path.endswith("-shm")

    def unsynced(self, f):
        """What a power cut could take of this file, or None."""
        if f.gone:
            return None
        if f.dirty:
            return f"content of {f.path}"
        path = f.path
        while path != self.node and path:
            if path in self.files and self.files[path].new_name:
                return f"name of {path}"
            path = path.rpartition("/")[0]
        return None

    def no(self, what, because):
        self.wrong.append(f"line {self.line}: {what} rests on unsynced {because}")

    def rests(self, what, files):
        for f in files:
            lack = self.unsynced(f)
            if lack:
                self.no(what, lack)

    def log(self):
        return self.file(self.node + "/state.db-wal")

    # --- calls ----------------------------------------------------------------

    def begin(self, pid, call, args):
        """What holds from the beginning of a call; returns what end() needs."""
        fd = FD.match(args)
        path = path_text(fd.group(2)) if fd else ""
        if call in WRITES and self.ours(path):
            f = self.file(path)
            if path == self.node + "/state.db-wal" and args.rstrip(
                    ") ").endswith(", 0"):
                self.rests("the new log", [self.file(self.node + "/state.db")])
            f.written += 1
            f.writer = self.rooms.get(pid)
            if f not in self.wrote[pid]:
                self.wrote[pid].append(f)
        elif call in ("fsync", "fdatasync"):
            return path, self.file(path).written
        elif call == "sendto":
            self.told(pid, b"".join(map(text, HEX.findall(args)[:1])))
        elif call == "sendmsg":
            self.sent(pid, args)
        elif call in ("unlink", "unlinkat"):
            return self.unlinks(pid, path, args)
        return path, None

    def end(self, pid, call, args, result, kept):
        """What holds when a call has ended well."""
        path, version = kept
        if call == "execve":
            name = path_text(HEX.search(args).group(1)).rpartition("/")[2]
            self.rooms[pid] = name.removeprefix("df-")
        elif call in ("clone", "clone3", "fork", "vfork"):
            self.rooms.setdefault(int(result.split()[0]), self.rooms.get(pid))
        elif call in ("fsync", "fdatasync"):
            self.syncs(path, version)
        elif call == "openat" and "O_CREAT" in args:
            opened = FD.match(result)
            if opened and self.ours(path_text(opened.group(2))):
                self.created(path_text(opened.group(2)), "O_EXCL" in args)
        elif call in ("mkdir", "mkdirat"):
            self.created(self.joined(path, args, 0), True)
        elif call in ("rename", "renameat", "renameat2"):
            self.renamed(args)
        elif call == "recvmsg":
            self.got(pid, args)

    def joined(self, folder, args, number):
        name = path_text(HEX.findall(FD.sub("", args))[number])
        return name if name.startswith("/") else f"{folder}/{name}"

    def created(self, path, surely):
        if self.ours(path) and (surely or path not in self.files):
            self.files[path] = File(path)
            self.files[path].new_name = True

    def syncs(self, path, version):
        f = self.file(path)
        f.synced = max(f.synced, version)
        if path == self.node + "/state.db-wal":
            self.commits += 1
        for other in self.files.values():  # a directory makes its names firm
            if other.path.rpartition("/")[0] == path:
                other.new_name = False

    def renamed(self, args):
        folders = [path_text(m.group(2)) for m in FD.finditer(args)] or ["", ""]
        old = self.joined(folders[0], args, 0)
        new = self.joined(folders[-1], args, 1)
        if not self.ours(old):
            return
        f = self.files.pop(old, None) or File(old)
        f.path, f.new_name = new, True
        self.files[new] = f

    def unlinks(self, pid, folder, args):
        path = self.joined(folder, args, 0)
        if path in self.files:
            f = self.files.pop(path)
            f.gone = True
        if "/objects/" in path and self.rooms.get(pid) == "queue":
            self.said["unlink of an object"] += 1
            self.rests("unlink of an object", [self.log()])
        return folder, None

    # --- words ----------------------------------------------------------------

    def told(self, pid, data):
        """Over a socket: is it the answer to a C-STORE?"""
        if C_STORE_RSP not in data or STATUS_OK not in data:
            return
        if self.rooms.get(pid) != "receive":
            return
        self.said["C-STORE-RSP"] += 1
        files = [f for f in self.wrote.pop(pid, []) if self.ours(f.path)]
        if not files:
            self.no("C-STORE-RSP", "nothing: no file was written for it")
        self.rests("C-STORE-RSP", files)
        at = data.find(AFFECTED)
        size = int.from_bytes(data[at + 4:at + 8], "little")
        uid = data[at + 8:at + 8 + size].rstrip(b"\0").decode()
        self.is_held(uid)
        self.acknowledged += [f for f in files if not f.gone]

    def is_held(self, uid):
        """Of a repeated instance the first object stands: or it was let go,
        by the rules of an unlink, after it had been acknowledged."""
        homes = self.homes.get(uid, [])
        if any(self.unsynced(f) is None and (not f.gone or f in self.acknowledged)
               for f in homes):
            self.said["instance held"] += 1
        else:
            self.no("C-STORE-RSP", f"objects: {len(homes)} of instance {uid}")

    def message(self, args):
        payload = re.search(r'iov_base="((?:\\x[0-9a-f]{2})*)"', args)
        return self.numbers.decode(text(payload.group(1)) if payload else b"")

    def given(self, args):
        """receive gives an object to queue: from now on it is in custody."""
        kind, _, fields = self.message(args)
        if kind == "COMMIT":
            lines = dict(line.split(": ", 1) for line in fields.get(
                "ENVELOPE", b"").decode("utf-8", "replace").splitlines()
                if ": " in line)
            path = "{0}/spool/objects/{1:.2}/{1}".format(
                self.node, lines.get("id", ""))
            self.homes[lines.get("sop-instance")].append(self.file(path))
            self.said["COMMIT"] += 1
            self.rests("COMMIT", [self.file(path)])

    def got(self, pid, args):
        """queue receives a request: from now on its answer may come."""
        if self.rooms.get(pid) != "queue":
            return
        channel = args.split(",")[0]
        kind, tag, fields = self.message(args)
        if kind in REQUESTS:
            self.asked[(channel, tag)] = self.commits
        if kind in ("PART_RQ", "PART_DONE"):
            self.parcels[(channel, tag)] = fields.get("PARCEL")
        if kind == "PART_DONE" and fields.get("PARCEL") in self.uploads:
            self.parts[(channel, tag)] = self.uploads[fields["PARCEL"]].written

    def sent(self, pid, args):
        if self.rooms.get(pid) == "receive":
            self.given(args)
        if self.rooms.get(pid) != "queue":
            return
        channel = args.split(",")[0]
        kind, tag, fields = self.message(args)
        self.said["words of queue"] += 1
        self.rests(f"{kind}", [self.log()])
        parcel = self.parcels.get((channel, tag))
        passed = re.search(r"cmsg_data=\[\d+<((?:\\x[0-9a-f]{2})+)>", args)
        if kind == "PART" and passed:
            self.uploads[parcel] = self.file(path_text(passed.group(1)))
        if kind in REPORTS:
            self.said["N-EVENT-REPORT"] += 1
            self.rests("N-EVENT-REPORT", self.acknowledged)
        if kind in ANSWERS and "ERR" not in fields \
                and not any(fields.get("STATUS", b"")):
            self.answered(kind, (channel, tag), parcel, fields)

    def part_durable(self, f, written):
        """The next part of an upload may be written already."""
        lack = self.unsynced(f)
        if lack and (f.synced < (f.written if written is None else written)
                     or lack.startswith("name")):
            self.no("PART_DURABLE", lack)

    def says_anew(self, kind, parcel, fields):
        """A part behind a gap, or one that was held, moves no offset."""
        if kind != "PART_DURABLE":
            return True
        offset = int.from_bytes(fields.get("OFFSET", b""), "big")
        if offset <= self.offsets.get(parcel, 0):
            return False
        self.offsets[parcel] = offset
        return True

    def answered(self, kind, request, parcel, fields):
        """A good answer that rests on a row, and on more."""
        self.said[kind] += 1
        before = self.asked.pop(request, None)
        anew = self.says_anew(kind, parcel, fields)
        if before is None:
            self.no(kind, "nothing: nobody asked")
        elif anew and before == self.commits:
            self.no(kind, "rows: the log was not written since the request")
        if kind == "PART_DURABLE":
            if parcel not in self.uploads:
                self.no(kind, "nothing: its file was never seen")
            else:
                self.part_durable(self.uploads[parcel], self.parts.pop(request, None))
        elif kind == "MANIFEST_ANSWER":
            self.rests(kind, [f for p, f in self.files.items()
                              if "/objects/" in p
                              and f.writer in ("gateway", "queue")])

    # --- the trace ------------------------------------------------------------

    def feed(self, line):
        self.line += 1
        m = LINE.match(line.rstrip("\n"))
        if not m:
            return
        pid = int(m.group(1))
        if m.group(2):
            call, rest = m.group(2), m.group(3)
            unfinished = rest.endswith("<unfinished ...>")
            if unfinished:
                args = rest[:-len("<unfinished ...>")]
                self.pending[pid] = (call, args, self.begin(pid, call, args))
                return
            args, result = self.split(rest)
            kept = self.begin(pid, call, args)
        else:
            call, args, kept = self.pending.pop(pid, (m.group(4), "", ("", None)))
            more, result = self.split(m.group(5))
            args += more
        # "?": it was killed in the call, and nobody was told that it succeeded
        if result and not result.startswith(("-1", "?")):
            self.end(pid, call, args, result, kept)

    @staticmethod
    def split(rest):
        args, mark, result = rest.rpartition(" = ")
        return (args, result) if mark else (rest, "")


def lint(trace, node, header):
    """The Lint that has read the whole trace."""
    judge = Lint(node, Numbers(header))
    with open(trace, encoding="ascii", errors="replace") as f:
        for line in f:
            judge.feed(line)
    return judge
