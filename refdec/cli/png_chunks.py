# SPDX-License-Identifier: Apache-2.0
"""Chunks of PNG files (PNG, third edition): read them, and make them."""

import struct
import zlib
from collections.abc import Iterator

SIGNATURE = b"\x89PNG\r\n\x1a\n"

Chunk = tuple[bytes, bytes]
"""Type and data."""


def chunk_bytes(kind: bytes, data: bytes) -> bytes:
    """Return a chunk as it stands in a file."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def chunks_of(png: bytes) -> Iterator[Chunk]:
    """Yield the chunks of a PNG file; nothing for other files, or after damage."""
    offset = len(SIGNATURE) if png.startswith(SIGNATURE) else len(png)
    while offset + 12 <= len(png):
        length, kind = struct.unpack_from(">I4s", png, offset)
        data = png[offset + 8 : offset + 8 + length]
        offset += 12 + length
        if offset <= len(png):
            yield kind, data
