"""Names that people type: how they are compared, and what to say when none fits."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence

from magnitudes.errors import InputError


class NameMiss(InputError):  # noqa: N818 - what it is, as LookupError's kin read
    """A name that is not known, with those that come near."""

    def __init__(self, kind: str, name: str, near: Sequence[str], remedy: str = "") -> None:
        super().__init__(name)
        self.kind, self.name, self.near, self.remedy = kind, name, tuple(near), remedy

    def __str__(self) -> str:
        hint = f"; did you mean {' or '.join(self.near)}?" if self.near else ""
        return f"unknown {self.kind} {self.name!r}{hint}" + (f" {self.remedy}" if self.remedy else "")


def normal(name: str) -> str:
    """A name without case, punctuation and spaces."""
    return re.sub(r"[^a-z0-9.]", "", name.lower())


def nearest(name: str, known: Iterable[str], count: int = 3) -> list[str]:
    """The known names that come nearest to what was typed."""
    by_normal = {normal(k): k for k in known}
    return [by_normal[n] for n in difflib.get_close_matches(normal(name), by_normal, n=count, cutoff=0.55)]
