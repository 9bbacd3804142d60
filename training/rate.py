"""Rate of residuals under a discretised logistic distribution, in value and in gradient."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

RATE_WEIGHT = 8.0
"""Bits per squared step; about the encoder's."""


def noisy(v: Tensor) -> Tensor:
    return v + torch.rand_like(v) - 0.5


def bits_map(r: Tensor, scale: Tensor) -> Tensor:
    """Bits of integer residuals under a discretised logistic of standard deviation `scale`."""
    s = scale * (math.sqrt(3) / math.pi)
    a = r.abs()
    p = torch.sigmoid((0.5 - a) / s) - torch.sigmoid((-0.5 - a) / s)
    return -torch.log2(p.clamp_min(2**-16)) + 0.05 * F.relu(a / s - 20)


def pull_map(noised: Tensor, scale: Tensor) -> Tensor:
    """Zero in value; its gradient is that of the rate of a noisy residual with respect to the residual."""
    cost = bits_map(noised, scale)
    return cost - cost.detach()


def bits(r: Tensor, scale: Tensor) -> Tensor:
    return bits_map(r, scale).sum((1, 2, 3))


def pull(noised: Tensor, scale: Tensor) -> Tensor:
    return pull_map(noised, scale).sum((1, 2, 3))


@torch.no_grad()
def decided(v: Tensor, scale: Tensor) -> Tensor:
    """Residuals of least `RATE_WEIGHT * error**2 + bits`, as the encoder chooses them: one of the two around `v`."""
    low = v.abs().floor()
    price = bits_map(low + 1, scale) - bits_map(low, scale)
    return torch.sign(v) * (low + (v.abs() - low > 0.5 + price / (2 * RATE_WEIGHT)))
