# SPDX-License-Identifier: Apache-2.0
"""Integer networks: descriptions, the exactness bound, backends that agree bit for bit."""

from refdec.network.backend import Backend, CompiledNetwork, get_backend
from refdec.network.description import NetworkDescription, parse_network
from refdec.network.exactness import ConvTensors, Network, check_exactness, worst_sums
from refdec.network.interpreter import run_network
from refdec.network.model_set import ModelSet, load_model_set, parse_model_set, read_model_set

__all__ = [
    "Backend",
    "CompiledNetwork",
    "ConvTensors",
    "ModelSet",
    "Network",
    "NetworkDescription",
    "check_exactness",
    "get_backend",
    "load_model_set",
    "parse_model_set",
    "parse_network",
    "read_model_set",
    "run_network",
    "worst_sums",
]
