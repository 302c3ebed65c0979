"""GenZ (genz-llm): a decode step of the whole model at roofline, hardware given by numbers. Runs in its own environment."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import partial

from GenZ import decode_moddeling
from timing import Point, compare

warnings.filterwarnings("ignore")

MODEL = "meta-llama/Llama-3.1-70B"  # the same sizes as Llama 3's


def prepared(point: Point) -> Callable[[], float]:
    """One decode step: 989 TFLOP/s and the like in the units of the peer."""
    tp = int(point["tp"])
    system = {
        "Flops": point["matrix_flop_per_s"] / 1e12, "Memory_size": point["memory_byte"] / 2**30, "Memory_BW": point["memory_byte_per_s"] / 2**30,
        "ICN": point["link_byte_per_s"] / 2**30, "ICN_LL": point["link_s"] * 1e6, "real_values": True,
    }  # fmt: skip
    call = partial(
        decode_moddeling, model=MODEL, batch_size=int(point["batch"]), input_tokens=int(point["context"]), output_tokens=0, Bb=1, system_name=system,
        bits=point["dtype"], tensor_parallel=tp, parallelism_heirarchy=f"TP{{{tp}}}_EP{{1}}_PP{{1}}",
    )  # fmt: skip
    return lambda: float(call()["Latency"]) / 1e3


compare("genz-llm", prepared)
