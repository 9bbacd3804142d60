# SPDX-License-Identifier: Apache-2.0
"""Decoders of other codecs for `benchmarks.speed`: learned ones of CompressAI, and command lines.

CompressAI's networks have random weights, whose latents hardly vary: few bits are coded, in favour of their
entropy decoders. The synthesis costs what it costs with trained weights.
"""

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import MagicMock

import numpy as np

from refdec.arrays import U8Map

NETWORKS = {
    "bmshj2018-hyperprior": (128, 192),
    "mbt2018-mean": (128, 192),
    "cheng2020-anchor": (128,),
}
"""Channels (N, M) of the sizes that CompressAI trained for low rates."""
UNUSED = [
    *("pandas", "torchvision", "torchvision.transforms", "torch_geometric"),
    *("torch_geometric.data", "torch_geometric.data.datapipes", "torch_geometric.transforms"),
]
"""What CompressAI imports for data sets and point clouds."""


class Peer(NamedTuple):
    """A decoder with a coded picture."""

    name: str
    bpp: float
    decode: Callable[[], object]


def learned_peers(samples: U8Map, threads: int) -> Iterator[Peer]:
    """Code a picture (3, H, W) with each network of CompressAI; nothing where it is not installed."""
    sys.modules |= {name: MagicMock() for name in UNUSED if name not in sys.modules}
    try:
        import torch  # noqa: PLC0415 - optional
        from compressai.zoo.image import model_architectures  # noqa: PLC0415
    except ModuleNotFoundError as error:
        print(f"left out: CompressAI ({error})")
        return
    torch.manual_seed(0)
    sides = [-side % 64 for side in samples.shape[:0:-1]]
    picture = torch.from_numpy(samples.astype(np.float32) / 255)[None]
    picture = torch.nn.functional.pad(picture, (0, sides[0], 0, sides[1]), mode="replicate")
    for name, channels in NETWORKS.items():
        network = model_architectures[name](*channels).eval()
        network.update(force=True)
        with torch.inference_mode():
            coded = network.compress(picture)
        size = sum(len(string) for group in coded["strings"] for string in group)

        yield Peer(
            f"CompressAI {name}",
            8 * size / samples[0].size,
            partial(decompress, network, coded, threads),
        )


def decompress(network: Any, coded: dict[str, Any], threads: int) -> None:
    """Decode what a network has coded."""
    import torch  # noqa: PLC0415

    torch.set_num_threads(threads)
    with torch.inference_mode():
        network.decompress(coded["strings"], coded["shape"])


COMMANDS = {  # program of encoder, arguments by number; extension; decoder
    "djxl": (["cjxl", "{source}", "{coded}", "-d", "{setting}", "-e", "4"], ".jxl",
             ["djxl", "{coded}", "{out}.ppm", "--num_threads={threads}"], (4, 3, 2.4, 1.8, 1.4, 1)),
    "avifdec": (["avifenc", "-s", "8", "--min", "{setting}", "--max", "{setting}", "{source}", "{coded}"], ".avif",
                ["avifdec", "-j", "{threads}", "{coded}", "{out}.y4m"], (44, 38, 32, 28, 24, 20)),
    "opj_decompress": (["opj_compress", "-i", "{source}", "-o", "{coded}", "-r", "{setting}"], ".jp2",
                       ["opj_decompress", "-i", "{coded}", "-o", "{out}.ppm", "-threads", "{threads}"], (48,)),
}  # fmt: skip
"""Encoder, extension, decoder, settings by rising rate; the last one at or below the rate is taken."""


def program_peers(source: Path, pixels: int, bpp: float, threads: int) -> Iterator[Peer]:
    """Code a PNG with each peer to at most a rate (or the lowest), for decoding to plain samples."""
    for name, (encoder, extension, decoder, settings) in COMMANDS.items():
        if missing := [tool for tool in (encoder[0], decoder[0]) if shutil.which(tool) is None]:
            print(f"left out: {name} ({missing[0]} is not installed)")
            continue
        best = source.with_suffix(extension)
        for setting in settings:
            tried = source.with_name(f"tried{extension}")
            run(encoder, source=source, coded=tried, setting=setting)
            if best.exists() and 8 * tried.stat().st_size > bpp * pixels:
                break
            tried.replace(best)

        decode = partial(run, decoder, coded=best, out=source.with_name(name), threads=threads)
        yield Peer(name, 8 * best.stat().st_size / pixels, decode)


def run(command: list[str], **values: object) -> None:
    """Run a program whose arguments have names in braces."""
    filled = [argument.format(**values) for argument in command]
    subprocess.run(filled, check=True, capture_output=True)  # noqa: S603 - our own command
