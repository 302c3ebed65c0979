"""llm-analysis: prefill and decode of the whole model at roofline, hardware given by numbers. Runs in its own environment."""

from __future__ import annotations

import logging
from collections.abc import Callable

from llm_analysis.analysis import LLMAnalysis
from llm_analysis.config import DtypeConfig, GPUConfig, ModelConfig, ParallelismConfig
from llm_analysis.logger import logger
from timing import Point, compare

logger.setLevel(logging.CRITICAL)

# It counts two matrices in an MLP: one and a half times the width makes the three of Llama's as large.
MODEL = ModelConfig(
    name="llama-3-70b", num_layers=80, n_head=64, hidden_dim=8192, vocab_size=128256, num_key_value_heads=8, ffn_embed_dim=43008, expansion_ratio=5.25,
    model_type="llama",
)  # fmt: skip
TYPES = {"bf16": DtypeConfig("w16a16e16", 16, 16, 16), "fp8": DtypeConfig("w8a8e16", 8, 8, 16), "int8": DtypeConfig("w8a8e16", 8, 8, 16)}


def prepared(point: Point) -> Callable[[], float]:
    """A request from prompt to last token on one set of hardware."""
    gpu = GPUConfig(
        name="point", mem_per_GPU_in_GB=point["memory_byte"] / 2**30, hbm_bandwidth_in_GB_per_sec=point["memory_byte_per_s"] / 1e9,
        intra_node_bandwidth_in_GB_per_sec=point["link_byte_per_s"] / 1e9, intra_node_min_message_latency=point["link_s"],
        peak_fp16_TFLOPS=point["matrix_flop_per_s"] / 1e12,
    )  # fmt: skip
    cut, types = ParallelismConfig(tp_size=int(point["tp"])), TYPES[point["dtype"]]
    batch, prompt, output = int(point["batch"]), int(point["context"]), int(point["output"])

    def call() -> float:
        analysis = LLMAnalysis(MODEL, gpu, types, cut)
        answer = analysis.inference(batch_size_per_gpu=batch, seq_len=prompt, num_tokens_to_generate=output, kv_cache_dtype_bytes=2)
        return float(answer["total_latency"])

    return call


compare("llm-analysis", prepared)
