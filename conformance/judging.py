# SPDX-License-Identifier: Apache-2.0
"""The subcommands that judge: ``run`` and ``smoke``; and those that read reports."""

import argparse
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any

from conformance.case import Case, load_suite
from conformance.judge.decoder import check_features
from conformance.judge.running import check_streams, run_cases, select
from conformance.judge.verdict import Difference, Result, Verdict
from conformance.options import (
    add_scope,
    add_subject,
    chosen_decoder,
    chosen_judge,
    chosen_limits,
    chosen_request,
    describe_environment,
    describe_subject,
)
from conformance.reports import FORMS
from conformance.reports.document import (
    Document,
    Run,
    load_document,
    load_known_failures,
    make_document,
    unexpected,
)
from conformance.reports.statement import NoClaim, compare_documents, statement
from conformance.reports.text import terminal_text
from refdec.cli.support import (
    UsageError,
    add_scheduler,
    atomic_file,
    check_destination,
    job_count,
    progress_bar,
)
from refdec.cli.workers import cluster

EXIT_FAILED = 1
SAVE_SECONDS = 10.0
"""How often a run that may be resumed saves what it has."""


def add_judge_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options of ``run``."""
    add_subject(parser, required=True)
    add_scope(parser)
    parser.add_argument(
        "--jobs", type=job_count, default=1, metavar="N", help="cases at a time; 0: all processors"
    )
    add_scheduler(parser)
    parser.add_argument(
        "--known-failures",
        type=Path,
        metavar="FILE",
        help="case ids that may fail, one on each line; the status is 1 when one of them passes",
    )
    parser.add_argument(
        "--resume", action="store_true", help="keep the results that the --json file has already"
    )
    add_form_options(parser)
    parser.add_argument("--all", action="store_true", help="print the cases that pass, too")


def add_form_options(parser: argparse.ArgumentParser) -> None:
    """Declare an option for each form of the report."""
    for form in FORMS:
        what = "an SVG badge" if form == "badge" else f"the report as {form}"
        parser.add_argument(f"--{form}", type=Path, metavar="FILE", help=f"write {what}")


def run_judge(options: argparse.Namespace) -> int:
    """Judge a decoder, print the table and write the reports."""
    if options.resume and options.json is None:
        message = "--resume needs --json, the report to go on with"
        raise UsageError(message)
    if options.python is not None and options.scheduler is not None:
        message = "--scheduler judges programs and backends: a --python function stays here"
        raise UsageError(message)
    check_forms(options)
    suite = load_suite()
    decoder = chosen_decoder(options)
    check_features(decoder, suite)
    known = load_known_failures(options.known_failures, suite) if options.known_failures else {}
    request = chosen_request(options, decoder)
    claimed, chosen = select(suite, request)
    check_streams(chosen)
    limits = chosen_limits(options, decoder)
    subject = describe_subject(options, decoder)
    environment = describe_environment(subject, limits, jobs=options.jobs)

    def document(results: Sequence[Result]) -> Document:
        return make_document(
            Run(
                subject=subject,
                request=request,
                claimed=claimed,
                unjudged=request.unjudged(suite),
                results=results,
                environment=environment,
                known_failures={c.id: known[c.id] for c in claimed if c.id in known},
            )
        )

    kept = kept_results(options.json, document([]), chosen) if options.resume else {}
    left = [case for case in chosen if case.id not in kept]
    with chosen_judge(options, decoder, limits=limits, request=request) as judge:
        fresh = judge_with_progress(left, judge, options, kept, document)
    merged = kept | {result.id: result for result in fresh}
    report = document([merged[case.id] for case in chosen])
    write_forms(options, report)
    print(terminal_text(report, show_all=options.all))
    return exit_status(report)


def judge_with_progress(
    cases: Sequence[Case],
    judge: Any,
    options: argparse.Namespace,
    kept: dict[str, Result],
    document: Any,
) -> list[Result]:
    """Judge the cases, show how far it is, and save the JSON report now and then."""
    done = dict(kept)
    saved = time.monotonic()
    with ExitStack() as stack:
        progress = stack.enter_context(progress_bar("judging", "case"))
        executor = options.scheduler and stack.enter_context(cluster(options.scheduler))

        def note(result: Result) -> None:
            nonlocal saved
            done[result.id] = result
            if progress is not None:
                progress(len(done), len(cases) + len(kept))
            if options.json is not None and time.monotonic() - saved > SAVE_SECONDS:
                write_form(options.json, FORMS["json"](document(list(done.values()))))
                saved = time.monotonic()

        return run_cases(cases, judge, jobs=options.jobs, executor=executor, note=note)


def exit_status(report: Document) -> int:
    """Return 0 when nothing failed, or exactly what is known to fail; print what differs."""
    if not report["known_failures"]:
        return 0 if report["conforms"] else EXIT_FAILED
    new, mended = unexpected(report)
    for name in new:
        print(f"not a known failure: {name}")
    for name in mended:
        print(f"known failure passes, take it off the list: {name}")
    is_complete = not any(case["verdict"] == Verdict.NOT_RUN for case in report["cases"])
    has_passed = bool(report["tally"].get(Verdict.PASS))
    return 0 if not new and not mended and is_complete and has_passed else EXIT_FAILED


def kept_results(path: Path, now: Document, cases: Sequence[Case]) -> dict[str, Result]:
    """Return the results of an unfinished report that still hold.

    Raises
    ------
    UsageError
        It is a report on something else.
    """
    if not path.exists():
        return {}
    before = load_document(path)
    for name in ("subject", "suite_version", "edition"):
        if before[name] != now[name]:
            message = f"{path} is about another {name}; leave --resume out"
            raise UsageError(message)
    if before["asked"]["points"] != now["asked"]["points"]:
        message = f"{path} is about other points; leave --resume out"
        raise UsageError(message)
    streams = {case.id: case.manifest["stream"]["sha256"] for case in cases}
    return {
        row["id"]: result_of(row)
        for row in before["cases"]
        if row["verdict"] != Verdict.NOT_RUN and streams.get(row["id"]) == row["stream_sha256"]
    }


def result_of(row: Document) -> Result:
    """Return the result that a row of a report holds."""
    difference = row["difference"]
    return Result(
        row["id"],
        Verdict(row["verdict"]),
        row["detail"],
        seconds=row["seconds"],
        points={point: Verdict(verdict) for point, verdict in row["points"].items()},
        stage=row["stage"],
        difference=None if difference is None else Difference(**difference),
        command=row["command"],
    )


def check_forms(options: argparse.Namespace) -> None:
    """Refuse places that cannot be written, before the work starts."""
    for form in FORMS:
        if (path := getattr(options, form)) is not None:
            check_destination(path)


def write_forms(options: argparse.Namespace, report: Document) -> None:
    """Write the report in every form that was asked for."""
    for form, text in FORMS.items():
        if (path := getattr(options, form)) is not None:
            write_form(path, text(report))


def write_form(path: Path, text: str) -> None:
    """Write a text file, whole or not at all."""
    with atomic_file(path) as file:
        file.write(text.encode())


def run_report(options: argparse.Namespace) -> int:
    """Write a JSON report in other forms, or print it."""
    report = load_document(options.report)
    check_forms(options)
    write_forms(options, report)
    print(terminal_text(report, show_all=options.all))
    return 0


def run_compare(options: argparse.Namespace) -> int:
    """Print how a report differs from an older one; status 1 where it is worse."""
    changes = compare_documents(load_document(options.old), load_document(options.new))
    for what, names in asdict(changes).items():
        for name in names:
            print(f"{what}: {name}")
    counts = [f"{len(names)} {what}" for what, names in asdict(changes).items() if names]
    print(", ".join(counts) or "no difference")
    return EXIT_FAILED if changes.is_worse else 0


def run_statement(options: argparse.Namespace) -> int:
    """Print what may be claimed; status 1 where nothing may."""
    try:
        print(statement(load_document(options.report)))
    except NoClaim as error:
        print(f"no statement: {error}")
        return EXIT_FAILED
    return 0
