# SPDX-License-Identifier: Apache-2.0
"""Small streams, each encoded once, that between them use every tool; and what damage may do."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np

from refdec import CodestreamError, Picture, RefdecError, decode
from refdec.codec import get_codec
from refdec.syntax.codestream import Codestream
from refdec.syntax.parser import parse_codestream
from refdec.syntax.segment import DEFAULT_TOOL_HEADER, Metadata, SynthesisTransform, ToolHeader
from refenc.codestream import write_codestream
from refenc.encode import MODEL_SET, Analysed, Structure, analyse, encode, encode_analysed
from tests.pictures import Samples, noise, photograph


def tool_header(*transforms: SynthesisTransform) -> ToolHeader:
    return replace(
        DEFAULT_TOOL_HEADER,
        num_synthesis_minus1=len(transforms) - 1,
        synthesis_transform_idc=tuple(transforms),
    )


def rewritten(data: bytes, change: Callable[[Codestream], Codestream], **options: bool) -> bytes:
    """Change the parsed stream and write it again."""
    return write_codestream(change(parse_codestream(data)), **options)


def with_formats(stream: Codestream) -> Codestream:
    """Ask for 10-bit samples of BT.2020 and the simple transform; add metadata."""
    header = replace(
        stream.picture_header,
        default_format_flag=0,
        bit_depth_minus8=2,
        colour_primaries=9,
        transfer_characteristics=14,
        matrix_coefficients=9,
        tool_header_flag=1,
    )
    return replace(
        stream,
        picture_header=header,
        tool_header=tool_header(SynthesisTransform.SIMPLE, SynthesisTransform.BASE),
        metadata=(Metadata(metadata_type=1, payload=b"profile"),),
        trailing_metadata=(Metadata(metadata_type=5, payload=b"x" * 130),),
    )


def quality_ramp(h16: int, w16: int) -> np.ndarray:
    rows, columns = np.mgrid[:h16, :w16]
    return (9 * columns - 12 * rows).astype(np.int32)


def encoded(
    samples: Samples, quality: int, *, hashes: bool = False, **structure: Any
) -> Callable[[], bytes]:
    return lambda: encode(samples, quality=quality, hashes=hashes, structure=Structure(**structure))


MAKERS: dict[str, Callable[[], bytes]] = {
    "grey": encoded(photograph(1, 16, 16), 18),
    "layers": encoded(photograph(3, 24, 40), 20, log2_lanes=2, layer_last_group=(1, 3)),
    # Enough lanes for the vector decoder.
    "lanes": encoded(photograph(3, 40, 24), 50, hashes=True, log2_lanes=7),
    "tiles": encoded(photograph(3, 66, 70), 16, tile_size=64, layer_last_group=(2,), log2_lanes=1),
    "grey tiles": encoded(photograph(1, 40, 150), 14, hashes=True, tile_size=64),
    "crc": encoded(photograph(3, 33, 20), 16, hashes=True, layer_last_group=(0,), segment_crc=True),
    "map": encoded(photograph(3, 48, 56), 22, hashes=True, quality_offsets=quality_ramp(3, 4)),
    "formats": lambda: rewritten(encode(photograph(3, 17, 30), quality=22), with_formats),
    "extreme": lambda: extreme_stream(16, 32, quality=30, seed=1),
}
NAMES = tuple(MAKERS)
NUM_GROUPS = len(get_codec(MODEL_SET, "numpy").context.groups)


@cache
def stream(name: str) -> bytes:
    """Encode one of `NAMES`."""
    return MAKERS[name]()


def extreme_stream(
    height: int, width: int, *, quality: int, seed: int, structure: Structure | None = None
) -> bytes:
    """Encode latents that no picture has: residuals and hyper-latents reach their limits."""
    rng = np.random.default_rng(seed)
    analysed = analyse(noise(3, height, width))
    size = rng.choice([0.0, 1.0, 1e2, 1e4, 1e7], analysed.y.shape)
    y = (size * rng.choice([-1, 1], analysed.y.shape)).astype(np.float32)
    z_hat = rng.choice([-127, -64, 0, 63, 127], analysed.z_hat.shape).astype(np.int32)
    return encode_analysed(
        Analysed(analysed.picture, y, z_hat, analysed.masking),
        quality=quality,
        codec=get_codec(MODEL_SET, "numpy"),
        hashes=True,
        structure=structure or Structure(),
    )


def outcome(data: bytes, **options: Any) -> Picture | RefdecError:
    """Decode bytes that may be anything: the picture, or the decoder's own error. Nothing else."""
    try:
        picture = decode(data, **options)
    except RefdecError as error:
        assert error.offset is None or 0 <= error.offset <= len(data)
        assert error.requirement is not None or not isinstance(error, CodestreamError)
        return error
    top = (1 << picture.bit_depth) - 1
    assert picture.samples.dtype == (np.uint8 if picture.bit_depth == 8 else np.uint16)
    assert picture.samples.ndim == 3
    assert picture.samples.shape[0] in (1, 3)
    assert picture.samples.max() <= top
    return picture
