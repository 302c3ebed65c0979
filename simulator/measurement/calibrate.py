"""From a trace to a spec of the machine that it was measured on, with measured ceilings, and a file of fitted corrections beside it."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import yaml

from hardware_specs.loader import read_chip
from hardware_specs.this_machine import tree_of
from magnitudes.arrays import as_float
from simulator.calibration import set_at
from simulator.host.library import tried
from simulator.measurement.ceilings import Ceiling, bandwidth, product_rates
from simulator.measurement.environment import MeasurementError, reported_in
from simulator.measurement.host_fit import Known, fit, guesses
from simulator.measurement.trace import Trace
from simulator.validation.checks import checked
from simulator.validation.prediction import batches_of
from simulator.validation.tidy import tidy

if TYPE_CHECKING:
    import pandas as pd

MATRIX_ONLY = ("bf16", "fp16", "int8")  # formats that only products have: of their own units, not the vector units'


@dataclass(frozen=True, slots=True)
class Calibration:
    """What a trace says of a machine.

    Parameters
    ----------
    tree : mapping
        A spec, as the catalogue's files are; it names the file of fits.
    fits : mapping
        ``provenance`` and ``coefficients``.
    errors : mapping of str to float
        Mean absolute error of each operator's rows after the fit, as a fraction.
    """

    tree: Mapping[str, Any]
    fits: Mapping[str, Any]
    errors: Mapping[str, float]


def calibrate(trace: Trace, name: str, title: str) -> Calibration:
    """A spec and corrections from a trace of a processor.

    Parameters
    ----------
    name : str
        Of the spec; the corrections are expected in ``NAME.host.json`` beside it.
    title : str
        Of the trace, for the sources.

    Raises
    ------
    MeasurementError
        If the trace is of another kind of device, or holds too little.
    """
    import pandas as pd

    frame = pd.DataFrame(list(trace.rows))
    if "gpu" in trace.environment:
        raise MeasurementError(
            f"{title} was measured on a GPU ({trace.environment['gpu']}); calibrate makes specs of processors: its datasheet is a GPU's spec"
        )
    if frame.empty or "library" not in frame.columns:
        raise MeasurementError(f"{title} holds no measured rows; run `roofscape measure` first")
    tree = _spec(trace, frame, name, title)
    with tempfile.TemporaryDirectory() as folder:
        spec = Path(folder) / f"{name}.yaml"
        spec.write_text(yaml.safe_dump(tree, sort_keys=False), encoding="utf-8")
        known = _known(frame, str(spec))
        coefficients = fit(known)
        errors = _errors(known, coefficients)
    provenance = {
        "data": f"{title}, {len(frame)} rows", "date": trace.environment.get("date", ""), "environment": dict(trace.environment),
        "method": "least squares of log-residuals with a prior on every constant, block by block", "error": {"in_sample_mape": errors},
    }  # fmt: skip
    rounded = {path: float(f"{value:.4g}") for path, value in sorted(coefficients.items())}
    return Calibration({**tree, "fits": f"{name}.host.json"}, {"provenance": provenance, "coefficients": rounded}, errors)


def _known(frame: pd.DataFrame, device: str) -> list[Known]:
    """The rows as batches of operators on a machine."""
    table = checked(tidy("trace", frame.assign(device=device)))
    us = table.frame["measured_us"]
    return [Known(b, np.log(us.reindex(b.index).to_numpy(np.float64))) for b in batches_of(table)]


def _errors(known: list[Known], coefficients: Mapping[str, float]) -> dict[str, float]:
    found: dict[str, list[np.ndarray[Any, np.dtype[np.float64]]]] = {}
    tree = deepcopy(guesses())
    for path, value in coefficients.items():
        set_at(tree, path, value)
    with tried(tree):
        for k in known:
            found.setdefault(f"{k.batch.key['library']} {k.batch.key['op']} {k.batch.key['dtype']}", []).append(np.abs(np.exp(k.residual()) - 1.0))
    return {name: round(float(np.mean(np.concatenate(parts))), 4) for name, parts in sorted(found.items())}


def _spec(trace: Trace, frame: pd.DataFrame, name: str, title: str) -> dict[str, Any]:
    """The spec that the system reports, with every ceiling that the trace shows in its place."""
    tree = tree_of(reported_in(trace.environment))
    engine = tree["engines"]["cores"]
    tiers = read_chip(tree, title)[0].tiers
    when = f"{title}, {trace.environment.get('date', '')}, {trace.environment.get('processor', '')}, {_libraries(trace.environment)}"
    sources = dict(tree["sources"])
    for tier, ceiling in bandwidth(frame, tiers).items():
        sources[f"best_{tier}"] = _source(ceiling, when)
        tree["tiers"][tier]["bandwidth"] = f"{ceiling.per_s / 1e9:.5g} GB/s @best_{tier}"
    rates: dict[str, dict[str, str]] = {"vector": {}, "matrix": {}}
    for dtype, ceiling in product_rates(frame).items():
        sources[f"best_{dtype}"] = _source(ceiling, when)
        rates["matrix" if dtype in MATRIX_ONLY else "vector"][dtype] = f"{ceiling.per_s / 1e9:.5g} GFLOP/s @best_{dtype}"
    if "fp64" not in rates["vector"]:
        rates["vector"]["fp64"] = f"{as_float(product_rates(frame)['fp32'].per_s) / 2e9:.5g} GFLOP/s @half"
        sources["half"] = {"kind": "derived", "title": "half of the measured fp32 rate: lanes are twice as wide"}
    tree["engines"]["cores"] = {**engine, **{units: r for units, r in rates.items() if r}}
    return {**tree, "name": name, "sources": sources}


def _source(ceiling: Ceiling, when: str) -> dict[str, str]:
    return {"kind": "measured", "title": f"best of {ceiling.rows} rows: {ceiling.kernel} ({when})"}


def _libraries(environment: Mapping[str, str]) -> str:
    return ", ".join(f"{k} {environment[k]}" for k in ("numpy", "blas", "torch") if k in environment)


def texts(calibration: Calibration) -> tuple[str, str]:
    """The spec as YAML and the corrections as JSON."""
    head = "# Written by `roofscape calibrate`: ceilings as measured; what libraries make of them lies in the file under 'fits'.\n"
    spec = yaml.safe_dump(dict(calibration.tree), sort_keys=False, width=150, allow_unicode=True)
    return head + spec, json.dumps(calibration.fits, indent=1) + "\n"
