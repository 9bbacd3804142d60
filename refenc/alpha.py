# SPDX-License-Identifier: Apache-2.0
"""Encoder of alpha: codes it losslessly, and finds cheap colours for what is unseen."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from refdec.arrays import BoolMap, U8Map, U16Map
from refdec.lossless.samples import SampleFormat
from refdec.picture import Picture, picture_digest
from refdec.reconstruction import whole_picture
from refdec.syntax.parser import parse_codestream
from refdec.syntax.picture_header import PictureHeader
from refdec.syntax.picture_variables import CHROMA_STEPS, SINGLE_PLANE
from refdec.syntax.profiles import Profile
from refdec.syntax.segment import AlphaSegment, HashPoint, SynthesisTransform
from refenc.codestream import in_profile, write_codestream
from refenc.colour import as_picture
from refenc.encode import BYTES_PER_LANE, Structure, picture_hash, picture_header
from refenc.lossless import encode_tiles, has_repetition

BYTE_DEPTH = 8
SEGMENT_BYTES = 8
"""Most that frames an alpha segment."""
HEADER_BYTES = 12
"""Most that the tool header takes."""
HASH_BYTES = 33


@dataclass(frozen=True, kw_only=True)
class Alpha:
    """How opaque a picture is."""

    samples: U8Map | U16Map
    """(H, W), 0 transparent to 2**bit_depth - 1 opaque."""
    bit_depth: int = BYTE_DEPTH
    is_premultiplied: bool = False

    @classmethod
    def of(cls, picture: Picture) -> "Alpha | None":
        """Take the alpha of a picture; None where every pixel is opaque."""
        if picture.alpha is None or (picture.alpha == (1 << picture.alpha_bit_depth) - 1).all():
            return None
        return cls(
            samples=picture.alpha,
            bit_depth=picture.alpha_bit_depth,
            is_premultiplied=picture.is_premultiplied,
        )


def fill_transparent(picture: Picture, alpha: Alpha) -> Picture:
    """Replace what is fully transparent by smooth colours, which cost next to nothing.

    Halves the picture again and again, each time with the mean of the visible samples, until every
    sample has one; samples that are visible stay.
    """
    visible = alpha.samples != 0
    if alpha.is_premultiplied or visible.all() or not visible.any():
        return picture
    step_x, step_y = CHROMA_STEPS[picture.chroma_format]
    rows, columns = np.arange(0, picture.height, step_y), np.arange(0, picture.width, step_x)
    chroma_visible = np.logical_or.reduceat(np.logical_or.reduceat(visible, rows), columns, axis=1)
    return replace(
        picture,
        samples=_filled(picture.samples, visible),
        chroma=None if picture.chroma is None else _filled(picture.chroma, chroma_visible),
    )


def _filled(samples: NDArray[Any], visible: BoolMap) -> NDArray[Any]:
    """Replace samples (C, H, W) that are not visible (H, W)."""
    smooth = np.rint(_fill(samples.astype(np.float64), visible.astype(np.float64)))
    filled: NDArray[Any] = np.where(visible, samples, smooth.astype(samples.dtype))
    return filled


def _fill(samples: NDArray[np.float64], weight: NDArray[np.float64]) -> NDArray[np.float64]:
    """Fill samples (C, H, W) of weight 0 with the mean of a block that has others."""
    if (weight > 0).all():
        return samples
    _, height, width = samples.shape
    edge = ((0, 0), (0, height % 2), (0, width % 2))
    weighted = np.pad(np.concatenate([samples * weight, weight[None]]), edge)
    sums = weighted.reshape(len(weighted), (height + 1) // 2, 2, (width + 1) // 2, 2).sum((2, 4))
    means = sums[:-1] / np.maximum(sums[-1], 1)
    coarse = _fill(means, np.minimum(sums[-1], 1))
    spread = coarse.repeat(2, axis=1).repeat(2, axis=2)[:, :height, :width]
    return np.where(weight > 0, samples, spread)


def encode_alpha(
    alpha: Alpha, header: PictureHeader, *, with_matches: bool
) -> tuple[AlphaSegment, ...]:
    """Code alpha in the tiles and lanes of a picture."""
    payloads, _ = encode_tiles(
        [alpha.samples[None].astype(np.int32)],
        header=header,
        plane_groups=SINGLE_PLANE,
        sample_format=SampleFormat(bit_depth=alpha.bit_depth, max_error=0),
        base=None,
        with_matches=with_matches,
    )
    return tuple(
        AlphaSegment(tile_idx=tile_idx, payload=payload)
        for tile_idx, payload in enumerate(payloads)
    )


def add_alpha(
    data: bytes,
    alpha: Alpha,
    *,
    hashes: bool = False,
    with_matches: bool | None = None,
    profile: Profile | None = None,
) -> bytes:
    """Put alpha into the codestream of a still.

    Parameters
    ----------
    data : codestream of a picture of alpha's size, in tiles that the lossless tool can decode.
    hashes : also add the digest of point A.
    with_matches : whether repeated samples are coded as matches; None looks for repetition.
    profile : to be declared; None for the lowest one.

    Raises
    ------
    NonConforming
        The profile has no alpha (PRF-004).
    ValueError
        Alpha is of another size.
    """
    stream = parse_codestream(data)
    if whole_picture(stream.picture_header)[2:] != alpha.samples.shape[::-1]:
        message = f"alpha of shape {alpha.samples.shape} does not fit the picture"
        raise ValueError(message)
    if with_matches is None:
        with_matches = has_repetition(alpha.samples[None].astype(np.int32))
    points = stream.hashes
    if hashes:
        digest = picture_digest(samples=alpha.samples, bit_depth=alpha.bit_depth)
        points += (picture_hash(HashPoint.ALPHA, SynthesisTransform.SIMPLE, digest),)
    codestream = in_profile(
        replace(
            stream,
            picture_header=replace(stream.picture_header, tool_header_flag=1),
            tool_header=replace(
                stream.tools,
                alpha_flag=1,
                alpha_bit_depth_minus8=alpha.bit_depth - 8,
                alpha_premultiplied_flag=int(alpha.is_premultiplied),
                alpha_match_flag=int(with_matches),
            ),
            alpha=encode_alpha(alpha, stream.picture_header, with_matches=with_matches),
            hashes=points,
        ),
        profile,
    )
    return write_codestream(codestream)


def alpha_rate(alpha: Alpha, structure: Structure, *, bpp: float, hashes: bool) -> float:
    """Return the bits per pixel that alpha takes of a stream of `bpp`, at most."""
    most = min(8, int(np.log2(max(bpp * alpha.samples.size / 8 / BYTES_PER_LANE, 1))))
    lanes = most if structure.log2_lanes is None else structure.log2_lanes
    header = picture_header(
        as_picture(np.zeros_like(alpha.samples, np.uint8)[None]),
        quality=0,
        structure=replace(structure, log2_lanes=lanes),
    )
    matches = has_repetition(alpha.samples[None].astype(np.int32))
    segments = encode_alpha(alpha, header, with_matches=matches)
    size = sum(len(segment.payload) + SEGMENT_BYTES for segment in segments)
    return 8 * (size + HEADER_BYTES + HASH_BYTES * hashes) / alpha.samples.size
