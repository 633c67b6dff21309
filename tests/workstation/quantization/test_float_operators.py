from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("ai_edge_quantizer", reason="needs the extra [workstation]")

from edge_detector.errors import ConfigError
from edge_detector.workstation.calibration.ranges import calibrate
from edge_detector.workstation.graph import repairs
from edge_detector.workstation.graph.tflite_graph import TFLiteGraph
from edge_detector.workstation.quantization.bias_correction import correct_biases
from edge_detector.workstation.quantization.fidelity import signal_to_noise
from edge_detector.workstation.quantization.float_operators import chosen_operators, operator_names
from edge_detector.workstation.quantization.int8 import quantize_graph
from edge_detector.workstation.quantization.quantize_operators import set_input_type
from tests.workstation.graphs import run, tiny_detector

RANDOM = np.random.default_rng(0)
IMAGES = [RANDOM.uniform(-1, 1, (1, 16, 16, 3)).astype(np.float32) for _ in range(4)]
OPERATORS = ("features", "boxes/raw", "raw_boxes", "logits/raw", "logits", "scores")


def mixed(*floats: str, source: TFLiteGraph | None = None) -> TFLiteGraph:
    """The int8 tiny detector with these operators in float."""
    source = source or tiny_detector()
    return quantize_graph(source, calibrate(source, IMAGES, "minmax"), floats)


def steps(graph: TFLiteGraph) -> list[str]:
    """Every operator with what it computes: "CONV_2D float32"."""
    return [f"{graph.op_name(each)} {graph.dtype(int(each.outputs[0]))}" for each in graph.operators]


def test_the_first_n_are_chosen_in_the_order_of_computation() -> None:
    graph = tiny_detector()
    assert operator_names(graph) == OPERATORS
    assert chosen_operators(graph, 2) == OPERATORS[:2]
    assert chosen_operators(graph, 0) == ()
    assert chosen_operators(graph, len(OPERATORS)) == OPERATORS


def test_names_are_put_in_the_order_of_computation() -> None:
    assert chosen_operators(tiny_detector(), ("scores", "features")) == ("features", "scores")


def test_what_the_model_does_not_have_is_refused() -> None:
    with pytest.raises(ConfigError, match="--float-operators 7: the model has 6 operators"):
        chosen_operators(tiny_detector(), 7)
    with pytest.raises(ConfigError, match=r"--float-operators: unknown operator .* did you mean 'features'"):
        chosen_operators(tiny_detector(), ("feature",))


def test_the_first_operator_in_float_has_a_border_on_each_side() -> None:
    assert steps(mixed("features"))[:4] == [
        "DEQUANTIZE float32",
        "CONV_2D float32",
        "QUANTIZE int8",
        "CONV_2D int8",
    ]
    assert steps(mixed("features")).count("QUANTIZE int8") == 1  # for both of its readers


def test_between_two_float_operators_nothing_is_converted() -> None:
    assert steps(mixed("logits/raw", "logits", "scores")) == [
        "CONV_2D int8",
        "CONV_2D int8",
        "RESHAPE int8",
        "DEQUANTIZE float32",
        "CONV_2D float32",
        "RESHAPE float32",
        "LOGISTIC float32",
    ]


def test_an_output_that_is_computed_in_float_stays_float() -> None:
    graph = mixed("scores")
    assert [graph.name(index) for index in graph.outputs] == ["raw_boxes", "scores"]
    assert [str(graph.dtype(index)) for index in graph.outputs] == ["int8", "float32"]


def test_all_operators_in_float_are_the_float_model() -> None:
    graph = mixed(*OPERATORS)
    set_input_type(graph, "float32")
    assert steps(graph) == [name.replace("int8", "float32") for name in steps(tiny_detector())]
    exact, found = run(tiny_detector().to_bytes(), IMAGES[0]), run(graph.to_bytes(), IMAGES[0])
    assert all(np.array_equal(exact[name], found[name]) for name in exact)


def test_a_name_is_no_pattern_and_no_beginning() -> None:
    source = tiny_detector()
    operator = source.operators[0]
    source.rename(int(operator.outputs[0]), "features(1)+x")  # as a pattern it would not match itself
    assert steps(mixed("features(1)+x", source=source))[1] == "CONV_2D float32"
    assert "CONV_2D float32" not in steps(mixed("logits"))  # not logits/raw


@pytest.mark.parametrize(("kind", "first"), [("uint8", "DEQUANTIZE float32"), ("float32", "CONV_2D float32")])
def test_a_float_operator_that_reads_the_picture_needs_no_rounded_one(kind: str, first: str) -> None:
    graph = mixed("features")
    before = run(graph.to_bytes(), IMAGES[0])["scores"]
    set_input_type(graph, kind)
    assert steps(graph)[0] == first
    assert str(graph.dtype(graph.inputs[0])) == kind
    np.testing.assert_allclose(run(graph.to_bytes(), IMAGES[0])["scores"], before, atol=0.04)


def test_weights_that_stay_float_are_not_raised() -> None:
    source = tiny_detector(dead=True)
    scales = {name: each.scale() for name, each in calibrate(source, IMAGES, "minmax").items()}
    assert len(repairs.raise_dead_channels(source.copy(), scales)) == 1
    assert repairs.raise_dead_channels(source.copy(), scales, ("features",)) == ()


def test_biases_of_integer_operators_alone_are_corrected() -> None:
    graph = mixed("features")
    assert correct_biases(tiny_detector(), graph, IMAGES).operators == 2


def test_what_is_float_has_no_noise_but_that_of_its_input() -> None:
    noise = {each.tensor: each.db for each in signal_to_noise(tiny_detector(), mixed("features"), IMAGES)}
    straight = {each.tensor: each.db for each in signal_to_noise(tiny_detector(), mixed(), IMAGES)}
    assert noise["features"] > straight["features"] + 3
