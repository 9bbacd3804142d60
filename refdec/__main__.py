# SPDX-License-Identifier: Apache-2.0
"""Run the decoder's command line: ``python -m refdec``."""

from refdec.cli.main import main

if __name__ == "__main__":
    raise SystemExit(main())
