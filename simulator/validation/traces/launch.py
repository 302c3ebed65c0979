"""One kernel that a profiler saw, and what kind of work its name tells."""

from __future__ import annotations

import re
from dataclasses import dataclass

Dims = tuple[tuple[int, ...], ...]

# kind -> what its kernels are called by the vendors' libraries, frameworks and serving stacks; the first that fits counts
KINDS = {
    "collective": r"nccl|rccl|all_?reduce|all_?gather|reduce_?scatter|all_?to_?all|cross_device_reduce|lamport|multimem",
    "memory": r"memcpy|memset|^\[cuda mem",
    "attention": r"^(?!.*reshape_and_cache).*(flash(?!infer)|fmha|attention|attn|pagedkv|mha_|batch(prefill|decode)|splitkv)",
    "routing": r"topk_?gating|moe_align|moe_sort|topk_softmax|permute_tokens|expand_?input_?rows|count_and_sort_expert",
    "experts": r"fused_moe|moe_gemm|grouped_?gemm|group_gemm|moe_kernel|moe_mmk",
    "norm": r"rms_?norm|layer_?norm|norm_kernel|norm_fwd|fused_add_norm",
    "rotary": r"rotary|rope|reshape_and_cache|kv_cache|append_?paged",
    "activation": r"silu|gelu|swiglu|act_and_mul|swish|relu",
    "embedding": r"embedding|index_?select|gather",
    "convolution": r"conv|fprop|winograd|implicit_gemm",
    "gemm": r"gemm|gemv|cutlass|cublas|nvjet|wgmma|xmma|matmul|_mm_|_mm$|triton_.*mm|cijk_|ampere_|hopper_|volta_|turing_|sm\d+_|splitk",
    "softmax": r"softmax",
    "elementwise": r"elementwise|copy_kernel|functor|triton_poi|add_kernel|mul_kernel|fill|cast",
}
# Kernels that finish what the one before them began: their time belongs to it.
HELPERS = {"gemm": r"splitk_?reduce|split_k_reduce|reduce_kernel.*gemm|cublaslt.*reduce", "attention": r"combine|merge_?states?|reduction"}
_KINDS = {kind: re.compile(words, re.IGNORECASE) for kind, words in KINDS.items()}
_HELPERS = {kind: re.compile(words, re.IGNORECASE) for kind, words in HELPERS.items()}


@dataclass(frozen=True, slots=True)
class Launch:
    """A kernel as a trace shows it; or, in a summary, all calls of one kernel.

    Parameters
    ----------
    name : str
    time_us : float
        Of all its calls together.
    calls : int
    start_us : float or None
        None in a summary, which has no order.
    operator : str
        What the framework calls the operator that launched it; empty where the trace does not say.
    dims : tuple of shapes
        Shapes of that operator's inputs.
    """

    name: str
    time_us: float
    calls: int = 1
    start_us: float | None = None
    operator: str = ""
    dims: Dims = ()

    @property
    def kind(self) -> str:
        """What kind of work the name tells; ``other`` where it tells nothing."""
        return kind_of(self.name)

    @property
    def is_helper(self) -> bool:
        """Whether it finishes what the kernel before it began."""
        helper = _HELPERS.get(self.kind)
        return helper is not None and helper.search(self.name) is not None


def kind_of(name: str) -> str:
    """The kind of work that a kernel's name tells; ``other`` where it tells nothing."""
    return next((kind for kind, words in _KINDS.items() if words.search(name)), "other")
