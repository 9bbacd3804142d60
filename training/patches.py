"""Cut training pictures into one compact file of patches, with a manifest of what went in.

usage: python -m training.patches IMAGES/train OUT.npy [--size 320] [--per-megapixel 6]

The choice of patches is a pure function of the folder's content: the generator is seeded per file name.
"""

import argparse
import csv
import hashlib
import json
import zlib
from pathlib import Path

import numpy as np
from PIL import Image


def cut(path: Path, size: int, per_megapixel: float) -> list[np.ndarray]:
    """Return uint8 (size, size, 3) patches of one picture, some from a half-size version.

    Pictures narrower or lower than `size` give none.
    """
    rng = np.random.default_rng(zlib.crc32(path.name.encode()))
    with Image.open(path) as file:
        picture = file.convert("RGB")
    out = []
    count = max(1, round(per_megapixel * picture.width * picture.height / 1e6))
    for _ in range(min(count, 16)):
        scale = 1 if rng.random() < 0.7 or min(picture.size) < 2 * size else 2
        w, h = size * scale, size * scale
        if picture.width < w or picture.height < h:
            continue
        x, y = rng.integers(0, picture.width - w + 1), rng.integers(0, picture.height - h + 1)
        patch = picture.crop((x, y, x + w, y + h))
        if scale > 1:
            patch = patch.resize((size, size), Image.Resampling.BOX)
        out.append(np.asarray(patch))
    return out


def main() -> None:
    """Write OUT.npy (N, size, size, 3) in shuffled order and OUT.json, the manifest."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--size", type=int, default=320)
    parser.add_argument("--per-megapixel", type=float, default=6)
    options = parser.parse_args()
    patches: list[np.ndarray] = []
    manifest = {}
    with (options.folder.parent / "SOURCES.csv").open(newline="") as file:
        sources = {row["file"]: row for row in csv.DictReader(file)}
    for path in sorted(options.folder.iterdir()):
        rate = options.per_megapixel * (1.0 if path.name.startswith("photo") else 0.35)
        cuts = cut(path, options.size, rate)
        patches += cuts
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        source = sources[f"{options.folder.name}/{path.name}"]
        manifest[path.name] = {
            "sha256": digest,
            "split": options.folder.name,
            "patches": len(cuts),
            **{key: source[key] for key in ("licence", "repository", "commit", "path")},
        }
    order = np.random.default_rng(0).permutation(len(patches))
    np.save(options.out, np.stack([patches[i] for i in order]))
    options.out.with_suffix(".json").write_text(json.dumps(manifest, indent=1) + "\n")
    print(f"{len(patches)} patches of {len(manifest)} pictures")


if __name__ == "__main__":
    main()
