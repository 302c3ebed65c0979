"""Multi-head latent attention as rows of a table (DeepSeek-V2, arXiv 2405.04434): the fused kernels of its prompts and of its decoding."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workloads.operator import Attention, Calls

if TYPE_CHECKING:
    from simulator.validation.rows import Rows


def latent_prefill(rows: Rows) -> Calls:
    """A prompt: keys and values are expanded, as many heads of them as of queries; the kernel is asked for the mean of the two widths."""
    key_dim = rows["nope_dim"] + rows["rope_dim"]
    attention = Attention(
        name=rows.op, batch=rows["batch"], heads=rows["heads"], kv_heads=rows["heads"], q_len=rows["q_len"], kv_len=rows["kv_len"],
        head_dim=(key_dim + rows["value_dim"]) / 2.0, element=rows.formats.a, state=rows.formats.a,
    )  # fmt: skip
    return ((attention, 1.0),)


def latent_decode(rows: Rows) -> Calls:
    """One token a sequence: all query heads read the one latent vector of each token, as key and as value."""
    attention = Attention(
        name=rows.op, batch=rows["batch"], heads=rows["heads"], kv_heads=1.0, q_len=rows["q_len"], kv_len=rows["kv_len"],
        head_dim=rows["kv_rank"] + rows["rope_dim"], value_dim=rows["kv_rank"], decoding=True, element=rows.formats.a, state=rows.state,
    )  # fmt: skip
    return ((attention, 1.0),)
