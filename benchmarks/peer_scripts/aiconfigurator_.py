"""aiconfigurator's compiled engine: a decode step on a measured H100; an engine a data type and TP, compiled before. Runs in its own environment."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from functools import cache

from aiconfigurator_core.sdk.engine import EngineHandle
from timing import Point, compare

logging.disable(logging.CRITICAL)

MODEL, SYSTEM, BACKEND = "meta-llama/Meta-Llama-3.1-70B", "h100_sxm", "trtllm"
TYPES = {"bf16": None, "fp8": "fp8", "int8": "fp8"}  # no measured int8 kernels: as fast as fp8


@cache
def engine(tp: int, gemm: str | None) -> EngineHandle:
    return EngineHandle.compile(MODEL, SYSTEM, BACKEND, tp_size=tp, gemm_quant_mode=gemm)


def compiles_per_s() -> float:
    """How often a new parallelism can be compiled, all tables loaded."""
    engine(8, None)
    start, count = time.perf_counter(), 20
    for _ in range(count):
        EngineHandle.compile(MODEL, SYSTEM, BACKEND, tp_size=4)
    return count / (time.perf_counter() - start)


def prepared(point: Point) -> Callable[[], float]:
    """One decode step of a compiled engine, through the shortest way in: no wrapper is timed."""
    step = engine(int(point["tp"]), TYPES[point["dtype"]])._engine.predict_decode_latency
    batch, context = int(point["batch"]), int(point["context"])
    return lambda: step(batch, context, 2) / 1e3


compare("aiconfigurator", prepared, compiles_per_s=compiles_per_s())
