"""How far off a calibrated processor is on kernels that its fit has not seen: a third of a trace is fitted, the rest is judged."""

from __future__ import annotations

import tempfile
import zlib
from pathlib import Path

from simulator.measurement.calibrate import calibrate, texts
from simulator.measurement.trace import OUTCOMES, Row, Trace, finish
from simulator.validation.run import Options, Validation, validate

NAME = "judged"


def seen(row: Row) -> bool:
    """Whether a row is in the third that the fit sees: by its operator, library and dimensions alone, so that repeats stay together."""
    words = sorted(f"{k}={v}" for k, v in row.items() if k not in (*OUTCOMES, "round", "source", "device", "timing"))
    return zlib.crc32(" ".join(words).encode()) % 3 == 0


def judge(trace: Trace, title: str) -> Validation:
    """Calibrate on a third of a trace, and score the rest.

    Parameters
    ----------
    title : str
        Of the trace, for sources.

    Raises
    ------
    MeasurementError
        If the trace is of another kind of device, or a third of it holds too little.
    """
    with tempfile.TemporaryDirectory() as folder:
        rest, spec = Path(folder) / "rest.parquet", Path(folder) / f"{NAME}.yaml"
        finish(rest, trace.environment, [r for r in trace.rows if not seen(r)])
        spec_text, fits_text = texts(calibrate(Trace(trace.environment, tuple(r for r in trace.rows if seen(r))), NAME, title))
        spec.write_text(spec_text, encoding="utf-8")
        spec.with_name(f"{NAME}.host.json").write_text(fits_text, encoding="utf-8")
        return validate(rest, Options(on=str(spec)))
