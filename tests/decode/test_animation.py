# SPDX-License-Identifier: Apache-2.0
"""Animations: frames in turn and by number, regions of them, what is refused, what is cut."""

import io
from collections.abc import Callable
from fractions import Fraction
from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray

import refdec
from refdec.errors import TruncatedStream
from refdec.reconstruction import Region
from refdec.syntax.codestream import Codestream
from refdec.syntax.parser import parse_codestream
from refdec.syntax.segment import AnimationHeader, Marker
from refenc.alpha import Alpha, add_alpha
from refenc.animation import as_frame
from refenc.codestream import in_profile, write_codestream
from refenc.encode import Structure, encode
from refenc.exact import encode_exact

HEIGHT, WIDTH = 48, 80
WHOLE = Region(0, 0, WIDTH, HEIGHT)
PLACES = (WHOLE, Region(16, 8, 21, 30), Region(70, 40, 10, 8), WHOLE, Region(0, 0, 1, 1))
STRUCTURE = Structure(log2_lanes=0)
STILLS: dict[str, Callable[..., bytes]] = {
    "lossy": lambda samples: encode(samples, quality=20, structure=STRUCTURE, hashes=True),
    "lossless": lambda samples: encode_exact(
        samples, structure=STRUCTURE, hashes=True, with_matches=False
    ),
}


def samples_of(number: int) -> NDArray[np.uint8]:
    """Make the samples (3, h, w) of one frame."""
    rows, columns = np.mgrid[: PLACES[number].height, : PLACES[number].width]
    planes = [3 * columns + 40 * number, 4 * rows + columns, 255 - 2 * columns]
    return np.stack(planes).astype(np.uint8)


def alpha_of(number: int) -> NDArray[np.uint8]:
    return (samples_of(number)[1] // 2 + 20 * number).astype(np.uint8)


@cache
def animation(kind: str, *, alpha: bool = False) -> bytes:
    frames: list[Codestream] = []
    for number, place in enumerate(PLACES):
        data = STILLS[kind](samples_of(number))
        if alpha:
            source = Alpha(samples=alpha_of(number))
            data = add_alpha(data, source, hashes=True, with_matches=True)
        still = parse_codestream(data)
        first = frames[0] if frames else still
        frames.append(as_frame(still, first, part=place, ticks=10 * number + 1))
    stream = Codestream(
        picture_header=frames[0].picture_header,
        tool_header=frames[0].tool_header,
        animation=AnimationHeader(
            num_frames_minus1=len(frames) - 1, ticks_per_second_minus1=24, loop_count=2
        ),
        frames=tuple(frames),
    )
    return write_codestream(in_profile(stream, None))


def expected(kind: str) -> list[NDArray[np.uint8]]:
    """Compose the frames from what their stills decode to."""
    shown, canvas = [], np.zeros((3, HEIGHT, WIDTH), np.uint8)
    for number, place in enumerate(PLACES):
        decoded = refdec.decode(STILLS[kind](samples_of(number))).samples
        canvas = canvas.copy()
        canvas[:, place.y : place.y + place.height, place.x : place.x + place.width] = decoded
        shown.append(canvas)
    return shown


@pytest.mark.clause("8.8")
@pytest.mark.parametrize("kind", STILLS)
def test_frames_replace_their_rectangle(kind: str) -> None:
    frames = list(refdec.decode_frames(animation(kind), verify=True))
    assert [frame.seconds for frame in frames] == [Fraction(10 * i + 1, 25) for i in range(5)]
    for frame, samples in zip(frames, expected(kind), strict=True):
        np.testing.assert_array_equal(frame.picture.samples, samples)


@pytest.mark.parametrize("alpha", [False, True])
@pytest.mark.parametrize("region", [None, Region(10, 5, 40, 20), Region(60, 30, 20, 18)])
def test_a_frame_by_number_is_that_in_turn(region: Region | None, alpha: bool) -> None:
    data, options = animation("lossless", alpha=alpha), {"region": region}
    whole = list(refdec.decode_frames(data))
    for number, frame in enumerate(refdec.decode_frames(data, **options)):
        picture = refdec.decode(data, frame=number, verify=True, **options)
        np.testing.assert_array_equal(picture.samples, frame.picture.samples)
        rows, columns = (region or WHOLE).inside(WHOLE)
        np.testing.assert_array_equal(
            picture.samples, whole[number].picture.samples[:, rows, columns]
        )
        if alpha:
            assert whole[number].picture.alpha is not None
            assert picture.alpha is not None
            np.testing.assert_array_equal(picture.alpha, whole[number].picture.alpha[rows, columns])


def test_alpha_is_replaced_with_the_samples() -> None:
    shown = refdec.decode(animation("lossless", alpha=True), frame=1).alpha
    wanted, place = alpha_of(0).copy(), PLACES[1]
    wanted[place.inside(WHOLE)] = alpha_of(1)
    np.testing.assert_array_equal(shown, wanted)


def test_only_the_frames_since_the_last_whole_one_are_decoded() -> None:
    names: list[str] = []
    refdec.decode(animation("lossy"), frame=4, trace=lambda name, _: names.append(name))
    assert {name.split("/")[0] for name in names} == {"frame3", "frame4"}


def test_the_first_frame_is_the_default() -> None:
    data = animation("lossy")
    np.testing.assert_array_equal(refdec.decode(data).samples, refdec.decode(data, frame=0).samples)


def test_hashes_of_all_frames_are_compared() -> None:
    results = refdec.verify(animation("lossy"))
    assert [(r.frame, r.point) for r in results] == [(i, p) for i in range(5) for p in "LS"]
    assert [r.frame for r in refdec.verify(animation("lossless"), frame=2)] == [2]
    part = refdec.verify(animation("lossless"), region=PLACES[2])
    assert [r.frame for r in part] == [2], "the region is all of one frame only"


def test_a_wrong_hash_of_a_frame_is_named() -> None:
    data = bytearray(animation("lossless"))
    hashes = [s for s in refdec.parse(bytes(data)).segments if s.marker == Marker.DPH]
    data[hashes[1].payload_end - 1] ^= 1
    assert [r.matches for r in refdec.verify(bytes(data))] == [True, False, True, True, True]
    refdec.decode(bytes(data), frame=0, verify=True)
    with pytest.raises(refdec.HashMismatch):
        refdec.decode(bytes(data), frame=2, verify=True)


def test_latents_are_those_of_the_frame() -> None:
    data = animation("lossy")
    for number in range(len(PLACES)):
        wanted = refdec.decode_latents(STILLS["lossy"](samples_of(number))).y_hat
        np.testing.assert_array_equal(refdec.decode_latents(data, frame=number).y_hat, wanted)
    with pytest.raises(ValueError, match="does not reach"):
        refdec.decode_latents(data, frame=4, region=Region(5, 5, 2, 2))


@pytest.mark.parametrize("number", [-1, 5])
def test_a_frame_that_is_not_there(number: int) -> None:
    with pytest.raises(ValueError, match="no frame"):
        refdec.decode(animation("lossy"), frame=number)
    with pytest.raises(ValueError, match="no frame"):
        refdec.decode(STILLS["lossy"](samples_of(2)), frame=1)


def test_a_still_is_one_frame() -> None:
    data = STILLS["lossy"](samples_of(1))
    (frame,) = refdec.decode_frames(data)
    assert frame.seconds == 0
    np.testing.assert_array_equal(frame.picture.samples, refdec.decode(data, frame=0).samples)


def test_a_cut_animation_has_its_first_frames() -> None:
    data = animation("lossy")
    places = [s for s in refdec.parse(data).segments if s.marker == Marker.FRH]
    cut = data[: places[2].offset + 5]
    frames = list(refdec.decode_frames(cut, tolerant=True))
    assert len(frames) == 2
    np.testing.assert_array_equal(frames[1].picture.samples, expected("lossy")[1])
    with pytest.raises(TruncatedStream) as caught:
        refdec.decode(cut, tolerant=True, frame=2)
    assert caught.value.requirement == "EOC-001"
    with pytest.raises(TruncatedStream):
        refdec.decode(cut, frame=0)


def test_a_frame_appears_as_it_arrives() -> None:
    data = animation("lossy")
    pictures = list(refdec.decode_progressive(io.BytesIO(data), frame=1))
    np.testing.assert_array_equal(pictures[-1].samples, expected("lossy")[1])


def test_limits_hold_for_the_picture() -> None:
    with pytest.raises(refdec.LimitExceeded):
        refdec.decode(animation("lossy"), limits=refdec.Limits(max_pixels=HEIGHT * WIDTH - 1))
    refdec.decode(animation("lossy"), limits=refdec.Limits(max_pixels=HEIGHT * WIDTH))


def test_damage_is_an_error_of_ours_or_another_picture() -> None:
    data, generator = animation("lossless", alpha=True), np.random.default_rng(1)
    for position in range(0, 400, 7):
        damaged = bytearray(data)
        damaged[position] ^= 1 << int(generator.integers(8))
        try:
            refdec.decode(bytes(damaged), frame=2)
        except refdec.RefdecError as error:
            assert error.requirement is not None
        except ValueError as error:
            assert "no frame" in str(error)
