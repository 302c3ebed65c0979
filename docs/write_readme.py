"""Writes the outputs that the README shows anew: what follows each ``<!-- output: COMMAND -->`` is what the command prints now.

python docs/write_readme.py
"""

from __future__ import annotations

import io
import re
import shlex
from contextlib import redirect_stdout
from pathlib import Path

from roofscape.cli import main

README = Path(__file__).parent.parent / "README.md"
SHOWN = re.compile(r"(<!-- output: roofscape (?P<command>.*?) -->\n```\n)(?P<text>.*?)(```\n)", re.DOTALL)


def output_of(command: str) -> str:
    """What a roofscape command prints, without blanks at line ends."""
    text = io.StringIO()
    with redirect_stdout(text):
        code = main(shlex.split(command))
    assert code == 0, command
    return "\n".join(line.rstrip() for line in text.getvalue().strip().splitlines()) + "\n"


def filled(text: str) -> str:
    """The README with each output as it is now."""
    return SHOWN.sub(lambda m: m[1] + output_of(m["command"]) + m[4], text)


if __name__ == "__main__":
    README.write_text(filled(README.read_text(encoding="utf-8")), encoding="utf-8")
