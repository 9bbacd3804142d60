# SPDX-License-Identifier: Apache-2.0
"""Write PNG files (PNG, third edition) strip by strip, for samples of 8 and 16 bits."""

import struct
import zlib
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from refdec.arrays import U8Map
from refdec.cli.png_chunks import SIGNATURE, Chunk, chunk_bytes

COLOUR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}
"""By the number of planes: grey, grey and alpha, R, G, B, and these with alpha."""
LEVEL = 3
"""Of zlib: a third of the default level's time for 3 % more bytes."""
MEMORY_LEVEL = 9
BLOCK_BYTES = 1 << 18
"""Bytes that are filtered at once, so that they stay in a core's cache."""


def png_parts(
    strips: Iterable[NDArray[Any]],
    *,
    height: int,
    significant_bits: int | None = None,
    chunks: Iterable[Chunk] = (),
) -> Iterator[bytes]:
    """Yield a PNG file in parts.

    Parameters
    ----------
    strips : rows (h, W, C) or (h, W) of the picture from the top down, uint8 or uint16.
    height : rows of all strips together.
    significant_bits : for an sBIT chunk; None for none.
    chunks : put after the header.
    """
    above: U8Map | None = None
    packer = zlib.compressobj(LEVEL, zlib.DEFLATED, zlib.MAX_WBITS, MEMORY_LEVEL, zlib.Z_FILTERED)
    for strip in strips:
        width, channels = strip.shape[1], strip.size // (strip.shape[0] * strip.shape[1])
        depth = 8 * strip.dtype.itemsize
        if above is None:
            size = struct.pack(">2I5B", width, height, depth, COLOUR_TYPES[channels], 0, 0, 0)
            yield SIGNATURE + chunk_bytes(b"IHDR", size)
            yield from (chunk_bytes(*chunk) for chunk in chunks)
            if significant_bits is not None:
                yield chunk_bytes(b"sBIT", bytes([significant_bits] * channels))
        wide = strip.astype(f">u{strip.dtype.itemsize}", casting="equiv", copy=False)
        rows = np.ascontiguousarray(wide).reshape(len(strip), -1).view(np.uint8)
        step = max(1, BLOCK_BYTES // rows.shape[1])
        for top in range(0, len(rows), step):
            block = rows[top : top + step]
            before = np.zeros_like(block[:1]) if above is None else above
            if data := packer.compress(filtered(block, before, channels * depth // 8).tobytes()):
                yield chunk_bytes(b"IDAT", data)
            above = block[-1:]
    yield chunk_bytes(b"IDAT", packer.flush())
    yield chunk_bytes(b"IEND", b"")


def filtered(rows: U8Map, above: U8Map, pixel: int) -> U8Map:
    """Filter rows (h, n), of which each starts with its filter type; (h, n + 1).

    Each row has the filter with the smallest sum of magnitudes.

    Parameters
    ----------
    above : (1, n), the row before; zeros before the first.
    pixel : bytes of a pixel.
    """
    padded = np.pad(np.concatenate([above, rows]), ((0, 0), (pixel, 0)))
    left, up, corner = padded[1:, :-pixel], padded[:-1, pixel:], padded[:-1, :-pixel]
    mean = ((left.astype(np.uint16) + up) >> 1).astype(np.uint8)
    predictions = (np.uint8(0), left, up, mean, paeth(left, up, corner))
    candidates = np.stack([rows - prediction for prediction in predictions])
    costs = np.minimum(candidates, -candidates).sum(axis=2, dtype=np.int64)
    chosen = costs.argmin(axis=0)
    found = candidates[chosen, np.arange(len(rows))]
    return np.concatenate([chosen[:, None].astype(np.uint8), found], axis=1)


def paeth(left: U8Map, up: U8Map, corner: U8Map) -> U8Map:
    """Return the neighbour that is nearest to left + up - corner; of equals the first."""
    down, across = (plane.astype(np.int16) - corner for plane in (up, left))
    to_left, to_up, to_corner = np.abs(down), np.abs(across), np.abs(down + across)
    other = np.where(to_up <= to_corner, up, corner)
    return np.where((to_left <= to_up) & (to_left <= to_corner), left, other)
