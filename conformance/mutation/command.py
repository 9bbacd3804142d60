# SPDX-License-Identifier: Apache-2.0
"""The subcommand ``mutate``."""

import argparse
import json
import time
from collections import Counter
from collections.abc import Container, Sequence
from pathlib import Path
from typing import Any

from conformance import EDITION, SUITE_VERSION
from conformance.case import Case, load_suite
from conformance.mutation.campaign import (
    CaseMap,
    Record,
    all_mutants,
    fingerprint,
    judge_mutants,
    measure,
    sample,
)
from conformance.mutation.judged import part_of
from conformance.mutation.mutator import Mutant
from conformance.mutation.summary import (
    load_accepted,
    markdown_summary,
    scores,
    text_summary,
    why_accepted,
)
from refdec.cli.support import UsageError, atomic_file, progress_bar

WANTED = 0.95
"""Least score of each stage, and least share of mutants whose stage is named right."""
SAVE_SECONDS = 10.0
SCHEMA = 1
NOTHING: dict[str, Any] = {"fingerprint": {}, "records": []}
"""The report of no run."""


def run_mutate(options: argparse.Namespace) -> int:
    """Judge mutants, print the table, write the reports; status 1 where a share is too small."""
    if options.resume and options.output is None:
        message = "--resume needs -o, the report to go on with"
        raise UsageError(message)
    cases, accepted = load_suite(), load_accepted()
    possible = [m for m in all_mutants() if not options.stage or _stage(m) in options.stage]
    reasons = {mutant.id: why_accepted(mutant, accepted) for mutant in possible}
    prints = fingerprint(cases)
    before = load_report(options.output) if options.resume else NOTHING
    kept = kept_records(before, prints)
    chosen = _chosen(possible, options, {record["id"] for record in before["records"]})
    judged = [mutant for mutant in chosen if bool(reasons[mutant.id]) == options.accepted]
    document: dict[str, Any] = {
        "schema": SCHEMA,
        "suite_version": SUITE_VERSION,
        "edition": EDITION,
        "sample": options.sample,
        "seed": options.seed,
        "possible": len(possible),
        "fingerprint": prints,
    }
    records = _judge(options, judged, cases, document, kept)
    if options.accepted:
        return _report_accepted(records, reasons)
    counts = Counter(_stage(mutant) for mutant in chosen if reasons[mutant.id])
    print(text_summary(records, counts))
    if options.markdown is not None:
        text = markdown_summary(document | {"records": records}, counts, [c.id for c in cases])
        with atomic_file(options.markdown) as file:
            file.write(text.encode())
    found = scores(records, counts)
    is_wrong = any(s.share < WANTED for s in found.values())
    return int(is_wrong or found["all"].bisection < WANTED)


def _chosen(
    possible: Sequence[Mutant], options: argparse.Namespace, before: Container[str]
) -> list[Mutant]:
    """Return the sample, or all, and what was judged before."""
    if options.sample is None:
        return list(possible)
    drawn = {mutant.id for mutant in sample(possible, options.sample, options.seed)}
    return [mutant for mutant in possible if mutant.id in drawn or mutant.id in before]


def _judge(
    options: argparse.Namespace,
    mutants: Sequence[Mutant],
    cases: Sequence[Case],
    document: dict[str, Any],
    kept: dict[str, Record],
) -> list[Record]:
    """Judge mutants, show how far it is, and save the report now and then, and in the end."""
    prints = document["fingerprint"]
    done = {mutant.id: kept[mutant.id] for mutant in mutants if mutant.id in kept}
    case_map = load_map(options.work, cases, prints, options.jobs)
    saved = time.monotonic()

    def save() -> None:
        if options.output is not None:
            text = json.dumps(document | {"records": list(done.values())}, indent=1)
            with atomic_file(options.output) as file:
                file.write(text.encode())

    with progress_bar("judging", "mutant") as progress:

        def note(record: Record) -> None:
            nonlocal saved
            done[record["id"]] = record
            if progress is not None:
                progress(len(done), len(mutants))
            if time.monotonic() - saved > SAVE_SECONDS:
                save()
                saved = time.monotonic()

        left = [mutant for mutant in mutants if mutant.id not in done]
        judge_mutants(left, cases, case_map, jobs=options.jobs, most=options.most, note=note)
    done = {mutant.id: done[mutant.id] for mutant in mutants}
    save()
    return list(done.values())


def _stage(mutant: Mutant) -> str:
    return part_of(mutant.place).stage


def _report_accepted(records: Sequence[Record], reasons: dict[str, str]) -> int:
    """Say which accepted mutants are killed all the same: their reason is wrong."""
    killed = [record for record in records if record["status"] == "killed"]
    for record in killed:
        kill = record["kills"][0]
        print(f"killed by {kill['case']} ({kill['verdict']}): {record['id']}")
        print(f"    although: {reasons[record['id']]}")
    print(f"{len(records)} accepted mutants, {len(killed)} killed")
    return int(bool(killed))


def load_report(path: Path) -> dict[str, Any]:
    """Read what an earlier run wrote; nothing where there is none."""
    if not path.exists():
        return NOTHING
    document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return document


def kept_records(document: dict[str, Any], prints: dict[str, str]) -> dict[str, Record]:
    """Return the records of an earlier run that still hold.

    A kill holds as long as the file and the stream are what they were; a mutant that lived is
    judged again when anything has changed, or when cases were left.
    """
    before = document["fingerprint"]
    same = {name for name, digest in prints.items() if before.get(name) == digest}
    return {
        record["id"]: record
        for record in document["records"]
        if record["file"] in same
        and all(kill["case"] in same for kill in record["kills"])
        and (record["kills"] or (same == prints.keys() and not record["left"]))
    }


def load_map(
    folder: Path | None, cases: Sequence[Case], prints: dict[str, str], jobs: int
) -> CaseMap:
    """Return times and lines of the cases, kept in a work folder; what is new there is measured."""
    if folder is None:
        return CaseMap({}, {})
    path = folder / "case-map.json"
    known = CaseMap({}, {})
    ids = {case.id for case in cases}
    if path.exists():
        document = json.loads(path.read_text(encoding="utf-8"))
        before = document["fingerprint"]
        same = {name for name, digest in prints.items() if before.get(name) == digest}
        if prints.keys() - ids <= same:
            known = CaseMap(
                {case: time for case, time in document["seconds"].items() if case in same},
                {
                    file: {c: frozenset(numbers) for c, numbers in by_case.items() if c in same}
                    for file, by_case in document["lines"].items()
                },
            )
    missing = [case for case in cases if case.id not in known.seconds]
    if missing:
        folder.mkdir(parents=True, exist_ok=True)
        with progress_bar("covering", "case") as progress:
            known = known.joined(measure(missing, jobs, progress or (lambda *_: None)))
        document = {
            "fingerprint": prints,
            "seconds": known.seconds,
            "lines": {
                file: {case: sorted(numbers) for case, numbers in by_case.items()}
                for file, by_case in known.lines.items()
            },
        }
        with atomic_file(path) as file:
            file.write(json.dumps(document).encode())
    return known
