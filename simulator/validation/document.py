"""A validation as plain data: the documented keys of ``roofscape validate --json``."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import Any

from simulator.validation.run import Validation
from simulator.validation.scores import GROUP, Headline, Score

METRICS = ("rows", "mape", "median_ape", "mean_abs_log", "bias", "spearman", "coverage90", "width90")


def document(validation: Validation) -> dict[str, Any]:
    """All that was found, ready for JSON: errors as fractions (0.12 is 12 %), null where a figure is not defined.

    Returns
    -------
    dict
        ``groups``, one for each (file, source, device, op, dtype, kernel); ``headline``, means over the groups of a class;
        ``unscored``, rows without a prediction and why; ``rows`` (``scored``, ``unscored``); ``hosts`` behind eager rows;
        ``fitted``, constants fitted on some of the rows (which are then not scored); ``options`` of the run; ``notes``.
    """
    return {
        "groups": [_group(s) for s in validation.scores],
        "headline": {name: _headline(h) for name, h in validation.headline.items()},
        "unscored": [{"reason": u.reason, "rows": u.rows, "file": u.file} for u in validation.unscored],
        "rows": {"scored": len(validation.frame), "unscored": sum(u.rows for u in validation.unscored)},
        "hosts": [asdict(h) for h in validation.hosts],
        "fitted": [asdict(f) for f in validation.fitted],
        "options": asdict(validation.options),
        "notes": list(validation.notes),
    }


def _group(score: Score) -> dict[str, Any]:
    labels = {name: getattr(score, name) for name in GROUP}
    labels["kernel"] = labels["kernel"] or None
    return labels | {name: known(getattr(score, name)) for name in METRICS}


def _headline(headline: Headline) -> dict[str, Any]:
    return {name: known(value) for name, value in asdict(headline).items()}


def known(value: Any) -> Any:
    """A number that JSON can carry: None for what is no finite number."""
    return None if isinstance(value, float) and not math.isfinite(value) else value
