# SPDX-License-Identifier: Apache-2.0
"""Test pictures made from a seed."""

import numpy as np
from numpy.typing import NDArray

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
