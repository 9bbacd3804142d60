# SPDX-License-Identifier: Apache-2.0
"""Run the encoder's command line: ``python -m refenc``."""

from refenc.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
