"""ONNX files small enough for a web page: weights as float16, computed with as float32. Needs onnx and onnxscript."""

import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn


def export(graph: nn.Module, inputs: dict[str, Tensor], batch: bool = False) -> bytes:
    """The graph as an ONNX file with one output. batch: the inputs' first axis may have any length.

    The weights are first rounded to float16 in place, so that PyTorch and the file say the same.
    """
    for weight in graph.state_dict().values():
        if weight.is_floating_point():
            weight.copy_(weight.half())
    free = tuple({0: torch.export.Dim.DYNAMIC} for _ in inputs) if batch else None
    program = torch.onnx.export(graph.eval(), tuple(inputs.values()), input_names=list(inputs), dynamo=True,
                                optimize=False, external_data=False, verbose=False, dynamic_shapes=free)
    return _slim(program.model_proto).SerializeToString()


def weights_of(content: bytes) -> dict[str, Tensor]:
    """The weights in an ONNX file by their PyTorch names, as float32."""
    initializers = onnx.load_model_from_string(content).graph.initializer
    return {w.name: torch.tensor(numpy_helper.to_array(w)).float() for w in initializers if w.data_type == TensorProto.FLOAT16}


def _slim(model: onnx.ModelProto) -> onnx.ModelProto:
    """Leave out the exporter's notes, store the float weights as float16 and turn them back when they are loaded."""
    graph = model.graph
    del graph.value_info[:]
    for part in (model, graph, *graph.node, *graph.input, *graph.output, *graph.initializer):
        del part.metadata_props[:]
        part.doc_string = ""
    casts = []
    for weight in graph.initializer:
        if weight.data_type == TensorProto.FLOAT:
            half = numpy_helper.from_array(numpy_helper.to_array(weight).astype("float16"), weight.name)
            weight.CopyFrom(half)
            casts.append(helper.make_node("Cast", [weight.name], [f"{weight.name}:32"], to=TensorProto.FLOAT))
    full = {cast.input[0]: cast.output[0] for cast in casts}
    for node in graph.node:
        node.input[:] = [full.get(name, name) for name in node.input]
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
    onnx.checker.check_model(model, full_check=True)
    return model
