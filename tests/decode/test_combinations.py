# SPDX-License-Identifier: Apache-2.0
"""Sample formats with alpha and in animations: the tools do not know of one another."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

import refdec
from refdec.cli.main import main
from refdec.decoding import decode_strips
from refdec.errors import ConstraintViolation
from refdec.picture import Picture
from refdec.reconstruction import Region
from refdec.syntax.codestream import Codestream
from refdec.syntax.parser import parse_codestream
from refdec.syntax.segment import AnimationHeader
from refenc.alpha import Alpha, add_alpha
from refenc.animation import as_frame
from refenc.codestream import in_profile, write_codestream
from refenc.encode import Structure, encode
from refenc.exact import encode_exact
from tests.pictures import deep, picture_of, subsampled

WIDTH, HEIGHT = 70, 21
WHOLE = Region(0, 0, WIDTH, HEIGHT)
PLACES = (WHOLE, Region(10, 6, 20, 8), Region(40, 12, 30, 9))
STRUCTURE = Structure(tile_size=64, log2_lanes=1)
REGIONS = (Region(11, 7, 30, 9), Region(29, 9, 12, 8))


def ordinary(is_ycc: bool, bit_depth: int) -> Callable[[int, int], Picture]:
    return lambda height, width: picture_of(
        deep(3, height, width, bit_depth), bit_depth, is_ycc=is_ycc
    )


def binary16(height: int, width: int) -> Picture:
    samples = np.clip(deep(3, height, width, 16), 0x0400, 0xFBFF)
    return picture_of(samples, 16, is_float=True)


FORMATS: dict[str, Callable[[int, int], Picture]] = {
    "R, G, B of 12 bits": ordinary(is_ycc=False, bit_depth=12),
    "Y, Cb, Cr": ordinary(is_ycc=True, bit_depth=8),
    "4:2:2 of 10 bits": lambda height, width: subsampled(1, height, width, 10),
    "4:2:0": lambda height, width: subsampled(2, height, width),
    "binary16": binary16,
    "4:2:0 of binary16": lambda height, width: subsampled(2, height, width, 16, is_float=True),
}


def source(name: str, number: int) -> Picture:
    """Make the picture of a frame, with alpha of 8 bits, or of 12 where the samples are deep."""
    place = PLACES[number]
    picture = FORMATS[name](place.height, place.width)
    depth = 8 if picture.bit_depth == 8 else 12
    alpha = deep(1, place.height, place.width, depth, seed=number)[0]
    return replace(picture, alpha=alpha, alpha_bit_depth=depth)


def still(name: str, number: int, *, exact: bool) -> bytes:
    picture, options = source(name, number), {"structure": STRUCTURE, "hashes": True}
    if exact:
        data = encode_exact(picture, with_matches=False, **options)
    else:
        data = encode(picture, quality=30, backend="numpy", effort=0, **options)
    alpha = Alpha.of(picture)
    assert alpha is not None
    return add_alpha(data, alpha, hashes=True, with_matches=True)


@cache
def animation(name: str, *, exact: bool, places: tuple[Region, ...] = PLACES) -> bytes:
    frames: list[Codestream] = []
    for number, place in enumerate(places):
        frame = parse_codestream(still(name, number, exact=exact))
        frames.append(as_frame(frame, frames[0] if frames else frame, part=place, ticks=1))
    stream = Codestream(
        picture_header=frames[0].picture_header,
        tool_header=frames[0].tool_header,
        animation=AnimationHeader(
            num_frames_minus1=len(frames) - 1, ticks_per_second_minus1=9, loop_count=0
        ),
        frames=tuple(frames),
    )
    return write_codestream(in_profile(stream, None))


def assert_same(found: Picture, wanted: Picture) -> None:
    assert replace(found, samples=0, chroma=0, alpha=0) == replace(  # type: ignore[arg-type]
        wanted,
        samples=0,  # type: ignore[arg-type]
        chroma=0,  # type: ignore[arg-type]
        alpha=0,  # type: ignore[arg-type]
    )
    np.testing.assert_array_equal(found.alpha, wanted.alpha)
    for plane, other in zip(found.planes, wanted.planes, strict=True):
        np.testing.assert_array_equal(plane, other)


def chroma_step(picture: Picture) -> tuple[int, int]:
    return ((1, 1), (2, 1), (2, 2))[picture.chroma_format]


def covered(start: int, size: int, step: int) -> slice:
    return slice(start // step, -(-(start + size) // step))


def part(picture: Picture, region: Region) -> Picture:
    """Cut a rectangle out, with all chroma samples that belong to it."""
    (step_x, step_y), (x, y, width, height) = chroma_step(picture), region
    rows, columns = slice(y, y + height), slice(x, x + width)
    chroma = picture.chroma
    return replace(
        picture,
        samples=picture.samples[:, rows, columns],
        chroma=None
        if chroma is None
        else chroma[:, covered(y, height, step_y), covered(x, width, step_x)],
        alpha=None if picture.alpha is None else picture.alpha[rows, columns],
    )


@pytest.mark.parametrize("name", FORMATS)
def test_lossless_with_alpha_gives_the_source(name: str) -> None:
    data = still(name, 0, exact=True)
    assert_same(refdec.decode(data, verify=True), source(name, 0))
    for region in REGIONS:
        assert_same(refdec.decode(data, region=region), part(source(name, 0), region))
        (strip,) = decode_strips(data, region=region)
        assert_same(strip, part(source(name, 0), region))


@pytest.mark.clause("8.8")
@pytest.mark.parametrize("exact", [False, True])
@pytest.mark.parametrize("name", FORMATS)
def test_frames_of_any_format_replace_their_rectangle(name: str, exact: bool) -> None:
    data, canvas = animation(name, exact=exact), None
    shown = [frame.picture for frame in refdec.decode_frames(data, verify=True)]
    for number, place in enumerate(PLACES):
        frame = refdec.decode(still(name, number, exact=exact))
        canvas = canvas or replace(
            frame,
            samples=frame.samples.copy(),
            chroma=None if frame.chroma is None else frame.chroma.copy(),
            alpha=frame.alpha.copy(),
        )
        target = part(canvas, place)
        for plane, other in zip(target.planes, frame.planes, strict=True):
            plane[:] = other
        target.alpha[:] = frame.alpha
        assert_same(shown[number], canvas)
    for region in REGIONS:
        for frame, whole in zip(refdec.decode_frames(data, region=region), shown, strict=True):
            assert_same(frame.picture, part(whole, region))


@pytest.mark.clause("7.18")
@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("4:2:0", Region(11, 6, 20, 8)),
        ("4:2:0", Region(10, 7, 20, 8)),
        ("4:2:0", Region(10, 6, 19, 8)),
        ("4:2:0", Region(10, 6, 20, 7)),
        ("4:2:2 of 10 bits", Region(11, 7, 20, 8)),
    ],
)
def test_frames_do_not_cut_through_chroma_samples(name: str, place: Region) -> None:
    with pytest.raises(ConstraintViolation) as caught:
        as_frame(*[parse_codestream(still(name, 0, exact=True))] * 2, part=place, ticks=1)
    assert caught.value.requirement == "FRH-005"


@pytest.mark.parametrize("place", [Region(10, 7, 20, 7), Region(40, 6, 30, 7)])
def test_frames_of_422_may_start_in_any_row(place: Region) -> None:
    first = parse_codestream(still("4:2:2 of 10 bits", 0, exact=True))
    assert as_frame(first, first, part=place, ticks=1).picture_header.pic_height == 7


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("R, G, B of 12 bits", "a.pam"),
        ("Y, Cb, Cr", "a.npy"),
        ("4:2:2 of 10 bits", "a.tif"),
        ("4:2:0", "a.png"),
        ("binary16", "a.tif"),
        ("4:2:0 of binary16", "a.yuv"),
    ],
)
def test_every_format_has_a_file_that_holds_its_alpha(name: str, file: str, tmp_path: Path) -> None:
    stream = tmp_path / "s.jai"
    stream.write_bytes(still(name, 0, exact=True))
    assert main(["decode", str(stream), "-o", str(tmp_path / file), "--verify"]) == 0
    stream.write_bytes(animation(name, exact=True))
    numbered = tmp_path / f"f%d{file[-4:]}"
    assert main(["decode", str(stream), "-o", str(numbered)]) == 0
    assert len(list(tmp_path.glob("f?.*"))) == len(PLACES)
