# SPDX-License-Identifier: Apache-2.0
"""The page that decodes one small stream step by step."""

import hashlib
from collections.abc import Iterable

import numpy as np

from docs.references import link_clauses
from docs.syntax_requirements import STRUCTURES
from docs.syntax_tables import descriptor_text
from docs.table import table
from docs.worked_values import CASE, Run, Substream, Values, worked_values
from refdec.arrays import I32Map
from refdec.cli.inspect import value_text
from refdec.codec import get_codec
from refdec.entropy.hyper_latent import hyper_lanes
from refdec.entropy.tables import NUM_SCALES, load_residual_tables
from refdec.network.layers import Conv
from refdec.syntax.declaration import elements_of
from refdec.syntax.element import ElementRow
from refenc.encode import MODEL_SET

MAX_BITS = 16
"""Longer elements are shown in hexadecimal."""
PER_LINE = 16


def worked_example_page() -> str:
    """Return the page in Markdown, with links to the specification."""
    text = worked_example_text(worked_values())
    return link_clauses(text).replace("](", "](../../spec/")


def worked_example_text(values: Values) -> str:
    """Return the page in Markdown, without links."""
    text = "\n\n".join(
        [
            *_introduction(values),
            *_headers(values),
            *_variables(values),
            *_hyper_latent(values),
            *_hyper_network(values),
            *_transforms(values),
            *_first_group(values),
            *_other_groups(values),
            *_picture(values),
        ]
    )
    return text + "\n"


def _introduction(values: Values) -> list[str]:
    header = values.codestream.picture_header
    return [
        "# A stream decoded step by step",
        (
            f"The golden stream `{CASE}` is a picture of {header.pic_width} by {header.pic_height} "
            f"samples in {len(values.stream)} bytes. Below, each number is what the reference "
            "decoder computes; the page is made anew with every build of the documents. Compare "
            "with your own decoder from the top: the first number that differs names the clause to "
            "look at. Numbers in brackets are clauses of the specification."
        ),
        "## The bytes",
        _block(_hex_lines(values.stream)),
    ]


def _hex_lines(data: bytes) -> Iterable[str]:
    for start in range(0, len(data), PER_LINE):
        yield f"{start:6d}  {data[start : start + PER_LINE].hex(' ')}"


def _block(lines: Iterable[str]) -> str:
    return "\n".join(["```text", *lines, "```"])


def _headers(values: Values) -> list[str]:
    parts = ["## Headers, bit by bit (6.1 to 6.13, 7.1 to 7.13)"]
    rows: list[tuple[str, ...]] = []
    for row in values.rows:
        if row.element == "marker" and rows:
            parts.append(table(("byte:bit", "Bits", "Element", "", "Value"), rows))
            rows = []
        if row.element == "marker":
            parts.append(f"**{row.segment}**")
        place = f"{row.bit_offset >> 3}:{row.bit_offset & 7}"
        rows.append((place, _bits(values.stream, row), f"`{row.element}`", *_meaning(row)))
    return [*parts, table(("byte:bit", "Bits", "Element", "", "Value"), rows)]


def _bits(stream: bytes, row: ElementRow) -> str:
    if row.width > MAX_BITS:
        data = stream[row.bit_offset >> 3 : (row.bit_offset + row.width) >> 3]
        return f"`{data[:8].hex(' ')}{' ..' if len(data) > 8 else ''}`"  # noqa: PLR2004
    number = int.from_bytes(stream, "big") >> (8 * len(stream) - row.bit_offset - row.width)
    return f"`{number & ((1 << row.width) - 1):0{row.width}b}`"


def _meaning(row: ElementRow) -> tuple[str, str]:
    """Return descriptor and value of an element."""
    name = row.element.rpartition(".")[2]
    found = {
        descriptor_text(item.descriptor)
        for structure in STRUCTURES
        for item in elements_of(structure)
        if item.name == name and item.descriptor is not None
    }
    value = value_text(row) if isinstance(row.value, int) else f"{len(row.value)} bytes"
    return found.pop() if len(found) == 1 else f"{row.width} bits", value


def _variables(values: Values) -> list[str]:
    header = values.codestream.picture_header
    found = {
        "PicWidth": header.pic_width,
        "PicHeight": header.pic_height,
        "BitDepth": header.bit_depth,
        "NumComponents": header.num_components,
        "NumLanes": header.num_lanes,
        "NumLayers": header.num_layers,
        "NumTiles": header.num_tiles,
        "h16": header.h16,
        "w16": header.w16,
        "h64": header.h64,
        "w64": header.w64,
        "quality": header.quality_idx,
    }
    rows = [(f"`{name}`", str(value)) for name, value in found.items()]
    return [
        "## Variables (7.5)",
        table(("Variable", "Value"), rows),
        "There is no SOQ segment, so `quality` is `quality_idx` at every position (8.7).",
    ]


_SYMBOL_HEADS = (
    *("call", "table", "bound", "x before", "slot", "symbol"),
    *("Cum", "Freq", "x after (3)", "word", "x after (4)", "value"),
)


def _substream(part: Substream) -> list[str]:
    """Show the fields of a sub-stream and its symbols.

    Raises
    ------
    ValueError
        Lanes or lengths that the text does not provide for.
    """
    payload = part.payload
    num_words = payload[0]
    if part.lanes != 1 or num_words > 127:  # noqa: PLR2004
        message = f"the sub-streams of {CASE} are too large for a worked example"
        raise ValueError(message)
    rows = [
        (
            str(item.call),
            str(item.table),
            str(item.bound),
            str(item.state_before),
            str(item.slot),
            str(item.symbol),
            str(item.cumulative),
            str(item.frequency),
            str(item.state_after_3),
            "" if item.word is None else f"{item.word:04X}",
            str(item.state_after),
            f"{item.value}" + (" (escaped)" if item.symbol > 2 * item.bound else ""),
        )
        for item in part.symbols
    ]
    words = payload[5 : 5 + 2 * num_words].hex(" ", 2) or "none"
    escapes = payload[5 + 2 * num_words :].hex(" ") or "none"
    return [
        (
            f"The payload `{payload.hex(' ')}` has one lane. `num_words` is {num_words}, "
            f"`lane_state[ 0 ]` is "
            f"`{payload[1:5].hex(' ')}` = {int.from_bytes(payload[1:5], 'big')}; words: `{words}`; "
            f"escape bytes: `{escapes}`."
        ),
        (
            "Symbol by symbol (8.2.4): `slot` is the low 12 bits of x, `symbol` the one whose "
            "interval from `Cum` on, `Freq` long, holds the slot; a word is taken when step (3) "
            "leaves x below 65536. The value is `symbol` minus `bound`, unless it is escaped "
            "(8.2.5)."
        ),
        table(_SYMBOL_HEADS, rows),
        "The last x is 65536 and all words are taken, as 8.2.6 asks for.",
    ]


def _hyper_latent(values: Values) -> list[str]:
    symbols = values.points["z_hat"].size
    return [
        "## Hyper-latent (8.3.1)",
        (
            f"`Lanes` is Max( 1, {symbols} / HYPER_LANE_SYMBOLS ) = {hyper_lanes(symbols)}. "
            "The table of a symbol is its channel; the tables are `hyper_bounds` and "
            "`hyper_frequencies` of the model set (C.6)."
        ),
        *_substream(values.substreams[0]),
        "`z_hat`, in C, H, W order:",
        _numbers(values.points["z_hat"]),
    ]


def _numbers(tensor: I32Map) -> str:
    """Show all values of a tensor."""
    flat = tensor.ravel().tolist()
    width = max(len(str(value)) for value in flat)
    lines = (
        " ".join(f"{value:{width}d}" for value in flat[start : start + PER_LINE])
        for start in range(0, len(flat), PER_LINE)
    )
    return _block(f"{PER_LINE * number:4d}: {line}" for number, line in enumerate(lines))


def _layers(run: Run) -> str:
    """List the tensors of one evaluation of a network."""
    rows = []
    for name, value in run.tensors.items():
        digest = hashlib.sha256(value.astype(">i4").tobytes()).hexdigest()[:16]
        first = ", ".join(map(str, value.ravel()[:4].tolist()))
        shape = " x ".join(map(str, value.shape))
        rows.append((f"`{name}`", shape, first, f"{value.min()} to {value.max()}", f"`{digest}`"))
    return table(("Tensor", "Size", "First values", "Range", "Digest (10.4)"), rows)


def _hyper_network(values: Values) -> list[str]:
    run, header = values.run_of("hyper"), values.codestream.picture_header
    state = run.tensors["state"][:, : header.h16, : header.w16]
    mu = run.tensors["mean"][:, : header.h16, : header.w16]
    return [
        "## Hyper-features (8.3.2)",
        "The network `hyper`, input first (the digests are those of 10.4, first 16 digits):",
        _layers(run),
        *_one_convolution(run),
        "`state`, the output `state` without the rows from `h16` and the columns from `w16` on:",
        _numbers(state),
        "`mu`, the same of the output `mean`, in 1/2:",
        _numbers(mu),
    ]


def _one_convolution(run: Run) -> list[str]:
    """Write out one value of the first convolution of a network."""
    network = get_codec(MODEL_SET, "numpy").model.networks[run.network]
    layer = next(item for item in network.description.layers if isinstance(item, Conv))
    tensors = network.conv_tensors(layer)
    centre = layer.kernel // 2
    weights = tensors.weight[0, :, centre, centre].tolist()
    inputs = run.tensors[layer.inputs[0]][:, 0, 0].tolist()
    bias, shift = int(tensors.bias[0]), int(tensors.shift[0])
    terms = [(w, x) for w, x in zip(weights, inputs, strict=True) if x]
    total = bias + sum(w * x for w, x in terms)
    low, high = network.description.tensors[layer.output].range
    value = int(np.clip(total >> shift, low, high))
    if value != int(run.tensors[layer.output][0, 0, 0]):
        message = f"{run.network}.{layer.name}: {value} is not what the network computes"
        raise ValueError(message)
    name = f"{run.network}.{layer.name}"
    return [
        (
            f"The first value of `{layer.output}` by hand (11.3.1): `{name}.bias[ 0 ]` is {bias}, "
            f"`{name}.shift[ 0 ]` is {shift}, the range is {low} to {high}. Only the centre tap of "
            "the kernel sees a position of the plane, and inputs that are 0 add nothing:"
        ),
        _block(
            [
                f"sum = {bias}",
                *(f"    + weight {w:4d} * {x:4d}" for w, x in terms),
                f"    = {total}",
                f"y   = Clip3( {low}, {high}, {total} >> {shift} ) = {value}",
            ]
        ),
    ]


def _transforms(values: Values) -> list[str]:
    scale = int(values.run_of("head_transform").tensors["scale"][0, 0, 0])
    coded = values.substreams[1].symbols[0]
    transforms = get_codec(MODEL_SET, "numpy").context.transforms
    last, half = len(transforms.tables.bounds) - 1, transforms.num_transforms // 2
    index = int(values.points["tile0/transform_idx"][0, 0, 0])
    return [
        "## Block transform (8.4.5, 8.4.6)",
        "The network `head_transform`:",
        _layers(values.run_of("head_transform")),
        (
            f"`table` = Clip3( 0, {last}, ( {scale} + 512 ) >> 5 ) = {coded.table - NUM_SCALES}, "
            f"which is table {coded.table} of the sub-stream of layer 0. Call 0 of it, see below, "
            f"gives {coded.value}, so `transform_idx` is {coded.value} + {half} = {index}. The "
            "network `update_transform` tells the `state`:"
        ),
        _layers(values.run_of("update_transform")),
    ]


def _first_group(values: Values) -> list[str]:
    residual_tables = load_residual_tables()
    step, run = values.steps[0], values.run_of("head_0_0")
    point = "tile0/group0/phase0/"
    residual, y_hat = values.points[point + "residual"], values.points[point + "y_hat"]
    rows = []
    for channel in range(len(residual)):
        scale_idx = int(step.scale_idx[channel, 0, 0])
        value, mean = int(residual[channel, 0, 0]), int(step.mean[channel, 0, 0])
        offset = int(residual_tables.offsets[scale_idx][min(abs(value), 2) - 1]) if value else 0
        deviation = mean + 32 * value - int(np.sign(value)) * offset
        size, mu = int(step.step[channel, 0, 0]), int(step.mu[channel, 0, 0])
        cells = (
            channel,
            int(run.tensors["scale"][channel, 0, 0]),
            scale_idx,
            int(step.coded[channel, 0, 0]),
            value,
            mean,
            offset,
            deviation,
            size,
            (deviation * size + 128) >> 8,
            mu,
            int(y_hat[channel, 0, 0]),
        )
        rows.append(tuple(map(str, cells)))
    heads = (
        *("c", "scale", "scale_idx", "coded", "residual", "mean"),
        *("offset", "deviation", "step", "scaled", "mu", "y_hat"),
    )
    return [
        "## Group 0, phase 0 (8.4)",
        "**Step (1), prediction.** The network `head_0_0`, input first:",
        _layers(run),
        (
            "`scale_idx` is Clip3( 0, 79, ( `scale` + 224 ) >> 3 ) (8.4.2). A position is coded "
            f"when that is at least {residual_tables.skip_threshold} (8.5). There is one position "
            "per channel, with i + j = 0, which is of phase 0."
        ),
        (
            "**Step (2), residual (8.4.1).** The sub-stream of the layer, with `NumLanes` lanes. "
            "Call 0 was the block transform, call 1 is this step; later calls, if there are any, "
            "are those of the next groups and phases with coded positions."
        ),
        *_substream(values.substreams[1]),
        (
            "**Reconstruction (8.4.3, 8.4.4).** `deviation` = `mean` + 32 `residual` - Sign( "
            "`residual` ) `offset`; `scaled` = ( `deviation` `step` + 128 ) >> 8; `y_hat` = `mu` + "
            "`scaled`:"
        ),
        table(heads, rows),
        (
            "**Steps (3) and (4), context.** The network `update_0` turns what was decoded into "
            "the next `state`; after phase 1, `activity_0` gives the `activity` of the group:"
        ),
        _layers(values.run_of("update_0")),
        _layers(values.run_of("activity_0")),
    ]


def _other_groups(values: Values) -> list[str]:
    rows = []
    for step in values.steps:
        values_at = values.points[f"tile0/group{step.group}/phase{step.phase}/y_hat"]
        rows.append(
            (
                str(step.group),
                str(step.phase),
                str(len(step.scale_idx)),
                f"{step.scale_idx.min()} to {step.scale_idx.max()}",
                str(int(step.coded.sum())),
                f"{values_at.min()} to {values_at.max()}",
            )
        )
    latents = values.latents
    if latents is None:
        message = "the latents are missing"
        raise ValueError(message)
    return [
        "## All groups and phases",
        table(("group", "phase", "channels", "scale_idx", "coded", "y_hat after it"), rows),
        (
            "A `scale_idx` of a phase without positions is computed, but nothing uses it. The "
            "first 64 channels of `y_hat` after the inverse block transform (8.4.7; the others "
            "follow the same rules):"
        ),
        _numbers(latents.y_hat[:64]),
        f"SHA-256 of `y_hat` (10.1), the digest of point L: `{latents.digest()}`.",
    ]


def _picture(values: Values) -> list[str]:
    picture = values.picture
    if picture is None:
        message = "the picture is missing"
        raise ValueError(message)
    header = values.codestream.picture_header
    last = values.runs[-1].tensors.get("filtered", None)
    parts = ["## Picture (9.1)"]
    for run in values.runs:
        if run.network in {"synthesis_simple", "filter_base"}:
            parts += [f"The network `{run.network}` (9.2):", _layers(run)]
    if last is not None:
        y, cb, cr = last[:, 0, 0].tolist()
        parts.append(
            f"The planes at the upper left corner are Y = {y}, Cb = {cb}, Cr = {cr}, in 1/8 of a "
            f"sample. With the matrix {header.matrix_coefficients} (9.3) the sample of the picture "
            f"is {picture.samples[:, 0, 0].tolist()}."
        )
    parts.append(
        f"SHA-256 of the samples (10.2), the digest of point S with the transform `base`: "
        f"`{picture.digest()}`. Both digests are those of the DPH segment above."
    )
    return parts
