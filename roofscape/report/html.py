"""Pieces of a page as text: nothing but strings in, nothing but escaped HTML out."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any


def element(tag: str, content: str = "", **attributes: str) -> str:
    """An element around content that is HTML already; ``class_`` and ``data_x`` spell ``class`` and ``data-x``."""
    written = "".join(f' {name.rstrip("_").replace("_", "-")}="{escape(value)}"' for name, value in attributes.items())
    return f"<{tag}{written}>{content}</{tag}>"


def text(tag: str, words: str, **attributes: str) -> str:
    """An element around plain words."""
    return element(tag, escape(words), **attributes)


def table(columns: Sequence[str], rows: Sequence[Sequence[str]], numeric: Sequence[int] = (), **attributes: str) -> str:
    """A table of plain words; columns that are `numeric` stand flush right. It scrolls sideways where the screen is narrow."""
    kind = {i: {"class_": "number"} for i in numeric}
    head = "".join(text("th", c, **kind.get(i, {})) for i, c in enumerate(columns))
    body = "".join(element("tr", "".join(text("td", cell, **kind.get(i, {})) for i, cell in enumerate(r))) for r in rows)
    inner = element("table", element("thead", element("tr", head)) + element("tbody", body), **attributes)
    return element("div", inner, class_="scroll")


def section(title: str, content: str, note: str = "", **attributes: str) -> str:
    """A part of the page with its title, and a line that says how to read it."""
    words = text("p", note, class_="note") if note else ""
    return element("section", text("h3", title) + words + content, **attributes)


def embedded(name: str, data: Mapping[str, Any] | Sequence[Any]) -> str:
    """Data for the page's script; no text in it can end the element."""
    plain = json.dumps(data, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")
    return f'<script type="application/json" id="{name}">{plain}</script>'
