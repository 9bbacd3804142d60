# SPDX-License-Identifier: Apache-2.0
"""The faults that are seeded in the decoder, and what the suite makes of them."""

import ast
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from conformance.__main__ import main
from conformance.case import load_suite
from conformance.mutation.campaign import (
    CaseMap,
    Record,
    all_mutants,
    judge_mutants,
    sample,
)
from conformance.mutation.command import kept_records, load_report
from conformance.mutation.judged import PARTS, STAGES, fits, part_of, stage_of_point
from conformance.mutation.mutator import Mutant, mutants_of, mutated
from conformance.mutation.summary import (
    load_accepted,
    markdown_summary,
    misnamed,
    own_kills,
    score,
    text_summary,
    why_accepted,
)

SOURCE = '''
def cut(x: int, limit: int = 8) -> int:
    """Say 7."""
    if x < 0:
        message = f"{x + 1} is below 0"
        raise MalformedStream(message, offset=x + 1)
    if not x:
        raise ValueError("no stream causes this")
    return min(x >> 1, limit)
'''
SMALL = 1500
"""Bytes of the streams that judge the sample: most kill in a tenth of a second."""
CHANGES = [
    "8 -> 9",
    "8 -> 7",
    "if x < 0: -> if not x < 0:",
    "x < 0 -> x <= 0",
    "0 -> 1",
    "0 -> -1",
    "raise MalformedStream(message, offset=x + 1) -> pass",
    "return min(x >> 1, limit) -> return None",
    "min(x >> 1, limit) -> max(x >> 1, limit)",
    "x >> 1 -> x << 1",
    "1 -> 2",
    "1 -> 0",
]


def changes(source: str) -> list[str]:
    return [f"{m.before} -> {m.after}" for m in mutants_of(source, "refdec/cut.py")]


def find(file: str, change: str) -> Mutant:
    (found,) = [m for m in all_mutants() if m.file == file and fits(change, m.change)]
    return found


def judge(mutant: Mutant, *patterns: str) -> Record:
    """Judge a mutant by some cases, each of which may take two seconds."""
    cases = load_suite(patterns)
    case_map = CaseMap({case.id: 0.0 for case in cases}, {})
    (record,) = judge_mutants([mutant], cases, case_map)
    return record


# -- mutants --------------------------------------------------------------------------------------


def test_every_fault_of_a_small_source_and_nothing_of_errors_and_callers() -> None:
    assert changes(SOURCE) == CHANGES


def test_a_mutated_tree_differs_in_the_one_place() -> None:
    right = ast.unparse(ast.parse(SOURCE)).splitlines()
    for mutant in mutants_of(SOURCE, "refdec/cut.py"):
        tree = mutated(SOURCE, mutant.node, mutant.variant)
        compile(tree, "cut.py", "exec")
        wrong = ast.unparse(tree).splitlines()
        differing = [(a, b) for a, b in zip(right, wrong, strict=True) if a != b]
        assert len(differing) == 1, mutant.id


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("y = np.clip(x, low, high)", ["np.clip(x, None, high)", "np.clip(x, low, None)"]),
        ("y = np.clip(x, *r)", ["np.clip(x, None, r[1])", "np.clip(x, r[0], None)"]),
        ("y = x[a:]", ["x[:]", "x[a + 1:]"]),
        ("y = -x", ["x"]),
        ("y = a and b", ["a or b"]),
        ("x.y = z", ["pass"]),
        ("x = [y for y in z if y]", ["x = [y for y in z if not y]"]),
        ("np.add(a, b, c)", ["np.subtract(a, b, c)", "pass"]),
        ("seen.add(a)", ["pass"]),
    ],
)
def test_operators(source: str, expected: list[str]) -> None:
    mutants = mutants_of(source, "refdec/x.py")
    found = [ast.unparse(mutated(source, mutant.node, mutant.variant)) for mutant in mutants]
    assert sorted(text.removeprefix("y = ") for text in found) == sorted(expected)


def test_identifiers_differ_and_outlive_a_move() -> None:
    twice = "def f(x):\n    y = x + 1\n    y = x + 1\n    return y\n"
    names = [mutant.id for mutant in mutants_of(twice, "refdec/f.py")]
    assert len(set(names)) == len(names)
    assert [m.id for m in mutants_of(f"\n\n{twice}", "refdec/f.py")] == names


def test_every_part_of_the_decoder_has_a_stage_or_a_reason_and_every_pattern_a_use() -> None:
    root = Path(__file__).resolve().parents[2]
    places = {
        mutant.place
        for path in (root / "refdec").rglob("*.py")
        for mutant in mutants_of(path.read_text("utf-8"), path.relative_to(root).as_posix())
    }
    used = Counter(part_of(place).pattern for place in places)
    assert [part.pattern for part in PARTS if not used[part.pattern]] == []
    assert {part.stage for part in PARTS if part.stage} == set(STAGES)
    assert all(part.reason for part in PARTS)


def test_every_control_point_has_a_stage() -> None:
    points = [
        point
        for case in load_suite()
        if case.is_valid
        for point in case.manifest["valid"]["control_points"]
    ]
    assert {stage_of_point(point) for point in points} <= set(STAGES)
    assert stage_of_point("frame3/tile0/group1/phase0/residual") == "entropy"
    with pytest.raises(LookupError):
        stage_of_point("unheard-of")


def test_every_accepted_mutant_exists_and_has_a_reason() -> None:
    mutants = all_mutants()
    for entry in load_accepted():
        assert entry.reason
        assert any(why_accepted(mutant, [entry]) for mutant in mutants), entry


def test_a_sample_is_the_same_each_time_and_has_every_stage() -> None:
    mutants = all_mutants()
    chosen = sample(mutants, 60, seed=1)
    assert chosen == sample(mutants, 60, seed=1) != sample(mutants, 60, seed=2)
    assert {part_of(mutant.place).stage for mutant in chosen} == set(STAGES)
    assert len(chosen) < 100


# -- verdicts -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("file", "change", "case", "stage"),
    [
        ("refdec/syntax/picture_header.py", "quality_idx: int* | 6 -> 7", "size-7x5", "syntax"),
        ("refdec/entropy/rans.py", "STATE_LOW = 1 << 16 | 16 -> 17", "size-7x5", "entropy"),
        ("refdec/entropy/context.py", "STEP_SHIFT = 8 | 8 -> 9", "size-7x5", "latents"),
        ("refdec/synthesis/colour.py", "COEFFICIENT_BITS = 13 | 13 -> 12", "size-7x5", "output"),
        (
            "refdec/lossless/prediction.py",
            "own[:, PLANE]* | w + ne -> w - ne",
            "text",
            "lossless",
        ),
        ("refdec/enhancement.py", "alpha: I32Map = * | 0 -> 1", "alpha/deep", "alpha"),
    ],
)
def test_a_known_fault_is_killed_and_its_stage_named(
    file: str, change: str, case: str, stage: str
) -> None:
    record = judge(find(file, change), case)
    assert (record["status"], record["stage"], record["shown_in"]) == ("killed", stage, stage)


def test_an_invalid_stream_kills_a_decoder_that_accepts_it() -> None:
    mutant = find("refdec/entropy/residual.py", "raise ConstraintViolation(*SOR-005* -> pass")
    record = judge(mutant, "sor-005-above", "size-7x5")
    assert [(kill["case"], kill["verdict"]) for kill in record["kills"]] == [
        ("invalid/sor-005-above", "accepted")
    ]
    assert record["judged"] == 2
    assert record["shown_in"] == ""


def test_a_decoder_that_hangs_is_killed_and_the_next_case_is_judged() -> None:
    mutant = find("refdec/lossless/adaptation.py", "self._count[full] >>= 1 | * -> pass")
    record = judge(mutant, "lossless/text", "size-7x5")
    assert [(kill["case"], kill["verdict"]) for kill in record["kills"]] == [
        ("lossless/text", "timeout")
    ]
    assert record["judged"] == 2


def test_a_decoder_that_does_not_start_is_killed_but_no_stage_is_named() -> None:
    mutant = find("refdec/entropy/tables.py", "TOTAL = * | 1 << * -> *")
    record = judge(mutant, "size-7x5")
    assert (record["status"], record["starts"], record["shown_in"]) == ("killed", False, "")


def test_a_change_that_makes_no_difference_survives() -> None:
    mutant = find("refdec/entropy/rans.py", "MIN_VECTOR_LANES = 16 | 16 -> 17")
    record = judge(mutant, "structure/lanes-16", "size-7x5")
    assert (record["status"], record["judged"]) == ("survived", 2)
    assert why_accepted(mutant, load_accepted())


def test_what_no_case_runs_is_not_covered() -> None:
    mutant = find("refdec/entropy/rans.py", "STATE_LOW = 1 << 16 | 16 -> 17")
    cases = load_suite(["size-7x5"])
    lines = {mutant.file: {cases[0].id: frozenset({mutant.line + 1})}}
    (record,) = judge_mutants([mutant], cases, CaseMap({}, lines))
    assert record["status"] == "not covered"
    assert score([record]).share == 0


def test_small_streams_kill_a_sample_of_faults_and_name_their_stages() -> None:
    accepted = load_accepted()
    chosen = sample(all_mutants(), 48, seed=1)[::3]
    mutants = [mutant for mutant in chosen if not why_accepted(mutant, accepted)]
    small = [case for case in load_suite() if len(case.stream) < SMALL]
    records = judge_mutants(mutants, small, CaseMap({}, {}), jobs=2, most=4.0)
    found = score(records)
    assert found.share >= 0.85, text_summary(records, Counter())
    assert found.shown > 12
    assert found.bisection >= 0.75, text_summary(records, Counter())


# -- reports --------------------------------------------------------------------------------------


def made_up(name: str, *kills: str, stage: str = "entropy", shown_in: str = "") -> Record:
    return {
        "id": name,
        "file": "refdec/entropy/rans.py",
        "scope": "decode",
        "line": 1,
        "text": name,
        "before": "1",
        "after": "2",
        "count": 0,
        "stage": stage,
        "status": "killed" if kills else "survived",
        "kills": [{"case": case, "verdict": "fail", "stage": "", "detail": ""} for case in kills],
        "left": 0,
        "starts": True,
        "shown_in": shown_in,
    }


RECORDS = [
    made_up("a", "photo/x", "photo/y", shown_in="entropy"),
    made_up("b", "photo/x", shown_in="latents"),
    made_up("c"),
    made_up("d", "invalid/z", stage="lossless", shown_in="alpha"),
]


def test_scores_and_own_kills() -> None:
    found = score(RECORDS, num_accepted=3)
    assert (found.killed, found.survived, found.accepted) == (3, 1, 3)
    assert found.share == 0.75
    assert found.bisection == 2 / 3
    assert [record["id"] for record in misnamed(RECORDS)] == ["b"]
    assert own_kills(RECORDS) == {"photo/x": 1, "invalid/z": 1}


def test_the_page_has_scores_survivors_and_streams() -> None:
    document: dict[str, Any] = {"records": RECORDS, "sample": 4, "possible": 9}
    page = markdown_summary(document, Counter(entropy=2), ["photo/x", "photo/y", "invalid/z"])
    assert "| entropy | 5 | 2 | 2 | 1 | 66.7 % |" in page
    assert "`refdec/entropy/rans.py:1 decode  c | 1 -> 2`" in page
    assert "`photo/x` 1" in page
    assert "The other 1 streams" in page


def test_resuming_keeps_what_still_holds(tmp_path: Path) -> None:
    prints = {"refdec/entropy/rans.py": "1", "photo/x": "2", "photo/y": "3", "invalid/z": "4"}
    report = {"fingerprint": prints, "records": RECORDS}
    assert set(kept_records(report, prints)) == set("abcd")
    assert set(kept_records(report, prints | {"photo/new": "5"})) == set("abd")
    assert set(kept_records(report, prints | {"photo/y": "5"})) == set("bd")
    assert set(kept_records(report, prints | {"refdec/entropy/rans.py": "5"})) == set()
    in_part = {"fingerprint": prints, "records": [RECORDS[2] | {"left": 3}]}
    assert kept_records(in_part, prints) == {}
    assert load_report(tmp_path / "none.json")["records"] == []


def test_the_command_writes_its_reports_and_goes_on_with_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report, page = tmp_path / "report.json", tmp_path / "page.md"
    arguments = ["mutate", "--sample", "1", "--stage", "synthesis", "-o", str(report)]
    assert main([*arguments, "--markdown", str(page)]) in {0, 1}
    records = json.loads(report.read_text(encoding="utf-8"))["records"]
    assert {record["stage"] for record in records} == {"synthesis"}
    assert "synthesis" in page.read_text(encoding="utf-8")
    first = capsys.readouterr().out
    assert main([*arguments, "--resume"]) in {0, 1}
    assert capsys.readouterr().out == first


def test_resuming_needs_a_report(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["mutate", "--resume"]) == 2
    assert "-o" in capsys.readouterr().err
