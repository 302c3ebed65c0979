"""A published result as data, and what becomes of it when it is asked of our model.

A claim says what was published, where, how sure that number is, how near ours should come, and what kind of answer ours is:

- ``prediction``: from the system's and the workload's parameters alone;
- ``fit``: with `latents`, constants that nobody publishes and that were chosen so that this or other claims of the system come out;
- ``bound``: a limit that the published value keeps.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from magnitudes.arrays import Real
from roofscape.reproductions.shared import NoData, Shared

KINDS = ("prediction", "fit", "bound")
CONFIDENCES = {
    "Q": "read in the paper's text or tables",
    "Qn": "read in close notes of the paper",
    "A": "taken from the authors' artifact or data",
    "S": "from the abstract",
    "D": "derived from the others by arithmetic",
    "M+": "from secondary sources, fairly sure",
    "M": "from secondary sources, plausible",
    "M-": "from secondary sources, weak",
}
LIMITS = ("ceiling", "floor")


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How far ours may be from what was published.

    Parameters
    ----------
    amount : float
    absolute : bool
        Whether `amount` is in the claim's own unit instead of a share of the published value.
    """

    amount: float
    absolute: bool = False

    def __str__(self) -> str:
        return f"{self.amount:g}" if self.absolute else f"{100 * self.amount:g} %"


def within(share: float) -> Tolerance:
    """A tolerance relative to the published value: ``within(0.01)`` is a hundredth."""
    return Tolerance(share)


def points(amount: float) -> Tolerance:
    """A tolerance in the claim's own unit."""
    return Tolerance(amount, absolute=True)


@dataclass(frozen=True, slots=True)
class Span:
    """A published range: both ends belong to it."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Found:
    """Our value, with what a reader should know of how it came about."""

    value: float
    note: str = ""


def number(value: Real) -> float:
    """A figure of one design as a plain number."""
    assert isinstance(value, float | int)
    return float(value)


@dataclass(frozen=True, slots=True)
class Claim:
    """One published result of a system.

    Parameters
    ----------
    system : str
        Name in `roofscape.reproductions.SYSTEMS`.
    claim : str
        What was published, in few words; unique in its system.
    published : float or Span
        The value in `unit`, or a range that ours should lie in.
    unit : str
        ``x`` for a ratio, ``%``, ``s``, ``GB`` and so on; empty for a count.
    where : str
        Work, and table, figure or section.
    confidence : str
        A key of `CONFIDENCES`.
    tolerance : Tolerance
    kind : str
        One of `KINDS`.
    ours : callable
        ``(Shared) -> float or Found`` in `unit`. It configures the simulator; a formula of its own would be a law that is missing there.
    latents : tuple of str
        Constants that were fitted; a fit names them, nothing else has any.
    limit : str
        Of a bound: ``ceiling`` where the published value may not exceed ours, ``floor`` where it may not be less. The tolerance says by how much it may.
    reach : float
        Of a bound: the least share of the limit that the published value comes to (of a floor: that the limit comes to of it). Zero: any.
    needs : tuple of str
        Tables in the shared data without which it cannot be answered.
    remark : str
        What a reader should know; why it misses, where it does.
    """

    system: str
    claim: str
    published: float | Span
    unit: str
    where: str
    confidence: str
    tolerance: Tolerance
    kind: str
    ours: Callable[[Shared], float | Found]
    latents: tuple[str, ...] = ()
    limit: str = ""
    reach: float = 0.0
    needs: tuple[str, ...] = ()
    remark: str = ""

    def __post_init__(self) -> None:
        wrong = list(_mistakes(self))
        if wrong:
            raise ValueError(f"{self.system}: {self.claim}: {'; '.join(wrong)}")


def _mistakes(c: Claim) -> list[str]:
    """What contradicts itself in a claim."""
    found = []
    if c.kind not in KINDS:
        found.append(f"kind {c.kind!r} is none of {', '.join(KINDS)}")
    if c.confidence not in CONFIDENCES:
        found.append(f"confidence {c.confidence!r} is none of {', '.join(CONFIDENCES)}")
    if (c.kind == "fit") != bool(c.latents):
        found.append("a fit names its latents, and only a fit has any")
    if (c.kind == "bound") != (c.limit in LIMITS):
        found.append(f"a bound says which limit it is ({' or '.join(LIMITS)}), and only a bound does")
    if not c.where or not c.claim:
        found.append("says neither what was published nor where")
    if isinstance(c.published, Span) and (c.kind == "bound" or not c.published.low <= c.published.high):
        found.append("a range goes from low to high, and a bound is of one value")
    return found


@dataclass(frozen=True, slots=True)
class Outcome:
    """A claim and what our model says to it.

    Parameters
    ----------
    claim : Claim
    ours : float, optional
        None where it could not be asked.
    error : float, optional
        ``ours / published - 1``, or ``ours - published`` where the tolerance is absolute; against the nearer end of a range, zero inside.
    passed : bool, optional
        None where it could not be asked.
    note : str
        Why it misses or was skipped; else what a reader should know.
    """

    claim: Claim
    ours: float | None
    error: float | None
    passed: bool | None
    note: str

    def to_dict(self) -> dict[str, Any]:
        """The documented keys of ``roofscape reproduce --json``."""
        c, p = self.claim, self.claim.published
        return {
            "system": c.system, "claim": c.claim, "published": [p.low, p.high] if isinstance(p, Span) else p, "ours": self.ours, "error": self.error,
            "kind": c.kind, "pass": self.passed, "note": self.note, "unit": c.unit, "where": c.where, "confidence": c.confidence,
            "tolerance": c.tolerance.amount, "absolute": c.tolerance.absolute, "latents": list(c.latents), "limit": c.limit or None,
        }  # fmt: skip


def outcome(claim: Claim, shared: Shared) -> Outcome:
    """Ask our model for a claim."""
    missing = [name for name in claim.needs if not shared.has(name)]
    if missing:
        return Outcome(claim, None, None, None, f"skipped: {NoData(missing[0], shared.folder)}")
    found = claim.ours(shared)
    ours, note = (found.value, found.note) if isinstance(found, Found) else (float(found), "")
    error = _error(claim, ours)
    passed = _keeps(claim, ours) if claim.kind == "bound" else abs(error) <= claim.tolerance.amount
    words = [note, claim.remark] if passed else [_miss(claim, error), note, claim.remark]
    return Outcome(claim, ours, error, passed, "; ".join(w for w in words if w))


def _error(claim: Claim, ours: float) -> float:
    """How far ours is off."""
    p = claim.published
    target = min(max(ours, p.low), p.high) if isinstance(p, Span) else p
    if claim.tolerance.absolute:
        return ours - target
    return ours / target - 1.0 if target else (0.0 if ours == 0.0 else float("inf"))


def _keeps(claim: Claim, ours: float) -> bool:
    """Whether the published value keeps a limit, and comes as near to it as it should."""
    assert isinstance(claim.published, float | int)
    low, high = (claim.published, ours) if claim.limit == "ceiling" else (ours, claim.published)
    slack = claim.tolerance.amount if claim.tolerance.absolute else claim.tolerance.amount * high
    return low <= high + slack and low >= claim.reach * high


def _miss(claim: Claim, error: float) -> str:
    """By how much a claim misses."""
    if claim.kind == "bound":
        far = f", or is further from it than {claim.reach:g} times" if claim.reach else ""
        return f"misses: the published value does not keep our {claim.limit}{far}"
    off = f"{error:+.3g} {claim.unit}".rstrip() if claim.tolerance.absolute else f"{error:+.1%}"
    return f"misses: off by {off}, tolerance {claim.tolerance}"
