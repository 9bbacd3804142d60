# SPDX-License-Identifier: Apache-2.0
"""Encoder of exact pictures: lossless or within a largest error, with or without a lossy one."""

from dataclasses import replace

import numpy as np

from refdec.codec import get_codec
from refdec.picture import Picture
from refdec.syntax.codestream import Codestream
from refdec.syntax.picture_header import PictureHeader
from refdec.syntax.segment import MAX_ENHANCED_TILE, HashPoint, SynthesisTransform
from refenc.codestream import in_profile, write_codestream
from refenc.colour import Samples, as_picture
from refenc.encode import (
    BYTES_PER_LANE,
    MODEL_SET,
    Structure,
    analyse,
    encode_lossy,
    picture_hash,
    picture_hashes,
    picture_header,
)
from refenc.lossless import encode_enhancement

EXACT_TILE_SIZE = 1024
"""Tile side of large lossless pictures."""


def encode_exact(
    samples: Samples,
    *,
    max_error: int = 0,
    base_quality: int | None = None,
    hashes: bool = False,
    structure: Structure | None = None,
    backend: str = "auto",
    threads: int | None = None,
    with_matches: bool | None = None,
) -> bytes:
    """Encode losslessly, or with samples that differ by at most `max_error`.

    With `base_quality` a lossy picture of that quality comes first in the stream. `with_matches` is
    whether repeated pixels are coded as matches; None looks for repetition.
    """
    picture = as_picture(samples)
    structure = lossless_structure(structure or Structure(), picture)
    if base_quality is not None:
        codec = get_codec(MODEL_SET, backend, threads)
        lossy = encode_lossy(
            analyse(picture), quality=base_quality, codec=codec, structure=structure
        )
        base: Picture | None = lossy.picture(codec, SynthesisTransform.BASE)
        coded = lossy.codestream
        points = picture_hashes(codec, lossy) if hashes else ()
    else:
        header, base, points = picture_header(picture, quality=0, structure=structure), None, ()
        if structure.log2_lanes is None:
            header = replace(header, log2_lanes=exact_lanes(picture, header))
        coded = Codestream(picture_header=header, hyper_latent=None, residual=())
    enhancement = encode_enhancement(
        picture,
        header=coded.picture_header,
        lossy=base,
        max_error=max_error,
        with_matches=with_matches,
    )
    if hashes:
        digest = enhancement.picture.digest()
        points += (picture_hash(HashPoint.ENHANCED, SynthesisTransform.SIMPLE, digest),)
    codestream = replace(
        coded,
        picture_header=replace(coded.picture_header, tool_header_flag=1),
        tool_header=enhancement.tool_header,
        enhancement=enhancement.segments,
        hashes=points,
    )
    return write_codestream(in_profile(codestream, structure.profile))


def lossless_structure(structure: Structure, picture: Picture) -> Structure:
    """Cut a picture into tiles where it is too large for the lossless tool."""
    if structure.tile_size is None and picture.height * picture.width > MAX_ENHANCED_TILE:
        return replace(structure, tile_size=EXACT_TILE_SIZE)
    return structure


def exact_lanes(picture: Picture, header: PictureHeader) -> int:
    """Choose log2 of the lane count for a stream without lossy picture."""
    lanes = sum(group.nbytes for group in picture.groups) / 2 / header.num_tiles / BYTES_PER_LANE
    return int(np.clip(np.floor(np.log2(max(lanes, 1))), 0, 8))
