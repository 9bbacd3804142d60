"""Export a checkpoint to the files a decoder and an encoder read.

usage: python -m training.pack CHECKPOINT.safetensors --model-set 3 [--tables-of 2]

Writes spec/models/setN.safetensors (integers, normative), spec/models/setN_encoder.safetensors (float16, informative)
and the entry of spec/tables/model_sets.json. Tables of the hyper-latent come from the trained scales, and
`training.fit_tables` replaces them, and the residual's, by counts; or they are those of another set with the same latents.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import save_file

from refdec.network import load_model_set
from refdec.resources import spec_path
from training import checkpoint
from training.block_transforms import SWITCHED
from training.graph import QUALITIES, Graph
from training.model import Set
from training.networks import GROUPS, HYPER, MEAN_GROUPS
from training.packer import pack_model_set
from training.tables import apportion
from training.transform import frequency_order

ENCODER_PARTS = ("pre.", "analysis.", "hyper_linear.", "hyper_activity.")
HYPER_BOUND = 63
TRAINED = 100.0


def load_checkpoint(path: Path) -> Set:
    """Read a checkpoint for evaluation."""
    net = Set().eval()
    net.load_state_dict(checkpoint.load(path))
    return net


def hyper_tables(net: Set) -> np.ndarray:
    """Frequencies (HYPER, 2 * 63 + 2) of the discretised logistic of each hyper-latent channel, escape last."""
    values = np.arange(-HYPER_BOUND, HYPER_BOUND + 1)
    rows = []
    for scale_log, mean in zip(net.z_scale.tolist(), net.z_mean.tolist(), strict=True):
        edges = (np.append(values - 0.5, HYPER_BOUND + 0.5) - mean) / 2 ** max(scale_log, -3)
        shares = np.diff(1 / (1 + np.exp(-np.clip(edges * np.pi / np.sqrt(3), -60, 60))))
        rows.append(apportion(np.append(shares, 1e-4)))
    return np.array(rows, np.int16)


def transform_tables(net: Set, counts: np.ndarray | float = 0.0) -> np.ndarray:
    """Frequencies (T, K + 1) of the indices of the block transforms, and of an escape that never comes.

    The trained shares are worth `TRAINED` observations beside `counts` (T, K).
    """
    shares = torch.softmax(net.transform_log.detach().double(), 1).numpy()
    shares[:-1] = (shares[:-1] + shares[1:]) / 2
    rows = TRAINED * shares + counts
    return as_tables(np.column_stack([rows, np.full(len(rows), 1e-6)]))


def as_tables(rows: np.ndarray) -> np.ndarray:
    """Frequencies of weights, row by row."""
    return np.array([apportion(row) for row in rows], np.int16)


def pack(net: Set, model_set: int, tables: np.ndarray, transform: np.ndarray) -> None:
    """Write both files; `tables` (HYPER, S) are the hyper-latent's frequencies, `transform` (T, K + 1) the indices'."""
    descriptions, tensors = [], {}
    for graph in (m for m in net.modules() if isinstance(m, Graph)):
        description, own = graph.export()
        descriptions.append(description)
        tensors |= own
    with torch.no_grad():
        steps = net.steps(torch.arange(QUALITIES)) * 16
    tensors["step"] = steps.numpy().round().astype(np.int16)
    tensors["component"] = np.array([c for c, _, _ in frequency_order()], np.uint8)
    tensors["transform_matrices"] = net.transforms.numpy().round().astype(np.int16)
    tensors["transform_channels"] = np.array(SWITCHED, np.int16)
    tensors["transform_frequencies"] = transform
    tensors["hyper_frequencies"] = tables
    tensors["hyper_bounds"] = np.full(HYPER, HYPER_BOUND, np.int32)
    metadata = {"groups": list(GROUPS), "mean_groups": MEAN_GROUPS, "hyper_channels": HYPER}
    pack_model_set(
        model_set_idc=model_set,
        version="1.0.0",
        descriptions=descriptions,
        tensors=tensors,
        metadata=metadata,
    )
    state = {
        n: t.numpy().astype(np.float16)
        for n, t in net.state_dict().items()
        if n.startswith(ENCODER_PARTS)
    }
    save_file(state, spec_path("models", f"set{model_set}_encoder.safetensors"))


def main() -> None:
    """Pack with parametric hyper-latent tables, or with those of another set."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--model-set", type=int, required=True)
    parser.add_argument(
        "--tables-of", type=int, help="model set whose hyper-latent tables are kept"
    )
    o = parser.parse_args()
    net = load_checkpoint(o.checkpoint)
    if o.tables_of is None:
        pack(net, o.model_set, hyper_tables(net), transform_tables(net))
    else:
        kept = load_model_set(o.tables_of).tables
        pack(net, o.model_set, kept["hyper_frequencies"], kept["transform_frequencies"])


if __name__ == "__main__":
    main()
