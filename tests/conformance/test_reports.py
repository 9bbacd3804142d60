# SPDX-License-Identifier: Apache-2.0
"""Every form of the report says what the JSON document says; claims need a whole, clean run."""

import copy
import csv
import io
import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import jsonschema
import pytest

from conformance.__main__ import main
from conformance.case import Case, load_suite
from conformance.judge.running import Request, select
from conformance.judge.verdict import Difference, Result, Verdict
from conformance.reports import FORMS
from conformance.reports.document import Run, load_document, make_document
from conformance.reports.statement import NoClaim, compare_documents, statement
from conformance.reports.text import terminal_text
from conformance.schema_check import load_schema

PIXEL = "iVBORw0KGgo="
NASTY = "<script>alert('|')</script>\x07 & \"co\""
SUITE = load_suite()
DIFFERENCE = Difference(
    plane=2, y=4, x=6, expected=17, actual=18, count=1, total=105, peak=1.0, rms=0.1,
    reference="synthesis base", pictures={"expected": PIXEL},
)  # fmt: skip
WRONG = {
    "picture/size-7x5": Result(
        "picture/size-7x5", Verdict.FAIL, NASTY, stage="z_hat", difference=DIFFERENCE,
        points={"S": Verdict.FAIL}, command=NASTY,
    ),
    "invalid/eoc-001-missing": Result(
        "invalid/eoc-001-missing", Verdict.CRASH, "signal 11", command="dec a b"
    ),
    "picture/grey-1x1": Result("picture/grey-1x1", Verdict.UNSUPPORTED, "feature monochrome"),
}  # fmt: skip


def document(
    wrong: dict[str, Result] | None = None,
    *,
    run: Callable[[Case], bool] = lambda _: True,
    known: dict[str, str] | None = None,
    request: Request | None = None,
) -> dict[str, Any]:
    request = request or Request(points=("S",))
    claimed, _ = select(SUITE, request)
    passed = {
        case.id: Result(case.id, Verdict.PASS, points={"S": Verdict.PASS} if case.is_valid else {})
        for case in claimed
        if run(case)
    }
    results = passed | {name: item for name, item in (wrong or {}).items() if name in passed}
    found = make_document(
        Run(
            subject={"name": "mine <1>", "kind": "program", "command": "dec {input} {output}"},
            request=request,
            claimed=claimed,
            unjudged=request.unjudged(SUITE),
            results=list(results.values()),
            environment={"network": "isolated"},
            known_failures=known or {},
        )
    )
    jsonschema.validate(found, load_schema("report"))
    return found


def test_what_a_point_does_not_judge_is_said_in_every_form() -> None:
    found = document(request=Request(points=("L", "S")))
    (ids,) = found["unjudged"].values()
    assert "lossless/photo" in ids
    assert "photo/still-photo-1" not in ids
    line = f"point L is not judged on {len(ids)} valid streams"
    assert line in terminal_text(found, show_all=False)
    assert f"{line[0].upper()}{line[1:]}" in FORMS["markdown"](found)
    assert f"{line[0].upper()}{line[1:]}" in FORMS["html"](found)
    assert "not judged" not in terminal_text(document(), show_all=False)


def xml(text: str) -> ET.Element:
    return ET.fromstring(text)  # noqa: S314  our own


def test_junit_counts_and_names_what_failed() -> None:
    known = {"invalid/eoc-001-missing": "next week"}
    root = xml(FORMS["junit"](document(WRONG, known=known)))
    suites = {suite.attrib["name"]: suite for suite in root}
    assert sum(int(suite.attrib["tests"]) for suite in root) == len(SUITE)
    picture = suites["jai.picture"]
    assert (picture.attrib["failures"], picture.attrib["skipped"]) == ("1", "1")
    failure = picture.find("testcase[@name='size-7x5']/failure")
    assert failure is not None
    assert "first wrong stage: z_hat" in str(failure.text)
    assert "<script>" in failure.attrib["message"]
    assert suites["jai.invalid"].attrib["errors"] == "0"
    root = xml(FORMS["junit"](document(WRONG)))
    assert sum(int(suite.attrib["errors"]) for suite in root) == 1


def test_csv_has_a_row_for_each_case() -> None:
    rows = list(csv.DictReader(io.StringIO(FORMS["csv"](document(WRONG)))))
    assert [row["id"] for row in rows] == [case.id for case in SUITE]
    found = {row["id"]: row for row in rows}
    assert found["picture/size-7x5"]["detail"] == NASTY
    assert found["picture/size-7x5"]["verdict"] == "fail"


def test_markdown_tables_hold_together() -> None:
    text = FORMS["markdown"](document(WRONG))
    row = next(line for line in text.splitlines() if line.startswith("| `picture/size-7x5`"))
    assert len(re.findall(r"(?<!\\)\|", row)) == 5
    assert "<script>" not in text
    assert "does not conform" in text


class Page(HTMLParser):
    """Collects what a page holds."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.links: set[str] = set()
        self.sources: list[str] = []
        self.scripts = 0
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.scripts += tag == "script"
        self.ids |= {str(found["id"])} if "id" in found else set()
        if tag == "a":
            self.links.add(str(found["href"]))
        self.sources += [str(found[name]) for name in ("src", "href") if name in found]

    def handle_data(self, data: str) -> None:
        self.text += data


def test_page_shows_everything_and_needs_nothing_else() -> None:
    report = document(WRONG)
    page = Page(FORMS["html"](report))
    assert page.scripts == 1
    assert len(page.links) == len(report["cases"])
    assert page.links <= {f"#{name}" for name in page.ids}
    assert all(source.startswith(("#", "data:image/png;base64,")) for source in page.sources)
    for text in ("component 2, row 4, column 6", "17", "18", "z_hat", "signal 11", "mine <1>"):
        assert text in page.text
    assert NASTY in page.text


@pytest.mark.parametrize(
    ("report", "text", "colour"),
    [
        (document(), "point S, suite", "#1a7f37"),
        (document(WRONG), "of", "#b3261e"),
        (document(run=lambda case: "1x1" in case.id), "partial", "#8a6100"),
    ],
)
def test_badge_says_how_it_came_out(report: dict[str, Any], text: str, colour: str) -> None:
    root = xml(FORMS["badge"](report))
    assert root.tag.endswith("svg")
    assert text in root.attrib["aria-label"]
    assert colour in FORMS["badge"](report)


def test_terminal_lists_what_failed_per_profile() -> None:
    text = terminal_text(document(WRONG), show_all=False)
    assert "picture/size-7x5" in text
    assert "first wrong stage: z_hat" in text
    assert "main profile" in text
    assert "simple profile" in text
    assert "1 of feature monochrome" in text
    assert "PARTIAL" not in text
    assert "PARTIAL" in terminal_text(document(run=lambda c: c.is_valid), show_all=False)


def test_json_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    report = document(WRONG)
    path.write_text(FORMS["json"](report), encoding="utf-8")
    assert load_document(path) == report


def test_pictures_are_left_out_when_everything_fails() -> None:
    wrong = {
        case.id: Result(case.id, Verdict.FAIL, difference=DIFFERENCE)
        for case in SUITE
        if case.is_valid
    }
    cases = document(wrong)["cases"]
    pictured = [c for c in cases if c["difference"] and c["difference"]["pictures"]]
    assert 0 < len(pictured) < len(wrong)


def test_statement_of_a_clean_run() -> None:
    text = statement(document())
    assert text.startswith("mine <1> conforms to JAI edition ")
    assert re.search(r", (Main|High) profile, level \d, point S, suite", text)
    assert "point S" in text
    narrow = document(request=Request(points=("L", "S"), profile="main", level=2))
    assert "Main profile, level 2, points L and S, suite" in statement(narrow)


@pytest.mark.parametrize(
    ("report", "why"),
    [
        (document(run=lambda case: case.is_valid), "partial"),
        (document({c.id: Result(c.id, Verdict.NOT_RUN) for c in SUITE[:1]}), "partial"),
        (document(WRONG), "failed"),
        (document({k: WRONG[k] for k in ["picture/grey-1x1"]}), "feature monochrome"),
        (
            document(
                {k: WRONG[k] for k in ["picture/size-7x5"]}, known={"picture/size-7x5": "soon"}
            ),
            "failed",
        ),
    ],
)
def test_statement_is_refused(report: dict[str, Any], why: str) -> None:
    with pytest.raises(NoClaim, match=why):
        statement(report)


def test_comparison_tells_broken_from_mended() -> None:
    old, new = document(), document(WRONG)
    changes = compare_documents(old, new)
    assert changes.is_worse
    assert len(changes.broken) == 3
    assert not changes.mended
    back = compare_documents(new, old)
    assert not back.is_worse
    assert len(back.mended) == 3
    assert not compare_documents(new, copy.deepcopy(new)).is_worse
    fewer = document(run=lambda case: case.id != SUITE[0].id)
    assert compare_documents(old, fewer).removed == [SUITE[0].id]
    assert compare_documents(fewer, old).added == [f"{SUITE[0].id}: pass"]


def test_commands_that_read_reports(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good, bad = tmp_path / "good.json", tmp_path / "bad.json"
    good.write_text(json.dumps(document()), encoding="utf-8")
    bad.write_text(json.dumps(document(WRONG)), encoding="utf-8")
    assert main(["statement", str(good)]) == 0
    assert "conforms to JAI" in capsys.readouterr().out
    assert main(["statement", str(bad)]) == 1
    assert "no statement" in capsys.readouterr().out
    assert main(["compare", str(good), str(bad)]) == 1
    assert main(["compare", str(bad), str(good)]) == 0
    capsys.readouterr()
    page, table = tmp_path / "r.html", tmp_path / "r.csv"
    assert main(["report", str(bad), "--html", str(page), "--csv", str(table)]) == 0
    assert page.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    assert table.read_text(encoding="utf-8").startswith("id,")
    broken = tmp_path / "broken.json"
    broken.write_text(json.dumps(document() | {"schema": 1}), encoding="utf-8")
    assert main(["statement", str(broken)]) == 2
    assert "schema" in capsys.readouterr().err
