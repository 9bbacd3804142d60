# SPDX-License-Identifier: Apache-2.0
"""Where the jobs of a command line run: processes of this machine, or a Dask cluster.

Both are executors of `concurrent.futures`. What runs there is imported by name in the worker.
"""

import signal
from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from typing import NoReturn

from refdec.cli.support import UsageError

STATUS_TERMINATED = 128 + signal.SIGTERM
CONNECT_SECONDS = 10


@contextmanager
def worker_processes(count: int) -> Iterator[Executor]:
    """Give an executor of processes; on an error they stop at once, and clean up after them."""
    # Imported late: most command lines need none of it.
    from concurrent.futures import ProcessPoolExecutor  # noqa: PLC0415
    from multiprocessing import active_children, get_context  # noqa: PLC0415

    others = active_children()
    with ProcessPoolExecutor(
        count, mp_context=get_context("spawn"), initializer=_become_worker
    ) as pool:
        try:
            yield pool
        except BaseException:
            for process in active_children():
                if process not in others:
                    process.terminate()
            pool.shutdown(cancel_futures=True)
            raise


@contextmanager
def cluster(address: str) -> Iterator[Executor]:
    """Give an executor of a Dask cluster.

    Raises
    ------
    UsageError
        Dask is not installed, or there is no scheduler at the address.
    """
    try:
        from distributed import Client  # noqa: PLC0415
    except ImportError as error:
        message = "--scheduler needs Dask: pip install 'jai-codec[dask]'"
        raise UsageError(message) from error
    try:
        client = Client(address, timeout=CONNECT_SECONDS)
    except (OSError, ValueError) as error:
        message = f"no Dask scheduler answers at {address}"
        raise UsageError(message) from error
    with client:
        executor: Executor = client.get_executor(pure=False)
        yield executor


def _become_worker() -> None:
    """Leave interruptions from the keyboard to the parent, which terminates its workers."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _terminate)


def _terminate(_signal: int, _frame: object) -> NoReturn:
    raise SystemExit(STATUS_TERMINATED)
