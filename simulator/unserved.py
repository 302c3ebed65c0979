"""What an engine's matrix units do not multiply: such products run on its vector units, which a reader of the estimate should know."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from hardware_specs.schema import Engine
from magnitudes.arrays import Reader, Real, largest
from magnitudes.datatypes import DATA_TYPES, AnyDataType, DataType
from simulator.cost import Cost
from simulator.machine import Machine, matrix_format, matrix_rate, vector_rate
from workloads.operator import Attention, Fused, Operator

NAMED = 4  # operators that a note names


def unserved_notes(costs: Iterable[Cost], machines: Sequence[Machine]) -> tuple[str, ...]:
    """A note for each engine and format whose products run on vector units though the engine has matrix units: which, how much slower, and the remedy."""
    found: dict[tuple[str, str], dict[str, Operator]] = {}
    engines = {m.engine.name: m.engine for m in machines}
    for cost in costs:
        for engine in (engines[name] for name in _where(cost, machines) if name in engines):
            for operator in _products(cost.operator):
                for element in unserved(engine, operator.arithmetic):
                    found.setdefault((engine.name, element.name), {})[cost.operator.name] = operator
    return tuple(_note(engines[name], DATA_TYPES[element], operators) for (name, element), operators in found.items())


def unserved(engine: Engine, element: AnyDataType) -> tuple[DataType, ...]:
    """Of a data type, or of those that rows may have: what an engine with matrix units multiplies on its vector units."""
    options = (element,) if isinstance(element, DataType) else element.options
    return tuple(o for o in options if engine.matrix_flop_per_s and matrix_format(engine, o) is None)


def by_units(parts: Mapping[str, Real], operator: Operator, machine: Machine) -> dict[str, Real]:
    """What multiplying needs under the name of the units that do it: ``vector``, where no design's format is one of the matrix units'."""
    element = operator.arithmetic
    options = 1 if isinstance(element, DataType) else len(element.options)
    if "matrix" not in parts or len(unserved(machine.engine, element)) < options:
        return dict(parts)
    both = [parts[name] for name in ("matrix", "vector") if name in parts]
    return {**{name: s for name, s in parts.items() if name not in ("matrix", "vector")}, "vector": largest(both)}


def _where(cost: Cost, machines: Sequence[Machine]) -> tuple[str, ...]:
    """Engines that do some of an operator, as far as that is known of all designs together."""
    if cost.placed is None or not cost.placed.shares:
        return (machines[0].engine.name,)
    return tuple(name for name, share in cost.placed.shares.items() if not isinstance(share, float) or share > 0.0)


def _products(operator: Operator) -> tuple[Operator, ...]:
    """The operators with products in one that may be fused of several."""
    members = operator.operators if isinstance(operator, Fused) else (operator,)
    return tuple(o for o in members if not (isinstance(o.matrix_flop, float) and o.matrix_flop == 0.0))


def _note(engine: Engine, element: DataType, operators: dict[str, Operator]) -> str:
    """In words."""
    names = list(operators)
    named = ", ".join(names[:NAMED]) + (f" and {len(names) - NAMED} more" if len(names) > NAMED else "")
    own = ", ".join(engine.matrix_flop_per_s)
    said = f"the matrix units of {engine.name} multiply {own} and not {element.name}: {named} {'runs' if len(names) == 1 else 'run'} on its vector units"
    remedy = _served(engine)
    if remedy is None:
        return said
    slower = _times(matrix_rate(engine, remedy), vector_rate(engine, element))
    if all(isinstance(o, Attention) for o in operators.values()):
        return f"{said}{slower}, since attention computes in the {element.bits:.0f} bits of the stream whatever format weights have"
    return f"{said}{slower}; --dtype {remedy.name} multiplies on the matrix units"


def _served(engine: Engine) -> DataType | None:
    """The widest format that the matrix units multiply."""
    own = [DATA_TYPES[name] for name in engine.matrix_flop_per_s if name in DATA_TYPES]
    return max(own, key=lambda o: float(o.bits) if isinstance(o.bits, float) else 0.0, default=None)


def _times(fast: Real, slow: Real) -> str:
    """How much slower, where that is one number."""
    if isinstance(fast, Reader) or isinstance(slow, Reader) or not (isinstance(fast, float) and isinstance(slow, float)):
        return ""
    return f", {fast / slow:.3g} times slower at their peaks"
