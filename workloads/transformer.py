"""Transformers: dense or with experts, decoders or encoders, any grouping of heads, any mix of attention windows."""

from __future__ import annotations

from dataclasses import dataclass, replace

from magnitudes.arrays import Real, maximum, minimum, total, where
from workloads.chain import Chain
from workloads.feed_forward import ExpertFeedForward, FeedForward, linear
from workloads.graph import Workload, fused
from workloads.model import DivisionRule
from workloads.operator import Attention, Collective, Elementwise, Gather, Normalization
from workloads.passes import Pass, Sequences
from workloads.sharding import Parallelism, Precision


@dataclass(frozen=True, slots=True)
class Transformer:
    """A stack of attention and feed-forward layers.

    Parameters
    ----------
    hidden, heads, kv_heads, head_dim : float
        Width of the stream, query heads, key-value heads, width of a head.
    feed_forwards : tuple of (count, FeedForward)
        The second half of the layers, and how many layers have it.
    windows : tuple of (count, window)
        How many layers attend how far back (None: to everything).
    vocabulary : float
        Rows of the embedding.
    tied : bool
        Whether the output head is the embedding again.
    encoder : bool
        Tokens attend in both directions and there is no output head, no cache and no decoding.
    norm : str
        ``rms`` or ``layer``.
    norms_per_layer : float
        2, or 4 where the halves are normalised on their way out too.
    bias, qkv_bias : bool
        Whether all linear layers have a bias, or those of the queries, keys and values.
    rotary : bool
        Rotary position embedding.
    positions, token_types : float
        Learned position and segment embeddings.
    head_norms : bool
        Whether queries and keys are normalised head by head.
    extra_parameters : float
        Weights outside the layers that do no work in a pass (poolers, unused heads, additional norms).
    """

    name: str
    hidden: float
    heads: float
    kv_heads: float
    head_dim: float
    feed_forwards: tuple[tuple[float, FeedForward], ...]
    windows: tuple[tuple[float, float | None], ...]
    vocabulary: float
    tied: bool = False
    encoder: bool = False
    norm: str = "rms"
    norms_per_layer: float = 2.0
    bias: bool = False
    qkv_bias: bool = False
    rotary: bool = True
    positions: float = 0.0
    token_types: float = 0.0
    head_norms: bool = False
    extra_parameters: float = 0.0

    @property
    def layers(self) -> float:
        """Layers in all."""
        return sum(count for count, _ in self.feed_forwards)

    @property
    def phases(self) -> tuple[str, ...]:
        return ("prefill",) if self.encoder else ("prefill", "decode", "inference", "mixed")

    @property
    def _norm_width(self) -> float:
        return self.hidden * (2.0 if self.norm == "layer" else 1.0)

    @property
    def _attention_parameters(self) -> float:
        query, keys = self.heads * self.head_dim, 2.0 * self.kv_heads * self.head_dim
        bias = query + keys if self.bias or self.qkv_bias else 0.0
        head_norms = 2.0 * self.head_dim if self.head_norms else 0.0
        return self.hidden * (query + keys) + query * self.hidden + bias + (self.hidden if self.bias else 0.0) + head_norms

    @property
    def _embedding_parameters(self) -> float:
        return (self.vocabulary + self.positions + self.token_types) * self.hidden

    @property
    def parameters(self) -> float:
        """Weights in all: layers, norms, embeddings and head."""
        layers = self.layers * (self._attention_parameters + self.norms_per_layer * self._norm_width)
        forward = sum(count * part.parameters(self.hidden, self.bias) for count, part in self.feed_forwards)
        head = 0.0 if self.tied or self.encoder else self.vocabulary * self.hidden
        return layers + forward + self._embedding_parameters + head + self._norm_width + self.extra_parameters

    def chip_parameters(self, cut: Parallelism) -> Real:
        """Weights that one chip holds: layers split over stages, matrices over `tp`, embedding and head on the stages that use them."""
        split = self.layers * self._attention_parameters / cut.tp
        whole = self.layers * self.norms_per_layer * self._norm_width
        forward = total(count * part.chip_parameters(self.hidden, self.bias, cut) for count, part in self.feed_forwards)
        head: Real = 0.0 if self.tied or self.encoder else self.vocabulary * self.hidden
        if self.tied and not self.encoder:  # the last stage needs its own copy of the embedding
            head = where(cut.pp > 1.0, self.vocabulary * self.hidden, 0.0)
        ends = (self._embedding_parameters + head) / cut.tp + self._norm_width + self.extra_parameters
        return (split + whole + forward) / cut.pp + ends / minimum(cut.pp, 2.0)

    def state_byte_per_token(self, cut: Parallelism, formats: Precision) -> Real:
        """Keys and values of one token that one chip holds; key-value heads are copied where there are fewer than chips."""
        return 2.0 * maximum(self.kv_heads / cut.tp, 1.0) * self.head_dim * formats.state.byte * self.layers / cut.pp

    def state_byte(self, run: Pass, cut: Parallelism, formats: Precision) -> Real:
        """Keys and values on one chip at the end of a pass, over all micro-batches; a window keeps no more than its length."""
        if self.encoder:
            return 0.0
        a_layer = self.state_byte_per_token(cut, formats) / self.layers
        tokens = total(
            maximum(g.batch / cut.dp, 1.0) * count * (g.held if window is None else minimum(g.held, window))
            for count, window in self.windows
            for g in run.groups
        )
        return a_layer * tokens

    def cut_rules(self, cut: Parallelism) -> tuple[DivisionRule, ...]:
        """Heads, layers and widths that the degrees must divide."""
        experts = any(isinstance(part, ExpertFeedForward) for _, part in self.feed_forwards)
        return (
            DivisionRule("attention heads", self.heads, cut.tp, "--tp"),
            DivisionRule("key-value heads", self.kv_heads, cut.tp, "--tp", or_multiple=True),
            DivisionRule("layers", self.layers, cut.pp, "--pp"),
            *(rule for _, part in self.feed_forwards for rule in part.cut_rules(cut)),
            *(() if experts else (DivisionRule("network that a dense model has in place of experts", 1.0, cut.ep, "--ep"),)),
        )

    def workload(self, run: Pass, cut: Parallelism, formats: Precision) -> Workload:
        """The operators of one micro-batch through all layers, as one chip of a stage sees them."""
        groups = tuple(replace(g, batch=maximum(g.batch / (cut.dp * cut.parts), 1.0)) for g in run.groups)
        tokens = total(g.batch * g.new for g in groups)
        chain = Chain()
        self._add_embedding(chain, tokens, cut, formats)
        self._add_norm(chain, "norm_first", tokens, formats)
        for count, part in self.feed_forwards:
            share = count / self.layers
            chain.count, chain.suffix = count, part.label
            self._add_attention(chain, groups, tokens, share, cut, formats)
            self._add_norm(chain, "norm_middle", tokens, formats)
            part.add(chain, self.hidden, tokens, cut, formats)
            self._add_reduction(chain, "feed_forward", tokens, cut, formats)
            self._add_norm(chain, "norm_next", tokens, formats)  # the next layer's first; behind the last layer, the final one
        chain.count, chain.suffix = 1.0, ""
        self._add_head(chain, groups, cut, formats)
        self._add_stage_transfer(chain, tokens, cut, formats)
        return Workload(
            nodes=fused(chain.nodes),
            weight_byte=self.chip_parameters(cut) * formats.weight.byte,
            state_byte=self.state_byte(run, cut, formats),
            activation_byte=tokens * (2.0 * self.hidden + self._widest(cut)) * formats.stream.byte,
            tokens=total(g.batch for g in run.groups),
        )

    def _widest(self, cut: Parallelism) -> Real:
        """Columns of the widest set of tensors alive inside a layer."""
        attention = (2.0 * self.heads + 2.0 * self.kv_heads) * self.head_dim
        return max([attention, *(part.widest() for _, part in self.feed_forwards)]) / cut.tp

    def _add_embedding(self, chain: Chain, tokens: Real, cut: Parallelism, formats: Precision) -> None:
        chain.add(Gather(name="embedding", rows=tokens, width=self.hidden, table=formats.weight, output=formats.stream))
        self._add_all_reduce(chain, "embedding_all_reduce", tokens, cut, formats)

    def _add_norm(self, chain: Chain, name: str, rows: Real, formats: Precision) -> None:
        chain.add(Normalization(name=name, rows=rows, cols=self.hidden, flavour=self.norm, element=formats.stream))

    def _add_attention(self, chain: Chain, groups: tuple[Sequences, ...], tokens: Real, share: float, cut: Parallelism, formats: Precision) -> None:
        """The first half of `chain.count` layers, whose windows are a `share` of all."""
        heads, kv_heads = self.heads / cut.tp, maximum(self.kv_heads / cut.tp, 1.0)
        width = (heads + 2.0 * kv_heads) * self.head_dim
        stream, count = formats.stream, chain.count
        qkv = chain.add(linear("qkv", tokens, width, self.hidden, formats))
        if self.bias or self.qkv_bias:
            qkv = chain.add(Elementwise(name="qkv_bias", elements=tokens * width, element=stream, output=stream, fuses="producer"))
        rotated = qkv
        if not self.encoder:
            # One kernel turns queries and keys and writes keys and values into the cache: every new token once.
            kernel = Elementwise(
                name="rotary_and_cache" if self.rotary else "cache_write", elements=tokens * heads * self.head_dim,
                state_elements=tokens * 2.0 * kv_heads * self.head_dim, flop_per_element=3.0 if self.rotary else 0.0,
                element=stream, output=stream, state=formats.state,
            )  # fmt: skip
            rotated = chain.add(kernel)
        several = len(groups) * len(self.windows) > 1
        reads: list[str] = []
        for place, g in enumerate(groups):
            for window_count, window in self.windows:
                chain.count = window_count * share
                label = "attention" + (f"_{place}" if len(groups) > 1 else "") + (f"_window_{window:g}" if window and several else "")
                operator = Attention(
                    name=label, batch=g.batch, heads=heads, kv_heads=kv_heads, q_len=g.new, kv_len=g.reach, head_dim=self.head_dim,
                    causal=not self.encoder, window=window, decoding=g.decoding, element=stream, state=formats.state if not self.encoder else stream,
                )  # fmt: skip
                reads.append(chain.add(operator, after=rotated))
        chain.count = count
        chain.add(linear("out", tokens, self.hidden, heads * self.head_dim, formats), *reads[:-1])
        self._add_reduction(chain, "attention", tokens, cut, formats)

    def _add_reduction(self, chain: Chain, half: str, tokens: Real, cut: Parallelism, formats: Precision) -> None:
        """The all-reduce behind a half of a layer, its bias and the sum onto the stream, which the next norm takes in."""
        stream = formats.stream
        self._add_all_reduce(chain, f"{half}_all_reduce", tokens, cut, formats)
        if self.norms_per_layer > 2.0:
            self._add_norm(chain, f"norm_after_{half}", tokens, formats)
        chain.add(Elementwise(name=f"{half}_residual", elements=tokens * self.hidden, reads=2.0, element=stream, output=stream, fuses="consumer"))

    def _add_all_reduce(self, chain: Chain, name: str, tokens: Real, cut: Parallelism, formats: Precision) -> None:
        if isinstance(cut.tp, float) and cut.tp == 1.0:
            return
        message_byte = tokens * self.hidden * formats.stream.byte
        chain.add(Collective(name=name, pattern="all_reduce", message_byte=message_byte, ranks=cut.tp))

    def _add_head(self, chain: Chain, groups: tuple[Sequences, ...], cut: Parallelism, formats: Precision) -> None:
        if self.encoder:
            return
        rows = total(g.scored for g in groups)  # only the last token of a sequence needs the head
        chain.add(linear("head", rows, self.vocabulary / cut.tp, self.hidden, formats))
        if isinstance(cut.tp, float) and cut.tp == 1.0:
            return
        logits = rows * self.vocabulary * formats.stream.byte
        chain.add(Collective(name="logits_all_gather", pattern="all_gather", message_byte=logits, ranks=cut.tp))

    def _add_stage_transfer(self, chain: Chain, tokens: Real, cut: Parallelism, formats: Precision) -> None:
        """The stream passes from stage to stage, each of the `tp` chips its share."""
        if isinstance(cut.pp, float) and cut.pp == 1.0:
            return
        chain.count = cut.pp - 1.0
        message_byte = tokens * self.hidden * formats.stream.byte / cut.tp
        chain.add(Collective(name="stage_send", pattern="send", message_byte=message_byte, ranks=minimum(cut.pp, 2.0), span=2.0 * cut.tp * cut.dp))
