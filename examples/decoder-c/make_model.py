# SPDX-License-Identifier: Apache-2.0
"""Write the tables and a model set of spec/ as one C file, for jai_model.h; standard library only.

Usage: python3 make_model.py SPEC_DIRECTORY OUTPUT.c [MODEL_SET_IDC]
"""

import hashlib
import json
import struct
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

FORMATS = {"I8": "b", "U8": "B", "I16": "h", "I32": "i"}
MAX_LOW_BITS = 8
C_TYPES = {"I8": "int8_t", "U8": "uint8_t", "I16": "int16_t", "I32": "int32_t"}
INT16_MAX = 32767
MAX_INPUTS, MAX_TENSORS = 5, 48  # of a network, as in jai_model.h
MAX_TABLES = 256  # of a sub-stream: the number of a table has 8 bits
MATRIX_SUM_MAX = 1 << 19
INPUTS = {
    "head": {"state", "transform", "symbols", "activity", "deviation"},
    "update": {"state", "symbols", "deviation"},
    "activity": {"symbols"},
    "head_transform": {"state"},
    "update_transform": {"state", "transform"},
}
"""What jai_latent.c can give to a network, or to the others of its kind, spec 8.4."""
Tensors = dict[str, Sequence[int]]


class Problem(Exception):
    """The files of spec/ are damaged, or beyond what the C decoder can hold."""


def read_model_set(spec: Path, model_set_idc: int) -> tuple[dict[str, Any], Tensors]:
    """Read a model set file, spec C.1 and C.2: its document, and its tensors, flat."""
    listed = json.loads((spec / "tables/model_sets.json").read_text(encoding="utf-8"))
    entry = next(e for e in listed["model_sets"] if e["model_set_idc"] == model_set_idc)
    data = (spec / entry["file"]).read_bytes()
    if hashlib.sha256(data).hexdigest() != entry["sha256"]:
        message = f"{entry['file']} has not the listed SHA-256"
        raise Problem(message)
    (size,) = struct.unpack_from("<Q", data)
    header = json.loads(data[8 : 8 + size])
    document = json.loads(header.pop("__metadata__")["jai"])
    tensors = {}
    for name, tensor in header.items():
        first, end = tensor["data_offsets"]
        code = FORMATS[tensor["dtype"]]
        count = (end - first) // struct.calcsize(code)
        tensors[name] = struct.unpack_from(f"<{count}{code}", data, 8 + size + first)
    return document, tensors


class Writer:
    """Collects the C file."""

    def __init__(self, document: dict[str, Any], tensors: Tensors) -> None:
        self.document, self.tensors = document, tensors
        self.lines: list[str] = ["/* Written by make_model.py. */", '#include "jai_model.h"', ""]
        self.weights = bytearray()
        self.convs: list[str] = []
        self.tables: dict[str, str] = {}

    def array(self, declaration: str, values: Iterable[object]) -> None:
        """Append one array, several values to the line."""
        texts = [str(value) for value in values]
        rows = [", ".join(texts[i : i + 16]) for i in range(0, len(texts), 16)]
        self.lines += [f"{declaration} = {{", *(f"    {row}," for row in rows), "};"]

    def tensor(self, name: str, c_type: str) -> str:
        """Append a tensor once and return its name in C."""
        if name not in self.tables:
            self.tables[name] = "t_" + name.replace(".", "_")
            self.array(f"static const {c_type} {self.tables[name]}[]", self.tensors[name])
        return self.tables[name]

    def network(self, description: dict[str, Any]) -> None:
        """Append a network, its tensors numbered, with what C.4 derives."""
        name, layers = description["name"], description["layers"]
        made = [i["name"] for i in description["inputs"]]
        made += [layer.get("output", layer["name"]) for layer in layers]
        known = INPUTS.get(name) or INPUTS.get(name.split("_")[0])
        if known and not known >= {i["name"] for i in description["inputs"]}:
            message = f"{name}: an input that is not one of {sorted(known)}"
            raise Problem(message)
        if len(description["inputs"]) > MAX_INPUTS or len(made) > MAX_TENSORS:
            message = f"{name}: too many inputs or tensors"
            raise Problem(message)
        number = {tensor: i for i, tensor in enumerate(made)}
        props = [
            {
                "channels": i["channels"],
                "range": i["range"],
                "stride": i.get("stride", 16),
                "margin": 0,
            }
            for i in description["inputs"]
        ]
        rows = []
        for index, layer in enumerate(layers):
            inputs = [number[tensor] for tensor in layer["inputs"]]
            prop = derive(layer, [props[i] for i in inputs])
            if max(abs(bound) for bound in prop["range"]) > INT16_MAX:
                message = f"{name}.{layer['name']}: a range beyond 16 bits"
                raise Problem(message)
            props.append(prop)
            rows.append(self.layer(name, index, layer, inputs, prop))
        outputs = [number[tensor] for tensor in description["outputs"]]
        last_use, everywhere = use_of_tensors(layers, number, outputs)
        self.lines += [f"static const jai_layer layers_{name}[] = {{", *rows, "};"]
        inputs = description["inputs"]
        names = ", ".join(f'"{i["name"]}"' for i in inputs)
        self.lines += [
            f"static const jai_network network_{name} = {{",
            f'    "{name}", {len(inputs)}, {len(layers)}, {len(outputs)}, {{{names}}},',
            f"    {braces(i['channels'] for i in inputs)}, {braces(outputs)},",
            f"    {braces(last_use)}, {braces(everywhere)}, layers_{name}",
            "};",
        ]

    def layer(
        self,
        network: str,
        index: int,
        layer: dict[str, Any],
        inputs: list[int],
        prop: dict[str, Any],
    ) -> str:
        """Return one layer as an initialiser."""
        fields = {
            "operation": "JAI_" + layer["op"].upper(),
            "num_inputs": len(inputs),
            "inputs": braces(inputs),
            "lo": prop["range"][0],
            "hi": prop["range"][1],
            "channels": prop["channels"],
            "stride": prop["stride"],
            "margin": prop["margin"],
        }
        for key in ("kernel", "factor", "begin", "n"):
            if key in layer:
                fields["n"] = layer[key]
        if "table" in layer:
            fields["table"] = self.tensor(layer["table"], "int16_t")
            fields["table_size"] = len(self.tensors[layer["table"]])
        if layer["op"] == "conv":
            path = f"{network}.{layer['name']}"
            fields |= {
                "groups": layer.get("groups", 1),
                "in_channels": layer["in_channels"],
                "conv": len(self.convs),
                "weight": len(self.weights) // 4,
                "bias": self.tensor(f"{path}.bias", "int32_t"),
                "shift": self.tensor(f"{path}.shift", "uint8_t"),
            }
            self.convs.append(f"&layers_{network}[{index}]")
            weights = by_tap(self.tensors[f"{path}.weight"], layer)
            self.weights += struct.pack(f"{len(weights)}b", *weights)
            self.weights += bytes(-len(self.weights) % 4)
        return f"    {{{', '.join(f'.{key} = {value}' for key, value in fields.items())}}},"


def by_tap(weights: Sequence[int], layer: dict[str, Any]) -> list[int]:
    """Return the weights of a conv in the order o, u, v, c instead of o, c, u, v."""
    taps = layer["kernel"] ** 2
    size = layer["in_channels"] // layer.get("groups", 1) * taps
    rows = (weights[start : start + size] for start in range(0, len(weights), size))
    return [w for row in rows for tap in range(taps) for w in row[tap::taps]]


def braces(values: Iterable[int]) -> str:
    """Return a C initialiser list."""
    return "{" + ", ".join(map(str, values)) + "}"


def derive(layer: dict[str, Any], inputs: list[dict[str, Any]]) -> dict[str, Any]:
    """Return channels, range, stride and margin of the output of a layer, spec C.4."""
    prop = dict(inputs[0])
    op, n = layer["op"], layer.get("n", 0)
    factor = layer.get("factor", 1)
    lo, hi = prop["range"]
    if op == "conv":
        prop["channels"] = layer["out_channels"]
    elif op == "pixel_shuffle":
        prop |= {"channels": prop["channels"] // factor**2, "stride": prop["stride"] // factor}
    elif op == "pixel_unshuffle":
        prop |= {"channels": prop["channels"] * factor**2, "stride": prop["stride"] * factor}
    elif op == "abs":
        prop["range"] = [max(lo, -hi, 0), max(abs(lo), abs(hi))]
    elif op == "concat":
        prop["channels"] = sum(i["channels"] for i in inputs)
        prop["range"] = [min(i["range"][0] for i in inputs), max(i["range"][1] for i in inputs)]
    elif op == "slice":
        prop["channels"] = layer["end"] - layer["begin"]
    elif op == "shift_pad":
        prop["margin"] += n * prop["stride"]
    elif op == "crop":
        prop["margin"] -= n * prop["stride"]
    if "range" in layer:
        prop["range"] = layer["range"]
    return prop


def use_of_tensors(
    layers: list[dict[str, Any]], number: dict[str, int], outputs: list[int]
) -> tuple[list[int], list[int]]:
    """Return per tensor the last layer that reads it, and whether one reads beyond its position."""
    first_made = len(number) - len(layers)
    last_use = [-1] * len(number)
    everywhere = [0] * len(number)
    pointwise = {"add", "lookup", "abs", "concat", "slice", "quality_bias", "shift_left"}
    for index in reversed(range(len(layers))):
        layer = layers[index]
        is_local = layer["op"] in pointwise or layer.get("kernel") == 1
        for tensor in (number[name] for name in layer["inputs"]):
            last_use[tensor] = max(last_use[tensor], index)
            everywhere[tensor] |= 0 if is_local else 1
            everywhere[tensor] |= everywhere[first_made + index]
    for tensor in outputs:
        last_use[tensor] = len(layers)
    return last_use, everywhere


def write(spec: Path, model_set_idc: int) -> str:
    """Return the C file."""
    document, tensors = read_model_set(spec, model_set_idc)
    residual = json.loads((spec / "tables/residual_cdf.json").read_text(encoding="utf-8"))
    limits = json.loads((spec / "tables/levels.json").read_text(encoding="utf-8"))
    w, groups, networks = Writer(document, tensors), document["groups"], document["networks"]

    keys = ("max_bit_depth", "ycc_samples", "lossless_tools", "animation")
    rows_by_number(w, "jai_profile jai_profiles[JAI_NUM_PROFILES]", limits["profiles"], keys)
    keys = ("max_samples", "max_side", "max_tiles", "max_residual_segments", "max_lanes")
    rows_by_number(w, "jai_level jai_levels[JAI_NUM_LEVELS + 1]", limits["levels"], keys)
    w.lines.append(f"const int jai_skip_threshold = {residual['skip_threshold']};")
    w.array(
        "const uint8_t jai_offsets[JAI_NUM_SCALES][2]",
        (braces(pair) for pair in residual["offsets"]),
    )
    transforms = block_transforms(tensors)
    tables = transform_tables(tensors["transform_frequencies"], transforms)
    table_set(w, "jai_residual_tables", residual["frequencies"] + tables)
    if len(residual["frequencies"] + tables) > MAX_TABLES:
        message = "too many tables of a residual sub-stream"
        raise Problem(message)
    lossless = json.loads((spec / "tables/lossless_cdf.json").read_text(encoding="utf-8"))
    table_set(w, "jai_lossless_match", lossless["match"])
    table_set(w, "jai_lossless_residual", lossless["residual"])
    table_set(w, "jai_lossless_low", [low_bits_table(k) for k in range(1, MAX_LOW_BITS + 1)])
    w.array("const int jai_start_means[JAI_NUM_RESIDUAL_CONTEXTS]", lossless["start_means"])

    for description in networks.values():
        w.network(description)
    bounds, frequencies = tensors["hyper_bounds"], tensors["hyper_frequencies"]
    row = len(frequencies) // len(bounds)
    hyper = [frequencies[i * row : i * row + 2 * bound + 2] for i, bound in enumerate(bounds)]
    table_set(w, "jai_hyper_tables", hyper)
    w.array("static const int group_size[]", groups)
    last = len(groups) - 1
    heads = [f"&network_head_{k}_{p}" for k in range(len(groups)) for p in (0, 1)]
    w.array("static const jai_network *const head[]", heads)
    w.array(
        "static const jai_network *const update[]",
        (f"&network_update_{k}" for k in range(last + 1)),
    )
    w.array(
        "static const jai_network *const activity[]",
        (f"&network_activity_{k}" for k in range(last)),
    )
    w.array("static const jai_layer *const convs[]", w.convs)
    model = {
        "model_set_idc": document["model_set_idc"],
        "num_groups": len(groups),
        "mean_groups": document["mean_groups"],
        "latent_channels": sum(groups),
        "hyper_channels": len(bounds),
        "state_channels": networks["head_0_0"]["inputs"][0]["channels"],
        "mean_channels": sum(groups[: document["mean_groups"]]),
        "group_size": "group_size",
        "step": w.tensor("step", "int16_t"),
        "component": w.tensor("component", "uint8_t"),
        "num_transforms": transforms,
        "num_transform_tables": len(tables),
        "num_transform_channels": len(tensors["transform_channels"]),
        "transform_channels": w.tensor("transform_channels", "int16_t"),
        "transform_matrices": w.tensor("transform_matrices", "int16_t"),
        "hyper": "&network_hyper",
        "synthesis_simple": "&network_synthesis_simple",
        "filter_base": "&network_filter_base",
        "head_transform": "&network_head_transform",
        "update_transform": "&network_update_transform",
        "head": "head",
        "update": "update",
        "activity": "activity",
        "num_convs": len(w.convs),
        "convs": "convs",
    }
    w.lines += [
        "const jai_model jai_model_set = {",
        *(f"    .{k} = {v}," for k, v in model.items()),
        "};",
    ]
    words = struct.unpack(f"<{len(w.weights) // 4}I", w.weights)
    w.array("const uint32_t jai_weight_words[]", (f"0x{word:08x}" for word in words))
    return "\n".join(w.lines) + "\n"


def rows_by_number(
    w: Writer, declaration: str, rows: list[dict[str, int]], keys: tuple[str, ...]
) -> None:
    """Append a table of A.1 or A.2; the first key of a row is its number."""
    w.lines.append(f"const {declaration} = {{")
    for row in rows:
        number = next(iter(row.values()))
        w.lines.append(f"    [{number}] = {braces(row[key] for key in keys)},")
    w.lines.append("};")


def table_set(w: Writer, name: str, rows: Sequence[Sequence[int]]) -> None:
    """Append a set of frequency tables, spec 8.2.7."""
    for i, row in enumerate(rows):
        w.array(f"static const uint16_t {name}_{i}[]", row)
    w.array(f"static const int {name}_bounds[]", (len(row) // 2 - 1 for row in rows))
    w.array(
        f"static const uint16_t *const {name}_rows[]", (f"{name}_{i}" for i in range(len(rows)))
    )
    w.lines.append(f"const jai_table_data {name} = {{{len(rows)}, {name}_bounds, {name}_rows}};")


def block_transforms(tensors: Tensors) -> int:
    """Return the number of block transforms, spec C.6 and NET-018."""
    channels, matrices = tensors["transform_channels"], tensors["transform_matrices"]
    n = len(channels)
    size = n * n
    sums = [
        sum(map(abs, matrices[first + column : first + size : n]))
        for first in range(0, len(matrices), size)
        for column in range(n)
    ]
    number = len(matrices) // size + 1
    if number % 2 == 0 or len(set(channels)) != n or max(sums) > MATRIX_SUM_MAX:
        message = "the block transforms break NET-018"
        raise Problem(message)
    return number


def transform_tables(frequencies: Sequence[int], transforms: int) -> list[Sequence[int]]:
    """Return the frequency tables of the block transforms, spec C.6."""
    row = transforms + 1
    return [frequencies[first : first + row] for first in range(0, len(frequencies), row)]


def low_bits_table(k: int) -> list[int]:
    """Return the frequencies of k low bits, spec 12.9."""
    each, more = divmod(4094, 1 << k)
    return [each + (v < more) for v in range(1 << k)] + [1, 1]


def main() -> int:
    """Run the program."""
    if len(sys.argv) not in {3, 4}:
        print(__doc__, file=sys.stderr)
        return 2
    idc = int(sys.argv[3]) if len(sys.argv) == 4 else 3
    try:
        text = write(Path(sys.argv[1]), idc)
    except (Problem, OSError, KeyError, StopIteration, ValueError) as error:
        print(f"make_model.py: {error!r}", file=sys.stderr)
        return 6
    Path(sys.argv[2]).write_text(text, encoding="ascii")
    return 0


if __name__ == "__main__":
    sys.exit(main())
