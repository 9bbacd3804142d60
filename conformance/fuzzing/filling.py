# SPDX-License-Identifier: Apache-2.0
"""Fill drawn codestreams with sub-streams that decode, so that pictures come out of them."""

from dataclasses import replace
from typing import Any

from conformance.build import Draw, natural
from refdec.arrays import I32Map
from refdec.decoding import decode
from refdec.lossless.samples import SampleFormat
from refdec.syntax.codestream import Codestream
from refdec.syntax.picture_header import PictureHeader
from refdec.syntax.segment import SynthesisTransform
from refenc.alpha import Alpha, encode_alpha
from refenc.codestream import in_profile, write_codestream
from refenc.lossless import encode_tiles

NOISE = 3
"""Largest difference of enhanced samples from the lossy ones."""


def filled(codestream: Codestream, seed: int) -> Codestream:
    """Replace all payloads of a still or an animation, and leave its digests out.

    The lossy picture is as random as its probability tables expect; samples and alpha that are
    coded losslessly are noise.

    Raises
    ------
    RefdecError
        No decoder shall accept a stream with these headers.
    """
    if codestream.frames:
        frames = enumerate(codestream.frames)
        return replace(
            codestream, frames=tuple(filled(frame, seed + number) for number, frame in frames)
        )
    header, tools, draw = codestream.picture_header, codestream.tools, Draw(seed)
    segments: dict[str, Any] = {"hashes": (), "quality_map": None}
    if tools.base_flag:
        lossy = natural(header, seed=seed).codestream()
        segments |= {"hyper_latent": lossy.hyper_latent, "residual": lossy.residual}
    if tools.alpha_flag:
        shape = header.pic_height, header.pic_width
        peak = (1 << tools.alpha_bit_depth) - 1
        samples = draw.integers(shape[0] * shape[1], 0, peak).astype("u2").reshape(shape)
        alpha = Alpha(samples=samples, bit_depth=tools.alpha_bit_depth)
        segments["alpha"] = encode_alpha(alpha, header, with_matches=bool(tools.alpha_match_flag))
    if tools.enhancement_flag and tools.base_transform_idc != SynthesisTransform.HIGH:
        base = _lossy_planes(codestream, segments) if tools.base_flag else None
        payloads, _ = encode_tiles(
            _noise(header, base, draw, SampleFormat.of(header, tools.max_error)),
            header=header,
            plane_groups=header.plane_groups,
            sample_format=SampleFormat.of(header, tools.max_error),
            base=base,
            with_matches=bool(tools.match_flag),
        )
        segments["enhancement"] = tuple(
            replace(old, payload=payload)
            for old, payload in zip(codestream.enhancement, payloads, strict=True)
        )
    return replace(codestream, **segments)


def _lossy_planes(codestream: Codestream, segments: dict[str, Any]) -> list[I32Map]:
    """Decode the lossy picture that is enhanced, as plane groups (C, h, w)."""
    tools = codestream.tools
    still = Codestream(
        picture_header=replace(codestream.picture_header, tool_header_flag=0),
        hyper_latent=segments["hyper_latent"],
        residual=segments["residual"],
    )
    name = SynthesisTransform(tools.base_transform_idc).name.lower()
    picture = decode(write_codestream(in_profile(still, None)), synthesis=name)
    return [group.astype("i4") for group in picture.groups]


def _noise(
    header: PictureHeader, base: list[I32Map] | None, draw: Draw, form: SampleFormat
) -> list[I32Map]:
    """Return noise as plane groups (C, h, w); around the lossy samples where there are some."""
    found = []
    for index, group in enumerate(header.plane_groups):
        height, width = -(-header.pic_height // group.step_y), -(-header.pic_width // group.step_x)
        shape = group.num_components, height, width
        low, high = (form.minimum, form.maximum) if base is None else (-NOISE, NOISE)
        values = draw.integers(shape[0] * height * width, low, high).reshape(shape)
        values += 0 if base is None else base[index]
        found.append(values.clip(form.minimum, form.maximum).astype("i4"))
    return found
