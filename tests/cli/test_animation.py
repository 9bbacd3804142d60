# SPDX-License-Identifier: Apache-2.0
"""Animations from file to stream and back."""

from pathlib import Path
from typing import Any

import numpy as np
import png
import pytest
from numpy.typing import NDArray
from PIL import Image

import refdec
from refdec.cli.main import main as refdec_main
from refenc.animation import read_animation
from refenc.cli import main

Capture = pytest.CaptureFixture[str]
HEIGHT, WIDTH = 30, 44
DURATIONS = [40, 100, 70, 200]


def frames(*, alpha: bool = False) -> list[NDArray[np.uint8]]:
    """Make a square that moves; the third frame repeats the second."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    ground = np.dstack([4 * columns, 6 * rows, 200 - rows - columns]).astype(np.uint8)
    found = []
    for left in (2, 12, 12, 30):
        pixels = ground.copy()
        pixels[5:13, left : left + 8] = 250, 20, 90
        opacity = np.full((HEIGHT, WIDTH), 255, np.uint8)
        opacity[20:, left:] = 0
        found.append(np.dstack([pixels, opacity]) if alpha else pixels)
    return found


def save(path: Path, arrays: list[NDArray[np.uint8]], **options: Any) -> Path:
    first, *others = map(Image.fromarray, arrays)
    settings = {"save_all": True, "append_images": others, "duration": DURATIONS, "loop": 3}
    first.save(path, **(settings | options))
    return path


def shown(path: Path, mode: str = "RGB") -> list[tuple[float, NDArray[np.uint8]]]:
    """Read duration and pixels of each frame with Pillow."""
    with Image.open(path) as image:
        found = []
        for number in range(image.n_frames):
            image.seek(number)
            image.load()
            found.append((image.info["duration"], np.asarray(image.convert(mode))))
        return found


@pytest.mark.parametrize("alpha", [False, True])
@pytest.mark.parametrize("name", ["a.png", "a.webp"])
def test_lossless_animations_come_back(tmp_path: Path, name: str, alpha: bool) -> None:
    options = {"lossless": True, "exact": True} if name.endswith("webp") else {}
    arrays = frames(alpha=alpha)
    source = save(tmp_path / name, arrays, **options)
    stream, output = tmp_path / "a.jai", tmp_path / "b.png"
    assert main(["encode", str(source), "-o", str(stream), "--lossless", "--hash"]) == 0
    assert refdec_main(["decode", str(stream), "-o", str(output), "--verify"]) == 0
    decoded = shown(output, "RGBA" if alpha else "RGB")
    assert [duration for duration, _ in decoded] == [40, 170, 200]
    read = shown(source, "RGBA" if alpha else "RGB")
    for (_, pixels), (_, wanted) in zip(decoded, read, strict=True):
        np.testing.assert_array_equal(pixels, wanted)
    np.testing.assert_array_equal(decoded[2][1][..., -1], arrays[3][..., -1])
    with Image.open(output) as image:
        assert image.info["loop"] == 3
    partial = [f.frame_header.whole_frame_flag for f in refdec.parse(stream).frames]
    assert partial == [1, 0, 0]


def test_gif_is_read_with_its_loops(tmp_path: Path) -> None:
    source, stream = save(tmp_path / "a.gif", frames()), tmp_path / "a.jai"
    assert main(["encode", str(source), "--lossless"]) == 0
    wanted = shown(source)
    for (_, pixels), frame in zip(wanted, refdec.decode_frames(stream), strict=True):
        np.testing.assert_array_equal(frame.picture.interleaved, pixels)
    assert sum(frame.seconds for frame in refdec.decode_frames(stream)) * 1000 == 410
    assert refdec.parse(stream).animation.loop_count == 4
    forever = read_animation(save(tmp_path / "b.gif", frames(), loop=0))
    assert forever is not None
    assert forever.loop_count == 0


def test_grey_animations_have_one_component(tmp_path: Path) -> None:
    source = save(tmp_path / "a.png", [array[..., 0].copy() for array in frames()])
    assert main(["encode", str(source), "--quality", "30"]) == 0
    assert refdec.decode(source.with_suffix(".jai"), frame=2).samples.shape == (1, HEIGHT, WIDTH)


def test_lossy_animations_are_near(tmp_path: Path) -> None:
    source = save(tmp_path / "a.png", frames())
    stream = source.with_suffix(".jai")
    assert main(["encode", str(source), "--bpp", "6"]) == 0
    decoded = [frame.picture.interleaved.astype(int) for frame in refdec.decode_frames(stream)]
    for pixels, (_, wanted) in zip(decoded, shown(source), strict=True):
        assert np.abs(pixels - wanted).mean() < 6
    area = 3 * WIDTH * HEIGHT
    assert 8 * stream.stat().st_size / area < 7


def test_numbered_files_and_single_frames(tmp_path: Path, capsys: Capture) -> None:
    source = save(tmp_path / "a.png", frames())
    stream = str(source.with_suffix(".jai"))
    assert main(["encode", str(source), "--lossless"]) == 0
    assert refdec_main(["decode", stream, "-o", str(tmp_path / "n_%03d.ppm")]) == 0
    assert "3 frames" in capsys.readouterr().out
    for number, (_, pixels) in enumerate(shown(source)):
        with Image.open(tmp_path / f"n_{number:03d}.ppm") as image:
            np.testing.assert_array_equal(np.asarray(image), pixels)
    assert not (tmp_path / "n_003.ppm").exists()
    one = tmp_path / "one.ppm"
    assert refdec_main(["decode", stream, "-o", str(one), "--frame", "2"]) == 0
    assert one.read_bytes() == (tmp_path / "n_002.ppm").read_bytes()
    assert refdec_main(["decode", stream, "-o", str(tmp_path / "all.ppm")]) == 0
    numbered = [(tmp_path / f"n_00{number}.ppm").read_bytes() for number in range(3)]
    assert (tmp_path / "all.ppm").read_bytes() == b"".join(numbered)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["-o", "x.tif"], r"x_%04d.tif"),
        (["-o", "x.png", "--frame", "3"], "no frame 3"),
    ],
)
def test_what_makes_no_sense_is_said(
    tmp_path: Path,
    arguments: list[str],
    text: str,
    capsys: Capture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    source = save(tmp_path / "a.png", frames())
    assert main(["encode", str(source), "--lossless"]) == 0
    capsys.readouterr()
    assert refdec_main(["decode", "a.jai", *arguments]) == 2
    assert text in capsys.readouterr().err
    assert main(["encode", str(source), "--roi", "0,0,5,5,3"]) == 2
    assert "for stills" in capsys.readouterr().err


def test_latents_trace_and_verify_of_frames(tmp_path: Path, capsys: Capture) -> None:
    source = save(tmp_path / "a.png", frames())
    stream = str(source.with_suffix(".jai"))
    assert main(["encode", str(source), "--quality", "20", "--hash"]) == 0
    assert refdec_main(["verify", stream]) == 0
    assert "frame 2, latents (point L): match" in capsys.readouterr().out
    assert refdec_main(["verify", stream, "--frame", "1"]) == 0
    assert "frame 2" not in capsys.readouterr().out
    latents, trace = tmp_path / "y.npz", tmp_path / "t.json"
    assert refdec_main(["latents", stream, "-o", str(latents), "--frame", "1"]) == 0
    wanted = refdec.decode_latents(stream, frame=1).y_hat
    np.testing.assert_array_equal(np.load(latents)["y_hat"], wanted)
    assert refdec_main(["trace", stream, "-o", str(trace), "--frame", "1"]) == 0
    assert '"frame1/picture"' in trace.read_text()


def test_deep_animations_are_refused(tmp_path: Path, capsys: Capture) -> None:
    source = save(tmp_path / "a.png", frames())
    data = source.read_bytes()
    with (tmp_path / "deep.png").open("wb") as file:
        rows = np.zeros((HEIGHT, 3 * WIDTH), int).tolist()
        png.Writer(WIDTH, HEIGHT, greyscale=False, bitdepth=16).write(file, rows)
    deep = (tmp_path / "deep.png").read_bytes()
    start = data.index(b"acTL") - 4
    source.write_bytes(deep[:33] + data[start : data.index(b"IDAT") - 4] + deep[33:])
    assert main(["encode", str(source)]) == 4
    assert "more than 8 bits" in capsys.readouterr().err
