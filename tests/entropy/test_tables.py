# SPDX-License-Identifier: Apache-2.0
"""Frequency tables: what is accepted, what a decoder derives, the shipped file and its maker."""

import bisect
import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from refdec.entropy import tables as tables_module
from refdec.entropy.tables import FrequencyTables, load_residual_tables
from refdec.errors import ModelError
from refdec.resources import spec_path
from training import tables as maker

ROWS = [[4000, 96], [1024, 2048, 512, 512], [1, 1, 4090, 1, 1, 2]]


def test_rows_and_padded_agree() -> None:
    rows = FrequencyTables.from_rows(ROWS)
    padded = FrequencyTables.from_padded(
        np.array([0, 1, 2], np.uint8),
        np.array([row + [0] * (6 - len(row)) for row in ROWS], np.int16),
    )
    assert rows.bounds.tolist() == padded.bounds.tolist() == [0, 1, 2]
    assert rows.frequencies.tolist() == padded.frequencies.tolist()
    assert padded.frequencies.dtype == padded.bounds.dtype == np.int32


def test_slots_name_the_symbol() -> None:
    tables = FrequencyTables.from_rows(ROWS)
    for table, row in enumerate(ROWS):
        cumulative = [sum(row[:symbol]) for symbol in range(len(row))]
        assert tables.cumulative[table, : len(row)].tolist() == cumulative
        for slot in range(4096):
            symbol = bisect.bisect_right(cumulative, slot) - 1
            entry = tables.slot_entries[table * 4096 + slot]
            assert tables.slot_symbols[table, slot] == symbol
            assert entry["frequency"] == row[symbol]
            assert entry["bias"] == slot - cumulative[symbol]


@pytest.mark.parametrize(
    "rows",
    [
        [],
        [[]],
        [[4096]],
        [[2048, 1024, 1024]],
        [[4096, 0]],
        [[4097, -1]],
        [[4095, 2]],
        [[2048, 2047]],
        [[1] * 4098],
        [[2**31 - 1, 2**31 - 1, 4097, 1]],
    ],
)
def test_bad_rows_are_refused(rows: list[list[int]]) -> None:
    with pytest.raises(ModelError) as caught:
        FrequencyTables.from_rows(rows)
    assert caught.value.requirement == "ENT-001"


@pytest.mark.parametrize(
    ("bounds", "frequencies"),
    [
        (np.array([0]), np.array([4000, 96])),
        (np.array([0, 0]), np.array([[4000, 96]])),
        (np.array([[0]]), np.array([[4000, 96]])),
        (np.array([-1]), np.array([[4000, 96]])),
        (np.array([1]), np.array([[4000, 96]])),
        (np.array([0]), np.array([[4000, 95, 1]])),
        (np.array([0]), np.array([[4000.0, 96.0]])),
        (np.zeros(0, int), np.zeros((0, 2), int)),
    ],
)
def test_bad_arrays_are_refused(bounds: np.ndarray, frequencies: np.ndarray) -> None:
    with pytest.raises(ModelError) as caught:
        FrequencyTables.from_padded(bounds, frequencies)
    assert caught.value.requirement == "ENT-001"


@pytest.mark.parametrize("index", [[3], [-1], [0, 1, 3], [[0]]])
def test_table_index_out_of_range(index: list[int]) -> None:
    with pytest.raises(ValueError, match="table_index"):
        FrequencyTables.from_rows(ROWS).check_index(np.array(index))


def test_shipped_residual_tables() -> None:
    residual = load_residual_tables()
    assert residual.tables.bounds.shape == (80,)
    assert residual.offsets.shape == (80, 2)
    assert residual.skip_threshold == 8
    assert residual.tables.bounds.max() <= 255


def test_hashes_of_shipped_tables() -> None:
    hashes = json.loads(spec_path("tables", "hashes.json").read_text())
    assert "residual_cdf.json" in hashes
    for name, digest in hashes.items():
        assert hashlib.sha256(spec_path("tables", name).read_bytes()).hexdigest() == digest


@pytest.mark.parametrize(
    "text",
    [
        None,
        "{",
        "[]",
        "{}",
        '{"skip_threshold": 8, "offsets": [], "frequencies": [[4000, 96]]}',
        '{"skip_threshold": 8, "offsets": [[0, 0]], "frequencies": [["a", "b"]]}',
        '{"skip_threshold": 8, "offsets": [[0, 0]], "frequencies": [[4000, 95]]}',
        '{"skip_threshold": 8, "offsets": [[0, 0]], "frequencies": [[1e99, 95]]}',
        '{"skip_threshold": 8, "offsets": [[0, 0]], "frequencies": 3}',
    ],
)
def test_bad_residual_file(
    text: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "residual_cdf.json"
    if text is not None:
        path.write_text(text)
    monkeypatch.setattr(tables_module, "spec_path", lambda *_: path)
    with pytest.raises(ModelError):
        load_residual_tables.__wrapped__()


@given(st.lists(st.floats(0, 1), min_size=2, max_size=300).filter(any))
def test_apportion(weights: list[float]) -> None:
    frequencies = maker.apportion(np.array(weights))
    assert sum(frequencies) == 4096
    assert min(frequencies) >= 1
    assert len(frequencies) == len(weights)


def test_apportion_keeps_exact_shares() -> None:
    assert maker.apportion(np.array([1.0, 2.0, 1.0])) == [1024, 2048, 1024]
    assert maker.apportion(np.array([1.0, 0.0, 0.0])) == [4094, 1, 1]


@pytest.mark.parametrize("scale_index", [0, 8, 40, 79])
def test_logistic_weights(scale_index: int) -> None:
    sigma = maker.sigma_of_scale(scale_index)
    weights = maker.logistic_weights(sigma)
    assert weights.sum() == pytest.approx(1)
    assert weights.size % 2 == 0
    assert weights.size <= 512
    assert weights[:-1] == pytest.approx(weights[-2::-1])
    if 1 < sigma < 20:
        values = np.arange(weights.size - 1) - weights.size // 2 + 1
        assert np.sqrt((weights[:-1] * values**2).sum()) == pytest.approx(sigma, rel=0.1)


def test_written_tables_are_read_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(maker, "spec_path", lambda *parts: tmp_path / parts[-1])
    monkeypatch.setattr(tables_module, "spec_path", lambda *parts: tmp_path / parts[-1])
    offsets = [[0, 0], [-1, 2], [3, 4]]
    (tmp_path / "hashes.json").write_text('{"other.json": "00"}')
    path = maker.write_residual_tables(ROWS, skip_threshold=1, offsets=offsets)
    residual = load_residual_tables.__wrapped__()
    assert residual.offsets.tolist() == offsets
    assert residual.skip_threshold == 1
    assert residual.tables.bounds.tolist() == [0, 1, 2]
    hashes = json.loads((tmp_path / "hashes.json").read_text())
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert hashes == {"other.json": "00", "residual_cdf.json": digest}
