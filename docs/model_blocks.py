# SPDX-License-Identifier: Apache-2.0
"""Blocks of the specification that come from the probability tables and the model set."""

import hashlib
import json
import math
from fractions import Fraction

from docs.table import table
from refdec.entropy.tables import TOTAL, load_residual_tables
from refdec.network import ModelSet, Network, NetworkDescription, load_model_set, worst_sums
from refdec.network.layers import Conv, Layer
from refdec.resources import spec_path
from refenc.encode import MODEL_SET


def residual_tables_block() -> str:
    """Summarise the residual's tables."""
    residual = load_residual_tables()
    rows = []
    for index, (bound, frequencies) in enumerate(
        zip(residual.tables.bounds.tolist(), residual.tables.frequencies.tolist(), strict=True)
    ):
        used = frequencies[: 2 * bound + 2]
        bits = -sum(f / TOTAL * math.log2(f / TOTAL) for f in used)
        offsets = map(str, residual.offsets[index].tolist())
        cells = (index, bound, used[bound], used[-1])
        rows.append((*map(str, cells), *offsets, f"{bits:.3f}"))
    file = spec_path("tables", "residual_cdf.json")
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    heads = ("scale_idx", "bound", "freq of 0", "freq of ESCAPE", "offset 1", "offset 2", "bits")
    return (
        f"`spec/tables/{file.name}`, SHA-256 `{digest}`; `skip_threshold` is "
        f"{residual.skip_threshold}. *bits* is the entropy of the table, for information.\n\n"
        + table(heads, rows)
    )


def model_sets_block() -> str:
    """List the model set files."""
    listing = json.loads(spec_path("tables", "model_sets.json").read_bytes())["model_sets"]
    rows = []
    for entry in listing:
        size = spec_path(*entry["file"].split("/")).stat().st_size
        cells = (str(entry["model_set_idc"]), f"`spec/{entry['file']}`", f"{size:,}")
        rows.append((*cells, f"`{entry['sha256']}`"))
    return table(("model_set_idc", "File", "Bytes", "SHA-256"), rows)


def model_set_block() -> str:
    """List the scalar parameters of the model set."""
    model = load_model_set(MODEL_SET)
    rows = [
        (f"`{key}`", json.dumps(value))
        for key, value in model.metadata.items()
        if key != "networks"
    ]
    step = model.tables["step"]
    rows.append(("largest and smallest entry of `step`", f"{step.max()}, {step.min()}"))
    return table(("Parameter", "Value"), rows)


def model_tensors_block() -> str:
    """List the tensors that are no weights, quality tables of the networks left out."""
    model = load_model_set(MODEL_SET)
    rows = [
        (
            f"`{name}`",
            str(tensor.dtype),
            " x ".join(map(str, tensor.shape)),
            f"{tensor.min()} to {tensor.max()}",
        )
        for name, tensor in sorted(model.tables.items())
        if not name.endswith(".table")
    ]
    return table(("Tensor", "Type", "Shape", "Values"), rows)


def hyper_tables_block() -> str:
    """Summarise the hyper-latent's tables."""
    model = load_model_set(MODEL_SET)
    bounds = model.tables["hyper_bounds"].tolist()
    frequencies = model.tables["hyper_frequencies"].tolist()
    rows = []
    for channel, (bound, row) in enumerate(zip(bounds, frequencies, strict=True)):
        used = row[: 2 * bound + 2]
        bits = -sum(f / TOTAL * math.log2(f / TOTAL) for f in used)
        cells = (channel, bound, used[bound], used[-1])
        rows.append((*map(str, cells), f"{bits:.3f}"))
    return table(("channel", "bound", "freq of 0", "freq of ESCAPE", "bits"), rows)


def networks_block() -> str:
    """Show every network of the model set, layer by layer."""
    model = load_model_set(MODEL_SET)
    return _network_summary(model) + "\n" + "\n".join(map(_network, model.networks.values()))


def _network_summary(model: ModelSet) -> str:
    rows = [
        (
            f"`{name}`",
            ", ".join(f"`{item.name}`" for item in network.description.inputs),
            ", ".join(f"`{output}`" for output in network.description.outputs),
            str(network.description.granule),
            f"{macs_per_sample(network.description) / 1000:.3f}",
        )
        for name, network in model.networks.items()
    ]
    return table(("Network", "Inputs", "Outputs", "Granule", "kMAC/sample"), rows)


def _network(network: Network) -> str:
    description = network.description
    rows = []
    for item in description.inputs:
        info = description.tensors[item.name]
        grid = (str(info.channels), str(info.stride), f"{info.range.lo} to {info.range.hi}")
        rows.append((f"*{item.name}*", "input", "", *grid, "", "", ""))
    for layer in description.layers:
        info = description.tensors[layer.output]
        inputs = ", ".join(layer.inputs)
        grid = (str(info.channels), str(info.stride), f"{info.range.lo} to {info.range.hi}")
        numbers = _conv_numbers(network, layer) if isinstance(layer, Conv) else ("", "", "")
        rows.append((layer.output, _operation(layer), inputs, *grid, *numbers))
    heads = ("Tensor", "Operation", "Inputs", "Channels", "Stride", "Range", "Shift", "Sum bits")
    return f"**{description.name}**\n\n{table((*heads, 'kMAC/sample'), rows)}"


def _conv_numbers(network: Network, layer: Conv) -> tuple[str, str, str]:
    tensors = network.conv_tensors(layer)
    source = network.description.tensors[layer.inputs[0]]
    low, high = int(tensors.shift.min()), int(tensors.shift.max())
    largest = int(worst_sums(layer, source, tensors).max())
    macs = Fraction(math.prod(layer.weight_shape), source.stride**2)
    shift = str(low) if low == high else f"{low} to {high}"
    return shift, f"{math.log2(largest):.2f}", f"{float(macs) / 1000:.3f}"


def _operation(layer: Layer) -> str:
    if isinstance(layer, Conv):
        parts = [f"conv {layer.kernel}x{layer.kernel}"]
        parts += [f"groups {layer.groups}"] if layer.groups > 1 else []
        parts += [f"splits {layer.splits}"] if layer.splits > 1 else []
        return ", ".join(parts)
    parameter = next(
        (getattr(layer, name) for name in ("factor", "table", "n") if hasattr(layer, name)), ""
    )
    return f"{layer.op} {parameter}".strip()


def macs_per_sample(network: NetworkDescription) -> float:
    """Count multiplications per picture sample position, margins left out."""
    macs = Fraction(0)
    for layer in network.layers:
        if isinstance(layer, Conv):
            stride = network.tensors[layer.output].stride
            macs += Fraction(math.prod(layer.weight_shape), stride**2)
    return float(macs)
