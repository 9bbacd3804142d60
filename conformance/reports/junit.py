# SPDX-License-Identifier: Apache-2.0
"""Reports as JUnit XML, which continuous integration systems show."""

import re
from typing import Any
from xml.etree import ElementTree as ET

from conformance.judge.verdict import FAULTS, Verdict
from conformance.reports.document import Document

_UNPRINTABLE = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_ERRORS = {Verdict.CRASH, Verdict.TIMEOUT, Verdict.OUT_OF_MEMORY}
"""Verdicts that are errors rather than failures."""


def junit_text(document: Document) -> str:
    """Return the report as JUnit XML: a test suite for each directory of the golden suite.

    What was not judged is skipped; a known failure is skipped, too, and says so.
    """
    root = ET.Element("testsuites", name=_clean(document["subject"]["name"]))
    for suite in sorted({case["id"].partition("/")[0] for case in document["cases"]}):
        cases = [case for case in document["cases"] if case["id"].startswith(f"{suite}/")]
        element = ET.SubElement(root, "testsuite", name=f"jai.{suite}")
        outcomes = [_add_case(element, case, document["known_failures"]) for case in cases]
        counts = {name: outcomes.count(name) for name in ("failure", "error", "skipped")}
        element.attrib |= {
            "tests": str(len(cases)),
            "failures": str(counts["failure"]),
            "errors": str(counts["error"]),
            "skipped": str(counts["skipped"]),
            "time": f"{sum(case['seconds'] for case in cases):.3f}",
            "timestamp": document["created"],
        }
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _add_case(suite: ET.Element, case: dict[str, Any], known: dict[str, str]) -> str:
    name, verdict = case["id"].partition("/")[2], case["verdict"]
    element = ET.SubElement(
        suite,
        "testcase",
        classname=suite.attrib["name"],
        name=name,
        time=f"{case['seconds']:.3f}",
    )
    if verdict == Verdict.PASS:
        return "pass"
    outcome = "skipped"
    if verdict in FAULTS and case["id"] not in known:
        outcome = "error" if verdict in _ERRORS else "failure"
    reason = f"known failure: {known[case['id']]}" if case["id"] in known else case["detail"]
    child = ET.SubElement(element, outcome, message=_clean(f"{verdict}: {reason}"))
    if outcome != "skipped":
        child.attrib["type"] = verdict
    lines = [case["detail"], f"catches: {case['catches']}", f"again: {case['command']}"]
    lines += [f"first wrong stage: {case['stage']}"] if case["stage"] else []
    child.text = _clean("\n".join(lines))
    return outcome


def _clean(text: str) -> str:
    """Leave out characters that XML cannot hold."""
    return _UNPRINTABLE.sub("?", text)
