"""How those whose tables we know have measured: what their tables leave to the README."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Source:
    """A benchmark's habits.

    Parameters
    ----------
    timing : str
        ``kernel``, ``graph`` or ``eager``, where a table has no column `timing`.
    weight_copies : float
        Copies of the weights that it takes in turn, so that caches do not flatter it.
    """

    timing: str
    weight_copies: float = 1.0


USUAL = Source("graph")
# aiconfigurator replays graphs over up to 6 copies; Vidur reads a profiler; NeuSight and LLMCompass time eager calls; DeepBench calls back to back.
SOURCES = {
    "aiconfigurator": Source("graph", 6.0),
    "aic": Source("graph", 6.0),
    "vidur": Source("kernel"),
    "neusight": Source("eager"),
    "llmcompass": Source("eager"),
    "splitwise": Source("eager"),
    "deepbench": Source("graph"),
}


def source_of(name: str) -> Source:
    """The habits behind a source's name, or a file's that begins with it; the usual ones where nobody knows it."""
    key = name.lower()
    return next((habits for known, habits in SOURCES.items() if key.startswith(known)), USUAL)
