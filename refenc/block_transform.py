# SPDX-License-Identifier: Apache-2.0
"""Choice of the block transform of each latent position (Annex E.4)."""

import numpy as np
from numpy.typing import NDArray

from refdec.arrays import I32Map
from refdec.entropy.block_transform import MATRIX_SHIFT, BlockTransforms
from refdec.entropy.tables import PRECISION_BITS
from refenc.rate import RATE_WEIGHT

F32 = NDArray[np.float32]
SHARE, SHARPNESS = 0.7, 9.0
"""A coefficient of v steps is taken to cost SHARE * log2(1 + SHARPNESS * v**2) bits."""
PRICES = (0.0, 11.0, 10.0, 11.0, 37.0)
"""Bits that an estimated saving is too large by, per transform."""
EAGER = 14.0
"""Bits by which all are cheaper where they will be tried."""
NOTHING = 0.6
"""Magnitude in steps up to which coefficients are worth no choice."""


def choose_transforms(
    transforms: BlockTransforms,
    y: F32,
    *,
    step: I32Map,
    weight: F32,
    tables: I32Map,
    bias: float = 0.0,
) -> I32Map:
    """Return the index (h, w) of the block transform of least error and bits.

    Parameters
    ----------
    y : (C, h, w), latent in the basis of transform 0.
    step : (C, h, w), quantisation step, 1/16 units.
    weight : (h, w), bits per squared step.
    tables : (h * w,), the table that codes the index of each position.
    bias : bits by which all transforms but the first are cheaper.
    """
    height, width = y.shape[1:]
    chosen = np.zeros(height * width, np.int32)
    flat = y[transforms.channels].reshape(transforms.channels.size, -1)
    scale = np.float32(16) / step[transforms.channels].reshape(flat.shape).astype(np.float32)
    scale *= np.sqrt(weight.ravel() / np.float32(RATE_WEIGHT))
    places = np.flatnonzero((np.abs(flat * scale) > NOTHING).any(axis=0))
    if not places.size:
        return chosen.reshape(height, width)
    part, scale = flat[:, places], scale[:, places]
    frequencies = transforms.tables.frequencies[tables[places], :-1].T
    costs = (PRECISION_BITS - np.log2(frequencies)).astype(np.float32)
    costs += np.array(PRICES, np.float32)[:, None]
    costs[1:] -= np.float32(bias)
    costs[0] += _cost(part * scale)
    for index, matrix in enumerate(_real(transforms), 1):
        costs[index] += _cost((matrix @ part) * scale)
    chosen[places] = costs.argmin(axis=0)
    return chosen.reshape(height, width)


def forward(transforms: BlockTransforms, y: F32, transform: I32Map) -> F32:
    """Turn a latent (C, h, w) into the bases of the indices (h, w)."""
    flat, indices = y.reshape(len(y), -1).copy(), transform.ravel()
    matrices = _real(transforms)
    for index in np.unique(indices[indices > 0]):
        at = np.ix_(transforms.channels, np.flatnonzero(indices == index))
        flat[at] = matrices[index - 1] @ flat[at]
    return flat.reshape(y.shape)


def _real(transforms: BlockTransforms) -> F32:
    real: F32 = transforms.matrices.astype(np.float32) / np.float32(1 << MATRIX_SHIFT)
    return real


def _cost(v: F32) -> F32:
    """Bits and error, as bits, of coefficients (n, m) in steps; (m,)."""
    total: F32 = np.log2(1 + np.float32(SHARPNESS) * v * v).sum(axis=0)
    return np.float32(SHARE) * total
