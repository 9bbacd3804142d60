"""Fit ``spec/tables/lossless_cdf.json`` by counts of what the lossless encoder codes on training pictures.

usage: python -m training.lossless_tables TRAIN_FOLDER [--rounds 2] [--crop 256]
"""

import argparse
import hashlib
import json
from pathlib import Path

import numpy as np
from PIL import Image

from refdec.entropy.tables import TOTAL, FrequencyTables
from refdec.lossless.samples import MEAN_BITS, NUM_ACTIVITIES, NUM_OTHERS, SampleFormat
from refdec.lossless.tables import load_lossless_tables
from refdec.resources import spec_path
from refenc.lossless import encode_tile_samples, has_repetition
from training.tables import apportion

NUM_MATCH, NUM_RESIDUAL = 41, 54
MAX_BOUND = 128
KINDS = {"photo": 24, "screen": 10, "graphic": 8, "text": 6, "scan": 2}
"""Crops of each kind."""


def level_value(level: int) -> float:
    """Give the least value of a logarithmic level."""
    return 2.0 ** (level // 4) * (1 + (level % 4) / 4) - 1


def start_tables() -> tuple[list[list[int]], list[list[int]]]:
    """Make tables of matches by their share, of residuals by two-sided geometric densities."""
    match = []
    for level in range(NUM_MATCH):
        miss = min((level_value(level) + level_value(level + 1)) / 2, 1024) / 1024
        match.append(apportion(np.array([0, (1 - miss), max(miss, 2e-4), 0]) + 1e-9))
    residual = []
    for level in range(NUM_RESIDUAL):
        mean = (level_value(level) + level_value(level + 1)) / 2 / (1 << MEAN_BITS)
        residual.append(apportion(geometric(max(mean, 0.004))))
    return match, residual


def geometric(mean: float) -> np.ndarray:
    """Give weights of the values -b .. b and of all others, for a mean magnitude."""
    ratio = (np.sqrt(1 + mean * mean) - 1) / mean
    bound = int(np.clip(np.ceil(np.log(1 / 8192) / np.log(ratio)), 1, MAX_BOUND))
    side = ratio ** np.arange(bound + 1)
    weights = np.concatenate([side[:0:-1], side, [side[-1] * ratio * 2]])
    return weights / weights.sum()


def write(match: list[list[int]], residual: list[list[int]], start_means: list[int]) -> None:
    """Write the file and its hash."""
    lines = {
        name: ",\n".join("    " + json.dumps(row) for row in rows)
        for name, rows in (("match", match), ("residual", residual))
    }
    path = spec_path("tables", "lossless_cdf.json")
    path.write_text(
        f'{{\n  "start_means": {json.dumps(start_means)},\n  "match": [\n{lines["match"]}\n  ],\n  "residual": [\n{lines["residual"]}\n  ]\n}}\n',
        encoding="utf-8",
    )
    index = path.with_name("hashes.json")
    hashes = json.loads(index.read_text(encoding="utf-8"))
    hashes[path.name] = hashlib.sha256(path.read_bytes()).hexdigest()
    index.write_text(json.dumps(hashes, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    load_lossless_tables.cache_clear()


def crops(folder: Path, size: int, rng: np.random.Generator) -> list[np.ndarray]:
    """Choose crops (3, H, W) of every kind."""
    found = []
    for kind, count in KINDS.items():
        files = sorted(folder.glob(f"{kind}_*"))
        for file in rng.permutation(np.array(files, dtype=object))[:count]:
            picture = (
                np.asarray(Image.open(file).convert("RGB")).astype(np.int32).transpose(2, 0, 1)
            )
            y = int(rng.integers(0, max(1, picture.shape[1] - size)))
            x = int(rng.integers(0, max(1, picture.shape[2] - size)))
            found.append(picture[:, y : y + size, x : x + size])
    return found


def start_of_context() -> list[int]:
    """Guess the first means from the activity: an eighth of its 1/4 units, as magnitudes."""
    means = []
    for context in range(NUM_ACTIVITIES * NUM_OTHERS):
        activity = level_value(2 * (context // NUM_OTHERS) + 1)
        means.append(int(min(activity / 40, 128) * (1 << MEAN_BITS)))
    return means


def fit(pictures: list[np.ndarray], prior: float) -> float:
    """Count with the present tables, write new ones, return bits per sample before."""
    tables = load_lossless_tables()
    flat = tables.tables
    counts = np.zeros((len(flat.bounds), MAX_BOUND + 1))
    bits = samples = 0.0
    for picture in pictures:
        calls, _ = encode_tile_samples(
            picture,
            sample_format=SampleFormat(bit_depth=8, max_error=0),
            base=None,
            with_matches=has_repetition(picture),
            tables=tables,
        )
        index, symbols = (np.concatenate([call[i] for call in calls]) for i in (0, 1))
        mine = np.zeros_like(counts)
        np.add.at(mine, (index, np.abs(symbols)), 1)
        counts += mine / len(symbols) * 1e5
        bits += cost(flat, index, symbols)
        samples += picture.size
    write(*refit(counts, prior), tables.start_means.tolist())
    return bits / samples


def cost(tables: FrequencyTables, index: np.ndarray, symbols: np.ndarray) -> float:
    """Ideal bits of symbols."""
    bound = tables.bounds[index]
    escaped = np.abs(symbols) > bound
    frequency = tables.frequencies[index, np.where(escaped, 2 * bound + 1, symbols + bound)]
    return float(np.log2(TOTAL / frequency).sum() + 12 * escaped.sum())


def refit(counts: np.ndarray, prior: float) -> tuple[list[list[int]], list[list[int]]]:
    """Blend counts with the start."""
    match, residual = start_tables()
    for t in range(NUM_MATCH):
        observed = np.array([0, counts[t, 0], counts[t, 1], 0]) + prior / TOTAL * np.array(match[t])
        match[t] = apportion(observed)
    for t in range(NUM_RESIDUAL):
        row, start = counts[NUM_MATCH + t], np.array(residual[t]) / TOTAL
        reach = np.flatnonzero(np.cumsum(row[::-1])[::-1] > row.sum() * 1.5e-4)
        bound = int(
            np.clip(
                max(
                    len(start) // 2 - 1 if row.sum() < 1000 else 1, reach.max() if reach.size else 1
                ),
                1,
                MAX_BOUND,
            )
        )
        side = np.append(row[0], row[1 : bound + 1] / 2)
        geo = np.zeros(bound + 1)
        half = start[len(start) // 2 - 1 : -1]
        geo[: min(len(half), bound + 1)] = half[: bound + 1]
        side = side + prior * geo
        smooth = side.copy()
        for k in range(12, bound):  # the tail is smooth; single pictures are not
            smooth[k] = side[max(1, k - k // 6) : k + k // 6 + 1].mean()
        escape = row[bound + 1 :].sum() + prior * 1e-4
        residual[t] = apportion(np.concatenate([smooth[:0:-1], smooth, [escape]]))
    return match, residual


def main() -> None:
    """Fit in rounds."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--crop", type=int, default=256)
    options = parser.parse_args()
    pictures = crops(options.folder, options.crop, np.random.default_rng(1))
    match, residual = start_tables()
    write(match, residual, start_of_context())
    for number in range(options.rounds + 1):
        print(f"round {number}: {fit(pictures, 300.0):.4f} bits per sample", flush=True)


if __name__ == "__main__":
    main()
