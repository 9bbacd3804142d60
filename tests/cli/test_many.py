# SPDX-License-Identifier: Apache-2.0
"""Directories and several files at once: places, errors, resuming, interruption, a cluster."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from distributed import LocalCluster
from PIL import Image

import conformance.__main__
import refenc.cli
from refdec.cli import workers
from refdec.cli.main import main

Capture = pytest.CaptureFixture[str]
REFDEC = (sys.executable, "-m", "refdec")
PATIENCE = 60.0


@pytest.fixture
def tree(tmp_path: Path, hashed_data: bytes, grey_data: bytes) -> Path:
    """Write two streams, one of them deeper, and a file of another kind."""
    root = tmp_path / "in"
    (root / "deep" / "er").mkdir(parents=True)
    (root / "a.jai").write_bytes(hashed_data)
    (root / "deep" / "er" / "B.JAI").write_bytes(grey_data)
    (root / "deep" / "notes.txt").write_text("not a stream", encoding="ascii")
    return root


def written(directory: Path) -> set[str]:
    """Return the files below, hidden ones included, but for the journal."""
    files = (path for path in directory.rglob("*") if path.is_file())
    names = {path.relative_to(directory).as_posix() for path in files}
    assert not {name for name in names if name.endswith(".tmp")}
    return names - {".refdec-done.jsonl", ".refenc-done.jsonl"}


def decode(*arguments: object) -> int:
    return main(["decode", *map(str, arguments)])


def test_tree_keeps_its_places(tree: Path, tmp_path: Path, capsys: Capture) -> None:
    assert decode(tree, "-o", tmp_path / "new" / "out", "--jobs", 2) == 0
    captured = capsys.readouterr()
    assert "2 decoded, 1 of other kinds\n" in captured.out
    assert captured.err == ""
    assert written(tmp_path / "new" / "out") == {"a.png", "deep/er/B.png"}
    assert decode(tree / "a.jai", "-o", tmp_path / "one.png") == 0
    many = (tmp_path / "new" / "out" / "a.png").read_bytes()
    assert many == (tmp_path / "one.png").read_bytes()


def test_several_files_go_by_their_names(tree: Path, tmp_path: Path) -> None:
    files = tree / "a.jai", tree / "deep" / "er" / "B.JAI"
    assert decode(*files, "-o", tmp_path / "out", "--suffix", "pnm", "--jobs", 1) == 0
    assert written(tmp_path / "out") == {"a.pnm", "B.pnm"}
    assert decode(files[0], "-o", tmp_path / "out") == 0
    assert "a.png" in written(tmp_path / "out")


def test_failures_are_summed_up(tree: Path, tmp_path: Path, capsys: Capture) -> None:
    (tree / "b.jai").write_bytes(b"no stream")
    (tree / "c.jai").write_bytes((tree / "a.jai").read_bytes()[:-40])
    output = tmp_path / "out"
    assert decode(tree / "gone.jai", tree, "-o", output) == 6
    captured = capsys.readouterr()
    lines = captured.err.splitlines()
    assert [line.split(": ")[2] for line in lines] == [
        str(tree / name) for name in ("gone.jai", "b.jai", "c.jai")
    ]
    assert "SOC-001" in lines[1]
    assert "2 decoded, 3 failed" in captured.out
    assert written(output) == {"a.png", "deep/er/B.png"}
    assert decode(tree, "-o", output, "--resume") == 3
    assert "2 done before, 2 failed" in capsys.readouterr().out


def test_what_is_done_is_left_alone(tree: Path, tmp_path: Path, capsys: Capture) -> None:
    output, pixels = tmp_path / "out", (tree / "a.jai").read_bytes()

    def resumed(*options: str) -> str:
        assert decode(tree, "-o", output, "--jobs", 1, "--resume", *options) == 0
        return capsys.readouterr().out.splitlines()[0].removesuffix(", 1 of other kinds")

    assert resumed() == "files    2 decoded"
    old = (output / "a.png").stat().st_mtime_ns
    assert resumed() == "files    2 done before"
    assert (output / "a.png").stat().st_mtime_ns == old
    (output / "a.png").unlink()
    assert resumed() == "files    1 decoded, 1 done before"
    (output / "a.png").write_bytes(b"another")
    assert resumed() == "files    1 decoded, 1 done before"
    (tree / "a.jai").write_bytes(pixels)
    os.utime(tree / "a.jai", ns=(1, 1))
    assert resumed() == "files    1 decoded, 1 done before"
    journal = output / ".refdec-done.jsonl"
    journal.write_bytes(journal.read_bytes().rstrip()[:-9])
    assert resumed() == "files    1 decoded, 1 done before"
    assert resumed("--synthesis", "simple") == "files    2 decoded"
    assert resumed("--synthesis", "simple", "--threads", "2") == "files    2 done before"
    assert decode(tree, "-o", output) == 0
    assert "files    2 decoded" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["{in}"], "-o DIR"),
        (["{in}/a.jai", "--jobs", "2"], "go with many files"),
        (["{in}/a.jai", "--resume"], "go with many files"),
        (["{in}", "{in}/deep", "{in}/same", "-o", "{out}"], "would both become"),
        (["{in}/deep/er/none", "-o", "{out}"], "no files .jai"),
        (["{in}", "-o", "{out}", "--suffix", ".jpg"], "--suffix .jpg: unknown extension"),
    ],
)
def test_wrong_usage_writes_nothing(
    tree: Path, tmp_path: Path, arguments: list[str], text: str, capsys: Capture
) -> None:
    (tree / "deep" / "er" / "none").mkdir()
    (tree / "same").mkdir()
    shutil.copy(tree / "a.jai", tree / "same" / "a.jai")
    places = {"in": tree, "out": tmp_path / "out"}
    assert decode(*(argument.format(**places) for argument in arguments)) == 2
    assert text in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_encoding_many_is_encoding_each(tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "in" / "sub").mkdir(parents=True)
    for place, colour in (("red.png", (200, 10, 9)), ("sub/blue.PPM", (3, 40, 180))):
        Image.new("RGB", (30, 20), colour).save(tmp_path / "in" / place)
    Image.new("CMYK", (8, 8)).save(tmp_path / "in" / "sub" / "ink.jpg")
    options = ["--bpp", "0.01", "--effort", "0"]
    many = [str(tmp_path / "in"), "-o", str(tmp_path / "out"), "--jobs", "2"]
    assert refenc.cli.main(["encode", *many, *options]) == 4
    captured = capsys.readouterr()
    assert "2 encoded, 1 failed" in captured.out
    assert captured.err.count("refenc: note: ") == 2
    assert f"refenc: error: {tmp_path / 'in' / 'sub' / 'ink.jpg'}: " in captured.err
    assert written(tmp_path / "out") == {"red.jai", "sub/blue.jai"}
    red = [str(tmp_path / "in" / "red.png"), "-o", str(tmp_path / "red.jai")]
    assert refenc.cli.main(["encode", *red, *options]) == 0
    assert (tmp_path / "red.jai").read_bytes() == (tmp_path / "out" / "red.jai").read_bytes()


def wait_for(ready: Callable[[], object]) -> None:
    end = time.monotonic() + PATIENCE
    while not ready():
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.fixture
def stuck(tree: Path, tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Decode a tree whose second stream is a pipe that nobody writes to, and get there."""
    os.mkfifo(tree / "b.jai")
    shutil.copy(tree / "a.jai", tree / "c.jai")
    # A shell's job in the background ignores interruptions, and so would its children.
    with subprocess.Popen(  # noqa: S603
        [*REFDEC, "decode", str(tree), "-o", str(tmp_path / "out"), "--jobs", "1"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
    ) as process:
        journal = tmp_path / "out" / ".refdec-done.jsonl"
        wait_for(lambda: journal.exists() and journal.stat().st_size)
        yield process
        process.kill()


def worker_of(process: subprocess.Popen[str]) -> int:
    """Return the process that decodes."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text(encoding="ascii")
    (worker,) = (
        int(child)
        for child in children.split()
        if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes()
    )
    return worker


def test_interruption_stops_at_once_and_can_be_resumed(
    stuck: subprocess.Popen[str], tree: Path, tmp_path: Path, capsys: Capture
) -> None:
    worker = worker_of(stuck)
    os.killpg(stuck.pid, signal.SIGINT)
    out, err = stuck.communicate(timeout=PATIENCE)
    assert (stuck.returncode, err) == (130, "refdec: error: interrupted\n")
    assert "1 decoded" in out
    assert not Path(f"/proc/{worker}").exists()
    assert written(tmp_path / "out") == {"a.png"}
    (tree / "b.jai").unlink()
    assert decode(tree, "-o", tmp_path / "out", "--resume", "--jobs", 1) == 0
    assert "2 decoded, 1 done before" in capsys.readouterr().out


def test_a_dead_worker_costs_one_file(stuck: subprocess.Popen[str], tmp_path: Path) -> None:
    os.kill(worker_of(stuck), signal.SIGKILL)
    out, err = stuck.communicate(timeout=PATIENCE)
    assert stuck.returncode == 4
    assert "b.jai: a process died" in err
    assert "3 decoded, 1 failed" in out
    assert written(tmp_path / "out") == {"a.png", "c.png", "deep/er/B.png"}


@pytest.fixture(scope="module")
def scheduler() -> Iterator[str]:
    """Start a scheduler and two workers."""
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        yield cluster.scheduler_address


def test_cluster_decodes_the_same(
    tree: Path, tmp_path: Path, scheduler: str, capsys: Capture
) -> None:
    (tree / "b.jai").write_bytes(b"no stream")
    output = tmp_path / "out"
    assert decode(tree, "-o", output, "--scheduler", scheduler) == 3
    captured = capsys.readouterr()
    assert "2 decoded, 1 failed" in captured.out
    assert "b.jai" in captured.err
    assert decode(tree, "-o", tmp_path / "here") == 3
    for name in ("a.png", "deep/er/B.png"):
        assert (output / name).read_bytes() == (tmp_path / "here" / name).read_bytes()
    capsys.readouterr()
    assert decode(tree, "-o", output, "--scheduler", scheduler, "--resume") == 3
    assert "2 done before, 1 failed" in capsys.readouterr().out


def test_cluster_judges(scheduler: str, capsys: Capture) -> None:
    cases = ["--filter", "picture/size-7x5", "--filter", "invalid/eoc-001-missing"]
    assert (
        conformance.__main__.main(["run", *cases, "--backend", "numpy", "--scheduler", scheduler])
        == 0
    )
    assert "all              2" in capsys.readouterr().out
    call = ["run", *cases, "--python", "refdec:decode", "--scheduler", scheduler]
    assert conformance.__main__.main(call) == 2


def test_no_scheduler(
    tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.setattr(workers, "CONNECT_SECONDS", 0.2)
    assert decode(tree, "-o", tmp_path / "out", "--scheduler", "tcp://127.0.0.1:1") == 2
    assert "no Dask scheduler answers at tcp://127.0.0.1:1" in capsys.readouterr().err
    monkeypatch.setitem(sys.modules, "distributed", None)
    assert decode(tree, "-o", tmp_path / "out", "--scheduler", "tcp://127.0.0.1:1") == 2
    assert "jai-codec[dask]" in capsys.readouterr().err
