# SPDX-License-Identifier: Apache-2.0
"""Ends and single values of elements that other streams do not reach; more of profile Simple."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache

import numpy as np

from conformance import build, edit
from conformance.build import Draw
from conformance.recipes.pictures import noise
from conformance.recipes.recipe import Recipe
from conformance.recipes.syntax import blob, plain
from refdec.animation import show_frame
from refdec.decoding import decode
from refdec.enhancement import enhance_picture
from refdec.lossless.samples import SampleFormat
from refdec.syntax.codestream import Codestream
from refdec.syntax.picture_header import PictureHeader
from refdec.syntax.profiles import Profile
from refdec.syntax.segment import (
    MAX_FRAME_TICKS,
    MAX_LOOPS,
    MAX_TICKS,
    AnimationHeader,
    EnhancementSegment,
    FrameHeader,
    HashPoint,
    PictureHash,
    SynthesisTransform,
    ToolHeader,
)
from refenc.alpha import Alpha, add_alpha
from refenc.codestream import in_profile, write_codestream
from refenc.exact import encode_exact
from refenc.lossless import encode_tiles

ALPHA_DEPTHS = (9, 11, 12, 13, 14, 15)
MATRICES = (10, 11, 12, 13, 15)
COLOURS = (
    *zip((4, 5, 6, 7, 8, 10, 11, 12, 22), (4, 5, 6, 7, 8, 9, 10, 11, 12), strict=True),
    *((1, transfer) for transfer in (14, 15, 17, 18)),
)
"""Code points of colour primaries and of transfer characteristics that no other stream has."""
LEVELS = (3, 4, 5)
NOISE = 3


def animation(
    declared: PictureHeader, *frames: FrameHeader, ticks: int = 10, loops: int = 1
) -> Codestream:
    """Return a lossy animation whose frames are as random as their tables expect."""
    parts = []
    for number, frame in enumerate(frames):
        content = build.natural(declared.of_frame(frame), seed=700 + number)
        parts.append(replace(content.codestream(), frame_header=frame))
    header = AnimationHeader(
        num_frames_minus1=len(frames) - 1, ticks_per_second_minus1=ticks - 1, loop_count=loops
    )
    whole = Codestream(picture_header=declared, animation=header, frames=tuple(parts))
    return in_profile(whole, None)


def frame(
    *, ticks: int = 10, quality: int | None = None, place: tuple[int, ...] | None = None
) -> FrameHeader:
    """Return a frame header; `place` is x, y, width and height of a part, None the whole."""
    x, y, width, height = place or (0, 0, 1, 1)
    return FrameHeader(
        frame_ticks=ticks,
        frame_quality_flag=int(quality is not None),
        frame_quality_idx=quality or 0,
        whole_frame_flag=int(place is None),
        frame_x=x,
        frame_y=y,
        frame_width_minus1=width - 1,
        frame_height_minus1=height - 1,
    )


def _over_simple() -> Codestream:
    """Return a picture that is lossless over the simple lossy picture."""
    lossy = plain()
    header = lossy.picture_header
    base = [g.astype(np.int32) for g in decode(write_codestream(lossy), synthesis="simple").groups]
    draw = Draw(41)
    samples = [
        (group + draw.integers(group.size, -NOISE, NOISE).reshape(group.shape))
        .clip(0, 255)
        .astype(np.int32)
        for group in base
    ]
    payloads, _ = encode_tiles(
        samples,
        header=header,
        plane_groups=header.plane_groups,
        sample_format=SampleFormat.of(header, 0),
        base=base,
        with_matches=True,
    )
    tools = ToolHeader(
        num_synthesis_minus1=0,
        synthesis_transform_idc=(SynthesisTransform.BASE,),
        enhancement_flag=1,
        base_flag=1,
        base_transform_idc=SynthesisTransform.SIMPLE,
        match_flag=1,
        max_error=0,
        alpha_flag=0,
    )
    enhanced = replace(
        lossy,
        picture_header=replace(header, tool_header_flag=1),
        tool_header=tools,
        enhancement=tuple(
            EnhancementSegment(tile_idx=index, payload=payload)
            for index, payload in enumerate(payloads)
        ),
    )
    return in_profile(enhanced, None)


def _with_high_digest() -> Codestream:
    stream = edit.with_hashes(plain(), (edit.LATENTS,))
    high = PictureHash(
        hash_point_idc=HashPoint.SAMPLES,
        synthesis_transform_idc=SynthesisTransform.HIGH,
        digest=bytes(range(32)),
    )
    return replace(stream, hashes=(*stream.hashes, high))


def _simple_with_map() -> Codestream:
    declared = build.header(72, 40, quality=30, profile_idc=Profile.SIMPLE)
    offsets = np.zeros((declared.h16, declared.w16), np.int32)
    offsets[1:, 2:] = 20
    return build.natural(declared, seed=710, offsets=offsets).codestream()


def _simple_structure() -> Codestream:
    declared = build.header(
        100, 72, quality=40, profile_idc=Profile.SIMPLE, log2_lanes=3, segment_crc_flag=1,
        **build.tiles(64, 64), **build.layers(1, 3),
    )  # fmt: skip
    return build.natural(declared, seed=711).codestream()


def _recipe(
    name: str,
    purpose: str,
    catches: str,
    make: Callable[[], Codestream],
    *processes: Callable[..., object],
    has_hashes: bool = False,
) -> Recipe:
    def written() -> bytes:
        return write_codestream(edit.with_hashes(make()) if has_hashes else make())

    return Recipe(id=name, purpose=purpose, catches=catches, build=written, processes=processes)


def _alpha_depth(bits: int) -> Recipe:
    def make() -> bytes:
        draw = Draw(bits)
        values = draw.integers(15, 0, (1 << bits) - 1).astype(np.uint16).reshape(3, 5)
        values.flat[:2] = 0, (1 << bits) - 1
        alpha = Alpha(samples=values, bit_depth=bits)
        return add_alpha(encode_exact(noise(5, 3), hashes=True), alpha, hashes=True)

    return Recipe(
        id=f"alpha/depth-{bits}",
        purpose=f"alpha of {bits} bits beside samples of 8",
        catches="alpha read or written at another depth",
        build=make,
        processes=(enhance_picture,),
    )


@cache
def small(width: int, height: int) -> PictureHeader:
    """Declare a picture for an animation."""
    return build.header(width, height, quality=30)


# fmt: off
def _valid() -> Iterator[Recipe]:
    yield from (
        _recipe(f"syntax/level-{level}", f"level {level} declared for a small picture",
                "a level that is not known", lambda level=level: plain(level_idc=level))  # type: ignore[misc]
        for level in LEVELS
    )
    yield from (
        _recipe(f"format/ycc-matrix-{matrix}", f"Y, Cb, Cr with matrix_coefficients {matrix}",
                "matrices that are refused though nothing is converted",
                lambda matrix=matrix: plain(matrix_coefficients=matrix, ycc_flag=1),  # type: ignore[misc]
                has_hashes=True)
        for matrix in MATRICES
    )
    yield from (
        _recipe(f"format/colour-{primaries}-{transfer}",
                f"colour_primaries {primaries}, transfer_characteristics {transfer}",
                "code points that are refused though they enter no process",
                lambda p=primaries, t=transfer: plain(colour_primaries=p,  # type: ignore[misc]
                                                      transfer_characteristics=t),
                has_hashes=True)
        for primaries, transfer in COLOURS
    )
    yield from map(_alpha_depth, ALPHA_DEPTHS)
    yield _recipe("syntax/simple-profile-monochrome", "luma only, profile Simple",
                  "profile Simple taken for colour only",
                  lambda: plain(profile_idc=Profile.SIMPLE, monochrome_flag=1), has_hashes=True)
    yield _recipe("syntax/simple-profile-map", "quality map, profile Simple",
                  "tools of profile Simple left out", _simple_with_map, has_hashes=True)
    yield _recipe("syntax/simple-profile-structure",
                  "four tiles, three layers, 8 lanes and CRCs, profile Simple",
                  "structure of profile Simple left out", _simple_structure, has_hashes=True)
    yield _recipe("syntax/tools-two", "two synthesis transforms recommended, base first",
                  "one or three transforms expected", lambda: edit.with_tools(plain(), 1, 0))
    yield _recipe("syntax/hash-high", "a digest of the transform high",
                  "digests of other transforms compared, or refused", _with_high_digest)
    yield _recipe("syntax/metadata-type-255", "metadata of the largest type",
                  "unknown metadata types refused",
                  lambda: replace(plain(), metadata=(blob(255, b"largest"),)))
    yield _recipe("lossless/over-simple", "lossless over the simple lossy picture, with matches",
                  "the base transform taken whatever base_transform_idc says", _over_simple,
                  enhance_picture)
    yield _recipe("animation/least", "smallest values of the animation's header",
                  "one tick per second, or an endless loop, refused",
                  lambda: animation(small(24, 16), frame(ticks=0), ticks=1, loops=0), show_frame)
    yield _recipe("animation/most", "largest values of the headers of an animation and a frame",
                  "durations and loops kept in fewer bits",
                  lambda: animation(small(24, 16), frame(ticks=MAX_FRAME_TICKS), ticks=MAX_TICKS,
                                    loops=MAX_LOOPS), show_frame)
    yield _recipe("animation/qualities", "frames of quality 0 and 63 after one of quality 30",
                  "the quality of a frame read as an offset, or kept for the next",
                  lambda: animation(small(24, 16), frame(), frame(quality=0), frame(quality=63),
                                    frame()), show_frame)
    yield _recipe("animation/chroma-odd", "a part in the last corner of an odd picture in 4:2:0",
                  "chroma samples that the picture cuts, refused or left out",
                  lambda: animation(build.header(33, 25, quality=30, ycc_flag=1,
                                                 chroma_format_idc=2),
                                    frame(), frame(place=(16, 8, 17, 17))), show_frame)
    yield _recipe("animation/corner", "a part of one sample in the last corner, and one as "
                  "large as the picture",
                  "rectangles off by one at the end",
                  lambda: animation(small(64, 64), frame(), frame(place=(63, 63, 1, 1)),
                                    frame(place=(0, 0, 64, 64))), show_frame)
# fmt: on


RECIPES = tuple(_valid())
