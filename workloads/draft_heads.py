"""Heads that propose tokens on the model that verifies them: Medusa's, each a step further ahead, and EAGLE's, one layer run step after step.

Medusa (Cai et al., arXiv 2401.10774): on the last hidden state, each head has a residual map and an output head of its own; all run once a step.
EAGLE (Li et al., arXiv 2401.15077): a product takes features of the model and a token's embedding to the width, one layer of the model's shape
follows, and the model's own embedding and output head are used. EAGLE-3 (arXiv 2503.01840) fuses features of three depths once a step, its layer
reads them beside the embedding, and its output head has a vocabulary of its own.
Proposals are a chain, or a tree of so many nodes, all of which are verified in one pass; a step of EAGLE then runs an equal share of them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from magnitudes.arrays import Real, maximum, total
from magnitudes.errors import InputError
from magnitudes.names import nearest
from workloads.adapters import Adapted
from workloads.attention import GroupedAttention, LatentAttention
from workloads.chain import Chain
from workloads.feed_forward import DenseFeedForward, ExpertFeedForward, FeedForward, linear
from workloads.graph import Node, Workload
from workloads.mixer import pointwise
from workloads.model import DivisionRule, Model, ModelError
from workloads.operator import Contraction, Operator
from workloads.passes import Pass, Sequences
from workloads.sharding import Parallelism, Precision
from workloads.stack import Layers, Stack
from workloads.transformer import Transformer

FEATURES = 3.0  # depths of the model whose features EAGLE-3 fuses
VOCABULARY = 32000.0  # tokens that EAGLE-3's published heads propose
HEADS = 5.0  # of Medusa, as its configuration has them where it says nothing


@dataclass(frozen=True, slots=True)
class Shape:
    """What a head takes over from the model that it proposes for."""

    hidden: float
    vocabulary: float
    mixer: GroupedAttention | LatentAttention
    inner: float


@dataclass(frozen=True, slots=True)
class Medusa:
    """Heads beside each other on the last hidden state.

    Parameters
    ----------
    shape : Shape
    heads, layers : float
        Heads, and residual maps in each.
    tree : float, optional
        Nodes of the tree of proposals; a chain, if not said.
    """

    shape: Shape
    heads: float = HEADS
    layers: float = 1.0
    tree: float | None = None

    @property
    def name(self) -> str:
        return f"{self.heads:g} Medusa heads"

    @property
    def most(self) -> float | None:
        """Tokens that can be proposed at a time."""
        return self.heads

    @property
    def parameters(self) -> float:
        """Residual maps with a bias, and output heads."""
        hidden = self.shape.hidden
        return self.heads * (self.layers * hidden * (hidden + 1.0) + hidden * self.shape.vocabulary)

    def cut_rules(self, cut: Parallelism) -> tuple[DivisionRule, ...]:
        """Maps and output heads are cut by columns."""
        return (DivisionRule("columns of the heads' maps", self.shape.hidden, cut.tp, "--tp"),)

    def drafting(self, run: Pass, cut: Parallelism, formats: Precision, times: Real) -> Workload:
        """One pass of all heads over the last token of each sequence; a prompt needs none of it."""
        chain, rows = Chain(), total(maximum(g.batch / (cut.dp * cut.parts), 1.0) for g in run.groups)
        if any(g.emitted is not None for g in run.groups):
            hidden, tp = self.shape.hidden, cut.tp
            chain.count = self.heads * self.layers
            chain.add(linear("medusa_map", rows, hidden / tp, hidden, formats))
            chain.add(pointwise("medusa_residual", rows * hidden / tp, 5.0, formats, reads=2.0, fuses="producer"))
            chain.count = self.heads
            chain.add(linear("medusa_head", rows, self.shape.vocabulary / tp, hidden, formats))
        return Workload(nodes=tuple(chain.nodes), weight_byte=self.parameters / cut.tp * formats.weight.byte, tokens=rows)


@dataclass(frozen=True, slots=True)
class Eagle:
    """One layer of the model's shape on its features.

    Parameters
    ----------
    shape : Shape
    fused : float
        Depths of the model whose features are fused: 1 (EAGLE), or 3 (EAGLE-3), whose layer reads twice the width.
    own_vocabulary : float, optional
        Columns of its own output head; the model's own head is used, if not said.
    tree : float, optional
        Nodes of the tree of proposals; a chain, if not said.
    """

    shape: Shape
    fused: float = 1.0
    own_vocabulary: float | None = None
    tree: float | None = None

    @property
    def name(self) -> str:
        return "an EAGLE head" if self.fused == 1.0 else f"an EAGLE-{self.fused:g} head"

    @property
    def most(self) -> float | None:
        """Tokens that can be proposed at a time: any number."""
        return None

    @property
    def _stack(self) -> Stack:
        """The layer between an embedding and an output head."""
        layers = (Layers(1.0, self.shape.mixer, DenseFeedForward(self.shape.inner)),)
        return Stack(self.name, self.shape.hidden, layers, self.own_vocabulary or self.shape.vocabulary)

    @property
    def _fusing(self) -> float:
        """Weights of the product in front of the layer."""
        hidden = self.shape.hidden
        return 2.0 * hidden * hidden + hidden if self.fused == 1.0 else self.fused * hidden * hidden

    @property
    def _entering(self) -> float:
        """Weights that the layer's first products have beyond those of the model's, where they read the embedding beside the features."""
        mixer, hidden = self.shape.mixer, self.shape.hidden
        if self.fused == 1.0 or not isinstance(mixer, GroupedAttention):
            return 0.0
        return hidden * (mixer.heads + 2.0 * mixer.kv_heads) * mixer.head_dim

    @property
    def parameters(self) -> float:
        """The layer and the product before it; embedding and output head are the model's, unless the head is its own."""
        stack, hidden = self._stack, self.shape.hidden
        shared = (1.0 if self.own_vocabulary else 2.0) * stack.vocabulary * hidden
        return stack.parameters - shared + self._fusing + self._entering

    def cut_rules(self, cut: Parallelism) -> tuple[DivisionRule, ...]:
        """Those of its layer; it lies on the stage that has the output head."""
        return tuple(rule for rule in self._stack.cut_rules(cut) if rule.option == "--tp")

    def drafting(self, run: Pass, cut: Parallelism, formats: Precision, times: Real) -> Workload:
        """All passes of the head in one step: `times`, of which the first fuses features (EAGLE: each does); over a prompt, one."""
        one = replace(cut, pp=1.0, ep=1.0, microbatches=cut.parts)
        groups = tuple(_proposing(g, self.tree) for g in run.groups)
        load = self._stack.workload(replace(run, groups=groups), one, formats)
        tokens = total(maximum(g.batch / (cut.dp * cut.parts), 1.0) * g.new for g in groups)
        wide = self.fused if self.fused > 1.0 else 2.0
        fuse = linear("fuse_features", tokens, self.shape.hidden / cut.tp, wide * self.shape.hidden, formats)
        place = next(i for i, node in enumerate(load.nodes) if not node.operator.name.startswith("embedding"))
        before, behind = load.nodes[:place], load.nodes[place:]
        fusing = Node(fuse, 1.0 / times if self.fused > 1.0 else 1.0, (before[-1].operator.name,))
        layer = (replace(behind[0], after=(fuse.name,)), *behind[1:])
        nodes = tuple(Node(self._widened(n.operator), n.count * times, n.after) for n in (*before, fusing, *layer))
        return replace(load, nodes=nodes, weight_byte=self.parameters / cut.tp * formats.weight.byte)

    def _widened(self, operator: Operator) -> Operator:
        """The layer's first product over twice the width, where it reads the embedding beside the features."""
        if self._entering and isinstance(operator, Contraction) and operator.name == "qkv":
            return replace(operator, k=2.0 * operator.k)
        return operator


def _proposing(g: Sequences, tree: float | None) -> Sequences:
    """What one pass of a draft sees: one new token (of a tree, an equal share of its nodes), at the mean of the contexts of its passes; a prompt as it is."""
    if g.emitted is None:
        return g
    length: Real = g.length - g.new / 2.0
    new: Real = 1.0 if tree is None else maximum(tree / (g.new - 1.0), 1.0)
    return replace(g, new=new, length=length, last=g.length if g.last is None else g.last, emitted=None if tree is None else g.emitted)


DraftHead = Medusa | Eagle
KINDS: dict[str, tuple[str, ...]] = {
    "medusa": ("heads", "layers", "tree"), "eagle": ("inner", "tree"), "eagle3": ("inner", "tree", "vocabulary"),
}  # fmt: skip


def names_head(text: str) -> bool:
    """Whether a draft is named that is a head on the model: ``medusa``, ``eagle``, ``eagle3``, each with sizes behind a colon."""
    return text.partition(":")[0].strip().lower().replace("-", "") in KINDS


def head_for(target: Model, text: str) -> DraftHead:
    """The head that a text asks for on a model: ``medusa:heads=4,tree=63``, ``eagle``, ``eagle3:vocabulary=32000``.

    Raises
    ------
    InputError
        If a size is not known, or is no positive whole number.
    ModelError
        If the model has no attention whose shape a head could have.
    """
    kind = text.partition(":")[0].strip().lower().replace("-", "")
    sizes = _sizes(kind, text.partition(":")[2])
    shape = shape_of(target)
    if kind == "medusa":
        return Medusa(shape, **sizes)
    shape = replace(shape, inner=sizes.pop("inner", shape.inner))
    if kind == "eagle":
        return Eagle(shape, **sizes)
    return Eagle(shape, FEATURES, min(sizes.pop("vocabulary", VOCABULARY), shape.vocabulary), **sizes)


def _sizes(kind: str, text: str) -> dict[str, float]:
    sizes: dict[str, float] = {}
    for part in filter(None, (p.strip() for p in text.split(","))):
        key, _, value = part.partition("=")
        if key not in KINDS[kind]:
            near = nearest(key, KINDS[kind])
            hint = f"; did you mean {' or '.join(near)}?" if near else ""
            raise InputError(f"--draft {kind}: unknown size {key!r}{hint} (known: {', '.join(KINDS[kind])})")
        if not value.isdecimal() or int(value) < 1:
            raise InputError(f"--draft {kind}: {key} is {value!r}; it should be a whole number from 1, such as {key}=4")
        sizes[key] = float(value)
    return sizes


def shape_of(target: Model) -> Shape:
    """Width, vocabulary, attention and network of a model's last layer, as a head takes them over.

    Raises
    ------
    ModelError
    """
    model = target.base if isinstance(target, Adapted) else target
    if isinstance(model, Transformer) and not model.encoder:
        mixer = GroupedAttention(model.heads, model.kv_heads, model.head_dim, qkv_bias=model.qkv_bias, rotary=model.rotary)
        return Shape(model.hidden, model.vocabulary, mixer, _width(model.feed_forwards[-1][1]))
    if isinstance(model, Stack) and model.vocabulary:
        whole = [part for part in model.layers if isinstance(part.mixer, GroupedAttention | LatentAttention) and part.forward is not None]
        if whole:
            last = whole[-1]
            assert isinstance(last.mixer, GroupedAttention | LatentAttention) and last.forward is not None
            return Shape(model.hidden, model.vocabulary, last.mixer, _width(last.forward))
    raise ModelError(f"{model.name} is no decoder with attention, so no head of its shape can propose tokens; name a whole model as --draft")


def _width(forward: FeedForward) -> float:
    """Columns of a dense network that does a token's work: of experts, those that a token passes."""
    if isinstance(forward, ExpertFeedForward):
        return forward.topk * forward.inner + forward.shared_inner
    return forward.inner if isinstance(forward, DenseFeedForward) else forward.widest()
