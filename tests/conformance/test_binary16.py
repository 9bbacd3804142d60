# SPDX-License-Identifier: Apache-2.0
"""Pictures of binary16 numbers are judged in every format that can carry them."""

from pathlib import Path

import numpy as np
import pytest

from conformance.case import Case, load_suite
from conformance.judge.decoder import Decoder, load_decoder
from conformance.judge.expected import expected_planes
from conformance.judge.picture_files import FLOAT_FORMATS, Layout, PictureError, read_frames
from conformance.judge.python_decoder import ask, score_answer
from conformance.judge.scoring import score_frames
from refdec.binary16 import numbers_of_samples
from refdec.cli.picture_io import write_picture
from refdec.decoding import decode

CASES = [case for case in load_suite(["format/"]) if "binary16" in case.manifest["features"]]
RGB = [case for case in CASES if "YCbCr" not in case.manifest["features"]]
OURS = Layout(byte_order="little", binary16="numbers")
"""Of the raw planes that `refdec decode` writes."""


def named(name: str) -> Case:
    return next(case for case in CASES if case.id == f"format/{name}")


def verdict(case: Case, path: Path, picture_format: str, layout: Layout | None = None) -> str:
    frames = read_frames(path, picture_format, geometry=expected_planes(case), layout=layout)
    scores = score_frames(case, frames, ("S",), picture_format=picture_format)
    return str(scores["S"].verdict)


def test_there_are_colour_grey_subsampled_and_lossless_ones() -> None:
    features = {feature for case in CASES for feature in case.manifest["features"]}
    assert {"monochrome", "YCbCr", "lossless", "near-lossless"} <= features


@pytest.mark.parametrize("case", RGB, ids=lambda case: case.id)
@pytest.mark.parametrize("suffix", ["npy", "tiff", "pfm", "rgb"])
def test_what_our_writer_writes_is_right_and_one_bit_is_wrong(
    case: Case, suffix: str, tmp_path: Path
) -> None:
    picture, path = decode(case.stream), tmp_path / f"p.{suffix}"
    if suffix == "rgb" and len(picture.samples) == 1:
        path = tmp_path / "p.yuv"
    picture_format = "raw" if suffix == "rgb" else suffix
    write_picture(path, picture)
    assert verdict(case, path, picture_format, OURS) == "pass"
    picture.samples[-1, -1, -1] ^= 1
    write_picture(path, picture)
    assert verdict(case, path, picture_format, OURS) == "fail"


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_raw_planes_are_samples_if_nothing_else_is_declared(case: Case, tmp_path: Path) -> None:
    path, planes = tmp_path / "p.raw", decode(case.stream).planes
    path.write_bytes(b"".join(plane.astype(">u2").tobytes() for plane in planes))
    assert verdict(case, path, "raw") == "pass"
    assert verdict(case, path, "raw", Layout(byte_order="little")) == "fail"


def test_a_function_returns_numbers_or_samples() -> None:
    case = named("binary16")
    samples = decode(case.stream).samples
    for content, expected in (
        (samples, "pass"),
        (numbers_of_samples(samples), "pass"),
        (numbers_of_samples(samples ^ 1), "fail"),
    ):
        answer = ask(lambda _, content=content: content, case.stream)
        assert score_answer(case, answer, ("S",))["S"].verdict == expected


def test_numbers_are_wrong_where_integers_are_due(tmp_path: Path) -> None:
    case = load_suite(["format/depth-16"])[0]
    path = tmp_path / "p.npy"
    wanted = decode(case.stream).samples
    np.save(path, np.full(wanted.shape, np.inf, np.float16))
    with pytest.raises(PictureError, match="finite"):
        verdict(case, path, "npy")
    np.save(path, np.zeros(wanted.shape, np.float16))
    assert verdict(case, path, "npy") == "fail"


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (b"P6\n4 4\n255\n" + bytes(48), "no PFM header"),
        (b"Pf\n44 36\n-1.0\n" + bytes(8), "8 bytes of numbers"),
        (b"Pf\n1 1\n1.0\n" + np.array(0.1, ">f4").tobytes(), "no finite binary16"),
        (b"Pf\n1 1\n1.0\n" + np.array(np.inf, ">f4").tobytes(), "no finite binary16"),
        (b"Pf\n1 1\n1.0\n" + np.array(1e30, ">f4").tobytes(), "no finite binary16"),
    ],
)
def test_pfm_is_read_strictly(data: bytes, complaint: str, tmp_path: Path) -> None:
    path = tmp_path / "p.pfm"
    path.write_bytes(data)
    with pytest.raises(PictureError, match=complaint):
        read_frames(path, "pfm", geometry=())


@pytest.mark.parametrize("picture_format", ["ppm", "pam", "png", *FLOAT_FORMATS[:3]])
def test_formats_without_numbers_are_unsupported(picture_format: str) -> None:
    decoder = Decoder(name="x", command=("x",), format=picture_format)
    reason = decoder.unsupported(named("binary16"))
    assert (reason == "") is (picture_format in FLOAT_FORMATS)
    assert "binary16" in reason or not reason


def test_another_format_can_be_declared_for_numbers(tmp_path: Path) -> None:
    path = tmp_path / "d.toml"
    path.write_text(
        'schema = 1\ncommand = "cp {input} {output}"\nfloat_format = "pfm"\n'
        'raw.binary16 = "numbers"\n',
        encoding="utf-8",
    )
    decoder = load_decoder(path)
    assert decoder.layout.binary16 == "numbers"
    assert decoder.unsupported(named("binary16")) == ""
    assert decoder.output_name(named("binary16")) == "picture.pfm"
    assert decoder.output_name(load_suite(["format/depth-10"])[0]) == "picture.ppm"
    assert "YCbCr" in decoder.unsupported(named("ycc-420-binary16"))
