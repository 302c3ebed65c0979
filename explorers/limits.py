"""How fast this machine could run a program at best: what it moves and computes, against rates measured here and now."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Barrier
from typing import Any

import numpy as np

from magnitudes.arrays import Column
from magnitudes.program import Instruction, Program, select
from magnitudes.symbol import FUNCTIONS, LOGICAL

NUMBER_BYTE, TRUTH_BYTE = 8, 1  # float64 and numpy's bool
CACHE_ROWS = 8192  # three columns of float64 are 192 KiB: inside a core's own cache, and long beside the call's fixed cost
MEMORY_ROWS = 2**22  # a column of 32 MiB: as large as the last-level cache of a whole chip
SPAN_S = 0.02  # a rate is measured over this long, and the best of `TRIES` counts
TRIES = 3

Signature = tuple[str, tuple[str, ...]]  # a function, and where each of its operands is


@dataclass(frozen=True, slots=True)
class MachineRates:
    """What numpy reaches on this machine, all workers at once.

    Parameters
    ----------
    workers : int
    copy_cache_byte_per_s, copy_memory_byte_per_s : float
        Bytes read and written by a copy of columns that stay in a core's cache, or come from main memory.
    multiply_flop_per_s : float
        Products of two columns in a core's cache.
    """

    workers: int
    copy_cache_byte_per_s: float
    copy_memory_byte_per_s: float
    multiply_flop_per_s: float


@dataclass(frozen=True, slots=True)
class Work:
    """What a program does for one design.

    Parameters
    ----------
    flop : int
        Arithmetic instructions: each one operation, a division or a logarithm like an addition.
    byte : int
        Read and written by the instructions, in whatever cache the buffers lie.
    memory_byte : int
        Read and written once: the inputs and outputs.
    """

    flop: int
    byte: int
    memory_byte: int


def work_of(program: Program) -> Work:
    """What a program does for one design."""
    flop = sum(i.function not in LOGICAL and i.function != "where" for i in program.instructions)
    outputs = sum(TRUTH_BYTE if kind == "mask" else NUMBER_BYTE for kind, _ in program.outputs.values())
    inputs = len(program.inputs) * NUMBER_BYTE
    byte = sum(_moved_byte(i) for i in program.instructions) + 2 * inputs + 2 * outputs  # inputs and outputs are copied, block by block
    return Work(flop, byte, inputs + outputs)


def _moved_byte(instruction: Instruction) -> int:
    """Bytes that one instruction reads and writes for a row; a choice is written, and copied into its place."""
    read = sum({"constant": 0, "mask": TRUTH_BYTE}.get(kind, NUMBER_BYTE) for kind in instruction.kinds)
    written = TRUTH_BYTE if instruction.function in LOGICAL else NUMBER_BYTE
    return read + written * (3 if instruction.function == "where" else 1)


def machine_rates(workers: int) -> MachineRates:
    """Copy and multiply: in caches one core's rate times the workers, from memory all workers at once."""
    cached, streamed = _rate(_copy, CACHE_ROWS), _rate(_copy, MEMORY_ROWS, workers)
    pair = 2 * NUMBER_BYTE  # an element is read and written
    return MachineRates(workers, cached * workers * pair, streamed * pair, _rate(np.multiply, CACHE_ROWS) * workers)


def _copy(a: Column, _: Column, c: Column) -> None:
    np.copyto(c, a)


def instruction_s(program: Program) -> dict[str, float]:
    """Seconds a row that one core spends in each function, were all buffers in its own cache: each kind of instruction measured alone.

    Returns
    -------
    dict of str to float
        By function, the most first.
    """
    counted: Counter[Signature] = Counter((i.function, i.kinds) for i in program.instructions)
    spent: dict[str, float] = {}
    for (function, kinds), count in counted.items():
        spent[function] = spent.get(function, 0.0) + count / _rate(_call(function, kinds), CACHE_ROWS, span_s=SPAN_S / 10)
    return dict(sorted(spent.items(), key=lambda item: -item[1]))


def _call(function: str, kinds: tuple[str, ...]) -> Callable[..., Any]:
    """One instruction on columns of its own."""
    truth = np.arange(CACHE_ROWS) % 3 == 0
    place: Mapping[str, Any] = {"constant": 1.5, "mask": truth}
    operands = [place.get(kind, np.linspace(0.5, 2.0, CACHE_ROWS)) for kind in kinds]
    target = np.empty(CACHE_ROWS, dtype=bool if function in LOGICAL else np.float64)
    if function == "where":
        return lambda *_: select(truth, operands[1], operands[2], target)
    return lambda *_: FUNCTIONS[function](*operands, out=target)


def _rate(call: Callable[..., Any], rows: int, workers: int = 1, span_s: float = SPAN_S) -> float:
    """Rows a second of a call on three columns, summed over workers that run side by side; the best of some tries.

    Only the time that a worker has a core counts: what other programs take is no limit of the machine's.
    """
    ready = Barrier(workers)

    def one() -> float:
        a, b, c = (np.full(rows, x) for x in (1.25, 0.75, 0.0))
        call(a, b, c)
        ready.wait()
        calls, start = 0, time.thread_time()
        while (passed := time.thread_time() - start) < span_s or not calls:
            call(a, b, c)
            calls += 1
        return calls * rows / passed

    with ThreadPoolExecutor(workers) as pool:
        return max(sum(future.result() for future in [pool.submit(one) for _ in range(workers)]) for _ in range(TRIES))
