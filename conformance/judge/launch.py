# SPDX-License-Identifier: Apache-2.0
"""Start a program with less than it could have: no network, bounded memory, time and files.

Run as ``python -I -S launch.py LIMITS COMMAND...``; replaces itself by the program. LIMITS is JSON:
``memory`` and ``file`` in bytes, ``cpu`` in seconds, 0 for no limit, and ``offline``. Needs the
standard library only, so that it starts quickly.
"""

import ctypes
import json
import os
import resource
import sys
from contextlib import suppress
from pathlib import Path

CANNOT_START = "jai-conformance cannot start"
STATUS_CANNOT_START = 127
_NEW_USER, _NEW_NETWORK = 0x10000000, 0x40000000


def leave_network() -> bool:
    """Move this process to a network of its own, which has nothing in it; say whether it worked."""
    try:
        unshare = ctypes.CDLL(None, use_errno=True).unshare
    except (AttributeError, OSError):
        return False
    if unshare(_NEW_NETWORK) == 0:
        return True
    user, group = os.getuid(), os.getgid()
    if unshare(_NEW_USER | _NEW_NETWORK) != 0:
        return False
    try:
        Path("/proc/self/setgroups").write_text("deny", encoding="ascii")
        Path("/proc/self/uid_map").write_text(f"{user} {user} 1", encoding="ascii")
        Path("/proc/self/gid_map").write_text(f"{group} {group} 1", encoding="ascii")
    except OSError:
        return False
    return True


def set_limits(limits: dict[str, int]) -> None:
    """Apply the limits to this process and its children."""
    kinds = {
        "memory": resource.RLIMIT_AS,
        "cpu": resource.RLIMIT_CPU,
        "file": resource.RLIMIT_FSIZE,
    }
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for name, kind in kinds.items():
        _, most = resource.getrlimit(kind)
        wanted = limits[name]
        if wanted and (most == resource.RLIM_INFINITY or wanted <= most):
            with suppress(OSError, ValueError):  # not every system knows every limit
                resource.setrlimit(kind, (wanted, wanted))


def main(arguments: list[str]) -> int:
    """Become the program; return only when it cannot be started."""
    limits = json.loads(arguments[0])
    if limits["offline"]:
        leave_network()
    set_limits(limits)
    try:
        os.execvp(arguments[1], arguments[1:])  # noqa: S606
    except OSError as error:
        print(f"{CANNOT_START} {arguments[1]}: {error.strerror}", file=sys.stderr)
    return STATUS_CANNOT_START


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
