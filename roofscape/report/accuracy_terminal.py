"""A validation in the terminal: classes, groups, what has no score, and where predictions are worst."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table
from rich.text import Text

from roofscape.report.terminal import console
from simulator.validation.scores import FEW_ROWS

WORST = 8
METRICS = ("rows", "mape", "median", "|ln|", "bias", "rank", "in 90 %", "width")


def show_validation(found: Mapping[str, Any]) -> None:
    """Headline, groups, the worst of them, and rows without a score.

    Parameters
    ----------
    found : mapping
        `simulator.validation.document.document`.
    """
    out, rows = console(), found["rows"]
    if found["groups"]:
        out.print(_groups("Groups", sorted(found["groups"], key=lambda g: (g["op"], g["device"], g["source"], g["dtype"]))))
        large = [g for g in found["groups"] if g["rows"] >= FEW_ROWS]
        if len(large) > WORST:
            out.print()
            out.print(_groups("Worst groups", sorted(large, key=lambda g: -g["mean_abs_log"])[:WORST]))
        out.print()
        out.print(_classes(found["headline"]))
    if found["unscored"]:
        out.print()
        out.print(_unscored(found["unscored"]))
    for f in found["fitted"]:
        out.print(Text(f"fitted: {f['what']} {f['value']:.4g}, on {f['rows']} rows of {f['source']} on {f['device']}, which are not scored"))
    for note in found["notes"]:
        out.print(Text(f"note: {note}", style="yellow"))
    out.print(Text(f"\n{rows['scored']:,} rows scored, {rows['unscored']:,} not", style="bold"))


def _grid(title: str, left: Sequence[str], right: Sequence[str]) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", header_style="bold", box=None, pad_edge=False)
    for name in left:
        table.add_column(name, overflow="fold")
    for name in right:
        table.add_column(name, justify="right", no_wrap=True)
    return table


def _classes(headline: Mapping[str, Mapping[str, Any]]) -> Table:
    """The mean over the groups of each class."""
    table = _grid(f"Mean over groups of {FEW_ROWS} rows or more", ("class",), ("groups", "rows", "mape", "|ln|", "bias", "rank", "in 90 %", "width"))
    for name, h in headline.items():
        figures = (
            f"{h['groups']}",
            f"{h['rows']:,}",
            share(h["mape"]),
            share(h["mean_abs_log"]),
            signed(h["bias"]),
            plain(h["spearman"]),
            share(h["coverage90"]),
            times(h["width90"]),
        )
        table.add_row(name, *figures, style="dim" if h["few_rows"] else "")
    return table


def _groups(title: str, groups: Sequence[Mapping[str, Any]]) -> Table:
    """A row a group; those of few rows dimmed, since no mean counts them."""
    table = _grid(title, ("device", "source", "op", "dtype", "kernel"), METRICS)
    for g in groups:
        names = [Text(str(g[k] or "")) for k in ("device", "source", "op", "dtype", "kernel")]
        figures = [f"{g['rows']:,}", share(g["mape"]), share(g["median_ape"]), share(g["mean_abs_log"])]
        figures += [signed(g["bias"]), plain(g["spearman"]), share(g["coverage90"]), times(g["width90"])]
        table.add_row(*names, *figures, style="dim" if g["rows"] < FEW_ROWS else "")
    return table


def _unscored(unscored: Sequence[Mapping[str, Any]]) -> Table:
    table = Table(title="Without a score", title_justify="left", title_style="bold", header_style="bold", box=None, pad_edge=False)
    table.add_column("rows", justify="right")
    table.add_column("file")
    table.add_column("reason", overflow="fold")
    for u in unscored:
        table.add_row(f"{u['rows']:,}", Text(u["file"]), Text(u["reason"]))
    return table


def share(value: float | None) -> str:
    """A fraction as percent; a dash where it is not defined."""
    return "-" if value is None else f"{100.0 * value:.1f} %"


def signed(value: float | None) -> str:
    """A fraction as percent, with its sign."""
    return "-" if value is None else f"{100.0 * value:+.1f} %"


def plain(value: float | None) -> str:
    """A number between minus one and one."""
    return "-" if value is None else f"{value:.3f}"


def times(value: float | None) -> str:
    """A ratio: the width of an interval, high over low."""
    return "-" if value is None else f"{value:.2f}x"
