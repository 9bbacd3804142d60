# SPDX-License-Identifier: Apache-2.0
"""What is judged: the stage that each part of the decoder belongs to, and what is left out.

The stage of a fault is where its first effect can be seen from outside: the first control point
that a right implementation of all earlier stages can still get right, and this one cannot.
"""

import re
from functools import cache
from typing import NamedTuple


class Part(NamedTuple):
    """Some functions of the decoder; patterns are of ``file:scope``, the first that fits counts."""

    pattern: str
    stage: str
    """Empty: not judged."""
    reason: str


STAGES = {
    "syntax": ("syntax",),
    "entropy": ("entropy",),
    "latents": ("latents",),
    "networks": ("latents", "synthesis"),
    "synthesis": ("synthesis",),
    "lossless": ("lossless", "alpha"),
    "alpha": ("alpha", "output"),
    "output": ("output", "lossless", "alpha"),
}
"""By stage, where its faults may show first. Networks run in two stages; the lossless tool codes
enhancement and alpha; alpha is seen as such, and the frames of an animation as what is shown; what
puts lossy pictures together does so for enhanced ones and alpha."""

POINTS = (
    ("headers", "syntax"),
    ("grid", "syntax"),
    ("z_hat", "entropy"),
    ("*/residual", "entropy"),
    ("quality", "latents"),
    ("tile*/group*", "latents"),
    ("tile*/transform_idx", "latents"),
    ("tile*/y_hat", "latents"),
    ("*synthesis/*", "synthesis"),
    ("*enhanced*", "lossless"),
    ("*alpha", "alpha"),
    ("*picture*", "output"),
    ("shown", "output"),
)
"""Patterns of control points, and the stage whose result they are."""

PARTS = (
    # Not judged.
    Part("refdec/__*", "", "names of the package, entry of its command line"),
    Part("refdec/cli/*", "", "command line"),
    Part("refdec/clause.py*", "", "marks functions with clause numbers"),
    Part("refdec/limits.py*", "", "a caller's budget, which no stream's verdict depends on"),
    Part("refdec/resources.py*", "", "where files are found"),
    Part("refdec/errors.py*", "", "text of errors and exit status"),
    Part("refdec/network/torch_backend.py*", "", "another backend than the one that runs"),
    Part("refdec/network/onnx_*", "", "another backend than the one that runs"),
    Part("refdec/network/self_test.py*", "", "tests other backends before they are trusted"),
    Part("refdec/backends.py*", "", "choice of a backend"),
    Part("refdec/network/exactness.py*", "", "proof that a model set is exact; it holds"),
    Part("refdec/network/description.py*", "", "refuses malformed model sets; NET has no streams"),
    Part("refdec/network/model_set.py*", "", "reads and refuses files; NET has no streams"),
    Part("refdec/network/layers.py:Declaration*", "", "refuses malformed model sets"),
    Part("refdec/network/integer_backend.py:IntegerBackend.conv", "", "another backend"),
    Part("refdec/network/integer_backend.py:IntegerBackend.prepare_conv", "", "another backend"),
    Part("refdec/network/integer_backend.py:IntegerBackend.permute", "", "another backend"),
    Part("refdec/network/layers.py:infer", "", "proof that a model set is sound; it is"),
    Part("refdec/network/backend.py:Backend.add", "", "another backend: NumPy's has its own"),
    Part("refdec/network/backend.py:Backend.lookup", "", "another backend: NumPy's has its own"),
    Part("refdec/network/backend.py:Backend.shift_pad", "", "another backend: NumPy's has its own"),
    Part("refdec/network/backend.py:Backend.session", "", "another backend: NumPy's has its own"),
    Part("refdec/network/backend.py:Backend.slice", "", "no network of the model set has it"),
    Part("refdec/network/backend.py:Backend.shift_left", "", "no network of the model set has it"),
    Part("refdec/network/backend.py:get_backend", "", "choice of a backend"),
    Part("refdec/codec.py:get_codec", "", "choice of a backend, and a cache"),
    Part("refdec/network/numpy_backend.py:NumpyBackend.__init__", "", "number of threads"),
    Part("refdec/network/numpy_backend.py:NumpyBackend.session", "", "number of threads"),
    Part("refdec/network/numpy_backend.py:NumpyBackend._share", "", "cuts work for threads"),
    Part("refdec/bits.py:BitWriter*", "", "writer"),
    Part("refdec/syntax/element.py:*._build", "", "writer"),
    Part("refdec/syntax/element.py:write_structure", "", "writer"),
    Part("refdec/entropy/quality_map.py:differentiate", "", "for the encoder"),
    Part("refdec/lossless/samples.py:split_residual", "", "for the encoder"),
    Part("refdec/syntax/parser.py:inspect_codestream", "", "view of a stream"),
    Part("refdec/syntax/declaration.py:requirements_of", "", "view of a stream"),
    Part("refdec/syntax/declaration.py:values_text", "", "text of errors"),
    Part("refdec/syntax/declaration.py:_number_text", "", "text of errors"),
    Part("refdec/*._words_end", "", "text and place of errors"),
    Part("refdec/*_error", "", "text and place of errors"),
    Part("refdec/latents.py:prefixed", "", "names of control points"),
    Part("refdec/reconstruction.py:trace_picture", "", "control points"),
    Part("refdec/synthesis/transform.py:_observer", "", "control points"),
    Part("refdec/syntax/codestream.py:header_values", "", "control points"),
    Part("refdec/still.py:trace_headers", "", "control points"),
    Part("refdec/still.py:with_tiles", "", "control points"),
    Part("refdec/still.py:_tile_part", "", "control points"),
    Part("refdec/decoding.py:decode_progressive", "", "a service beyond conformance"),
    Part("refdec/decoding.py:verify", "", "a service beyond conformance"),
    Part("refdec/decoding.py:_opened", "", "options: services beyond conformance"),
    Part("refdec/decoding.py:", "", "size of the pieces in which a file is read"),
    Part("refdec/animation.py:frames_until", "", "single frames: a service beyond conformance"),
    Part("refdec/animation.py:check_frame", "", "single frames: a service beyond conformance"),
    Part("refdec/animation.py:duration", "", "timing: no conformance point, not in case.json"),
    Part("refdec/still.py:Job.stage", "", "progressive decoding: beyond conformance"),
    Part("refdec/picture.py:Picture.height", "", "view of a picture"),
    Part("refdec/picture.py:Picture.width", "", "view of a picture"),
    Part("refdec/picture.py:Picture.interleaved", "", "form of picture files"),
    Part("refdec/picture.py:Picture.numbers", "", "binary16 samples as numbers"),
    Part("refdec/picture.py:Colour*", "", "colour description as it is handed on"),
    Part("refdec/binary16.py*", "", "binary16 samples as numbers"),
    # Stages.
    Part("refdec/bits.py*", "syntax", "the headers are the first bits that are read"),
    Part("refdec/arithmetic.py*", "syntax", "first used for the variables of the picture"),
    Part("refdec/syntax/picture_header.py:PictureHeader.plane_groups", "output", "the planes"),
    Part("refdec/syntax/picture_header.py:PictureHeader.num_components", "output", "the planes"),
    Part("refdec/syntax/picture_header.py:PictureHeader.sample_range", "output", "clips samples"),
    Part("refdec/syntax/picture_variables.py:PlaneGroup*", "output", "planes of samples"),
    Part("refdec/syntax/*", "syntax", "elements, their rules, the variables derived from them"),
    Part("refdec/latents.py:_hyper_latent", "entropy", "opens the sub-stream of z_hat"),
    Part("refdec/latents.py:_substreams", "entropy", "opens the sub-streams of the residual"),
    Part("refdec/entropy/block_transform.py*", "latents", "transform_idx, and y_hat at the end"),
    Part("refdec/entropy/context.py*", "latents", "scale index, mask, mean, y_hat"),
    Part("refdec/entropy/quality_map.py*", "latents", "the quality plane, before the first group"),
    Part(
        "refdec/entropy/hyper_latent.py:decode_hyper_features",
        "latents",
        "the state from which the first group is predicted",
    ),
    Part("refdec/entropy/hyper_latent.py:_surroundings", "latents", "the same"),
    Part("refdec/entropy/*", "entropy", "symbols, first seen in z_hat"),
    Part(
        "refdec/latents.py:LatentBands*",
        "output",
        "rows at a time where nobody looks at control points: only the samples show it",
    ),
    Part("refdec/latents.py*", "latents", "which tiles and groups"),
    Part("refdec/codec.py:Codec.synthesis", "synthesis", "which networks run"),
    Part("refdec/codec.py:Codec._*", "synthesis", "the networks of the synthesis"),
    Part("refdec/codec.py*", "latents", "first used for the context networks"),
    Part("refdec/network/*", "networks", "run for the latents and for the synthesis"),
    Part("refdec/synthesis/transform.py*", "synthesis", "runs the networks of the synthesis"),
    Part("refdec/reconstruction.py:LatentWindow*", "synthesis", "input of the synthesis"),
    Part("refdec/synthesis/colour.py*", "output", "samples of the output of the synthesis"),
    Part("refdec/reconstruction.py*", "output", "places samples in the picture"),
    Part("refdec/enhancement.py:decode_alpha", "alpha", "alpha"),
    Part("refdec/enhancement.py*", "lossless", "tiles of the lossless tool"),
    Part("refdec/lossless/*", "lossless", "the lossless tool"),
    Part("refdec/animation.py*", "alpha", "frames of an animation, with their alpha"),
    Part("refdec/picture.py*", "output", "the picture as it is given out"),
    Part("refdec/still.py*", "output", "what of a still is decoded and given out"),
    Part("refdec/decoding.py*", "output", "what of a stream is decoded and given out"),
)


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(".*".join(map(re.escape, pattern.split("*"))), re.DOTALL)


def fits(pattern: str, text: str) -> bool:
    """Whether a pattern describes a text; ``*`` stands for anything, all else for itself."""
    return _compiled(pattern).fullmatch(text) is not None


def part_of(place: str) -> Part:
    """Return the part that a place, ``file:scope``, belongs to.

    Raises
    ------
    LookupError
        No pattern fits: the table is not complete.
    """
    for part in PARTS:
        if fits(part.pattern, place):
            return part
    message = f"no stage is known for {place}"
    raise LookupError(message)


def stage_of_point(name: str) -> str:
    """Return the stage whose result a control point is; of frames as of stills.

    Raises
    ------
    LookupError
        There is no such control point.
    """
    if name.startswith("frame"):
        name = name.partition("/")[2]
    for pattern, stage in POINTS:
        if fits(pattern, name):
            return stage
    message = f"no stage is known for control point {name}"
    raise LookupError(message)
