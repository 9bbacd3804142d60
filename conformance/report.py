# SPDX-License-Identifier: Apache-2.0
"""Reports: a table for the terminal and a JSON document."""

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from conformance import EDITION, SUITE_VERSION
from conformance.judge import Result, Verdict
from refdec.cli.support import atomic_file

REPORT_SCHEMA = 1


def tally(results: Sequence[Result]) -> dict[str, int]:
    """Count the verdicts, in the order of `Verdict`; those that did not occur are left out."""
    counts = Counter(result.verdict for result in results)
    return {str(verdict): counts[verdict] for verdict in Verdict if counts[verdict]}


def conforms(results: Sequence[Result]) -> bool:
    """Whether something was run and all of it passed."""
    verdicts = {result.verdict for result in results} - {Verdict.NOT_RUN}
    return verdicts == {Verdict.PASS}


def table(results: Sequence[Result], *, total: int, show_all: bool) -> str:
    """Return the verdicts per suite, the cases that did not pass, and what it comes to."""
    shown = [r for r in results if show_all or r.verdict not in {Verdict.PASS, Verdict.NOT_RUN}]
    width = max((len(result.id) for result in shown), default=0)
    lines = [f"{r.id:<{width}}  {r.verdict:<9}  {r.detail}".rstrip() for r in shown]
    for suite in sorted({result.id.partition("/")[0] for result in results}):
        counts = tally([r for r in results if r.id.startswith(f"{suite}/")])
        lines.append(f"{suite:<12} " + ", ".join(f"{n} {name}" for name, n in counts.items()))
    counts = tally(results)
    lines.append(f"{'all':<12} " + ", ".join(f"{n} {name}" for name, n in counts.items()))
    if len(results) < total:
        lines.append(f"partial: {len(results)} of {total} cases were selected")
    return "\n".join(lines)


def write_json(path: Path, results: Sequence[Result], *, subject: str, total: int) -> None:
    """Write the JSON report.

    Raises
    ------
    OSError
        The file cannot be written.
    """
    document = {
        "schema": REPORT_SCHEMA,
        "suite_version": SUITE_VERSION,
        "edition": EDITION,
        "subject": subject,
        "partial": len(results) < total,
        "conforms": conforms(results),
        "tally": tally(results),
        "cases": [result.as_dict() for result in results],
    }
    with atomic_file(path) as file:
        file.write((json.dumps(document, indent=1) + "\n").encode())
