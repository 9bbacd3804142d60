# SPDX-License-Identifier: Apache-2.0
"""The report as a JSON document, by ``schema/report.schema.json``."""

import json
import platform
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from conformance import EDITION, SUITE_VERSION
from conformance.case import Case
from conformance.judge.running import Request
from conformance.judge.verdict import FAULTS, Result, Verdict
from conformance.schema_check import check_document
from refdec import __version__
from refdec.cli.support import UsageError

REPORT_SCHEMA = 2
MAX_PICTURED = 24
"""Cases whose pictures a report holds, so that it stays small when everything fails."""
Document = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Run:
    """What is reported."""

    subject: Mapping[str, str]
    """``name``, ``kind`` and ``command`` of what was judged."""
    request: Request
    claimed: Sequence[Case]
    """The cases that belong to what is claimed."""
    unjudged: Mapping[str, Sequence[str]]
    """By point, the valid cases that it has no digests or limits for."""
    results: Sequence[Result]
    environment: Mapping[str, Any]
    known_failures: Mapping[str, str]
    """Reason by case id."""


def make_document(run: Run) -> Document:
    """Return the report of a run."""
    results = {result.id: result for result in run.results}
    missing = [case.id for case in run.claimed if case.id not in results]
    unreached = [r.id for r in run.results if r.verdict == Verdict.NOT_RUN]
    reasons = [f"{len(missing)} of {len(run.claimed)} cases were not selected"] if missing else []
    reasons += [f"{len(unreached)} cases were not reached"] if unreached else []
    return {
        "schema": REPORT_SCHEMA,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "tool": f"jai-conformance {__version__}",
        "edition": EDITION,
        "suite_version": SUITE_VERSION,
        "subject": dict(run.subject),
        "environment": {"platform": platform.platform(), **run.environment},
        "asked": run.request.as_dict(),
        "unjudged": {point: list(ids) for point, ids in run.unjudged.items()},
        "partial": bool(reasons),
        "partial_reasons": reasons,
        "conforms": conforms(run.results),
        "tally": tally(result.verdict for result in run.results),
        "known_failures": dict(run.known_failures),
        "cases": _rows(run.claimed, results),
    }


def _rows(claimed: Sequence[Case], results: Mapping[str, Result]) -> list[Document]:
    rows, pictured = [], 0
    for case in claimed:
        if case.id not in results:
            continue
        result = results[case.id].as_dict()
        if result["difference"] is not None and result["difference"]["pictures"]:
            pictured += 1
            if pictured > MAX_PICTURED:
                result["difference"]["pictures"] = {}
        manifest = case.manifest
        rows.append(
            {
                "id": case.id,
                "kind": manifest["verdict"],
                "profile": manifest["profile"],
                "level": manifest["level"],
                "features": manifest["features"],
                "purpose": manifest["purpose"],
                "catches": manifest["catches"],
                "stream_sha256": manifest["stream"]["sha256"],
                **result,
            }
        )
    return rows


def tally(verdicts: Iterable[str]) -> dict[str, int]:
    """Count verdicts, in the order of `Verdict`; those that did not occur are left out."""
    counts = Counter(verdicts)
    return {str(verdict): counts[verdict] for verdict in Verdict if counts[verdict]}


def conforms(results: Iterable[Result]) -> bool:
    """Whether something was run, and nothing of it failed."""
    verdicts = {result.verdict for result in results}
    return Verdict.PASS in verdicts and not verdicts & {*FAULTS, Verdict.NOT_RUN}


def failing(document: Document) -> list[Document]:
    """Return the cases that the decoder got wrong."""
    return [case for case in document["cases"] if case["verdict"] in FAULTS]


def unexpected(document: Document) -> tuple[list[str], list[str]]:
    """Compare a report with its known failures.

    Returns
    -------
    Cases that fail and are not known, and cases that are known and pass.
    """
    known = document["known_failures"]
    new = [case["id"] for case in failing(document) if case["id"] not in known]
    verdicts = {case["id"]: case["verdict"] for case in document["cases"]}
    return new, [name for name in known if verdicts.get(name) == Verdict.PASS]


def document_text(document: Document) -> str:
    """Return the JSON text of a report."""
    return json.dumps(document, indent=1) + "\n"


def load_document(path: Path) -> Document:
    """Read a JSON report.

    Raises
    ------
    UsageError
        It is no report.
    OSError
        The file cannot be read.
    """
    try:
        document: Document = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        message = f"{path} is no JSON report: {error}"
        raise UsageError(message) from error
    check_document(document, "report", source=str(path))
    return document


def load_known_failures(path: Path, cases: Iterable[Case]) -> dict[str, str]:
    """Read a list of cases that are known to fail: an id on each line, and why after ``#``.

    Raises
    ------
    UsageError
        A line names no case of the suite.
    OSError
        The file cannot be read.
    """
    known, ids = {}, {case.id for case in cases}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        name, _, reason = (part.strip() for part in line.partition("#"))
        if not name:
            continue
        if name not in ids:
            message = f"{path}:{number}: no case {name!r}"
            raise UsageError(message)
        known[name] = reason
    return known
