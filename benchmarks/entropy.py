# SPDX-License-Identifier: Apache-2.0
"""Speed of the entropy coder: ``python benchmarks/entropy.py [lanes ...]``.

Prints million symbols per second, the best of several runs, on symbols drawn from the residual
tables with scale indices around 30 (about two and a half bits per symbol).
"""

import sys
import time
from collections.abc import Callable
from functools import partial

import numpy as np

from refdec.entropy.rans import (
    ScalarSubstreamDecoder,
    SubstreamDecoder,
    VectorSubstreamDecoder,
    make_decoder,
)
from refdec.entropy.tables import load_residual_tables
from refenc.rans import Call, encode_substream

RUNS = 7
ROUNDS = 800
MIN_SYMBOLS, MAX_SCALAR_SYMBOLS = 20_000, 100_000


def draw_call(count: int, seed: int = 0) -> Call:
    """Return table indices and values of `count` symbols."""
    residual = load_residual_tables()
    random = np.random.default_rng(seed)
    top = len(residual.tables.bounds) - 1
    table_index = np.clip(random.normal(30, 12, count), residual.skip_threshold, top).astype(int)
    symbols = residual.tables.slot_symbols[table_index, random.integers(0, 4096, count)]
    return table_index, symbols.astype(np.int32) - residual.tables.bounds[table_index]


def decode_call(kind: type[SubstreamDecoder], payload: bytes, call: Call, lanes: int) -> None:
    """Decode a sub-stream of one call."""
    tables = load_residual_tables().tables
    decoder = kind(payload, lanes=lanes, tables=tables, offset=0)
    decoder.decode(call[0])
    decoder.finish()


def megasymbols(count: int, function: Callable[[], object]) -> float:
    """Return million symbols per second of the fastest run."""
    times = []
    for _ in range(RUNS):
        begin = time.perf_counter()
        function()
        times.append(time.perf_counter() - begin)
    return count / min(times) / 1e6


def main(lane_counts: list[int]) -> None:
    """Print one row per lane count."""
    tables = load_residual_tables().tables
    print(f"{'lanes':>5} {'bits/symbol':>11} {'scalar':>8} {'vector':>8} {'encode':>8}  chosen")
    for lanes in lane_counts:
        count = max(MIN_SYMBOLS, ROUNDS * lanes)
        speeds: dict[type[SubstreamDecoder], float] = {}
        for kind in (ScalarSubstreamDecoder, VectorSubstreamDecoder):
            if kind is ScalarSubstreamDecoder:
                call = draw_call(min(count, MAX_SCALAR_SYMBOLS))
            else:
                call = draw_call(count)
            payload = encode_substream([call], lanes=lanes, tables=tables)

            decode = partial(decode_call, kind, payload, call, lanes)
            speeds[kind] = megasymbols(call[0].size, decode)
        encode = megasymbols(count, partial(encode_substream, [call], lanes=lanes, tables=tables))
        chosen = type(make_decoder(payload, lanes=lanes, tables=tables, offset=0)).__name__
        print(
            f"{lanes:5} {8 * len(payload) / count:11.2f} "
            f"{speeds[ScalarSubstreamDecoder]:8.2f} {speeds[VectorSubstreamDecoder]:8.2f} "
            f"{encode:8.2f}  {chosen}"
        )


if __name__ == "__main__":
    main([int(lanes) for lanes in sys.argv[1:]] or [1, 4, 16, 32, 64, 256, 1024])
