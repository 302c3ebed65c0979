"""The dimensions that operators have, by the names of their columns: what each means, and what a row without it is taken to say."""

from __future__ import annotations

# The dimensions of a mapping given, by the letters that mappers use.
MAPPED = {"p": "rows of results", "q": "columns of results", "k": "output channels", "c": "input channels", "r": "filter rows", "s": "filter columns"}
# Every numeric column that any operator reads.
MEANINGS = {
    "m": "rows of the product, the activations' side",
    "n": "columns of the product",
    "k": "contraction",
    "batch": "products, sequences or images",
    "rows": "rows of a tensor",
    "cols": "columns, the innermost dimension",
    "reads": "elements read for each one written",
    "calls": "times that the operator runs in the measured time",
    "heads": "query heads",
    "kv_heads": "heads of keys and values",
    "head_dim": "width of a head",
    "q_len": "new tokens of each sequence",
    "kv_len": "tokens of each sequence in all",
    "window": "tokens that a token attends to at most; 0 for all",
    "tokens": "tokens that are routed",
    "hidden": "width of the stream",
    "inter": "inner width of an expert, before it is split over `tp`",
    "topk": "experts of a token",
    "experts": "experts in all",
    "tp": "chips over which a layer is split",
    "cin": "input channels",
    "cout": "output channels (filters)",
    "in_h": "height of the image",
    "in_w": "width of the image",
    "kernel_h": "height of the filter",
    "kernel_w": "width of the filter",
    "stride_h": "step of the filter, down",
    "stride_w": "step of the filter, across",
    "pad_h": "rows added above and below",
    "pad_w": "columns added left and right",
    "groups": "groups of channels",
    "message_byte": "the whole buffer of one rank: what is reduced, the gathered result, what is scattered or sent",
    "ranks": "chips that take part",
    "seq": "tokens of each sequence",
    "inputs": "width of what a recurrent layer reads at each step",
    "channels": "channels that each carry a state",
    "state_dim": "elements of a channel's state",
    "nope_dim": "width of a head's query without rotary position",
    "rope_dim": "width of a head's query with rotary position",
    "value_dim": "width of a head's value",
    "kv_rank": "width of the latent vector of keys and values",
    "prompt": "prompt tokens of each sequence",
    "output": "tokens generated for each sequence",
    "copies": "sets of buffers, results included, that were taken in turn",
    "out_h": "height of the image of results",
    "out_w": "width of the image of results",
    **{f"tile_{d}": f"{what} that the array's memories hold at once, of a mapping given" for d, what in MAPPED.items()},
    **{f"place_{d}": f"where the loop over tiles of {what} stands, of a mapping given: 0 for the innermost" for d, what in MAPPED.items()},
    "side": "side of the array that a mapping given ran on",
    "host_us": "time of the cheapest eager operator of that host",
}
# Those of which zero says something.
MAY_BE_ZERO = frozenset({"window", "pad_h", "pad_w", *(f"place_{d}" for d in MAPPED)})
# What an optional dimension is where a row does not say it: a number, or another column.
DEFAULTS: dict[str, float | str] = {
    "batch": 1.0, "calls": 1.0, "kv_heads": "heads", "q_len": 1.0, "kv_len": "q_len", "window": 0.0, "tp": 1.0, "output": 128.0,
    "kernel_w": "kernel_h", "in_w": "in_h", "out_w": "out_h",
    "stride_h": 1.0, "stride_w": "stride_h", "pad_h": 0.0, "pad_w": "pad_h", "groups": 1.0,
    "inputs": "hidden", "state_dim": 16.0,  # Mamba's
    "nope_dim": 128.0, "rope_dim": 64.0, "value_dim": 128.0, "kv_rank": 512.0,  # DeepSeek's, from V2 on
}  # fmt: skip
