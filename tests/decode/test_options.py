# SPDX-License-Identifier: Apache-2.0
"""What a caller can ask of the decoder, and what each request leaves as it is."""

import hashlib
import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from refdec import (
    HashMismatch,
    Limits,
    Picture,
    RefdecError,
    TruncatedStream,
    UnsupportedFeature,
    decode,
    decode_latents,
    parse,
    reconstruction,
    verify,
)
from refdec.decoding import decode_progressive, decode_strips
from refdec.reconstruction import Region
from refdec.syntax.codestream import Codestream
from refdec.syntax.parser import parse_codestream
from refdec.syntax.profiles import Profile
from refdec.syntax.segment import SynthesisTransform
from tests.decode.streams import NAMES, NUM_GROUPS, outcome, rewritten, stream, tool_header

HASHED = ("lanes", "grey tiles", "crc", "map", "extreme")


def test_a_source_is_a_path_its_name_or_bytes(tmp_path: Path) -> None:
    data, path = stream("grey"), tmp_path / "grey.jai"
    path.write_bytes(data)
    for source in (path, str(path), data):
        np.testing.assert_array_equal(decode(source).samples, decode(data).samples)
        assert parse(source) == parse(data)
    with pytest.raises(FileNotFoundError):
        decode(tmp_path / "none.jai")


@pytest.mark.parametrize(
    "options",
    [
        {"backend": "abacus"},
        {"synthesis": "high"},
        {"region": Region(0, 0, 17, 1)},
        {"region": Region(-1, 0, 2, 2)},
        {"region": Region(3, 3, 0, 2)},
        {"region": Region(0, 16, 1, 1)},
    ],
)
def test_requests_without_meaning_are_the_callers_error(options: dict[str, object]) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the messages are for people
        decode(stream("grey"), **options)


@pytest.mark.parametrize("function", [decode, decode_latents, verify])
def test_an_option_that_does_not_exist_is_not_passed_over(function: Callable[..., object]) -> None:
    with pytest.raises(TypeError, match="limit"):
        function(stream("grey"), limit=Limits(max_pixels=1))


# -- hashes ---------------------------------------------------------------------------------------


@pytest.mark.clause("10.2")
def test_the_sample_digest_is_that_of_planes_rows_and_big_endian_samples() -> None:
    narrow, wide = decode(stream("layers")), decode(stream("formats"))
    rows = b"".join(row.tobytes() for plane in narrow.samples for row in plane)
    assert narrow.digest() == hashlib.sha256(rows).hexdigest()
    rows = b"".join(int(v).to_bytes(2, "big") for v in wide.samples.ravel())
    assert wide.digest() == hashlib.sha256(rows).hexdigest()


@pytest.mark.clause("10.1")
def test_the_latent_digest_is_that_of_16_bit_big_endian_integers() -> None:
    latents = decode_latents(stream("grey"))
    values = b"".join(int(value).to_bytes(2, "big", signed=True) for value in latents.y_hat.ravel())
    assert latents.digest() == hashlib.sha256(values).hexdigest()


@pytest.mark.parametrize("name", HASHED)
def test_hashes_of_the_encoder_match(name: str) -> None:
    for synthesis in ("simple", "base"):
        results = verify(stream(name), synthesis=synthesis)
        assert [result.point for result in results] == ["L", "S"]
        assert all(result.matches for result in results)
        assert results[1].actual == decode(stream(name), synthesis=synthesis).digest()


@pytest.mark.parametrize("index", [0, 2])
def test_a_wrong_hash_is_named(index: int) -> None:
    def damage(value: Codestream) -> Codestream:
        hashes = list(value.hashes)
        digest = bytearray(hashes[index].digest)
        digest[31] ^= 1
        hashes[index] = replace(hashes[index], digest=bytes(digest))
        return replace(value, hashes=tuple(hashes))

    data = rewritten(stream("crc"), damage)
    decode(data)
    results = verify(data)
    assert [result.matches for result in results] == [index != 0, index != 2]
    with pytest.raises(HashMismatch, match="point " + "LSS"[index]) as caught:
        decode(data, verify=True)
    assert caught.value.exit_code == 5


def test_parts_of_a_picture_are_not_compared() -> None:
    assert verify(stream("crc"), layers=1) == ()
    assert verify(stream("crc"), region=Region(0, 0, 8, 8)) == ()
    assert verify(stream("layers")) == ()


# -- sample formats and transforms ----------------------------------------------------------------


def test_formats_and_recommended_transforms_are_obeyed() -> None:
    data = stream("formats")
    picture = decode(data)
    assert picture.bit_depth == 10
    assert picture.samples.dtype == np.uint16
    assert (picture.colour.primaries, picture.colour.matrix) == (9, 9)
    np.testing.assert_array_equal(picture.samples, decode(data, synthesis="simple").samples)
    assert (picture.samples != decode(data, synthesis="base").samples).any()


def test_a_transform_that_is_not_at_hand_is_passed_over() -> None:
    def recommend(*transforms: SynthesisTransform) -> Picture:
        return decode(
            rewritten(
                stream("layers"),
                lambda value: replace(
                    value,
                    picture_header=replace(value.picture_header, tool_header_flag=1),
                    tool_header=tool_header(*transforms),
                ),
            )
        )

    base, simple = (decode(stream("layers"), synthesis=s).samples for s in ("base", "simple"))
    high = SynthesisTransform.HIGH
    np.testing.assert_array_equal(recommend(high, SynthesisTransform.SIMPLE).samples, simple)
    np.testing.assert_array_equal(recommend(high).samples, base)
    np.testing.assert_array_equal(decode(stream("layers")).samples, base)


def test_more_bits_refine_the_same_picture() -> None:
    def with_depth(bits: int) -> NDArray[np.float64]:
        data = rewritten(
            stream("layers"),
            lambda value: replace(
                value,
                picture_header=replace(
                    value.picture_header,
                    profile_idc=Profile.HIGH,
                    default_format_flag=0,
                    bit_depth_minus8=bits - 8,
                ),
            ),
        )
        return decode(data).samples / 2.0 ** (bits - 8)

    eight = decode(stream("layers")).samples
    for bits in (9, 12, 16):
        finer = with_depth(bits)
        inside = (eight > 0) & (eight < 255)
        assert np.abs(finer - eight)[inside].max() <= 0.5 + 1 / 32


def test_a_format_that_cannot_be_delivered_still_has_latents() -> None:
    data = rewritten(
        stream("layers"),
        lambda value: replace(
            value,
            picture_header=replace(
                value.picture_header, default_format_flag=0, matrix_coefficients=14
            ),
        ),
    )
    with pytest.raises(UnsupportedFeature):
        decode(data)
    assert decode_latents(data).digest() == decode_latents(stream("layers")).digest()


# -- regions and strips ---------------------------------------------------------------------------


@settings(max_examples=25)
@given(data=st.data(), synthesis=st.sampled_from(["simple", "base"]))
def test_a_region_is_the_crop_of_the_whole(data: st.DataObject, synthesis: str) -> None:
    name = data.draw(st.sampled_from(["tiles", "grey tiles", "extreme", "map"]))
    whole = decode(stream(name), synthesis=synthesis)
    x, y = (data.draw(st.integers(0, side - 1)) for side in (whole.width, whole.height))
    width = data.draw(st.integers(1, whole.width - x))
    height = data.draw(st.integers(1, whole.height - y))
    region = Region(x, y, width, height)
    part = decode(stream(name), synthesis=synthesis, region=region)
    crop = whole.samples[:, y : y + height, x : x + width]
    np.testing.assert_array_equal(part.samples, crop)


@pytest.mark.parametrize("name", NAMES)
def test_neither_parts_nor_bands_change_the_samples(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A trace decodes all latents, then all samples, at once."""
    whole = decode(stream(name), trace=lambda *_: None).samples
    np.testing.assert_array_equal(decode(stream(name)).samples, whole)
    for width in (1 << 11, 32):
        monkeypatch.setattr(reconstruction, "PART_SAMPLES", 1)
        monkeypatch.setattr(reconstruction, "PART_WIDTH", width)
        np.testing.assert_array_equal(decode(stream(name)).samples, whole)


@pytest.mark.parametrize("region", [None, Region(3, 1, 15, 33)])
@pytest.mark.parametrize("name", ["lanes", "grey tiles"])
def test_strips_are_the_picture(
    name: str, region: Region | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = decode(stream(name), region=region).samples
    monkeypatch.setattr(reconstruction, "PART_SAMPLES", 1)
    strips = [strip.samples for strip in decode_strips(stream(name), region=region)]
    assert [strip.shape[1] for strip in strips[:-1]] == [16] * (whole.shape[1] // 16)
    np.testing.assert_array_equal(np.concatenate(strips, axis=1), whole)


# -- layers, cuts, progression --------------------------------------------------------------------


def prefix_of_layers(data: bytes, layers: int) -> bytes:
    segments = parse_codestream(data).residual
    return data[: segments[layers].offset] if layers < len(segments) else data


@pytest.mark.parametrize("name", ["layers", "crc"])
def test_a_cut_stream_decodes_to_its_complete_layers(name: str) -> None:
    data = stream(name)
    for layers in range(len(parse_codestream(data).residual)):
        cut = prefix_of_layers(data, layers)
        with pytest.raises(TruncatedStream):
            decode(cut)
        expected = decode(data, layers=layers).samples
        np.testing.assert_array_equal(decode(cut, tolerant=True).samples, expected)


def test_more_layers_are_nearer_to_the_whole() -> None:
    data = stream("layers")
    whole = decode(data).samples.astype(int)
    errors = [np.abs(decode(data, layers=n).samples - whole).mean() for n in range(4)]
    assert errors == sorted(errors, reverse=True)
    assert errors[0] > errors[3] == 0


@pytest.mark.parametrize("name", ["grey", "layers", "tiles", "crc", "map", "formats"])
def test_progressive_decoding_yields_each_layer_once(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("refdec.decoding.CHUNK", 7)
    data = stream(name)
    header = parse(data).picture_header
    pictures = list(decode_progressive(io.BytesIO(data)))
    assert len(pictures) == header.num_layers + 1
    for layers, picture in enumerate(pictures):
        np.testing.assert_array_equal(picture.samples, decode(data, layers=layers).samples)


def test_progressive_decoding_of_a_cut_stream_ends_in_its_error() -> None:
    data = stream("layers")
    pictures = decode_progressive(io.BytesIO(data[:-1]))
    assert isinstance(next(pictures), Picture)
    with pytest.raises(TruncatedStream):
        list(pictures)
    with pytest.raises(RefdecError):
        list(decode_progressive(io.BytesIO(b"")))


@pytest.mark.parametrize("name", ["layers", "map"])
def test_options_do_not_turn_errors_into_exceptions(name: str) -> None:
    data = stream(name)
    for bit in range(100, 8 * len(data), 41):
        damaged = bytearray(data)
        damaged[bit // 8] ^= 128 >> bit % 8
        outcome(bytes(damaged), tolerant=True, layers=1, synthesis="simple")


# -- trace ----------------------------------------------------------------------------------------


def test_the_trace_shows_every_control_point_in_order() -> None:
    seen: dict[str, NDArray[np.int32]] = {}

    def record(name: str, value: NDArray[np.int32]) -> None:
        assert name not in seen
        assert value.dtype == np.int32
        seen[name] = value.copy()

    data = stream("tiles")
    picture = decode(data, trace=record)
    names = list(seen)
    assert names[:4] == ["headers", "grid", "z_hat", "quality"]
    assert names[-1] == "picture"
    np.testing.assert_array_equal(seen["picture"], picture.samples)
    stages = ("scale_idx", "mask", "residual", "mean", "y_hat")
    expected = [
        f"tile{tile}/group{group}/phase{phase}/{stage}"
        for tile in range(4)
        for group in range(NUM_GROUPS)
        for phase in range(2)
        for stage in stages
    ]
    assert [name for name in names if "/group" in name] == expected
    assert names[-5:] == [*(f"tile{tile}/picture" for tile in range(4)), "picture"]
    assert any(name.startswith("synthesis/") for name in names)
    latents = decode_latents(data)
    last = [seen[f"tile0/group{group}/phase1/y_hat"] for group in range(NUM_GROUPS)]
    np.testing.assert_array_equal(np.concatenate(last), latents.y_hat[:, :4, :4])
    np.testing.assert_array_equal(seen["z_hat"], latents.z_hat)
    np.testing.assert_array_equal(seen["quality"][0], latents.quality)


def test_control_points_of_the_headers_hold_every_element_and_the_grids() -> None:
    seen: dict[str, NDArray[np.int32]] = {}
    data = stream("tiles")
    decode(data, trace=seen.setdefault)
    header = parse_codestream(data).picture_header
    values = seen["headers"][0, 0].tolist()
    assert values[:3] == [header.profile_idc, header.level_idc, header.model_set_idc]
    inferred = [0, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0]
    assert values[-11:] == inferred, "the tool header in force, of a stream that has none"
    latent, hyper, *tiles = seen["grid"][0].tolist()
    assert latent == [0, 0, header.h16, header.w16]
    assert hyper == [0, 0, header.h64, header.w64]
    assert [tuple(tile) for tile in tiles] == [
        (t.top, t.left, t.height, t.width) for t in map(header.tile, range(header.num_tiles))
    ]


def test_residuals_lie_on_coded_positions_of_their_phase() -> None:
    seen: dict[str, NDArray[np.int32]] = {}
    decode_latents(stream("extreme"), trace=lambda name, value: seen.update({name: value}))
    for name, residual in seen.items():
        if name.endswith("/residual"):
            mask, scale_idx = (seen[name.replace("residual", s)] for s in ("mask", "scale_idx"))
            rows, columns = np.indices(residual.shape[1:])
            phase = int(name.split("phase")[1][0])
            here = (rows + columns) % 2 == phase
            assert not mask[:, ~here].any()
            assert not residual[mask == 0].any()
            assert scale_idx.min() >= 0
            assert scale_idx.max() <= 79
