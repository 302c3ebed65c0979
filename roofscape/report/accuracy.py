"""The page of a validation: predictions beside measurements, where they are off, and what the worst of them are made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from magnitudes.units import show
from roofscape import __version__
from roofscape.report.accuracy_terminal import plain, share, signed, times
from roofscape.report.figures.accuracy import label, parity_figure, residual_figure
from roofscape.report.html import element, section, table, text
from roofscape.report.page import Store, whole
from simulator.validation.dimensions import MEANINGS
from simulator.validation.document import document
from simulator.validation.run import Validation, breakdown
from simulator.validation.scores import FEW_ROWS

if TYPE_CHECKING:
    import pandas as pd

DRAWN = 4000  # points of a figure at most: the page stays under 6 MB
WORST_GROUPS, WORST_PARTS = 15, 4  # worst rows that are shown, one a group, and the parts of each
GROUP = ["file", "source", "device", "named", "dtype", "kernel"]


def accuracy_page(validation: Validation) -> str:
    """The page of a validation.

    Returns
    -------
    str
        HTML with everything inside, plotly.js included; under 6 MB however many rows were scored.
    """
    found, store = document(validation), Store()
    body = [_head(found)]
    if len(validation.frame):
        rows = drawn_rows(validation.frame)
        store.resources.update(str(b) for b in rows["bound"].unique())
        body += [_classes(found["headline"]), _figures(rows, len(validation.frame), store), _worst(validation), _groups(found["groups"])]
    if found["unscored"]:
        body.append(_unscored(found["unscored"]))
    body.append(text("footer", f"roofscape {__version__}. Errors are of predicted against measured time; no figure here was drawn by hand."))
    return whole("Predicted against measured", "\n".join(body), store)


def drawn_rows(frame: pd.DataFrame, limit: int = DRAWN) -> pd.DataFrame:
    """At most so many rows, evenly spread over every group, each with a label."""
    place, size = frame.groupby(GROUP, observed=True).cumcount(), frame.groupby(GROUP, observed=True)["measured_us"].transform("size")
    each = limit
    counts = frame.groupby(GROUP, observed=True).size().to_numpy()
    while each > 1 and np.minimum(counts, each).sum() > limit:
        each = each * 9 // 10
    step = np.maximum(1.0, size.to_numpy() / each)
    kept: pd.DataFrame = frame[np.floor(place / step).to_numpy() > np.floor((place - 1) / step).to_numpy()].iloc[:limit]
    labelled: pd.DataFrame = kept.assign(label=[label(row) for row in kept.itertuples()])
    return labelled


def _head(found: Mapping[str, Any]) -> str:
    """What was validated, and what to know of it."""
    rows, how = found["rows"], found["options"]
    line = f"{rows['scored']:,} rows scored in {len(found['groups'])} groups, {rows['unscored']:,} not · {how['fidelity']} fidelity"
    line += f" · at most {how['sample']:,} rows of a group" if how["sample"] else ""
    remarks = [text("p", note, class_="remark") for note in found["notes"]]
    for f in found["fitted"]:
        words = f"fitted: {f['what']} {f['value']:.4g}, on {f['rows']} rows of {f['source']} on {f['device']}, which are not scored"
        remarks.append(text("p", words, class_="remark"))
    return element("header", text("h1", "Predicted against measured") + text("p", line, class_="faint") + "".join(remarks))


def _classes(headline: Mapping[str, Mapping[str, Any]]) -> str:
    """The mean over groups of each class."""
    columns = ["class", "groups", "rows", "MAPE", "mean |ln|", "bias", "rank", "in 90 %", "width"]
    rows = [[name, str(h["groups"]), f"{h['rows']:,}", *_figures_of(h)] for name, h in headline.items()]
    note = (
        f"Means over groups of {FEW_ROWS} rows or more; a class without such groups is the mean of its small ones. Mean |ln(predicted/measured)| beside "
        "MAPE, since MAPE forgives predictions that are too fast; bias below zero is too fast; rank is Spearman's correlation; width is the median of "
        "high over low of the 90 % intervals."
    )
    return section("By class of operators", table(columns, rows, numeric=range(1, 9)), note)


def _figures_of(scores: Mapping[str, Any]) -> list[str]:
    errors = [share(scores["mape"]), share(scores["mean_abs_log"]), signed(scores["bias"])]
    return [*errors, plain(scores["spearman"]), share(scores["coverage90"]), times(scores["width90"])]


def _figures(rows: pd.DataFrame, count: int, store: Store) -> str:
    """All points about one line, and how far off they are by size."""
    more = f" {len(rows):,} of {count:,} rows, evenly from every group." if len(rows) < count else ""
    note = f"Coloured by the resource that bounds the prediction; dotted lines are a factor of two.{more}"
    parity = section("Predicted against measured", store.figure(parity_figure(rows), "predicted against measured time of every row"), note)
    by_flop = store.figure(residual_figure(rows, "flop", "arithmetic of a call", "FLOP"), "predicted over measured time by arithmetic")
    by_byte = store.figure(residual_figure(rows, "byte", "compulsory traffic of a call", "B"), "predicted over measured time by bytes")
    sizes = element("div", element("div", by_flop) + element("div", by_byte), class_="pair")
    return parity + section("Residual against work", sizes, "Above one the prediction is too slow, below too fast; points further off lie on the edge.")


def _worst(validation: Validation) -> str:
    """The worst row of each of the worst groups, and what its prediction is made of."""
    frame = validation.frame
    error = np.abs(np.log(frame["predicted_us"].to_numpy(np.float64) / frame["measured_us"].to_numpy(np.float64)))
    by_group = frame.assign(error=error).groupby(GROUP, observed=True)["error"]
    worst = frame.loc[by_group.idxmax()].assign(mean=by_group.mean().to_numpy(), size=by_group.size().to_numpy())
    worst = worst[worst["size"] >= FEW_ROWS] if (worst["size"] >= FEW_ROWS).any() else worst
    worst = worst.sort_values("mean", ascending=False).iloc[:WORST_GROUPS]
    parts = breakdown(worst, validation)
    rows = [_worst_row(row, part) for row, part in zip(worst.to_dict("records"), parts, strict=True)]
    columns = ["operator", "machine", "dimensions", "measured", "predicted", "bound", "each resource alone would need"]
    note = f"The row that is furthest off in each of the {len(rows)} groups with the largest mean |ln|."
    return section("Worst rows", table(columns, rows, numeric=(3, 4)), note, class_="long")


def _worst_row(row: Mapping[Any, Any], parts: Mapping[str, float]) -> list[str]:
    sizes = ", ".join(f"{name} {row[name]:,g}" for name in MEANINGS if isinstance(row.get(name), float) and np.isfinite(row[name]) and name != "host_us")
    needs = sorted(parts.items(), key=lambda item: -item[1])[:WORST_PARTS]
    operator = f"{row['named']} {row['dtype']}" + (f" {row['kernel']}" if row["kernel"] else "")
    times = [show(row[name] * 1e-6, "s") for name in ("measured_us", "predicted_us")]
    return [operator, f"{row['device']} ({row['source']})", sizes, *times, str(row["bound"]), ", ".join(f"{n} {show(s, 's')}" for n, s in needs if s > 1e-9)]


def _groups(groups: Sequence[Mapping[str, Any]]) -> str:
    """Every group, folded away."""
    names = ["device", "source", "op", "dtype", "kernel"]
    ordered = sorted(groups, key=lambda g: -g["mean_abs_log"])
    rows = [[*(str(g[n] or "") for n in names), f"{g['rows']:,}", share(g["median_ape"]), *_figures_of(g)] for g in ordered]
    columns = [*names, "rows", "median", "MAPE", "mean |ln|", "bias", "rank", "in 90 %", "width"]
    inner = table(columns, rows, numeric=range(5, 13))
    return element("section", element("details", text("summary", f"All {len(groups)} groups, the worst first") + inner), class_="long")


def _unscored(unscored: Sequence[Mapping[str, Any]]) -> str:
    rows = [[f"{u['rows']:,}", u["file"], u["reason"]] for u in unscored]
    return section("Without a score", table(["rows", "file", "reason"], rows, numeric=(0,)))
