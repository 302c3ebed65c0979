"""Folds: how often a product goes through an array, and how long each time takes.

An array of R x C elements holds one operand (weight or input stationary) or the results (output stationary) still, and the loops that do
not fit are folded: ceil(rows / R) x ceil(columns / C) folds, through each of which T values stream (Samajdar et al., SCALE-Sim, 2018):

- weight stationary: rows k, columns n, T = m; a fold takes R to load, R + C - 2 to cross the array, T to stream;
- input stationary: rows k, columns m, T = n, likewise;
- output stationary: rows m, columns n, T = k; nothing is loaded, results leave while the next fold runs;
- row stationary (Chen et al., Eyeriss, ISCA 2016): a set of filter rows x image rows works on one pair of channel and filter, sets fill the
  array side by side, and each element slides a filter row along an image row.

`serial` folds follow each other as in SCALE-Sim. `overlapped` ones hide the load of the next fold behind the stream of this one, by a second
register in each element, as the TPU (Jouppi et al., ISCA 2017) and Gemmini (Genc et al., DAC 2021) do.
"""

from __future__ import annotations

from collections.abc import Callable

from hardware_specs.schema import SpatialEngine
from magnitudes.arrays import Real, ceil, floor, maximum, minimum
from simulator.machine import MachineError
from simulator.spatial.product import Product

Shape = tuple[Real, Real, Real, bool]  # extents over rows and columns, stream, whether something is loaded before


def array_cycle(product: Product, engine: SpatialEngine, *, overlapped: bool = True) -> Real:
    """Cycles that a batch of products takes on the arrays of an engine, operands being there in time.

    Arrays share the folds, or each fold's stream, whichever is done first.

    Raises
    ------
    MachineError
        If nobody knows the dataflow.
    """
    if engine.dataflow == "row":
        return _row_stationary(product, engine)
    if engine.dataflow not in HELD:
        raise MachineError(f"{engine.name} has the dataflow {engine.dataflow!r}; it is one of {', '.join([*HELD, 'row'])}")
    cycle = _held(HELD[engine.dataflow](product), product, engine, overlapped)
    other = OTHER.get(engine.dataflow)
    return minimum(cycle, _held(HELD[other](product), product, engine, overlapped)) if product.either and other else cycle


def _held(shape: Shape, product: Product, engine: SpatialEngine, overlapped: bool) -> Real:
    """Cycles where an operand or the results stay in the elements."""
    rows, columns, stream, loaded = shape
    folds = product.batch * ceil(rows / engine.rows) * ceil(columns / engine.columns)
    share_folds = _folds_cycle(ceil(folds / engine.arrays), stream, engine, loaded, overlapped)
    share_stream = _folds_cycle(folds, ceil(stream / engine.arrays), engine, loaded, overlapped)
    return minimum(share_folds, share_stream)


def _folds_cycle(folds: Real, stream: Real, engine: SpatialEngine, loaded: bool, overlapped: bool) -> Real:
    """Cycles of so many folds, one after another, on one array."""
    cross = engine.rows + engine.columns - 2.0
    shift = engine.rows if engine.loaded_rows is None else engine.rows / engine.loaded_rows
    load: Real = shift if loaded else 0.0
    if not overlapped:
        return folds * (load + cross + stream)
    return load + (folds - 1.0) * maximum(stream, shift) + stream + cross


def _row_stationary(product: Product, engine: SpatialEngine) -> Real:
    """Cycles where filter rows stay in the elements and image rows slide past them."""
    image_rows = product.m if product.image_rows is None else product.image_rows
    images = product.m / (image_rows * product.image_columns)
    channels = product.k / (product.filter_rows * product.filter_columns)
    sets = product.batch * product.n * channels * images
    beside = maximum(floor(engine.rows / product.filter_rows), 1.0) * maximum(floor(engine.columns / image_rows), 1.0)
    folds = ceil(product.filter_rows / engine.rows) * ceil(image_rows / engine.columns)
    passes = ceil(sets / (beside * engine.arrays)) * folds
    return passes * product.filter_columns * product.image_columns + engine.rows + engine.columns - 2.0


HELD: dict[str, Callable[[Product], Shape]] = {
    "weight": lambda p: (p.k, p.n, p.m, True),
    "input": lambda p: (p.k, p.m, p.n, True),
    "output": lambda p: (p.m, p.n, p.k, False),
}
OTHER = {"weight": "input", "input": "weight"}  # the same with the operands' places changed


def operand_bytes(product: Product, engine: SpatialEngine) -> tuple[Real, Real, Real]:
    """Bytes of each operand and of the results that cross the ports of the nearest buffer: an operand is read again for each fold that needs it."""
    a, b = product.m * product.k * product.element.byte * product.batch, product.b_byte
    if engine.dataflow == "weight":
        a = a * ceil(product.n / engine.columns)
    elif engine.dataflow == "input":
        b = b * ceil(product.m / engine.columns)
    elif engine.dataflow == "output":
        a, b = a * ceil(product.n / engine.columns), b * ceil(product.m / engine.rows)
    return a, b, product.c_byte


def operand_read_byte(product: Product, engine: SpatialEngine) -> Real:
    """Bytes that the busiest port of the nearest buffer carries: each operand has a port of its own."""
    a, b, c = operand_bytes(product, engine)
    return maximum(maximum(a, b), c)
