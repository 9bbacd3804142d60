# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: D102 - Backend says what each operation takes and computes.
"""ONNX Runtime float32 on the CPU: each network as one graph, exact by the exactness bound.

Tensors are NumPy's. A run that traces every layer takes the layers of `numpy_backend`.
"""

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import onnxruntime

from refdec.arrays import F32Map, I32Map, I64Map
from refdec.network.backend import CompiledNetwork
from refdec.network.exactness import Network
from refdec.network.numpy_backend import NumpyBackend
from refdec.network.onnx_graph import PLACES, export_network


class OnnxBackend(NumpyBackend):
    """Any number of threads gives the same bits, since every order of summation does."""

    name = "onnx"

    def __init__(self, threads: int | None = None) -> None:
        super().__init__(threads)
        self._options = onnxruntime.SessionOptions()
        self._options.intra_op_num_threads = self._threads
        self._options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._options.enable_cpu_mem_arena = False  # each session would keep its own

    def compile(self, network: Network) -> CompiledNetwork:
        runner = super().compile(network)

        @cache
        def session(*, everywhere: bool) -> onnxruntime.InferenceSession:
            graph = export_network(network, None if everywhere else runner.planes)
            return onnxruntime.InferenceSession(
                graph, self._options, providers=["CPUExecutionProvider"]
            )

        def run(
            inputs: Mapping[str, F32Map], qualities: Mapping[str, I32Map], places: I64Map | None
        ) -> dict[str, F32Map]:
            planes = dict(inputs)
            feeds: dict[str, Any] = {}
            if places is not None:
                feeds[PLACES] = places
                for name in planes.keys() - runner.planes:
                    planes[name] = self.pick(planes[name], places)
            feeds |= {name: np.ascontiguousarray(plane[None]) for name, plane in planes.items()}
            feeds |= {f"{name}.quality": q.astype(np.int64) for name, q in qualities.items()}
            names = list(network.description.outputs)
            outputs = session(everywhere=places is None).run(names, feeds)
            return {name: plane[0] for name, plane in zip(names, outputs, strict=True)}

        return replace(runner, graph=run)
