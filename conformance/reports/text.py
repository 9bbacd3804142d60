# SPDX-License-Identifier: Apache-2.0
"""Reports as text: a table for the terminal, Markdown, CSV."""

import csv
import io
from collections.abc import Iterator

from conformance.judge.decoder import PROFILES
from conformance.judge.verdict import Verdict
from conformance.reports.document import Document, failing, tally

COLUMNS = (
    "id", "kind", "profile", "level", "verdict", "stage", "detail", "seconds", "stream_sha256",
    "command",
)  # fmt: skip


def headline(document: Document) -> str:
    """Say in a line what came out."""
    text = "conforms to what was asked" if document["conforms"] else "does not conform"
    if not document["conforms"] and not failing(document):
        text = "was not judged to the end" if document["partial"] else "passed nothing"
    asked = document["asked"]
    scope = [f"point {', '.join(asked['points'])}"]
    scope += [f"profile {asked['profile']}"] if asked["profile"] is not None else []
    scope += [f"level {asked['level']}"] if asked["level"] is not None else []
    partial = f"; PARTIAL: {'; '.join(document['partial_reasons'])}" if document["partial"] else ""
    return f"{document['subject']['name']} {text} ({', '.join(scope)}){partial}"


UNJUDGED = {
    "L": "they have no digest of latents",
    "T": "they carry no limits, which would let wrong pictures pass (jai-conformance power)",
}
"""Why a point does not judge some valid streams."""


def unjudged_lines(document: Document) -> Iterator[str]:
    """Yield a line for each point that does not judge all valid streams."""
    for point, ids in document.get("unjudged", {}).items():
        yield f"point {point} is not judged on {len(ids)} valid streams: {UNJUDGED[point]}"


def groups(document: Document) -> Iterator[tuple[str, dict[str, int]]]:
    """Yield the tallies: valid and invalid streams of each profile and suite, then all."""
    cases = document["cases"]
    for profile in sorted({case["profile"] for case in cases}, key=PROFILES.index):
        mine = [case for case in cases if case["profile"] == profile]
        yield f"{profile} profile", tally(case["verdict"] for case in mine)
        for suite in sorted({case["id"].partition("/")[0] for case in mine}):
            verdicts = (c["verdict"] for c in mine if c["id"].startswith(f"{suite}/"))
            yield f"  {suite}", tally(verdicts)
    yield "all", document["tally"]


def verdict_columns(document: Document) -> list[str]:
    """Return the verdicts that occurred, passes first."""
    return [str(verdict) for verdict in Verdict if str(verdict) in document["tally"]]


def terminal_text(document: Document, *, show_all: bool) -> str:
    """Return the cases that did not pass, the table per profile, and what it comes to."""
    shown = document["cases"] if show_all else failing(document)
    width = max((len(case["id"]) for case in shown), default=0)
    lines = []
    for case in shown:
        known = " (known)" if case["id"] in document["known_failures"] else ""
        stage = f" [first wrong stage: {case['stage']}]" if case["stage"] else ""
        text = f"{case['id']:<{width}}  {case['verdict']}{known}  {case['detail']}{stage}"
        lines.append(text.rstrip())
    lines += [""] if lines else []
    lines += _table(document)
    unsupported = [c for c in document["cases"] if c["verdict"] == Verdict.UNSUPPORTED]
    for reason in sorted({case["detail"] for case in unsupported}):
        count = sum(case["detail"] == reason for case in unsupported)
        lines.append(f"unsupported: {count} of {reason}")
    lines += unjudged_lines(document)
    network = document["environment"].get("network")
    lines += [f"network: {network}"] if network not in {None, "isolated"} else []
    return "\n".join([*lines, headline(document)])


def _table(document: Document) -> list[str]:
    names, rows = verdict_columns(document), list(groups(document))
    first = max(len(name) for name, _ in rows)
    lines = [" " * first + "".join(f"  {name}" for name in names)]
    for name, counts in rows:
        cells = (f"  {counts.get(verdict, 0) or '.':>{len(verdict)}}" for verdict in names)
        lines.append(f"{name:<{first}}" + "".join(cells))
    return lines


def markdown_text(document: Document) -> str:
    """Return the report in Markdown, for a job summary or a pull request."""
    names = verdict_columns(document)
    lines = [
        f"# {_cell(document['subject']['name'])}: JAI conformance",
        "",
        f"**{_cell(headline(document))}**",
        "",
        " ".join(
            (
                f"Suite {document['suite_version']}, edition {document['edition']},",
                f"{document['created']}, {document['tool']}.",
            )
        ),
        "",
        f"| | {' | '.join(names)} |",
        f"|---|{'--:|' * len(names)}",
    ]
    for name, counts in groups(document):
        is_part = name.startswith(" ")
        label = f"&emsp;{name.strip()}" if is_part else f"**{name}**"
        cells = " | ".join(str(counts.get(verdict, "")) for verdict in names)
        lines.append(f"| {label} | {cells} |")
    lines += ["", *(f"{line[:1].upper()}{line[1:]}." for line in unjudged_lines(document))]
    if wrong := failing(document):
        lines += ["", "| case | verdict | first wrong stage | detail |", "|---|---|---|---|"]
        for case in wrong:
            known = " (known)" if case["id"] in document["known_failures"] else ""
            texts = (f"`{case['id']}`", case["verdict"] + known, case["stage"], case["detail"])
            lines.append(f"| {' | '.join(map(_cell, texts))} |")
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    """Keep a text from ending its table cell or becoming markup."""
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")


def csv_text(document: Document) -> str:
    """Return a row for each case."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows([case[name] for name in COLUMNS] for case in document["cases"])
    return file.getvalue()
