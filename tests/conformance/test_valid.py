# SPDX-License-Identifier: Apache-2.0
"""The reference decoder decodes every valid stream to its digests, with every engine."""

import pytest

from conformance.case import Case, load_suite
from conformance.judge import Verdict, reference_judge
from refdec.backends import BACKENDS
from refdec.decoding import decode, parse
from refdec.entropy import rans
from refdec.still import choose_transform

VALID = [case for case in load_suite() if case.is_valid]
MAX_SAMPLES = 1300
PHOTO = "photo/grey-photo"


def num_samples(case: Case) -> int:
    picture = case.manifest["valid"]["picture"]
    return int(picture["width"] * picture["height"])


def default_digest(case: Case) -> str:
    valid = case.manifest["valid"]
    digests = valid.get("frames", [valid])[0]["digests"]
    if "E" in digests:
        return str(digests["E"])
    return str(digests["S"][choose_transform(parse(case.stream), None).name.lower()])


SMALL = [case for case in VALID if num_samples(case) <= MAX_SAMPLES or case.id == PHOTO]


@pytest.mark.parametrize("case", VALID, ids=lambda case: case.id)
def test_numpy_decodes_to_all_digests(case: Case) -> None:
    result = reference_judge("numpy")(case)
    assert (result.verdict, result.detail) == (Verdict.PASS, "")


@pytest.mark.parametrize("backend", ["integer", "onnx", "torch"])
@pytest.mark.parametrize("case", SMALL, ids=lambda case: case.id)
def test_other_backends_decode_to_the_same_samples(case: Case, backend: str) -> None:
    if not BACKENDS[backend].is_installed:
        pytest.skip(f"{backend} is not installed")
    assert decode(case.stream, backend=backend).digest() == default_digest(case)


@pytest.mark.parametrize("case", SMALL, ids=lambda case: case.id)
def test_other_entropy_decoder_decodes_to_the_same_samples(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_scalar = parse(case.stream).picture_header.num_lanes < rans.MIN_VECTOR_LANES
    monkeypatch.setattr(rans, "MIN_VECTOR_LANES", 1 if is_scalar else 2048)
    assert decode(case.stream).digest() == default_digest(case)
