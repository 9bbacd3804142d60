# SPDX-License-Identifier: Apache-2.0
"""``refdec export``: the networks of a model set as files that other programs run."""

import argparse
import json

from refdec.cli.support import atomic_file, check_backend
from refdec.network import load_model_set


def run_export(options: argparse.Namespace) -> int:
    """Write one .onnx file per network."""
    check_backend("onnx")
    from refdec.network.onnx_graph import export_network  # noqa: PLC0415 - onnx is optional

    model = load_model_set(options.model_set)
    options.output.mkdir(exist_ok=True)
    for name, network in model.networks.items():
        path = options.output / f"{name}.onnx"
        ranges = {item.name: [*item.range] for item in network.description.inputs}
        with atomic_file(path) as file:
            file.write(
                export_network(
                    network,
                    model_set_idc=str(model.model_set_idc),
                    model_set_sha256=model.sha256,
                    input_ranges=json.dumps(ranges),
                )
            )
    print(f"{options.output}: {len(model.networks)} networks of model set {model.model_set_idc}")
    return 0
