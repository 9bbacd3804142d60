# SPDX-License-Identifier: Apache-2.0
"""The judge of decoders: the reference decoder in this process, a program, a Python function."""

from conformance.judge.reference import reference_judge, rejection
from conformance.judge.verdict import Judge, Result, Verdict

__all__ = ["Judge", "Result", "Verdict", "reference_judge", "rejection"]
