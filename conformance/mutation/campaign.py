# SPDX-License-Identifier: Apache-2.0
"""Judge mutants: which there are, by which cases, and what became of them."""

import hashlib
import json
import math
import os
import queue
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from itertools import accumulate
from pathlib import Path
from typing import Any

import refdec
from conformance.case import Case
from conformance.mutation.judged import part_of, stage_of_point
from conformance.mutation.mutator import Mutant, mutants_of
from conformance.mutation.server import PACKAGE, Question

ROOT = Path(refdec.__file__).resolve().parent.parent
"""The directory that holds the package."""
KILLS = 2
"""Cases that kill a mutant before the rest is left: two show that neither is the only one."""
LEAST_SECONDS, SECONDS_FACTOR = 2.0, 20.0
"""Processor time that a case may take: this, and so many times what it takes without a fault."""
UNKNOWN_SECONDS = 1.0
"""Supposed of a case that was not timed."""
INVALID_WEIGHT = 20
"""Invalid streams are cheap, but say nothing of the stage: valid ones come first."""
NEWS = 4
"""Worth of a feature that no case before has."""
TINY = 1e-4
"""Seconds that any case costs."""
LEAST_OF_STAGE = 5
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
Record = dict[str, Any]
"""What became of a mutant, as it stands in the JSON report."""


@dataclass
class CaseMap:
    """What is known of the cases before any fault is seeded."""

    seconds: dict[str, float]
    """Processor time by case; empty: not measured."""
    lines: dict[str, dict[str, frozenset[int]]]
    """Lines that run, by file and case; empty: not measured."""
    _orders: dict[str, list[str]] = field(default_factory=dict)
    """By file: all cases in the order in which they are judged."""

    def covering(self, mutant: Mutant, cases: Sequence[Case]) -> list[str]:
        """Return the cases that run any line of a mutant's statement, the most promising first.

        That is what costs little and runs much of the mutant's file.
        """
        first, last = mutant.lines
        lines = self.lines.get(mutant.file, {})
        span = range(first, last + 1)
        return [
            case_id
            for case_id in self._order(mutant.file, cases)
            if not self.lines or not lines.get(case_id, frozenset()).isdisjoint(span)
        ]

    def _order(self, file: str, cases: Sequence[Case]) -> list[str]:
        """Return all cases, those first that cost little, run much of a file, and are unlike.

        A case is unlike those before it by the features that none of them has.
        """
        if file not in self._orders:
            lines = self.lines.get(file, {})
            idle = min(map(len, lines.values()), default=0)
            worth = {
                case.id: (1 + len(lines.get(case.id, ())) - idle) / (self._cost(case) + TINY)
                for case in cases
            }
            left, seen = {case.id: kinds_of(case) for case in cases}, set[str]()
            order: list[str] = []
            while left:
                best = max(left, key=lambda name: worth[name] * (1 + NEWS * len(left[name] - seen)))
                seen |= left.pop(best)
                order.append(best)
            self._orders[file] = order
        return self._orders[file]

    def _cost(self, case: Case) -> float:
        cost = self.seconds.get(case.id)
        if cost is None:
            picture = case.manifest.get("valid", {}).get("picture", {"width": 1, "height": 1})
            cost = case.manifest["stream"]["bytes"] + picture["width"] * picture["height"]
        return float(cost if case.is_valid else INVALID_WEIGHT * cost)

    def joined(self, other: "CaseMap") -> "CaseMap":
        """Return what is known of the cases of both."""
        files = self.lines.keys() | other.lines.keys()
        lines = {f: self.lines.get(f, {}) | other.lines.get(f, {}) for f in sorted(files)}
        return CaseMap(self.seconds | other.seconds, lines)

    def limit(self, case_id: str) -> float:
        """Return the processor time that a case may take, seconds."""
        return LEAST_SECONDS + SECONDS_FACTOR * self.seconds.get(case_id, UNKNOWN_SECONDS)


def kinds_of(case: Case) -> frozenset[str]:
    """Return what a case is about, without the numbers."""
    kinds = {re.sub(r"\d+", "", feature) for feature in case.manifest["features"]}
    return frozenset(kinds | {*case.manifest.get("invalid", {}).get("requirements", ())})


class Server:
    """A process that judges mutants; see `conformance.mutation.server`."""

    def __init__(self) -> None:
        environment = os.environ | dict.fromkeys(_THREADS, "1") | {"PYTHONHASHSEED": "0"}
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))
        self._process = subprocess.Popen(  # noqa: S603
            [sys.executable, "-m", "conformance.mutation.server", str(ROOT)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
            text=True,
        )

    def ask(self, question: Question) -> list[dict[str, Any]]:
        """Return the answer: an item for each case that was judged.

        Raises
        ------
        RuntimeError
            The process is gone.
        """
        if self._process.stdin is None or self._process.stdout is None:
            raise RuntimeError
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            message = "the mutation server ended"
            raise RuntimeError(message)
        answer: list[dict[str, Any]] = json.loads(line)
        return answer

    def end(self) -> None:
        """Stop the process."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()


@contextmanager
def servers(jobs: int) -> Iterator["queue.Queue[Server]"]:
    """Give so many servers; they end with the context."""
    idle: queue.Queue[Server] = queue.Queue()
    started = [Server() for _ in range(jobs)]
    for server in started:
        idle.put(server)
    try:
        yield idle
    finally:
        for server in started:
            server.end()


def all_mutants() -> list[Mutant]:
    """Return the mutants of all that is judged, in order of file and line."""
    found: list[Mutant] = []
    for path in sorted((ROOT / PACKAGE).rglob("*.py")):
        file = path.relative_to(ROOT).as_posix()
        mutants = mutants_of(path.read_text(encoding="utf-8"), file)
        found += [mutant for mutant in mutants if part_of(mutant.place).stage]
    return found


def sample(mutants: Sequence[Mutant], count: int, seed: int) -> list[Mutant]:
    """Choose mutants of every stage in proportion, in their order; the same seed, the same ones.

    A larger sample holds a smaller one, and mutants that come or go change nothing else.
    """
    by_stage: dict[str, list[str]] = {}
    for mutant in mutants:
        by_stage.setdefault(part_of(mutant.place).stage, []).append(mutant.id)
    chosen: set[str] = set()
    for members in by_stage.values():
        share = max(LEAST_OF_STAGE, round(count * len(members) / len(mutants)))
        ranked = sorted(
            members, key=lambda name: hashlib.sha256(f"{seed} {name}".encode()).digest()
        )
        chosen.update(ranked[:share])
    return [mutant for mutant in mutants if mutant.id in chosen]


def fingerprint(cases: Sequence[Case]) -> dict[str, str]:
    """Return the SHA-256 of the decoder's files and, by id, of streams and their verdicts."""
    files = sorted((ROOT / PACKAGE).rglob("*.py"))
    found = {path.relative_to(ROOT).as_posix(): path.read_bytes() for path in files}
    for case in cases:
        verdict = case.manifest["valid" if case.is_valid else "invalid"]
        stable = {key: verdict[key] for key in sorted(verdict) if key != "control_points"}
        found[case.id] = case.stream + json.dumps(stable).encode()
    return {name: hashlib.sha256(data).hexdigest() for name, data in found.items()}


def measure(
    cases: Sequence[Case], jobs: int, note: Callable[[int, int], object] = lambda *_: None
) -> CaseMap:
    """Time the cases without a fault, and find the lines that each runs.

    Raises
    ------
    RuntimeError
        The decoder does not pass a case even so.
    """
    seconds: dict[str, float] = {}
    lines: dict[str, dict[str, frozenset[int]]] = {}
    limit = 60.0

    def run(case: Case) -> dict[str, Any]:
        question = Question(cases=[(case.id, 10 * limit)], kills=1, with_lines=True)
        server = idle.get()
        try:
            (item,) = server.ask(question)
        finally:
            idle.put(server)
        return item

    with servers(jobs) as idle, ThreadPoolExecutor(jobs) as pool:
        server = idle.get()
        answer = server.ask(Question(cases=[(case.id, limit) for case in cases], kills=1))
        idle.put(server)
        for item in answer:
            if item["verdict"] != "pass":
                message = f"without a fault: {item}"
                raise RuntimeError(message)
            seconds[item["case"]] = item["seconds"]
        for number, item in enumerate(pool.map(run, cases), 1):
            for file, numbers in item["lines"].items():
                lines.setdefault(file, {})[item["case"]] = frozenset(numbers)
            note(number, len(cases))
    return CaseMap(seconds, lines)


def judge_mutants(
    mutants: Sequence[Mutant],
    cases: Sequence[Case],
    case_map: CaseMap,
    *,
    jobs: int = 1,
    most: float = math.inf,
    note: Callable[[Record], object] = lambda _: None,
) -> list[Record]:
    """Judge mutants, `jobs` at a time, and return the records in their order.

    Parameters
    ----------
    most : processor time for the cases of a mutant, seconds; the rest of them is left.
    note : called with each record as it comes, in this thread.
    """

    def run(mutant: Mutant) -> Record:
        covering = case_map.covering(mutant, cases)
        spent = list(accumulate(case_map.seconds.get(case_id, 0.0) for case_id in covering))
        chosen = [case for case, seconds in zip(covering, spent, strict=True) if seconds <= most]
        question = Question(
            cases=[(case_id, case_map.limit(case_id)) for case_id in chosen],
            kills=KILLS,
            file=mutant.file,
            node=mutant.node,
            variant=mutant.variant,
        )
        server = idle.get()
        try:
            answer = server.ask(question) if chosen else []
        finally:
            idle.put(server)
        return record_of(mutant, answer, left=len(covering) - len(chosen), valid=valid)

    valid = {case.id: case.is_valid for case in cases}
    records: dict[str, Record] = {}
    with servers(jobs) as idle, ThreadPoolExecutor(jobs) as pool:
        pending = [pool.submit(run, mutant) for mutant in mutants]
        try:
            for future in as_completed(pending):
                record = future.result()
                records[record["id"]] = record
                note(record)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    return [records[mutant.id] for mutant in mutants]


def record_of(
    mutant: Mutant, answer: Sequence[Mapping[str, Any]], *, left: int, valid: dict[str, bool]
) -> Record:
    """Sum up what the cases made of a mutant."""
    judged = [item for item in answer if "case" in item]
    kills = [
        {key: item[key] for key in ("case", "verdict", "stage", "detail")}
        for item in judged
        if item["verdict"] != "pass"
    ]
    starts = not any("start" in item for item in answer)
    told = next((k for k in kills if valid[k["case"]] and k["stage"]), None)
    return asdict(mutant) | {
        "id": mutant.id,
        "stage": part_of(mutant.place).stage,
        "status": "killed" if kills else "survived" if answer or left else "not covered",
        "kills": kills,
        "judged": len(judged),
        "left": left,
        "starts": starts,
        "shown_in": stage_of_point(told["stage"]) if told and starts else "",
    }
