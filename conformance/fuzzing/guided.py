# SPDX-License-Identifier: Apache-2.0
"""Coverage-guided fuzzing of the reference parser, with Atheris and libFuzzer.

::

    jai-conformance export-corpus seeds
    python -m conformance.fuzzing.guided -dict=seeds/jai.dict -max_total_time=600 seeds/corpus

Arguments are libFuzzer's. What is found is written to ``crash-*``. Atheris, which
`pip install 'jai-codec[guided]'` brings, is not needed by anything else.
"""

import sys
from collections.abc import Sequence

INSTRUMENTED = ["refdec.bits", "refdec.syntax", "construct"]
EXIT_USAGE = 2


class Finding(Exception):
    """Two ways to read a stream disagree."""


def examine(data: bytes) -> None:
    """Read a stream in every way: the parser gives a codestream or a RefdecError, and one only.

    Raises
    ------
    Finding
        The strict parser, the inspection and the tolerant parser do not say the same.
    Exception
        Whatever else the parser raises that is no RefdecError.
    """
    from refdec.errors import RefdecError  # noqa: PLC0415  Atheris instruments what it imports
    from refdec.syntax.parser import inspect_codestream, parse_codestream  # noqa: PLC0415

    refusal: RefdecError | None = None
    try:
        parse_codestream(data)
    except RefdecError as error:
        refusal = error
    _, seen = inspect_codestream(data)
    if str(seen) != str(refusal):
        message = f"parsed: {refusal}; inspected: {seen}"
        raise Finding(message)
    try:
        parse_codestream(data, tolerant=True)
    except RefdecError as error:
        if refusal is None:
            message = f"only the tolerant parser refuses: {error}"
            raise Finding(message) from error


def main(arguments: Sequence[str]) -> int:
    """Run libFuzzer until it ends by itself; status 2 without Atheris."""
    try:
        import atheris  # noqa: PLC0415
    except ImportError:
        print("guided fuzzing needs Atheris: pip install 'jai-codec[guided]'", file=sys.stderr)
        return EXIT_USAGE
    with atheris.instrument_imports(include=INSTRUMENTED):
        import refdec.syntax.parser  # noqa: F401, PLC0415
    atheris.Setup([sys.argv[0], *arguments], examine)
    atheris.Fuzz()
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
