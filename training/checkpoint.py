"""Checkpoints: all float parameters of a set in one safetensors file.

usage: python -m training.checkpoint FROM.safetensors TO.safetensors     (TO in half precision, small enough to commit)
"""

import argparse
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor


def load(path: Path) -> dict[str, Tensor]:
    """Read parameters as float32, whatever they were stored in."""
    return {name: value.float() for name, value in load_file(path).items()}


def save(state: dict[str, Tensor], path: Path, dtype: torch.dtype = torch.float32) -> None:
    """Write parameters; the file is whole or not there."""
    part = path.with_suffix(".part")
    save_file({name: value.to(dtype).contiguous() for name, value in state.items()}, part)
    part.replace(path)


def main() -> None:
    """Convert to half precision."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source", type=Path)
    parser.add_argument("target", type=Path)
    o = parser.parse_args()
    save(load(o.source), o.target, torch.float16)


if __name__ == "__main__":
    main()
