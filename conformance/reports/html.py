# SPDX-License-Identifier: Apache-2.0
"""The report as one HTML page that needs no other file, and as an SVG badge."""

from functools import cache
from typing import TYPE_CHECKING, Any

from conformance import ROOT
from conformance.judge.verdict import FAULTS, MEANINGS, Verdict
from conformance.reports.document import Document, failing
from conformance.reports.text import groups, headline, unjudged_lines, verdict_columns

if TYPE_CHECKING:
    from jinja2 import Template

_SYMBOLS = {
    Verdict.PASS: "\u2713",
    Verdict.UNSUPPORTED: "\u2013",
    Verdict.NOT_RUN: "?",
}
_FAULT_SYMBOL = "\u2717"
_CHARACTER = 6.3
"""Mean width of a character of the badge, in pixels."""
_PADDING = 12


@cache
def _template(name: str) -> "Template":
    import jinja2  # noqa: PLC0415

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(ROOT / "reports" / "templates"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    return environment.get_template(name)


def html_text(document: Document) -> str:
    """Return the page."""
    cases = document["cases"]
    rows = [_matrix_row(name, [c for c in cases if _suite(c) == name]) for name in _suites(cases)]
    return _template("report.html.jinja").render(
        report=document,
        headline=headline(document),
        state=_state(document),
        groups=list(groups(document)),
        unjudged=list(unjudged_lines(document)),
        verdicts=verdict_columns(document),
        meanings={str(verdict): text for verdict, text in MEANINGS.items()},
        matrix=rows,
        wrong=failing(document),
        css_class=css_class,
        symbol=symbol,
    )


def badge_text(document: Document) -> str:
    """Return a badge: what was asked and how it came out."""
    passed, total = document["tally"].get("pass", 0), len(document["cases"])
    state = _state(document)
    points = ", ".join(document["asked"]["points"])
    value = {
        "partial": f"partial, {passed} passed",
        "good": f"point {points}, suite {document['suite_version']}",
        "bad": f"{passed} of {total}",
    }[state]
    colour = {"partial": "#8a6100", "good": "#1a7f37", "bad": "#b3261e"}[state]
    label = "JAI conformance"
    left, right = (round(len(text) * _CHARACTER) + _PADDING for text in (label, value))
    return _template("badge.svg.jinja").render(
        label=label, value=value, colour=colour, left=left, right=right
    )


def _state(document: Document) -> str:
    if not document["conforms"]:
        return "bad"
    return "partial" if document["partial"] else "good"


def _suite(case: dict[str, Any]) -> str:
    return str(case["id"]).partition("/")[0]


def _suites(cases: list[dict[str, Any]]) -> list[str]:
    return list(dict.fromkeys(map(_suite, cases)))


def _matrix_row(name: str, cases: list[dict[str, Any]]) -> dict[str, Any]:
    passed = sum(case["verdict"] == Verdict.PASS for case in cases)
    return {"name": name, "cases": cases, "passed": passed}


def css_class(verdict: str) -> str:
    """Return the class of a verdict's cell."""
    if verdict in FAULTS:
        return "bad"
    return "good" if verdict == Verdict.PASS else "other"


def symbol(verdict: str) -> str:
    """Return the sign of a verdict, so that colour is not all that tells them apart."""
    return _FAULT_SYMBOL if verdict in FAULTS else _SYMBOLS[Verdict(verdict)]
