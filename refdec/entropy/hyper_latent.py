# SPDX-License-Identifier: Apache-2.0
"""Hyper-latent: one static table per channel, then the hyper decoder network."""

import numpy as np

from refdec.arrays import I32Map
from refdec.clause import clause
from refdec.entropy.rans import SubstreamDecoder
from refdec.errors import ConstraintViolation
from refdec.network import CompiledNetwork, run_network

HYPER_LATENT_MAX = 127


def hyper_latent_tables(*, channels: int, h64: int, w64: int) -> I32Map:
    """Table index of each hyper-latent sample, (channels * h64 * w64,): its channel."""
    return np.repeat(np.arange(channels, dtype=np.int32), h64 * w64)


@clause("8.3.1")
def decode_hyper_latent(
    *, decoder: SubstreamDecoder, channels: int, h64: int, w64: int, offset: int
) -> I32Map:
    """Decode z_hat, in C, H, W order.

    Parameters
    ----------
    decoder : sub-stream of the SOZ segment, with the hyper-latent tables of the model set.
    offset : byte offset of the sub-stream, for errors.

    Returns
    -------
    (channels, h64, w64), -127 to 127.

    Raises
    ------
    ConstraintViolation
        SOZ-001: a value leaves that range.
    """
    values = decoder.decode(hyper_latent_tables(channels=channels, h64=h64, w64=w64))
    decoder.finish()
    if np.abs(values).max() > HYPER_LATENT_MAX:
        message = f"a hyper-latent sample is beyond {HYPER_LATENT_MAX}"
        raise ConstraintViolation(message, requirement="SOZ-001", element="z_hat", offset=offset)
    return values.reshape(channels, h64, w64)


@clause("8.3.2")
def decode_hyper_features(
    *, network: CompiledNetwork, z_hat: I32Map, quality: I32Map
) -> tuple[I32Map, I32Map]:
    """Run the hyper decoder and crop it to the latent grid.

    Parameters
    ----------
    z_hat : (Z, h64, w64).
    quality : (h16, w16), quality index of each latent position.

    Returns
    -------
    state (S, h16, w16) and mu (M, h16, w16) in 1/2 units: what every tile starts from.
    """
    h16, w16 = quality.shape
    out = run_network(network, {"z": z_hat}, quality)
    state, mu = (network.backend.to_numpy(out[name])[:, :h16, :w16] for name in ("state", "mean"))
    return np.ascontiguousarray(state), np.ascontiguousarray(mu)
