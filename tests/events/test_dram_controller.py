"""The DRAM controller against arithmetic: hits, misses, banks, refreshes, queues and currents; and what must not make it worse."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from explorers.evaluators.dram_controller import DramController, without_idle_choices
from explorers.space.catalog import find_space
from magnitudes.errors import InputError
from magnitudes.names import NameMiss
from simulator.events.dram_controller import CHOICES, COUNTS, DDR3_1600, NAMES, Device, Trace, serve, serve_all, settings_of
from simulator.events.dram_traces import KINDS, read_trace, trace

D = DDR3_1600
CHOSEN = {
    "page_policy": "open", "scheduler": "fr_fcfs", "scheduler_buffer": "shared", "buffer_size": 64, "response_queue": "reorder",
    "refresh_policy": "no_refresh", "most_postponed": 1, "most_pulled_in": 1, "arbiter": "reorder", "most_active": 128,
}  # fmt: skip
FIRST = D.rcd + D.read_latency + D.burst  # a read of a closed bank


def requests(*rows: tuple[float, int, int, int]) -> Trace:
    """Arrival [ns], bank, row, write."""
    columns = list(zip(*rows, strict=True))
    return Trace(np.array(columns[0]) * 1e-9, *(np.array(c, dtype=np.int64) for c in columns[1:]))


def latencies(*rows: tuple[float, int, int, int], **choices: object) -> float:
    return serve(requests(*rows), CHOSEN | choices).latency_s * len(rows)


def test_a_first_read_opens_its_row() -> None:
    assert latencies((0, 0, 5, 0)) == pytest.approx(FIRST)


def test_row_hits_follow_at_the_pace_of_columns() -> None:
    assert latencies((0, 0, 5, 0), (0, 0, 5, 0), (0, 0, 5, 0)) == pytest.approx(3 * FIRST + 3 * D.ccd)


def test_another_row_waits_for_a_whole_cycle() -> None:
    # precharge after tRAS, which is later than tRTP after the first column; then tRP and the row again: tRC in all
    assert latencies((0, 0, 5, 0), (0, 0, 6, 0)) == pytest.approx(FIRST + max(D.rc, D.ras + D.rp) + FIRST)


def test_banks_open_rows_beside_each_other() -> None:
    # the second activation tRRD after the first, its column with it
    assert latencies((0, 0, 5, 0), (0, 1, 6, 0)) == pytest.approx(2 * FIRST + max(D.rrd, D.ccd))


def test_five_banks_meet_the_window_of_four_activations() -> None:
    rows = tuple((0.0, bank, 1, 0) for bank in range(5))
    last = max(D.faw, 4 * D.rrd)
    assert serve(requests(*rows), CHOSEN).time_s == pytest.approx(last + FIRST)


def test_a_closed_page_costs_a_hit_its_row() -> None:
    far = 1000.0
    assert latencies((0, 0, 5, 0), (far, 0, 5, 0)) == pytest.approx(FIRST + D.read_latency + D.burst)
    assert latencies((0, 0, 5, 0), (far, 0, 5, 0), page_policy="closed") == pytest.approx(2 * FIRST)
    # and spares a miss its precharge
    open_miss = FIRST + D.rp + FIRST
    assert latencies((0, 0, 5, 0), (far, 0, 6, 0)) == pytest.approx(open_miss)
    assert latencies((0, 0, 5, 0), (far, 0, 6, 0), page_policy="closed") == pytest.approx(2 * FIRST)


def test_a_read_after_a_write_turns_the_bus() -> None:
    wrote = D.rcd + D.write_latency + D.burst
    assert latencies((0, 0, 5, 1), (0, 0, 5, 0), scheduler="fifo") == pytest.approx(wrote + (wrote + D.wtr + D.read_latency + D.burst))


def test_row_hits_go_first_where_they_may() -> None:
    rows = ((0, 0, 5, 0), (0, 0, 6, 0), (0, 0, 5, 0))
    in_order = FIRST + (D.rc + FIRST) + (2 * D.rc + FIRST)
    hits_first = FIRST + (FIRST + D.ccd) + (D.rc + FIRST)
    assert latencies(*rows, scheduler="fifo") == pytest.approx(in_order)
    assert latencies(*rows) == pytest.approx(hits_first)


def test_responses_in_order_wait_for_the_slowest_before() -> None:
    rows = ((0, 0, 5, 0), (0, 0, 6, 0), (0, 1, 7, 0))
    free = serve(requests(*rows), CHOSEN).latency_s
    ordered = serve(requests(*rows), CHOSEN | {"response_queue": "fifo", "scheduler": "fr_fcfs"}).latency_s
    assert ordered >= free


def test_a_refresh_blocks_the_rank() -> None:
    due = D.refi * 1e9 + 1.0
    # an idle rank refreshes at tREFI; a read a nanosecond later waits for the rest of tRFC
    with_refresh = latencies((due, 0, 5, 0), refresh_policy="all_bank", most_pulled_in=1)
    pulled = FIRST  # an idle controller pulls the refresh in before it is due
    assert with_refresh == pytest.approx(pulled, rel=0.1)
    busy = tuple((t, 0, 5, 0) for t in np.arange(0.0, due + 200.0, 5.0))
    served = serve(requests(*busy), CHOSEN | {"refresh_policy": "all_bank", "most_postponed": 1})
    assert served.refreshes >= 0
    longer = tuple((t, 0, 5, 0) for t in np.arange(0.0, 4 * D.refi * 1e9, 6.0))
    once, never = (serve(requests(*longer), CHOSEN | {"refresh_policy": p, "most_postponed": 1}) for p in ("all_bank", "no_refresh"))
    assert once.refreshes in (2, 3, 4)
    blocked = once.refreshes * (D.rp + D.rfc + D.rcd)
    assert once.latency_s * len(longer) - never.latency_s * len(longer) >= once.refreshes * D.rfc  # at least the one that waited through it
    assert once.time_s - never.time_s <= blocked * 1.1


def test_refreshes_are_pulled_into_pauses_as_far_as_allowed() -> None:
    """Four refreshes fall due in each burst, and each pause is long enough for more: with eight ahead none of them makes a request wait."""
    burst = np.arange(0.0, 4 * D.refi * 1e9, 6.0)
    rows = tuple((float(t + k * (burst[-1] + 2000.0)), 0, 5, 0) for k in range(4) for t in burst)
    never, *answers = (
        serve(requests(*rows), CHOSEN | {"refresh_policy": policy, "most_pulled_in": n}) for policy, n in (("no_refresh", 1), ("all_bank", 1), ("all_bank", 8))
    )
    few, many = ((served.latency_s - never.latency_s) * len(rows) for served in answers)
    assert many < 0.4 * few  # only those of the first burst, before which there was no pause
    due = rows[-1][0] / (D.refi * 1e9)
    assert all(due - 2 <= served.refreshes <= due + 9 for served in answers)


def test_a_refresh_is_not_pulled_in_while_answers_are_outstanding() -> None:
    gap = (D.rp + D.rfc) * 1e9 + 5.0  # long enough for a refresh from the request on, too short from its answer on
    rows = tuple((k * gap, 0, 5, 0) for k in range(40))
    assert serve(requests(*rows), CHOSEN | {"refresh_policy": "all_bank", "most_pulled_in": 8}).refreshes <= 1


def test_power_is_what_the_currents_say() -> None:
    far = tuple((k * 1000.0, 0, k % 2, 0) for k in range(50))  # each opens its row anew; the bank stays open between
    served = serve(requests(*far), CHOSEN)
    around = (D.idd3n * D.ras + D.idd2n * (D.rc - D.ras)) / D.rc
    activate_j = (D.idd0 - around) * D.rc * 50
    read_j = (D.idd4r - D.idd3n) * D.burst * 50
    expected = D.devices * D.volt * (D.idd3n + (activate_j + read_j) / served.time_s)
    assert served.activations == 50
    assert served.power_w == pytest.approx(expected, rel=0.01)
    assert 0.5 < served.power_w < 2.0  # watts of a rank, not milliwatts


def test_closed_banks_draw_less_where_the_device_says_so() -> None:
    sleepy: Device = replace(D, idd2n=0.020)
    far = requests(*((k * 1000.0, 0, 5, 0) for k in range(50)))
    assert serve(far, CHOSEN | {"page_policy": "closed"}, sleepy).power_w < serve(far, CHOSEN, sleepy).power_w


@pytest.mark.parametrize("kind", KINDS)
def test_all_requests_are_served_under_every_choice(kind: str) -> None:
    generator = np.random.default_rng(5)
    drawn = [[int(generator.integers(len(CHOICES[n]))) if n in CHOICES else int(generator.choice(COUNTS[n])) for n in NAMES] for _ in range(60)]
    made = trace(kind, 1500)
    for served in serve_all(made, np.array(drawn)):
        assert served.latency_s >= D.write_latency + D.burst
        assert served.activations + served.row_hits == len(made)
        assert served.time_s >= made.arrival_s[-1]
        assert served.power_w > D.devices * D.volt * D.idd2n


def test_slower_devices_are_never_faster_and_refreshes_never_free() -> None:
    made = trace("random", 500)
    base = serve(made, CHOSEN)
    for name in ("rcd", "rp", "ccd", "burst", "rrd", "faw"):
        assert serve(made, CHOSEN, replace(D, **{name: getattr(D, name) * 1.5})).latency_s >= base.latency_s * (1 - 1e-9)
    refreshed = serve(made, CHOSEN | {"refresh_policy": "all_bank"})
    assert refreshed.power_w >= base.power_w * 0.999


def test_where_nothing_is_refreshed_a_space_serves_once_what_differs_in_refreshing_only() -> None:
    space = replace(find_space("dram-controller"), evaluator=DramController("random", 300))
    places = space.sample(400, np.random.default_rng(0))
    scores = space.score(places)
    served = serve_all(space.evaluator.served_trace, np.stack([settings_of(space.design(row)) for row in places]))
    np.testing.assert_array_equal(scores.objectives, [[s.latency_s, s.power_w] for s in served])
    never = settings_of(CHOSEN | {"refresh_policy": "no_refresh", "most_postponed": 8, "most_pulled_in": 4})[None]
    always = settings_of(CHOSEN | {"refresh_policy": "all_bank", "most_postponed": 8, "most_pulled_in": 4})[None]
    assert without_idle_choices(never)[0, [NAMES.index("most_postponed"), NAMES.index("most_pulled_in")]].tolist() == [1, 1]
    np.testing.assert_array_equal(without_idle_choices(always), always)


def test_settings_and_traces_are_checked(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="page_policy is 'opn'"):
        settings_of(CHOSEN | {"page_policy": "opn"})
    with pytest.raises(NameMiss, match="did you mean page_policy"):
        settings_of(CHOSEN | {"page_polcy": "open"})
    with pytest.raises(InputError, match="whole number"):
        settings_of(CHOSEN | {"most_active": 0})
    with pytest.raises(NameMiss, match="did you mean stream"):
        trace("strem")
    file = tmp_path / "t.txt"
    file.write_text("# a comment\n0 0x40 READ\n10 0x2000 write\n")
    read = read_trace(file)
    assert read.write.tolist() == [0, 1]
    assert read.row.tolist() == [0, 1]
    file.write_text("0 0x40 READ\n10 zzz READ\n")
    with pytest.raises(InputError, match="line 2"):
        read_trace(file)
