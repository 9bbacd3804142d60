# SPDX-License-Identifier: Apache-2.0
"""The streams of a seed: drawn from the declarations of the syntax, and damaged, without end."""

import itertools
from collections.abc import Iterator
from contextlib import suppress
from random import Random
from typing import NamedTuple

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as seeded

from conformance.build import num_groups
from conformance.case import load_suite
from conformance.fuzzing.filling import filled
from conformance.fuzzing.mutation import damaged
from conformance.strategies import codestreams
from refdec.errors import RefdecError
from refdec.syntax.codestream import Codestream
from refenc.codestream import write_codestream

MAX_BYTES = 2000
"""Longer golden streams are left out: small ones reach the same code, sooner."""
DRAWN_PER_ROUND = 20
DAMAGED_PER_DRAWN = 9
FILLED_SHARE = 0.8
GOLDEN_SHARE = 0.5
"""Of the streams that are damaged; the others are drawn ones."""


class Stream(NamedTuple):
    """A stream that may be anything."""

    number: int
    origin: str
    """``drawn`` follows every declaration, ``filled`` can be decoded, too; or ``damaged``."""
    data: bytes


def streams(seed: int) -> Iterator[Stream]:
    """Yield streams for ever; the same for the same seed and version of Hypothesis."""
    draw, number = Random(seed), itertools.count()
    suite = (case for case in load_suite() if case.is_valid)
    golden = [case.stream for case in suite if len(case.stream) <= MAX_BYTES]
    for turn in itertools.count():
        drawn = drawn_codestreams(seed, turn, DRAWN_PER_ROUND)
        pool = [_written(codestream, draw) for codestream in drawn]
        for origin, data in pool:
            yield Stream(next(number), origin, data)
            for _ in range(DAMAGED_PER_DRAWN):
                is_golden = draw.random() < GOLDEN_SHARE
                sound = draw.choice(golden) if is_golden else draw.choice(pool)[1]
                yield Stream(next(number), "damaged", damaged(sound, golden, draw))


def _written(codestream: Codestream, draw: Random) -> tuple[str, bytes]:
    """Write a codestream, mostly with payloads that can be decoded; and say which they are."""
    seed, is_filled = draw.getrandbits(32), draw.random() < FILLED_SHARE
    if is_filled:
        with suppress(RefdecError):
            return "filled", write_codestream(filled(codestream, seed))
    return "drawn", write_codestream(codestream)


def drawn_codestreams(seed: int, turn: int, count: int) -> list[Codestream]:
    """Draw codestreams that parse; their payloads are arbitrary bytes."""
    found: list[Codestream] = []

    @seeded(seed << 32 | turn)
    @settings(
        max_examples=count,
        phases=[Phase.generate],
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(codestreams(num_groups()))
    def take(codestream: Codestream) -> None:
        found.append(codestream)

    take()
    return found
