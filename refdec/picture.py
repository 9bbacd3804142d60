# SPDX-License-Identifier: Apache-2.0
"""What decoding gives: pictures (conformance point S) and latents (point L), with their digests."""

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from refdec.arrays import I16Map, I32Map, U8Map, U16Map
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


def empty_samples(shape: tuple[int, ...], bit_depth: int) -> U8Map | U16Map:
    """Make room for samples: bytes up to 8 bits, else 16-bit words."""
    return np.empty(shape, np.uint8) if bit_depth <= 8 else np.empty(shape, np.uint16)  # noqa: PLR2004


def typed_samples(samples: NDArray[Any], bit_depth: int) -> U8Map | U16Map:
    """Convert samples to what `empty_samples` makes."""
    typed = empty_samples(samples.shape, bit_depth)
    typed[:] = samples
    return typed


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A decoded picture.

    Parameters
    ----------
    samples : (3, H, W) R, G, B or (1, H, W) luma; uint8 up to 8 bits, else uint16.
    alpha : (H, W), 0 transparent to 2**alpha_bit_depth - 1 opaque; None: opaque everywhere.
    is_premultiplied : whether the samples are multiplied by alpha already.
    """

    samples: U8Map | U16Map
    bit_depth: int
    colour: Colour
    alpha: U8Map | U16Map | None = None
    alpha_bit_depth: int = 8
    is_premultiplied: bool = False

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
        return picture_digest(samples=self.samples, bit_depth=self.bit_depth)

    def alpha_digest(self) -> str | None:
        """SHA-256 of point A, hexadecimal; None without alpha."""
        if self.alpha is None:
            return None
        return picture_digest(samples=self.alpha, bit_depth=self.alpha_bit_depth)


@clause("10.2")
def picture_digest(*, samples: U8Map | U16Map, bit_depth: int) -> str:
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


def _planes_digest(planes: NDArray[Any], kind: str) -> str:
    """Hash plane after plane as integers of a type; hexadecimal."""
    digest = hashlib.sha256()
    for plane in planes:
        digest.update(plane.astype(kind).tobytes())
    return digest.hexdigest()
