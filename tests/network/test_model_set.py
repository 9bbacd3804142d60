# SPDX-License-Identifier: Apache-2.0
"""Model sets: packing, reading back, refusing; and the shipped ones."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save

from refdec.errors import ModelError, UnsupportedFeature
from refdec.network import load_model_set, model_set, parse_model_set, read_model_set, worst_sums
from refdec.network.layers import EXACT_LIMIT, Conv
from refdec.resources import spec_path
from tests.network.builders import conv, conv_tensors, document
from training.packer import model_set_bytes, pack_model_set


def content(**changes: Any) -> dict[str, Any]:
    """Arguments of the packer for a small set."""
    tensors = conv_tensors(np.arange(72).reshape(2, 4, 3, 3) - 36, 5, 3)
    tensors["step"] = np.arange(6, dtype=np.int16)
    return {
        "model_set_idc": 9,
        "version": "0.1",
        "descriptions": [document([conv()])],
        "tensors": tensors,
        "metadata": {"groups": [2, 4]},
    } | changes


@pytest.fixture
def spec(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that stands for spec/, with model set 9 in it."""
    pack_model_set(**content(), spec=tmp_path)
    monkeypatch.setattr(model_set, "spec_path", tmp_path.joinpath)
    load_model_set.cache_clear()
    yield tmp_path
    load_model_set.cache_clear()


def test_packed_sets_are_read_back(spec: Path) -> None:
    read = load_model_set(9)
    assert read is load_model_set(9)
    assert read.model_set_idc == 9
    assert read.metadata["groups"] == [2, 4]
    assert read.metadata["version"] == "0.1"
    assert list(read.tables) == ["step"]
    np.testing.assert_array_equal(read.tables["step"], np.arange(6))
    network = read.networks["net"]
    layer = network.description.layers[0]
    assert isinstance(layer, Conv)
    np.testing.assert_array_equal(network.conv_tensors(layer).bias, [5, 5])
    listing = json.loads((spec / "tables" / "model_sets.json").read_text())
    assert listing["model_sets"][0]["sha256"] == read.sha256


def test_packing_is_reproducible() -> None:
    shuffled = dict(reversed(content()["tensors"].items()))
    assert model_set_bytes(**content()) == model_set_bytes(**content(tensors=shuffled))


def test_packing_again_replaces_the_entry(spec: Path) -> None:
    pack_model_set(**content(version="0.2"), spec=spec)
    pack_model_set(**content(model_set_idc=1), spec=spec)
    listing = json.loads((spec / "tables" / "model_sets.json").read_text())
    assert [entry["model_set_idc"] for entry in listing["model_sets"]] == [1, 9]
    assert load_model_set(9).metadata["version"] == "0.2"


def test_packer_refuses_weights_one_above_the_bound(tmp_path: Path) -> None:
    bias = 2**24 - 1 - 100 * int(np.abs(np.arange(36) - 36).sum())
    tensors = content()["tensors"] | {"net.c.bias": np.array([bias, 0], np.int32)}
    model_set_bytes(**content(tensors=tensors))
    tensors["net.c.bias"] = np.array([bias + 1, 0], np.int32)
    with pytest.raises(ModelError) as caught:
        pack_model_set(**content(tensors=tensors), spec=tmp_path)
    assert caught.value.requirement == "NET-010"
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("requirement", "damage"),
    [
        ("NET-014", lambda _: b""),
        ("NET-014", lambda data: data[:100]),
        ("NET-014", lambda _: b"\xff" * 64),
        ("NET-014", lambda _: save({"t": np.zeros(1, np.int8)})),
        ("NET-014", lambda _: save({}, {"jai": "{"})),
        ("NET-014", lambda _: save({}, {"jai": "[]"})),
        ("NET-014", lambda _: save({}, {"jai": '{"model_set_idc": 0, "networks": 5}'})),
        (
            "NET-004",
            lambda data: data.replace(b'\\"networks\\":{\\"net\\"', b'\\"networks\\":{\\"ten\\"'),
        ),
        ("NET-001", lambda data: data.replace(b"kernel", b"colonl")),
    ],
)
def test_damaged_files_are_refused(requirement: str, damage: Any) -> None:
    with pytest.raises(ModelError) as caught:
        parse_model_set(damage(model_set_bytes(**content())))
    assert caught.value.requirement == requirement


def test_altered_weights_are_refused(spec: Path) -> None:
    path = spec / "models" / "set9.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    read_model_set(path)
    with pytest.raises(ModelError) as caught:
        load_model_set(9)
    assert caught.value.requirement == "NET-015"


def test_missing_and_unknown_sets_are_told_apart(spec: Path) -> None:
    with pytest.raises(UnsupportedFeature) as unknown:
        load_model_set(10)
    assert unknown.value.requirement == "NET-016"
    (spec / "models" / "set9.safetensors").unlink()
    with pytest.raises(ModelError) as missing:
        load_model_set(9)
    assert missing.value.requirement == "NET-014"
    (spec / "tables" / "model_sets.json").write_text("{}")
    with pytest.raises(ModelError) as listing:
        load_model_set(9)
    assert listing.value.requirement == "NET-014"


def test_a_file_of_another_set_is_refused(spec: Path) -> None:
    path = spec / "tables" / "model_sets.json"
    path.write_text(path.read_text().replace('"model_set_idc": 9', '"model_set_idc": 8'))
    with pytest.raises(ModelError) as caught:
        load_model_set(8)
    assert caught.value.requirement == "NET-016"


def test_shipped_sets_satisfy_the_bound() -> None:
    listing = spec_path("tables", "model_sets.json")
    entries = json.loads(listing.read_text())["model_sets"]
    assert entries
    for entry in entries:
        for network in load_model_set(entry["model_set_idc"]).networks.values():
            for layer in network.description.layers:
                if isinstance(layer, Conv):
                    source = network.description.tensors[layer.inputs[0]]
                    sums = worst_sums(layer, source, network.conv_tensors(layer))
                    assert sums.max() < EXACT_LIMIT
