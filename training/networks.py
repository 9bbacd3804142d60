"""The normative networks of a model set but the hyper decoder, and the sizes they share."""

import torch
from torch import Tensor, nn

from training.block_transforms import COMMON, FAMILIES, NUM_TRANSFORMS
from training.graph import AVERAGE_LOG, SYMBOL_LOG, Graph, Wire
from training.transform import BLOCK, CHANNELS, neighbour_weights

GROUPS = (6, 12, 24, 46, 88, 144, 192)
MEAN_GROUPS = 3  # groups whose mean is predicted; the mean of higher frequencies is zero
STATE = 96
LOW = sum(GROUPS[:MEAN_GROUPS])
"""Latents so strong that their part of the synthesis has weights of 16 bits."""
HYPER = 16
TRANSFORM_TABLES = 32

SYMBOLS = (-127, 127, 0)
DEVIATION = (-2047, 2047, 5)
STATE_RANGE = (-2047, 2047, 7)
INDICATORS = Wire(NUM_TRANSFORMS, 0, 16, 4)


def zero(module: nn.Module) -> None:
    nn.init.zeros_(module.weight)
    nn.init.zeros_(module.bias)


def transform_start() -> Tensor:
    """Log shares (TRANSFORM_TABLES, NUM_TRANSFORMS): the first transform almost always, to seldom."""
    log = torch.full((TRANSFORM_TABLES, NUM_TRANSFORMS), -1.5)
    log[:, 0] = torch.linspace(8, -2, TRANSFORM_TABLES)
    log[:, 1] = 1.0
    return log


def head_transform() -> Graph:
    """Which table codes the index of the block transform."""
    g = Graph("head_transform", state=Wire(STATE, *STATE_RANGE))
    h = g.conv("h1", "state", STATE // 2, 1, 7, lo=0)
    g.conv("s", h, 1, 1, 5)
    g.modules_by_layer["s"].weight.data *= 0.1
    g.quality_bias("scale", "s")
    g.outputs = ["scale"]
    return g


def update_transform() -> Graph:
    """State after the block transforms: state + 3x3 convolution of their indicators."""
    g = Graph("update_transform", state=Wire(STATE, *STATE_RANGE), transform=INDICATORS)
    g.conv("news", "transform", STATE, 3, STATE_RANGE[2])
    zero(g.modules_by_layer["news"])
    g.add("out", "state", "news")
    g.outputs = ["out"]
    return g


def update(k: int, own: int) -> Graph:
    """State after half a group: state + 3x3 convolution of what was decoded."""
    g = Graph(f"update_{k}", state=Wire(STATE, *STATE_RANGE), symbols=Wire(own, *SYMBOLS))
    source = g.lookup("log", g.plain("abs", "magnitude", ["symbols"]), SYMBOL_LOG)
    if k < MEAN_GROUPS:
        # same fraction bits: deviations (2**-5 steps) are read as 2**-6, which the weights absorb
        g.inputs["deviation"] = g.wires["deviation"] = Wire(own, -2047, 2047, 6)
        source = g.plain("concat", "seen", [source, "deviation"])
    g.conv("news", source, STATE, 3, STATE_RANGE[2])
    g.add("out", "state", "news")
    g.modules_by_layer["news"].weight.data *= 0.3
    g.outputs = ["out"]
    return g


def activity(k: int, own: int) -> Graph:
    """Magnitudes blurred 3x3, the frequency context of later groups."""
    g = Graph(f"activity_{k}", symbols=Wire(own, *SYMBOLS))
    g.conv("blur", g.plain("abs", "magnitude", ["symbols"]), own, 3, 3, lo=0, hi=2040, groups=own)
    weight = g.modules_by_layer["blur"].weight.data
    weight.fill_(0.4 / 9)
    weight[:, :, 1, 1] += 0.6
    g.outputs = ["blur"]
    return g


def head(k: int, phase: int, own: int, done: int, order: list[tuple[int, int, int]]) -> Graph:
    """Log scale (and mean) of one group in one phase."""
    g = Graph(f"head_{k}_{phase}", state=Wire(STATE, *STATE_RANGE))
    h = g.conv("h1", "state", STATE, 1, 7, lo=0)
    h = g.conv("h2", h, STATE, 1, 7, lo=0)
    scale = g.conv("s", h, own, 1, 6)
    g.modules_by_layer["s"].weight.data *= 0.1
    if done:
        g.inputs["activity"] = g.wires["activity"] = Wire(done, 0, 2040, 3)
        g.inputs["transform"] = g.wires["transform"] = INDICATORS
        for family, near in enumerate(("frequency", "frequency_small")):
            g.conv(near, "activity", own, 1, 4, lo=0)
            weight = neighbour_weights(order, done, own, distance=family + 1)
            g.modules_by_layer[near].weight.data = weight[:, :, None, None]
            g.conv(near + "_mask", "transform", own, 1, 4)
            mask = g.modules_by_layer[near + "_mask"]
            mask.weight.data.zero_()
            mask.weight.data[:, [i for i, f in enumerate(FAMILIES) if f != family]] = -128.0
            mask.weight.requires_grad = False
            g.add(near + "_own", near, near + "_mask", lo=0)
        near = g.add("nearest", "frequency_own", "frequency_small_own")
        scale = feature(g, scale, near, own)
    if phase:
        g.inputs["symbols"] = g.wires["symbols"] = Wire(own, *SYMBOLS)
        near = g.conv(
            "space", g.plain("abs", "magnitude", ["symbols"]), own, 3, 4, lo=0, groups=own
        )
        weight = g.modules_by_layer["space"].weight.data
        weight.zero_()
        weight[:, 0, [0, 1, 1, 2], [1, 0, 2, 1]] = 0.25
        scale = feature(g, scale, near, own)
    if any(c == 0 and max(u, v) >= COMMON for c, u, v in order[done : done + own]):
        basis = g.conv("basis", "transform", own, 1, 6)
        zero(g.modules_by_layer["basis"])
        scale = g.add("scale_of_basis", scale, basis)
    g.quality_bias("scale", scale)
    g.outputs = ["scale"]
    if k < MEAN_GROUPS:
        decoded = done + phase * own
        mean = g.conv("m" if decoded else "mean", h, own, 1, 5)
        zero(g.modules_by_layer[mean])
        if decoded:
            g.inputs["deviation"] = g.wires["deviation"] = Wire(decoded, *DEVIATION)
            linear = g.conv("linear", "deviation", own, 3, 5)
            weight = g.modules_by_layer["linear"].weight.data
            weight.zero_()
            if phase:
                for c in range(own):
                    if order[done + c][1:] == (0, 0):
                        weight[c, done + c, [0, 1, 1, 2], [1, 0, 2, 1]] = 0.2
            mean = g.add("mean", mean, linear)
        g.outputs.append(mean)
    return g


def feature(g: Graph, scale: str, near: str, own: int) -> str:
    """Scale + gain * log2(1 + 10 near), one gain per channel."""
    log = g.lookup(near + "_log", near, AVERAGE_LOG)
    gain = g.conv(near + "_gain", log, own, 1, 6, groups=own)
    g.modules_by_layer[near + "_gain"].weight.data.fill_(0.4)
    return g.add(near + "_sum", scale, gain)


def synthesis_simple() -> Graph:
    """Inverse transform of blocks, and of lapping them; answers Y, Cb, Cr in 1/8 sample units.

    Weights of 8 bits would leave errors of a tenth of a percent of the strongest latents: `blocks_fine` has what
    is left of their weights. Of the lapping only what it adds is multiplied.
    """
    g = Graph("synthesis_simple", latent=Wire(CHANNELS, -4095, 4095, 1))
    coarse = g.conv("blocks_coarse", "latent", 768, 1, 3, splits=8)
    low = g.conv("low", "latent", LOW, 1, 1, lo=-4095, hi=4095)
    g.add("blocks", coarse, g.conv("blocks_fine", low, 768, 1, 3))
    g.plain("pixel_shuffle", "blocks_plane", ["blocks"], factor=BLOCK)
    g.plain("shift_pad", "shifted", ["blocks_plane"], n=8)
    g.plain("pixel_unshuffle", "shifted_blocks", ["shifted"], factor=BLOCK)
    g.conv("across", "shifted_blocks", 768, 1, 3, groups=3)
    g.add("lapped", "shifted_blocks", "across")
    g.plain("pixel_shuffle", "lapped_plane", ["lapped"], factor=BLOCK)
    g.plain("crop", "samples", ["lapped_plane"], n=8)
    g.outputs = ["samples"]
    return g


def filter_base() -> Graph:
    """Residual filter at 1/8 resolution that follows `synthesis_simple` in the transform `base`."""
    g = Graph("filter_base", 1, samples=Wire(3, -2047, 2047, 3))
    g.plain("pixel_unshuffle", "phases", ["samples"], factor=8)
    g.conv("f0", "phases", 32, 3, 4, splits=4)
    g.quality_bias("f1", "f0", lo=0)
    g.conv("ra", "f1", 32, 3, 4, lo=0)
    g.conv("qa", "ra", 32, 1, 4)
    g.conv("correction", g.add("ta", "f1", "qa"), 192, 3, 3)
    g.add("corrected", "phases", "correction")
    g.plain("pixel_shuffle", "filtered", ["corrected"], factor=8)
    g.modules_by_layer["f0"].weight.data *= 0.1
    zero(g.modules_by_layer["qa"])
    zero(g.modules_by_layer["correction"])
    g.outputs = ["filtered"]
    return g
