# SPDX-License-Identifier: Apache-2.0
"""What decoding costs: multiplications, parameters and precision of each network.

Counted from the descriptions of the networks, margins and padding included; nothing is run.
"""

import argparse
import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from refdec.arithmetic import ceil_div
from refdec.cli_support import read_stream
from refdec.network import ModelSet, Network, load_model_set, num_parameters, worst_sums
from refdec.network.layers import Conv

DEFAULT_SIZE = (2048, 2048)
"""Height and width for which costs are given when there is no stream."""


@dataclass(frozen=True, kw_only=True)
class NetworkCost:
    """What one network, or several of one kind together, cost for one picture."""

    name: str
    networks: int
    """Number of networks of this kind."""
    parameters: int
    kmac_per_pixel: float
    """Thousand multiplications per picture sample position, all runs of all networks."""
    activation_bits: int
    """Bits of the widest signed activation."""
    accumulator_bits: float
    """Base 2 logarithm of the largest partial sum that the weights allow; below 24."""


def run_complexity(options: argparse.Namespace) -> int:
    """Print the costs as a table or as JSON."""
    height, width = DEFAULT_SIZE
    model_set_idc = 0
    if options.stream is not None:
        from refdec.decode import parse

        header = parse(read_stream(options.stream)).picture_header
        height, width = header.pic_height, header.pic_width
        model_set_idc = header.model_set_idc
    model = load_model_set(model_set_idc)
    costs = model_set_costs(model, height=height, width=width)
    total = sum(cost.kmac_per_pixel for cost in costs)
    parameters = sum(cost.parameters for cost in costs)
    if options.json:
        document = {
            "model_set_idc": model_set_idc,
            "model_set_sha256": model.sha256,
            "width": width,
            "height": height,
            "kmac_per_pixel": total,
            "parameters": parameters,
            "networks": [asdict(cost) for cost in costs],
        }
        print(json.dumps(document, indent=1))
        return 0
    print(f"model set {model_set_idc}, picture of {width}x{height}")
    print(
        f"{'':<16}{'networks':>9}{'parameters':>12}{'kMAC/pixel':>12}{'activations':>13}{'sums':>10}"
    )
    for cost in costs:
        print(
            f"{cost.name:<16}{cost.networks:>9}{cost.parameters:>12,}{cost.kmac_per_pixel:>12.3f}"
            f"{cost.activation_bits:>8} bits{cost.accumulator_bits:>5.1f} bits"
        )
    networks = sum(cost.networks for cost in costs)
    print(f"{'total':<16}{networks:>9}{parameters:>12,}{total:>12.3f}")
    print("weights: 8 bits; partial sums stay below 2**24 and are exact in binary32")
    return 0


def model_set_costs(model: ModelSet, *, height: int, width: int) -> list[NetworkCost]:
    """Add up the costs of each kind of network, for a picture of the given size."""
    num_groups = len(model.metadata["groups"])
    kinds: dict[str, list[NetworkCost]] = {}
    for name, network in model.networks.items():
        kind = name.rstrip("_0123456789")
        runs = runs_per_picture(name, num_groups=num_groups)
        cost = network_cost(kind, network, runs=runs, height=height, width=width)
        kinds.setdefault(kind, []).append(cost)
    return [add_costs(costs) for costs in kinds.values()]


def runs_per_picture(name: str, *, num_groups: int) -> int:
    """Return how often the latent decoding process runs a network on the whole plane."""
    if not name.startswith("update_"):
        return 1
    is_last_group = name == f"update_{num_groups - 1}"
    return 1 if is_last_group else 2


def network_cost(kind: str, network: Network, *, runs: int, height: int, width: int) -> NetworkCost:
    """Count one network on the grid that covers a picture."""
    description = network.description
    granule = description.granule
    padded = (ceil_div(height, granule) * granule, ceil_div(width, granule) * granule)
    macs, largest_sum = 0, 1
    for layer in description.layers:
        if isinstance(layer, Conv):
            source = description.tensors[layer.inputs[0]]
            grid = [(side + 2 * source.margin) // source.stride for side in padded]
            macs += layer.macs_per_position * math.prod(grid)
            sums = worst_sums(layer, source, network.conv_tensors(layer))
            largest_sum = max(largest_sum, int(sums.max()))
    magnitude = max(tensor.range.magnitude for tensor in description.tensors.values())
    return NetworkCost(
        name=kind,
        networks=1,
        parameters=num_parameters(description),
        kmac_per_pixel=runs * macs / (height * width) / 1000,
        activation_bits=magnitude.bit_length() + 1,
        accumulator_bits=math.log2(largest_sum),
    )


def add_costs(costs: Sequence[NetworkCost]) -> NetworkCost:
    """Combine networks of one kind: sums, and the larger of the precisions."""
    return NetworkCost(
        name=costs[0].name,
        networks=len(costs),
        parameters=sum(cost.parameters for cost in costs),
        kmac_per_pixel=sum(cost.kmac_per_pixel for cost in costs),
        activation_bits=max(cost.activation_bits for cost in costs),
        accumulator_bits=max(cost.accumulator_bits for cost in costs),
    )
