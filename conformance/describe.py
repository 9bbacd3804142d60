# SPDX-License-Identifier: Apache-2.0
"""Derive a manifest from a stream and its recipe."""

import hashlib
from typing import Any, Unpack

from conformance import EDITION, SUITE_VERSION
from conformance.case import SuiteError
from conformance.control_points import ControlPoints, intervals, trace_stream
from conformance.judge import rejection
from conformance.recipes.recipe import Fault, Recipe
from refdec.decoding import decode, decode_frames, decode_latents
from refdec.errors import RefdecError
from refdec.still import Options
from refdec.syntax.codestream import Codestream
from refdec.syntax.parser import parse_codestream
from refdec.syntax.picture_header import PictureHeader
from refdec.syntax.profiles import Profile
from refdec.syntax.segment import RESERVED_MARKERS, ToolHeader

SCHEMA_VERSION = 1
CHROMA_NAMES = ("4:4:4", "4:2:2", "4:2:0")
"""By chroma_format_idc."""


def describe(recipe: Recipe, data: bytes) -> dict[str, Any]:
    """Return the manifest of a stream.

    Raises
    ------
    SuiteError
        The stream does not do what its recipe promises.
    """
    sound = data if recipe.fault is None else recipe.fault.sound()
    try:
        codestream = parse_codestream(sound)
        verdict = _valid(data) if recipe.fault is None else _invalid(recipe.fault, data, sound)
    except RefdecError as error:
        message = f"{recipe.id}: {error}"
        raise SuiteError(message) from error
    header = codestream.picture_header
    return {
        "schema": SCHEMA_VERSION,
        "id": recipe.id,
        "suite_version": SUITE_VERSION,
        "edition": EDITION,
        "purpose": recipe.purpose,
        "catches": recipe.catches,
        "profile": Profile(header.profile_idc).name.lower(),
        "level": header.level_idc,
        "features": features(codestream),
        "clauses": sorted({process.__dict__["clause"] for process in recipe.processes}),
        "recipe": {
            "module": recipe.module,
            "written_by": "syntax" if recipe.is_exact else "encoder",
        },
        "stream": {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()},
        "verdict": "valid" if recipe.fault is None else "invalid",
        ("valid" if recipe.fault is None else "invalid"): verdict,
    }


def _valid(data: bytes) -> dict[str, Any]:
    points, codestream = ControlPoints(), parse_codestream(data)
    tools, simple = codestream.tools, ControlPoints()
    trace_stream(data, points, verify=True)
    if tools.base_flag:
        decode(data, verify=True, synthesis="simple", trace=simple)
    shown = shown_digests(data, tools, verify=True)
    if tools.base_flag and not codestream.frames:
        shown[0] = {"L": decode_latents(data).digest()} | shown[0]
    return {
        "picture": picture_facts(codestream),
        **(
            {"frames": [{"digests": digests} for digests in shown]}
            if codestream.frames
            else {"digests": shown[0]}
        ),
        "coverage": {
            "tables": intervals(points.tables),
            "transforms": intervals(points.transforms),
            "escape_lengths": intervals(points.escape_lengths),
            "ranges": {name: list(limits) for name, limits in points.ranges.items()},
        },
        "control_points": points.digests,
        **({"tiles": points.tiles} if points.tiles else {}),
        **_only_simple(points, simple),
    }


def _only_simple(base: ControlPoints, simple: ControlPoints) -> dict[str, Any]:
    """Return the control points that are others with the simple synthesis transform."""
    pairs = {
        "control_points": (simple.digests, base.digests),
        "tiles": (simple.tiles, base.tiles),
    }
    found = {
        kind: {name: digest for name, digest in own.items() if digest != other[name]}
        for kind, (own, other) in pairs.items()
    }
    differing = {kind: digests for kind, digests in found.items() if digests}
    return {"simple": differing} if differing else {}


def picture_facts(codestream: Codestream) -> dict[str, Any]:
    """Return the geometry of the pictures of a stream, as it stands in its manifest."""
    header, tools = codestream.picture_header, codestream.tools
    facts: dict[str, Any] = {
        "width": header.pic_width,
        "height": header.pic_height,
        "components": header.num_components,
        "bit_depth": header.bit_depth,
    }
    if header.chroma_format_idc:
        facts["chroma_format"] = CHROMA_NAMES[header.chroma_format_idc]
    if tools.alpha_flag:
        facts["alpha_bit_depth"] = tools.alpha_bit_depth
    return facts


def shown_digests(
    data: bytes, tools: ToolHeader, *, verify: bool, **options: Unpack[Options]
) -> list[dict[str, Any]]:
    """Return the digests of what each frame shows; a still is one frame. Errors as `decode`.

    Parameters
    ----------
    verify : compare with the digests in the stream.
    options : of `decode`, but `synthesis`, which is taken each way.
    """
    ways = {
        name: [
            frame.picture
            for frame in decode_frames(
                data, verify=verify, **(options | Options(synthesis=synthesis))
            )
        ]
        for name, synthesis, is_there in (
            ("simple", "simple", tools.base_flag),
            ("base", "base", tools.base_flag),
            ("best", None, 1),
        )
        if is_there
    }
    found = []
    for number, picture in enumerate(ways["best"]):
        digests: dict[str, Any] = {}
        if tools.base_flag:
            digests["S"] = {name: ways[name][number].digest() for name in ("simple", "base")}
        if tools.enhancement_flag:
            digests["E"] = picture.digest()
        if tools.alpha_flag:
            digests["A"] = picture.alpha_digest()
        found.append(digests)
    return found


def _invalid(fault: Fault, data: bytes, sound: bytes) -> dict[str, Any]:
    decode(sound, verify=True)
    error = rejection(data, by_verifying=fault.by_verifying)
    if error is None or error.requirement not in fault.requirements:
        message = f"{error!r} where one of {fault.requirements} is due"
        raise SuiteError(message)
    repair = difference(data, sound)
    first, last = repair["offset"], repair["offset"] + max(repair["remove"], 1) - 1
    if error.offset is not None:
        first, last = min(first, error.offset), max(last, error.offset)
    return {
        "requirements": list(fault.requirements),
        "element": fault.element,
        "offset": [first, last],
        "detected_by": "verify" if fault.by_verifying else "decode",
        "repair": repair,
    }


def difference(broken: bytes, sound: bytes) -> dict[str, Any]:
    """Return the one replacement that turns `broken` into `sound`."""
    start = _common(broken, sound)
    end = _common(broken[start:][::-1], sound[start:][::-1])
    return {
        "offset": start,
        "remove": len(broken) - end - start,
        "insert": sound[start : len(sound) - end].hex(),
    }


def _common(first: bytes, second: bytes) -> int:
    """Count the leading bytes that are equal."""
    pairs = enumerate(zip(first, second, strict=False))
    return next((i for i, (a, b) in pairs if a != b), min(len(first), len(second)))


def features(codestream: Codestream) -> list[str]:
    """Say in words what a stream uses."""
    header = codestream.picture_header
    stills = codestream.frames or (codestream,)
    hashes = sorted({"LSEA"[h.hash_point_idc] for still in stills for h in still.hashes})
    transforms = codestream.tool_header.synthesis_transform_idc if codestream.tool_header else ()
    used = {
        "metadata before": bool(codestream.metadata),
        "metadata after": bool(codestream.trailing_metadata),
        "reserved segments": any(s.marker in RESERVED_MARKERS for s in codestream.segments),
        "tool header": bool(transforms),
        "several transforms": len(transforms) > 1,
        "lossless": codestream.tools.enhancement_flag and codestream.tools.max_error == 0,
        "near-lossless": codestream.tools.enhancement_flag and codestream.tools.max_error > 0,
        "no lossy base": not codestream.tools.base_flag,
        "alpha": codestream.tools.alpha_flag,
        "premultiplied alpha": codestream.tools.alpha_premultiplied_flag,
        "animation": codestream.animation is not None,
        "partial frames": any(
            f.frame_header and not f.frame_header.whole_frame_flag for f in stills
        ),
        "quality map": codestream.quality_map is not None,
        **{f"hash {point}": True for point in hashes},
        "empty sub-stream": any(
            not segment.payload for still in stills for segment in still.residual
        ),
    }
    return [*_header_features(header), *(name for name, is_used in used.items() if is_used)]


def _header_features(header: PictureHeader) -> list[str]:
    format_words = {
        "monochrome": header.monochrome_flag,
        "explicit format": not header.default_format_flag,
        f"{header.bit_depth} bits": header.bit_depth > 8,  # noqa: PLR2004
        "binary16": header.sample_float_flag,
        "YCbCr": header.ycc_flag,
        f"chroma {CHROMA_NAMES[header.chroma_format_idc]}": header.chroma_format_idc,
        "narrow range": not header.full_range_flag,
        f"matrix {header.matrix_coefficients}": header.matrix_coefficients != 6,  # noqa: PLR2004
        "explicit structure": not header.default_structure_flag,
        f"{header.num_tiles} tiles": header.tile_grid_flag,
        f"{header.num_layers} layers": header.num_layers > 1,
        f"{header.num_lanes} lanes": header.num_lanes > 1,
        "segment CRC": header.segment_crc_flag,
    }
    return [
        f"quality {header.quality_idx}",
        *(name for name, is_used in format_words.items() if is_used),
    ]
