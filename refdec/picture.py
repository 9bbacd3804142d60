# SPDX-License-Identifier: Apache-2.0
"""What decoding gives: pictures (conformance point S) and latents (point L), with their digests."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from refdec.arrays import I16Map, I32Map, U8Map, U16Map
from refdec.binary16 import F16Map, numbers_of_samples
from refdec.clause import clause
from refdec.syntax.picture_header import PictureHeader


@dataclass(frozen=True, kw_only=True)
class Colour:
    """Colour description, code points of ITU-T H.273."""

    primaries: int
    transfer: int
    matrix: int
    full_range: bool

    @classmethod
    def of(cls, header: PictureHeader) -> "Colour":
        """Take the colour description of a picture header."""
        return cls(
            primaries=header.colour_primaries,
            transfer=header.transfer_characteristics,
            matrix=header.matrix_coefficients,
            full_range=bool(header.full_range_flag),
        )

    def with_range(self, *, full: bool) -> "Colour":
        """Return the same colours in full or narrow range."""
        return replace(self, full_range=full)


def sample_type(bit_depth: int) -> "type[np.uint8 | np.uint16]":
    """Return the type of samples: bytes up to 8 bits, else 16-bit words."""
    return np.uint8 if bit_depth <= 8 else np.uint16  # noqa: PLR2004


def typed_samples(samples: NDArray[Any], bit_depth: int) -> U8Map | U16Map:
    """Convert samples to their type, without a copy where they have it."""
    typed: NDArray[Any] = samples.astype(sample_type(bit_depth), copy=False)
    return typed


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A decoded picture.

    Parameters
    ----------
    samples : (3, H, W) R, G, B or Y, Cb, Cr, or (1, H, W) luma; uint8 up to 8 bits, else uint16.
    chroma : (2, h, w) Cb, Cr where they are subsampled, whose luma `samples` is; else None.
    bit_depth : 8 to 16.
    chroma_format : 0 4:4:4 or luma alone, 1 4:2:2, 2 4:2:0.
    is_ycc : the components are Y, Cb, Cr.
    is_float : the samples stand for binary16 numbers; `numbers` gives them.
    alpha : (H, W), 0 transparent to 2**alpha_bit_depth - 1 opaque; None: opaque everywhere.
    is_premultiplied : whether the samples are multiplied by alpha already.
    """

    samples: U8Map | U16Map
    chroma: U8Map | U16Map | None = None
    bit_depth: int
    colour: Colour
    chroma_format: int = 0
    is_ycc: bool = False
    is_float: bool = False
    alpha: U8Map | U16Map | None = None
    alpha_bit_depth: int = 8
    is_premultiplied: bool = False

    @classmethod
    def of(cls, header: PictureHeader, groups: Sequence[NDArray[Any]]) -> "Picture":
        """Put the samples of the header's plane groups together, in its format."""
        typed = [typed_samples(group, header.bit_depth) for group in groups]
        return cls(
            samples=typed[0],
            chroma=typed[1] if len(typed) > 1 else None,
            bit_depth=header.bit_depth,
            colour=Colour.of(header),
            chroma_format=header.chroma_format_idc,
            is_ycc=bool(header.ycc_flag),
            is_float=bool(header.sample_float_flag),
        )

    @property
    def groups(self) -> tuple[U8Map | U16Map, ...]:
        """Samples by plane group (C, h, w): all, or luma and chroma where that is subsampled."""
        return (self.samples,) if self.chroma is None else (self.samples, self.chroma)

    @property
    def planes(self) -> tuple[U8Map | U16Map, ...]:
        """The components, each of its own size."""
        return tuple(plane for group in self.groups for plane in group)

    @property
    def numbers(self) -> F16Map:
        """What binary16 samples stand for; (C, H, W), finite."""
        return numbers_of_samples(self.samples.astype(np.uint16))

    @property
    def height(self) -> int:
        """Rows."""
        return int(self.samples.shape[1])

    @property
    def width(self) -> int:
        """Columns."""
        return int(self.samples.shape[2])

    @property
    def interleaved(self) -> U8Map | U16Map:
        """(H, W, 3) or (H, W), as picture files hold it."""
        if self.samples.shape[0] == 1:
            return self.samples.reshape(self.height, self.width)
        return self.samples.transpose(1, 2, 0).copy()

    def digest(self) -> str:
        """SHA-256 of point S, hexadecimal."""
        return picture_digest(samples=self.planes, bit_depth=self.bit_depth)

    def alpha_digest(self) -> str | None:
        """SHA-256 of point A, hexadecimal; None without alpha."""
        if self.alpha is None:
            return None
        return picture_digest(samples=self.alpha, bit_depth=self.alpha_bit_depth)


@clause("10.2")
def picture_digest(*, samples: Iterable[NDArray[Any]], bit_depth: int) -> str:
    """Hash plane after plane, rows from the top, each sample u(8) or big-endian u(16)."""
    return _planes_digest(samples, ">u1" if bit_depth == 8 else ">u2")  # noqa: PLR2004


@dataclass(frozen=True, kw_only=True)
class Latents:
    """Decoded latents, for tasks that need no picture.

    Parameters
    ----------
    y_hat : (C, h16, w16), 1/2 units, -4095 to 4095.
    z_hat : (Z, h64, w64), -127 to 127.
    quality : (h16, w16), quality index of each position.
    step : (C,), quantisation step of each channel at the picture's quality index, 1/16 units.
    """

    y_hat: I16Map
    z_hat: I32Map
    quality: I32Map
    step: I32Map
    model_set_idc: int

    def digest(self) -> str:
        """SHA-256 of point L: y_hat as big-endian 16-bit integers in C, H, W order."""
        return latent_digest(y_hat=self.y_hat)


@clause("10.1")
def latent_digest(*, y_hat: I16Map | I32Map) -> str:
    """Hash a latent; hexadecimal."""
    return _planes_digest(y_hat, ">i2")


def _planes_digest(planes: Iterable[NDArray[Any]], kind: str) -> str:
    """Hash plane after plane as integers of a type; hexadecimal."""
    digest = hashlib.sha256()
    for plane in planes:
        digest.update(plane.astype(kind).tobytes())
    return digest.hexdigest()
