"""One-pass attention, tile by tile: R keys by C queries at a time, scores staying where the array computed them.

The cascade of Nayak et al., FuseMax, MICRO 2024: for each tile the scores, their maximum, the running maximum, the exponentials, their
sum, their product with the values, and the correction of what was summed before. A binding says which of it the array does, which
the lanes, and what runs side by side: a cycle of stages, each as long as the slower of the two.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from hardware_specs.schema import SpatialEngine
from magnitudes.arrays import Real, ceil, maximum, total
from simulator.machine import Machine
from simulator.spatial.lanes import exponential_step, softmax_step
from simulator.spatial.overlap import Parts, spatial_engine

DIFFERENCE = 1.0  # step before an exponential
MAXIMUM = 1.0
SUM = 1.0
RESCALE = 1.0


@dataclass(frozen=True, slots=True)
class Stage:
    """What runs side by side: steps of the array, and of a lane for each query of the tile."""

    array: Real
    lanes: Real


@dataclass(frozen=True, slots=True)
class Tile:
    """Steps that one tile's operations take.

    Parameters
    ----------
    key_dim, value_dim : Real
        Steps of the array for a tile of scores, and for its product with the values.
    quotient : Real
        Division of the results, once for all tiles of a query.
    side : Real
        Keys of a tile, and elements that a reduction crosses.
    element_exponential, lane_exponential, lane_softmax : Real
        Steps of an exponential on an element, on a lane, and of a lane for one score's whole softmax.
    """

    key_dim: Real
    value_dim: Real
    quotient: Real
    side: Real
    element_exponential: Real
    lane_exponential: Real
    lane_softmax: Real

    @property
    def weights(self) -> Real:
        """Steps of the array for exponentials of scores and their sum."""
        return DIFFERENCE + self.element_exponential + SUM

    @property
    def correction(self) -> Real:
        """Steps of a lane for the factor on what was summed before, applied to the sum of weights."""
        return DIFFERENCE + self.lane_exponential + RESCALE


def _cascade(t: Tile) -> tuple[Stage, ...]:
    """Array: products. Lanes: all of the softmax, in the shadow of each other's tiles."""
    running = MAXIMUM + t.correction + SUM
    return (Stage(t.key_dim + t.value_dim, t.side * t.lane_softmax + running + 2.0 * t.value_dim + t.quotient),)


def _architecture(t: Tile) -> tuple[Stage, ...]:
    """The array takes maxima, exponentials and sums as well; one tile after the other, each reduction crossing the array."""
    return (
        Stage(t.key_dim + MAXIMUM, SUM + t.quotient),
        Stage(t.side, 0.0),
        Stage(0.0, MAXIMUM),
        Stage(t.weights, t.correction),
        Stage(t.value_dim, 2.0 * t.value_dim),
    )


def _binding(t: Tile) -> tuple[Stage, ...]:
    """Two tiles interleaved: reductions hide behind the other tile, and the lanes' correction is spread over both products."""
    return (
        Stage(t.key_dim + MAXIMUM, SUM + t.value_dim + t.quotient),
        Stage(0.0, MAXIMUM),
        Stage(t.weights, t.correction),
        Stage(t.value_dim, t.value_dim),
    )


TILED: dict[str, Callable[[Tile], tuple[Stage, ...]]] = {"cascade": _cascade, "arch": _architecture, "binding": _binding}


def tiled_s(
    groups: Real, rows: Real, keys: Real, key_dim: Real, value_dim: Real, array_step_s: Real, machine: Machine, binding: str
) -> tuple[Real, Parts]:  # fmt: skip
    """Time of all tiles, and what the array and the lanes alone need [s].

    Parameters
    ----------
    groups, rows, keys : Real
        Heads of keys, queries of each, and keys that a query meets.
    array_step_s : Real
        One step of the array.
    binding : str
        A name of `TILED`.
    """
    engine = spatial_engine(machine)
    column = ceil(keys / engine.rows)  # tiles that a query passes
    rounds = ceil(groups * ceil(rows / engine.columns) * column / engine.arrays)
    lane_s = engine.columns * engine.arrays / (engine.vector_lanes * engine.clock_hz)
    stages = TILED[binding](_tile(key_dim, value_dim, column, machine, engine))
    pace_s = rounds * total(maximum(s.array * array_step_s, s.lanes * lane_s) for s in stages)
    array_s, lanes_s = total(s.array for s in stages) * array_step_s, total(s.lanes for s in stages) * lane_s
    return pace_s, {"matrix": rounds * array_s, "vector": rounds * lanes_s}


def _tile(key_dim: Real, value_dim: Real, column: Real, machine: Machine, engine: SpatialEngine) -> Tile:
    """The steps of one tile on a machine; elements that know no exponential take as long as lanes."""
    lane = exponential_step(machine)
    element = lane if engine.element_exponential is None else engine.element_exponential
    return Tile(key_dim, value_dim, value_dim / column, engine.rows, element, lane, softmax_step(machine))
