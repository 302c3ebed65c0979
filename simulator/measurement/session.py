"""A measuring session: the cases of a suite, one after another, on the backends of a device, into a trace."""

from __future__ import annotations

import gc
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from magnitudes.names import check_known
from simulator.measurement import trace
from simulator.measurement.cases import Case
from simulator.measurement.cuda_clock import cuda_clock, gpu_clock_and_power, gpu_environment
from simulator.measurement.environment import MeasurementError, host_environment, keep_heap
from simulator.measurement.numpy_kernels import NumpyBackend
from simulator.measurement.repeats import Times, host_clock, repeat
from simulator.measurement.sensors import host_meter
from simulator.measurement.suites import suite
from simulator.measurement.torch_kernels import TorchBackend, load_torch
from simulator.measurement.work import Backend, copies_of

CASE_S = 0.4  # for the repeats of one case, where no budget is given
TIMINGS = ("kernel", "graph", "eager")
OTHER_DEVICES = {"gpu": "cuda", "rocm": "cuda", "hip": "cuda"}  # PyTorch calls them all cuda
Clock = Callable[[Callable[..., object], Sequence[tuple[Any, ...]]], Callable[[], tuple[float, bool]]]


@dataclass(frozen=True, slots=True)
class Job:
    """One case on a backend, in a timing context, in a round."""

    case: Case
    backend: Backend
    timing: str
    round: int = 0


@dataclass(frozen=True, slots=True)
class Plan:
    """What a session does.

    Parameters
    ----------
    device, suite : str
    backends : tuple of Backend
    timings : tuple of str
        Contexts, each of which measures every case.
    name : str
        Device name of the rows.
    budget_s : float, optional
        Time for all repeats together; each case has an equal part.
    rounds : int
        How often the whole suite is gone through: what disturbs a machine for minutes disturbs one round.
    environment : mapping of str to str
    """

    device: str
    suite: str
    backends: tuple[Backend, ...]
    timings: tuple[str, ...]
    name: str
    budget_s: float | None = None
    rounds: int = 1
    environment: dict[str, str] = field(default_factory=dict)

    def jobs(self) -> list[Job]:
        """Every case on every backend that knows it, in every context, round after round."""
        cases = suite(self.suite, self.device)
        return [Job(c, b, t, r) for r in range(self.rounds) for c in cases for b in self.backends if b.knows(c) for t in self.timings]


def plan(
    device: str,
    suite_name: str,
    backends: Sequence[str] = (),
    timings: Sequence[str] = (),
    name: str | None = None,
    budget_s: float | None = None,
    rounds: int = 1,
) -> Plan:
    """A session from names.

    Parameters
    ----------
    backends : sequence of str
        ``numpy``, ``torch``; those that are installed, if none is named.
    timings : sequence of str
        Contexts; on processors there is one, ``eager``.

    Raises
    ------
    NameMiss, MeasurementError
        If the device, a backend or a context does not exist here.
    """
    device = OTHER_DEVICES.get(device.lower(), device)
    for what, given, known in (("device", [device], ("cpu", "cuda")), ("backend", backends, ("numpy", "torch")), ("timing context", timings, TIMINGS)):
        for one in given:
            check_known(what, one, known)
    made = _backends(device, backends)
    if device == "cpu" and set(timings) - {"eager"}:
        raise MeasurementError("on a processor a call is the kernel: --timing eager is the only context; kernel and graph need --device cuda")
    environment = host_environment() | {k: v for b in made for k, v in b.versions().items()}
    if device == "cpu":
        environment["heap"] = "kept" if keep_heap() else "as the system has it"
        return Plan(device, suite_name, made, ("eager",), name or "this-machine", budget_s, rounds, environment)
    torch = load_torch()
    environment |= gpu_environment(torch)
    return Plan(device, suite_name, made, tuple(timings) or TIMINGS, name or torch.cuda.get_device_name(0), budget_s, rounds, environment)


def _backends(device: str, names: Sequence[str]) -> tuple[Backend, ...]:
    if device == "cuda":
        if "numpy" in names:
            raise MeasurementError("numpy runs on processors only; use --backend torch with --device cuda")
        return (TorchBackend("cuda"),)
    if not names:
        try:
            return NumpyBackend(), TorchBackend("cpu")
        except MeasurementError:
            return (NumpyBackend(),)
    return tuple(NumpyBackend() if n == "numpy" else TorchBackend("cpu") for n in dict.fromkeys(names))


def measure(plan: Plan, out: Path, progress: Callable[[int, int, str], None] = lambda *_: None) -> Path:
    """Run a session; go on where an earlier one into the same file stopped.

    Parameters
    ----------
    out : Path
        The parquet file.
    progress : callable
        Told, before each case, how many are done, how many there are, and what comes.

    Raises
    ------
    MeasurementError
        If the file cannot be written, holds another environment's rows, or nothing could be measured. A case that fails is skipped, and the
        environment says so.
    """
    jobs = plan.jobs()
    rows = trace.begin(out, plan.environment)
    done = {_key({**row, "round": r}) for row in rows for r in (range(int(row["rounds"])) if "rounds" in row else (row["round"],))}
    left = [job for job in jobs if _key(_labels(plan, job)) not in done]
    skipped: dict[str, str] = {}
    case_s = CASE_S if plan.budget_s is None else plan.budget_s / max(1, len(left))
    for number, job in enumerate(left):
        progress(len(jobs) - len(left) + number, len(jobs), f"{job.backend.name} {job.case.op} {job.case.dtype}")
        try:
            row = row_of(plan, job, case_s)
        except (RuntimeError, MemoryError) as error:  # what a library or device does not have, or has no room for
            skipped[f"{job.backend.name} {job.case.op} {job.case.dtype}"] = str(error).partition("\n")[0]
            continue
        trace.append(out, row)
        rows.append(row)
    said = "; ".join(f"{what}: {why}" for what, why in skipped.items())
    if not rows:
        raise MeasurementError(f"no kernel could be measured: {said}")
    trace.finish(out, plan.environment | ({"skipped": said} if said else {}), rows)
    return out


def row_of(plan: Plan, job: Job, budget_s: float) -> dict[str, Any]:
    """One case measured, as a row of the table."""
    work = job.backend.work(job.case)
    copies = copies_of(job.case, work, job.backend.cache_byte)
    sets = [work.buffers() for _ in range(copies)]
    gc.collect()
    gc.disable()
    meter = host_meter() if plan.device == "cpu" else gpu_clock_and_power
    try:
        times: Times = repeat(_clock(plan, job.timing)(work.call, sets), budget_s)
    finally:
        gc.enable()
    return _labels(plan, job) | times.statistics() | {"copies": float(copies)} | meter()


def _clock(plan: Plan, timing: str) -> Clock:
    return host_clock if plan.device == "cpu" else cuda_clock(load_torch(), timing)


def _labels(plan: Plan, job: Job) -> dict[str, Any]:
    """What identifies a row."""
    library = job.backend.name
    labels = {"source": f"measured-{library}", "device": plan.name, "library": library, "timing": job.timing, "warm": job.case.warm, "round": job.round}
    if plan.device == "cuda" and job.case.op.startswith("attn"):
        labels["kernel"] = "flash_attention"
    return labels | job.case.columns()


def _key(row: dict[str, Any]) -> tuple[tuple[str, Any], ...]:
    """A row's identity: all that is not an outcome."""
    return tuple(sorted((k, v) for k, v in row.items() if k not in trace.OUTCOMES))
