# SPDX-License-Identifier: Apache-2.0
"""Rate-distortion curves out of the table of measurements, and differences between them."""

import numpy as np
from numpy.typing import NDArray

from benchmarks.metrics import METRICS, for_delta

Row = dict[str, str]
Rows = dict[tuple[str, str], list[Row]]
"""Rows by SHA-256 of the picture and name of the codec."""
Curve = tuple[NDArray[np.float64], NDArray[np.float64]]
"""Rates (bits per pixel) and values of a metric, both strictly rising."""

RATE_RANGE = (0.06, 2.0)
"""Bits per pixel that are compared."""
MIN_POINTS = 4
MIN_OVERLAP = 0.5
"""Of the shorter of two curves; pairs that have less in common are counted, not averaged."""
METHODS = ("pchip", "akima")


def curve(rows: list[Row], metric: str) -> Curve:
    """Return the curve of one picture and codec, from the last point under to the first over the range.

    Points that are no better than a smaller one are left out.
    """
    points = sorted((float(row["bpp"]), float(row[metric])) for row in rows)
    rates = np.array([rate for rate, _ in points])
    first = max(int(np.searchsorted(rates, RATE_RANGE[0], "right")) - 1, 0)
    last = int(np.searchsorted(rates, RATE_RANGE[1]))
    rising: list[tuple[float, float]] = []
    for rate, value in points[first : last + 1]:
        if not rising or (value > rising[-1][1] and rate > rising[-1][0]):
            rising.append((rate, value))
    kept = np.array(rising).reshape(-1, 2)
    return kept[:, 0], for_delta(metric, kept[:, 1])


def picture_delta(test: Curve, anchor: Curve, method: str) -> float:
    """Return the rate of `test` relative to `anchor` at the same quality, percent; nan if too little is common."""
    from bjontegaard import bd_rate  # noqa: PLC0415

    ends = [(values.min(), values.max()) for _, values in (test, anchor) if values.size]
    if min(test[0].size, anchor[0].size) < MIN_POINTS:
        return float("nan")
    (low, high), shorter = np.array(ends).T, min(top - bottom for bottom, top in ends)
    if high.min() - low.max() < MIN_OVERLAP * shorter:
        return float("nan")
    return float(
        bd_rate(*anchor, *test, method=method, require_matching_points=False, min_overlap=0)
    )


def deltas(
    rows: Rows, pictures: list[str], test: str, anchor: str, method: str
) -> dict[str, NDArray[np.float64]]:
    """Return, by metric, the rate of one codec relative to another on each picture, percent."""
    return {
        metric: np.array(
            [
                picture_delta(
                    curve(rows.get((picture, test), []), metric),
                    curve(rows.get((picture, anchor), []), metric),
                    method,
                )
                for picture in pictures
            ]
        )
        for metric in METRICS
    }


def values_at(curve: Curve, rates: NDArray[np.float64]) -> NDArray[np.float64]:
    """Interpolate a curve over the logarithm of the rate; nan where it does not reach."""
    from scipy.interpolate import PchipInterpolator  # noqa: PLC0415

    if curve[0].size < MIN_POINTS:
        return np.full(rates.shape, np.nan)
    return PchipInterpolator(np.log(curve[0]), curve[1], extrapolate=False)(np.log(rates))


def mean_curve(rows: Rows, pictures: list[str], codec: str, metric: str) -> Curve:
    """Return the mean over pictures at given rates, where every picture reaches the rate."""
    rates = np.geomspace(*RATE_RANGE, 31)
    values = np.mean(
        [values_at(curve(rows.get((p, codec), []), metric), rates) for p in pictures], axis=0
    )
    reached = np.isfinite(values)
    return rates[reached], values[reached]
