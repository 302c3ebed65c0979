"""The best assignment of a chain of operators to memories: dynamic programming, with the cost of moving activations between them.

Engines beside one memory hand activations over for nothing more than they read and write anyway: each operator then simply takes its fastest
way. Where engines stand beside different memories, an operator is charged for its activations when the one before it left them elsewhere. A
layer that repeats hands over to itself: its first operator reads what its last one left.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from magnitudes.arrays import Real, choose, minimum, where
from workloads.graph import Node
from workloads.operator import Residency

Homes = tuple[Real | None, ...]  # by memory: a number, or None where no engine beside it serves the operator


@dataclass(frozen=True, slots=True)
class Stage:
    """One operator of the chain.

    Parameters
    ----------
    node : Node
    time_s : tuple of Real or None
        Fastest way to run it once beside each memory.
    move_s : tuple of tuple of Real
        ``move_s[i][j]``: its activations from memory `i` to memory `j`.
    """

    node: Node
    time_s: Homes
    move_s: tuple[tuple[Real, ...], ...]


@dataclass(frozen=True, slots=True)
class _Best:
    """A least time over where it came from, and that place."""

    time_s: Real
    source: Real


def activation_byte(node: Node) -> Real:
    """Bytes that an operator reads of what the one before it wrote."""
    return node.operator.byte_of(Residency.ACTIVATION)


def assign(stages: Sequence[Stage]) -> list[Real]:
    """The memory beside which each operator runs, by number, such that all of them together take the least time."""
    blocks = list(_blocks(stages))
    before: dict[int, Real] = dict.fromkeys(_open(stages[0]), 0.0)
    kept = []
    for place, block in enumerate(blocks):
        entered = {f: _least({g: t + (block[0].move_s[g][f] if place else 0.0) for g, t in before.items()}) for f in _open(block[0])}
        inner = {f: _forward(block, f) for f in entered}
        again = _most(block) - 1.0
        ended = {
            h: _least({f: entered[f].time_s + inner[f][0][h] + again * block[0].move_s[h][f] for f in entered if h in inner[f][0]}) for h in _open(block[-1])
        }
        before = {h: best.time_s for h, best in ended.items()}
        kept.append((block, entered, inner, ended))
    return _backward(kept, _least(before).source)


def _backward(
    kept: Sequence[tuple[Sequence[Stage], dict[int, _Best], dict[int, tuple[dict[int, Real], list[dict[int, _Best]]]], dict[int, _Best]]], last: Real
) -> list[Real]:
    """The choices behind the least time, from the last operator to the first."""
    homes: list[Real] = []
    for block, entered, inner, ended in reversed(kept):
        first = _picked({h: best.source for h, best in ended.items()}, last)
        own: list[Real] = [last]
        for step in range(len(block) - 1, 0, -1):
            own.append(_picked({f: _picked({h: b.source for h, b in inner[f][1][step].items()}, own[-1]) for f in inner}, first))
        homes.extend(own)
        last = _picked({f: best.source for f, best in entered.items()}, first)
    return homes[::-1]


def _forward(block: Sequence[Stage], first: int) -> tuple[dict[int, Real], list[dict[int, _Best]]]:
    """Least time through a block that starts in one memory, by the memory where it ends; and where each step came from."""
    now: dict[int, Real] = {first: block[0].node.count * _time(block[0], first)}
    trail: list[dict[int, _Best]] = [{}]
    for stage, previous in zip(block[1:], block, strict=False):
        crossings = minimum(stage.node.count, previous.node.count)
        best = {h: _least({g: t + crossings * stage.move_s[g][h] for g, t in now.items()}) for h in _open(stage)}
        now = {h: b.time_s + stage.node.count * _time(stage, h) for h, b in best.items()}
        trail.append(best)
    return now, trail


def moved_s(stages: Sequence[Stage], homes: Sequence[Real]) -> list[Real]:
    """Time that each operator waits for its activations, over all its calls [s]."""
    found: list[Real] = []
    start = 0
    for block in _blocks(stages):
        own = homes[start : start + len(block)]
        entry: Real = _move(block[0], homes[start - 1], own[0]) if start else 0.0
        found.append(entry + (_most(block) - 1.0) * _move(block[0], own[-1], own[0]))
        for place in range(1, len(block)):
            crossings = minimum(block[place].node.count, block[place - 1].node.count)
            found.append(crossings * _move(block[place], own[place - 1], own[place]))
        start += len(block)
    return found


def _move(stage: Stage, source: Real, target: Real) -> Real:
    return choose(source, [choose(target, row) for row in stage.move_s])


def _blocks(stages: Sequence[Stage]) -> list[list[Stage]]:
    """Neighbours that repeat (whole layers, of one kind or several that take turns), and those that run once."""
    blocks: list[list[Stage]] = []
    for stage in stages:
        if blocks and _once(blocks[-1][-1].node) == _once(stage.node):
            blocks[-1].append(stage)
        else:
            blocks.append([stage])
    return blocks


def _once(node: Node) -> bool:
    return isinstance(node.count, float) and node.count == 1.0


def _most(block: Sequence[Stage]) -> Real:
    """How often a block repeats: as often as the most frequent of its operators."""
    most: Real = 1.0
    for stage in block:
        most = stage.node.count if isinstance(most, float) and most == 1.0 else -minimum(-most, -stage.node.count)
    return most


def _open(stage: Stage) -> list[int]:
    return [h for h, t in enumerate(stage.time_s) if t is not None]


def _time(stage: Stage, home: int) -> Real:
    time_s = stage.time_s[home]
    assert time_s is not None
    return time_s


def _least(options: dict[int, Real]) -> _Best:
    """The least of several times, and which it is; of equals the first."""
    (first, least), *others = options.items()
    source: Real = float(first)
    for number, time_s in others:
        source = where(time_s < least, float(number), source)
        least = minimum(least, time_s)
    return _Best(least, source)


def _picked(options: dict[int, Real], index: Real) -> Real:
    """The option of that number, row by row."""
    numbers = list(options)
    full = [options.get(n, options[numbers[0]]) for n in range(max(numbers) + 1)]
    return choose(index, full)
