"""Designs a second: a decode step of Llama-3-70B where hardware, batch, context, data type and parallelism all vary."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from explorers.limits import NUMBER_BYTE, TRUTH_BYTE, MachineRates, Work, instruction_s, machine_rates, work_of
from explorers.question import DTYPE, FACTOR, Question, output_of
from explorers.stream import stream, threads
from hardware_specs.catalog import find_system
from hardware_specs.fields import field_values
from magnitudes.arrays import Column, as_float
from magnitudes.errors import InputError
from magnitudes.program import BLOCK, Program
from workloads.catalog import find_model
from workloads.scenario import Decode
from workloads.sharding import Parallelism

MODEL, SYSTEM, DATA_TYPES = "llama-3-70b", "8xh100-sxm", ("bf16", "fp8", "int8")
HARDWARE = (
    "hbm.bandwidth", "hbm.capacity", "hbm.latency", "l2.bandwidth", "l2.capacity", "sm.multiprocessors", "sm.clock",
    "sm.matrix" + FACTOR, "sm.vector" + FACTOR, "tdp", "nvlink4.bandwidth", "nvlink4.latency",
)  # fmt: skip
WHOLE = ("sm.multiprocessors",)  # counts, not sizes
SPREAD = (0.5, 2.0)  # of what the spec says

# fidelity -> share of the designs that are asked for: a law of more instructions takes fewer designs to time
FIDELITIES: dict[str, float] = {"roofline": 1.0, "tile": 0.1, "tile_corrected": 0.1}
TRIES = 3  # the best counts: other programs can only slow a run down
CHUNK_ROWS = 2**18
CHECKED_ROWS = 8
WELL = 0.7  # a share of a limit from which on the limit is what stops it

Progress = Callable[[int, int, str], None]  # done, of, what is next


@dataclass(frozen=True, slots=True)
class Measured:
    """One fidelity.

    Parameters
    ----------
    designs : int
        In each try.
    designs_per_s : float
        All workers together, in the best try.
    one_worker_designs_per_s : float
        One worker alone.
    core_share : float
        Share of the time that the workers ran, in the best try: the rest they waited, for other programs or for one another.
    compile_s : float
        From the question to the program.
    program : Program
    work : Work
        Of one design.
    instruction_s : mapping of str to float
        Seconds a design that one core spends in each function, measured alone with everything in its cache.
    rows_equal : bool
        Whether some rows of the columns are exactly what the scalar call says.
    """

    designs: int
    designs_per_s: float
    one_worker_designs_per_s: float
    core_share: float
    compile_s: float
    program: Program
    work: Work
    instruction_s: Mapping[str, float]
    rows_equal: bool

    def ceilings(self, rates: MachineRates) -> dict[str, float]:
        """Designs a second that this machine would allow, by what would be its only limit."""
        return {
            "multiply": rates.multiply_flop_per_s / self.work.flop,
            "copy_memory": rates.copy_memory_byte_per_s / self.work.memory_byte,
            "copy_cache": rates.copy_cache_byte_per_s / self.work.byte,
            "instructions": rates.workers / sum(self.instruction_s.values()),
        }

    def what_stops_it(self, rates: MachineRates) -> str:
        """One plain sentence: what keeps this fidelity from going faster here."""
        limit = self.ceilings(rates)["instructions"]
        running = self.designs_per_s / (limit * self.core_share)  # of what instructions in cache reach, while the workers run
        function, spent = next(iter(self.instruction_s.items()))
        if self.core_share < WELL and self.core_share < running:
            return f"The cores: the workers ran only {self.core_share:.0%} of the time, waiting for other programs or for one another."
        what = (
            f"each of {len(self.program.instructions)} instructions reads and writes whole columns ({self.work.byte:,} bytes a design), and numpy's "
            f"reach {limit:,.0f} designs/s where all columns lie in a core's own cache"
        )
        if running < WELL:
            return f"The caches: {what}; a worker's buffers fill {self.buffer_byte / 2**20:.0f} MiB, which leaves {running:.0%} of that while the workers run."
        share = spent / sum(self.instruction_s.values())
        return f"The instructions themselves: {what}, of which {running:.0%} is left while the workers run; '{function}' alone is {share:.0%} of their time."

    @property
    def buffer_byte(self) -> int:
        """What one worker's buffers and inputs fill."""
        return BLOCK * (NUMBER_BYTE * (self.program.buffers + len(self.program.inputs)) + TRUTH_BYTE * self.program.masks)


@dataclass(frozen=True, slots=True)
class Benchmark:
    """What was measured, each fidelity by name, beside this machine's own rates."""

    rates: MachineRates
    fidelity: Mapping[str, Measured]


def question(fidelity: str) -> Question:
    """The question that is timed."""
    law, _, corrected = fidelity.partition("_")
    asked = Question(find_model(MODEL), find_system(SYSTEM), Decode(batch=32.0, context=2048.0), Parallelism(tp=8.0), DATA_TYPES, law)
    return replace(asked, correction=bool(corrected))


def random_designs(asked: Question, rows: int, seed: int = 0) -> dict[str, Column]:
    """Random designs: hardware within half and double of the spec, and what a server may be asked.

    Returns
    -------
    dict of str to Column, shape (rows,)
        `HARDWARE`, ``batch``, ``context``, ``dtype`` and ``tp``.
    """
    random = np.random.default_rng(seed)
    base = field_values(asked.system)
    columns: dict[str, Column] = {}
    for path in HARDWARE:
        around = random.uniform(*SPREAD, rows)
        scaled: Column = around if path.endswith(FACTOR) else around * as_float(base[path])
        columns[path] = np.floor(scaled) if path in WHOLE else scaled
    columns["batch"] = np.exp2(random.integers(0, 8, rows), dtype=np.float64)
    columns["context"] = np.floor(random.uniform(512, 32768, rows))
    columns[DTYPE] = random.integers(0, len(asked.data_types), rows).astype(np.float64)
    columns["tp"] = np.exp2(random.integers(0, 4, rows), dtype=np.float64)
    return columns


def shuffled(designs: Mapping[str, Column], chunk_rows: int, chunks: int) -> Iterator[dict[str, Column]]:
    """Chunks of designs that pair the same columns anew each time, without copying: as many designs as wanted in bounded memory.

    Parameters
    ----------
    designs : mapping of str to Column, shape (2 * chunk_rows,)
    """
    for number in range(chunks):
        yield {name: column[(o := number * (2 * place + 1) % (chunk_rows + 1)) : o + chunk_rows] for place, (name, column) in enumerate(designs.items())}


def benchmark(
    designs: float, workers: int | None = None, fidelities: Iterable[str] = tuple(FIDELITIES), progress: Progress = lambda done, of, what: None
) -> Benchmark:
    """Measure designs a second at each fidelity, and what this machine would allow.

    Parameters
    ----------
    designs : float
        At the fastest fidelity; the others take their share of them (`FIDELITIES`).
    workers : int, optional
        Threads; one a core, if not said.
    fidelities : iterable of str
        Out of `FIDELITIES`.
    progress : callable, optional
        ``(done, of, what is next)``.

    Raises
    ------
    InputError
        If there are no designs or no workers.
    """
    if not (math.isfinite(designs) and designs >= 1):
        raise InputError(f"{designs:g} designs; at least one is needed, such as --designs 4e6")
    workers, names = threads(workers), list(fidelities)
    measured = {}
    for done, name in enumerate(names):
        progress(done, len(names) + 1, f"{name}: designs")
        measured[name] = measure(name, max(1, round(designs * FIDELITIES[name])), workers)
    progress(len(names), len(names) + 1, "copy and multiply")
    return Benchmark(machine_rates(workers), measured)


def measure(fidelity: str, designs: int, workers: int) -> Measured:
    """One fidelity of the benchmark."""
    asked = question(fidelity)
    chunks = math.ceil(designs / (workers * CHUNK_ROWS)) * workers
    rows = math.ceil(designs / chunks)
    pool = random_designs(asked, 2 * rows)
    start = time.perf_counter()
    program = asked.compiled(tuple(pool))
    compile_s = time.perf_counter() - start
    rate, core_share = _fastest_pass(program, pool, rows, chunks, workers)
    alone = rate if workers == 1 else _fastest_pass(program, pool, rows, max(1, chunks // workers), 1)[0]
    equal = rows_equal(asked, program, pool)
    return Measured(chunks * rows, rate, alone, core_share, compile_s, program, work_of(program), instruction_s(program), equal)


def _fastest_pass(program: Program, pool: Mapping[str, Column], rows: int, chunks: int, workers: int) -> tuple[float, float]:
    """(designs a second, share of the time that the workers ran) of finding the fastest of all designs, in the best of some tries."""
    passes = []
    for _ in range(TRIES):
        start, busy = time.perf_counter(), time.process_time()
        min(stream(program, shuffled(pool, rows, chunks), fastest_s, workers))
        seconds, busy_s = time.perf_counter() - start, time.process_time() - busy
        passes.append((chunks * rows / seconds, min(1.0, busy_s / (seconds * workers))))
    return max(passes)


def fastest_s(_: Mapping[str, Column], outputs: Mapping[str, Any]) -> float:
    """Time of the fastest feasible design of a chunk; infinite where none is feasible."""
    return float(np.min(outputs["time_s"], where=outputs["feasible"], initial=np.inf))


def rows_equal(asked: Question, program: Program, designs: Mapping[str, Column], rows: int = CHECKED_ROWS) -> bool:
    """Whether rows of the columns are exactly what the scalar call says: same bits, same feasibility."""
    picked = np.unique(np.linspace(0, len(designs["tp"]) - 1, rows).astype(int))
    columns = program.run({name: column[picked] for name, column in designs.items()})
    for place, row in enumerate(picked):
        scalar = asked.estimate({name: float(column[row]) for name, column in designs.items()})
        if any(output_of(scalar, name) != columns[name][place] for name in columns):
            return False
    return True
