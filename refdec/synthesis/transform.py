# SPDX-License-Identifier: Apache-2.0
"""Synthesis transform: latent to Y, Cb, Cr planes."""

from collections.abc import Callable, Sequence
from typing import Any

from refdec.arrays import I32Map
from refdec.clause import clause
from refdec.network import CompiledNetwork, run_network

Observer = Callable[[str, Any], None]


@clause("9.2")
def synthesise(
    *,
    networks: Sequence[CompiledNetwork],
    y_hat: I32Map,
    quality: I32Map,
    trace: Callable[[str, I32Map], None] | None = None,
) -> I32Map:
    """Run a synthesis transform over the whole latent plane.

    Parameters
    ----------
    networks : what the transform consists of; each has one input and one output.
    y_hat : (C, h16, w16), 1/2 units.
    quality : (h16, w16), quality index of each latent position.
    trace : called with the name and value of every layer's output.

    Returns
    -------
    (3, 16 h16, 16 w16), 1/8 of an 8-bit sample, luma minus 128.
    """
    backend = networks[0].backend
    tensor = backend.from_numpy(y_hat)
    for network in networks:
        observe = None if trace is None else _observer(trace, network)
        inputs = {network.inputs[0]: tensor}
        (tensor,) = run_network(network, inputs, quality, trace=observe).values()
    return backend.to_numpy(tensor)


def _observer(trace: Callable[[str, I32Map], None], network: CompiledNetwork) -> Observer:
    name, convert = network.network.description.name, network.backend.to_numpy
    return lambda layer, value: trace(f"{name}/{layer}", convert(value))
