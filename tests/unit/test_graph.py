"""Graphs: fusion, round trips through networkx, and refusals of what is no graph."""

from __future__ import annotations

from dataclasses import replace

import networkx as nx
import pytest

from workloads.catalog import find_model
from workloads.chain import Chain
from workloads.graph import GraphError, Node, Workload, from_networkx, fused
from workloads.operator import Contraction, Elementwise, Normalization, Operator, Softmax
from workloads.scenario import Images, Prefill
from workloads.sharding import Parallelism, Precision
from workloads.shipped import model_names

LINEAR = Contraction(name="linear", m=4.0, n=6.0, k=8.0)
BIAS = Elementwise(name="bias", elements=24.0, fuses="producer")
RESIDUAL = Elementwise(name="residual", elements=24.0, reads=2.0, fuses="consumer")
NORM = Normalization(name="norm", rows=4.0, cols=6.0)
SOFTMAX = Softmax(name="softmax", rows=4.0, cols=6.0)


def chain(*operators: Operator) -> list[Node]:
    c = Chain()
    for operator in operators:
        c.add(operator)
    return c.nodes


def names(nodes: tuple[Node, ...]) -> list[str]:
    return [n.operator.name for n in nodes]


def load_of(name: str) -> Workload:
    model = find_model(name)
    scenario = Images(batch=4.0) if "images" in model.phases else Prefill(batch=2.0, prompt=128.0)
    return model.workload(scenario.passes()[0], Parallelism(), Precision())


def test_a_follower_joins_the_product_before_it() -> None:
    nodes = fused(chain(LINEAR, BIAS, SOFTMAX))
    assert names(nodes) == ["linear", "softmax"]
    assert nodes[0].operator.epilogue == (BIAS,)  # type: ignore[attr-defined]
    assert nodes[1].after == ("linear",)
    assert nodes[0].operator.byte == LINEAR.byte  # the sum is written in place of the product


def test_a_residual_sum_joins_the_norm_behind_it() -> None:
    nodes = fused(chain(LINEAR, RESIDUAL, NORM))
    assert names(nodes) == ["linear", "norm"]
    assert nodes[1].operator.prologue == (RESIDUAL,)  # type: ignore[attr-defined]
    assert nodes[1].after == ("linear",)
    saved = RESIDUAL.byte + NORM.byte - nodes[1].operator.byte
    assert saved == 24 * 2  # the sum is written once and not read back


def test_what_cannot_join_is_a_kernel_of_its_own() -> None:
    assert names(fused(chain(SOFTMAX, BIAS))) == ["softmax", "bias"]
    assert names(fused(chain(LINEAR, RESIDUAL, SOFTMAX))) == ["linear", "residual", "softmax"]
    assert names(fused(chain(LINEAR, RESIDUAL))) == ["linear", "residual"]
    assert names(fused(chain(LINEAR, replace(BIAS, fuses=""), NORM))) == ["linear", "bias", "norm"]


def test_what_another_operator_reads_is_not_folded_away() -> None:
    both = [Node(LINEAR), Node(BIAS, after=("linear",)), Node(SOFTMAX, after=("linear",))]
    assert names(fused(both)) == ["linear", "bias", "softmax"]


def test_fusion_keeps_the_arithmetic() -> None:
    nodes = chain(LINEAR, BIAS, replace(LINEAR, name="second"), RESIDUAL, NORM)
    assert sum(n.operator.flop for n in fused(nodes)) == sum(n.operator.flop for n in nodes)
    assert sum(n.operator.byte for n in fused(nodes)) < sum(n.operator.byte for n in nodes)


@pytest.mark.parametrize("name", model_names())
def test_every_model_round_trips_through_networkx(name: str) -> None:
    load = load_of(name)
    graph = load.to_networkx()
    back = from_networkx(graph)
    assert {n.operator.name: (n.operator, n.count, set(n.after)) for n in back.nodes} == {
        n.operator.name: (n.operator, n.count, set(n.after)) for n in load.nodes
    }
    assert (back.flop, back.byte) == (pytest.approx(load.flop, rel=1e-12), pytest.approx(load.byte, rel=1e-12))
    assert nx.is_weakly_connected(graph), "every operator belongs to the model"
    place = {n.operator.name: i for i, n in enumerate(load.nodes)}
    assert all(place[a] < place[n.operator.name] for n in load.nodes for a in n.after)


def test_new_names_change_nothing() -> None:
    load = load_of("mixtral-8x7b")
    graph = load.to_networkx()
    other = nx.relabel_nodes(graph, {n: f"op{7919 * i % 1009}" for i, n in enumerate(graph)})
    back = from_networkx(other)
    assert back.flop == pytest.approx(load.flop, rel=1e-12)
    assert back.byte == pytest.approx(load.byte, rel=1e-12)
    assert nx.is_isomorphic(graph, other)


def test_edges_bear_the_tensor_between() -> None:
    graph = Workload(fused(chain(LINEAR, SOFTMAX))).to_networkx()
    assert graph.edges["linear", "softmax"]["byte"] == 4 * 6 * 2


def test_a_missing_source_is_named() -> None:
    with pytest.raises(GraphError, match="softmax reads the output of 'nothing'"):
        Workload((Node(SOFTMAX, after=("nothing",)),)).to_networkx()


def test_a_loop_is_named_both_ways() -> None:
    with pytest.raises(GraphError, match=r"loop: .*Scan"):
        Workload((Node(SOFTMAX, after=("linear",)), Node(LINEAR, after=("softmax",)))).to_networkx()
    graph = nx.DiGraph([("softmax", "linear"), ("linear", "softmax")])
    nx.set_node_attributes(graph, {"softmax": SOFTMAX, "linear": LINEAR}, "operator")
    with pytest.raises(GraphError, match=r"loop: .*linear"):
        from_networkx(graph)


def test_two_operators_of_one_name_are_refused() -> None:
    with pytest.raises(GraphError, match="two operators are called 'linear'"):
        Workload((Node(LINEAR), Node(LINEAR))).to_networkx()


def test_a_node_without_an_operator_is_named() -> None:
    graph: nx.DiGraph[str] = nx.DiGraph()
    graph.add_node("bare")
    with pytest.raises(GraphError, match=r"without an operator: bare; set the attribute"):
        from_networkx(graph)
