"""A modality for the crash tests: images made in memory, each answer noted.

Every image is another one: UIDs and some pixels of a real image are changed.
"""
import hashlib
import os

import modality
import raw_scu

HERE = os.path.dirname(os.path.abspath(__file__))
DATA = os.path.join(HERE, "..", "..", "testdata", "dicom")
SMALL, LARGE = "mr/epi01.dcm", "ct/IM0001.dcm"


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
