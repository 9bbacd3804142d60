# SPDX-License-Identifier: Apache-2.0
"""Headers and segments: flags both ways, metadata, reserved segments, tools, hashes, formats."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np

from conformance import build, edit
from conformance.recipes.recipe import Process, Recipe
from refdec.picture import latent_digest, picture_digest
from refdec.syntax.codestream import Codestream
from refdec.syntax.parser import MAX_SKIPPABLE
from refdec.syntax.segment import RESERVED_MARKERS, Marker, Metadata, MetadataType
from refdec.synthesis.transform import synthesise
from refenc.codestream import write_codestream

_UNKNOWN_TYPE = 200
_TWO_BYTE_LENGTH = 200
_THREE_BYTE_LENGTH = 16400


@cache
def plain(**elements: Any) -> Codestream:
    """Return a picture of 40x24 samples; `elements` of the header as they are wanted."""
    declared = build.header(40, 24, quality=20, **elements)
    return build.natural(declared, seed=7).codestream()


def blob(kind: int, payload: bytes) -> Metadata:
    """Return a metadata segment."""
    return Metadata(metadata_type=kind, payload=payload)


def every_segment() -> Codestream:
    """Return a stream with every kind of segment and every header element."""
    declared = build.header(
        72,
        40,
        quality=20,
        picture_size_bits_minus1=15,
        log2_lanes=1,
        bit_depth_minus8=2,
        **build.tiles(64, 64),
        **build.layers(1, 4),
    )
    offsets = np.arange(declared.h16 * declared.w16, dtype=np.int32).reshape(declared.h16, -1) - 5
    content = build.natural(declared, seed=8, offsets=offsets)
    stream = content.codestream(
        metadata=(blob(MetadataType.ICC, b"colour profile"), blob(MetadataType.USER, b"first")),
        trailing_metadata=(blob(MetadataType.USER, b"last"),),
    )
    return edit.with_hashes(edit.with_tools(stream, 1))


def _reserved_everywhere(*, segment_crc_flag: int = 0) -> bytes:
    extra = {"segment_crc_flag": 1} if segment_crc_flag else {}
    stream = edit.with_hashes(edit.with_tools(plain(**extra), 1))
    data = write_codestream(replace(stream, metadata=(blob(MetadataType.USER, b"user"),)))
    markers = iter(RESERVED_MARKERS)
    places = (Marker.TOH, Marker.MTD, Marker.SOZ, Marker.SOR, Marker.DPH, Marker.EOC)
    for before in places:
        inserted = b"".join(
            edit.reserved_segment(next(markers), payload, has_crc=bool(segment_crc_flag))
            for payload in (b"", b"\xff\x81 reserved")
        )
        data = edit.insert_segments(data, before=before, inserted=inserted)
    return data


def most_skippable(count: int = MAX_SKIPPABLE) -> bytes:
    """Return a stream with `count` empty reserved segments."""
    inserted = edit.reserved_segment(RESERVED_MARKERS[-1]) * count
    return edit.insert_segments(write_codestream(plain()), before=Marker.EOC, inserted=inserted)


def _recipe(
    name: str,
    purpose: str,
    catches: str,
    make: Callable[[], Codestream | bytes],
    *processes: Process,
) -> Recipe:
    def written() -> bytes:
        stream = make()
        return stream if isinstance(stream, bytes) else write_codestream(stream)

    return Recipe(
        id=f"syntax/{name}", purpose=purpose, catches=catches, build=written, processes=processes
    )


def _before() -> Codestream:
    kinds = (MetadataType.ICC, MetadataType.EXIF, MetadataType.XMP, MetadataType.JUMBF)
    blobs = [blob(kind, kind.name.encode()) for kind in kinds]
    return replace(plain(), metadata=(*blobs, blob(MetadataType.USER, b"1"), blob(5, b"2")))


def _lengths() -> Codestream:
    sizes = (0, _TWO_BYTE_LENGTH, _THREE_BYTE_LENGTH)
    blobs = tuple(blob(MetadataType.USER, bytes(size)) for size in sizes)
    return replace(plain(), trailing_metadata=blobs)


RECIPES = (
    _recipe(
        "minimal", "the fewest elements and segments", "anything expected that is optional", plain
    ),
    _recipe(
        "every-segment",
        "every kind of segment and every header element, all with values of their own",
        "an element or a segment that is not read",
        every_segment,
    ),
    _recipe(
        "explicit-defaults",
        "format and structure written out, with the values that are inferred otherwise",
        "flags that are taken for a change of meaning",
        lambda: plain(default_format_flag=0, default_structure_flag=0),
    ),
    _recipe(
        "size-bits-16",
        "size elements of 16 bits for a small picture",
        "fixed width of the size elements",
        lambda: plain(picture_size_bits_minus1=15),
    ),
    _recipe(
        "simple-profile",
        "Simple profile",
        "only the Main profile known",
        lambda: plain(profile_idc=0),
    ),
    _recipe(
        "level-6",
        "level 6 declared for a small picture",
        "memory taken for the level and not for the picture",
        lambda: plain(level_idc=6),
    ),
    _recipe(
        "metadata-before",
        "metadata of every type before the hyper-latent, user data twice",
        "metadata types that are refused",
        _before,
    ),
    _recipe(
        "metadata-after",
        "Exif behind the residual",
        "metadata expected at the front",
        lambda: replace(plain(), trailing_metadata=(blob(MetadataType.EXIF, b"Exif"),)),
    ),
    _recipe(
        "metadata-unknown-type",
        "metadata of a type without a name",
        "unknown metadata types refused",
        lambda: replace(plain(), metadata=(blob(_UNKNOWN_TYPE, b"unknown"), blob(0, b""))),
    ),
    _recipe(
        "metadata-lengths",
        "empty metadata, and lengths of one, two and three bytes",
        "varint groups in the wrong order",
        _lengths,
    ),
    _recipe(
        "reserved-segments",
        "reserved segments, empty or with an EOC marker inside, before every other",
        "reserved segments refused, or their payload searched for markers",
        _reserved_everywhere,
    ),
    _recipe(
        "reserved-segments-crc",
        "the same with CRCs",
        "reserved segments skipped without their CRC",
        lambda: _reserved_everywhere(segment_crc_flag=1),
    ),
    _recipe(
        "most-reserved-segments",
        f"{MAX_SKIPPABLE} reserved segments, as many as allowed",
        "a lower limit on segments",
        most_skippable,
    ),
    _recipe(
        "tools-base",
        "tool header that says what is in force without it",
        "tool header that is not read",
        lambda: edit.with_hashes(edit.with_tools(plain(), 1)),
        synthesise,
    ),
    _recipe(
        "tools-simple",
        "the simple synthesis transform recommended",
        "base decoded whatever is recommended",
        lambda: edit.with_hashes(edit.with_tools(plain(), 0)),
        synthesise,
    ),
    _recipe(
        "tools-several",
        "three synthesis transforms recommended, high first",
        "one transform expected",
        lambda: edit.with_hashes(edit.with_tools(plain(), 2, 1, 0)),
        synthesise,
    ),
    _recipe(
        "hash-latents",
        "digest of the latents only",
        "digest of the samples expected",
        lambda: edit.with_hashes(plain(), (edit.LATENTS,)),
        latent_digest,
    ),
    _recipe(
        "hash-simple",
        "digest of the samples of the simple transform only",
        "digests of another transform compared",
        lambda: edit.with_hashes(plain(), (edit.SIMPLE,)),
        picture_digest,
    ),
    _recipe(
        "hash-base-first",
        "digests of base and of the latents, in this order",
        "order of the digests expected",
        lambda: edit.with_hashes(plain(), (edit.BASE, edit.LATENTS)),
        latent_digest,
        picture_digest,
    ),
)
