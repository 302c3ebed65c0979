"""What is asked of a model: one pass or many, over which sequences.

A scenario becomes passes; a pass is groups of equal sequences. Any number may be a column.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import ClassVar

from magnitudes.arrays import Real, as_real, maximum, minimum, power, where
from workloads.passes import Pass, Sequences


def _real(scenario: object, *names: str) -> None:
    """Cast the sizes of a new scenario to reader types."""
    for name in names:
        value = getattr(scenario, name)
        object.__setattr__(scenario, name, None if value is None else as_real(value))


def _computed(prompt: Real, cached: Real) -> Real:
    """Tokens of a prompt that are computed: all but those in the cache (below one: their share). The last one always is: it yields the first answer."""
    if isinstance(cached, float) and cached == 0.0:
        return prompt
    return maximum(prompt - where(cached < 1.0, cached * prompt, cached), 1.0)


def expected_tokens(speculate: Real, acceptance: Real) -> Real:
    """Tokens that a verifying pass yields on average: ``(1 - a ** (k + 1)) / (1 - a)`` (Leviathan et al., arXiv 2211.17192, equation 1)."""
    sure = 1.0 - 1e-9  # the limit k + 1 within 1e-8, without a division by nothing
    a = minimum(acceptance, sure)
    return (1.0 - power(maximum(a, 1e-12), speculate + 1.0)) / (1.0 - a)


def _step(batch: Real, length: Real, last: Real | None, prompt: Real | None, keep: Real | None, speculate: Real | None, acceptance: Real) -> Sequences:
    """Sequences of one decode step up to `length` tokens: one new token each, or a draft's with one of the model's own to verify."""
    if speculate is None:
        return Sequences(batch, 1.0, length, last, decoding=True, prompt=prompt, keep=keep)
    last = None if last is None else last + speculate  # the cache has room for what may be refused
    emitted = expected_tokens(speculate, acceptance)
    return Sequences(batch, speculate + 1.0, length + speculate, last, decoding=True, prompt=prompt, keep=keep, emitted=emitted)


@dataclass(frozen=True, slots=True)
class Prefill:
    """All tokens of `batch` prompts in one pass (an encoder's forward pass, too).

    Parameters
    ----------
    batch, prompt : float or array of shape (designs,)
        Sequences, and tokens of each.
    cached_prompt : float or array of shape (designs,)
        Tokens of each prompt whose keys and values lie in the cache (prefix caching), or their share where it is below one: only
        the rest is computed, attending to everything.
    """

    phase: ClassVar[str] = "prefill"

    batch: Real = 1.0
    prompt: Real = 2048.0
    cached_prompt: Real = 0.0

    def __post_init__(self) -> None:
        _real(self, "batch", "prompt", "cached_prompt")

    def passes(self) -> tuple[Pass, ...]:
        return (Pass("prefill", (Sequences(self.batch, _computed(self.prompt, self.cached_prompt), self.prompt),)),)


@dataclass(frozen=True, slots=True)
class Decode:
    """One new token for each of `batch` sequences that have `context` tokens before it.

    Parameters
    ----------
    batch, context : float or array of shape (designs,)
        Sequences, and tokens that the cache holds of each before the step.
    kv_keep : float or array of shape (designs,), optional
        Tokens of each that the cache keeps at most (StreamingLLM, H2O); all, if not said.
    speculate : float or array of shape (designs,), optional
        Tokens that a draft proposes, which one pass verifies; the model must have a draft.
    acceptance : float or array of shape (designs,)
        Chance that a proposed token is accepted.
    """

    phase: ClassVar[str] = "decode"

    batch: Real = 1.0
    context: Real = 2048.0
    kv_keep: Real | None = None
    speculate: Real | None = None
    acceptance: Real = 0.0

    def __post_init__(self) -> None:
        _real(self, "batch", "context", "kv_keep", "speculate", "acceptance")

    def passes(self) -> tuple[Pass, ...]:
        return (Pass("decode", (_step(self.batch, self.context + 1.0, None, None, self.kv_keep, self.speculate, self.acceptance),)),)


# Gauss-Legendre nodes and weights on [0, 1] with three points: exact for polynomials of degree five, and a decode
# pass is close to linear in its context (Abramowitz and Stegun, table 25.4).
_NODES = ((0.1127016653792583, 5 / 18), (0.5, 8 / 18), (0.8872983346207417, 5 / 18))


@dataclass(frozen=True, slots=True)
class Inference:
    """`batch` requests from prompt to last token: one prefill, which yields the first token, then ``output - 1`` decode passes.

    Parameters
    ----------
    batch, prompt, output : float or array of shape (designs,)
        Requests, tokens of each prompt, and tokens generated for each.
    cached_prompt, kv_keep, speculate, acceptance
        As in `Prefill` and `Decode`. Prompts are evicted layer by layer as they pass.
    """

    phase: ClassVar[str] = "inference"

    batch: Real = 1.0
    prompt: Real = 2048.0
    output: Real = 512.0
    cached_prompt: Real = 0.0
    kv_keep: Real | None = None
    speculate: Real | None = None
    acceptance: Real = 0.0

    def __post_init__(self) -> None:
        _real(self, "batch", "prompt", "output", "cached_prompt", "kv_keep", "speculate", "acceptance")

    def passes(self) -> tuple[Pass, ...]:
        """The prefill, and decode passes at three contexts that stand for all (their repeats add to ``output - 1``).

        Step `i` of the `n` decode steps reads ``prompt + i`` tokens; a sum over whole `i` is the integral from 1/2 to ``n + 1/2``.
        """
        steps = self.output - 1.0
        last = self.prompt + steps
        contexts = ((self.prompt + 0.5 + node * steps, weight * steps) for node, weight in _NODES)
        a_pass = 1.0 if self.speculate is None else expected_tokens(self.speculate, self.acceptance)
        decodes = (
            Pass("decode", (_step(self.batch, length, last, self.prompt, self.kv_keep, self.speculate, self.acceptance),), repeats / a_pass)
            for length, repeats in contexts
        )
        new = _computed(self.prompt, self.cached_prompt)
        held = None if self.kv_keep is None else minimum(self.prompt, self.kv_keep)
        return (Pass("prefill", (Sequences(self.batch, new, self.prompt, held),)), *decodes)


@dataclass(frozen=True, slots=True)
class MixedBatch:
    """A chunk of one prompt and the decodes of `batch` sequences in one pass (chunked prefill).

    Parameters
    ----------
    chunk : Real
        Prompt tokens in the pass.
    chunk_context : Real
        Tokens of that prompt done before.
    batch, context : Real
        As in `Decode`, and so is `kv_keep`.
    """

    phase: ClassVar[str] = "mixed"

    chunk: Real = 512.0
    chunk_context: Real = 0.0
    batch: Real = 32.0
    context: Real = 2048.0
    kv_keep: Real | None = None

    def __post_init__(self) -> None:
        _real(self, "chunk", "chunk_context", "batch", "context", "kv_keep")

    def passes(self) -> tuple[Pass, ...]:
        prompt = Sequences(1.0, self.chunk, self.chunk_context + self.chunk)
        return (Pass("mixed", (prompt, Sequences(self.batch, 1.0, self.context + 1.0, decoding=True, keep=self.kv_keep))),)


@dataclass(frozen=True, slots=True)
class Images:
    """A batch of images through a vision model.

    Parameters
    ----------
    batch : float or array of shape (designs,)
        Images.
    """

    phase: ClassVar[str] = "images"

    batch: Real = 1.0

    def __post_init__(self) -> None:
        _real(self, "batch")

    def passes(self) -> tuple[Pass, ...]:
        return (Pass("images", (Sequences(self.batch, 1.0, 1.0),)),)


@dataclass(frozen=True, slots=True)
class Diffusion:
    """A batch of images out of noise: `steps` passes through the denoiser, one after another.

    Guidance without a classifier evaluates each image twice a step: ask for twice the batch.

    Parameters
    ----------
    batch, steps : float or array of shape (designs,)
        Images, and denoising steps.
    """

    phase: ClassVar[str] = "diffusion"

    batch: Real = 1.0
    steps: Real = 50.0

    def __post_init__(self) -> None:
        _real(self, "batch", "steps")

    def passes(self) -> tuple[Pass, ...]:
        return (Pass("diffusion", (Sequences(self.batch, 1.0, 1.0),), self.steps),)


@dataclass(frozen=True, slots=True)
class Samples:
    """A batch of independent samples through a model that has no sequence: requests to rank, points of a field.

    Parameters
    ----------
    batch : float or array of shape (designs,)
        Samples.
    """

    phase: ClassVar[str] = "samples"

    batch: Real = 1.0

    def __post_init__(self) -> None:
        _real(self, "batch")

    def passes(self) -> tuple[Pass, ...]:
        return (Pass("samples", (Sequences(self.batch, 1.0, 1.0),)),)


@dataclass(frozen=True, slots=True)
class Train:
    """One step of training: forward and backward over a batch in micro-batches, an exchange of gradients, an update.

    Every size is a number, so that any may be a column.

    Parameters
    ----------
    batch, sequence : float or array of shape (designs,)
        Sequences of a step over all replicas, and tokens of each.
    micro_batch : float or array of shape (designs,)
        Sequences that a replica takes through the model at once.
    zero : float or array of shape (designs,)
        What replicas part among them: 0 nothing, 1 the optimizer's states, 2 gradients as well, 3 weights as well (ZeRO).
    recompute : float or array of shape (designs,)
        Share of the layers whose activations are computed again in the backward pass instead of being kept, but for their input.
    interleave : float or array of shape (designs,)
        Stretches of layers that each stage of the pipeline has, in turn with the others.
    sequence_parallel : float or array of shape (designs,)
        1 where the chips of tensor parallelism also share what they would keep alike, 0 where each keeps all of it.
    hidden_exchange : float or array of shape (designs,)
        Share of what replicas exchange that may run beside computing, as far as that lasts.
    gradient_byte, optimizer_byte : float or array of shape (designs,)
        For each weight: 2 or 4 of its gradient; of the optimizer 12 for Adam (a 32-bit weight, momentum, variance), 6 with 8-bit states.
    """

    phase: ClassVar[str] = "train"

    batch: Real = 512.0
    sequence: Real = 2048.0
    micro_batch: Real = 1.0
    zero: Real = 0.0
    recompute: Real = 0.0
    interleave: Real = 1.0
    sequence_parallel: Real = 0.0
    hidden_exchange: Real = 0.0
    gradient_byte: Real = 2.0
    optimizer_byte: Real = 12.0

    def __post_init__(self) -> None:
        _real(self, *(f.name for f in fields(self)))

    def passes(self) -> tuple[Pass, ...]:
        """All micro-batches, whose every token is scored, and the update behind them."""
        sequences = (Sequences(self.batch, self.sequence, self.sequence, emitted=self.sequence),)
        return Pass("train", sequences), Pass("update", sequences)


Scenario = Prefill | Decode | Inference | MixedBatch | Images | Diffusion | Samples | Train
SCENARIOS: dict[str, type[Scenario]] = {s.phase: s for s in (Prefill, Decode, Inference, MixedBatch, Images, Diffusion, Samples, Train)}
"""Phase -> what it asks."""
