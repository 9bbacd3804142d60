# SPDX-License-Identifier: Apache-2.0
"""Regions of interest: rectangles or a mask picture to offsets of the quality index."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from refdec.arithmetic import ceil_div
from refdec.arrays import I32Map, U8Map
from refdec.syntax.picture_variables import LATENT_STRIDE

MASK_RANGE = 24
"""Quality offset between a black and a white mask sample."""


class RegionOfInterest(NamedTuple):
    """A rectangle in samples and what to add to the quality index there."""

    x: int
    y: int
    width: int
    height: int
    offset: int


def offsets_of_regions(regions: Iterable[RegionOfInterest], *, height: int, width: int) -> I32Map:
    """Return offsets (h16, w16); positions that a region touches take its offset, the last wins."""
    offsets = np.zeros((ceil_div(height, LATENT_STRIDE), ceil_div(width, LATENT_STRIDE)), np.int32)
    for region in regions:
        rows = slice(region.y // LATENT_STRIDE, ceil_div(region.y + region.height, LATENT_STRIDE))
        columns = slice(region.x // LATENT_STRIDE, ceil_div(region.x + region.width, LATENT_STRIDE))
        offsets[rows, columns] = region.offset
    return offsets


def offsets_of_mask(mask: U8Map) -> I32Map:
    """Return offsets (h16, w16) of a grey mask (H, W): the brightest sample of a block counts.

    Black gives -12, mid-grey 0, white +12.
    """
    pad = ((0, -mask.shape[0] % LATENT_STRIDE), (0, -mask.shape[1] % LATENT_STRIDE))
    padded = np.pad(mask, pad, mode="edge").astype(np.int32)
    h16, w16 = (side // LATENT_STRIDE for side in padded.shape)
    blocks = padded.reshape(h16, LATENT_STRIDE, w16, LATENT_STRIDE).max(axis=(1, 3))
    offsets: I32Map = (blocks * MASK_RANGE + 127) // 255 - MASK_RANGE // 2
    return offsets
