"""ZeRO-Infinity: how busy GPUs stay while model states stream from hosts' memory and drives."""

from __future__ import annotations

from collections.abc import Callable

from hardware_specs.catalog import find_system
from magnitudes.arrays import Real
from roofscape.reproductions.claim import Claim, number, points, within
from roofscape.reproductions.shared import Shared
from simulator.training.efficiency import checkpoint_intensity, efficiency, optimizer_intensity, weight_intensity
from simulator.training.offload import largest_parameters
from simulator.training.states import state_byte

TITLE = "Rajbhandari et al., ZeRO-Infinity: Breaking the GPU Memory Wall for Extreme Scale Deep Learning, SC 2021"

PEAK = 70e12  # that a V100 achieves on transformers while nothing moves: the paper's assumption
SEQUENCE = 1024.0
WHERE = "SC 2021, section 4, equation 6 and figure 3"


def _percent(intensity: Real, byte_per_s: float) -> Callable[[Shared], float]:
    return lambda _: 100.0 * number(efficiency(intensity, byte_per_s, PEAK))


def _peta(gpus: float) -> Callable[[Shared], float]:
    return lambda _: gpus * PEAK / 1e15


def _largest_trillion(_: Shared) -> float:
    """Parameters [1e12] whose states the drives of a DGX-2 hold."""
    system = find_system("16xv100-nvme")
    drives = system.chips * system.chip.tier("nvme").capacity_byte
    return number(largest_parameters(drives, state_byte(1.0, 1.0, 0))) / 1e12


CLAIMS = (
    Claim(
        "zero-infinity", "efficiency with weights and gradients at 70 GB/s, batch 1", 50.0, "%", WHERE, "M+", points(2.0), "prediction",
        _percent(weight_intensity(SEQUENCE), 70e9), remark="published as 'over 50 %'",
    ),
    Claim(
        "zero-infinity", "efficiency with the optimizer's states at 1.5 TB/s, batch 2", 90.0, "%", WHERE, "M+", points(2.0), "prediction",
        _percent(optimizer_intensity(2.0 * SEQUENCE), 1.5e12),
    ),
    Claim(
        "zero-infinity", "efficiency with activations at 2 GB/s, width 2048, kept every layer", 50.0, "%", WHERE, "M+", within(0.0), "bound",
        _percent(checkpoint_intensity(2048.0), 2e9), limit="ceiling", reach=0.8, remark="published as 'over 50 %'",
    ),
    Claim(
        "zero-infinity", "throughput on 512 V100", 25.0, "PFLOP/s", "SC 2021, abstract", "S", within(0.0), "bound", _peta(512.0), limit="ceiling", reach=0.6,
        remark="ours is what the GPUs achieve while nothing moves",
    ),
    Claim(
        "zero-infinity", "largest model fine-tuned on one DGX-2", 1.0, "T parameters", "SC 2021, abstract", "M", within(0.0), "bound", _largest_trillion,
        limit="ceiling", reach=0.5, remark="ours is what its drives hold at 16 B a parameter",
    ),
)  # fmt: skip
