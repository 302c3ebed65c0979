"""A row by a matrix: a kernel without tiles, so that a machine without matrix units decodes at the pace of its memory."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from simulator.validation.run import Options, predicted
from simulator.validation.tidy import tidy

BANDWIDTH = {"v100-sxm2": 900e9, "gtx-1080-ti": 484e9, "p40": 346e9, "mi50": 1024e9}


def linear_us(device: str, rows: list[float]) -> np.ndarray:
    frame = pd.DataFrame(
        {"source": "me", "device": device, "op": "linear", "dtype": "fp32", "timing": "graph", "m": rows, "n": 8192.0, "k": 8192.0, "measured_us": 1.0}
    )
    return predicted(tidy("some.csv", frame), Options(correction=False)).table.frame["predicted_us"].to_numpy(np.float64)


@pytest.mark.parametrize("device", BANDWIDTH)
def test_weights_stream_past_a_single_row(device: str) -> None:
    (time_us,) = linear_us(device, [1.0])
    assert 1.0 < time_us * 1e-6 * BANDWIDTH[device] / (8192.0**2 * 4.0) < 1.6


@pytest.mark.parametrize("device", BANDWIDTH)
def test_more_rows_take_no_less(device: str) -> None:
    times = linear_us(device, [1.0, 2.0, 4.0, 32.0, 128.0])
    assert (np.diff(times) >= -1e-9).all()
    assert linear_us(device, [1.0])[0] == pytest.approx(times[0])  # alone as in a column
