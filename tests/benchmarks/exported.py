"""The models that are served, made of random weights: a tiny classifier and a perceptron of 23 MB."""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy

TINY = (4, 16, 3)
LARGE = (784, 2048, 2048, 10)


def a_perceptron(widths: Sequence[int]) -> bytes:
    """An ONNX model: floats `values` of [rows, first width] in, softmax `scores` of [rows, last width] out."""
    from onnx import TensorProto, helper, numpy_helper

    random = numpy.random.default_rng(1)
    nodes, weights, last = [], [], "values"
    for layer, (before, after) in enumerate(pairwise(widths)):
        weight = random.normal(0, before**-0.5, (before, after)).astype(numpy.float32)
        weights += [numpy_helper.from_array(weight, f"w{layer}"), numpy_helper.from_array(weight[0], f"b{layer}")]
        nodes.append(helper.make_node("Gemm", [last, f"w{layer}", f"b{layer}"], [f"h{layer}"]))
        final = layer == len(widths) - 2
        last = "scores" if final else f"a{layer}"
        nodes.append(helper.make_node("Softmax" if final else "Relu", [f"h{layer}"], [last]))
    graph = helper.make_graph(
        nodes,
        "perceptron",
        [helper.make_tensor_value_info("values", TensorProto.FLOAT, ["rows", widths[0]])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["rows", widths[-1]])],
        weights,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    data: bytes = model.SerializeToString(deterministic=True)
    return data


def a_request(widths: Sequence[int]) -> str:
    """The JSON body that every contender of a model gets."""
    values = numpy.random.default_rng(2).random(widths[0]).round(6).tolist()
    return f'{{"values": {values}}}'


def write_models(folder: Path, widths: Sequence[int], names: Sequence[str]) -> None:
    """The same model under each of `names`, as version 1 below `folder`."""
    data = a_perceptron(widths)
    for name in names:
        path = folder / name / "1" / "model.onnx"
        path.parent.mkdir(parents=True)
        path.write_bytes(data)
