"""Units: the suffix of a field's name says its unit; quantities in files are written with theirs.

Inside, everything is in base units and the name carries the unit (``read_byte_per_s``). At the edge a quantity is text
such as ``3.35 TB/s``, ``989 TFLOP/s`` or ``4.05 pJ/bit``; `parse` turns it into the number that its field expects and
refuses the wrong dimension. Dimensionless counts are bare numbers.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from magnitudes.errors import InputError
from magnitudes.names import nearest

PREFIXES = {
    "": 1.0, "f": 1e-15, "p": 1e-12, "n": 1e-9, "u": 1e-6, "µ": 1e-6, "m": 1e-3, "k": 1e3, "K": 1e3, "M": 1e6, "G": 1e9,
    "T": 1e12, "P": 1e15, "E": 1e18, "Ki": 2.0**10, "Mi": 2.0**20, "Gi": 2.0**30, "Ti": 2.0**40, "Pi": 2.0**50,
}  # fmt: skip

# symbol -> (dimension as it stands in a field's suffix, size in base units)
SYMBOLS = {
    "B": ("byte", 1.0), "byte": ("byte", 1.0), "bit": ("byte", 0.125), "b": ("byte", 0.125),
    "FLOP": ("flop", 1.0), "FLOPS": ("flop/s", 1.0), "FLOP/s": ("flop/s", 1.0), "OP": ("flop", 1.0), "MAC": ("flop", 2.0),
    "Hz": ("hz", 1.0), "s": ("s", 1.0), "min": ("s", 60.0), "h": ("s", 3600.0), "J": ("j", 1.0), "W": ("w", 1.0),
    "m2": ("m2", 1.0), "mm2": ("m2", 1e-6), "m": ("m", 1.0), "USD": ("usd", 1.0), "token": ("token", 1.0), "bps": ("byte/s", 0.125),
}  # fmt: skip

# suffix of a field's name -> dimension, longest first so that `_byte_per_s` is not read as `_s`
SUFFIXES = {
    "_byte_per_s": "byte/s", "_flop_per_s": "flop/s", "_token_per_s": "token/s", "_flop_per_byte": "flop/byte", "_per_s": "1/s",
    "_j_per_byte": "j/byte", "_j_per_flop": "j/flop", "_usd_per_h": "usd/h",
    "_byte": "byte", "_flop": "flop", "_hz": "hz", "_s": "s", "_j": "j", "_w": "w", "_m2": "m2", "_m": "m", "_usd": "usd",
}  # fmt: skip

# dimension -> how it is shown: unit, and the prefixes that people use with it
SHOWN = {
    "byte": ("B", "kMGTP"), "byte/s": ("B/s", "kMGTP"), "flop": ("FLOP", "kMGTPE"), "flop/s": ("FLOP/s", "kMGTPE"), "hz": ("Hz", "kMGT"),
    "s": ("s", "pnum"), "j": ("J", "pnumkM"), "w": ("W", "mkM"), "m2": ("m2", ""), "m": ("m", "nu"), "j/byte": ("J/B", "pnum"),
    "j/flop": ("J/FLOP", "fpnum"), "usd": ("USD", "kM"), "usd/h": ("USD/h", ""), "token/s": ("token/s", "kM"),
    "flop/byte": ("FLOP/B", ""), "1/s": ("1/s", "kMGTPE"), "": ("", "kMGTPE"),
}  # fmt: skip

_QUANTITY = re.compile(r"^\s*([+-]?(?:\d[\d_]*\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*(.*?)\s*$")


class UnitError(InputError):
    """A quantity that cannot be read, or that has another dimension than its field."""


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number in base units and its dimension, written as in `SUFFIXES` ("" for a bare count)."""

    value: float
    dimension: str


def dimension_of(field: str) -> str:
    """The dimension that a field's suffix declares; "" for a bare count."""
    return next((dimension for suffix, dimension in SUFFIXES.items() if field.endswith(suffix)), "")


def bare_name(field: str) -> str:
    """A field's name as files spell it: without the unit's suffix."""
    return next((field[: -len(suffix)] for suffix in SUFFIXES if field.endswith(suffix)), field)


def _unit(symbol: str) -> tuple[str, float]:
    """Dimension and size of one prefixed symbol."""
    if symbol in SYMBOLS:
        return SYMBOLS[symbol]
    for length in (2, 1):
        prefix, rest = symbol[:length], symbol[length:]
        if prefix in PREFIXES and rest in SYMBOLS and rest not in ("min", "h", "mm2", "m2"):
            dimension, size = SYMBOLS[rest]
            return dimension, PREFIXES[prefix] * size
    near = nearest(symbol, [p + s for p in ("", "k", "M", "G", "T") for s in SYMBOLS])
    hint = f"; did you mean {' or '.join(near)}?" if near else ""
    raise UnitError(f"unknown unit {symbol!r}{hint} (known: {', '.join(SYMBOLS)} with prefixes {' '.join(p for p in PREFIXES if p)})")


def read(text: str) -> Quantity:
    """Read a number with its unit.

    Parameters
    ----------
    text : str
        For example ``"3.35 TB/s"``, ``"4.05 pJ/bit"``, ``"80 GiB"``, ``"132"``.

    Raises
    ------
    UnitError
        If there is no number, or the unit is unknown.
    """
    match = _QUANTITY.match(text)
    if match is None:
        raise UnitError(f"no number in {text!r}; write a quantity such as '3.35 TB/s' or a bare count")
    number, unit = float(match[1].replace("_", "")), match[2]
    if not math.isfinite(number):
        raise UnitError(f"{text!r} is too large to be a number")
    if not unit:
        return Quantity(number, "")
    if unit in SYMBOLS:
        dimension, size = SYMBOLS[unit]
        return Quantity(number * size, dimension)
    over, _, under = unit.partition("/")
    dimension, size = _unit(over.strip()) if over.strip() != "1" else ("1", 1.0)
    if not under:
        return Quantity(number * size, dimension)
    if dimension == "usd" and under.strip() == "h":
        return Quantity(number, "usd/h")
    below, below_size = _unit(under.strip())
    return Quantity(number * size / below_size, f"{dimension}/{below}")


def parse(text: str | float, field: str) -> float:
    """Read `text` as the value of `field`, in base units.

    Raises
    ------
    UnitError
        If the text is no quantity, has no unit although the field needs one, or has another dimension.
    """
    wanted = dimension_of(field)
    quantity = read(str(text))
    if not math.isfinite(quantity.value):
        raise UnitError(f"{text!r} is too large to be a number")
    if quantity.dimension == wanted or (wanted and quantity.dimension == "" and quantity.value == 0):
        return quantity.value
    example = f"{SHOWN[wanted][0]}" if wanted else "no unit, a bare count"
    had = f"has unit {quantity.dimension}" if quantity.dimension else "has no unit"
    raise UnitError(f"{text!r} {had}, but {bare_name(field)} is in {example}")


def show(value: float, field: str, digits: int = 3) -> str:
    """A number for people: scaled, rounded and with its unit, for example ``3.35 TB/s``.

    Parameters
    ----------
    value : float
        In base units.
    field : str
        A field's name (its suffix tells the unit) or a dimension of `SHOWN`.
    """
    unit, prefixes = SHOWN[field if field in SHOWN else dimension_of(field)]
    if value == 0 or not math.isfinite(value):
        return f"{value:g} {unit}".rstrip()
    scales = sorted([(1.0, ""), *((PREFIXES[p], p) for p in prefixes)])
    scale, prefix = max((s for s in scales if abs(value) >= 0.9995 * s[0]), default=scales[0])
    return f"{_rounded(value / scale, digits)} {prefix}{unit}".rstrip()


def _rounded(value: float, digits: int) -> str:
    """`value` to `digits` significant digits without an exponent or trailing zeros after the point."""
    decimals = max(0, digits - 1 - math.floor(math.log10(abs(value))))
    text = f"{value:.{decimals}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
