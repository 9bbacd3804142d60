"""The linear start: lapped 16x16 block transform and the order of its frequencies."""

import math

import numpy as np
import torch

BLOCK = 16
CHANNELS = 512


def dct(size: int = BLOCK) -> np.ndarray:
    """Orthonormal DCT-II of so many points, rows are basis functions."""
    k = np.arange(size)
    d = np.cos(math.pi * k[:, None] * (2 * k[None] + 1) / (2 * size)) * math.sqrt(2 / size)
    d[0] /= math.sqrt(2)
    return d


def frequency_order() -> list[tuple[int, int, int]]:
    """(component, vertical, horizontal frequency) of each latent channel, most important first."""
    weight = lambda u, v: 0.6 * max(u, v) + 0.4 * math.hypot(u, v)
    keys = [
        (weight(u, v) * (1 if c == 0 else 1.9), c, u, v)
        for c in range(3)
        for u in range(16)
        for v in range(16)
    ]
    return [(c, u, v) for _, c, u, v in sorted(keys)[:CHANNELS]]


def lapping() -> np.ndarray:
    """Orthonormal 16x16 pre-filter across a block boundary: the lapped transform of best coding gain at rho = 0.95.

    Tran, Liang, Tu, "Lapped transform via time-domain pre- and post-filtering", IEEE TSP 51(6), 2003.
    """
    h = BLOCK // 2
    eye, flip, d = torch.eye(h).double(), torch.eye(h).double().flip(0), torch.from_numpy(dct())
    butterfly = torch.cat([torch.cat([eye, flip], 1), torch.cat([flip, -eye], 1)]) / math.sqrt(2)
    distance = torch.arange(80)[:, None] - torch.arange(80)[None]
    covariance = 0.95 ** distance.abs().double()
    skew = torch.zeros(h, h, dtype=torch.double, requires_grad=True)
    optimiser = torch.optim.Adam([skew], lr=0.02)
    for _ in range(300):
        rotation = torch.linalg.matrix_exp(skew - skew.T)
        p = butterfly @ torch.block_diag(eye, rotation) @ butterfly
        basis = d @ torch.block_diag(eye, p, p, p, p, eye)[32:48]
        loss = torch.log10(torch.diagonal(basis @ covariance @ basis.T)).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return p.detach().numpy()


def neighbour_weights(
    order: list[tuple[int, int, int]], done: int, own: int, distance: int = 1
) -> torch.Tensor:
    """Start of the frequency context (own, done): decoded lower frequencies at the same place, luma for chroma.

    Those of luma are so many frequencies apart.
    """
    index = {key: i for i, key in enumerate(order[:done])}
    near = {
        (1, 0): 1,
        (0, 1): 1,
        (1, 1): 0.6,
        (2, 0): 0.5,
        (0, 2): 0.5,
        (2, 1): 0.3,
        (1, 2): 0.3,
        (3, 0): 0.25,
        (0, 3): 0.25,
        (2, 2): 0.2,
        (4, 0): 0.15,
        (0, 4): 0.15,
    }
    a = torch.zeros(own, done)
    for i, (c, u, v) in enumerate(order[done : done + own]):
        for (du, dv), w in near.items():
            far = 1 if c else distance
            if (j := index.get((c, u - far * du, v - far * dv))) is not None:
                a[i, j] += w
        if c and (j := index.get((0, u, v))) is not None:
            a[i, j] += 0.7
    return a / a.sum(1, keepdim=True).clamp_min(0.5)
