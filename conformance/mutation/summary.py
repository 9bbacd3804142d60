# SPDX-License-Identifier: Apache-2.0
"""Sum up a mutation run: scores by stage, bisection, survivors, what each stream is good for."""

import tomllib
from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

from conformance import ROOT, SUITE_VERSION
from conformance.mutation.campaign import Record
from conformance.mutation.judged import STAGES, fits
from conformance.mutation.mutator import Mutant

ACCEPTED = ROOT / "mutation" / "accepted.toml"
MAX_SHARE = 1.0


class Accepted(NamedTuple):
    """Mutants that no stream needs to kill."""

    place: str
    """Pattern of ``file:scope``."""
    change: str
    """Pattern of `Mutant.change`."""
    reason: str


class Score(NamedTuple):
    """What became of the mutants of a stage."""

    killed: int
    survived: int
    accepted: int
    shown: int
    """Killed by a valid stream, whose report names a stage."""
    right: int
    """Of these: the right stage."""

    @property
    def share(self) -> float:
        """Share of the mutants that are killed, of those that ought to be."""
        judged = self.killed + self.survived
        return self.killed / judged if judged else MAX_SHARE

    @property
    def bisection(self) -> float:
        """Share of the right stages."""
        return self.right / self.shown if self.shown else MAX_SHARE


def load_accepted() -> list[Accepted]:
    """Read the list of accepted mutants."""
    document = tomllib.loads(ACCEPTED.read_text(encoding="utf-8"))
    return [
        Accepted(group["place"], change, group["reason"])
        for group in document["accepted"]
        for change in group["changes"]
    ]


def why_accepted(mutant: Mutant, accepted: Sequence[Accepted]) -> str:
    """Return the reason for which a mutant may survive; empty: it may not."""
    for entry in accepted:
        if fits(entry.place, mutant.place) and fits(entry.change, mutant.change):
            return entry.reason
    return ""


def score(records: Sequence[Record], num_accepted: int = 0) -> Score:
    """Count."""
    killed = [record for record in records if record["status"] == "killed"]
    shown = [record for record in killed if record["shown_in"]]
    right = [record for record in shown if record["shown_in"] in STAGES[record["stage"]]]
    return Score(len(killed), len(records) - len(killed), num_accepted, len(shown), len(right))


def scores(records: Sequence[Record], accepted: Counter[str]) -> dict[str, Score]:
    """Return the score of each stage, and of ``all``."""
    found = {
        stage: score([r for r in records if r["stage"] == stage], accepted[stage])
        for stage in STAGES
    }
    return found | {"all": score(records, accepted.total())}


def survivors(records: Sequence[Record]) -> list[Record]:
    """Return the mutants that lived."""
    return [record for record in records if record["status"] != "killed"]


def own_kills(records: Sequence[Record]) -> Counter[str]:
    """Count by case the mutants that it alone kills."""
    return Counter(r["kills"][0]["case"] for r in records if len(r["kills"]) == 1)


def misnamed(records: Sequence[Record]) -> list[Record]:
    """Return the killed mutants of which the report names a wrong stage."""
    return [r for r in records if r["shown_in"] and r["shown_in"] not in STAGES[r["stage"]]]


def line_of(record: Record) -> str:
    """Describe a mutant on one line."""
    number = f" #{record['count'] + 1}" if record["count"] else ""
    return (
        f"{record['file']}:{record['line']} {record['scope']}  {record['text']} | "
        f"{record['before']} -> {record['after']}{number}"
    )


def table_rows(found: dict[str, Score]) -> list[list[str]]:
    """Return the rows of the table by stage."""
    return [
        [
            name,
            str(s.killed + s.survived + s.accepted),
            str(s.accepted),
            str(s.killed),
            str(s.survived),
            f"{100 * s.share:.1f} %",
            str(s.shown),
            f"{100 * s.bisection:.1f} %",
        ]
        for name, s in found.items()
    ]


LEFT = " (not yet judged by all cases)"
HEAD = (
    "stage",
    "mutants",
    "accepted",
    "killed",
    "survived",
    "score",
    "stage named",
    "named right",
)


def text_summary(records: Sequence[Record], accepted: Counter[str]) -> str:
    """Return the table and the survivors for a terminal."""
    rows = [list(HEAD), *table_rows(scores(records, accepted))]
    widths = [max(len(row[i]) for row in rows) for i in range(len(HEAD))]
    lines = ["  ".join(f"{c:>{w}}" for c, w in zip(row, widths, strict=True)) for row in rows]
    lines += [f"survived: {line_of(record)}" for record in survivors(records)]
    lines += [
        f"named {record['shown_in']}, not {record['stage']}: {line_of(record)}"
        for record in misnamed(records)
    ]
    return "\n".join(lines)


def markdown_summary(document: dict[str, Any], accepted: Counter[str], cases: Sequence[str]) -> str:
    """Return the page that is kept: table, own kills, survivors."""
    records: list[Record] = document["records"]
    own = own_kills(records)
    idle = [case for case in cases if not own[case]]
    asked = "all" if document["sample"] is None else f"{document['sample']}, by chance,"
    num_own, num_lived = sum(own.values()), len(survivors(records))
    lines = [
        "# Mutation score of the golden suite",
        "",
        f"Suite {SUITE_VERSION}; {asked} of {document['possible']} mutants of `refdec`.",
        "Written by `jai-conformance mutate`; what the columns mean is said in",
        "`conformance/README.md`.",
        "",
        "| " + " | ".join(HEAD) + " |",
        "|:--|" + "--:|" * (len(HEAD) - 1),
        *("| " + " | ".join(row) + " |" for row in table_rows(scores(records, accepted))),
        "",
        f"{len(records) - num_own - num_lived} mutants are killed by several streams, {num_own} by",
        f"one alone. {len(cases) - len(idle)} streams are the only ones to kill some mutant:",
        "",
        ", ".join(f"`{case}` {count}" for case, count in own.most_common()) + ".",
        "",
        f"The other {len(idle)} streams kill nothing that no other does, among these mutants.",
        "",
        "## Survivors",
        "",
        f"{sum(bool(r['left']) for r in survivors(records))} of these have not been judged by all",
        "cases that run their statement: the run was bounded. They count as survivors.",
        "",
        *(f"- `{line_of(r)}`{LEFT if r['left'] else ''}" for r in survivors(records)),
        *([] if survivors(records) else ["None."]),
        "",
        "## Killed, but another stage is named",
        "",
        *(f"- {r['shown_in']}: `{line_of(r)}`" for r in misnamed(records)),
        "" if misnamed(records) else "None.",
    ]
    return "\n".join(lines).rstrip() + "\n"
