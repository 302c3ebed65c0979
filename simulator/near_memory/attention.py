"""Attention beside the banks: scores, softmax and values of one head a channel, two heads hiding each other's softmax.

The schedule is AttAcc's (Park et al., ASPLOS 2024, section 6; its published command generator): per channel, heads come in pairs. While a
unit multiplies columns, the bus carries the query of the next head, scores to the softmax unit and weights back:

=============  ==============================  ====================================================================
phase          columns                         bus
=============  ==============================  ====================================================================
first scores   keys of the first head          scores out, query of the second head
second scores  keys of the second head         scores out; in their second half the first head's weights, after its softmax
first values   values of the first head        results out; in their second half the second head's weights
second values  values of the second head       results out
=============  ==============================  ====================================================================

Each phase goes in steps (a chunk of 16 scores a unit; a slice of the head's width), and a step takes the longer of its columns and its
moves. A head without a partner hides nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

from hardware_specs.schema import NearMemoryEngine
from magnitudes.arrays import Real, ceil, floor, maximum, minimum
from simulator.cost import fastest
from simulator.machine import Machine
from simulator.near_memory.layout import COLUMNS, ROWS, HeadShare, head_share, ports, row_columns, turns_and_reads, width_units
from simulator.near_memory.timeline import exposed_s, interval_s, short_s
from workloads.operator import Attention

CHUNK = 16.0  # positions of a unit between two moves of scores: a column of fp16 results


@dataclass(frozen=True, slots=True)
class Moves:
    """What the bus of a channel carries for one head [s].

    Parameters
    ----------
    query_s : Real
        The query to the units that share the width: places of one bank group.
    scores_s : Real
        Scores of one chunk, from each port.
    weights_s : Real
        All weights back to each port.
    result_s : Real
        One slice of the result, from each place that has a part of it.
    """

    query_s: Real
    scores_s: Real
    weights_s: Real
    result_s: Real


@dataclass(frozen=True, slots=True)
class Columns:
    """What the units of a channel do for one head [s], row switches included.

    Parameters
    ----------
    chunks : Real
        Chunks of scores.
    chunk_s, last_s : Real
        A full chunk, and the last one.
    slices : Real
        Slices of the result.
    slice_s : Real
    """

    chunks: Real
    chunk_s: Real
    last_s: Real
    slices: Real
    slice_s: Real


def attention_parts(operator: Attention, engine: NearMemoryEngine, machine: Machine) -> tuple[Real, dict[str, Real]]:
    """Time of attention without refresh, what columns, row switches, bus and softmax unit take of it [s], and the commands of the fullest unit.

    Where units can hold columns, queries of a head share them or come one group after the other, as partners: whichever is done first.
    """
    turns, reads = turns_and_reads(operator.q_len * operator.heads / operator.kv_heads, engine)  # of a head's keys
    if engine.held_vectors is None:
        return _heads(operator, turns, reads, engine, machine)
    return fastest([_heads(operator, turns, reads, engine, machine), _heads(operator, turns, turns, engine, machine)])


def _heads(operator: Attention, turns: Real, reads: Real, engine: NearMemoryEngine, machine: Machine) -> tuple[Real, dict[str, Real]]:
    """All heads, their columns multiplied and read so often."""
    positions = operator.pairs / operator.q_len  # the mean over the queries of a causal prompt
    share = head_share(positions, operator.head_dim, operator.state.byte, engine)
    waves, together = ceil(operator.batch * operator.kv_heads / engine.channels) * reads, turns / reads
    moves, columns = _moves(share, together, engine), _columns(share, together, engine)
    softmax_s = operator.vector_flop / (operator.batch * operator.kv_heads * reads) * engine.channels / machine.vector_flop_per_s(operator.arithmetic)
    pair_s, single_s = _pair_s(columns, moves, softmax_s), _single_s(columns, moves, softmax_s, engine)
    time_s = _waves_s(waves, pair_s, single_s)
    accesses, rows = waves * 2.0 * share.slices * share.positions, waves * 2.0 * share.rows
    parts = {
        "bank": together * accesses * interval_s(engine), "activate": rows * exposed_s(engine), COLUMNS: accesses, ROWS: rows,
        "bus": waves * (moves.query_s + columns.chunks * moves.scores_s + moves.weights_s + columns.slices * moves.result_s), "companion": waves * softmax_s,
    }  # fmt: skip
    return time_s, parts


def _waves_s(waves: Real, pair_s: Real, single_s: Real) -> Real:
    """Heads of a channel, two by two; the last alone where their number is odd. A lone head could run beside an empty partner [s]."""
    pairs = floor(waves / 2.0)
    return pairs * pair_s + (waves - 2.0 * pairs) * minimum(single_s, pair_s)


def _moves(share: HeadShare, together: Real, engine: NearMemoryEngine) -> Moves:
    """The moves of a head, for the groups of queries that meet its columns together.

    Ports in different bank groups follow each other at tCCD_S, one port alone at tCCD_L.
    """
    outlets, across = ports(engine), width_units(engine)
    weights = ceil(share.positions / share.elements)
    alone = maximum(0.0, minimum(1.0, 2.0 - outlets))  # 1 for one port, 0 for two and more
    port_s = short_s(engine) + alone * (engine.column_to_column_s - short_s(engine))
    results = across * engine.ranks if engine.at in ("bank", "bank_group") else 1.0
    return Moves(
        query_s=together * share.slices * across * engine.column_to_column_s,
        scores_s=together * outlets * short_s(engine),
        weights_s=together * outlets * weights * port_s,
        result_s=together * results * short_s(engine),
    )


def _columns(share: HeadShare, together: Real, engine: NearMemoryEngine) -> Columns:
    """Columns of a head; a chunk opens the rows that it touches, on average."""
    pace_s, switch_s = together * interval_s(engine), exposed_s(engine)
    chunks = ceil(share.positions / CHUNK)
    last = share.positions - CHUNK * (chunks - 1.0)
    full_rows = CHUNK * share.slices / row_columns(engine)
    last_rows = maximum(share.rows - (chunks - 1.0) * full_rows, 0.0)
    return Columns(
        chunks,
        CHUNK * share.slices * pace_s + full_rows * switch_s,
        last * share.slices * pace_s + last_rows * switch_s,
        share.slices,
        share.positions * pace_s + share.rows / share.slices * switch_s,
    )


def _scores_s(columns: Columns, steps: Real, moves_s: Real) -> Real:
    """`steps` chunks to the end of the scores, each with its moves [s]."""
    return maximum(steps - 1.0, 0.0) * maximum(columns.chunk_s, moves_s) + minimum(steps, 1.0) * maximum(columns.last_s, moves_s)


def _pair_s(columns: Columns, moves: Moves, softmax_s: Real) -> Real:
    """Two heads [s]. The first query arrives while the first row opens."""
    late, late_slices = ceil(columns.chunks / 2.0), ceil(columns.slices / 2.0)
    first_scores_s = _scores_s(columns, columns.chunks, moves.scores_s + moves.query_s / columns.chunks)
    early_s = (columns.chunks - late) * maximum(columns.chunk_s, moves.scores_s)
    second_scores_s = early_s + _scores_s(columns, late, moves.scores_s + moves.weights_s / late)
    early_slices_s = (columns.slices - late_slices) * maximum(columns.slice_s, moves.result_s)
    first_values_s = early_slices_s + late_slices * maximum(columns.slice_s, moves.result_s + moves.weights_s / late_slices)
    second_values_s = columns.slices * maximum(columns.slice_s, moves.result_s)
    return first_scores_s + maximum(second_scores_s, softmax_s) + maximum(first_values_s, softmax_s) + second_values_s


def _single_s(columns: Columns, moves: Moves, softmax_s: Real, engine: NearMemoryEngine) -> Real:
    """A head alone: the weights wait for the softmax, the values for the weights [s]."""
    hidden_s = exposed_s(engine)  # the next row opens meanwhile
    back_s = maximum(moves.weights_s, softmax_s)
    repeats = columns.chunks if engine.unpaired == "chunks" else 0.0
    scores_s = _scores_s(columns, columns.chunks, moves.scores_s) + moves.scores_s + repeats * maximum(moves.weights_s - hidden_s, 0.0)
    return scores_s + back_s + columns.slices * maximum(columns.slice_s, moves.result_s)
