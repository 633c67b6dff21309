from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

pytest.importorskip("ai_edge_quantizer", reason="needs the extra [workstation]")

from edge_detector.workstation.calibration.channel_sizes import channel_sizes
from edge_detector.workstation.calibration.ranges import SILENT, Range, calibrate, silu_ranges
from edge_detector.workstation.graph.equalization import channel_factors, equalizable, equalize
from edge_detector.workstation.graph.silu import silus
from edge_detector.workstation.graph.tflite_graph import TFLiteGraph
from edge_detector.workstation.quantization.int8 import quantize_graph
from tests.workstation.graphs import FLOAT, add_operator, convolve, empty_graph, run

RANDOM = np.random.default_rng(2)
PICTURES = [RANDOM.normal(0, 1, (1, 16, 16, 3)).astype(np.float32) for _ in range(4)]
UNEQUAL = np.array([200.0, 2.0, 0.5, 0.1, 30.0, 1.0, 1.0, 5.0])  # how much larger each channel is than another


def silu(graph: TFLiteGraph, source: int, name: str) -> int:
    sigmoid, product = (graph.add_tensor(f"{name}/{part}", graph.shape(source), FLOAT) for part in ("sigmoid", "silu"))
    add_operator(graph, "LOGISTIC", [source], [sigmoid])
    add_operator(graph, "MUL", [source, sigmoid], [product], schema.BuiltinOptions.MulOptions, schema.MulOptionsT())
    return product


def network() -> TFLiteGraph:
    """Convolution, SiLU, convolution, SiLU; the second SiLU is the output."""
    graph = empty_graph()
    image = graph.add_tensor("image", (1, 16, 16, 3), FLOAT)
    graph.subgraph.inputs = np.array([image], np.int32)
    weights = RANDOM.normal(0, 0.3, (8, 3, 3, 3)) * UNEQUAL.reshape(-1, 1, 1, 1)
    first = convolve(graph, image, weights, RANDOM.normal(0, 0.1, 8) * UNEQUAL, name="first")
    weights = RANDOM.normal(0, 0.3, (4, 1, 1, 8)) / UNEQUAL
    second = convolve(graph, silu(graph, first, "first"), weights, np.zeros(4), name="second")
    graph.set_outputs({"result": silu(graph, second, "second")})
    return graph


def equalized(graph: TFLiteGraph) -> TFLiteGraph:
    graph = graph.copy()
    found = equalizable(graph)
    equalize(graph, found, channel_sizes(graph, PICTURES, [graph.name(each.source) for each in found]))
    return graph


def output(graph: TFLiteGraph, picture: NDArray[Any]) -> NDArray[Any]:
    return run(graph.to_bytes(), picture)["result"]


def noise(graph: TFLiteGraph, float_graph: TFLiteGraph) -> float:
    """How far the int8 form of the graph is from the float graph."""
    quantized = quantize_graph(graph.copy(), calibrate(graph, PICTURES, "minmax"))
    off = [np.abs(output(quantized, picture) - output(float_graph, picture)).mean() for picture in PICTURES]
    return float(np.mean(off))


def test_only_a_silu_between_convolutions_can_be_equalized() -> None:
    graph = network()
    assert [graph.name(each.source) for each in silus(graph)] == ["first", "second"]
    assert [graph.name(each.source) for each in equalizable(graph)] == ["first"]


def test_a_silu_that_stays_float_is_left_as_it_is() -> None:
    assert len(equalizable(network())) == 1
    assert equalizable(network(), ["first/silu"]) == []
    assert equalizable(network(), ["first/sigmoid"]) == []
    assert len(equalizable(network(), ["second"])) == 1


def test_an_equalized_graph_computes_the_same() -> None:
    graph = network()
    for picture in PICTURES:
        np.testing.assert_allclose(output(equalized(graph), picture), output(graph, picture), rtol=1e-4, atol=1e-4)


def test_an_equalized_graph_is_nearer_to_float_in_int8() -> None:
    graph = network()
    assert noise(equalized(graph), graph) < noise(graph, graph) / 2


def test_the_channels_of_an_equalized_graph_are_more_alike() -> None:
    graph = network()
    before, after = (channel_sizes(each, PICTURES, ["first"])["first"] for each in (graph, equalized(graph)))
    assert after.max() / after.min() < before.max() / before.min() / 2
    assert after.max() == pytest.approx(before.max(), rel=1e-4)


def test_the_largest_channel_has_the_factor_one_and_a_dead_one_a_bounded_factor() -> None:
    factors = channel_factors(np.array([100.0, 10.0, 0.0]))
    assert factors[0] == 1.0
    assert 1.0 < factors[1] < factors[2] < 256.0


def test_numbers_far_below_zero_do_not_count() -> None:
    graph = network()
    sizes = channel_sizes(graph, [picture - 100 for picture in PICTURES], ["first"])["first"]
    assert min(sizes) >= 0.0
    assert any(size == pytest.approx(SILENT) for size in sizes)


def test_the_sigmoid_of_an_equalized_silu_has_a_range_of_its_own() -> None:
    graph = equalized(network())
    ranges = calibrate(graph, PICTURES, "minmax")
    assert (ranges["first/divided"].minimum, ranges["first/divided"].maximum) == (-SILENT, SILENT)
    assert ranges["first"].minimum >= -ranges["first"].maximum


def test_what_becomes_a_silu_is_clipped_where_the_silu_is_silent() -> None:
    graph = equalized(network())
    ranges = dict.fromkeys(("first", "first/divided", "second"), Range(-150.0, 26.0))
    assert silu_ranges(graph, ranges) == {
        "first": Range(-26.0, 26.0),
        "first/divided": Range(-SILENT, SILENT),
        "second": Range(-SILENT, 26.0),
    }


def test_a_graph_that_is_not_equalized_keeps_its_ranges() -> None:
    assert silu_ranges(network(), {}) == {}


def test_int8_makes_no_sigmoid_below_the_silent_end() -> None:
    assert [round(256 / (1 + math.exp(SILENT + more))) for more in (-0.01, 0.01)] == [1, 0]


def test_what_something_else_reads_as_well_is_no_silu() -> None:
    graph = network()
    features = next(index for index in range(len(graph.tensors)) if graph.name(index) == "first")
    other = graph.add_tensor("other", graph.shape(features), FLOAT)
    add_operator(graph, "LOGISTIC", [features], [other])
    assert [graph.name(each.source) for each in silus(graph)] == ["second"]
