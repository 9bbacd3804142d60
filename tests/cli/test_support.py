# SPDX-License-Identifier: Apache-2.0
"""What both command lines share: exit statuses, messages, atomic files."""

import ctypes
import errno
import os
import stat
from collections.abc import Sequence
from pathlib import Path

import pytest

from refdec.cli.allocator import keep_memory
from refdec.cli.support import (
    MAX_STREAM_BYTES,
    UsageError,
    atomic_file,
    check_destination,
    read_stream,
    run,
)
from refdec.errors import (
    ConstraintViolation,
    HashMismatch,
    LimitExceeded,
    MalformedStream,
    ModelError,
    NonConforming,
    TruncatedStream,
    UnsupportedFeature,
)

FAILURES = [
    (UsageError("no such option"), 2, "no such option"),
    (TruncatedStream("cut"), 3, "cut"),
    (MalformedStream("bad"), 3, "bad"),
    (ConstraintViolation("rule"), 3, "rule"),
    (NonConforming("level"), 3, "level"),
    (UnsupportedFeature("later"), 4, "later"),
    (LimitExceeded("budget"), 4, "budget"),
    (MemoryError(), 4, "not enough memory"),
    (HashMismatch("other"), 5, "other"),
    (ModelError("weights"), 6, "weights"),
    (FileNotFoundError(errno.ENOENT, "No such file", "a.jai"), 6, "a.jai: No such file"),
    (OSError("no errno"), 6, "no errno"),
    (KeyboardInterrupt(), 130, "interrupted"),
]


def fail_with(error: BaseException) -> int:
    """Run a command that raises."""

    def command(_: Sequence[str]) -> int:
        raise error

    return run("tool", command, [])


@pytest.mark.parametrize(("error", "status", "text"), FAILURES, ids=lambda x: type(x).__name__)
def test_each_error_has_its_exit_status_and_one_line(
    error: BaseException, status: int, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert fail_with(error) == status
    captured = capsys.readouterr()
    assert captured.err == f"tool: error: {text}\n"
    assert captured.out == ""


def test_stream_errors_say_element_byte_and_requirement(capsys: pytest.CaptureFixture[str]) -> None:
    fail_with(MalformedStream("bad", element="level_idc", offset=17, requirement="PIH-002"))
    assert capsys.readouterr().err == "tool: error: bad (element level_idc, byte 17, PIH-002)\n"


def test_bug_is_status_1_and_one_line_without_traceback(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("JAI_DEBUG", raising=False)
    assert fail_with(ZeroDivisionError("first\nsecond")) == 1
    message = capsys.readouterr().err
    assert message.count("\n") == 1
    assert "internal error, please report it: ZeroDivisionError: first second" in message


def test_debug_variable_adds_the_traceback(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JAI_DEBUG", "1")
    assert fail_with(MalformedStream("bad")) == 3
    assert "Traceback" in capsys.readouterr().err


def test_atomic_file_appears_complete_with_ordinary_permissions(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    with atomic_file(path) as file:
        file.write(b"12")
        assert not path.exists()
    mask = os.umask(0)
    os.umask(mask)
    assert path.read_bytes() == b"12"
    assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~mask
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_atomic_file_leaves_the_old_file_on_error(
    tmp_path: Path, error: type[BaseException]
) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"old")

    def fail() -> None:
        with atomic_file(path) as file:
            file.write(b"new")
            raise error

    with pytest.raises(error):
        fail()
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_atomic_file_writes_through_links_and_into_pipes(tmp_path: Path) -> None:
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_bytes(b"old")
    link.symlink_to(target)
    with atomic_file(link) as file:
        file.write(b"new")
    assert link.is_symlink()
    assert target.read_bytes() == b"new"
    with atomic_file(Path(os.devnull)) as file:
        file.write(b"gone")
    assert stat.S_ISCHR(Path(os.devnull).stat().st_mode)


def test_destination_is_checked_before_work_starts(tmp_path: Path) -> None:
    source = tmp_path / "a.png"
    source.touch()
    with pytest.raises(FileNotFoundError, match="no such directory"):
        check_destination(tmp_path / "missing" / "a.png")
    with pytest.raises(IsADirectoryError):
        check_destination(tmp_path)
    with pytest.raises(UsageError, match="is the input"):
        check_destination(tmp_path / "." / "a.png", source=source)


def test_huge_file_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "huge.jai"
    with path.open("wb") as file:
        file.truncate(MAX_STREAM_BYTES + 1)
    with pytest.raises(LimitExceeded):
        read_stream(path)


@pytest.mark.parametrize("error", [None, AttributeError, OSError, TypeError])
def test_memory_is_kept_where_the_c_library_can(
    monkeypatch: pytest.MonkeyPatch, error: type[Exception] | None
) -> None:
    asked: list[tuple[int, int]] = []

    class Library:
        def __init__(self, _name: None) -> None:
            if error:
                raise error

        def mallopt(self, parameter: int, value: int) -> int:
            asked.append((parameter, value))
            return 1

    monkeypatch.setattr(ctypes, "CDLL", Library)
    keep_memory()
    assert len(asked) == (0 if error else 2)
