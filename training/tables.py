# SPDX-License-Identifier: Apache-2.0
"""Make ``spec/tables/residual_cdf.json``: the normative frequency tables of residual symbols.

``python -m training.tables`` writes logistic densities, one per scale index; a trainer calls
`apportion` and `write_residual_tables` with fitted weights instead.
"""

import hashlib
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from refdec.entropy.tables import TOTAL
from refdec.resources import spec_path

NUM_SCALES = 80
SKIP_THRESHOLD = 8
MAX_BOUND = 255
ESCAPE_MASS = 1 / 2048


def sigma_of_scale(scale_index: int) -> float:
    """Return the standard deviation that a scale index stands for: eight indices per octave."""
    return float(2 ** (-3.5 + (scale_index + 0.5) / 8))


def apportion(weights: NDArray[np.float64]) -> list[int]:
    """Divide 4096 among symbols so that the expected code length is least.

    Parameters
    ----------
    weights : (S), not negative, a positive sum; S at most 4096.

    Returns
    -------
    (S) integers, at least 1 each, sum 4096. Equal weights may differ by 1.
    """
    share = np.asarray(weights, np.float64) / np.sum(weights)
    frequency = np.maximum(1, np.floor(share * TOTAL)).astype(np.int64)
    while (missing := TOTAL - int(frequency.sum())) != 0:
        # Give to the symbol that gains most bits, or take from the one that loses fewest.
        if missing > 0:
            change = share * np.log2(1 + 1 / frequency)
            frequency[np.argmax(change)] += 1
        else:
            rest = np.maximum(frequency - 1, 1)
            loss = np.where(frequency > 1, share * np.log2(frequency / rest), np.inf)
            frequency[np.argmin(loss)] -= 1
    return [int(count) for count in frequency]


def logistic_weights(sigma: float) -> NDArray[np.float64]:
    """Return probabilities of the residuals -b .. b, then of all others (ESCAPE).

    b is the least bound from 1 to 255 with a tail mass below 1/2048.
    """
    spread = sigma * math.sqrt(3) / math.pi

    def tail(magnitude: float) -> float:
        return 2 / (1 + math.exp(magnitude / spread))

    bound = 1
    while bound < MAX_BOUND and tail(bound + 0.5) >= ESCAPE_MASS:
        bound += 1
    outside = np.array([1.0] + [tail(magnitude + 0.5) for magnitude in range(bound + 1)])
    one_side = (outside[:-1] - outside[1:]) / 2
    one_side[0] *= 2
    return np.concatenate([one_side[:0:-1], one_side, outside[-1:]])


def tables_to_json(
    frequencies: Sequence[Sequence[int]],
    *,
    skip_threshold: int = SKIP_THRESHOLD,
    offsets: Sequence[Sequence[int]] | None = None,
) -> str:
    """Return the text of ``residual_cdf.json``, one table per line.

    Parameters
    ----------
    frequencies : per scale index the 2*bound+2 frequencies of the values -bound .. bound, ESCAPE.
    skip_threshold : scale indices below are not coded.
    offsets : per scale index two offsets in 1/32 of a step, for |r| = 1 and |r| >= 2; zero if None.
    """
    offsets = offsets or [[0, 0]] * len(frequencies)
    lines = ",\n".join("    " + json.dumps(list(row)) for row in frequencies)
    return (
        "{\n"
        f'  "skip_threshold": {skip_threshold},\n'
        f'  "offsets": {json.dumps([list(pair) for pair in offsets])},\n'
        f'  "frequencies": [\n{lines}\n  ]\n'
        "}\n"
    )


def write_residual_tables(frequencies: Sequence[Sequence[int]], **fields: Any) -> Path:
    """Write ``residual_cdf.json`` and its entry in ``hashes.json``; fields as `tables_to_json`."""
    path = spec_path("tables", "residual_cdf.json")
    path.write_text(tables_to_json(frequencies, **fields), encoding="utf-8", newline="\n")
    index = path.with_name("hashes.json")
    hashes = json.loads(index.read_text(encoding="utf-8")) if index.exists() else {}
    hashes[path.name] = hashlib.sha256(path.read_bytes()).hexdigest()
    index.write_text(json.dumps(hashes, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    return path


if __name__ == "__main__":
    write_residual_tables(
        [apportion(logistic_weights(sigma_of_scale(index))) for index in range(NUM_SCALES)]
    )
