"""The three ONNX files of a vision-language model, with the inputs and outputs that transformers.js and optimum know.

embed_tokens           input_ids → inputs_embeds
vision_encoder         pixel_values and what else the family has → image_features
decoder_model_merged   inputs_embeds, attention_mask, position_ids, past_key_values.* → logits, present.*

The modules are those of transformers; only attention masks, and Qwen's vision positions, are computed here, where
its own code asks tensors for numbers, which an exporter can't follow.
"""

import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from transformers import DynamicCache

DIM = torch.export.Dim.DYNAMIC


class EmbedTokens(torch.nn.Module):
    def __init__(self, embedding):
        super().__init__()
        self.embedding = embedding

    def forward(self, input_ids):
        return self.embedding(input_ids)


class Decoder(torch.nn.Module):
    """Hidden states and the cache; the head comes later, so that `num_logits_to_keep` can stand in front of it."""

    def __init__(self, language_model):
        super().__init__()
        self.language_model = language_model

    def forward(self, inputs_embeds, attention_mask, position_ids, past):
        width, total = inputs_embeds.shape[1], attention_mask.shape[1]
        columns = torch.arange(total)
        rows = torch.arange(width) + total - width
        allowed = (columns[None, :] <= rows[:, None])[None, None] & (attention_mask[:, None, None, :] > 0)
        mask = torch.where(allowed, 0.0, torch.finfo(torch.float32).min)
        cache = DynamicCache(past)
        out = self.language_model(
            inputs_embeds=inputs_embeds,
            attention_mask=mask,
            position_ids=position_ids,
            past_key_values=cache,
            use_cache=True,
        )
        present = [(layer.keys, layer.values) for layer in out.past_key_values.layers]
        return out.last_hidden_state, present


class Idefics3Vision(torch.nn.Module):
    """`get_image_features` without the search for pictures that are all padding, and for whole pictures."""

    def __init__(self, model):
        super().__init__()
        self.vision, self.connector = model.vision_model, model.connector

    def forward(self, pixel_values, pixel_attention_mask):
        batch, count = pixel_values.shape[:2]
        pixels = pixel_values.reshape(batch * count, *pixel_values.shape[2:])
        embeddings = self.vision.embeddings
        x = embeddings.patch_embedding(pixels).flatten(2).transpose(1, 2)
        x = x + embeddings.position_embedding.weight[None]
        # The mask is all ones for one picture; it stays an input, as it is one in the published files.
        x = x * pixel_attention_mask.reshape(batch * count, -1).any(-1)[:, None, None]
        for layer in self.vision.encoder.layers:
            x = layer(x, None)
        return self.connector(self.vision.post_layernorm(x))


class Qwen2Vision(torch.nn.Module):
    """One picture: its patches lie in squares of `merge` × `merge`, and all of them see each other."""

    def __init__(self, visual):
        super().__init__()
        self.visual = visual

    def attention(self, attn, x, cos, sin):
        n = x.shape[0]
        q, k, v = attn.qkv(x).reshape(n, 3, attn.num_heads, -1).permute(1, 2, 0, 3).unbind(0)

        def rotated(t):
            half = t.shape[-1] // 2
            return t * cos + torch.cat((-t[..., half:], t[..., :half]), -1) * sin

        weights = torch.softmax(rotated(q) @ rotated(k).transpose(1, 2) * attn.scaling, -1)
        return attn.proj((weights @ v).transpose(0, 1).reshape(n, -1))

    def forward(self, pixel_values, grid_thw):
        visual = self.visual
        merge = visual.spatial_merge_size
        x = visual.patch_embed(pixel_values)
        at = torch.arange(x.shape[0])
        blocks, within = at // (merge * merge), at % (merge * merge)
        across = grid_thw[0, 2] // merge
        rows = blocks // across * merge + within // merge
        columns = blocks % across * merge + within % merge
        head = x.shape[-1] // visual.blocks[0].attn.num_heads
        frequencies = 1.0 / 10000.0 ** (torch.arange(0, head // 2, 2, dtype=torch.float32) / (head // 2))
        angles = torch.cat((rows[:, None] * frequencies, columns[:, None] * frequencies), -1)
        angles = torch.cat((angles, angles), -1)
        for block in visual.blocks:
            x = x + self.attention(block.attn, block.norm1(x), angles.cos(), angles.sin())
            x = x + block.mlp(block.norm2(x))
        return visual.merger(x)


class LlavaVision(torch.nn.Module):
    """States before the last layer, all of them: `vision_feature_layer` −2 and the strategy `full`."""

    def __init__(self, model):
        super().__init__()
        self.tower, self.projector = model.vision_tower, model.multi_modal_projector

    def forward(self, pixel_values):
        x = self.tower.embeddings(pixel_values)
        for layer in self.tower.encoder.layers[:-1]:
            x = layer(x, None)
        return self.projector(x)


def export(module, args, dynamic, names, outputs):
    program = torch.onnx.export(
        module.eval(),
        args,
        dynamic_shapes=dynamic,
        input_names=names,
        output_names=outputs,
        dynamo=True,
        opset_version=18,
        verbose=False,
    )
    return program.model_proto


def name_dims(proto, names):
    """Symbolic sizes by the names that transformers.js looks for; it takes all but `batch_size` for 0 in a cache."""
    for value in [*proto.graph.input, *proto.graph.output]:
        for at, dim in names.get(value.name.split(".")[0], {}).items():
            value.type.tensor_type.shape.dim[at].dim_param = dim


def save(proto, file):
    # Where tensors came from in the code, with paths of the machine that wrote the file.
    for node in proto.graph.node:
        del node.metadata_props[:]
        node.doc_string = ""
    del proto.graph.value_info[:]
    del proto.metadata_props[:]
    del proto.graph.metadata_props[:]
    for value in [*proto.graph.input, *proto.graph.output, *proto.graph.initializer]:
        del value.metadata_props[:]
    onnx.checker.check_model(proto)
    file.write_bytes(proto.SerializeToString(deterministic=True))


def add_head(proto, weight, keep):
    """logits = hidden[:, -num_logits_to_keep:] · weightᵀ; all of them for 0, as in the published files."""
    graph = proto.graph
    hidden = graph.output[0]
    graph.initializer.append(numpy_helper.from_array(weight.detach().T.contiguous().numpy(), "lm_head"))
    source = hidden.name
    if keep:
        graph.input.append(helper.make_tensor_value_info("num_logits_to_keep", TensorProto.INT64, []))
        for name, value in (("one_axis", [0]), ("time_axis", [1]), ("the_end", [2**63 - 1])):
            graph.initializer.append(helper.make_tensor(name, TensorProto.INT64, [1], value))
        graph.node.append(helper.make_node("Neg", ["num_logits_to_keep"], ["minus"]))
        graph.node.append(helper.make_node("Unsqueeze", ["minus", "one_axis"], ["start"]))
        graph.node.append(helper.make_node("Slice", [source, "start", "the_end", "time_axis"], ["kept"]))
        source = "kept"
    graph.node.append(helper.make_node("MatMul", [source, "lm_head"], ["logits"]))
    shape = ["batch_size", "num_logits", weight.shape[0]]
    graph.output[0].CopyFrom(helper.make_tensor_value_info("logits", TensorProto.FLOAT, shape))


def save_text(folder, language_model, head, embedding, positions, keep):
    """`positions`: 1 row or, for Qwen's rotations in three dimensions, 3."""
    config = language_model.config
    hidden, layers = config.hidden_size, config.num_hidden_layers
    batch = {0: "batch_size", 1: "sequence_length"}

    proto = export(EmbedTokens(embedding), (torch.tensor([[1, 2, 3]] * 2),), ({0: DIM, 1: DIM},), ["input_ids"], ["inputs_embeds"])
    name_dims(proto, {"input_ids": batch, "inputs_embeds": batch})
    save(proto, folder / "embed_tokens.onnx")

    past, width, rows = 3, 5, 2
    size = (rows, config.num_key_value_heads, past, hidden // config.num_attention_heads)
    cache = [(torch.randn(size), torch.randn(size)) for _ in range(layers)]
    at = torch.arange(past, past + width).expand(rows, width)
    inputs = (
        torch.randn(rows, width, hidden),
        torch.ones(rows, past + width, dtype=torch.int64),
        at if positions == 1 else at.expand(3, rows, width),
        cache,
    )
    of_cache = {0: DIM, 2: DIM}
    dynamic = ({0: DIM, 1: DIM}, {0: DIM, 1: DIM}, {0: DIM, 1: DIM} if positions == 1 else {1: DIM, 2: DIM}, [(of_cache, of_cache)] * layers)
    of = [(i, part) for i in range(layers) for part in ("key", "value")]
    names = ["inputs_embeds", "attention_mask", "position_ids", *(f"past_key_values.{i}.{part}" for i, part in of)]
    outputs = ["hidden", *(f"present.{i}.{part}" for i, part in of)]
    proto = export(Decoder(language_model), inputs, dynamic, names, outputs)
    add_head(proto, head, keep)
    total = {0: "batch_size", 1: "total_sequence_length"}
    name_dims(
        proto,
        {
            "inputs_embeds": batch,
            "attention_mask": total,
            "position_ids": batch if positions == 1 else {1: "batch_size", 2: "sequence_length"},
            "past_key_values": {0: "batch_size", 2: "past_sequence_length"},
            "present": {0: "batch_size", 2: "total_sequence_length"},
        },
    )
    save(proto, folder / "decoder_model_merged.onnx")


def save_vision(folder, module, args, dynamic, names, dims):
    proto = export(module, args, dynamic, names, ["image_features"])
    name_dims(proto, dims)
    save(proto, folder / "vision_encoder.onnx")
