# SPDX-License-Identifier: Apache-2.0
"""Test pictures made from a seed."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from refdec.picture import Colour, Picture

Samples = NDArray[np.uint8]


def photograph(components: int, height: int, width: int, *, seed: int = 0) -> Samples:
    """Make a picture (C, H, W) with a photograph's statistics: a steep spectrum and an edge."""
    rng = np.random.default_rng(seed)
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width))
    spectrum = np.fft.fft2(rng.normal(size=(4, height, width))) / (frequency + 1 / 64) ** 1.6
    planes = np.fft.ifft2(spectrum).real
    planes /= planes.std(axis=(1, 2), keepdims=True) + 1e-9
    rows, columns = np.mgrid[:height, :width]
    angle, place = rng.uniform(0, np.pi), rng.uniform(0.3, 0.7)
    side = (columns / width - place) * np.cos(angle) + (rows / height - 0.5) * np.sin(angle) > 0
    luma = 40 * planes[3] + 50 * side
    picture = 105 + luma + 12 * planes[:3] + np.array([10, 0, -10])[:, None, None] * side
    return np.clip(picture[:components], 0, 255).astype(np.uint8)


def noise(components: int, height: int, width: int, *, seed: int = 0) -> Samples:
    """Make a picture (C, H, W) of independent, uniform samples."""
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (components, height, width)).astype(np.uint8)


def picture_of(
    samples: NDArray[Any], bit_depth: int = 8, *, matrix: int = 6, full: bool = True, **options: Any
) -> Picture:
    """Declare a picture of any format."""
    colour = Colour(primaries=1, transfer=13, matrix=matrix, full_range=full)
    return Picture(samples=samples, bit_depth=bit_depth, colour=colour, **options)


def deep(
    components: int, height: int, width: int, bit_depth: int, *, seed: int = 0
) -> NDArray[Any]:
    """Make a photograph (C, H, W) whose low bits are noise."""
    samples = photograph(components, height, width, seed=seed)
    if bit_depth == 8:
        return samples
    low = np.random.default_rng(seed).integers(0, 1 << (bit_depth - 8), samples.shape)
    return ((samples.astype(np.uint16) << (bit_depth - 8)) + low).astype(np.uint16)


def subsampled(
    chroma_format: int, height: int, width: int, bit_depth: int = 8, **options: Any
) -> Picture:
    """Make a picture of Y, Cb, Cr with the chroma of 4:2:2 (1) or 4:2:0 (2)."""
    chroma_height = -(-height // 2) if chroma_format == 2 else height
    groups = [
        deep(1, height, width, bit_depth),
        deep(2, chroma_height, -(-width // 2), bit_depth, seed=1),
    ]
    if options.get("is_float"):
        groups = [np.clip(group, 0x0400, 0xFBFF) for group in groups]
    return picture_of(
        groups[0],
        bit_depth,
        chroma=groups[1],
        chroma_format=chroma_format,
        is_ycc=True,
        **options,
    )
