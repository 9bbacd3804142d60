# SPDX-License-Identifier: Apache-2.0
"""What decoding costs: multiplications, parameters and precision of each network.

Counted from the descriptions of the networks, margins and padding included; nothing is run.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from refdec.arithmetic import ceil_div
from refdec.entropy.block_transform import LATENT_MAX
from refdec.network import ModelSet, Network, NetworkDescription, worst_sums
from refdec.network.layers import LATENT_STRIDE, NUM_QUALITIES, Conv, QualityBias


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
    largest_sum: int
    """Largest magnitude of any partial sum that the weights allow; below 2**24 in networks."""


def model_set_costs(model: ModelSet, *, height: int, width: int) -> list[NetworkCost]:
    """Add up the costs of each kind of network, for a picture of the given size."""
    num_groups = len(model.metadata["groups"])
    kinds: dict[str, list[NetworkCost]] = {}
    for name, network in model.networks.items():
        kind = name.rstrip("_0123456789")
        runs = runs_per_picture(name, num_groups=num_groups)
        cost = network_cost(kind, network, runs=runs, height=height, width=width)
        kinds.setdefault(kind, []).append(cost)
    costs = [add_costs(costs) for costs in kinds.values()]
    return [*costs, inverse_transform_cost(model, height=height, width=width)]


def inverse_transform_cost(model: ModelSet, *, height: int, width: int) -> NetworkCost:
    """Count the inverse block transform, as if no position took the first one."""
    matrices = model.tables["transform_matrices"].astype(np.int64)
    positions = ceil_div(height, LATENT_STRIDE) * ceil_div(width, LATENT_STRIDE)
    return NetworkCost(
        name="inverse_transform",
        networks=len(matrices),
        parameters=matrices.size,
        kmac_per_pixel=matrices[0].size * positions / (height * width) / 1000,
        activation_bits=LATENT_MAX.bit_length() + 1,
        largest_sum=int(np.abs(matrices).sum(axis=1).max()) * LATENT_MAX,
    )


def runs_per_picture(name: str, *, num_groups: int) -> int:
    """Return how often the latent decoding process runs a network on the whole plane."""
    if not name.startswith("update_") or name == "update_transform":
        return 1
    is_last_group = name == f"update_{num_groups - 1}"
    return 1 if is_last_group else 2


def network_cost(kind: str, network: Network, *, runs: int, height: int, width: int) -> NetworkCost:
    """Count one network on the grid that covers a picture."""
    description = network.description
    granule = description.granule
    padded = (ceil_div(height, granule) * granule, ceil_div(width, granule) * granule)
    macs, largest_sum = 0, 0
    for layer in description.layers:
        if isinstance(layer, Conv):
            source = description.tensors[layer.inputs[0]]
            grid = [(side + 2 * source.margin) // source.stride for side in padded]
            macs += math.prod(layer.weight_shape) * math.prod(grid)
            sums = worst_sums(layer, source, network.conv_tensors(layer))
            largest_sum = max(largest_sum, int(sums.max()))
    magnitude = max(tensor.range.magnitude for tensor in description.tensors.values())
    return NetworkCost(
        name=kind,
        networks=1,
        parameters=num_parameters(description),
        kmac_per_pixel=runs * macs / (height * width) / 1000,
        activation_bits=magnitude.bit_length() + 1,
        largest_sum=largest_sum,
    )


def num_parameters(network: NetworkDescription) -> int:
    """Count weights, biases and entries of quality tables."""
    count = 0
    for layer in network.layers:
        if isinstance(layer, Conv):
            count += math.prod(layer.weight_shape) + layer.out_channels
        elif isinstance(layer, QualityBias):
            count += NUM_QUALITIES * network.tensors[layer.output].channels
    return count


def add_costs(costs: Sequence[NetworkCost]) -> NetworkCost:
    """Combine networks of one kind: sums, and the larger of the precisions."""
    return NetworkCost(
        name=costs[0].name,
        networks=len(costs),
        parameters=sum(cost.parameters for cost in costs),
        kmac_per_pixel=sum(cost.kmac_per_pixel for cost in costs),
        activation_bits=max(cost.activation_bits for cost in costs),
        largest_sum=max(cost.largest_sum for cost in costs),
    )
