"""Checkpoints: all float parameters of a set in one safetensors file.

usage: python -m training.checkpoint FROM.safetensors TO.safetensors     (TO is small enough to commit, and packs to the same integers)
"""

import argparse
from pathlib import Path

from safetensors.torch import load_file, save_file
from torch import Tensor

from training.graph import settle
from training.model import Set


def load(path: Path) -> dict[str, Tensor]:
    """Read parameters as float32, whatever they were stored in."""
    return {name: value.float() for name, value in load_file(path).items()}


def save(state: dict[str, Tensor], path: Path) -> None:
    """Write parameters; the file is whole or not there."""
    part = path.with_suffix(".part")
    save_file({name: value.contiguous() for name, value in state.items()}, part)
    part.replace(path)


def halved(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Weights in half precision.

    Training leaves many weights at the border between two integers, where half precision would choose anew: it cost 3 %
    of the rate. Settled weights are integers of 8 bits times powers of two, which it holds exactly.
    """
    net = Set()
    net.load_state_dict(state)
    settle(net)
    return {
        name: value.half() if value.dim() > 1 and name.endswith("weight") else value
        for name, value in net.state_dict().items()
    }


def main() -> None:
    """Settle, and convert weights to half precision."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source", type=Path)
    parser.add_argument("target", type=Path)
    o = parser.parse_args()
    save(halved(load(o.source)), o.target)


if __name__ == "__main__":
    main()
