# SPDX-License-Identifier: Apache-2.0
"""A model set made ready for one backend: what the decoding process and the encoder run."""

from dataclasses import dataclass
from functools import cache, cached_property

from refdec.backends import AUTO, DEFAULT
from refdec.entropy.context import ContextModel
from refdec.entropy.tables import FrequencyTables, load_residual_tables
from refdec.network import Backend, CompiledNetwork, ModelSet, load_model_set
from refdec.network.self_test import trusted_backend
from refdec.syntax.segment import SynthesisTransform


@dataclass(frozen=True, eq=False)
class Codec:
    """Compiled networks and tables of a model set; parts are prepared when first used."""

    model: ModelSet
    backend: Backend

    @cached_property
    def hyper_tables(self) -> FrequencyTables:
        """Frequency tables of the hyper-latent, one per channel."""
        tables = self.model.tables
        return FrequencyTables.from_padded(tables["hyper_bounds"], tables["hyper_frequencies"])

    @cached_property
    def hyper(self) -> CompiledNetwork:
        """Hyper decoder."""
        return self.backend.compile(self.model.networks["hyper"])

    @cached_property
    def context(self) -> ContextModel:
        """Context networks."""
        residual = load_residual_tables()
        return ContextModel.compile(
            self.model,
            self.backend,
            offsets=residual.offsets,
            skip_threshold=residual.skip_threshold,
        )

    @cached_property
    def tile_tables(self) -> FrequencyTables:
        """Frequency tables of a residual segment: the residual's, then the block transforms'."""
        return load_residual_tables().tables.joined(self.context.transforms.tables)

    @cached_property
    def _simple(self) -> CompiledNetwork:
        return self.backend.compile(self.model.networks["synthesis_simple"])

    @cached_property
    def _filter(self) -> CompiledNetwork:
        return self.backend.compile(self.model.networks["filter_base"])

    def synthesis(self, transform: SynthesisTransform) -> tuple[CompiledNetwork, ...]:
        """Return the networks of a synthesis transform, in the order they run."""
        if transform == SynthesisTransform.SIMPLE:
            return (self._simple,)
        return (self._simple, self._filter)


@cache
def get_codec(model_set_idc: int, backend: str, threads: int | None = None) -> Codec:
    """Return the codec of a model set; prepared once per process, backend and thread count.

    Raises
    ------
    ValueError
        Unknown or missing backend.
    ModelError, UnsupportedFeature
        See `load_model_set`.
    """
    name = DEFAULT if backend == AUTO else backend
    return Codec(load_model_set(model_set_idc), trusted_backend(name, threads))
