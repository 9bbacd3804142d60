# SPDX-License-Identifier: Apache-2.0
"""Invalid streams: framing, order and number of segments, padding, CRCs, hashes."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache, partial
from typing import Any

import numpy as np

from conformance import edit
from conformance.recipes.faults import (
    doubled,
    element_fault,
    end_of_elements,
    flipped,
    invalid,
    moved,
    segment_bytes,
    segment_of,
    with_payload,
    without,
)
from conformance.recipes.invalid_elements import full, minimal
from conformance.recipes.pictures import noise
from conformance.recipes.recipe import Recipe
from conformance.recipes.syntax import every_segment, most_skippable, plain
from refdec.syntax.parser import MAX_SKIPPABLE, parse_codestream
from refdec.syntax.segment import Marker
from refenc.alpha import Alpha, add_alpha
from refenc.codestream import write_codestream, write_start
from refenc.exact import encode_exact

_LENGTH_BYTES = 1


@cache
def with_crc() -> bytes:
    """Return a stream with CRCs and metadata."""
    stream = replace(every_segment().picture_header, segment_crc_flag=1)
    return write_codestream(replace(every_segment(), picture_header=stream))


@cache
def hashed(point: str) -> bytes:
    """Return a stream with one digest."""
    if point in ("E", "A"):
        picture = encode_exact(noise(5, 3), hashes=point == "E")
        opacity = noise(5, 3)[0].astype(np.uint16)
        return picture if point == "E" else add_alpha(picture, Alpha(samples=opacity), hashes=True)
    points = {"L": edit.LATENTS, "S": edit.BASE}
    return write_codestream(edit.with_hashes(plain(), (points[point],)))


def _full(
    requirement: str,
    name: str,
    purpose: str,
    element: str,
    change: Callable[[bytes], bytes],
    *,
    sound: Callable[[], bytes] = full,
    also: tuple[str, ...] = (),
) -> Recipe:
    return invalid(
        name,
        purpose,
        requirement,
        *also,
        sound=sound,
        broken=lambda: change(sound()),
        element=element,
    )


def _with_length(data: bytes, marker: int, length: bytes) -> bytes:
    """Replace the length field of a segment, whose length has one byte."""
    offset = segment_of(data, marker).offset + 2
    return data[:offset] + length + data[offset + _LENGTH_BYTES :]


def _length(data: bytes, marker: int) -> bytes:
    """Return the length field of a segment, whose length has one byte."""
    offset = segment_of(data, marker).offset + 2
    return data[offset : offset + _LENGTH_BYTES]


def _reindexed(place: int, **indices: Any) -> bytes:
    """Return the full stream with other indices in one residual segment."""
    stream = parse_codestream(full())
    residual = list(stream.residual)
    residual[place] = replace(residual[place], **indices)
    return write_codestream(replace(stream, residual=tuple(residual)), check=False)


def _swapped() -> bytes:
    stream = parse_codestream(full())
    first, second, *others = stream.residual
    return write_codestream(replace(stream, residual=(second, first, *others)), check=False)


def _wrong_digest(data: bytes) -> bytes:
    return flipped(data, 8 * segment_of(data, Marker.DPH).payload_end - 1)


def _hash_mismatch(point: str) -> Recipe:
    return invalid(
        f"digest-{point.lower()}",
        f"the digest of point {point} is another picture's",
        "DPH-006",
        sound=lambda: hashed(point),
        broken=lambda: _wrong_digest(hashed(point)),
        element="DPH.hashes[0].digest",
        by_verifying=True,
        catches="hashes that are read but not compared",
    )


RECIPES = (
    # Start and end.
    _full("SOC-001", "other-marker", "another codestream's first marker", "SOC.marker",
          lambda data: b"\xff\x4f" + data[2:]),
    _full("SOC-001", "missing", "the SOC segment is missing", "SOC",
          lambda data: data[len(write_start()):]),
    element_fault("SOC-002", "signature", 0x4A0A1A0A, segment="SOC", sound=minimal,
                  purpose="the signature after a transfer in text mode", label="text-mode"),
    _full("EOC-001", "missing", "the EOC segment is missing", "EOC", lambda data: data[:-2]),
    _full("EOC-002", "trailing-byte", "a zero byte follows EOC", "EOC", lambda data: data + b"\0"),
    _full("EOC-002", "second-eoc", "a second EOC", "EOC", lambda data: data + data[-2:]),
    # Markers and lengths.
    *(
        element_fault("SEG-001", "marker", value, segment="MTD", sound=full,
                      purpose=f"marker {value:04X} has no meaning", label=f"marker-{value:04x}")
        for value in (0x0000, 0xFF00, 0xFF97, 0xFF9F, 0xFFB0, 0xFFFF)
    ),
    _full("SEG-003", "cut-in-marker", "the stream ends inside a marker", "EOC.marker",
          lambda data: data[:-1]),
    _full("SEG-003", "cut-in-residual", "the stream ends inside a residual segment", "SOR",
          lambda data: data[: segment_of(data, Marker.SOR).payload_end - 1]),
    _full("SEG-003", "cut-in-signature", "the stream ends inside the signature", "SOC.signature",
          lambda data: data[:4]),
    _full("SEG-003", "empty", "no byte at all", "SOC", lambda _: b""),
    _full("SEG-003", "length-beyond-end", "a length of 2097151 bytes", "DPH.payload_length",
          lambda data: _with_length(data, Marker.DPH, b"\xff\xff\x7f")),
    _full("SEG-004", "longer-payload", "a byte after the last element of PIH", "PIH.payload_length",
          lambda data: with_payload(data, Marker.PIH, lambda payload: payload + b"\0")),
    _full("SEG-004", "longer-hash", "a byte after the last digest", "DPH.payload_length",
          lambda data: with_payload(data, Marker.DPH, lambda payload: payload + b"\0")),
    _full("BIT-001", "short-header", "PIH without its last byte", "PIH.payload_length",
          lambda data: with_payload(data, Marker.PIH, lambda payload: payload[:-1])),
    _full("BIT-001", "empty-metadata", "MTD without metadata_type", "MTD.payload_length",
          lambda data: with_payload(data, Marker.MTD, lambda _: b"")),
    _full("BIT-002", "long-prefix", "40 zero bits before layer_idx", "SOR.layer_idx",
          lambda data: with_payload(data, Marker.SOR, lambda payload: bytes(5) + payload)),
    _full("BIT-003", "five-bytes", "a length of five bytes", "MTD.payload_length",
          lambda data: _with_length(data, Marker.MTD, b"\x81\x80\x80\x80\x00")),
    _full("BIT-004", "not-minimal", "a length with an empty leading group", "MTD.payload_length",
          lambda data: _with_length(data, Marker.MTD, b"\x80" + _length(data, Marker.MTD))),
    _full("BIT-005", "header", "a padding bit of PIH is set", "PIH.padding",
          lambda data: flipped(data, end_of_elements(data, "PIH", "extension_flag"))),
    _full("BIT-005", "tools", "a padding bit of TOH is set", "TOH.padding",
          lambda data: flipped(data, end_of_elements(data, "TOH", "alpha_flag"))),
    _full("BIT-005", "residual", "a padding bit before a sub-stream is set", "SOR.padding",
          lambda data: flipped(data, end_of_elements(data, "SOR", "tile_idx"))),
    # Order and number.
    _full("SEG-005", "tools-after-metadata", "TOH after MTD", "TOH",
          lambda data: moved(data, (Marker.TOH, 0), before=(Marker.SOQ, 0))),
    _full("SEG-005", "map-after-hyper-latent", "SOQ after SOZ", "SOQ",
          lambda data: moved(data, (Marker.SOQ, 0), before=(Marker.SOR, 0))),
    _full("SEG-005", "metadata-after-hash", "MTD after DPH", "DPH",
          lambda data: moved(data, (Marker.DPH, 0), before=(Marker.MTD, 2))),
    _full("SEG-005", "metadata-in-residual", "MTD between residual segments", "MTD",
          lambda data: moved(data, (Marker.MTD, 2), before=(Marker.SOR, 5))),
    *(
        _full("SEG-006", f"second-{marker.name.lower()}", f"{marker.name} twice", marker.name,
              partial(doubled, marker=marker))
        for marker in (Marker.SOC, Marker.PIH, Marker.TOH, Marker.SOQ, Marker.SOZ, Marker.DPH)
    ),
    _full("SEG-007", "no-picture-header", "PIH is missing", "PIH",
          lambda data: without(data, Marker.PIH)),
    _full("SEG-007", "no-hyper-latent", "SOZ is missing", "SOZ",
          lambda data: without(data, Marker.SOZ), sound=minimal),
    _full("SEG-007", "reserved-before-header", "a reserved segment before PIH", "PIH",
          lambda data: edit.insert_segments(
              data, before=Marker.PIH, inserted=edit.reserved_segment(0xFFA0)), sound=minimal),
    invalid("too-many", f"{MAX_SKIPPABLE + 1} reserved segments", "SEG-009", sound=most_skippable,
            broken=lambda: most_skippable(MAX_SKIPPABLE + 1), element="reserved segments"),
    invalid("layer-idx", "layer_idx 3 of 3 layers", "SOR-001", sound=full,
            broken=lambda: _reindexed(5, layer_idx=3), element="SOR.layer_idx"),
    invalid("tile-idx", "tile_idx 2 of 2 tiles", "SOR-002", sound=full,
            broken=lambda: _reindexed(1, tile_idx=2), element="SOR.tile_idx"),
    invalid("repeated", "tile 0 of layer 0 twice, tile 1 never", "SOR-003", sound=full,
            broken=lambda: _reindexed(1, tile_idx=0), element="SOR.tile_idx"),
    invalid("swapped", "the first two residual segments exchanged", "SOR-003", sound=full,
            broken=_swapped, element="SOR"),
    _full("SOR-003", "one-more", "the last residual segment twice", "SOR",
          lambda data: data[: (end := segment_of(data, Marker.SOR, 5).end)]
          + segment_bytes(data, Marker.SOR, 5) + data[end:]),
    _full("SOR-004", "missing", "the last residual segment is missing", "SOR",
          lambda data: without(data, Marker.SOR, 5)),
    _full("SOR-004", "none", "no residual segment", "SOR",
          lambda data: without(data, Marker.SOR), sound=minimal),
    # CRCs and hashes.
    _full("SEG-008", "crc", "one bit of a CRC inverted", "SOZ.segment_crc",
          lambda data: flipped(data, 8 * segment_of(data, Marker.SOZ).payload_end), sound=with_crc),
    _full("SEG-008", "metadata", "one bit of metadata inverted under its CRC", "MTD.payload",
          lambda data: flipped(data, 8 * segment_of(data, Marker.MTD).payload_end - 1),
          sound=with_crc),
    _full("SEG-008", "residual", "one bit of a residual inverted under its CRC", "SOR.payload",
          lambda data: flipped(data, 8 * segment_of(data, Marker.SOR).payload_end - 3),
          sound=with_crc),
    *map(_hash_mismatch, "LSEA"),
)  # fmt: skip
