# SPDX-License-Identifier: Apache-2.0
"""Exported networks give the integer reference's bits in ONNX Runtime."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from refdec.cli.main import main
from refdec.network import get_backend, load_model_set, run_network
from refenc.encode import MODEL_SET
from tests.network.builders import network, random_inputs

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made: Path = tmp_path_factory.mktemp("export") / "networks"
    assert main(["export", "onnx", "-o", str(made)]) == 0
    return made


@pytest.mark.parametrize("extreme", [False, True])
@pytest.mark.parametrize("name", list(load_model_set(MODEL_SET).networks))
def test_exported_networks_agree_with_the_reference(folder: Path, name: str, extreme: bool) -> None:
    net, rng = load_model_set(MODEL_SET).networks[name], np.random.default_rng(3)
    inputs = random_inputs(net, rng, 128, 64, extreme=extreme)
    quality = rng.integers(0, 64, (8, 4)).astype(np.int32)
    session = onnxruntime.InferenceSession(
        folder / f"{name}.onnx", providers=["CPUExecutionProvider"]
    )
    feeds: dict[str, Any] = {key: plane[None].astype(np.float32) for key, plane in inputs.items()}
    for item in session.get_inputs():
        if item.name not in feeds:  # one index per position of the layer's grid
            stride = net.description.tensors[item.name.removesuffix(".quality")].stride
            feeds[item.name] = quality.repeat(16 // stride, 0).repeat(16 // stride, 1)
            feeds[item.name] = feeds[item.name].astype(np.int64)
    names = list(net.description.outputs)
    reference = get_backend("integer")
    expected = run_network(reference.compile(net), inputs, quality)
    for output, plane in zip(names, session.run(names, feeds), strict=True):
        np.testing.assert_array_equal(plane[0], expected[output])


def test_files_are_valid_and_say_where_they_come_from(folder: Path) -> None:
    model_set = load_model_set(MODEL_SET)
    assert {path.stem for path in folder.iterdir()} == set(model_set.networks)
    for path in folder.iterdir():
        model = onnx.load(path)
        onnx.checker.check_model(model, full_check=True)
        properties = {item.key: item.value for item in model.metadata_props}
        assert properties["model_set_sha256"] == model_set.sha256
        inputs = model_set.networks[path.stem].description.inputs
        ranges = {item.name: [*item.range] for item in inputs}
        assert json.loads(properties["input_ranges"]) == ranges


@pytest.mark.parametrize("n", [1, 3, 5, 11])
def test_a_border_wider_than_the_plane_is_mirrored_again(n: int) -> None:
    inputs = [{"name": "x", "channels": 2, "range": [0, 99], "stride": 16}]
    layer = {"op": "shift_pad", "name": "t", "inputs": ["x"], "n": n}
    net, backend = network([layer], {}, inputs), get_backend("onnx", 1)
    plane = np.arange(12, dtype=np.int32).reshape(2, 3, 2)
    found = run_network(backend.compile(net), {"x": plane})["t"]
    expected = np.pad(plane, ((0, 0), (n, n), (n, n)), mode="symmetric")
    np.testing.assert_array_equal(found, expected)
