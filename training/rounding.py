"""Round the weights of a layer to integers that make good each other's errors.

Each weight is rounded in turn and the weights that are still real take over its error, as the second moments of the
layer's input ask (GPTQ: Frantar et al. 2023, after the Optimal Brain Surgeon).
"""

import torch
from torch import Tensor

from training.graph import Conv

DAMPING = 1e-4
"""Share of the mean second moment that is added to each input's own."""


@torch.no_grad()
def round_together(conv: Conv, moments: list[Tensor], exact: int = 0) -> None:
    """Round the weights of a layer, one input after the other, the strongest first; the bias takes what is left.

    The errors of the first `exact` inputs are made good elsewhere.
    """
    scale = 2 ** torch.floor(torch.log2(127.49 / conv.weight.abs().amax((1, 2, 3)))).double()
    scale = torch.maximum(scale, scale.median())  # a few weights beyond 127 are cut instead
    rows = conv.weight.shape[0] // conv.groups
    for g, moment in enumerate(moments):
        own = slice(g * rows, (g + 1) * rows)
        weight = torch.cat([conv.bias[own, None], conv.weight[own, :, 0, 0]], 1).double()
        order = moment.diag()[1:].argsort(descending=True) + 1
        order = torch.cat([order, torch.tensor([0])])
        damped = moment + DAMPING * moment.diag().mean() * torch.eye(len(moment)).double()
        inverse = torch.cholesky_inverse(torch.linalg.cholesky(damped[order][:, order]))
        factor = torch.linalg.cholesky(inverse, upper=True)
        left = weight[:, order]
        for i, channel in enumerate(order[:-1]):
            near = (left[:, i] * scale[own]).round().clamp(-127, 127) / scale[own]
            weight[:, channel] = near
            if channel > exact:
                left[:, i:] -= ((left[:, i] - near) / factor[i, i])[:, None] * factor[i, i:]
        conv.bias[own] = left[:, -1].float()
        conv.weight[own, :, 0, 0] = weight[:, 1:].float()
