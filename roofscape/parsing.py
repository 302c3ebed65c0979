"""The parser of the command line: a word that is not known is refused with those that come near."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from typing import Any, NoReturn

CHOICE = re.compile(r"invalid choice: '([^']*)' \(choose from (.*)\)")


class Parser(argparse.ArgumentParser):
    """A parser whose refusals say what was near, below the usage of the command that was asked."""

    def parse_known_args(self, args: Sequence[str] | None = None, namespace: Any = None) -> Any:  # type: ignore[override]
        """The options of a command; what it does not know is refused here, where its own options are known."""
        found, unknown = super().parse_known_args(args, namespace)
        if unknown:
            self.error(f"unrecognized arguments: {' '.join(unknown)}")
        return found, unknown

    def error(self, message: str) -> NoReturn:
        """Refuse, with exit code 2."""
        from magnitudes.names import nearest

        choice, unknown = CHOICE.search(message), re.search(r"unrecognized arguments: (--[\w-]+)", message)
        near: list[str] = []
        if choice:
            near = nearest(choice[1], re.findall(r"[^\s',]+", choice[2]))
        elif unknown:
            near = nearest(unknown[1], [o for action in self._actions for o in action.option_strings if o.startswith("--")])
        super().error(message + (f"; did you mean {' or '.join(near)}?" if near else ""))
