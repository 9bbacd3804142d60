"""Rate and distortion of a checkpoint on centre crops of a folder, without a coder.

usage: python -m training.evaluate CHECKPOINT.safetensors FOLDER [--crop 512] [--quality 8 24 40 56]
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from training import checkpoint
from training.model import Set
from training.train import mean_squared_error, rate_weight, ycc


def main() -> None:
    """Print, per quality, means over the folder's photographs: bpp of y and z, PSNR-RGB, loss."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--crop", type=int, default=512)
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--quality", type=int, nargs="*", default=[8, 24, 40, 56])
    o = parser.parse_args()
    torch.set_num_threads(1)
    net = Set().eval()
    net.load_state_dict(checkpoint.load(o.checkpoint))
    crops = []
    for path in sorted(o.folder.glob("photo*"))[:: o.every]:
        p = Image.open(path).convert("RGB")
        w, h = (min(o.crop, s // 64 * 64) for s in p.size)
        x, y = (p.width - w) // 2, (p.height - h) // 2
        crops.append(
            torch.from_numpy(np.array(p.crop((x, y, x + w, y + h)))).permute(2, 0, 1)[None].float()
        )
    for q in o.quality:
        rows = []
        for crop in crops:
            x, quality = ycc(crop.clone()), torch.tensor([q])
            with torch.no_grad():
                out = net(x, quality)
            n = x.shape[2] * x.shape[3]
            error = mean_squared_error(out["x_hat"].clamp(-255, 255), x)
            bpp_y, bpp_z = out["bits_y"] / n, out["bits_z"] / n
            loss = (
                (rate_weight(quality) * error + bpp_y + bpp_z) / rate_weight(quality).sqrt() * 0.05
            )
            rows.append([v.item() for v in (bpp_y, bpp_z, 10 * torch.log10(65025 / error), loss)])
        print(f"quality {q:2}: bpp y, bpp z, dB, loss", np.mean(rows, 0).round(4), flush=True)


if __name__ == "__main__":
    main()
