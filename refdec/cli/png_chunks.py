# SPDX-License-Identifier: Apache-2.0
"""Ancillary chunks of PNG files (PNG, third edition): read them, and put them in."""

import struct
import zlib
from collections.abc import Iterable, Iterator

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_FIRST = len(SIGNATURE) + 25
"""Bytes of the signature and of the IHDR chunk, which comes first."""

Chunk = tuple[bytes, bytes]
"""Type and data."""


def chunk_bytes(kind: bytes, data: bytes) -> bytes:
    """Return a chunk as it stands in a file."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def with_chunks(png: bytes, chunks: Iterable[Chunk]) -> bytes:
    """Return a PNG file with more chunks after IHDR."""
    added = b"".join(chunk_bytes(*chunk) for chunk in chunks)
    return png[:_FIRST] + added + png[_FIRST:]


def chunks_of(png: bytes) -> Iterator[Chunk]:
    """Yield the chunks of a PNG file; nothing for other files, or after damage."""
    offset = len(SIGNATURE) if png.startswith(SIGNATURE) else len(png)
    while offset + 12 <= len(png):
        length, kind = struct.unpack_from(">I4s", png, offset)
        data = png[offset + 8 : offset + 8 + length]
        offset += 12 + length
        if offset <= len(png):
            yield kind, data
