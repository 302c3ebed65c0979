"""The names that operators go by in other people's tables."""

from __future__ import annotations

from functools import cache

from magnitudes.names import nearest, normal
from simulator.validation.operations import OPERATIONS

# name here -> how others call it; compared without case and punctuation
ALIASES = {
    "gemm": "matmul mm sgemm hgemm igemm matrix_multiply dot scaled_mm",
    "linear": "fc dense addmm fully_connected",
    "bmm": "batched_gemm batch_gemm batched_matmul batch_matmul gemm_batched gemm_strided_batched baddbmm",
    "attn_prefill": "attn_context context_attention attention_context prefill_attention attention_prefill "
    "attention flash_attention sdpa scaled_dot_product_attention",
    "attn_decode": "attn_generation generation_attention attention_generation decode_attention attention_decode paged_attention",
    "moe": "fused_moe moe_layer expert_layer",
    "conv_fwd": "conv conv2d conv2d_fwd conv2d_forward conv_forward convolution",
    "conv_bwd_data": "conv_bwd_inputs conv_bwd_input conv_backward_data conv_backward_input conv2d_backward_input conv2d_bwd_data dgrad",
    "conv_bwd_filter": "conv_bwd_params conv_bwd_weights conv_bwd_weight conv_backward_filter conv_backward_weight conv2d_backward_weight wgrad",
    "maxpool": "max_pool2d maxpool2d max_pool", "avgpool": "avg_pool2d avgpool2d avg_pool mean_pool",
    "batchnorm": "bn batch_norm batchnorm2d native_batch_norm",
    "quantize": "quantise quant per_token_quant scaled_fp8_quant compute_scale",
    "mla_prefill": "mla_context context_mla mla_ctx prefill_mla", "mla_decode": "mla_generation generation_mla mla_gen decode_mla flash_mla",
    "rnn": "vanilla rnn_fwd vanilla_rnn rnn_relu rnn_tanh", "lstm": "lstm_fwd", "gru": "gru_fwd",
    "ssm_scan": "selective_scan mamba_scan ssd_scan",
    "broadcast": "bcast",
    "act_and_mul": "silu_and_mul gelu_and_mul swiglu geglu",
    "silu": "swish",
    "copy": "clone cast contiguous transpose permute memcpy",
    "rope": "rotary rotary_embedding apply_rotary_pos_emb",
    "softmax": "log_softmax",
    "layernorm": "ln layer_norm native_layer_norm",
    "rmsnorm": "rms rms_norm",
    "embedding": "emb gather embedding_lookup index_select",
    "all_reduce": "allreduce ar",
    "all_gather": "allgather ag",
    "reduce_scatter": "reducescatter rs",
    "all_to_all": "alltoall a2a",
    "send_recv": "p2p send recv sendrecv send_receive",
    "addu": "add_scalar", "subu": "sub_scalar", "mulu": "mul_scalar", "divu": "div_scalar", "powu": "pow_scalar",
    "div": "truediv",
}  # fmt: skip


@cache
def _by_normal() -> dict[str, str]:
    own = {normal(name): name for name in OPERATIONS}
    return {normal(alias): name for name, others in ALIASES.items() for alias in others.split()} | own


@cache
def operation_name(op: str) -> str | None:
    """The name under which an `op` is known here, in any spelling and behind any module's name (``aten::bmm``, ``nn.Linear``); None if it is not."""
    known = _by_normal()
    for key in (op, op.rpartition("::")[2].rpartition(".")[2]):
        found = known.get(normal(key)) or known.get(normal(key).removesuffix("forward").removesuffix("fwd"))
        if found:
            return found
    return None


def unknown_operation(op: str) -> str:
    """What to say of an `op` that nobody knows."""
    near = nearest(op, [*OPERATIONS, *(alias for others in ALIASES.values() for alias in others.split())], 1)
    hint = f"; did you mean {near[0]}?" if near else ""
    return f"no law for the operator {op!r} yet{hint} (`roofscape validate --schema` lists all)"
