"""Progress of what may take over a second: a bar on the terminal's error stream, nothing where that is no terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")


def track(items: Sequence[T], what: str) -> Iterator[T]:
    """The items one by one, with a bar that tells how far it is and disappears when all are done.

    Parameters
    ----------
    items : sequence
    what : str
        What is being done, for the bar's label.
    """
    if len(items) < 2 or not sys.stderr.isatty():
        yield from items
        return
    from rich.console import Console
    from rich.progress import track as bar

    yield from bar(items, what, console=Console(stderr=True), transient=True)
