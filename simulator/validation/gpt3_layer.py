"""The layer of GPT-3 that LLMCompass measured on four chips: its rows bear names only, their sizes are those of its paper.

Width 12288, 96 heads of 128, tensor parallelism over four chips; the prompt is 8 sequences of 2048 tokens (its times fit no other).
The context of its decode step is not published.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.validation.columns import texts

if TYPE_CHECKING:
    import pandas as pd

WIDTH, HEADS, HEAD_DIM, CHIPS = 12288.0, 96.0, 128.0, 4.0
SEQUENCES, PROMPT = 8.0, 2048.0
ELEMENT_BYTE = 2.0
TOKENS = SEQUENCES * PROMPT
PAIRS = SEQUENCES * HEADS / CHIPS  # of a sequence and a head, on one chip

PREFILL: dict[str, dict[str, str | float]] = {
    "Q_K_V": {"op": "gemm", "m": TOKENS, "n": 3.0 * WIDTH / CHIPS, "k": WIDTH},
    "Q_mul_K": {"op": "bmm", "batch": PAIRS, "m": PROMPT, "n": PROMPT, "k": HEAD_DIM},
    "A_mul_V": {"op": "bmm", "batch": PAIRS, "m": PROMPT, "n": HEAD_DIM, "k": PROMPT},
    "Wo_proj": {"op": "gemm", "m": TOKENS, "n": WIDTH, "k": WIDTH / CHIPS},
    "W1_proj": {"op": "gemm", "m": TOKENS, "n": 4.0 * WIDTH / CHIPS, "k": WIDTH},
    "W2_proj": {"op": "gemm", "m": TOKENS, "n": WIDTH, "k": 4.0 * WIDTH / CHIPS},
    "Softmax": {"op": "softmax", "rows": PAIRS * PROMPT, "cols": PROMPT},
    "LayerNorm_MHA": {"op": "layernorm", "rows": TOKENS, "cols": WIDTH},
    "LayerNorm_FFN": {"op": "layernorm", "rows": TOKENS, "cols": WIDTH},
    "GeLU": {"op": "gelu", "rows": TOKENS, "cols": 4.0 * WIDTH / CHIPS},
    "AllReduce_MHA": {"op": "all_reduce", "message_byte": TOKENS * WIDTH * ELEMENT_BYTE, "ranks": CHIPS},
    "AllReduce_FFN": {"op": "all_reduce", "message_byte": TOKENS * WIDTH * ELEMENT_BYTE, "ranks": CHIPS},
}


def with_sizes(layer: pd.DataFrame) -> pd.DataFrame:
    """The rows of a prompt's layer, whose ``op`` ends in ``:NAME``, as tidy columns; those whose name is unknown keep it."""
    import pandas as pd

    names = texts(layer["op"]).str.rpartition(":")[2]
    sizes = pd.DataFrame([PREFILL.get(name, {"op": op}) for name, op in zip(names, texts(layer["op"]), strict=True)], index=layer.index)
    return layer.drop(columns=[c for c in sizes.columns if c in layer.columns]).join(sizes)
