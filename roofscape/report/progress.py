"""A progress bar on the error stream of a terminal, for work that lasts longer than a second."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")

PATIENCE_S = 1.0


@contextmanager
def progress_bar(title: str) -> Iterator[Callable[[int, int, str], None]]:
    """A function to tell how far work is: ``(done, of, what is next)``. Nothing is shown of work that is done in a second, or without a terminal.

    Parameters
    ----------
    title : str
        What is going on.
    """
    from rich.console import Console  # after the answer to --help
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn(title), BarColumn(), TextColumn("{task.completed:g}/{task.total:g} {task.description}"), TimeElapsedColumn())
    bar = Progress(*columns, console=Console(stderr=True), transient=True, disable=not Console(stderr=True).is_terminal)
    task = bar.add_task("", total=1)
    waiting = threading.Timer(PATIENCE_S, bar.start)
    waiting.daemon = True
    waiting.start()
    try:
        yield lambda done, of, what: bar.update(task, completed=done, total=of, description=what)
    finally:
        waiting.cancel()
        waiting.join()
        bar.stop()


def track(items: Sequence[T], what: str) -> Iterator[T]:
    """The items one by one, with a bar that tells how far it is.

    Parameters
    ----------
    items : sequence
    what : str
        What is being done.
    """
    with progress_bar(what) as tell:
        for done, item in enumerate(items):
            tell(done, len(items), "")
            yield item
