# SPDX-License-Identifier: Apache-2.0
"""The subcommands of ``refdec`` that decode nothing: inspect and complexity."""

import argparse
import json
from dataclasses import asdict

from refdec.cli.inspect import inspection_document, inspection_lines
from refdec.cli.support import MODEL_SET, read_stream
from refdec.syntax.parser import inspect_codestream, parse_codestream

DEFAULT_SIZE = (2048, 2048)
"""Height and width for which costs are given when there is no stream."""


def run_inspect(options: argparse.Namespace) -> int:
    """Print the elements as a table or as JSON; then raise the stream's error, if any."""
    data = read_stream(options.stream)
    rows, error = inspect_codestream(data)
    if options.json:
        print(json.dumps(inspection_document(data, rows, error), indent=1))
    else:
        for line in inspection_lines(rows):
            print(line)
    if error is not None:
        raise error
    return 0


def run_complexity(options: argparse.Namespace) -> int:
    """Print the costs of the networks as a table or as JSON."""
    # Imported late: `inspect` works without the model set's reader.
    from refdec.cli.complexity import model_set_costs  # noqa: PLC0415
    from refdec.network import load_model_set  # noqa: PLC0415

    (height, width), model_set_idc = DEFAULT_SIZE, MODEL_SET
    if options.stream is not None:
        header = parse_codestream(read_stream(options.stream)).picture_header
        height, width = header.pic_height, header.pic_width
        model_set_idc = header.model_set_idc
    model = load_model_set(model_set_idc)
    costs = model_set_costs(model, height=height, width=width)
    networks = sum(cost.networks for cost in costs)
    parameters = sum(cost.parameters for cost in costs)
    kmac_per_pixel = sum(cost.kmac_per_pixel for cost in costs)
    if options.json:
        document = {
            "model_set_idc": model_set_idc,
            "model_set_sha256": model.sha256,
            "width": width,
            "height": height,
            "parameters": parameters,
            "kmac_per_pixel": kmac_per_pixel,
            "networks": [asdict(cost) for cost in costs],
        }
        print(json.dumps(document, indent=1))
        return 0
    print(f"model set {model_set_idc}, picture of {width}x{height}")
    print(
        f"{'':<18}{'networks':>8}{'parameters':>12}{'kMAC/pixel':>12}{'activations':>13}"
        f"{'largest sum':>13}"
    )
    for cost in costs:
        print(
            f"{cost.name:<18}{cost.networks:>8}{cost.parameters:>12,}{cost.kmac_per_pixel:>12.3f}"
            f"{cost.activation_bits:>8} bits{cost.largest_sum:>13,}"
        )
    print(f"{'total':<18}{networks:>8}{parameters:>12,}{kmac_per_pixel:>12.3f}")
    print("weights of 8 bits; sums below 2**24 = 16,777,216 are exact in binary32")
    print("inverse_transform: at most, weights of 16 bits; its sums are exact in binary64")
    return 0
