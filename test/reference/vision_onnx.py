"""Exports of models to ONNX, as small as they go."""

import numpy as np
import onnx
import onnxruntime
import torch


class Named(torch.nn.Module):
    """A model that takes and gives tensors in the order of their names."""

    def __init__(self, model, inputs, outputs):
        super().__init__()
        self.model, self.inputs, self.outputs = model, inputs, outputs

    def forward(self, *tensors):
        result = self.model(**dict(zip(self.inputs, tensors)), return_dict=True)
        return tuple(result[name] for name in self.outputs)


def export(file, model, inputs, outputs, dynamic, opset=17):
    """Writes a graph with the names of the model's own inputs (name to tensor) and outputs; `dynamic` says which of their
    dimensions vary. Stops if the graph and the model disagree by more than 2e-5."""
    named = Named(model, list(inputs), outputs).eval()
    file.parent.mkdir(parents=True, exist_ok=True)
    torch.onnx.export(
        named,
        tuple(inputs.values()),
        str(file),
        input_names=list(inputs),
        output_names=outputs,
        dynamic_axes=dynamic,
        opset_version=opset,
        dynamo=False,
    )
    shorten(file)
    named.eval()  # the exporter leaves it training
    with torch.no_grad():
        wanted = named(*inputs.values())
    given = run(file, inputs)
    for name, value in zip(outputs, wanted):
        finite = torch.isfinite(value).numpy()
        error = np.abs(given[name][finite] - value.numpy()[finite]).max()
        assert error <= 2e-5, f"{file}: {name} is off by {error}"
        assert (np.isfinite(given[name]) == finite).all()
    return named


def run(file, inputs):
    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    wanted = {node.name for node in session.get_inputs()}
    feeds = {name: value.numpy() for name, value in inputs.items() if name in wanted}
    return dict(zip(names, session.run(None, feeds)))


def shorten(file):
    """Short names inside, one node for equal constants, no text for people: half the file of a small model is that."""
    model = onnx.load(str(file))
    graph = model.graph
    kept = {value.name for value in [*graph.input, *graph.output]} | {""}
    names = {}

    def short(name):
        if name in kept:
            return name
        return names.setdefault(name, f"v{len(names):x}")

    constants, replaced, nodes = {}, {}, []
    for node in graph.node:
        node.name, node.doc_string = "", ""
        if node.op_type == "Constant" and node.output[0] not in kept:
            key = b"".join(attribute.SerializeToString() for attribute in node.attribute)
            if key in constants:
                replaced[node.output[0]] = constants[key]
                continue
            constants[key] = node.output[0]
        nodes.append(node)
    for node in nodes:
        # A graph within a node would have names of its own.
        assert not any(attribute.HasField("g") for attribute in node.attribute), node.op_type
        inputs = [short(replaced.get(name, name)) for name in node.input]
        outputs = [short(name) for name in node.output]
        del node.input[:], node.output[:]
        node.input.extend(inputs)
        node.output.extend(outputs)
    for initializer in graph.initializer:
        initializer.name = short(initializer.name)
    del graph.node[:], graph.value_info[:]
    graph.node.extend(nodes)
    onnx.checker.check_model(model)
    onnx.save(model, str(file))
