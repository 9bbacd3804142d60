# SPDX-License-Identifier: Apache-2.0
"""What a judged decoder may use."""

import json
import os
from dataclasses import dataclass

MIB = 1 << 20


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What a program may use; 0 for no limit."""

    timeout: float = 60.0
    """Seconds, wall clock."""
    memory: int = 8192
    """MiB of address space of a process."""
    file: int = 1024
    """MiB of a file."""
    offline: bool = True
    """Take the network away where that is possible."""

    def as_json(self) -> str:
        """Return the limits as `launch` takes them."""
        seconds = int(self.timeout * max(os.cpu_count() or 1, 1)) + 5
        return json.dumps(
            {
                "memory": self.memory * MIB,
                "file": self.file * MIB,
                "cpu": seconds,
                "offline": self.offline,
            }
        )
