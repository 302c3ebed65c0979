"""Where matrices and caches lie: how a channel's units share them, with ragged edges.

A matrix is dealt output by output over all units; one whose outputs are fewer than the units is also cut along its depth. A head's
keys and values lie in one channel: the banks of a group share the head's width, everything above them (pseudo-channels, ranks, bank
groups) shares the positions (Park et al., AttAcc, ASPLOS 2024, section 5).
"""

from __future__ import annotations

from dataclasses import dataclass

from hardware_specs.schema import NearMemoryEngine
from magnitudes.arrays import Real, ceil, maximum, minimum

COLUMNS, ROWS = "columns", "rows"  # commands of the fullest unit, beside what they take


@dataclass(frozen=True, slots=True)
class Share:
    """What each unit holds of an operand: all units work in step, so that the fullest sets the time.

    Parameters
    ----------
    columns : Real
        Column accesses of the fullest unit.
    rows : Real
        DRAM rows that they touch.
    """

    columns: Real
    rows: Real


def channel_units(engine: NearMemoryEngine) -> Real:
    """Units of one channel."""
    return engine.units / engine.channels


def unit_banks(engine: NearMemoryEngine) -> Real:
    """Banks that one unit reads in turn."""
    return maximum(engine.banks * engine.channels / engine.units, 1.0)


def rank_units(engine: NearMemoryEngine) -> Real:
    """Units of one rank of a pseudo-channel."""
    return channel_units(engine) / (engine.pseudo_channels * engine.ranks)


def width_units(engine: NearMemoryEngine) -> Real:
    """Units that share the width of a head: the banks of a group, where each has its own."""
    if engine.at != "bank":
        return 1.0
    group = engine.banks / (engine.pseudo_channels * engine.ranks * engine.bank_groups)
    return minimum(maximum(group, 1.0), channel_units(engine))


def ports(engine: NearMemoryEngine) -> Real:
    """Places of a channel that results come from and weights go to one after another: pseudo-channels take part together."""
    return maximum(channel_units(engine) / (engine.pseudo_channels * width_units(engine)), 1.0)


def turns_and_reads(vectors: Real, engine: NearMemoryEngine, *, drawn: bool = False) -> tuple[Real, Real]:
    """How often each column is multiplied, and how often it is read, until so many vectors have met it.

    Parameters
    ----------
    drawn : bool
        Whether `vectors` is the mean of many matrices that get their vectors by chance, as experts do, and not each one's number.
    """
    turns = _groups(vectors, engine.vectors, drawn)
    return turns, turns if engine.held_vectors is None else minimum(_groups(vectors, engine.held_vectors, drawn), turns)


def _groups(vectors: Real, size: Real, drawn: bool) -> Real:
    """Groups of at most `size` vectors. By chance, the last one is anywhere between one vector and full: half of what it could lack, on average."""
    return maximum(vectors / size + 0.5 * (1.0 - 1.0 / size), 1.0) if drawn else ceil(vectors / size)


def row_columns(engine: NearMemoryEngine) -> Real:
    """Columns of an open row."""
    return engine.row_byte / engine.column_byte


def rows_of(columns: Real, engine: NearMemoryEngine) -> Real:
    """Rows that consecutive columns touch."""
    return ceil(columns / row_columns(engine))


def matrix_share(outputs: Real, depth: Real, element_byte: Real, parts: float, engine: NearMemoryEngine) -> Share:
    """A matrix of `outputs` by `depth`, each output cut into `parts` along its depth.

    Parameters
    ----------
    outputs, depth : Real
        Rows of the stored matrix (over all its copies), and elements of each.
    element_byte : Real
    parts : float
    """
    pieces = ceil(outputs * parts / engine.units)
    columns = pieces * ceil(ceil(depth / parts) * element_byte / engine.column_byte)
    return Share(columns, rows_of(columns, engine))


@dataclass(frozen=True, slots=True)
class HeadShare:
    """Keys (or values) of one head in one channel, as its fullest unit holds them.

    Parameters
    ----------
    slices : Real
        Columns of one position: the head's width over the units that share it.
    positions : Real
        Positions of a unit.
    rows : Real
        DRAM rows that hold them.
    elements : Real
        Elements of a column.
    """

    slices: Real
    positions: Real
    rows: Real
    elements: Real


def head_share(kv_len: Real, head_dim: Real, element_byte: Real, engine: NearMemoryEngine) -> HeadShare:
    """How `kv_len` positions of a head lie in a channel."""
    elements = engine.column_byte / element_byte
    across = width_units(engine)
    slices = ceil(head_dim / (elements * across))
    positions = ceil(kv_len * across / channel_units(engine))
    return HeadShare(slices, positions, rows_of(slices * positions, engine), elements)
