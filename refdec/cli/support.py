# SPDX-License-Identifier: Apache-2.0
"""What the command lines of `refdec` and `refenc` share: options, errors, files.

Every error ends here: `run` turns an exception into one line on stderr and an exit status.
Nothing in this file needs NumPy.
"""

import argparse
import errno
import os
import stat
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

from refdec.backends import AUTO, BACKENDS
from refdec.errors import LimitExceeded, RefdecError

EXIT_BUG = 1
EXIT_USAGE = 2
EXIT_LIMIT = 4
EXIT_FILES = 6
EXIT_INTERRUPTED = 130
EXIT_BROKEN_PIPE = 141

MAX_STREAM_BYTES = 1 << 30
"""A larger file is refused before it is read into memory; the largest level needs far less."""

MODEL_SET = 3
"""What subcommands that take no stream are about."""


class UsageError(Exception):
    """The command line asks for something that does not exist or makes no sense."""


class Parser(argparse.ArgumentParser):
    """Option parser whose errors take the same way out as all others."""

    def __init__(self, **options: Any) -> None:
        formatter = argparse.RawDescriptionHelpFormatter
        super().__init__(**options, allow_abbrev=False, formatter_class=formatter)

    def error(self, message: str) -> NoReturn:
        """Raise UsageError instead of printing the usage and exiting."""
        text = f"{message} (see {self.prog} --help)"
        raise UsageError(text)


def integer_in(low: int, high: int | None = None) -> Callable[[str], int]:
    """Return an argparse type: integers from `low` to `high`, both included; None for no bound."""

    def convert(text: str) -> int:
        digits = text.removeprefix("-") if low < 0 else text
        value = int(text) if digits.isascii() and digits.isdigit() else None
        if value is None or value < low or (high is not None and value > high):
            allowed = f"{low} or more" if high is None else f"{low} to {high}"
            message = f"{text!r} is not an integer of {allowed}"
            raise argparse.ArgumentTypeError(message)
        return value

    return convert


def add_computing_options(parser: argparse.ArgumentParser) -> None:
    """Add --backend and --threads, which change the time taken but never the result."""
    parser.add_argument(
        "--backend",
        choices=(AUTO, *BACKENDS),
        default=AUTO,
        help="arithmetic engine; all give the same bits (default: auto)",
    )
    parser.add_argument(
        "--threads", type=integer_in(1, 1024), metavar="N", help="number of CPU threads"
    )


def add_many_options(parser: argparse.ArgumentParser, metavar: str, what: str) -> None:
    """Add the inputs, and the options for many of them."""
    parser.add_argument(
        "inputs",
        type=Path,
        nargs="+",
        metavar=metavar,
        help=f"{what}; of several, or of a directory and all below it, the output is a directory",
    )
    parser.add_argument(
        "--jobs",
        type=job_count,
        metavar="N",
        help="of many files: how many at a time, each in a process; 0, the default, is one for "
        "each processor",
    )
    parser.add_argument(
        "--resume",
        action="store_true",
        help="of many files: leave those alone that were done before, with the same options, and "
        "have not changed",
    )
    add_scheduler(parser)
    parser.set_defaults(shows_progress=True)


def job_count(text: str) -> int:
    """Convert a number of jobs; 0 is one for each processor."""
    return integer_in(0, 256)(text) or os.cpu_count() or 1


def add_scheduler(parser: argparse.ArgumentParser) -> None:
    """Add --scheduler."""
    parser.add_argument(
        "--scheduler",
        metavar="ADDRESS",
        help="run the jobs on a Dask cluster, such as tcp://10.0.0.1:8786, whose workers have this "
        "package and see the same files",
    )


def check_backend(backend: str) -> None:
    """Raise UsageError when the backend needs a package that is not installed."""
    if backend != AUTO and not (engine := BACKENDS[backend]).is_installed:
        needed = " and ".join(engine.packages)
        message = f"--backend {backend} needs {needed}: pip install 'jai-codec[{engine.extra}]'"
        raise UsageError(message)


def run(
    program: str, main: Callable[[Sequence[str]], int], arguments: Sequence[str] | None = None
) -> int:
    """Run a command line and return its exit status.

    Parameters
    ----------
    program : name that starts each error line.
    main : takes the arguments, returns the exit status, raises on errors.
    arguments : the command line without the program name; None for the process's own.
    """
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    try:
        status = main(sys.argv[1:] if arguments is None else arguments)
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader of our output has gone: nobody is left to tell. Keep the interpreter from
        # flushing into the closed pipe at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_BROKEN_PIPE
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001
        if os.environ.get("JAI_DEBUG") == "1":
            traceback.print_exc()
        text, status = describe_error(error)
        with suppress(OSError):
            sys.stdout.flush()
        print(f"{program}: error: {' '.join(text.split())}", file=sys.stderr)
    return status


def describe_error(error: BaseException) -> tuple[str, int]:
    """Return one line for the user and the exit status."""
    match error:
        case UsageError():
            text, status = str(error), EXIT_USAGE
        case RefdecError():
            text, status = describe_refdec_error(error), error.exit_code
        case KeyboardInterrupt():
            text, status = "interrupted", EXIT_INTERRUPTED
        case MemoryError():
            text, status = "not enough memory", EXIT_LIMIT
        case OSError(filename=str() as name, strerror=str() as reason):
            text, status = f"{name}: {reason}", EXIT_FILES
        case OSError():
            text, status = str(error) or type(error).__name__, EXIT_FILES
        case _:
            bug = f"internal error, please report it: {type(error).__name__}: {error}"
            text, status = f"{bug} (JAI_DEBUG=1 shows where)", EXIT_BUG
    return text, status


def describe_refdec_error(error: RefdecError) -> str:
    """Return ``what (element X, byte N, PIH-007)``, leaving out what is not known."""
    details = [
        f"element {error.element}" if error.element is not None else None,
        f"byte {error.offset}" if error.offset is not None else None,
        error.requirement,
    ]
    known = ", ".join(detail for detail in details if detail)
    return f"{error.message} ({known})" if known else error.message


@contextmanager
def progress_bar(
    what: str, unit: str, *, wanted: bool = True
) -> Iterator[Callable[[int, int], None] | None]:
    """Give a function that shows (done, total); None where it is not wanted or no terminal."""
    if not (wanted and sys.stderr.isatty()):
        yield None
        return
    from tqdm import tqdm  # noqa: PLC0415

    with tqdm(desc=what, unit=unit, leave=False) as bar:

        def show(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        yield show


def read_stream(path: Path) -> bytes:
    """Read a codestream file.

    Raises
    ------
    OSError
        The file cannot be read.
    LimitExceeded
        It holds more than MAX_STREAM_BYTES.
    """
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        data = file.read(MAX_STREAM_BYTES + 1) if size <= MAX_STREAM_BYTES else b""
    if max(size, len(data)) > MAX_STREAM_BYTES:
        message = f"{path} holds more than {MAX_STREAM_BYTES} bytes"
        raise LimitExceeded(message)
    return data


def check_destination(path: Path, *, source: Path | None = None) -> None:
    """Refuse a path that cannot be written, before long work starts.

    Raises
    ------
    OSError
        Its directory does not exist, or it is a directory itself.
    UsageError
        It is the file that is being read.
    """
    if not path.parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, "no such directory", str(path.parent))
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, "is a directory", str(path))
    if source is not None and path.exists() and source.exists() and path.samefile(source):
        message = f"{path} is the input itself; name another output with -o"
        raise UsageError(message)


@contextmanager
def atomic_file(path: Path) -> Iterator[BinaryIO]:
    """Open a file for writing that appears under its name only when it is complete.

    The data goes to a hidden file beside it, which replaces `path` at the end and is removed on
    any error. Devices and pipes, which cannot be replaced, are written directly.
    """
    check_destination(path)
    with suppress(FileNotFoundError):
        if not stat.S_ISREG(path.stat().st_mode):
            with path.open("wb") as file:
                yield file
            return
    target = Path(os.path.realpath(path))
    temporary = target.with_name(f".{os.urandom(8).hex()}.tmp")
    try:
        with temporary.open("xb") as file:
            yield file
        temporary.replace(target)
    except BaseException as error:
        temporary.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.filename == str(temporary):
            error.filename = str(path)
        raise
