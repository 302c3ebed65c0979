"""Encoders and decoders in one model: T5 (text to text) and Whisper (sound to text).

A prompt goes through the encoder once; the decoder attends to what came out of it, and to what it has said itself.
Raffel et al., arXiv 1910.10683; Radford et al., arXiv 2212.04356.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from magnitudes.arrays import Real, largest, maximum, total
from workloads.attention import CrossAttention
from workloads.chain import Chain
from workloads.graph import Workload, fused
from workloads.mixer import Flow, pointwise, sequences_here
from workloads.model import DivisionRule
from workloads.operator import Convolution
from workloads.passes import Pass, Sequences
from workloads.sharding import Parallelism, Precision
from workloads.stack import Stack


@dataclass(frozen=True, slots=True)
class Sound:
    """What brings sound to an encoder: a spectrogram, and two convolutions along time, the second with stride two (Whisper)."""

    bins: float
    frames: float

    def parameters(self, width: float) -> float:
        """Of both convolutions, and a position a frame that is left."""
        return (self.bins + width) * width * 3.0 + 2.0 * width + self.frames / 2.0 * width

    def add(self, chain: Chain, width: float, batch: Real, formats: Precision) -> None:
        """Append both convolutions with their activations, and the sum of positions."""
        for place, (cin, length, stride) in enumerate(((self.bins, self.frames, 1.0), (width, self.frames, 2.0)), 1):
            out = length / stride
            convolution = Convolution(
                name=f"sound_convolution{place}", batch=batch, cin=cin, cout=width, in_h=length, in_w=1.0, out_h=out, out_w=1.0, kernel_h=3.0, kernel_w=1.0,
                stride=stride, a=formats.activation, b=formats.weight, c=formats.stream,
            )  # fmt: skip
            chain.add(convolution)
            chain.add(pointwise(f"sound_activation{place}", batch * out * width, 10.0, formats, fuses="producer"))
        chain.add(pointwise("positions", batch * self.frames / 2.0 * width, 1.0, formats, fuses="producer"))


@dataclass(frozen=True, slots=True)
class EncoderDecoder:
    """An encoder and a decoder that attends to it.

    Parameters
    ----------
    encoder, decoder : Stack
    sound : Sound, optional
        What the encoder hears, of a length that never changes; else it reads the prompt.
    shared_embedding : bool
        Whether encoder and decoder have one embedding between them.
    """

    name: str
    encoder: Stack
    decoder: Stack
    sound: Sound | None = None
    shared_embedding: bool = False

    @property
    def phases(self) -> tuple[str, ...]:
        """Without sound, a step of decoding needs to know how long the prompt was: only requests from prompt to last token say so."""
        return ("prefill", "inference") if self.sound is None else ("prefill", "decode", "inference")

    @property
    def _twice(self) -> float:
        """Weights that both stacks count and the model has once."""
        return self.encoder.vocabulary * self.encoder.hidden if self.shared_embedding else 0.0

    @property
    def _sound_parameters(self) -> float:
        return self.sound.parameters(self.encoder.hidden) if self.sound else 0.0

    @property
    def parameters(self) -> float:
        """Weights in all."""
        return self.encoder.parameters + self.decoder.parameters - self._twice + self._sound_parameters

    def cut_rules(self, cut: Parallelism) -> tuple[DivisionRule, ...]:
        """Heads and widths of both stacks; no pipeline, since the decoder's stages would wait for the encoder's."""
        one = DivisionRule("stage that an encoder with a decoder can be cut into", 1.0, cut.pp, "--pp")
        rules = {(rule.what, rule.option): rule for stack in (self.encoder, self.decoder) for rule in stack.cut_rules(cut) if rule.option != "--pp"}
        return (one, *rules.values())

    def _source(self, g: Sequences) -> Real:
        """Tokens that the encoder has made of a sequence."""
        if self.sound is not None:
            return self.sound.frames / 2.0
        return g.length if g.prompt is None else g.prompt

    def _spoken(self, g: Sequences) -> Sequences:
        """The decoder's side of a sequence: where the encoder reads the prompt, the decoder starts with one token."""
        if self.sound is not None:
            return g
        if g.prompt is None:
            return replace(g, new=1.0, length=1.0, last=None)
        return replace(g, length=g.length - g.prompt + 1.0, last=g.held - g.prompt + 1.0)

    def workload(self, run: Pass, cut: Parallelism, formats: Precision) -> Workload:
        """The operators of one batch on one chip: the encoder's where a prompt is new, then the decoder's."""
        groups = tuple(replace(g, batch=maximum(g.batch / (cut.dp * cut.parts), 1.0)) for g in run.groups)
        chain = Chain()
        heard = tuple(Sequences(g.batch, self._source(g), self._source(g)) for g in groups if not g.decoding)
        flows = []
        if heard:
            flows.append((self.encoder, Flow(heard, cut, formats)))
            if self.sound is not None:
                self.sound.add(chain, self.encoder.hidden, total(g.batch for g in heard), formats)
            self.encoder.add(chain, flows[0][1])
        encoded = chain.nodes[-1].operator.name if heard else ""
        spoken = Flow(tuple(self._spoken(g) for g in groups), cut, formats, tuple(self._source(g) for g in groups), encoded)
        self.decoder.add(chain, spoken)
        flows.append((self.decoder, spoken))
        weights = self.encoder.chip_parameters(cut) + self.decoder.chip_parameters(cut) - self._twice / cut.tp + self._sound_parameters
        return Workload(
            nodes=fused(chain.nodes),
            weight_byte=weights * formats.weight.byte,
            state_byte=self._state_byte(run, cut, formats),
            activation_byte=largest([stack.activation_byte(flow) for stack, flow in flows]),
            tokens=total(g.batch for g in run.groups),
        )

    def _state_byte(self, run: Pass, cut: Parallelism, formats: Precision) -> Real:
        """The decoder's own keys and values, and those of the encoder's output, which every layer keeps."""
        said = replace(run, groups=tuple(self._spoken(g) for g in run.groups))
        heard = total(batch * self._source(g) for batch, g in sequences_here(run, cut))
        crosses = [(part.count, part.cross) for part in self.decoder.layers if isinstance(part.cross, CrossAttention)]
        return self.decoder.state_byte(said, cut, formats) + total(count * cross.source_byte(heard, cut, formats) for count, cross in crosses)
