"""Clocks of GPUs, through PyTorch (CUDA and ROCm alike): what of a launch is counted depends on the timing context.

- ``kernel``: the device's own time, as the profiler reports it, summed over the kernels of a call;
- ``graph``: calls captured in a graph, one behind the other, replayed between two events;
- ``eager``: one framework call between two events, the device idle before it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from simulator.measurement.environment import MeasurementError, sensor_text
from simulator.measurement.sensors import amd_gpu

GRAPH_CALLS = 20  # at least, in one graph
PROFILED_CALLS = 20
Once = Callable[[], tuple[float, bool]]


def cuda_clock(torch: Any, timing: str) -> Callable[[Callable[..., object], Sequence[tuple[Any, ...]]], Once]:
    """The clock of a timing context.

    Parameters
    ----------
    torch : module

    Raises
    ------
    MeasurementError
        For another context.
    """
    clocks = {"kernel": _profiled, "graph": _graphed, "eager": _eager}
    if timing not in clocks:
        raise MeasurementError(f"unknown timing context {timing!r} (known: {', '.join(clocks)})")
    return lambda call, sets: clocks[timing](torch, call, sets)


def _warmed(torch: Any, call: Callable[..., object], sets: Sequence[tuple[Any, ...]]) -> Any:
    """A round over the sets on a side stream, as captures need it; the stream, for libraries keep handles of their own for each."""
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for arguments in [*sets, sets[0], sets[0]]:
            call(*arguments)
    torch.cuda.current_stream().wait_stream(side)
    torch.cuda.synchronize()
    return side


def _between_events(torch: Any, work: Callable[[], object]) -> float:
    """Time of the device from before to behind some work [s]."""
    begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
    begin.record()
    work()
    end.record()
    end.synchronize()
    return float(begin.elapsed_time(end)) * 1e-3


def _eager(torch: Any, call: Callable[..., object], sets: Sequence[tuple[Any, ...]]) -> Once:
    _warmed(torch, call, sets)
    place = 0

    def once() -> tuple[float, bool]:
        nonlocal place
        place = (place + 1) % len(sets)
        torch.cuda.synchronize()
        return _between_events(torch, lambda: call(*sets[place])), False

    return once


def _graphed(torch: Any, call: Callable[..., object], sets: Sequence[tuple[Any, ...]]) -> Once:
    side = _warmed(torch, call, sets)
    order = [*sets] * max(1, -(-GRAPH_CALLS // len(sets)))
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph, stream=side):
        for arguments in order:
            call(*arguments)
    graph.replay()
    torch.cuda.synchronize()
    return lambda: (_between_events(torch, graph.replay) / len(order), False)


def _profiled(torch: Any, call: Callable[..., object], sets: Sequence[tuple[Any, ...]]) -> Once:
    _warmed(torch, call, sets)
    order = [*sets] * max(1, -(-PROFILED_CALLS // len(sets)))

    def once() -> tuple[float, bool]:
        with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CUDA]) as profile:
            for arguments in order:
                call(*arguments)
            torch.cuda.synchronize()
        device_us = sum(_device_us(event) for event in profile.key_averages())
        if not device_us > 0.0:
            raise MeasurementError("the profiler saw no kernel; the driver may forbid profiling: use --timing graph or eager")
        return float(device_us) * 1e-6 / len(order), False

    return once


def _device_us(event: Any) -> float:
    """Time on the device of one profiler row, without what it calls [us]; the attribute had another name before PyTorch 2.4."""
    value = getattr(event, "self_device_time_total", None)
    return float(event.self_cuda_time_total if value is None else value)


def gpu_environment(torch: Any) -> dict[str, str]:
    """The device, its driver and its limits."""
    properties = torch.cuda.get_device_properties(0)
    known = {
        "gpu": torch.cuda.get_device_name(0), "gpu_memory_byte": str(properties.total_memory),
        "multiprocessors": str(properties.multi_processor_count), "capability": f"{properties.major}.{properties.minor}",
    }  # fmt: skip
    limits = sensor_text("driver_version,power.limit,clocks.max.sm,clocks.max.memory")
    names = ("driver", "power_limit_w", "clock_limit_mhz", "memory_clock_limit_mhz")
    return known | (dict(zip(names, (p.strip() for p in limits.split(",")), strict=False)) if limits else {})


def gpu_clock_and_power() -> dict[str, float]:
    """Clock [Hz] and power [W] now, where a driver tells: NVIDIA's tool, or the files of AMD's."""
    values = sensor_text("clocks.sm,power.draw").split(",")
    readings = {}
    for name, text, scale in zip(("clock_hz", "power_w"), values, (1e6, 1.0), strict=False):
        try:
            readings[name] = float(text) * scale
        except ValueError:
            continue
    return readings or amd_gpu()
