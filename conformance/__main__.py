# SPDX-License-Identifier: Apache-2.0
"""The command line ``jai-conformance``."""

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from conformance import SUITE_VERSION
from conformance.case import SuiteError, load_suite
from conformance.fuzzing.options import add_corpus_options, add_fuzz_options
from conformance.judging import (
    EXIT_FAILED,
    add_form_options,
    add_judge_options,
    run_compare,
    run_judge,
    run_report,
    run_statement,
)
from conformance.mutation.options import add_mutate_options
from conformance.options import add_filter, add_subject
from refdec.cli.support import Parser, UsageError, describe_error, progress_bar, run

PROGRAM = "jai-conformance"
EXIT_HARNESS = 3


def main(arguments: Sequence[str] | None = None) -> int:
    """Run ``jai-conformance``: status 0, 1 not conforming, 2 usage, 3 the harness failed."""
    return run(PROGRAM, _guarded, arguments)


def _guarded(arguments: Sequence[str]) -> int:
    """Tell a failure of the harness from a failure of the decoder."""
    try:
        options = build_parser().parse_args(arguments)
        status: int = options.run(options)
    except (UsageError, BrokenPipeError):
        raise
    except SuiteError as error:
        text = f"the suite is damaged: {error}"
    except Exception as error:  # noqa: BLE001
        text, _ = describe_error(error)
    else:
        return status
    print(f"{PROGRAM}: error: {text}", file=sys.stderr)
    return EXIT_HARNESS


def build_parser() -> Parser:
    """Declare the subcommands and their options."""
    parser = Parser(
        prog=PROGRAM, description="Conformance suite of JAI, and the judge of decoders."
    )
    parser.add_argument("--version", action="version", version=f"{PROGRAM} suite {SUITE_VERSION}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    def command(
        name: str, summary: str, action: Callable[[argparse.Namespace], int]
    ) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=summary, description=f"{summary}.")
        added.set_defaults(run=action)
        return added

    add_filter(command("list", "List the cases", run_list))
    add_judge_options(command("run", "Judge a decoder", run_judge))
    smoke = command("smoke", "Tell a broken harness from a broken decoder", run_smoke)
    add_subject(smoke, required=False)
    report = command("report", "Write a JSON report in other forms", run_report)
    report.add_argument("report", type=Path, help="what run --json wrote")
    add_form_options(report)
    report.add_argument("--all", action="store_true", help="print the cases that pass, too")
    compare = command("compare", "Compare two JSON reports; status 1 if worse", run_compare)
    compare.add_argument("old", type=Path)
    compare.add_argument("new", type=Path)
    claim = command("statement", "Print what a JSON report allows to claim", run_statement)
    claim.add_argument("report", type=Path)
    fluster = command("export-fluster", "Write the suite for the fluster harness", run_fluster)
    fluster.add_argument("directory", type=Path, help="made if it does not exist")
    add_fuzz_options(
        command("fuzz", "Compare a decoder with the reference on made-up streams", run_fuzz)
    )
    add_corpus_options(
        command("export-corpus", "Write seeds and a dictionary for a fuzzer", run_corpus)
    )
    command("coverage", "Print which streams have what the specification declares", run_coverage)
    add_mutate_options(
        command("mutate", "Measure which faults of the decoder the suite finds", run_mutate)
    )
    add_filter(command("power", "Measure what the tolerance of point T catches", run_power))
    generate = command("generate", "Make the streams and manifests again", run_generate)
    add_filter(generate)
    generate.add_argument(
        "--check", action="store_true", help="write nothing, fail on a difference"
    )
    generate.add_argument(
        "--any-encoder",
        action="store_true",
        help="with --check: accept other bytes in streams that the encoder made",
    )
    return parser


def run_list(options: argparse.Namespace) -> int:
    """Print one line per case."""
    cases = load_suite(options.filter)
    for case in cases:
        print(f"{case.id:<40} {case.manifest['verdict']:<8} {case.manifest['purpose']}")
    print(f"{len(cases)} cases, suite {SUITE_VERSION}")
    return 0


def run_smoke(options: argparse.Namespace) -> int:
    """Try the harness, then a decoder, on three streams."""
    from conformance.smoke import smoke  # noqa: PLC0415

    return smoke(options)


def run_fluster(options: argparse.Namespace) -> int:
    """Write the suite for fluster and say what was left out."""
    from conformance.fluster import export  # noqa: PLC0415

    print(export(options.directory))
    return 0


def run_fuzz(options: argparse.Namespace) -> int:
    """Judge made-up streams, and keep what is found."""
    from conformance.fuzzing.command import run_fuzz  # noqa: PLC0415  it needs the encoder

    return run_fuzz(options)


def run_corpus(options: argparse.Namespace) -> int:
    """Write seeds and a dictionary, and say how many."""
    from conformance.fuzzing.corpus import export_corpus  # noqa: PLC0415

    print(export_corpus(options.directory, options.max_bytes))
    return 0


def run_coverage(_: argparse.Namespace) -> int:
    """Print the coverage matrix in Markdown; status 1 where a cell is empty and not waived."""
    from conformance.coverage import coverage_page, gaps, matrix  # noqa: PLC0415

    suite = load_suite()
    print(coverage_page(suite))
    empty = gaps(matrix(suite))
    for gap in empty:
        print(gap, file=sys.stderr)
    return EXIT_FAILED if empty else 0


def run_mutate(options: argparse.Namespace) -> int:
    """Seed faults in the reference decoder and judge it by the suite."""
    from conformance.mutation.command import run_mutate  # noqa: PLC0415

    return run_mutate(options)


def run_power(options: argparse.Namespace) -> int:
    """Print the power of each stream's tolerance, as it is measured."""
    from conformance.tolerance_power import power_text  # noqa: PLC0415

    for line in power_text(load_suite(options.filter), load_suite()):
        print(line, flush=True)
    return 0


def run_generate(options: argparse.Namespace) -> int:
    """Write or check the suite and say what differs."""
    from conformance import generate  # noqa: PLC0415  the recipes need the encoder

    start = time.perf_counter()
    action = generate.check if options.check else generate.generate
    with progress_bar("checking" if options.check else "generating", "case") as progress:
        outcome = action(options.filter, progress=progress)
    if not outcome.count:
        message = f"no case matches {options.filter}"
        raise UsageError(message)
    groups = {
        "failed": outcome.failed,
        "out of date" if options.check else "written": outcome.changed,
        "decodes to something else": outcome.wrong_digests,
        "other bytes": outcome.other_bytes,
        "other bytes from the encoder": outcome.encoder_bytes,
    }
    for what, names in groups.items():
        for name in names:
            print(f"{what}: {name}")
    seconds = time.perf_counter() - start
    counts = ", ".join(f"{len(names)} {what}" for what, names in groups.items() if names)
    print(f"{outcome.count} cases: {counts or 'nothing differs'}; {seconds:.1f} s")
    differences = [*outcome.failed, *outcome.wrong_digests, *outcome.other_bytes]
    if options.check:
        differences += outcome.changed
        differences += [] if options.any_encoder else outcome.encoder_bytes
    return EXIT_FAILED if differences else 0


if __name__ == "__main__":
    raise SystemExit(main())
