"""A file out of a zip, also where it is compressed by Zstandard, which zipfile reads from 3.14 on alone."""

import io
import struct
import zipfile
import zlib

import pyarrow

ZSTANDARD = 93
"""Of the methods of compression in a zip, see APPNOTE 6.3.10, section 4.4.5."""
LOCAL_HEADER, LENGTHS_AT = 30, 26
"""Bytes of a member's own header without its name and extra field; where it says how long these are."""


def read_member(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, content: bytes) -> bytes:
    """What a member holds, whole and with the right checksum; never more bytes than it says it has.

    Args:
        content: the archive's own bytes.

    Raises:
        zipfile.BadZipFile: it is damaged. NotImplementedError: it is compressed in another way.
        OSError, zlib.error: its compressed bytes are damaged.
    """
    if entry.compress_type != ZSTANDARD:
        with archive.open(entry) as stream:
            return stream.read(entry.file_size)
    lengths_at = entry.header_offset + LENGTHS_AT
    name, extra = struct.unpack("<HH", content[lengths_at : lengths_at + 4])
    start = entry.header_offset + LOCAL_HEADER + name + extra
    packed = io.BytesIO(content[start : start + entry.compress_size])
    with pyarrow.CompressedInputStream(packed, "zstd") as stream:
        found = stream.read(entry.file_size)
    if len(found) != entry.file_size or zlib.crc32(found) != entry.CRC:
        raise zipfile.BadZipFile(f"Bad CRC-32 for file {entry.filename!r}")
    return found
