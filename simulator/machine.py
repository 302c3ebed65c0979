"""One engine of a chip as the laws see it: its rates by data type and its tiers, looked up once an estimate."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from hardware_specs.schema import Chip, Engine, KernelEngine, System, Tier
from magnitudes.arrays import Real, largest
from magnitudes.datatypes import AnyDataType, DataType, by_format
from magnitudes.errors import InputError


class MachineError(InputError):
    """A machine that cannot do what is asked."""


@dataclass(frozen=True, slots=True)
class Machine:
    """An engine beside its tiers.

    Attributes
    ----------
    tiers : tuple of Tier
        What the engine is beside, nearest first; the last holds weights and caches.
    """

    system: System
    engine: Engine
    tiers: tuple[Tier, ...]
    _rates: dict[tuple[str, int], tuple[AnyDataType, Real]] = field(default_factory=dict, repr=False, compare=False)

    @property
    def chip(self) -> Chip:
        return self.system.chip

    @property
    def memory(self) -> Tier:
        """Main memory."""
        return self.tiers[-1]

    @property
    def cache(self) -> Tier | None:
        """The tier in front of main memory, if there is one."""
        return self.tiers[-2] if len(self.tiers) > 1 else None

    @property
    def nearest(self) -> Tier:
        """The tier that feeds the multiprocessors: the first level that they share, or main memory."""
        return self.tiers[0]

    def matrix_flop_per_s(self, element: AnyDataType) -> Real:
        """Datasheet rate of a matrix product in that format, on the widest units that serve it."""
        return self._rate("matrix", element)

    def vector_flop_per_s(self, element: AnyDataType) -> Real:
        """Datasheet rate of elementwise arithmetic in that format."""
        return self._rate("vector", element)

    def _rate(self, units: str, element: AnyDataType) -> Real:
        key = (units, id(element))
        if key not in self._rates:
            find = matrix_rate if units == "matrix" else vector_rate
            rate = by_format(element, lambda o: find(self.engine, o))
            self._rates[key] = (element, rate)  # the element is kept, so that no other is ever found under its identity
        return self._rates[key][1]


def machine_of(system: System, engine: Engine | None = None) -> Machine:
    """The view of a system's first engine, or of another."""
    engine = _as_it_runs(engine or system.chip.engine)
    tiers = [system.chip.tier(name) for name in engine.beside]
    if engine.internal_byte_per_s is not None:
        tiers[-1] = replace(tiers[-1], bandwidth_byte_per_s=engine.internal_byte_per_s)  # units inside see more than the pins do
    return Machine(system, engine, tuple(tiers))


def _as_it_runs(engine: Engine) -> Engine:
    """An engine at the clock that it reaches, with the rates that it then has."""
    if not isinstance(engine, KernelEngine) or engine.above_boost is None:
        return engine
    above = engine.above_boost
    matrix, vector = ({name: rate * above for name, rate in rates.items()} for rates in (engine.matrix_flop_per_s, engine.vector_flop_per_s))
    return replace(engine, clock_hz=engine.clock_hz * above, matrix_flop_per_s=matrix, vector_flop_per_s=vector)


def machines_of(system: System) -> tuple[Machine, ...]:
    """A view for each engine of a system's chips, the first one first."""
    return tuple(machine_of(system, engine) for engine in system.chip.engines)


def matrix_format(engine: Engine, element: DataType) -> str | None:
    """The arithmetic format in which an engine's matrix units serve a data type; None where its vector units must."""
    return next((f for f in element.computes_as if f in engine.matrix_flop_per_s), None)


def matrix_rate(engine: Engine, element: DataType) -> Real:
    """Rate of matrix products: the first format of `computes_as` that the matrix units have, else the vector units'.

    A format without units is widened to one that has them (fp8 weights on an A100 are multiplied in bf16).
    """
    name = matrix_format(engine, element)
    return engine.matrix_flop_per_s[name] if name is not None else vector_rate(engine, element)


def vector_rate(engine: Engine, element: DataType) -> Real:
    """Rate of the vector units: in the format itself or a wider one; the fastest there is where none fits.

    Raises
    ------
    MachineError
        If the engine has no vector units at all.
    """
    rates = engine.vector_flop_per_s
    if not rates:
        raise MachineError(f"engine {engine.name} has no vector rate; add 'vector: {{fp32: ...}}' to its spec")
    name = next((f for f in element.computes_as if f in rates), None)
    return rates[name] if name is not None else largest(rates.values())
