# SPDX-License-Identifier: Apache-2.0
"""The synthesis transform is the inverse of the analysis transform, and is rounded as a whole."""

import copy

import torch

from tests.training.sets import random_set
from training.graph import Conv, Wire
from training.rounding import round_together


def correlated(channels: int, count: int) -> torch.Tensor:
    """Inputs (channels, count) that rise and fall together, some far stronger than others."""
    mixing = torch.randn(channels, 4) * torch.logspace(0, 2, 4)
    return mixing @ torch.randn(4, count) + torch.randn(channels, count)


def rounded_error(conv: Conv, exact: torch.Tensor, inputs: torch.Tensor) -> float:
    """Mean squared error of the answers of the rounded weights."""
    weight, bias = conv.rounded_parameters()
    answers = weight[:, :, 0, 0] @ inputs + bias[:, None]
    return (answers - exact).square().mean().item()


def test_weights_rounded_together_take_over_the_errors_of_each_other() -> None:
    torch.manual_seed(0)
    conv = Conv(Wire(64, -2047, 2047, 3), Wire(16, -2047, 2047, 3), 1, 1, 4).eval()
    inputs = correlated(64, 4000)
    exact = conv.weight[:, :, 0, 0].detach() @ inputs + conv.bias.detach()[:, None]
    alone = rounded_error(conv, exact, inputs)
    ones = torch.cat([torch.ones(1, 4000), inputs]).double()
    round_together(conv, [ones @ ones.T])
    assert rounded_error(conv, exact, inputs) < alone / 4
    weight, _ = conv.rounded_parameters()
    torch.testing.assert_close(weight, conv.weight)  # nothing is left to round


def test_errors_made_good_elsewhere_are_not_taken_over() -> None:
    torch.manual_seed(0)
    conv = Conv(Wire(64, -2047, 2047, 3), Wire(16, -2047, 2047, 3), 1, 1, 4).eval()
    largest = conv.weight.detach().abs().amax((1, 2, 3), keepdim=True)
    scale = 2 ** torch.floor(torch.log2(127.49 / largest))
    scale = torch.maximum(scale, scale.median())
    alone = (conv.weight.detach() * scale).round().clamp(-127, 127) / scale
    inputs = correlated(64, 4000)
    ones = torch.cat([torch.ones(1, 4000), inputs]).double()
    round_together(conv, [ones @ ones.T], exact=64)
    torch.testing.assert_close(conv.weight, alone)


def test_the_inverse_gives_back_the_latent() -> None:
    net = random_set()
    x = 50 * torch.randn(1, 3, 96, 128)
    y, _ = net.analyse(x)
    again, _ = net.analyse(net.inverse(y))
    inside = (..., slice(1, -1), slice(1, -1))  # any pre-filter: not symmetric at the border
    torch.testing.assert_close(again[inside], y[inside], rtol=1e-3, atol=0.05)


def test_the_synthesis_starts_from_the_inverse() -> None:
    net = copy.deepcopy(random_set())
    net.invert()
    for layer in net.synthesis.modules_by_layer.values():
        layer.rounding = False
    y = 20 * torch.randn(1, 512, 6, 8)
    samples = net.synthesis(torch.tensor([9]), latent=y)["samples"]
    torch.testing.assert_close(samples, net.inverse(y), rtol=1e-3, atol=0.05)
