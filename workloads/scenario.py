"""What is asked of a model: one pass or many, over which sequences.

A scenario becomes passes; a pass is groups of equal sequences. Any number may be a column.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from magnitudes.arrays import Real, as_real


@dataclass(frozen=True, slots=True)
class Sequences:
    """`batch` sequences with `new` tokens each, of `length` tokens in all (the new ones included).

    Parameters
    ----------
    batch, new, length : Real
    last : Real, optional
        Tokens of each when the scenario ends, which the cache must hold; `length`, if not said.
    decoding : bool
        Whether `new` is one by design: a kernel for single queries serves them.
    prompt : Real, optional
        Tokens of `length` that came with the request, where the others were generated: what an encoder has seen.
    """

    batch: Real
    new: Real
    length: Real
    last: Real | None = None
    decoding: bool = False
    prompt: Real | None = None

    @property
    def held(self) -> Real:
        """Tokens of each that the cache must have room for."""
        return self.length if self.last is None else self.last


@dataclass(frozen=True, slots=True)
class Pass:
    """One pass through the model.

    Parameters
    ----------
    phase : str
        ``prefill``, ``decode``, ``mixed``, ``images``, ``diffusion`` or ``samples``.
    groups : tuple of Sequences
    repeats : Real
        How often the scenario runs such a pass.
    """

    phase: str
    groups: tuple[Sequences, ...]
    repeats: Real = 1.0


def _real(scenario: object, *names: str) -> None:
    """Cast the sizes of a new scenario to reader types."""
    for name in names:
        object.__setattr__(scenario, name, as_real(getattr(scenario, name)))


@dataclass(frozen=True, slots=True)
class Prefill:
    """All tokens of `batch` prompts in one pass (an encoder's forward pass, too).

    Parameters
    ----------
    batch, prompt : float or array of shape (designs,)
        Sequences, and tokens of each.
    """

    phase: ClassVar[str] = "prefill"

    batch: Real = 1.0
    prompt: Real = 2048.0

    def __post_init__(self) -> None:
        _real(self, "batch", "prompt")

    def passes(self) -> tuple[Pass, ...]:
        return (Pass("prefill", (Sequences(self.batch, self.prompt, self.prompt),)),)


@dataclass(frozen=True, slots=True)
class Decode:
    """One new token for each of `batch` sequences that have `context` tokens before it.

    Parameters
    ----------
    batch, context : float or array of shape (designs,)
        Sequences, and tokens that the cache holds of each before the step.
    """

    phase: ClassVar[str] = "decode"

    batch: Real = 1.0
    context: Real = 2048.0

    def __post_init__(self) -> None:
        _real(self, "batch", "context")

    def passes(self) -> tuple[Pass, ...]:
        return (Pass("decode", (Sequences(self.batch, 1.0, self.context + 1.0, decoding=True),)),)


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
    """

    phase: ClassVar[str] = "inference"

    batch: Real = 1.0
    prompt: Real = 2048.0
    output: Real = 512.0

    def __post_init__(self) -> None:
        _real(self, "batch", "prompt", "output")

    def passes(self) -> tuple[Pass, ...]:
        """The prefill, and decode passes at three contexts that stand for all (their repeats add to ``output - 1``).

        Step `i` of the `n` decode steps reads ``prompt + i`` tokens; a sum over whole `i` is the integral from 1/2 to ``n + 1/2``.
        """
        steps = self.output - 1.0
        last = self.prompt + steps
        contexts = ((self.prompt + 0.5 + node * steps, weight * steps) for node, weight in _NODES)
        decodes = (Pass("decode", (Sequences(self.batch, 1.0, length, last, decoding=True, prompt=self.prompt),), repeats) for length, repeats in contexts)
        return (Pass("prefill", (Sequences(self.batch, self.prompt, self.prompt),)), *decodes)


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
        As in `Decode`.
    """

    phase: ClassVar[str] = "mixed"

    chunk: Real = 512.0
    chunk_context: Real = 0.0
    batch: Real = 32.0
    context: Real = 2048.0

    def __post_init__(self) -> None:
        _real(self, "chunk", "chunk_context", "batch", "context")

    def passes(self) -> tuple[Pass, ...]:
        prompt = Sequences(1.0, self.chunk, self.chunk_context + self.chunk)
        return (Pass("mixed", (prompt, Sequences(self.batch, 1.0, self.context + 1.0, decoding=True))),)


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


Scenario = Prefill | Decode | Inference | MixedBatch | Images | Diffusion | Samples
