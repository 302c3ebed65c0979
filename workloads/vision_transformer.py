"""Transformers over the patches of an image: ViT, CLIP's two towers, and language models that see (LLaVA).

Dosovitskiy et al., arXiv 2010.11929; Radford et al., arXiv 2103.00020; Liu et al., arXiv 2310.03744.
"""

from __future__ import annotations

from dataclasses import dataclass

from magnitudes.arrays import Real, largest, maximum, total
from workloads.chain import Chain
from workloads.feed_forward import linear
from workloads.graph import Workload, fused
from workloads.mixer import Flow, norm, pointwise
from workloads.model import DivisionRule
from workloads.operator import Convolution
from workloads.passes import Pass, Sequences
from workloads.sharding import Parallelism, Precision
from workloads.stack import Stack


@dataclass(frozen=True, slots=True)
class PatchTower:
    """An image as patches, with a token for the whole and learned positions, through a stack of layers.

    Parameters
    ----------
    stack : Stack
    image, patch : float
        Sides of the square image and of a patch.
    patch_bias, first_norm : bool
        Whether the patches' projection has a bias, and a norm follows the positions.
    """

    stack: Stack
    image: float
    patch: float
    patch_bias: bool = True
    first_norm: bool = False

    @property
    def patches(self) -> float:
        """Patches of an image."""
        return (self.image // self.patch) ** 2

    @property
    def tokens(self) -> float:
        """Patches, and the token for the whole."""
        return self.patches + 1.0

    @property
    def front_parameters(self) -> float:
        """Weights before the stack."""
        d = self.stack.hidden
        return 3.0 * self.patch**2 * d + (d if self.patch_bias else 0.0) + d + self.tokens * d + (2.0 * d if self.first_norm else 0.0)

    @property
    def parameters(self) -> float:
        """Weights in all."""
        return self.front_parameters + self.stack.parameters

    def flow(self, batch: Real, cut: Parallelism, formats: Precision) -> Flow:
        """So many images on one chip."""
        return Flow((Sequences(batch, self.tokens, self.tokens),), cut, formats)

    def add(self, chain: Chain, flow: Flow) -> None:
        """Append all operators of the tower."""
        batch, formats, d, side = flow.groups[0].batch, flow.formats, self.stack.hidden, self.image // self.patch
        convolution = Convolution(
            name="patches", batch=batch, cin=3.0, cout=d, in_h=self.image, in_w=self.image, out_h=side, out_w=side, kernel_h=self.patch, kernel_w=self.patch,
            stride=self.patch, a=formats.activation, b=formats.weight, c=formats.stream,
        )  # fmt: skip
        chain.add(convolution)
        chain.add(pointwise("positions", flow.tokens * d, 1.0, formats, reads=2.0))
        if self.first_norm:
            chain.add(norm("norm_of_positions", flow.tokens, d, "layer", formats))
        self.stack.add(chain, flow)


@dataclass(frozen=True, slots=True)
class VisionTransformer:
    """Towers whose token for the whole (and, of a text, the last) is projected: one tower classifies, two compare image and text.

    Parameters
    ----------
    tower : PatchTower
    columns : float
        Of the projection: classes, or the width of the common space.
    projection_bias : bool
    text : Stack, optional
        The tower of texts.
    text_tokens : float
        Tokens of a text.
    """

    name: str
    tower: PatchTower
    columns: float
    projection_bias: bool = True
    text: Stack | None = None
    text_tokens: float = 77.0

    phases = ("images",)

    @property
    def _head_parameters(self) -> float:
        width = self.tower.stack.hidden + (self.text.hidden if self.text else 0.0)
        return width * self.columns + (self.columns if self.projection_bias else 0.0)

    @property
    def parameters(self) -> float:
        """Weights in all."""
        return self.tower.parameters + (self.text.parameters if self.text else 0.0) + self._head_parameters

    def cut_rules(self, cut: Parallelism) -> tuple[DivisionRule, ...]:
        """Heads and widths of all towers; two towers make no pipeline."""
        if self.text is None:
            return self.tower.stack.cut_rules(cut)
        one = DivisionRule("stage that two towers can be cut into", 1.0, cut.pp, "--pp")
        return (one, *(rule for stack in (self.tower.stack, self.text) for rule in stack.cut_rules(cut) if rule.option != "--pp"))

    def workload(self, run: Pass, cut: Parallelism, formats: Precision) -> Workload:
        """The operators of one batch of images (and as many texts) on one chip."""
        batch = maximum(total(g.batch for g in run.groups) / (cut.dp * cut.parts), 1.0)
        chain = Chain()
        flow = self.tower.flow(batch, cut, formats)
        self.tower.add(chain, flow)
        chain.add(linear("projection", batch, self.columns, self.tower.stack.hidden, formats))
        alive = [self.tower.stack.activation_byte(flow)]
        weights = (self.tower.front_parameters + self._head_parameters) / maximum(cut.pp, 1.0) + self.tower.stack.chip_parameters(cut)
        if self.text is not None:
            texts = Flow((Sequences(batch, self.text_tokens, self.text_tokens),), cut, formats)
            self.text.add(chain, texts)
            chain.add(linear("projection_text", batch, self.columns, self.text.hidden, formats))
            weights = weights + self.text.chip_parameters(cut)
            alive.append(self.text.activation_byte(texts))
        return Workload(
            nodes=fused(chain.nodes), weight_byte=weights * formats.weight.byte, activation_byte=largest(alive), tokens=total(g.batch for g in run.groups)
        )


@dataclass(frozen=True, slots=True)
class SeeingLanguageModel:
    """A language model whose prompts hold an image: its patches pass a tower and a projector, and are tokens of the prompt like others.

    A prompt counts the image's tokens (576 for LLaVA-1.5); each sequence has one image.
    """

    name: str
    tower: PatchTower
    language: Stack

    phases = ("prefill", "decode", "inference")

    @property
    def _projector_parameters(self) -> float:
        """Two products, from the tower's width to the language model's, with biases."""
        seen, said = self.tower.stack.hidden, self.language.hidden
        return seen * said + said + said * said + said

    @property
    def parameters(self) -> float:
        """Weights in all."""
        return self.tower.parameters + self._projector_parameters + self.language.parameters

    def cut_rules(self, cut: Parallelism) -> tuple[DivisionRule, ...]:
        """Heads and widths of tower and language model; no pipeline through both."""
        one = DivisionRule("stage that a tower before a language model can be cut into", 1.0, cut.pp, "--pp")
        return (one, *(rule for stack in (self.tower.stack, self.language) for rule in stack.cut_rules(cut) if rule.option != "--pp"))

    def workload(self, run: Pass, cut: Parallelism, formats: Precision) -> Workload:
        """The operators of one batch on one chip: tower and projector where prompts are new, then the language model."""
        flow, chain = self.language.flow(run, cut, formats), Chain()
        alive = [self.language.activation_byte(flow)]
        images = total(g.batch for g in flow.groups if not g.decoding)
        if any(not g.decoding for g in flow.groups):
            seen = self.tower.flow(images, cut, formats)
            self.tower.add(chain, seen)
            rows, said = images * self.tower.patches, self.language.hidden
            chain.add(linear("projector_in", rows, said / cut.tp, self.tower.stack.hidden, formats))
            chain.add(pointwise("projector_activation", rows * said / cut.tp, 10.0, formats, fuses="producer"))
            chain.add(linear("projector_out", rows, said, said / cut.tp, formats))
            alive.append(self.tower.stack.activation_byte(seen))
        self.language.add(chain, flow)
        weights = self.tower.front_parameters + self.tower.stack.chip_parameters(cut) + self._projector_parameters / cut.tp + self.language.chip_parameters(cut)
        return Workload(
            nodes=fused(chain.nodes),
            weight_byte=weights * formats.weight.byte,
            state_byte=self.language.state_byte(run, cut, formats),
            activation_byte=largest(alive),
            tokens=total(g.batch for g in run.groups),
        )
