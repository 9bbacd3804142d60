# SPDX-License-Identifier: Apache-2.0
"""Every way to compute gives the same latents and samples."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from refdec import Latents, decode, decode_latents
from refdec import backends as engines
from refdec.arrays import I32Map
from refdec.codec import get_codec
from refdec.entropy import rans
from refdec.entropy.context import Step, decode_tile_latent
from refdec.entropy.hyper_latent import decode_hyper_features
from refdec.syntax.parser import parse_codestream
from refenc.encode import MODEL_SET, Analysed, Structure, analyse, encode_analysed
from tests.decode.streams import NAMES, NUM_GROUPS, extreme_stream, stream
from tests.pictures import noise, photograph

BACKENDS = [("integer", None), ("onnx", 2), ("torch", 1), ("torch", 2)]


def assert_same_latents(a: Latents, b: Latents) -> None:
    np.testing.assert_array_equal(a.z_hat, b.z_hat)
    np.testing.assert_array_equal(a.y_hat, b.y_hat)
    np.testing.assert_array_equal(a.step, b.step)
    assert a.digest() == b.digest()


def assert_decodes_alike(data: bytes, **options: Any) -> None:
    assert_same_latents(decode_latents(data, **options), decode_latents(data))
    np.testing.assert_array_equal(decode(data, **options).samples, decode(data).samples)


@pytest.mark.parametrize("name", NAMES)
def test_torch_agrees_with_numpy(name: str) -> None:
    assert_decodes_alike(stream(name), backend="torch", threads=1)


@pytest.mark.parametrize("name", ["grey", "layers", "extreme"])
def test_the_integer_reference_agrees_with_numpy(name: str) -> None:
    assert_decodes_alike(stream(name), backend="integer")


@pytest.mark.parametrize("quality", [0, 63])
def test_backends_agree_where_everything_saturates(quality: int) -> None:
    data = extreme_stream(32, 48, quality=quality, seed=quality + 2)
    for backend, threads in BACKENDS:
        if engines.BACKENDS[backend].is_installed:
            assert_decodes_alike(data, backend=backend, threads=threads)


@pytest.mark.parametrize("quality", [0, 30, 63])
def test_extreme_streams_reach_the_limits_and_keep_them(quality: int) -> None:
    seen: dict[str, Any] = {}
    data = extreme_stream(32, 32, quality=quality, seed=quality)
    decode(data, verify=True, trace=lambda name, value: seen.update({name: value}))
    residual = np.concatenate([v.ravel() for k, v in seen.items() if k.endswith("/residual")])
    assert {-8191, 8191} <= set(residual.tolist())
    y_hat = decode_latents(data).y_hat
    assert (y_hat.min(), y_hat.max()) == (-4095, 4095)
    assert np.abs(seen["z_hat"]).max() == 127


@pytest.mark.parametrize("name", NAMES)
def test_scalar_and_vector_entropy_decoders_agree(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    results = []
    for fewest_lanes in (1, 1 << 20):
        monkeypatch.setattr(rans, "MIN_VECTOR_LANES", fewest_lanes)
        results.append(decode_latents(stream(name)))
    assert_same_latents(*results)


@pytest.mark.parametrize("log2_lanes", [0, 3, 10])
def test_lanes_change_the_bytes_and_nothing_else(log2_lanes: int) -> None:
    analysed = analyse(photograph(3, 40, 40))
    streams = [encode_latents(analysed, Structure(log2_lanes=lanes)) for lanes in (1, log2_lanes)]
    assert streams[0] != streams[1]
    assert_same_latents(*map(decode_latents, streams))


# -- tiles, layers, grey --------------------------------------------------------------------------


def encode_latents(analysed: Analysed, structure: Structure) -> bytes:
    codec = get_codec(MODEL_SET, "numpy")
    return encode_analysed(analysed, quality=28, codec=codec, hashes=True, structure=structure)


def test_a_tile_does_not_depend_on_other_tiles() -> None:
    """Only the residual of the right tile changes, completely; the left tile's latent stays."""
    analysed, structure = analyse(photograph(3, 64, 150)), Structure(tile_size=64, log2_lanes=0)
    y = analysed.y.copy()
    y[:, :, 4:8] = -3 * y[:, :, 4:8] + 20
    before, after = (
        encode_latents(replace(analysed, y=latent), structure) for latent in (analysed.y, y)
    )
    segments = [parse_codestream(data).residual for data in (before, after)]
    assert [a.payload == b.payload for a, b in zip(*segments, strict=True)] == [True, False, True]
    a, b = decode_latents(before).y_hat, decode_latents(after).y_hat
    different = (a != b).any(axis=(0, 1))
    assert different.tolist() == [False] * 4 + [True] * 4 + [False] * 2


class Seen:
    """A tile whose decoding was traced."""

    def __init__(self, trace: dict[str, Any], tile_idx: int) -> None:
        self.trace, self.prefix = trace, f"tile{tile_idx}/"

    def transform_idx(self, tables: I32Map) -> I32Map:
        assert self.trace[self.prefix + "transform_idx"].size == tables.size
        return self.trace[self.prefix + "transform_idx"].ravel()

    def residual(self, step: Step) -> I32Map:
        name = f"{self.prefix}group{step.group}/phase{step.phase}/residual"
        return self.trace[name][step.coded]


def test_a_tile_alone_is_the_tile_in_the_picture() -> None:
    codec, data = get_codec(MODEL_SET, "numpy"), stream("tiles")
    header, whole = parse_codestream(data).picture_header, decode_latents(data)
    seen: dict[str, Any] = {}
    decode_latents(data, trace=lambda name, value: seen.update({name: value}))
    quality = np.full((header.h16, header.w16), header.quality_idx, np.int32)
    state, mu = decode_hyper_features(network=codec.hyper, z_hat=whole.z_hat, quality=quality)
    for index in range(header.num_tiles):
        rows, columns = header.tile(index).slices
        y_hat = decode_tile_latent(
            model=codec.context,
            state=np.ascontiguousarray(state[:, rows, columns]),
            mu=np.ascontiguousarray(mu[:, rows, columns]),
            quality=np.ascontiguousarray(quality[rows, columns]),
            source=Seen(seen, index),
            num_groups=len(codec.context.groups),
            monochrome=False,
        )
        np.testing.assert_array_equal(y_hat, whole.y_hat[:, rows, columns])


@pytest.mark.parametrize(
    "last_groups", [(0,), (NUM_GROUPS - 2,), (0, 2, 3), tuple(range(NUM_GROUPS - 1))]
)
def test_layers_change_the_bytes_and_nothing_else(last_groups: tuple[int, ...]) -> None:
    analysed = analyse(photograph(3, 24, 40))
    one = encode_latents(analysed, Structure(log2_lanes=0))
    more = encode_latents(analysed, Structure(log2_lanes=0, layer_last_group=last_groups))
    assert len(parse_codestream(more).residual) == len(last_groups) + 1
    assert_same_latents(decode_latents(one), decode_latents(more))
    np.testing.assert_array_equal(decode(one).samples, decode(more, verify=True).samples)


def test_each_layer_adds_its_groups_to_those_before() -> None:
    data = stream("layers")
    context = get_codec(MODEL_SET, "numpy").context
    slices = list(context.slices())
    alike = np.setdiff1d(np.arange(slices[-1].stop), context.transforms.channels)
    whole = decode_latents(data).y_hat
    for layers, last_group in ((1, 1), (2, 3), (3, NUM_GROUPS - 1)):
        partial = decode_latents(data, layers=layers).y_hat
        stop = slices[last_group].stop
        known = alike[alike < stop]
        np.testing.assert_array_equal(partial[known], whole[known])
    unknown = alike[alike >= slices[3].start]
    assert not decode_latents(data, layers=1).y_hat[unknown].any()
    np.testing.assert_array_equal(decode(data, layers=9).samples, decode(data).samples)


@pytest.mark.parametrize("name", ["grey", "grey tiles"])
def test_grey_pictures_have_no_chroma_latent(name: str) -> None:
    latents = decode_latents(stream(name))
    luma = get_codec(MODEL_SET, "numpy").context.luma
    assert not latents.y_hat[~luma].any()
    assert latents.y_hat[luma].any()
    assert decode(stream(name)).samples.shape[0] == 1


# -- processes and threads ------------------------------------------------------------------------

CHILD = """
import hashlib, json, sys
from tests.pictures import photograph
from refdec import decode, decode_latents, verify
from refenc.encode import encode
backend, threads, path = sys.argv[1:]
options = {"backend": backend, "threads": int(threads)}
data = encode(photograph(3, 112, 96), quality=44, hashes=True, **options)
given = open(path, "rb").read() or data
open(path, "wb").write(data)
print(json.dumps({
    "stream": hashlib.sha256(data).hexdigest(),
    "latents": decode_latents(given, **options).digest(),
    "samples": decode(given, **options).digest(),
    "verified": all(result.matches for result in verify(given, **options)),
}))
"""
"""Encode a picture; decode the one that the process before encoded."""


def test_processes_with_different_threads_and_backends_agree(tmp_path: Path) -> None:
    """The picture is large enough for BLAS and torch to divide their work."""
    path, results = tmp_path / "picture.jai", []
    path.touch()
    for backend, threads in (("numpy", 2), ("numpy", 1), ("torch", 2)):
        names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
        done = subprocess.run(  # noqa: S603 - our own interpreter
            [sys.executable, "-c", CHILD, backend, str(threads), str(path)],
            env=os.environ | dict.fromkeys(names, str(threads)) | {"OMP_WAIT_POLICY": "PASSIVE"},
            capture_output=True,
            text=True,
            check=True,
            timeout=300,
        )
        results.append(json.loads(done.stdout))
    assert results[0]["verified"]
    assert results[1:] == results[:1] * 2


def test_decoding_imports_neither_torch_nor_the_encoder() -> None:
    code = (
        "import sys; from refdec import decode; from pathlib import Path; "
        "decode(bytes.fromhex(sys.argv[1])); "
        "print(sorted({'torch', 'refenc', 'training', 'PIL', 'hypothesis'} & sys.modules.keys()))"
    )
    done = subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, "-c", code, stream("grey").hex()],
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    assert done.stdout.strip() == "[]"


def test_noise_is_decoded_as_it_was_predicted() -> None:
    """More bits than any photograph: every lane, many escapes."""
    structure = Structure(tile_size=64, layer_last_group=(2, 4), log2_lanes=6)
    data = encode_latents(analyse(noise(3, 90, 70)), structure)
    decode(data, verify=True)
