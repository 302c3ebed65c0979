"""A pass through a model: groups of equal sequences. Any number may be a column."""

from __future__ import annotations

from dataclasses import dataclass

from magnitudes.arrays import Real, maximum, minimum


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
    keep : Real, optional
        Tokens of each that the cache keeps at most, the others being evicted.
    emitted : Real, optional
        Tokens that a pass is expected to yield of each, where it verifies `new` tokens of a draft.
    """

    batch: Real
    new: Real
    length: Real
    last: Real | None = None
    decoding: bool = False
    prompt: Real | None = None
    keep: Real | None = None
    emitted: Real | None = None

    @property
    def held(self) -> Real:
        """Tokens of each that the cache must have room for."""
        held = self.length if self.last is None else self.last
        return held if self.keep is None else minimum(held, self.keep)

    @property
    def reach(self) -> Real:
        """Tokens of each that may be attended to: all, or those that the cache keeps (the new ones among them)."""
        return self.length if self.keep is None else minimum(self.length, maximum(self.keep, self.new))

    @property
    def scored(self) -> Real:
        """Tokens of all sequences that pass the output head: the last of each, or all that are verified."""
        return self.batch if self.emitted is None else self.batch * self.new

    @property
    def yielded(self) -> Real:
        """Tokens that a pass yields of each sequence."""
        return self.new if self.emitted is None else self.emitted


@dataclass(frozen=True, slots=True)
class Pass:
    """One pass through the model.

    Parameters
    ----------
    phase : str
        ``prefill``, ``decode``, ``mixed``, ``images``, ``diffusion``, ``samples``, ``train`` or ``update``.
    groups : tuple of Sequences
    repeats : Real
        How often the scenario runs such a pass.
    """

    phase: str
    groups: tuple[Sequences, ...]
    repeats: Real = 1.0
