"""What a page is about besides its numbers: the question behind a design, and where the machine's values come from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from explorers.question import Question


@dataclass(frozen=True)
class Subject:
    """One design's question and its machine's name.

    Parameters
    ----------
    ask : callable
        Makes the question, when it is wanted: of a thousand designs a page opens only a few.
    on : str
        The machine as it was named: a catalogue name, ``8xNAME`` or the path of a YAML file.
    """

    ask: Callable[[], Question]
    on: str

    @cached_property
    def question(self) -> Question:
        """The question behind the design."""
        return self.ask()
