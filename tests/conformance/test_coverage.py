# SPDX-License-Identifier: Apache-2.0
"""The coverage matrix has no empty cell without a reason, and notices one."""

import pytest

from conformance.__main__ import main
from conformance.case import Case, load_suite
from conformance.coverage import coverage_page, gaps, matrix
from docs.code_facts import known_requirements

SUITE = load_suite()


def without(*names: str) -> list[Case]:
    return [case for case in SUITE if case.id not in names]


def filled(cases: list[Case], cell: str) -> tuple[str, ...]:
    return next(
        found.streams for table in matrix(cases).values() for found in table if found.name == cell
    )


def test_every_cell_has_a_stream_or_a_reason_and_no_reason_is_idle() -> None:
    assert gaps(matrix(SUITE)) == []


def test_error_codes_are_those_of_the_decoder() -> None:
    codes = {cell.row for cell in matrix(SUITE)["Error codes"]}
    assert codes == set(known_requirements())


@pytest.mark.parametrize(
    ("cell", "stream"),
    [
        ("ANI.loop_count maximum", "animation/most"),
        ("PIH.level_idc last reserved", "invalid/pih-002-level-idc-15"),
        ("FRH.frame_x maximum", "animation/corner"),
        ("TOH.base_transform_idc value 0", "lossless/over-simple"),
        ("SOE-006 broken", "invalid/soe-006-above"),
    ],
)
def test_cells_name_their_streams_and_a_missing_stream_is_a_gap(cell: str, stream: str) -> None:
    streams = filled(SUITE, cell)
    assert stream in streams
    assert f"{cell}: no stream" in gaps(matrix(without(*streams)))


def test_illegal_values_do_not_count_as_legal_ones_nor_the_other_way_round() -> None:
    valid = {case.id for case in SUITE if case.is_valid}
    for title in ("Elements", "Conditions"):
        for cell in matrix(SUITE)[title]:
            is_illegal = cell.column in {"first invalid", "last reserved"}
            assert valid.isdisjoint(cell.streams) if is_illegal else valid.issuperset(cell.streams)


def test_a_waiver_of_a_filled_cell_is_a_gap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("conformance.coverage.waivers", lambda: {"PIH.width_minus1 *": "why not"})
    assert "PIH.width_minus1 *: the waiver waives nothing" in gaps(matrix(SUITE))


def test_the_command_prints_the_matrix(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["coverage"]) == 0
    output = capsys.readouterr().out
    assert output.strip() == coverage_page(SUITE).strip()
    assert "| PIH.log2_lanes | value 10 | `structure/lanes-1024` |" in output
    assert "**none**" not in output
