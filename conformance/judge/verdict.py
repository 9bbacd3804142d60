# SPDX-License-Identifier: Apache-2.0
"""What the judge says of a case."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from conformance.case import Case


class Verdict(StrEnum):
    """What became of a case."""

    PASS = "pass"  # noqa: S105
    FAIL = "fail"
    REJECTED = "rejected"
    NO_OUTPUT = "no output"
    ACCEPTED = "accepted"
    CRASH = "crash"
    TIMEOUT = "timeout"
    OUT_OF_MEMORY = "out of memory"
    UNSUPPORTED = "unsupported"
    NOT_RUN = "not run"


FAULTS = frozenset(Verdict) - {Verdict.PASS, Verdict.UNSUPPORTED, Verdict.NOT_RUN}
"""Verdicts that say that the decoder did something wrong."""
MEANINGS = {
    Verdict.PASS: "as it shall be",
    Verdict.FAIL: "ended well, but the result is wrong or cannot be read",
    Verdict.REJECTED: "a valid stream was refused",
    Verdict.NO_OUTPUT: "ended well, but wrote nothing",
    Verdict.ACCEPTED: "an invalid stream was decoded, or output was left behind",
    Verdict.CRASH: "ended by a signal or in an unhandled error",
    Verdict.TIMEOUT: "did not end in time, and was killed",
    Verdict.OUT_OF_MEMORY: "wanted more memory than it was given",
    Verdict.UNSUPPORTED: "outside the declared capabilities; never counted as a pass",
    Verdict.NOT_RUN: "not judged; the report is partial",
}


@dataclass(frozen=True)
class Difference:
    """Where samples, or latents, differ from what they shall be."""

    plane: int
    """Index of the component, or of the channel."""
    y: int
    x: int
    expected: int | float
    actual: int | float
    count: int
    """Number of values that differ."""
    total: int
    peak: float
    """Largest error."""
    rms: float
    reference: str
    """What it was compared with, such as ``synthesis base``."""
    pictures: dict[str, str] = field(default_factory=dict)
    """PNG files in base64: ``expected``, ``actual`` and ``difference``; may be empty."""


@dataclass(frozen=True)
class Result:
    """The verdict on one case, and why."""

    id: str
    verdict: Verdict
    detail: str = ""
    seconds: float = 0.0
    points: dict[str, Verdict] = field(default_factory=dict)
    """Verdict at each conformance point that was judged; empty for invalid streams."""
    stage: str = ""
    """The first control point that differs or is missing, in decoding order; `shown` after all."""
    difference: Difference | None = None
    command: str = ""
    """The command line that does it again."""

    def as_dict(self) -> dict[str, Any]:
        """Return the result as it stands in the JSON report."""
        return asdict(self) | {"seconds": round(self.seconds, 3)}


Judge = Callable[[Case], Result]
"""Judges one case; never raises for what a decoder does."""
