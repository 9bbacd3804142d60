# SPDX-License-Identifier: Apache-2.0
"""Synthesis transform: latent to Y, Cb, Cr planes."""

from collections.abc import Callable

from refdec.arrays import I32Map
from refdec.clause import clause
from refdec.network import CompiledNetwork, run_network


@clause("9.2")
def synthesise(
    *,
    network: CompiledNetwork,
    y_hat: I32Map,
    quality: I32Map,
    use_filter: bool,
    trace: Callable[[str, I32Map], None] | None = None,
) -> I32Map:
    """Run a synthesis transform over the whole latent plane.

    Parameters
    ----------
    y_hat : (C, h16, w16), 1/2 units.
    quality : (h16, w16), quality index of each latent position.
    use_filter : take the output of the residual filter, else of the linear transform alone.
    trace : called with the name and value of every layer's output.

    Returns
    -------
    (3, 16 h16, 16 w16), 1/8 of an 8-bit sample, luma minus 128.
    """
    convert = network.backend.to_numpy
    observe = None if trace is None else lambda name, value: trace(name, convert(value))
    out = run_network(network, {"latent": y_hat}, quality, trace=observe)
    return convert(out["samples" if use_filter else "linear"])
