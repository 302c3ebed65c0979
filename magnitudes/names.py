"""Names that people type: how they are compared, and what to say when none fits."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterable, Sequence

from magnitudes.errors import InputError


class NameMiss(InputError):  # noqa: N818 - what it is, as LookupError's kin read
    """A name that is not known, with those that come near."""

    def __init__(self, kind: str, name: str, near: Sequence[str], remedy: str = "") -> None:
        super().__init__(name)
        self.kind, self.name, self.near, self.remedy = kind, name, tuple(near), remedy

    def __str__(self) -> str:
        hint = f"; did you mean {' or '.join(self.near)}?" if self.near else ""
        return f"unknown {self.kind} {self.name!r}{hint}" + (f" {self.remedy}" if self.remedy else "")


_ARTICLE = re.compile(r"^(an?|the)\s+", re.IGNORECASE)
_WORD = re.compile(r"[a-z]+(?=[0-9])|[a-z0-9.]+")  # letters stand apart from a number behind them


def normal(name: str) -> str:
    """A name without case, punctuation and spaces."""
    return re.sub(r"[^a-z0-9.]", "", name.lower())


def nearest(name: str, known: Iterable[str], count: int = 3) -> list[str]:
    """The known names that come nearest to what was typed."""
    by_normal = {normal(k): k for k in known}
    return [by_normal[n] for n in difflib.get_close_matches(normal(name), by_normal, n=count, cutoff=0.55)]


def check_known(kind: str, name: str, known: Collection[str]) -> None:
    """Refuse a name that is none of those known.

    Raises
    ------
    NameMiss
        With the near matches, and all that are known.
    """
    if name not in known:
        raise NameMiss(kind, name, nearest(name, known), f"(known: {', '.join(known)})")


def family(name: str, known: Iterable[str]) -> list[str]:
    """The known names that begin with what was typed, word by word; if none does, those that have it inside.

    ``gemma 2`` means gemma-2-9b and gemma-2-27b, and not gemma-2b; ``R1`` means deepseek-r1. Where the first generation carries no
    number (llama-7b), ``Llama 1`` means those of its names that go on with a size.
    """
    typed, names = _words(name), {k: _words(k) for k in known}
    if not typed:
        return []
    first = [k for k, words in names.items() if words[: len(typed)] == typed]
    unnumbered = [typed[0], *typed[2:]] if typed[1:2] == ["1"] else []
    if not first and unnumbered:
        first = [k for k, words in names.items() if words[: len(unnumbered)] == unnumbered and re.fullmatch(r"[0-9.]+[mb]", words[1])]
    return first or [k for k, words in names.items() if any(words[i : i + len(typed)] == typed for i in range(len(words)))]


def kin(name: str, known: Iterable[str], count: int = 8) -> list[str]:
    """What to offer for a name that is not known: its family, at most `count` of it, or else what comes nearest."""
    names = list(known)
    return family(name, names)[:count] or nearest(name, names)


def _words(name: str) -> list[str]:
    return _WORD.findall(_ARTICLE.sub("", name).lower())
