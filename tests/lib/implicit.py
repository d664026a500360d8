"""Elements of command and data sets in implicit VR little endian (PS3.5 7.1.3)."""
import struct


def tagged(tag, value):
    value += b"\0" * (len(value) % 2)
    return struct.pack("<HHI", tag >> 16, tag & 0xffff, len(value)) + value


def element(number, value):
    """Of a command set: group 0000."""
    return tagged(number, value)


def values(data):
    """(tag, value) of each element; sequences as they are."""
    at = 0
    while at + 8 <= len(data):
        group, number, size = struct.unpack_from("<HHI", data, at)
        yield group << 16 | number, data[at + 8:at + 8 + size]
        at += 8 + size
