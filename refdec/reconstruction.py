# SPDX-License-Identifier: Apache-2.0
"""Picture reconstruction: y_hat to samples, conformance point S; whole, by parts or a region.

The synthesis networks reach at most `HALO` latent positions, and the picture's own border is
part of their definition, so a region with its halo gives exactly the crop of the whole picture.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from refdec.arithmetic import ceil_div
from refdec.arrays import I16Map, I32Map, U16Map
from refdec.clause import clause
from refdec.codec import Codec
from refdec.entropy.context import Trace
from refdec.latents import LatentBands, prefixed
from refdec.picture import Colour, Picture, empty_samples
from refdec.syntax.picture_header import PictureHeader
from refdec.syntax.picture_variables import LATENT_STRIDE
from refdec.syntax.segment import SynthesisTransform
from refdec.synthesis.colour import MATRICES, convert_colour
from refdec.synthesis.transform import synthesise

HALO = 3
"""Latent positions around a region that its samples depend on."""
PART_SAMPLES, PART_WIDTH = 1 << 21, 1 << 11
"""Luma samples, and columns, that are reconstructed at once: bounds the memory, not the result."""


class Region(NamedTuple):
    """A rectangle of the picture, in luma samples."""

    x: int
    y: int
    width: int
    height: int

    def intersection(self, other: "Region") -> "Region | None":
        """Return the rectangle in both; None where there is none."""
        x, y = max(self.x, other.x), max(self.y, other.y)
        width = min(self.x + self.width, other.x + other.width) - x
        height = min(self.y + self.height, other.y + other.height) - y
        return Region(x, y, width, height) if min(width, height) > 0 else None

    def inside(self, outer: "Region") -> tuple[slice, slice]:
        """Index this rectangle in the rows and columns of one around it."""
        top, left = self.y - outer.y, self.x - outer.x
        return slice(top, top + self.height), slice(left, left + self.width)


def whole_picture(header: PictureHeader) -> Region:
    """Return the region that is the picture."""
    return Region(0, 0, header.pic_width, header.pic_height)


class LatentWindow(NamedTuple):
    """The latent positions that a region needs: its own and the halo's."""

    top: int
    left: int
    bottom: int
    right: int

    @classmethod
    def of(cls, region: Region, header: PictureHeader) -> "LatentWindow":
        """Widen a region by the halo, up to the picture's border."""
        return cls(
            max(region.y // LATENT_STRIDE - HALO, 0),
            max(region.x // LATENT_STRIDE - HALO, 0),
            min(ceil_div(region.y + region.height, LATENT_STRIDE) + HALO, header.h16),
            min(ceil_div(region.x + region.width, LATENT_STRIDE) + HALO, header.w16),
        )

    def tiles(self, header: PictureHeader) -> list[int]:
        """Tiles that overlap the window."""
        rectangles = ((index, header.tile(index)) for index in range(header.num_tiles))
        return [
            index
            for index, tile in rectangles
            if tile.top < self.bottom
            and tile.top + tile.height > self.top
            and tile.left < self.right
            and tile.left + tile.width > self.left
        ]


@clause("9.1")
def reconstruct_picture(
    *,
    codec: Codec,
    header: PictureHeader,
    y_hat: I16Map | I32Map | LatentBands,
    quality: I32Map,
    transform: SynthesisTransform,
    region: Region | None = None,
    trace: Trace | None = None,
) -> Picture:
    """Synthesise a latent, crop to the picture or a region of it, and convert to samples.

    With `trace` the whole is done at once, otherwise part by part; the samples are the same.
    """
    region = region or whole_picture(header)
    shape = (header.num_components, region.height, region.width)
    samples = empty_samples(shape, header.bit_depth)
    for part in [region] if trace is not None else _parts(region):
        rows = slice(part.y - region.y, part.y - region.y + part.height)
        columns = slice(part.x - region.x, part.x - region.x + part.width)
        samples[:, rows, columns] = _reconstruct(
            codec, header, y_hat, quality, transform, part, trace
        )
    if trace is not None:
        trace("picture", samples.astype(np.int32))
    return Picture(
        samples=samples,
        bit_depth=header.bit_depth,
        colour=Colour.of(header),
    )


def _parts(region: Region) -> Iterator[Region]:
    """Cut a region into rectangles of about PART_SAMPLES, row by row of them."""
    width = min(region.width, PART_WIDTH)
    height = LATENT_STRIDE * ceil_div(PART_SAMPLES, width * LATENT_STRIDE)
    right, bottom = region.x + region.width, region.y + region.height
    for y in range(region.y, bottom, height):
        for x in range(region.x, right, width):
            yield Region(x, y, min(width, right - x), min(height, bottom - y))


def _reconstruct(
    codec: Codec,
    header: PictureHeader,
    y_hat: I16Map | I32Map | LatentBands,
    quality: I32Map,
    transform: SynthesisTransform,
    region: Region,
    trace: Trace | None,
) -> U16Map:
    """Reconstruct the samples (C, height, width) of one region from its latent window."""
    window = LatentWindow.of(region, header)
    rows, columns = slice(window.top, window.bottom), slice(window.left, window.right)
    planes = synthesise(
        networks=codec.synthesis(transform),
        y_hat=np.ascontiguousarray(y_hat[:, rows, columns]),
        quality=np.ascontiguousarray(quality[rows, columns]),
        trace=prefixed(trace, "synthesis/"),
    )
    top, left = region.y - LATENT_STRIDE * window.top, region.x - LATENT_STRIDE * window.left
    return convert_colour(
        samples=planes[
            : header.num_components, top : top + region.height, left : left + region.width
        ],
        matrix=None if header.monochrome_flag else MATRICES[header.matrix_coefficients],
        bit_depth=header.bit_depth,
    )
