# SPDX-License-Identifier: Apache-2.0
"""Alpha, smaller planes of chroma, and animations are judged as case.json says."""

import copy
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from conformance.case import Case, SuiteError, load_suite
from conformance.judge.decoder import Decoder
from conformance.judge.expected import expected_planes
from conformance.judge.picture_files import read_frames
from conformance.judge.python_decoder import ask, score_answer
from conformance.judge.scoring import score_frames
from refdec.decoding import decode
from refdec.picture import picture_digest

CASE = load_suite(["picture/size-7x5"])[0]


def planes(*geometry: tuple[int, int, int]) -> list[np.ndarray]:
    generator = np.random.default_rng(len(geometry))
    return [
        generator.integers(0, 1 << bits, (height, width)).astype(
            np.uint8 if bits == 8 else np.uint16
        )
        for height, width, bits in geometry
    ]


def digest(found: list[np.ndarray], bits: int = 8) -> str:
    flat = np.concatenate([plane.reshape(-1) for plane in found])
    return picture_digest(samples=flat[None, None], bit_depth=bits)


def made_case(picture: dict[str, Any], **valid: Any) -> Case:
    manifest = copy.deepcopy(CASE.manifest)
    manifest["valid"] = {"picture": manifest["valid"]["picture"] | picture, **valid}
    return replace(CASE, manifest=manifest)


def verdict(case: Case, path: Path, picture_format: str) -> tuple[str, str]:
    frames = read_frames(path, picture_format, geometry=expected_planes(case))
    score = score_frames(case, frames, ("S",), picture_format=picture_format)["S"]
    return str(score.verdict), score.detail


def pam(found: list[np.ndarray], peak: int) -> bytes:
    height, width = found[0].shape
    head = f"P7\nWIDTH {width}\nHEIGHT {height}\nDEPTH {len(found)}\nMAXVAL {peak}\nENDHDR\n"
    kind = ">u2" if peak > 255 else "u1"
    return head.encode() + np.stack(found, axis=-1).astype(kind).tobytes()


def test_alpha_is_the_last_plane(tmp_path: Path) -> None:
    found = planes(*[(5, 7, 8)] * 4)
    digests = {"S": {"base": digest(found[:3])}, "A": digest(found[3:])}
    case = made_case({"alpha_bit_depth": 8}, digests=digests)
    path = tmp_path / "p.pam"
    path.write_bytes(pam(found, 255))
    assert verdict(case, path, "pam") == ("pass", "synthesis base")
    path.write_bytes(pam(found[:3], 255))
    assert "3 of (5, 7), not 4 of (5, 7)" in verdict(case, path, "pam")[1]
    for alpha, expected in ((found[3], "pass"), (found[3] ^ 1, "fail")):
        answer = ask(lambda _, a=alpha: SimpleNamespace(samples=np.stack(found[:3]), alpha=a), b"")
        assert score_answer(case, answer, ("S",))["S"].verdict == expected


def test_alpha_of_another_depth_may_be_scaled_to_16_bits(tmp_path: Path) -> None:
    found = planes(*[(5, 7, 10)] * 3, (5, 7, 8))
    digests = {"S": {"base": digest(found[:3], 10)}, "A": digest(found[3:])}
    case = made_case({"bit_depth": 10, "alpha_bit_depth": 8}, digests=digests)
    scaled = [(plane.astype(np.uint32) * 65535 + 511) // 1023 for plane in found[:3]]
    path = tmp_path / "p.pam"
    path.write_bytes(pam([*scaled, found[3].astype(np.uint32) * 257], 65535))
    assert verdict(case, path, "pam")[0] == "pass"
    path.write_bytes(pam([*scaled, found[3].astype(np.uint32) * 257 ^ 1], 65535))
    assert "no 8-bit samples" in verdict(case, path, "pam")[1]


def test_suite_that_the_reference_decoder_contradicts_is_damaged() -> None:
    case = made_case({}, digests={"S": {"simple": "0" * 64, "base": "1" * 64}})
    answer = ask(decode, case.stream)
    with pytest.raises(SuiteError, match="disagree"):
        score_answer(case, answer, ("S",))


def test_ppm_cannot_hold_alpha_and_planes_of_different_sizes() -> None:
    digests = {"S": {"base": "0" * 64}}
    alpha = made_case({"alpha_bit_depth": 8}, digests=digests)
    smaller = made_case({"chroma_format": "4:2:0"}, digests=digests)
    for picture_format, case, can in (
        ("ppm", alpha, False), ("pam", alpha, True), ("png", alpha, True), ("raw", alpha, True),
        ("ppm", smaller, False), ("npy", smaller, False), ("raw", smaller, True),
    ):  # fmt: skip
        decoder = Decoder(name="x", command=("x",), format=picture_format)
        assert (decoder.unsupported(case) == "") is can


@pytest.mark.parametrize(
    ("chroma_format", "size"), [("4:4:4", (5, 7)), ("4:2:2", (5, 4)), ("4:2:0", (3, 4))]
)
def test_raw_planes_may_differ_in_size(
    chroma_format: str, size: tuple[int, int], tmp_path: Path
) -> None:
    found = planes((5, 7, 8), (*size, 8), (*size, 8))
    case = made_case({"chroma_format": chroma_format}, digests={"S": {"base": digest(found)}})
    path = tmp_path / "p.raw"
    path.write_bytes(b"".join(plane.tobytes() for plane in found))
    assert verdict(case, path, "raw")[0] == "pass"
    path.write_bytes(b"".join(plane.tobytes() for plane in found[::-1]))
    assert verdict(case, path, "raw")[0] == "fail"
    answer = ask(lambda _: SimpleNamespace(planes=tuple(found)), b"")
    assert score_answer(case, answer, ("S",))["S"].verdict == "pass"


def test_animations_are_judged_frame_by_frame(tmp_path: Path) -> None:
    shown = [planes(*[(5, 7, 8)] * 3), [plane ^ 1 for plane in planes(*[(5, 7, 8)] * 3)]]
    frames = [{"digests": {"S": {"simple": "0" * 64, "base": digest(found)}}} for found in shown]
    case = made_case({}, frames=frames)
    path = tmp_path / "p.pam"
    path.write_bytes(b"".join(pam(found, 255) for found in shown))
    assert verdict(case, path, "pam") == ("pass", "synthesis base")
    path.write_bytes(pam(shown[0], 255))
    assert verdict(case, path, "pam") == ("fail", "1 pictures, not 2")
    path.write_bytes(pam(shown[0], 255) * 2)
    assert verdict(case, path, "pam") == ("fail", "picture 1: the samples differ")
    stacked = np.stack([np.stack(found) for found in shown])
    assert score_answer(case, ask(lambda _: stacked, b""), ("S",))["S"].verdict == "pass"
