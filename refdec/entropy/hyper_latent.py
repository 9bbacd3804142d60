# SPDX-License-Identifier: Apache-2.0
"""Hyper-latent: one static table per channel, then the hyper decoder network."""

import numpy as np

from refdec.arithmetic import ceil_div
from refdec.arrays import I32Map
from refdec.clause import clause
from refdec.entropy.rans import SubstreamDecoder
from refdec.errors import ConstraintViolation
from refdec.network import CompiledNetwork, run_network

HYPER_LATENT_MAX = 127
HYPER_LANE_SYMBOLS = 2048
"""Symbols for which the hyper-latent's sub-stream has one lane, as each lane costs bytes."""
RATIO = 4
"""Latent positions per position of the hyper-latent, horizontally and vertically."""
HYPER_HALO = 2
"""Positions of the hyper-latent around its own that a latent position depends on."""


def hyper_lanes(num_symbols: int) -> int:
    """Return the lanes of the hyper-latent's sub-stream, by its channels * h64 * w64 symbols."""
    return max(1, num_symbols // HYPER_LANE_SYMBOLS)


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
    *,
    network: CompiledNetwork,
    z_hat: I32Map,
    quality: I32Map,
    window: tuple[slice, slice] | None = None,
) -> tuple[I32Map, I32Map]:
    """Run the hyper decoder and crop it to the latent grid, or to a window of it.

    Parameters
    ----------
    z_hat : (Z, h64, w64).
    quality : (h16, w16), quality index of each latent position.
    window : rows and columns of the latent grid. The network runs on them and their surroundings
        alone; as it is local, it gives the same values there.

    Returns
    -------
    state (S, h, w) and mu (M, h, w) in 1/2 units: what every tile starts from.
    """
    rows, columns = window or tuple(slice(0, side) for side in quality.shape)
    cells = [_surroundings(rows, z_hat.shape[1]), _surroundings(columns, z_hat.shape[2])]
    latents = [slice(RATIO * part.start, RATIO * part.stop) for part in cells]
    z_part = np.ascontiguousarray(z_hat[:, cells[0], cells[1]])
    out = run_network(network, {"z": z_part}, quality[latents[0], latents[1]])
    inside = [
        slice(part.start - around.start, part.stop - around.start)
        for part, around in zip((rows, columns), latents, strict=True)
    ]
    state, mu = (
        np.ascontiguousarray(network.backend.to_numpy(out[name])[:, inside[0], inside[1]])
        for name in ("state", "mean")
    )
    return state, mu


def _surroundings(latents: slice, size: int) -> slice:
    """Return the cells of an axis of z_hat that some latents of the same axis depend on."""
    return slice(
        max(latents.start // RATIO - HYPER_HALO, 0),
        min(ceil_div(latents.stop, RATIO) + HYPER_HALO, size),
    )
