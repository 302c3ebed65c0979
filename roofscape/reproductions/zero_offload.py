"""ZeRO-Offload: gradients and optimizer on the host of one V100, or of a DGX-2."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from hardware_specs.catalog import find_system
from magnitudes.arrays import as_float
from roofscape.reproductions.claim import Claim, Found, number, within
from roofscape.reproductions.shared import Shared
from simulator.memory import RUNTIME_BYTE
from simulator.training.offload import CROSSING_BYTE, DEVICE_BYTE, HOST_BYTE, Layers, largest_offloaded, largest_parameters, offloaded_step
from simulator.training.states import state_byte

TITLE = "Ren et al., ZeRO-Offload: Democratizing Billion-Scale Model Training, USENIX ATC 2021"

CHIP = find_system("v100-nvme").chip  # a V100 of 32 GB in a DGX-2
CAPACITY = as_float(CHIP.tier("hbm").capacity_byte)
GPUS = 16.0
HOST = GPUS * as_float(CHIP.tier("host").capacity_byte)
LAYERS = Layers(hidden=4096.0, heads=32.0, sequence=1024.0, batch=1.0)  # widths of the paper's models from 7 to 13 B
FITTED_BATCH = 8.0  # sequences at once; the paper does not say with how many its largest model ran
ACHIEVED = 70e12  # of a V100 on transformers while nothing moves (ZeRO-Infinity, SC 2021, section 4)
LINK, HOST_RATE = 16e9, 2.0 * 128e9  # PCIe 3 x16; six channels of DDR4-2666 for each of two processors
WHERE = "ATC 2021, abstract and section 6"


def _constant(ours: float) -> Callable[[Shared], float]:
    return lambda _: ours


def _largest_billion(batch: float, byte_per_parameter: float) -> Callable[[Shared], float]:
    """Parameters [1e9] of the largest model on one GPU."""
    layers = replace(LAYERS, batch=batch)
    return lambda _: number(largest_parameters(CAPACITY, byte_per_parameter, layers, RUNTIME_BYTE)) / 1e9


def _largest_on_node(_: Shared) -> float:
    return number(largest_offloaded(CAPACITY, GPUS, HOST, LAYERS, RUNTIME_BYTE)) / 1e9


def _tera(_: Shared) -> Found:
    """Throughput [TFLOP/s] at 10 B parameters."""
    step = offloaded_step(10e9, FITTED_BATCH * LAYERS.sequence, ACHIEVED, LINK, HOST_RATE)
    return Found(number(step.flop_per_s) / 1e12, f"update {number(step.update_s):.2f} s beside weights {number(step.back_s):.2f} s")


CLAIMS = (
    *(
        Claim("zero-offload", f"bytes a parameter {words}", published, "B", "ATC 2021, section 3", "M+", within(0.0), "prediction", _constant(ours))
        for words, published, ours in (("on the GPU", 2.0, DEVICE_BYTE), ("on the host", 14.0, HOST_BYTE), ("crossing in a step", 4.0, CROSSING_BYTE))
    ),
    Claim(
        "zero-offload", "largest model on one V100 of 32 GB", 13.0, "B parameters", WHERE, "S", within(0.0), "bound", _largest_billion(1.0, DEVICE_BYTE),
        limit="ceiling", reach=0.75, remark="ours with one sequence at once, one kept input a layer",
    ),
    Claim(
        "zero-offload", "largest model on one V100 of 32 GB, several sequences at once", 13.0, "B parameters", WHERE, "S", within(0.1), "fit",
        _largest_billion(FITTED_BATCH, DEVICE_BYTE), latents=("sequences at once: 8",),
    ),
    Claim(
        "zero-offload", "largest model on one V100 of 32 GB without offload", 1.4, "B parameters", WHERE, "S", within(0.0), "bound",
        _largest_billion(1.0, number(state_byte(1.0, 1.0, 0))), limit="ceiling", reach=0.6, remark="PyTorch's buffers of gradients are not counted",
    ),
    Claim(
        "zero-offload", "model trained on a DGX-2", 70.0, "B parameters", WHERE, "S", within(0.0), "bound", _largest_on_node, limit="ceiling", reach=0.5,
        remark="ours is what the host's 1.5 TiB holds at 14 B a parameter; the GPUs would hold more",
    ),
    Claim(
        "zero-offload", "model trained on a DGX-2 by model parallelism alone", 70.0 / 4.5, "B parameters", "ATC 2021, abstract: 70 B is 4.5 times as much", "S",
        within(0.0), "bound", lambda _: GPUS * _largest_billion(1.0, number(state_byte(1.0, 1.0, 0)))(_), limit="ceiling", reach=0.45,
        remark="ours is what sixteen GPUs hold; each keeps inputs and buffers of all layers besides",
    ),
    Claim(
        "zero-offload", "throughput at 10 B parameters", 40.0, "TFLOP/s", WHERE, "S", within(0.0), "bound", _tera, limit="ceiling", reach=0.6,
        remark="ours with 70 TFLOP/s while nothing moves, the optimizer at the pace of the host's memory",
    ),
)  # fmt: skip
