# SPDX-License-Identifier: Apache-2.0
"""Every invalid stream is rejected for its one fault; without the fault it is sound."""

from functools import cache

import pytest

from conformance.case import Case, load_suite, repaired
from conformance.judge import Verdict, reference_judge
from conformance.recipes import all_recipes
from refdec.decoding import decode
from refdec.syntax.parser import inspect_codestream

INVALID = [case for case in load_suite() if not case.is_valid]
VALUES = {name for name, recipe in all_recipes().items() if recipe.fault and recipe.fault.is_value}
BY_ELEMENT = [case for case in INVALID if case.id in VALUES]


@cache
def decodes(sound: bytes) -> bool:
    return decode(sound, verify=True, synthesis="simple").samples.size > 0


@pytest.mark.parametrize("case", INVALID, ids=lambda case: case.id)
def test_stream_is_rejected_for_its_fault_and_at_its_place(case: Case) -> None:
    result = reference_judge("numpy")(case)
    assert (result.verdict, result.detail) == (Verdict.PASS, "")


@pytest.mark.parametrize("case", INVALID, ids=lambda case: case.id)
def test_stream_is_sound_without_its_fault(case: Case) -> None:
    expected = case.manifest["invalid"]
    sound = repaired(case.stream, expected["repair"])
    assert decodes(sound)


@pytest.mark.parametrize("case", BY_ELEMENT, ids=lambda case: case.id)
def test_fault_changes_one_element_only(case: Case) -> None:
    expected = case.manifest["invalid"]
    sound = repaired(case.stream, expected["repair"])
    assert len(sound) == len(case.stream)
    difference = int.from_bytes(sound, "big") ^ int.from_bytes(case.stream, "big")
    segment, _, name = expected["element"].partition(".")
    end = 8 * len(sound)
    places = [
        range(row.bit_offset, row.bit_offset + row.width)
        for row in inspect_codestream(sound)[0]
        if (row.segment, row.element) == (segment, name)
    ]
    changed = {end - 1 - bit for bit in range(end) if difference >> bit & 1}
    assert changed
    assert any(changed <= set(place) for place in places)
