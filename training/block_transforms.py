"""Block transforms: bases between which every latent position chooses for its luma latents.

The first is that of the analysis, 16x16 frequencies of a lapped block. The others are DCTs of its halves, quarters and
sixteenths, as the analysis sees them: where an edge crosses a block that is smooth elsewhere, they have fewer
coefficients. The lowest latents are common to all.
"""

import numpy as np
import torch
from torch import Tensor

from training.transform import BLOCK, dct, frequency_order

PARTS = ((16, 16), (16, 8), (8, 16), (8, 8), (4, 4))
"""Height and width of the parts of a block, by transform."""
NUM_TRANSFORMS = len(PARTS)
COMMON = 3
"""Luma latents whose two frequencies are both lower are those of the analysis in every block transform."""
SWITCHED = [i for i, (c, u, v) in enumerate(frequency_order()) if c == 0 and max(u, v) >= COMMON]
FAMILIES = (0, 1, 1, 1, 1)
"""Transforms that have one frequency context: what is near a coefficient in frequency."""
TRANSFORM_ONE = 1 << 14
SHARE, SHARPNESS = 0.7, 9.0
INDEX_BITS = (0.5,) + (7.0,) * (NUM_TRANSFORMS - 1)
"""What an index is taken to cost in training."""


def partition_matrices() -> Tensor:
    """Matrices (K - 1, n, n) of the transforms but the first, times 2**14, rounded.

    Row (u, v) is frequency (u // m, v // n) of the part (u % m, v % n), of m by n parts: as in the first transform,
    it stands for about the frequency (u, v).
    """
    places = [frequency_order()[i][1:] for i in SWITCHED]
    whole = dct(BLOCK)
    basis = np.stack([np.outer(whole[u], whole[v]).ravel() for u, v in places])
    matrices = []
    for height, width in PARTS[1:]:
        m, n, down, across = BLOCK // height, BLOCK // width, dct(height), dct(width)
        rows = np.zeros((len(places), BLOCK, BLOCK))
        for row, (u, v) in zip(rows, places, strict=True):
            top, left = height * (u % m), width * (v % n)
            row[top : top + height, left : left + width] = np.outer(down[u // m], across[v // n])
        left, _, right = np.linalg.svd(rows.reshape(len(places), -1) @ basis.T)
        matrices.append(left @ right)  # the nearest orthonormal one: the common latents are missing
    return torch.tensor(np.stack(matrices) * TRANSFORM_ONE).round().float()


def cost(v: Tensor) -> Tensor:
    """Bits and error, as bits, that coefficients (..., n) in steps make a difference by; (...)."""
    return SHARE * torch.log2(1 + SHARPNESS * v.square()).sum(-1)


@torch.no_grad()
def choose(y: Tensor, transforms: Tensor, steps: Tensor) -> Tensor:
    """Index (B, h, w) of the block transform of least cost of latents y (B, C, h, w) with `steps` (B, C, 1, 1)."""
    v = y[:, SWITCHED].movedim(1, 3)
    width = steps[:, SWITCHED].movedim(1, 3)
    costs = [cost(v / width)]
    costs += [cost(v @ (t / TRANSFORM_ONE).T / width) for t in transforms]
    prices = torch.tensor(INDEX_BITS, device=y.device)
    return (torch.stack(costs, 3) + prices).argmin(3)


def to_basis(y: Tensor, transforms: Tensor, transform: Tensor) -> Tensor:
    """Latents (B, C, h, w) in the bases (K - 1, n, n), times 2**14, that indices (B, h, w) name; 0 is theirs.

    In double precision, which is exact for what a decoder computes with integers.
    """
    return _multiplied(y, transforms, transform)


def from_basis(y: Tensor, transforms: Tensor, transform: Tensor) -> Tensor:
    """Inverse of `to_basis`."""
    return _multiplied(y, transforms.transpose(1, 2), transform)


def _multiplied(y: Tensor, matrices: Tensor, transform: Tensor) -> Tensor:
    flat = y.movedim(1, 3).clone()
    part = flat[..., SWITCHED]
    for k, matrix in enumerate(matrices, 1):
        at = transform == k
        turned = part[at].double() @ (matrix.double() / TRANSFORM_ONE).T
        part[at] = turned.float()
    flat[..., SWITCHED] = part
    return flat.movedim(3, 1)
