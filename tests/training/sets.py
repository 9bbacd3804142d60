# SPDX-License-Identifier: Apache-2.0
"""A float model with nothing left at its starting value, for the tests of training."""

import functools
from unittest import mock

import numpy as np
import torch
from numpy.typing import NDArray

from training import model
from training.block_transforms import TRANSFORM_ONE
from training.graph import Conv, Graph, QualityBias
from training.model import Set


def quick_lapping() -> NDArray[np.float64]:
    """Any orthonormal pre-filter will do: the best one takes seconds to find."""
    rotation, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(16, 16)))
    return rotation


@functools.cache
def random_set() -> Set:
    """Return a set in evaluation mode: no branch is zero, no two qualities are the same."""
    torch.manual_seed(1)
    with mock.patch.object(model, "lapping", quick_lapping):
        net = Set()
    for module in net.modules():
        if isinstance(module, Conv):
            fan_in = module.weight[0].numel()
            module.weight.data += torch.randn_like(module.weight) * 0.3 / fan_in**0.5
            module.bias.data += torch.randn_like(module.bias)
        elif isinstance(module, QualityBias):
            module.anchors.data += torch.randn_like(module.anchors)
    shape = net.transforms.shape
    rotations = torch.linalg.qr(torch.randn(shape, dtype=torch.double))[0]
    net.transforms.copy_((rotations * TRANSFORM_ONE).round())
    net.step_log.data += 0.3 * torch.randn_like(net.step_log)
    for part in (net.hyper_activity, net.hyper_linear):
        for parameter in part.parameters():
            parameter.data += 0.05 * torch.randn_like(parameter)
    return net.eval()


def graphs(net: Set) -> dict[str, Graph]:
    """Normative networks by name."""
    return {module.name: module for module in net.modules() if isinstance(module, Graph)}
