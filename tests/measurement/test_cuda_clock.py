"""Do the clocks of GPUs count what their timing context says? A device of our own making, whose kernels take as long as we say, stands in for one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest

from simulator.measurement.cuda_clock import cuda_clock, gpu_clock_and_power
from simulator.measurement.environment import MeasurementError
from simulator.measurement.repeats import repeat

KERNEL_S, LAUNCH_S = 3e-6, 20e-6


class Device:
    """A device with a clock of its own: a kernel takes 3 us, launching it 20 us; a graph launches once."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.kernels: list[int] = []
        self.capturing: list[int] | None = None
        self.cuda = SimpleNamespace(
            Stream=Stream, current_stream=Stream, stream=lambda _: self.nothing(), synchronize=lambda: None, Event=lambda enable_timing: Event(self),
            CUDAGraph=lambda: Graph(self), graph=self.capture,
        )  # fmt: skip
        self.profiler = SimpleNamespace(profile=self.profile, ProfilerActivity=SimpleNamespace(CUDA="cuda"))

    def kernel(self, name: int) -> None:
        """What a call of the library does."""
        if self.capturing is not None:
            self.capturing.append(name)
            return
        self.kernels.append(name)
        self.now_s += max(KERNEL_S, LAUNCH_S)

    @contextmanager
    def nothing(self) -> Iterator[None]:
        yield

    @contextmanager
    def capture(self, graph: Graph, stream: Stream) -> Iterator[None]:
        assert isinstance(stream, Stream)
        self.capturing = graph.kernels
        yield
        self.capturing = None

    @contextmanager
    def profile(self, activities: list[str]) -> Iterator[Any]:
        assert activities == ["cuda"]
        before = len(self.kernels)
        yield SimpleNamespace(key_averages=lambda: [SimpleNamespace(self_device_time_total=(len(self.kernels) - before) * KERNEL_S * 1e6)])


class Stream:
    def wait_stream(self, other: Stream) -> None:
        assert isinstance(other, Stream)


class Event:
    def __init__(self, device: Device) -> None:
        self.device, self.at_s = device, -1.0

    def record(self) -> None:
        self.at_s = self.device.now_s

    def synchronize(self) -> None:
        assert self.at_s >= 0.0

    def elapsed_time(self, end: Event) -> float:
        return (end.at_s - self.at_s) * 1e3


class Graph:
    def __init__(self, device: Device) -> None:
        self.device = device
        self.kernels: list[int] = []

    def replay(self) -> None:
        self.device.kernels.extend(self.kernels)
        self.device.now_s += len(self.kernels) * KERNEL_S


def measured(timing: str, sets: int) -> tuple[float, list[int]]:
    """The median of a context, and which buffers were used while it was taken."""
    device = Device()
    once: Callable[[], tuple[float, bool]] = cuda_clock(device, timing)(device.kernel, [(i,) for i in range(sets)])
    device.kernels.clear()
    times = repeat(once, 1.0)
    return times.statistics()["measured_us"], device.kernels


@pytest.mark.parametrize(("timing", "expected_us"), [("kernel", 3.0), ("graph", 3.0), ("eager", 20.0)])
@pytest.mark.parametrize("sets", [1, 3, 50])
def test_each_context_counts_its_own(timing: str, expected_us: float, sets: int) -> None:
    us, used = measured(timing, sets)
    assert us == pytest.approx(expected_us)
    assert set(used) == set(range(sets)) or timing == "eager"
    assert len(set(used[: min(sets, 7)])) == min(sets, 7)  # copies in turn, none twice in a row


def test_an_unknown_context_and_a_blind_profiler_are_said() -> None:
    with pytest.raises(MeasurementError, match="unknown timing context 'gpu'"):
        cuda_clock(Device(), "gpu")
    device = Device()
    once = cuda_clock(device, "kernel")(lambda _: None, [(0,)])
    with pytest.raises(MeasurementError, match="the profiler saw no kernel"):
        once()


def test_readings_of_a_driver_that_is_not_there_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("simulator.measurement.cuda_clock.sensor_text", lambda _: "")
    monkeypatch.setattr("simulator.measurement.cuda_clock.amd_gpu", dict)
    assert gpu_clock_and_power() == {}
    monkeypatch.setattr("simulator.measurement.cuda_clock.sensor_text", lambda _: "1980, [N/A]")
    assert gpu_clock_and_power() == {"clock_hz": 1.98e9}
