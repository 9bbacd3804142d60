# SPDX-License-Identifier: Apache-2.0
"""Alpha from end to end: exact beside any samples, by region, and as far as it has arrived."""

import io
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

import refdec
from refdec.errors import ConstraintViolation, RefdecError
from refdec.reconstruction import Region
from refdec.syntax.segment import Marker
from refenc.alpha import Alpha, add_alpha, fill_transparent
from refenc.encode import Structure, encode
from refenc.exact import encode_exact, lossless_structure
from tests.pictures import picture_of, subsampled

HEIGHT, WIDTH = 70, 90
TILED = Structure(tile_size=64, segment_crc=True, log2_lanes=1)
GENERATOR = np.random.default_rng(4)


def gradient(components: int = 3) -> NDArray[np.uint8]:
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    return np.stack([rows + columns, 2 * rows, 250 - columns])[:components].astype(np.uint8)


def disc(bit_depth: int = 8) -> NDArray[np.uint16]:
    """Make a soft disc, opaque in the middle."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    distance = np.hypot(rows - 30, columns - 50)
    peak = (1 << bit_depth) - 1
    soft = np.clip((28 - distance) / 9, 0, 1) * peak
    return soft.astype(np.uint8 if bit_depth == 8 else np.uint16)


ENCODERS: dict[str, Callable[..., bytes]] = {
    "lossy": lambda samples, **options: encode(samples, quality=20, **options),
    "lossless": encode_exact,
    "over base": lambda samples, **options: encode_exact(samples, base_quality=9, **options),
}


@pytest.mark.parametrize("name", ENCODERS)
@pytest.mark.parametrize("components", [1, 3])
@pytest.mark.parametrize("bit_depth", [8, 10, 16])
def test_alpha_is_exact_and_leaves_the_samples(name: str, components: int, bit_depth: int) -> None:
    alpha = Alpha(samples=disc(bit_depth), bit_depth=bit_depth)
    plain = ENCODERS[name](gradient(components), structure=TILED, hashes=True)
    data = add_alpha(plain, alpha, hashes=True)
    picture = refdec.decode(data, verify=True)
    np.testing.assert_array_equal(picture.alpha, alpha.samples)
    assert picture.alpha is not None
    assert picture.alpha.dtype == alpha.samples.dtype
    assert (picture.alpha_bit_depth, picture.is_premultiplied) == (bit_depth, False)
    np.testing.assert_array_equal(picture.samples, refdec.decode(plain).samples)
    assert refdec.verify(data)[-1].point == "A"
    assert refdec.decode(plain).alpha is None


@pytest.mark.clause("12.11")
@given(
    arrays(np.uint8, st.tuples(st.integers(1, 9), st.integers(1, 9))),
    st.booleans(),
    st.booleans(),
)
@settings(max_examples=25, deadline=None)
def test_any_small_alpha(samples: NDArray[np.uint8], matches: bool, premultiplied: bool) -> None:
    alpha = Alpha(samples=samples, is_premultiplied=premultiplied)
    data = add_alpha(encode_exact(samples[None]), alpha, with_matches=matches)
    picture = refdec.decode(data)
    np.testing.assert_array_equal(picture.alpha, samples)
    assert picture.is_premultiplied == premultiplied


@pytest.mark.parametrize("name", ENCODERS)
def test_a_region_has_the_crop_of_alpha(name: str) -> None:
    data = add_alpha(ENCODERS[name](gradient(), structure=TILED), Alpha(samples=disc()))
    part = refdec.decode(data, region=Region(40, 20, 41, 50))
    np.testing.assert_array_equal(part.alpha, disc()[20:70, 40:81])


def test_layers_leave_alpha() -> None:
    layered = encode(gradient(), quality=20, structure=Structure(layer_last_group=(1, 3)))
    data = add_alpha(layered, Alpha(samples=disc()))
    for layers in range(3):
        np.testing.assert_array_equal(refdec.decode(data, layers=layers).alpha, disc())


def test_missing_tiles_are_opaque() -> None:
    data = add_alpha(ENCODERS["lossy"](gradient(), structure=TILED), Alpha(samples=disc()))
    tiles = [s for s in refdec.parse(data).segments if s.marker == Marker.SOA]
    assert len(tiles) == 4
    alpha = refdec.decode(data[: tiles[1].end + 3], tolerant=True).alpha
    assert alpha is not None
    np.testing.assert_array_equal(alpha[:64], disc()[:64])
    assert (alpha[64:] == 255).all()
    before = refdec.decode(data[: tiles[0].offset + 3], tolerant=True)
    assert before.alpha is not None
    assert (before.alpha == 255).all()


def test_alpha_appears_after_the_last_layer() -> None:
    data = add_alpha(encode(gradient(), quality=20), Alpha(samples=disc()))
    pictures = list(refdec.decode_progressive(io.BytesIO(data)))
    np.testing.assert_array_equal(pictures[-1].alpha, disc())


def test_a_wrong_digest_of_alpha_is_named() -> None:
    data = bytearray(add_alpha(encode_exact(gradient(1)), Alpha(samples=disc()), hashes=True))
    data[-3] ^= 1
    with pytest.raises(refdec.HashMismatch, match="point A"):
        refdec.decode(bytes(data), verify=True)


def test_pictures_beyond_the_lossless_tool_are_tiled() -> None:
    large, small = (picture_of(np.zeros((1, *s), np.uint8)) for s in ((2048, 2049), (16, 16)))
    assert lossless_structure(Structure(), large).tile_size == 1024
    assert lossless_structure(Structure(), small) == Structure()
    assert lossless_structure(TILED, large) == TILED


def test_alpha_of_another_size_is_refused() -> None:
    with pytest.raises(ValueError, match="does not fit"):
        add_alpha(encode_exact(gradient()[:, :-1]), Alpha(samples=disc()))


def test_damage_is_an_error_of_ours_or_another_picture() -> None:
    data = add_alpha(encode_exact(gradient(1)[:, :20, :24]), Alpha(samples=disc()[20:40, 30:54]))
    for position in range(0, len(data), 3):
        damaged = bytearray(data)
        damaged[position] ^= 1 << int(GENERATOR.integers(8))
        try:
            refdec.decode(bytes(damaged))
        except RefdecError as error:
            assert error.requirement is not None
    with pytest.raises(ConstraintViolation) as caught:
        refdec.decode(data.replace(b"\xff\x92", b"\xff\x91"))
    assert caught.value.requirement is not None


def test_unseen_colours_are_smooth_and_seen_ones_stay() -> None:
    picture = picture_of(GENERATOR.integers(0, 256, (3, HEIGHT, WIDTH), np.uint8))
    alpha = Alpha(samples=disc())
    filled, seen = fill_transparent(picture, alpha), disc() > 0
    np.testing.assert_array_equal(filled.samples[:, seen], picture.samples[:, seen])
    assert len(encode(filled, quality=30)) < 0.7 * len(encode(picture, quality=30))
    opaque = Alpha(samples=np.full_like(disc(), 255))
    for kept in (opaque, Alpha(samples=0 * disc()), Alpha(samples=disc(), is_premultiplied=True)):
        assert fill_transparent(picture, kept) is picture


@pytest.mark.parametrize("chroma_format", [1, 2])
def test_unseen_chroma_is_that_of_unseen_luma_alone(chroma_format: int) -> None:
    picture = subsampled(chroma_format, 5, 7)
    visible = np.zeros((5, 7), np.uint8)
    visible[4, 6] = visible[1, 2] = 1
    filled = fill_transparent(picture, Alpha(samples=visible))
    assert filled.chroma is not None
    row = 1 if chroma_format == 1 else 0
    kept = np.zeros(filled.chroma.shape[1:], np.bool_)
    kept[row, 1] = kept[-1, 3] = True
    np.testing.assert_array_equal(filled.chroma[:, kept], picture.chroma[:, kept])
    for plane in filled.chroma:
        assert np.isin(plane[~kept], [*plane[kept], round(float(plane[kept].mean()))]).all()
