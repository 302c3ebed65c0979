"""Transformers as a framework runs them one operator after another: attention unfused, copies where heads change places.

The operators are those that PyTorch launches for the Hugging Face models of 2022 (NeuSight's `neusight_model_ops` lists most of them):
the copies come from `reshape` of permuted tensors in front of a batched product.
"""

from __future__ import annotations

from dataclasses import dataclass

from magnitudes.arrays import Real
from magnitudes.datatypes import DataType
from workloads.backward import backward
from workloads.operator import Calls, Contraction, Elementwise, Gather, Normalization, Operator, Residency, Softmax


@dataclass(frozen=True, slots=True)
class EagerModel:
    """Sizes of a model.

    Parameters
    ----------
    style : str
        ``bert``, ``gpt2`` or ``opt``: which elementwise operators surround scores and activation.
    vocabulary : float
        Columns of the last product; 2 for a classifier.
    """

    style: str
    layers: float
    hidden: float
    heads: float
    inner: float
    vocabulary: float


EAGER_MODELS = {
    "bert_large": EagerModel("bert", 24.0, 1024.0, 16.0, 4096.0, 2.0),
    "gpt2_large": EagerModel("gpt2", 36.0, 1280.0, 20.0, 5120.0, 50257.0),
    "gpt3_xl": EagerModel("gpt2", 24.0, 3072.0, 24.0, 12288.0, 50257.0),
    "gpt3_27": EagerModel("gpt2", 32.0, 2560.0, 32.0, 10240.0, 50257.0),
    "opt_13": EagerModel("opt", 24.0, 2048.0, 32.0, 8192.0, 50272.0),
}

# Elementwise operators on the scores, by the elements each reads for one written, and their instructions. OPT adds a mask of fp32 a sequence,
# which outgrows the cache before the next head asks for it.
SCORE_MAPS = {"bert": ((1.0, 10.0), (1.0, 1.0)), "gpt2": ((1.0, 10.0), (1.25, 1.0)), "opt": ((2.0, 1.0), (1.0, 1.0))}
# On the inner layer: gelu and relu are one kernel; GPT-2 spells gelu out in eight.
INNER_MAPS = {
    "bert": ((1.0, 25.0),),
    "gpt2": ((1.0, 1.0), (1.0, 2.0), (1.0, 1.0), (2.0, 1.0), (1.0, 1.0), (1.0, 20.0), (1.0, 1.0), (2.0, 1.0)),
    "opt": ((1.0, 1.0),),
}
KEPT, DROPPED = 1.25, 20.0  # a training step's dropout: elements read or written for each (a mask of bytes beside), instructions of Philox's numbers
HEAD_COPIES = 4.0  # queries, keys and values in front of the products, their result behind


def training_pass(model: EagerModel, batch: Real, length: Real, element: DataType, *, fused: bool) -> Calls:
    """A forward pass with dropout and its backward pass, without the optimizer's step: as `eager_pass`."""
    forward = eager_pass(model, batch, length, element, fused=fused, training=True)
    biases = tuple((_bias_gradient(operator), count) for operator, count in forward if isinstance(operator, Contraction) and _is_linear(operator))
    return (*forward, *backward(forward), *biases)


def _is_linear(product: Contraction) -> bool:
    return product.b_residency == Residency.WEIGHT


def _bias_gradient(product: Contraction) -> Operator:
    """The sum of a result's gradient over its rows."""
    return Elementwise(
        name="bias_gradient", elements=product.n, reads=product.m, flop_per_element=2.0, element=product.c, output=product.c,
    )  # fmt: skip


def eager_pass(model: EagerModel, batch: Real, length: Real, element: DataType, *, fused: bool, training: bool = False) -> Calls:
    """One forward pass over `batch` sequences of `length` tokens.

    Parameters
    ----------
    fused : bool
        Whether a compiler has joined chains of elementwise operators (and those in front of a softmax or norm) into one kernel.
    training : bool
        Whether scores, both halves of a layer and the embedding lose elements at random (OPT's scores do not).
    """
    tokens, layers, hidden = batch * length, model.layers, model.hidden

    def linear(name: str, n: float, k: float, rows: Real = tokens) -> Operator:
        return Contraction(name=name, m=rows, n=n, k=k, a=element, b=element, c=element)

    def product(name: str, n: Real, k: Real) -> Operator:
        side = Residency.ACTIVATION
        return Contraction(name=name, batch=batch * model.heads, m=length, n=n, k=k, a=element, b=element, c=element, b_residency=side)

    head, pairs = hidden / model.heads, batch * model.heads * length
    norm = Normalization(name="norm", rows=tokens, cols=hidden, flavour="layer", element=element)
    last = 1.0 if model.vocabulary == 2.0 else length  # a classifier looks at one token a sequence
    qkv = [(linear("qkv", 3.0 * hidden, hidden), layers)] if model.style == "gpt2" else [(linear("q", hidden, hidden), 3.0 * layers)]
    return (
        (Gather(name="embedding", rows=tokens, width=hidden, table=element, output=element), 1.0),
        *qkv,
        (_map("heads", tokens * hidden, 1.0, 0.5, element), HEAD_COPIES * layers),
        (product("scores", length, head), layers),
        *_maps("mask", pairs * length, () if fused else SCORE_MAPS[model.style], layers, element),
        (Softmax(name="softmax", rows=pairs, cols=length, element=element), layers),
        *_maps("score_dropout", pairs * length, ((KEPT, DROPPED),) if training and model.style != "opt" else (), layers, element),
        (product("values", head, length), layers),
        (linear("out", hidden, hidden), layers),
        (linear("up", model.inner, hidden), layers),
        *_maps("activation", tokens * model.inner, INNER_MAPS[model.style], layers, element, joined=fused),
        (linear("down", hidden, model.inner), layers),
        *_maps("residual", tokens * hidden, () if fused else ((2.0, 1.0), (2.0, 1.0)), layers, element),
        *_maps("dropout", tokens * hidden, ((KEPT, DROPPED),) if training else (), 2.0 * layers + 1.0, element),
        (norm, 2.0 * layers + 1.0),
        (linear("head", model.vocabulary, hidden, batch * last), 1.0),
    )  # fmt: skip


def _maps(name: str, elements: Real, maps: tuple[tuple[float, float], ...], count: float, element: DataType, *, joined: bool = False) -> Calls:
    """A chain of elementwise operators, or the one kernel that a compiler makes of them."""
    if joined:
        maps = ((1.0, sum(instructions for _, instructions in maps)),)
    return tuple((_map(name, elements, reads, instructions, element), count) for reads, instructions in maps)


def _map(name: str, elements: Real, reads: float, instructions: float, element: DataType) -> Operator:
    return Elementwise(name=name, elements=elements, reads=reads, flop_per_element=2.0 * instructions, element=element, output=element)
