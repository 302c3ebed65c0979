"""A fused section: stages of a pipeline on compute and memory units, in closed form.

Stages take units in proportion to their work. With whole units, at least one a stage, some assignment lets no stage take longer than

    pace = work * units / (units - stages + 1)

for all its rows (`assigned` returns one). Rows flow in `parts` pieces; the first piece passes all stages, the others follow at the pace of the slowest:

    compute = pace * (parts + stages - 1) / parts

Meanwhile main memory brings weights, keys and values and what crosses the section's boundary; the memory on chip reads weights again for each
piece; links carry what is exchanged. The slowest of these sets the time. Latencies (each stage's, main memory's, the links') are filled once, and the
start is paid once.

Held on chip: weights (so that each piece finds them), keys and values of one sequence, and for each tensor between two stages as many pieces as its
farthest reader lies behind, and one more: paths that part and join again need the depth by which they differ. A section whose tensors fit
whole takes its rows at once, and its weights then stream past without being held.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import ceil as whole_ceil

from magnitudes.arrays import Real, largest, maximum, minimum, smallest, total, where
from simulator.cost import NEVER_S
from simulator.streaming.fabric import Fabric
from simulator.streaming.stage import Stage, alone_byte

PARTS = (1.0, 8.0, 64.0, 512.0)  # pieces into which rows may be cut
LEAST_S = 1e-18  # of work: a section that only moves bytes has none

Parts = dict[str, Real]


@dataclass(frozen=True, slots=True)
class Load:
    """What a run of stages asks of a fabric, gathered stage by stage.

    Parameters
    ----------
    stages : tuple of Stage
    farthest : mapping of str to int
        Place of the farthest reader of each result, inside the run.
    work_s, weight_byte, state_byte, held_byte, in_byte, moved_byte, buffer_byte, hop_s : Real
        Sums over the stages: `in_byte` from outside the run, `moved_byte` through the memory on chip, `buffer_byte` between stages if all
        rows were one piece.
    rows : Real, optional
        Pieces into which the run can be cut.
    workers : int
        Stages that take compute units.
    link_s : mapping of str to Real
    """

    stages: tuple[Stage, ...] = ()
    farthest: Mapping[str, int] = field(default_factory=dict)
    work_s: Real = 0.0
    weight_byte: Real = 0.0
    state_byte: Real = 0.0
    held_byte: Real = 0.0
    in_byte: Real = 0.0
    moved_byte: Real = 0.0
    buffer_byte: Real = 0.0
    hop_s: Real = 0.0
    rows: Real | None = None
    workers: int = 0
    link_s: Mapping[str, Real] = field(default_factory=dict)

    def out_byte(self, readers: Mapping[str, frozenset[str]]) -> Real:
        """Results that somebody outside the run reads; all of them, where nobody does."""
        inside = {s.name for s in self.stages}
        return total(s.out_byte for s in self.stages if not readers[s.name] or not readers[s.name] <= inside)


def extended(load: Load, stage: Stage) -> Load:
    """A run with one more stage at its end."""
    place = len(load.stages)
    by_name = {s.name: (s, i) for i, s in enumerate(load.stages)}
    inside = [by_name[name] for name in stage.sources if name in by_name]
    from_inside = total(s.out_byte for s, _ in inside)
    outside = maximum(stage.in_byte - from_inside, 0.0) if inside else stage.in_byte
    # A tensor's pieces wait for its farthest reader; the first input and the last result are double-buffered.
    longer = total(s.out_byte * float(place - load.farthest.get(s.name, i + 1)) for s, i in inside if place > load.farthest.get(s.name, i + 1))
    first = 2.0 * stage.in_byte if not load.stages else 0.0
    return replace(
        load,
        stages=(*load.stages, stage),
        farthest={**load.farthest, **{s.name: place for s, _ in inside}},
        work_s=load.work_s + stage.work_s,
        weight_byte=load.weight_byte + stage.weight_byte,
        state_byte=load.state_byte + stage.state_byte,
        held_byte=load.held_byte + stage.held_byte,
        in_byte=load.in_byte + outside,
        moved_byte=load.moved_byte + 2.0 * (stage.in_byte + stage.out_byte),
        buffer_byte=load.buffer_byte + first + 2.0 * stage.out_byte + longer,
        hop_s=load.hop_s + stage.hop_s,
        rows=load.rows if stage.rows is None else stage.rows if load.rows is None else minimum(load.rows, stage.rows),
        workers=load.workers + stage.works,
        link_s={name: load.link_s.get(name, 0.0) + stage.link_s.get(name, 0.0) for name in {**load.link_s, **stage.link_s}},
    )


def pace_s(work_s: Real, workers: int, units: Real) -> Real:
    """The slowest stage, over all rows, where units are assigned to balance the stages [s]; `NEVER_S` where there are fewer units than stages."""
    if workers <= 1:
        return work_s
    spare = units - (workers - 1.0)
    return where(spare >= 1.0, work_s * units / maximum(spare, 1.0), NEVER_S)


def assigned(work_s: Sequence[float], units: float) -> list[int]:
    """Whole units for each stage, no more than there are, so that none takes longer than `pace_s`."""
    workers = sum(w > 0.0 for w in work_s)
    share = (units - workers + 1.0) / max(sum(work_s), LEAST_S)
    return [whole_ceil(w * share * (1.0 - 1e-12)) for w in work_s]


def section_parts(load: Load, readers: Mapping[str, frozenset[str]], fabric: Fabric, kept: tuple[bool, bool] = (False, False)) -> tuple[Real, Parts]:
    """Time of a run of stages as one section, and what each resource takes of it [s]; at least `NEVER_S` where it does not fit.

    Parameters
    ----------
    load : Load
    readers : mapping of str to set of str
        Who reads each result, in the whole segment.
    fabric : Fabric
    kept : (bool, bool)
        Whether what it reads, and what it writes, stays on chip whole instead of passing through main memory.
    """
    written = load.out_byte(readers)
    resident = total(byte for byte, stays in zip((load.in_byte, written), kept, strict=True) if stays)
    crossing = total(byte for byte, stays in zip((load.in_byte, written), kept, strict=True) if not stays)
    if len(load.stages) == 1 and not any(kept):
        memory_byte = alone_byte(load.stages[0], fabric.capacity_byte)
        inner_s, inner = _moving(load, load.work_s, 1.0, fabric)
    else:
        memory_byte = load.weight_byte + load.state_byte + crossing
        inner_s, inner = _fastest_cut(load, resident, fabric)
    latency_s = (fabric.stage_s + fabric.program_s) * float(len(load.stages)) + fabric.memory_s + load.hop_s
    parts = {**inner, fabric.memory: memory_byte / fabric.memory_byte_per_s, **load.link_s, "launch": fabric.start_s + latency_s}
    body_s = largest([inner_s, parts[fabric.memory], *load.link_s.values()])
    return body_s + parts["launch"], parts


def _fastest_cut(load: Load, resident_byte: Real, fabric: Fabric) -> tuple[Real, Parts]:
    """The fastest of the ways to cut rows into pieces that fit."""
    pace = pace_s(load.work_s, load.workers, fabric.units)
    best_s: Real = NEVER_S
    best: Parts = {}
    for place, (pieces, need_byte) in enumerate(needs(load)):
        held_byte = need_byte if place == 0 else need_byte + resident_byte  # whole tensors are counted in the first way already
        fits = held_byte <= fabric.capacity_byte
        compute_s = pace * (pieces + (load.workers - 1.0)) / pieces if load.workers > 1 else pace
        time_s, parts = _moving(load, compute_s, pieces, fabric)
        time_s = where(fits, time_s, NEVER_S)
        better = time_s < best_s
        best = {name: where(better, part, best[name]) for name, part in parts.items()} if best else parts
        best_s = minimum(best_s, time_s)
    return best_s, best


def needs(load: Load) -> Iterator[tuple[Real, Real]]:
    """The ways to cut rows into pieces, each with the memory on chip that it takes [byte]."""
    yield 1.0, load.buffer_byte / 2.0  # each tensor once: nothing else flows meanwhile
    if load.rows is None or any(stage.whole for stage in load.stages[1:]):
        return
    for pieces in PARTS[1:]:
        cut = minimum(pieces, load.rows)
        yield cut, load.weight_byte + load.held_byte + load.buffer_byte / cut


def _moving(load: Load, compute_s: Real, pieces: Real, fabric: Fabric) -> tuple[Real, Parts]:
    """Arithmetic beside the memory on chip, which reads weights for each piece."""
    moved_s = (load.weight_byte * pieces + load.state_byte + load.moved_byte) / fabric.on_chip_byte_per_s
    return maximum(compute_s, moved_s), {"units": compute_s, fabric.on_chip: moved_s}


def least_need_byte(load: Load) -> Real:
    """The least memory on chip that a run takes as one section."""
    return smallest(need for _, need in needs(load))
