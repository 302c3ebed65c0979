"""What is fitted: which constants of which table, on the rows of which operators. One visible table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

# First guesses, by path: the centre of each prior. Round numbers by analogy (what all kernels of a kind would have), so that a constant that no
# device in a fit has shown is not known from the device that is left out.
MATRIX = {
    "issue.matrix": 0.85, "wave.classic": 0.5, "wave.persistent": 0.5, "tile_switch": 0.7, "feed.staged": 0.8, "feed.classic": 0.8, "feed.persistent": 1.6,
    "fill_clk.classic": 1000.0, "fill_clk.persistent": 500.0, "inflight": 0.2, "store": 0.3,
    "ramp.classic": 3.0, "ramp.persistent": 3.0, "overlap_loss": 0.3, "epilogue.classic": 0.3,
    "epilogue.persistent": 0.1, "split_clk.classic": 4000.0, "split_clk.persistent": 4000.0, "split_traffic": 0.5, "naive_raster_miss": 0.5,
    "pj_per_flop.register": 0.5, "pj_per_flop.async": 0.5, "pj_per_byte": 40.0, "joule_per_m2_clock": 3e-4, "throttle_s": 0.0005, "quantise.fp8_s": 2.5e-06,
    "quantise.row_s": 5e-07, "quantise.fill_s": 2.5e-06, "quantise.block_s": 2.5e-06, "quantise.fp4_s": 2.5e-06, "rate.fp8": 0.75, "rate.fp8_block": 0.75,
    "rate.nvfp4": 0.75,
}  # fmt: skip
MATRIX_FP32 = {
    "fp32.pick_s": 5e-6,
    "simt_halfside": 6.0, "wave.simt": 0.5, "translation_slow": 1.5, "pj_per_flop.simt": 4.0, "pj_per_flop.matrix32": 4.0, "fp32.issue.matrix": 0.85,
    "fp32.tile_switch": 0.7, "fp32.feed.classic": 0.8, "fp32.fill_clk.classic": 1000.0, "fp32.overlap_loss": 0.3,
    "fp32.epilogue.classic": 0.3, "fp32.split_clk.classic": 4000.0, "fp32.throttle_s": 0.0005,
}  # fmt: skip
ON_MATRIX_UNITS, IN_FP32 = ("gemm_16bit", "gemm_16bit_eager", "gemm_narrow", "bmm_16bit"), ("gemm_fp32", "linear_fp32", "bmm_fp32")
PREFILL = {
    "fixed_clk": 10000.0, "cta_clk": 2000.0, "matrix_eff": 0.75, "fp8_share": 0.75, "softmax": 1.0, "stage_tiles": 3.0, "tail": 0.5, "dram_eff": 0.8,
    "l2_eff": 0.8, "serial": 0.3, "cast_clk": 4000.0, "odd_clk": 4000.0, "window_clk": 2000.0, "mask_clk": 0.05, "wide": 300000.0, "narrow": 1.5,
}  # fmt: skip
DECODE = {
    "matrix_eff": 0.5, "fixed_clk": 8000.0, "cta_clk": 2000.0, "element_rate": 25.0, "fp8_element_rate": 35.0, "dram_eff": 0.85, "l2_eff": 0.8, "serial": 0.3,
    "reach_share": 1.6, "split_clk": 4000.0, "cast_clk": 4000.0, "odd_clk": 4000.0,
}  # fmt: skip
EXPERTS = {
    "sync": 2500.0, "fixed_clk": 40000.0, "cta_clk": 1500.0, "matrix_eff": 0.6, "half_tile": 10.0, "element_rate": 25.0, "tail": 0.5, "dram_eff": 0.8,
    "l2_eff": 0.8, "serial": 0.4, "reach_share": 1.7, "moves": 1.3,
}  # fmt: skip
CONVOLUTION = {
    "direct": 0.7, "fused": 0.7, "batched": 0.7, "fill_steps": 10.0, "filter_transform": 0.5, "kernel_gap_s": 5e-6, "matrix": 0.8, "half_run_byte": 100.0,
    "matrix_start_s": 5e-6,
}  # fmt: skip
STREAMING = {"cache_sustained": 0.6, "cache_share": 0.6, "cache_power": 4.0, "math_rate.default": 0.9}
TIMING = {
    "eager_lead.default": 0.5, "host_path.unary": 1.0, "host_path.scalar": 1.2, "host_path.power": 1.2, "host_path.function": 1.2, "host_path.clamp": 1.2,
    "host_path.softmax": 1.2, "host_path.layernorm": 1.5,
}  # fmt: skip
WALK = {"step_latencies": 1.56, "gather_latencies": 3.12, "few_latencies": 1.56}  # a load and a store; an index before it
ROWS = {
    "cache_share": 0.5, "cache_power": 4.0, "reduction_s": 1e-6, "near_latency": 0.5, "loads_in_flight": 2.0, "near_share": 0.7,
    "near_power": 4.0, "reduction_instructions": 200.0,
}  # fmt: skip
COLLECTIVES = {  # payload and latencies as NCCL's tuning model has them
    "payload.direct": 0.8, "payload.host": 0.5, "hop_latencies.direct": 0.5, "hop_cycle": 1000.0, "start_cycle": 9000.0,
    "hop_share.all_to_all": 0.3, "own_share": 0.5, "ramp_cycle": 50000.0, "ramp_hops": 3.0, "ramp_half_s": 1e-5, "ramp_share.all_to_all": 1.0,
    "ramp_share.send": 0.2, "peer_payload": 0.65, "peer.vllm.start_s": 4e-6, "peer.vllm.sync_s": 4e-6, "peer.trtllm.start_s": 2.5e-6,
    "rank_skew_s": 5e-5,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Task:
    """One fit.

    Parameters
    ----------
    table : str
        The coefficient file.
    ops : tuple of str
        Operators whose rows are fitted.
    classes : tuple of str
        Classes of groups whose rows are fitted; empty for all.
    constants : mapping of str to float
        Dotted paths of single constants, with first guesses.
    libraries : str
        Path of a mapping from library to its constants.
    fields : mapping of str to float
        Which of a library's constants are fitted, with first guesses: each is what all libraries share and what one has of its own.
    kin : mapping of str to str
        Libraries that differ from another one, and not from what all share: a version for another generation.
    least_rows : int
        Groups with fewer rows are left out.
    weights : mapping of str to float
        Weight of an operator's groups, where it is not one.
    noise : float
        Log-residual that weighs as much as a constant moved by its prior's width: the larger, the closer to the first guesses.
    """

    name: str
    table: str
    ops: tuple[str, ...]
    classes: tuple[str, ...] = ()
    constants: Mapping[str, float] = field(default_factory=dict)
    libraries: str = ""
    fields: Mapping[str, float] = field(default_factory=dict)
    kin: Mapping[str, str] = field(default_factory=dict)
    least_rows: int = 30
    weights: Mapping[str, float] = field(default_factory=dict)
    noise: float = 0.04

    def weight_of(self, op: str) -> float:
        """Weight of the groups of an operator."""
        return self.weights.get(op, 1.0)


TASKS = {
    t.name: t
    for t in (
        Task("matrix", "matrix", ("gemm", "linear", "bmm"), ON_MATRIX_UNITS, MATRIX),
        Task("matrix_fp32", "matrix", ("gemm", "linear", "bmm"), IN_FP32, MATRIX_FP32),
        Task("prefill", "attention", ("attn_prefill",), libraries="prefill", fields=PREFILL, noise=0.06),
        Task("decode", "attention", ("attn_decode",), libraries="decode", fields=DECODE, kin={"fa3_ampere": "fa3"}),
        Task("experts", "experts", ("moe",), libraries="libraries", fields=EXPERTS),
        Task("convolution", "convolution", ("conv_fwd",), constants=CONVOLUTION),
        Task("streaming", "streaming", ("add", "addu", "mul", "mulu", "div", "divu", "relu", "tanh", "gelu", "pow", "powu"), constants=STREAMING),
        Task("timing", "timing", ("add", "addu", "mul", "mulu", "div", "divu", "relu", "tanh", "gelu", "powu", "softmax", "layernorm"), constants=TIMING),
        Task("walk", "walk", ("act_and_mul", "rope", "embedding"), constants=WALK),
        Task("rows", "rows", ("softmax", "layernorm", "rmsnorm"), constants=ROWS),
        Task("collectives", "collectives", ("all_reduce", "all_gather", "reduce_scatter", "all_to_all", "send_recv"), constants=COLLECTIVES),
    )
}  # fmt: skip
