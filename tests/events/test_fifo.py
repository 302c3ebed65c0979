"""Token by token against closed forms: networks of queues on two hundred random cases each, and the depth that attention needs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from magnitudes.arrays import as_float
from magnitudes.names import NameMiss
from simulator.events.fifo import UNBOUNDED, FifoNode, Network, NetworkError, interval, mapped, reduced, repeated, run, smallest_depth, source
from simulator.events.fifo_attention import ORDERS, attention_network, long_queues
from simulator.streaming.section import assigned, pace_s

CASES, LIMIT, TOKENS = 200, 0.05, 1500


def random_network(rng: np.random.Generator) -> tuple[Network, list[list[str]]]:
    """A chain of nodes with paces, latencies and depths of their own, and one way around some of them."""
    count = int(rng.integers(3, 9))
    names = [f"n{i}" for i in range(count)]
    pace = {n: {"interval": float(rng.choice([1, 1, 2, 3])), "latency": float(rng.integers(1, 9))} for n in names}
    first, last = sorted(int(i) for i in rng.choice(count, 2, replace=False))
    inputs = {n: [names[i]] for i, n in enumerate(names[1:])}
    paths = []
    if last - first > 1:
        inputs[names[last]].append(names[first])
        paths = [names[first : last + 1]]
    nodes = tuple(source(n, TOKENS, **pace[n]) if n == names[0] else FifoNode(n, tuple(inputs[n]), **pace[n]) for n in names)  # type: ignore[arg-type]
    depths = {q: float(rng.integers(1, 13)) for q in Network(nodes).queues}
    return Network(nodes, depths=depths), paths


@pytest.mark.parametrize("seed", range(CASES))
def test_closed_form_of_queues_is_close(seed: int) -> None:
    network, paths = random_network(np.random.default_rng(seed))
    fill = sum(node.latency for node in network.nodes)
    assert fill + (TOKENS - 1) * interval(network, paths) == pytest.approx(run(network).cycles, rel=LIMIT)


@pytest.mark.parametrize("seed", range(CASES))
def test_closed_form_of_a_section_is_close(seed: int) -> None:
    """Stages with the whole units that `assigned` gives them, pieces through queues of two, against pace * (pieces + stages - 1) / pieces."""
    rng = np.random.default_rng([7, seed])
    count, units, pieces = int(rng.integers(2, 10)), float(rng.integers(400, 2000)), int(rng.choice([256, 512, 1024]))
    work = [float(w) for w in rng.uniform(0.05, 1.0, count)]
    takes = [w * units / u / pieces for w, u in zip(work, assigned(work, units), strict=True)]
    cycle = min(takes) / 1000.0  # a place is seen empty this much later: next to nothing beside a piece
    nodes = [FifoNode(f"s{i}", (f"s{i - 1}",) if i else (), tokens=0 if i else pieces, interval=t / cycle, latency=t / cycle) for i, t in enumerate(takes)]
    played_s = run(Network(tuple(nodes), depth=2.0)).cycles * cycle
    assert as_float(pace_s(sum(work), count, units)) * (pieces + count - 1) / pieces == pytest.approx(played_s, rel=LIMIT)


def test_a_few_tokens_by_hand() -> None:
    chain = Network((source("a", 3), mapped("b", "a", latency=5.0), mapped("c", "b")), depth=8.0)
    assert run(chain).cycles == 1 + 5 + 1 + 2  # three latencies, and two more tokens a cycle apart
    slow = replace(chain, depth=1.0)
    assert run(slow).cycles == 1 + 5 + 1 + 2 * 6  # a place in front of c is taken for five cycles and seen empty one later
    halved = Network((source("a", 4), reduced("sum", "a", 2), repeated("again", "sum", 3)), depth=8.0)
    assert run(halved).cycles == 3 + 3 + 3  # the first sum comes at 3 and is repeated until 6, then the second, which waited


def test_most_tokens_waiting_are_what_the_depth_must_be() -> None:
    network = attention_network("naive", 32, 4, UNBOUNDED)
    (queue,) = long_queues("naive")
    assert smallest_depth(replace(network, depth=4.0), [queue]) - run(network).most[queue] in (0, 1, 2)


@pytest.mark.parametrize("order", ["naive", "stable"])
def test_a_row_must_wait_and_less_room_stops_everything(order: str) -> None:
    """Depth grows as the row; one place less is slower, and less than a row is a deadlock that names who waits."""
    needed = {}
    for length in (16, 32, 64, 128, 256):
        network = attention_network(order, length, 6)
        needed[length] = smallest_depth(network, long_queues(order))
        short = run(replace(network, depths=dict.fromkeys(long_queues(order), float(length - 1))))
        assert short.deadlock and short.cycles == np.inf and "weight" in {**short.blocked, "weight": ""}
        assert any("tokens of" in why for why in short.blocked.values()) and any("room" in why for why in short.blocked.values())
        free = run(replace(network, depth=UNBOUNDED)).cycles
        assert run(replace(network, depths=dict.fromkeys(long_queues(order), float(needed[length] - 1)))).cycles > free
    assert {length: depth - length for length, depth in needed.items()} == dict.fromkeys(needed, needed[16] - 16)  # N, and a constant


def test_the_running_order_needs_two_places_whatever_the_length() -> None:
    for length in (16, 64, 256, 1024):
        network = attention_network("running", length, 4)
        assert smallest_depth(network, network.queues) == 2
        assert run(network).cycles == run(replace(network, depth=UNBOUNDED)).cycles == pytest.approx(4 * length, abs=10)


def test_all_orders_take_a_cycle_a_score_where_queues_are_deep_enough() -> None:
    for order in ORDERS:
        network = attention_network(order, 64, 50, UNBOUNDED)
        assert run(network).cycles == pytest.approx(64 * 50, rel=LIMIT)


def test_another_queue_that_is_short_is_told() -> None:
    with pytest.raises(NetworkError, match="a queue elsewhere"):
        smallest_depth(attention_network("stable", 32, 4), [("exponential", "weight")])


@pytest.mark.parametrize(
    ("nodes", "depths", "says"),
    [
        ((source("a", 1), source("a", 1)), {}, "2 nodes are called 'a'"), ((source("alpha", 1), mapped("b", "alfa")), {}, "did you mean alpha"),
        ((source("a", 0),), {}, "a source gives at least one"), ((source("a", 1), mapped("b", "a")), {("b", "a"): 2.0}, "no queue from b to a"),
        ((source("a", 1), mapped("b", "a")), {("a", "b"): 0.0}, "at least one is needed"),
    ],
)  # fmt: skip
def test_networks_that_are_none_are_refused(nodes: tuple[FifoNode, ...], depths: dict[tuple[str, str], float], says: str) -> None:
    with pytest.raises(NetworkError, match=says):
        Network(nodes, depths=depths)


def test_an_unknown_order_is_refused() -> None:
    with pytest.raises(NameMiss, match="did you mean running"):
        attention_network("runing", 8, 1)
