"""Where weights and caches are asked to lie, behind main memory: by kind, a tier and a share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from magnitudes.arrays import Real
from magnitudes.errors import InputError
from magnitudes.names import nearest, normal

KINDS = {"weights": "weight", "weight": "weight", "kv": "state", "state": "state"}


@dataclass(frozen=True, slots=True)
class Portion:
    """A share of a kind of data in a tier: all of it, if not said."""

    tier: str
    share: Real = 1.0


@dataclass(frozen=True, slots=True)
class Offload:
    """What lies behind main memory, whatever room there is in front.

    Parameters
    ----------
    weight, state : Portion, optional
        Of the weights, and of the keys and values. None: in main memory.
    """

    weight: Portion | None = None
    state: Portion | None = None

    FORM: ClassVar[str] = "weights=TIER,kv=TIER, each with a share if not all: weights=host:0.5"

    @classmethod
    def read(cls, text: str) -> Offload:
        """From ``weights=host:0.5,kv=ssd``.

        Raises
        ------
        InputError
        """
        found: dict[str, Portion] = {}
        for part in text.split(","):
            kind, equals, where = (p.strip() for p in part.partition("="))
            if not equals or not where:
                raise InputError(f"offload {part!r} should be such as {cls.FORM}")
            if kind not in KINDS:
                near = nearest(kind, KINDS)
                raise InputError(f"offload of {kind!r}{f'; did you mean {near[0]}?' if near else ''} (known: weights, kv)")
            if KINDS[kind] in found:
                raise InputError(f"offload names {kind} twice; give one tier, and a share if not all: {kind}=host:0.5")
            tier, _, share = where.partition(":")
            found[KINDS[kind]] = Portion(tier, _share(share, part) if share else 1.0)
        return cls(found.get("weight"), found.get("state"))

    def share(self, kind: str, tier: str) -> Real:
        """Share of a kind (``weight`` or ``state``) that lies in a tier."""
        portion = self.weight if kind == "weight" else self.state
        return portion.share if portion is not None and portion.tier == tier else 0.0

    def within(self, tiers: tuple[str, ...], chip: str) -> Offload:
        """The same with the tiers by their names.

        Raises
        ------
        InputError
            If one is not behind main memory, or its share is no share.
        """
        return Offload(self._found(self.weight, tiers, chip), self._found(self.state, tiers, chip))

    @staticmethod
    def _found(portion: Portion | None, tiers: tuple[str, ...], chip: str) -> Portion | None:
        if portion is None:
            return None
        known = {normal(t): t for t in tiers}
        if normal(portion.tier) not in known:
            near = nearest(portion.tier, tiers)
            hint = f"; did you mean {near[0]}?" if near else ""
            there = (
                f"there {'is' if len(tiers) == 1 else 'are'} {', '.join(tiers)}" if tiers else "there is none; take a machine that has one, such as a100-ssd"
            )
            raise InputError(f"{chip} has no tier {portion.tier!r} free behind its main memory{hint} ({there})")
        return Portion(known[normal(portion.tier)], portion.share)


def _share(text: str, part: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = -1.0
    if not 0.0 <= share <= 1.0:
        raise InputError(f"offload {part!r}: the share should be from 0 to 1, such as 0.5")
    return share
