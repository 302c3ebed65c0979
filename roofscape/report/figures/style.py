"""What all figures share: a colour a resource, and a layout that lies on light and on dark paper alike."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import plotly.graph_objects as go

MAIN_MEMORY, CACHE, HOST, LINK = "#d9772f", "#c9a227", "#8d6e63", "#9467bd"
COLOURS = {"matrix": "#4477cc", "vector": "#2a9d8f", "launch": "#8a93a3", "latency": "#c2558f"}
KINDS = (
    (("hbm", "gddr", "lpddr", "ddr", "dram", "mcdram", "hmc", "memory", "bank"), MAIN_MEMORY),
    (("l1", "l2", "l3", "llc", "cache", "sram", "vmem", "cmem", "buffer", "infinity", "shared", "pmu", "sbuf", "tcm", "slc", "unified"), CACHE),
    (("host", "flash", "ssd", "nand", "disk"), HOST),
)  # fmt: skip
PURPOSES = {
    "weight_byte": ("weights", "#4477cc"), "gradient_byte": ("gradients", "#c2558f"), "optimizer_byte": ("optimizer", "#8d6e63"),
    "state_byte": ("keys and values", "#2a9d8f"),
    "activation_byte": ("activations", "#c9a227"), "workspace_byte": ("runtime", "#8a93a3"),
}  # fmt: skip
FREE = "rgba(138,147,163,0.22)"
FASTER, SLOWER = "#2a9d8f", "#c2558f"
FONT = {"family": "system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif", "size": 13}
TOP, BOTTOM = 6, 48  # pixels above and below the bars; below stand the ticks and the axis title
PREFIXES = {0: "", 3: "k", 6: "M", 9: "G", 12: "T", 15: "P", 18: "E", -3: "m", -6: "u", -9: "n", -12: "p"}


def colour_of(resource: str) -> str:
    """The colour of a resource that bounds: fixed for engines, by kind for memory tiers; the rest are links."""
    name = resource.lower()
    if name in COLOURS:
        return COLOURS[name]
    return next((colour for words, colour in KINDS if name.startswith(words)), LINK)


def figure(height: int, **layout: Any) -> go.Figure:
    """An empty figure in the house's style; the page fills in the colours of its paper."""
    base: dict[str, Any] = {
        "template": go.layout.Template(), "height": height, "font": FONT, "paper_bgcolor": "rgba(0,0,0,0)", "plot_bgcolor": "rgba(0,0,0,0)",
        "margin": {"l": 8, "r": 14, "t": TOP, "b": BOTTOM}, "hovermode": "closest", "bargap": 0.28, "dragmode": False, "showlegend": False,
    }  # fmt: skip
    return go.Figure(layout={**base, **layout})


def axis(title: str, **more: Any) -> dict[str, Any]:
    """An axis that makes room for its own labels."""
    return {"title": {"text": title, "standoff": 8}, "automargin": True, "zeroline": False, "fixedrange": True, **more}


def decades(low: float, high: float, unit: str) -> dict[str, Any]:
    """Ticks of a logarithmic axis, one a decade, spelt with SI prefixes.

    Parameters
    ----------
    low, high : float
        Exponents of ten.
    """
    exponents = [e for e in range(-12, 21) if low <= e <= high]
    return {"tickvals": [10.0**e for e in exponents], "ticktext": [_decade(e, unit) for e in exponents]}


def _decade(exponent: int, unit: str) -> str:
    step = 3 * (exponent // 3)
    if not unit:
        return f"{10.0**exponent:g}" if -3 <= exponent < 5 else f"1e{exponent}"
    return f"{10 ** (exponent - step)} {PREFIXES[step]}{unit}"


def hover(lines: Mapping[str, str]) -> str:
    """A hover text: what, and its figure, a line each."""
    return "<br>".join(f"{name}: {value}" if value else f"<b>{name}</b>" for name, value in lines.items())
