"""Small ONNX networks, made on the spot."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def write_encoder(path, channels=3, side=8, features=12, seed=0, inputs=None, pooled=True):
    """Write flatten -> linear -> tanh; with ``inputs`` another input shape, with ``pooled`` False a map comes out.

    Returns:
        (channels * side * side, features) float32 weights of the linear layer.
    """
    draw = np.random.default_rng(seed)
    weights = (draw.normal(size=(channels * side * side, features)) / side).astype(np.float32)
    shape = ["N", channels, side, side] if inputs is None else inputs
    given = helper.make_tensor_value_info("pixels", TensorProto.FLOAT, shape)
    if pooled:
        out = helper.make_tensor_value_info("pooled", TensorProto.FLOAT, ["N", features])
        nodes = [
            helper.make_node("Flatten", ["pixels"], ["flat"]),
            helper.make_node("MatMul", ["flat", "weights"], ["linear"]),
            helper.make_node("Tanh", ["linear"], ["pooled"]),
        ]
    else:
        out = helper.make_tensor_value_info("map", TensorProto.FLOAT, shape)
        nodes = [helper.make_node("Tanh", ["pixels"], ["map"])]
    graph = helper.make_graph(nodes, "encoder", [given], [out], [numpy_helper.from_array(weights, "weights")])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(model, path)
    return weights
