"""What is fitted: which constants of which table, on the rows of which operators. One visible table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

MATRIX = (
    "issue.matrix", "simt_halfside", "wave.classic", "wave.simt", "wave.persistent", "tile_switch", "feed.classic", "feed.persistent", "port.classic",
    "port.persistent", "fill_clk.classic", "fill_clk.persistent", "dram_sustained", "inflight", "overlap_loss", "epilogue.classic", "epilogue.persistent",
    "split_clk.classic", "split_clk.persistent", "split_traffic", "cache_usable", "naive_raster_miss", "translation_slow", "pj_per_flop.register",
    "pj_per_flop.async", "pj_per_flop.simt", "pj_per_flop.matrix32", "pj_per_byte", "throttle_share", "throttle_s", "quantise.fp8_s", "quantise.row_s",
    "quantise.fill_s", "quantise.block_s", "quantise.block_blackwell_s", "quantise.fp4_s", "rate.fp8", "rate.fp8_block", "rate.nvfp4", "fp32.issue.matrix",
    "fp32.tile_switch", "fp32.feed.classic", "fp32.fill_clk.classic", "fp32.dram_sustained", "fp32.overlap_loss", "fp32.epilogue.classic",
    "fp32.split_clk.classic", "fp32.throttle_s",
)  # fmt: skip
PREFILL = (
    "fixed_clk", "cta_clk", "matrix_eff", "fp8_share", "softmax", "stage_tiles", "tail", "dram_eff", "l2_eff", "serial", "cast_clk", "odd_clk", "window_clk",
    "mask_clk", "wide", "narrow",
)  # fmt: skip
DECODE = (
    "matrix_eff", "fixed_clk", "cta_clk", "element_rate", "fp8_element_rate", "dram_eff", "l2_eff", "serial", "reach_share", "split_clk", "cast_clk", "odd_clk",
)  # fmt: skip
EXPERTS = ("sync", "fixed_clk", "cta_clk", "matrix_eff", "half_tile", "element_rate", "tail", "dram_eff", "l2_eff", "serial", "reach_share", "moves")

CONVOLUTION = ("direct", "fused", "batched", "fill_steps", "filter_transform", "kernel_gap_s", "matrix", "half_run_byte", "matrix_start_s")
STREAMING = ("dram_sustained", "cache_sustained", "cache_share", "cache_power")
ROWS = ("cache_share", "cache_power", "reduction_s", "near_latency", "loads_in_flight", "exposed")
COLLECTIVES = (
    "payload", "start_s", "fill_byte", "fill_limit_s", "small_start_s", "small_payload", "small_sync_s", "hop_share.all_reduce", "hop_share.all_gather",
    "hop_share.reduce_scatter", "hop_share.all_to_all",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Task:
    """One fit.

    Parameters
    ----------
    table : str
        The coefficient file.
    ops : tuple of str
        Operators whose rows are fitted.
    constants : tuple of str
        Dotted paths of single constants.
    libraries : str
        Path of a mapping from library to its constants, of which `fields` are fitted: each is what all libraries share and what one has of its own.
    least_rows : int
        Groups with fewer rows are left out.
    weights : mapping of str to float
        Weight of an operator's groups, where it is not one.
    """

    name: str
    table: str
    ops: tuple[str, ...]
    constants: tuple[str, ...] = ()
    libraries: str = ""
    fields: tuple[str, ...] = ()
    least_rows: int = 30
    weights: Mapping[str, float] = field(default_factory=dict)

    def weight_of(self, op: str) -> float:
        """Weight of the groups of an operator."""
        return self.weights.get(op, 1.0)


TASKS = {
    t.name: t
    for t in (
        Task("matrix", "matrix", ("gemm", "linear", "bmm"), MATRIX),
        Task("prefill", "attention", ("attn_prefill",), libraries="prefill", fields=PREFILL),
        Task("decode", "attention", ("attn_decode",), libraries="decode", fields=DECODE),
        Task("experts", "experts", ("moe",), libraries="libraries", fields=EXPERTS),
        Task("convolution", "convolution", ("conv_fwd",), CONVOLUTION),
        Task("streaming", "streaming", ("add", "addu", "mul", "mulu", "div", "divu", "relu", "tanh", "gelu"), STREAMING),
        Task("rows", "rows", ("softmax", "layernorm", "rmsnorm"), ROWS),
        Task("collectives", "collectives", ("all_reduce", "all_gather", "reduce_scatter", "all_to_all", "send_recv"), COLLECTIVES),
    )
}  # fmt: skip
