# SPDX-License-Identifier: Apache-2.0
"""Every value of the decoding of one small stream, as the reference decoder computes it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from typing import Any
from unittest.mock import patch

import numpy as np

from conformance.case import load_suite
from refdec import latents
from refdec.arrays import I32Map, I64Map
from refdec.decoding import decode, decode_latents
from refdec.entropy import block_transform, context, hyper_latent
from refdec.entropy.context import Step
from refdec.entropy.rans import STATE_LOW, WORD_BITS, SubstreamDecoder
from refdec.entropy.residual import LayeredSubstreams
from refdec.entropy.tables import PRECISION_BITS, TOTAL, FrequencyTables
from refdec.network import CompiledNetwork, run_network
from refdec.picture import Latents, Picture
from refdec.syntax.codestream import Codestream
from refdec.syntax.element import ElementRow
from refdec.syntax.parser import inspect_codestream, parse_codestream
from refdec.synthesis import transform

CASE = "picture/size-1x1"
"""A picture of one sample: 16 hyper-latent symbols, and a few residuals of the first group."""


@dataclass(frozen=True, kw_only=True)
class Symbol:
    """One symbol of a sub-stream, with the variables of 8.2.4."""

    call: int
    lane: int
    table: int
    bound: int
    state_before: int
    slot: int
    symbol: int
    frequency: int
    cumulative: int
    state_after_3: int
    word: int | None
    """What step (4) took, if it did."""
    state_after: int
    value: int
    """The integer: `symbol` minus `bound`, or the escaped value."""


@dataclass
class Substream:
    """A sub-stream and all of its symbols."""

    payload: bytes
    lanes: int
    symbols: list[Symbol] = field(default_factory=list)


@dataclass
class Run:
    """One evaluation of a network: every tensor by name, inputs first."""

    network: str
    tensors: dict[str, I32Map] = field(default_factory=dict)


@dataclass
class Values:
    """Everything that the decoding of a stream computes."""

    stream: bytes
    codestream: Codestream
    rows: list[ElementRow]
    substreams: list[Substream] = field(default_factory=list)
    """In decoding order: hyper-latent, then layers."""
    runs: list[Run] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    points: dict[str, I32Map] = field(default_factory=dict)
    """Tensors at the control points."""
    latents: Latents | None = None
    picture: Picture | None = None

    def run_of(self, network: str, number: int = 0) -> Run:
        """Return an evaluation of a network."""
        return [run for run in self.runs if run.network == network][number]


class RecordingDecoder(SubstreamDecoder):
    """The process of 8.2.4, symbol by symbol, keeping all variables."""

    def __init__(
        self,
        record: Substream,
        payload: bytes,
        *,
        lanes: int,
        tables: FrequencyTables,
        offset: int,
    ) -> None:
        super().__init__(payload, lanes=lanes, tables=tables, offset=offset)
        self.record = record
        self.call = 0

    def decode(self, table_index: I64Map) -> I32Map:
        """Decode a call, and note its values, escapes included."""
        first = len(self.record.symbols)
        values = super().decode(table_index)
        noted = zip(self.record.symbols[first:], values.tolist(), strict=True)
        self.record.symbols[first:] = [replace(item, value=value) for item, value in noted]
        return values

    def _decode_symbols(self, table_index: I64Map) -> I32Map:
        words = self._next_words(table_index.size).tolist()
        first = self._position
        for index, table in enumerate(table_index.tolist()):
            lane = index % self._lanes
            before = int(self._state[lane])
            slot = before & (TOTAL - 1)
            symbol = int(self._tables.slot_symbols[table, slot])
            frequency = int(self._tables.frequencies[table, symbol])
            cumulative = int(self._tables.cumulative[table, symbol])
            after_3 = frequency * (before >> PRECISION_BITS) + slot - cumulative
            word = None
            if after_3 < STATE_LOW:
                word = words[self._position - first]
                self._position += 1
            after = after_3 if word is None else (after_3 << WORD_BITS) + word
            self._state[lane] = after
            bound = int(self._tables.bounds[table])
            self.record.symbols.append(
                Symbol(
                    call=self.call,
                    lane=lane,
                    table=table,
                    bound=bound,
                    state_before=before,
                    slot=slot,
                    symbol=symbol,
                    frequency=frequency,
                    cumulative=cumulative,
                    state_after_3=after_3,
                    word=word,
                    state_after=after,
                    value=symbol - bound,
                )
            )
        self.call += 1
        return np.array(
            [item.symbol for item in self.record.symbols[-table_index.size :]], np.int32
        )


def worked_values() -> Values:
    """Decode the stream, note every value, and check the result against the reference decoder.

    Raises
    ------
    ValueError
        The values do not lead to what the reference decoder gives.
    """
    stream = load_suite([CASE])[0].stream
    values = Values(stream, parse_codestream(stream), inspect_codestream(stream)[0])
    with _recorded(values):
        values.picture = decode(stream, trace=values.points.__setitem__, synthesis="base")
        values.latents = decode_latents(stream)
    expected = decode(stream, synthesis="base", verify=True), decode_latents(stream)
    if (values.picture.digest(), values.latents.digest()) != tuple(x.digest() for x in expected):
        message = f"the worked values of {CASE} do not lead to its digests"
        raise ValueError(message)
    return values


@contextmanager
def _recorded(values: Values) -> Iterator[None]:
    """Let the decoding process run, once, with everything noted in `values`."""

    def make_decoder(payload: bytes, **settings: Any) -> RecordingDecoder:
        record = Substream(payload, settings["lanes"])
        if values.picture is None:
            values.substreams.append(record)
        return RecordingDecoder(record, payload, **settings)

    def run(
        runner: CompiledNetwork,
        inputs: Mapping[str, Any],
        quality: I32Map | None = None,
        *,
        trace: Any = None,
        **settings: Any,
    ) -> dict[str, Any]:
        noted = Run(runner.network.description.name)
        to_numpy = runner.backend.to_numpy
        for name, value in inputs.items():
            is_own = isinstance(value, np.ndarray) and value.dtype == np.int32
            noted.tensors[name] = np.array(value if is_own else to_numpy(value))

        def note(name: str, value: Any) -> None:
            noted.tensors[name] = np.array(to_numpy(value))
            if trace is not None:
                trace(name, value)

        if values.picture is None:
            values.runs.append(noted)
        return run_network(runner, inputs, quality, trace=note, **settings)

    residuals = LayeredSubstreams.residual

    def residual(source: LayeredSubstreams, step: Step) -> I32Map:
        if values.picture is None:
            values.steps.append(replace(step, mu=step.mu.copy()))
        return residuals(source, step)

    with (
        patch.object(latents, "make_decoder", make_decoder),
        patch.object(LayeredSubstreams, "residual", residual),
        patch.object(context, "run_network", run),
        patch.object(block_transform, "run_network", run),
        patch.object(hyper_latent, "run_network", run),
        patch.object(transform, "run_network", run),
    ):
        yield


def values_document(values: Values) -> dict[str, Any]:
    """Return everything as JSON values."""
    return {
        "case": CASE,
        "stream": values.stream.hex(),
        "elements": [
            {
                "segment": row.segment,
                "element": row.element,
                "bit_offset": row.bit_offset,
                "num_bits": row.width,
                "value": row.value if isinstance(row.value, int) else row.value.hex(),
            }
            for row in values.rows
        ],
        "substreams": [
            {
                "payload": item.payload.hex(),
                "lanes": item.lanes,
                "symbols": [asdict(symbol) for symbol in item.symbols],
            }
            for item in values.substreams
        ],
        "networks": [
            {
                "network": run.network,
                "tensors": {name: value.tolist() for name, value in run.tensors.items()},
            }
            for run in values.runs
        ],
        "control_points": {name: value.tolist() for name, value in values.points.items()},
    }
