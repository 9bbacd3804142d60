# SPDX-License-Identifier: Apache-2.0
"""Pictures of judged decoders are read as they are written, and nothing else is taken."""

import io
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from conformance.case import Case, load_suite
from conformance.judge.expected import Plane
from conformance.judge.picture_files import (
    FORMATS,
    SUFFIXES,
    Layout,
    PictureError,
    read_frames,
    unscaled,
)
from conformance.judge.scoring import score_frames
from refdec.cli.picture_io import to_16_bit, write_picture
from refdec.decoding import decode
from tests.pictures import picture_of

COMPONENTS = {"colour": 3, "grey": 1}


def suffix(picture_format: str, kind: str) -> str:
    return ".pgm" if picture_format == "ppm" and kind == "grey" else SUFFIXES[picture_format]


def random_samples(components: int, bit_depth: int) -> np.ndarray:
    generator = np.random.default_rng(bit_depth)
    dtype = np.uint8 if bit_depth == 8 else np.uint16
    samples = generator.integers(0, 1 << bit_depth, (components, 5, 7)).astype(dtype)
    samples[0, 0, :2] = 0, (1 << bit_depth) - 1
    return samples


def geometry(samples: np.ndarray, bit_depth: int) -> list[Plane]:
    return [Plane(*plane.shape, bit_depth) for plane in samples]


@pytest.mark.parametrize("picture_format", [name for name in FORMATS if name != "raw"])
@pytest.mark.parametrize("kind", COMPONENTS)
@pytest.mark.parametrize("bit_depth", [8, 9, 10, 12, 16])
def test_what_our_writer_writes_is_read(
    picture_format: str, kind: str, bit_depth: int, tmp_path: Path
) -> None:
    samples = random_samples(COMPONENTS[kind], bit_depth)
    path = tmp_path / f"p{suffix(picture_format, kind)}"
    write_picture(path, picture_of(samples, bit_depth))
    (frame,) = read_frames(path, picture_format, geometry=geometry(samples, bit_depth))
    found = np.stack(frame.planes)
    if picture_format in {"png", "tiff"} and frame.peak == 65535 and bit_depth < 16:
        found = unscaled(found, bit_depth)
    else:
        assert frame.peak in {None, (1 << bit_depth) - 1}
    assert np.array_equal(found, samples)


@pytest.mark.parametrize("bit_depth", range(8, 16))
def test_known_scalings_are_undone_and_others_refused(bit_depth: int) -> None:
    samples = np.arange(1 << bit_depth, dtype=np.uint16)[None, None]
    shift = 16 - bit_depth
    shifted = samples << shift
    for scaled in (
        shifted,
        shifted | samples >> (bit_depth - shift),
        to_16_bit(samples, bit_depth),
    ):
        assert np.array_equal(unscaled(scaled, bit_depth), samples)
    with pytest.raises(PictureError):
        unscaled(shifted ^ 1, bit_depth)


@pytest.mark.parametrize("order", ["planar", "interleaved"])
@pytest.mark.parametrize("byte_order", ["big", "little"])
@pytest.mark.parametrize("bit_depth", [8, 10])
def test_raw_samples_are_read(order: str, byte_order: str, bit_depth: int, tmp_path: Path) -> None:
    samples = random_samples(3, bit_depth)
    kind = "u1" if bit_depth == 8 else {"big": ">u2", "little": "<u2"}[byte_order]
    laid = samples if order == "planar" else samples.transpose(1, 2, 0)
    path = tmp_path / "p.raw"
    layout = Layout(order=order, byte_order=byte_order)
    path.write_bytes(laid.astype(kind).tobytes())
    (frame,) = read_frames(path, "raw", geometry=geometry(samples, bit_depth), layout=layout)
    assert np.array_equal(frame.planes, samples)
    path.write_bytes(laid.astype(kind).tobytes() * 2)
    assert len(read_frames(path, "raw", geometry=geometry(samples, bit_depth), layout=layout)) == 2
    path.write_bytes(laid.astype(kind).tobytes()[:-1])
    with pytest.raises(PictureError):
        read_frames(path, "raw", geometry=geometry(samples, bit_depth), layout=layout)


def damaged_files() -> dict[str, tuple[str, bytes]]:
    samples = random_samples(3, 8)
    rows = samples.transpose(1, 2, 0)
    files = {}
    for name in ("PNG", "TIFF"):
        file = io.BytesIO()
        Image.fromarray(rows).save(file, name)
        files[name.lower()] = file.getvalue()
    palette, animation, floats = io.BytesIO(), io.BytesIO(), io.BytesIO()
    Image.fromarray(rows).quantize(4).save(palette, "PNG")
    tifffile.imwrite(floats, rows.astype(np.float32), photometric="rgb")
    pages = [Image.fromarray(rows), Image.fromarray(rows ^ 1)]
    pages[0].save(animation, "PNG", save_all=True, append_images=pages[1:])
    array = io.BytesIO()
    np.save(array, samples)
    pickled = io.BytesIO()
    np.save(pickled, np.array([{}], object))
    return {
        "empty png": ("png", b""),
        "cut png": ("png", files["png"][:-20]),
        "something behind png": ("png", files["png"] + b"\0"),
        "palette png": ("png", palette.getvalue()),
        "cut tiff": ("tiff", files["tiff"][:40]),
        "float tiff": ("tiff", floats.getvalue()),
        "png as tiff": ("tiff", files["png"]),
        "text ppm": ("ppm", b"P3 1 1 255 1 2 3"),
        "cut ppm": ("ppm", b"P6 2 2 255 abc"),
        "something behind ppm": ("ppm", b"P6 1 1 255 abc\n"),
        "pam without depth": ("pam", b"P7\nWIDTH 1\nHEIGHT 1\nMAXVAL 255\nENDHDR\nabc"),
        "cut npy": ("npy", array.getvalue()[:-1]),
        "something behind npy": ("npy", array.getvalue() + b"\0"),
        "pickled npy": ("npy", pickled.getvalue()),
        "frames": ("png", animation.getvalue()),
    }


@pytest.mark.parametrize("name", damaged_files())
def test_other_files_are_refused(name: str, tmp_path: Path) -> None:
    picture_format, data = damaged_files()[name]
    path = tmp_path / "p"
    path.write_bytes(data)
    samples = random_samples(3, 8)
    if name == "frames":
        assert len(read_frames(path, picture_format, geometry=geometry(samples, 8))) == 2
        return
    with pytest.raises(PictureError):
        read_frames(path, picture_format, geometry=geometry(samples, 8))


def deep_case() -> Case:
    return load_suite(["format/depth-10"])[0]


@pytest.mark.parametrize("picture_format", [name for name in FORMATS if name != "raw"])
def test_deep_pictures_pass_in_every_format(picture_format: str, tmp_path: Path) -> None:
    case = deep_case()
    picture = decode(case.stream)
    path = tmp_path / f"p{SUFFIXES[picture_format]}"
    write_picture(path, picture)
    frames = read_frames(
        path, picture_format, geometry=geometry(picture.samples, picture.bit_depth)
    )
    scores = score_frames(case, frames, ("S",), picture_format=picture_format)
    assert scores["S"].verdict == "pass"
    path = tmp_path / f"q{SUFFIXES[picture_format]}"
    write_picture(path, picture_of(picture.samples ^ 1, picture.bit_depth))
    frames = read_frames(
        path, picture_format, geometry=geometry(picture.samples, picture.bit_depth)
    )
    scores = score_frames(case, frames, ("S",), picture_format=picture_format)
    assert scores["S"].verdict == "fail"


def test_deep_samples_that_are_not_scaled_fail(tmp_path: Path) -> None:
    case = deep_case()
    samples = decode(case.stream).samples
    path = tmp_path / "p.tiff"
    tifffile.imwrite(path, samples.transpose(1, 2, 0), photometric="rgb", metadata=None)
    frames = read_frames(path, "tiff", geometry=geometry(samples, 10))
    assert score_frames(case, frames, ("S",), picture_format="tiff")["S"].verdict == "fail"
