"""A modality for the crash tests: images made in memory, each answer noted.

Every image is another one: UIDs and some pixels of a real image are changed.
"""
import hashlib
import os
import struct

import modality
import raw_scu

HERE = os.path.dirname(os.path.abspath(__file__))
DATA = os.path.join(HERE, "..", "..", "testdata", "dicom")
SMALL, LARGE = "mr/epi01.dcm", "ct/IM0001.dcm"
CLASS = "1.2.840.10008.5.1.4.1.1.4"  # of SMALL
PUSH = "1.2.840.10008.1.20.1"  # Storage Commitment Push Model


def value(data, number):
    """The UID of element (0020,number)."""
    tag = b"\x20\x00" + number.to_bytes(2, "little") + b"UI"
    at = data.index(tag) + 8
    size = int.from_bytes(data[at - 2:at], "little")
    return data[at:at + size].rstrip(b"\0")


class Template:
    def __init__(self, name):
        self.sop_class, uid, self.syntax, self.data = raw_scu.read(
            os.path.join(DATA, name))
        self.uid = uid.encode()

    def image(self, study, number):
        """(UID, data set) of image `number` of that study."""
        salt = f"{study}/{number}"
        uid = modality.uid(self.uid, salt)
        data = self.data.replace(self.uid, uid)
        for element in (0x0d, 0x0e):
            old = value(self.data, element)
            data = data.replace(old, modality.uid(old, study))
        pixels = hashlib.sha256(salt.encode()).digest()[:16]
        pixels = bytes(b & 0x03 for b in pixels)  # stays in range
        return uid.decode(), data[:-16] + pixels


class Sender:
    """One association after the other; `note(uid, digest)` is called after
    each Success."""

    def __init__(self, port, note, names=(SMALL, LARGE), called="CLINIC"):
        self.port, self.note, self.called = port, note, called
        self.templates = [Template(n) for n in names]
        self.association = None

    def connect(self):
        self.association = raw_scu.Association(
            self.port, self.called,
            [(t.sop_class, t.syntax) for t in self.templates])

    def send(self, study, number, kind=0):
        """The status, noted when it was Success."""
        t = self.templates[kind]
        uid, data = t.image(study, number)
        if self.association is None:
            self.connect()
        status = self.association.store(t.sop_class, uid, t.syntax, data)
        if status == 0:
            self.note(uid, hashlib.sha256(data).hexdigest())
        return status

    def send_surely(self, study, number, kind=0):
        """Again and again, as modalities do, until it is answered."""
        while True:
            try:
                if self.send(study, number, kind) == 0:
                    return
            except OSError:
                self.association = None

    def close(self):
        if self.association is not None:
            self.association.release()
            self.association = None


def element(group, number, value):
    """Implicit little endian; text is padded as UIDs are."""
    if isinstance(value, str):
        value = value.encode() + b"\0" * (len(value) % 2)
    elif isinstance(value, int):
        value = struct.pack("<H", value)
    return struct.pack("<HHI", group, number, len(value)) + value


class Asker:
    """Asks for storage commitment, on an association of its own."""

    def __init__(self, port, called="CLINIC"):
        self.a = raw_scu.Association(port, called, [(PUSH, raw_scu.ILE)])

    def say(self, *fields, data=None):
        command = b"".join(element(0, *f) for f in fields)
        size = element(0, 0, struct.pack("<I", len(command)))
        self.a.send(1, 3, size + command)
        if data is not None:
            self.a.send(1, 2, data)

    def hear(self):
        """The fields of the next message; its data set is read and left."""
        command, wanted, whole = b"", 0x03, False
        while not whole:
            kind, body = self.a.pdu()
            at = 0
            if kind != 4:
                raise ConnectionError(f"PDU {kind}")
            while at < len(body):
                size, _, flags = struct.unpack_from(">IBB", body, at)
                if flags & 1:
                    command += body[at + 6:at + 4 + size]
                at += 4 + size
                if flags == 3:
                    no_data = element(0, 0x800, 0x101) in command
                    wanted = 3 if no_data else 2
                whole = whole or flags == wanted
        fields, at = {}, 0
        while at < len(command):
            _, number, size = struct.unpack_from("<HHI", command, at)
            fields[number] = command[at + 8:at + 8 + size]
            at += 8 + size
        return fields

    def ask(self, transaction, references):
        """N-ACTION: will you keep these (class, instance)? The status."""
        items = b"".join(element(0xfffe, 0xe000, element(8, 0x1150, cls)
                                 + element(8, 0x1155, uid))
                         for cls, uid in references)
        self.say((3, PUSH), (0x100, 0x130), (0x110, 1), (0x800, 1),
                 (0x1001, PUSH + ".1"), (0x1008, 1),
                 data=element(8, 0x1195, transaction)
                 + element(8, 0x1199, items))
        answer = self.hear()
        if answer[0x100] != struct.pack("<H", 0x8130):
            raise ConnectionError("no answer to N-ACTION")
        return struct.unpack("<H", answer[0x900])[0]

    def await_report(self):
        """The event of the N-EVENT-REPORT, when it has come: 1 = all kept."""
        report = self.hear()
        if report[0x100] != struct.pack("<H", 0x100):
            raise ConnectionError("no N-EVENT-REPORT")
        self.say((2, PUSH), (0x100, 0x8100), (0x120, 1), (0x800, 0x101),
                 (0x900, 0), (0x1000, PUSH + ".1"))
        return struct.unpack("<H", report[0x1002])[0]

    def close(self):
        self.a.s.close()  # a modality that is switched off
