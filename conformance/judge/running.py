# SPDX-License-Identifier: Apache-2.0
"""Choose the cases that were asked for, and judge them side by side."""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from typing import Any

from conformance.case import Case, SuiteError, matches
from conformance.judge.decoder import within_profile
from conformance.judge.verdict import Judge, Result, Verdict
from refdec.cli.support import UsageError


@dataclass(frozen=True, kw_only=True)
class Request:
    """What a run was asked to judge.

    Points, a profile and a level are the claim that is tested; patterns and suites only pick some
    of its cases, which makes a run partial.
    """

    points: tuple[str, ...]
    profile: str | None = None
    """This and all before it; None for all."""
    level: int | None = None
    """This and all lower levels; None for all."""
    suites: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ()

    def claims(self, case: Case) -> bool:
        """Whether a case belongs to what is claimed."""
        return self.covers(case) and bool(self.points_of(case))

    def covers(self, case: Case) -> bool:
        """Whether a case is of the profile and the level that are claimed."""
        is_low = self.level is None or case.manifest["level"] <= self.level
        return within_profile(case, self.profile) and is_low

    def picks(self, case: Case) -> bool:
        """Whether the case is one of those to run."""
        is_chosen = not self.suites or case.id.partition("/")[0] in self.suites
        return is_chosen and matches(case.id, self.patterns)

    def points_of(self, case: Case) -> tuple[str, ...]:
        """Return the points that a case can be judged at."""
        if not case.is_valid:
            is_lossless = {"lossless", "near-lossless", "no lossy base"} & set(
                case.manifest["features"]
            )
            return () if is_lossless and self.points == ("L",) else self.points
        valid = case.manifest["valid"]
        possible = {"S": True, "L": "L" in valid.get("digests", ()), "T": "tolerance" in valid}
        return tuple(point for point in self.points if possible[point])

    def unjudged(self, cases: Iterable[Case]) -> dict[str, list[str]]:
        """Return, by point, the ids of the valid cases that cannot be judged there."""
        valid = [case for case in cases if case.is_valid and self.covers(case)]
        found = {
            point: [case.id for case in valid if point not in self.points_of(case)]
            for point in self.points
        }
        return {point: ids for point, ids in found.items() if ids}

    def as_dict(self) -> dict[str, Any]:
        """Return the request as it stands in the JSON report."""
        return {
            "points": list(self.points),
            "profile": self.profile,
            "level": self.level,
            "suites": list(self.suites),
            "filters": list(self.patterns),
        }


def select(cases: Sequence[Case], request: Request) -> tuple[list[Case], list[Case]]:
    """Return the cases of the claim, and those of them to run.

    Raises
    ------
    UsageError
        There are none, or a suite does not exist.
    """
    known = {case.id.partition("/")[0] for case in cases}
    if unknown := set(request.suites) - known:
        message = f"no suite {', '.join(sorted(unknown))}; there is {', '.join(sorted(known))}"
        raise UsageError(message)
    claimed = [case for case in cases if request.claims(case)]
    chosen = [case for case in claimed if request.picks(case)]
    if not any(case.is_valid for case in claimed):
        message = f"no case can be judged at point {', '.join(request.points)}"
        raise UsageError(message)
    if not chosen:
        message = f"no case matches {[*request.suites, *request.patterns]}"
        raise UsageError(message)
    return claimed, chosen


def check_streams(cases: Iterable[Case]) -> None:
    """Read all streams and compare them with their manifests.

    Raises
    ------
    SuiteError
        A stream is not the one that its manifest describes.
    """
    for case in cases:
        try:
            digest = hashlib.sha256(case.stream).hexdigest()
        except OSError as error:
            raise SuiteError(str(error)) from error
        if digest != case.manifest["stream"]["sha256"]:
            message = f"{case.stream_path} is not the stream that its case.json describes"
            raise SuiteError(message)


def run_cases(
    cases: Sequence[Case],
    judge: Judge,
    *,
    jobs: int = 1,
    executor: Executor | None = None,
    note: Callable[[Result], None] = lambda _: None,
) -> list[Result]:
    """Judge the cases, `jobs` at a time.

    Parameters
    ----------
    executor : where to judge them instead of in threads of this process.
    note : called with each result as it comes, in this thread.

    Returns
    -------
    The results in the order of the cases. After an interruption from the keyboard those that
    were not reached are `NOT_RUN`.
    """
    results = {case.id: Result(case.id, Verdict.NOT_RUN, "interrupted") for case in cases}
    pool = executor or ThreadPoolExecutor(jobs, thread_name_prefix="judge")
    pending = [pool.submit(judge, case) for case in cases]
    try:
        for future in as_completed(pending):
            note(future.result())
    except KeyboardInterrupt:
        pass
    finally:
        for future in pending:
            future.cancel()
        pool.shutdown()
    for future in pending:
        if not future.cancelled():
            results[future.result().id] = future.result()
    return [results[case.id] for case in cases]
