"""A progress bar on the error stream of a terminal, for work that lasts longer than a second."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

PATIENCE_S = 1.0


@contextmanager
def progress_bar(title: str) -> Iterator[Callable[[int, int, str], None]]:
    """A function to tell how far work is: ``(done, of, what is next)``. Nothing is shown of work that is done in a second, or without a terminal.

    Parameters
    ----------
    title : str
        What is going on.
    """
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
