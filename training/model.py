"""The float model of a set: analysis, hyper-latent, context networks and synthesis, in the units of the codestream.

x        picture, YCbCr (BT.601, full range) minus (128, 0, 0), sample units, (B, 3, H, W)
y        latent (B, 512, H/16, W/16): lapped 16x16 transform, low to high frequency, luma and chroma interleaved
z        hyper-latent (B, 16, H/64, W/64)
symbols  round((y - mean) / step): what the entropy coder codes
transform  index of the block transform of each position (B, H/16, W/16): the basis of its luma latents
groups   channel groups, each coded in two checkerboard phases

The context networks work in units of the quantisation step, so they see small integers at every quality.
"""

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training.block_transforms import (
    NUM_TRANSFORMS,
    choose,
    from_basis,
    partition_matrices,
    to_basis,
)
from training.graph import ANCHORS, Graph, Wire, at_quality, straight_through, symmetric
from training.networks import (
    GROUPS,
    HYPER,
    LOW,
    MEAN_GROUPS,
    STATE,
    TRANSFORM_TABLES,
    activity,
    filter_base,
    head,
    head_transform,
    synthesis_simple,
    transform_start,
    update,
    update_transform,
    zero,
)
from training.rate import bits, decided, noisy, pull
from training.transform import BLOCK, CHANNELS, dct, frequency_order, lapping

STEP_RANGE = (200.0, 1.6)  # quantisation step at quality 0 and 63, before training
SKIP_LOG = -2.5  # log2 of the scale under which a position is not coded
RGB_FROM_YCC = ((1.0, 0.0, 1.402), (1.0, -0.344136, -0.714136), (1.0, 1.772, 0.0))


class Set(nn.Module):
    """All networks of a model set; attributes that are `Graph`s are normative, the rest is the encoder's."""

    def __init__(self) -> None:
        super().__init__()
        order = frequency_order()
        self.analysis_start(order)
        self.hyper = self.hyper_decoder()
        done = [sum(GROUPS[:k]) for k in range(len(GROUPS))]
        self.updates = nn.ModuleList(update(k, n) for k, n in enumerate(GROUPS))
        self.activities = nn.ModuleList(activity(k, n) for k, n in enumerate(GROUPS[:-1]))
        self.heads = nn.ModuleList(
            head(k, phase, n, done[k], order) for k, n in enumerate(GROUPS) for phase in range(2)
        )
        self.register_buffer("transforms", partition_matrices(), persistent=False)
        self.transform_head, self.transform_update = head_transform(), update_transform()
        self.transform_log = nn.Parameter(transform_start())
        self.synthesis, self.filter = synthesis_simple(), filter_base()
        self.invert()
        steps = torch.linspace(*(math.log2(s) for s in STEP_RANGE), ANCHORS)
        self.step_log = nn.Parameter(steps[:, None].repeat(1, CHANNELS))
        self.z_scale = nn.Parameter(torch.zeros(HYPER))
        self.z_mean = nn.Parameter(torch.zeros(HYPER))

    # -- encoder side, float -------------------------------------------------------------------------------------

    def analysis_start(self, order: list[tuple[int, int, int]]) -> None:
        d, p = dct(), lapping()
        rows = np.zeros((CHANNELS, 3, 256))
        for i, (c, u, v) in enumerate(order):
            rows[i, c] = np.outer(d[u], d[v]).reshape(-1)
        self.transform = torch.tensor(rows.reshape(CHANNELS, 768, 1, 1), dtype=torch.float32)
        lap = np.kron(p, p).reshape(256, 256, 1, 1)
        self.lap = torch.tensor(np.concatenate([lap] * 3), dtype=torch.float32)
        self.pre = nn.Conv2d(768, 768, 1, groups=3, bias=False)
        self.pre.weight.data = self.lap.clone()
        self.analysis = nn.Conv2d(768, CHANNELS, 1)
        self.analysis.weight.data = self.transform.clone()
        nn.init.zeros_(self.analysis.bias)
        self.hyper_linear = nn.Conv2d(18, HYPER, 4, stride=4)
        zero(self.hyper_linear)
        k = np.arange(4)
        d4 = np.cos(math.pi * k[:, None] * (2 * k[None] + 1) / 8) * math.sqrt(0.5)
        d4[0] /= math.sqrt(2)
        low = [(0, 0), (0, 1), (1, 0), (1, 1)]
        self.hyper_start = [(0, low, 0), (1, low[:3], 4), (2, low[:3], 7)]  # component, z channels
        self.d4 = torch.tensor(
            np.array([[np.outer(d4[u], d4[v]) for v in range(4)] for u in range(4)]),
            dtype=torch.float32,
        )
        for c, frequencies, first in self.hyper_start:
            source = order.index((c, 0, 0))
            for i, (u, v) in enumerate(frequencies):
                self.hyper_linear.weight.data[first + i, source] = self.d4[u, v] / 256
        self.hyper_activity = nn.Sequential(
            nn.Conv2d(CHANNELS, 64, 1),
            nn.ReLU(),
            nn.AvgPool2d(4, 4),
            nn.Conv2d(64, 64, 1),
            nn.ReLU(),
            nn.Conv2d(64, HYPER, 1),
        )
        zero(self.hyper_activity[-1])

    def lapped(self, x: Tensor) -> Tensor:
        """Blocks (B, 768, H/16, W/16) of a picture, filtered across their borders."""
        t = F.pixel_shuffle(self.pre(F.pixel_unshuffle(symmetric(x, 8), BLOCK)), BLOCK)
        return F.pixel_unshuffle(t[..., 8:-8, 8:-8], BLOCK)

    def analyse(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return y (B, 512, H/16, W/16) and unrounded z (B, 16, H/64, W/64)."""
        y = self.analysis(self.lapped(x))
        return y, self.hyper_analyse(y)

    def inverse_weights(self) -> tuple[Tensor, Tensor]:
        """Weights (768, 512) and (768, 256) that undo both linear layers of `analyse`, the later one first."""
        rows = self.analysis.weight[:, :, 0, 0]
        parts = self.pre.weight[:, :, 0, 0].split(256)
        blocks = torch.linalg.solve(rows @ rows.T, rows).T
        return blocks, torch.cat([torch.linalg.inv(p) for p in parts])

    def inverse(self, y: Tensor) -> Tensor:
        """Picture (B, 3, H, W) of a latent (B, 512, H/16, W/16), in real numbers."""
        blocks, lapped = (w[:, :, None, None] for w in self.inverse_weights())
        t = F.pixel_shuffle(F.conv2d(y - self.analysis.bias[:, None, None], blocks), BLOCK)
        t = F.conv2d(F.pixel_unshuffle(symmetric(t, 8), BLOCK), lapped, groups=3)
        return F.pixel_shuffle(t, BLOCK)[..., 8:-8, 8:-8]

    def hyper_analyse(self, y: Tensor) -> Tensor:
        pad = (0, -y.shape[3] % 4, 0, -y.shape[2] % 4)
        y = F.pad(y, pad, mode="replicate") if any(pad) else y
        return self.hyper_linear(y[:, :18]) + self.hyper_activity(torch.log2(y.abs() / 8 + 1))

    # -- normative networks --------------------------------------------------------------------------------------

    def hyper_decoder(self) -> Graph:
        means = sum(GROUPS[:MEAN_GROUPS])
        g = Graph("hyper", 64, z=Wire(HYPER, -127, 127, 0))
        g.conv("a", "z", 96, 3, 6, lo=0)
        g.conv("b", "a", 64 * 16, 1, 7, lo=0)
        g.plain("pixel_shuffle", "c", ["b"], factor=4)
        g.conv("d", "c", STATE, 3, 7)
        g.quality_bias("state", "d")
        m = g.conv("m", "z", means * 16, 3, 1, lo=-4095, hi=4095)
        g.plain("pixel_shuffle", "mean", [m], factor=4)
        g.outputs = ["state", "mean"]
        weight = g.modules_by_layer["m"].weight.data
        weight.zero_()
        order = frequency_order()
        for c, frequencies, first in self.hyper_start:
            target = order.index((c, 0, 0))
            for i, (u, v) in enumerate(frequencies):
                weight[target * 16 : target * 16 + 16, first + i, 1, 1] = (
                    self.d4[u, v].reshape(-1) * 256
                )
        return g

    @torch.no_grad()
    def invert(self) -> None:
        """Make the synthesis the inverse of the analysis, in real numbers."""
        layers = self.synthesis.modules_by_layer
        blocks, lapped = self.inverse_weights()
        for layer in layers.values():
            zero(layer)
        layers["low"].weight.copy_(torch.eye(LOW, CHANNELS)[:, :, None, None])
        layers["blocks_coarse"].weight.copy_(blocks[:, :, None, None])
        layers["blocks_coarse"].bias.copy_(-blocks @ self.analysis.bias)
        layers["across"].weight.copy_((lapped - torch.eye(256).repeat(3, 1))[:, :, None, None])

    # -- training forward ----------------------------------------------------------------------------------------

    @torch.no_grad()
    def start(self, pictures: list[Tensor]) -> None:
        """Channel deviations of the linear transform set the first entropy model."""
        y = torch.cat(
            [self.analyse(p)[0].permute(1, 0, 2, 3).reshape(CHANNELS, -1) for p in pictures], 1
        )
        deviation = torch.log2(0.6 * y.std(1).clamp_min(0.5))
        first = 0
        for k, n in enumerate(GROUPS):
            base = deviation[first : first + n] - self.step_log[:, first : first + n]
            for phase in range(2):
                features = int(k > 0) + phase
                self.heads[2 * k + phase].modules_by_layer["scale"].anchors.data = (
                    base - 0.4 * 2.6 * features
                )
            first += n
        z = torch.cat(
            [self.analyse(p)[1].permute(1, 0, 2, 3).reshape(HYPER, -1) for p in pictures], 1
        )
        self.z_scale.data = torch.log2(z.std(1).clamp_min(0.2))

    def steps(self, quality: Tensor) -> Tensor:
        """Quantisation steps (B, 512), multiples of 1/16 as in the packed set."""
        step = 2 ** at_quality(self.step_log, quality)
        return straight_through(torch.round(step * 16).clamp_min(1) / 16, step)

    def forward(self, x: Tensor, quality: Tensor) -> dict[str, Tensor]:
        """x: (B, 3, H, W), sides multiples of 64; quality: (B,) integers 0..63.

        Returns the latent as decoded, `y_hat`, and bits per picture of y and z (B,): `bits_y`, `bits_z`; the gradient
        of the rate reaches the entropy model through the coded symbols and the transform through uniform noise.
        """
        y, z = self.analyse(x)
        z = z.clamp(-127, 127)
        z_hat = straight_through(torch.round(z), z)
        z_scale, z_mean = 2 ** self.z_scale[:, None, None].clamp_min(-3), self.z_mean[:, None, None]
        bits_z = bits(z_hat.detach() - z_mean, z_scale) + pull(
            noisy(z) - z_mean.detach(), z_scale.detach()
        )
        out = self.hyper(quality, z=z_hat)
        state, mu = out["state"], out["mean"]
        _b, _, h, w = y.shape
        state, mu = state[..., :h, :w], mu[..., :h, :w]
        steps = self.steps(quality)[..., None, None]
        ij = torch.arange(h, device=x.device)[:, None] + torch.arange(w, device=x.device)[None]
        first_phase = (ij % 2 == 0).float()
        transform = choose(y.detach(), self.transforms, steps)
        y = to_basis(y, self.transforms, transform)
        bits_t = self.transform_bits(self.transform_head(quality, state=state)["scale"], transform)
        indicator = F.one_hot(transform, NUM_TRANSFORMS).movedim(3, 1).float()
        state = self.transform_update(quality, state=state, transform=indicator)["out"]
        activity, deviations, y_hats, first = [], [], [], 0
        coded, exact, scale_logs = [], [], []
        for k, n in enumerate(GROUPS):
            yk, dk = y[:, first : first + n], steps[:, first : first + n]
            mk = mu[:, first : first + n] if k < MEAN_GROUPS else 0
            symbols = deviation = y_hat = torch.zeros_like(yk)
            for phase in range(2):
                here = first_phase if phase == 0 else 1 - first_phase
                head = self.heads[2 * k + phase]
                have = {"state": state, "transform": indicator, "symbols": symbols.clamp(-127, 127)}
                if activity:
                    have["activity"] = torch.cat(activity, 1)
                if deviations or phase:
                    have["deviation"] = (
                        torch.cat([*deviations, clip_deviation(deviation)], 1)
                        if phase
                        else torch.cat(deviations, 1)
                    )
                out = head(quality, **{name: have[name] for name in head.inputs})
                scale_log = out["scale"].clamp(-3.5, 6.49)
                predicted = out["mean"] if k < MEAN_GROUPS else 0
                v = (yk - mk) / dk - predicted
                r = decided(v, 2**scale_log) * (scale_log.detach() >= SKIP_LOG)
                if phase == 0:
                    v0, scale_log0 = v, scale_log
                e = predicted + straight_through(r, v)
                y_hat = y_hat + here * (mk + e * dk)
                symbols = symbols + here * r
                deviation = deviation + here * (e.detach() if k < MEAN_GROUPS else 0)
                if k < len(GROUPS) - 1 or phase == 0:
                    news = {"state": state, "symbols": (here * r).clamp(-127, 127)}
                    if k < MEAN_GROUPS:
                        news["deviation"] = clip_deviation(here * e.detach()) / 2
                    state = self.updates[k](quality, **news)["out"]
            if k < len(GROUPS) - 1:
                activity.append(
                    self.activities[k](quality, symbols=symbols.clamp(-127, 127))["blur"]
                )
            if k < MEAN_GROUPS:
                deviations.append(clip_deviation(deviation))
            y_hats.append(y_hat)
            coded.append(symbols)
            exact.append(torch.where(first_phase > 0, v0, v))
            scale_logs.append(torch.where(first_phase > 0, scale_log0, scale_log))
            first += n
        y_hat = from_basis(in_halves(torch.cat(y_hats, 1)), self.transforms, transform)
        scale = 2 ** torch.cat(scale_logs, 1)
        bits_y = bits(torch.cat(coded, 1), scale) + pull(noisy(torch.cat(exact, 1)), scale.detach())
        y_hat = in_halves(y_hat)
        return {"y_hat": y_hat, "bits_y": bits_y, "bits_z": bits_z, "bits_t": bits_t}

    def transform_bits(self, scale: Tensor, transform: Tensor) -> Tensor:
        """Bits per picture (B,) of the indices (B, h, w), by rows of shares between which `scale` chooses."""
        place = (scale[:, 0] + TRANSFORM_TABLES // 2).clamp(0, TRANSFORM_TABLES - 1.01)
        low = place.detach().floor().long()
        rows, part = F.log_softmax(self.transform_log, 1), (place - low)[..., None]
        log = (1 - part) * rows[low] + part * rows[low + 1]
        return -log.gather(3, transform[..., None]).sum((1, 2, 3)) / math.log(2)


def in_halves(y: Tensor) -> Tensor:
    """Latents as a decoder has them: multiples of 1/2, clipped."""
    return straight_through(torch.floor(y.detach() * 2 + 0.5) / 2, y).clamp(-2047.5, 2047.5)


def clip_deviation(e: Tensor) -> Tensor:
    """Deviation feature: 1/32 steps, clipped to 12 bits."""
    return (torch.floor(e * 32 + 0.5) / 32).clamp(-2047 / 32, 2047 / 32)
