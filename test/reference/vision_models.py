"""Small vision models of the true architectures, random weights: their ONNX folders, and what they compute.

    python vision_models.py   writes ../fixtures/vision/{clip,siglip,owlvit,owlv2,grounding-dino,preprocess}

A folder is one as the hub has it, with `expected.json` beside. The classes are those of transformers; pixel values are
made with its processors on PIL.
"""

import base64
import json

import numpy as np
import onnx
import onnxruntime
import torch
import transformers
from transformers import (
    CLIPConfig,
    CLIPModel,
    GroundingDinoConfig,
    GroundingDinoForObjectDetection,
    Owlv2Config,
    Owlv2ForObjectDetection,
    OwlViTConfig,
    OwlViTForObjectDetection,
    SiglipConfig,
    SiglipModel,
)
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
from transformers.models.grounding_dino import modeling_grounding_dino
from transformers.models.grounding_dino.image_processing_pil_grounding_dino import GroundingDinoImageProcessorPil
from transformers.models.owlv2.image_processing_pil_owlv2 import Owlv2ImageProcessorPil
from transformers.models.owlvit.image_processing_pil_owlvit import OwlViTImageProcessorPil
from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil

import vision_tokenizers
from fixtures import path
from vision_masks import make_exportable
from vision_onnx import export
from vision_picture import picture

FOLDER = path("vision")
SOURCE = (
    f"transformers {transformers.__version__}, PyTorch {torch.__version__.split('+')[0]}, onnx {onnx.__version__}, "
    f"onnxruntime {onnxruntime.__version__}; see test/reference"
)
CLIP_MEAN, CLIP_STD = [0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711]
IMAGENET_MEAN, IMAGENET_STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
TEXTS = [
    "a photo of a red car",
    "the blue ball",
    "Purple  elephants, and a dog!",
    " ".join(["purple elephant"] * 40),  # too long for all of them
]
NOUNS = ["car", "sports ball", "roll of toilet paper", "ball", "purple elephant"]
LARGE = (96, 80)  # pictures that every processor here must resize


def pictures(size):
    return [picture(*size, which) for which in range(3)]


def spread(model, gain):
    """Weights so large that inputs matter."""
    for _, parameter in sorted(model.named_parameters()):
        if parameter.dim() >= 2:
            torch.nn.init.normal_(parameter, std=gain / parameter[0].numel() ** 0.5)
    return model.eval()


def packed(tensor):
    values = np.ascontiguousarray(np.asarray(tensor, dtype="<f4"))
    return {"shape": list(values.shape), "float32": base64.b64encode(values.tobytes()).decode()}


def sample(tensor, step):
    """Every so many-th value, for large tensors."""
    return {"step": step, **packed(tensor.flatten()[::step])}


def write(folder, name, value):
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(json.dumps(value) + "\n")


def write_config(folder, config):
    given = json.loads(config.to_json_string())
    write(folder, "config.json", {**given, "model_type": config.model_type})


def pixels(processor, images):
    return torch.as_tensor(np.stack([processor(image, return_tensors="np")["pixel_values"][0] for image in images]))


def two_towers(name, model, tokenizer, processor, settings, side, padding):
    """CLIP and SigLIP: embeddings of pictures and texts."""
    folder = FOLDER / name
    tokenizer = vision_tokenizers.save(folder, tokenizer)
    write(folder, "preprocessor_config.json", settings)
    write_config(folder, model.config)
    text = tokenizer(TEXTS, padding=padding, truncation=True, return_tensors="pt")
    inputs = {"input_ids": text.input_ids, "pixel_values": pixels(processor, pictures((side, side)))}
    dynamic = {"input_ids": {0: "t", 1: "l"}, "pixel_values": {0: "b"}}
    if name == "clip":
        inputs["attention_mask"] = text.attention_mask
        dynamic["attention_mask"] = {0: "t", 1: "l"}
    outputs = ["logits_per_image", "text_embeds", "image_embeds"]
    named = export(folder / "onnx/model.onnx", model, inputs, outputs, dynamic)
    expected = {"source": SOURCE, "texts": TEXTS, "input_ids": text.input_ids.tolist()}
    for kind, size in ("exact", (side, side)), ("resized", LARGE):
        inputs["pixel_values"] = pixels(processor, pictures(size))
        with torch.no_grad():
            logits, texts, images = named(*inputs.values())
        unit = [torch.nn.functional.normalize(e.double(), dim=-1) for e in (images, texts)]
        expected[kind] = {
            "size": size,
            "pixel_values": sample(inputs["pixel_values"], 1),
            "image_embeds": images.tolist(),
            "text_embeds": texts.tolist(),
            "logits_per_image": logits.tolist(),
            "cosine": (unit[0] @ unit[1].T).tolist(),  # [pictures, texts]
        }
    write(folder, "expected.json", expected)
    print(name, (folder / "onnx/model.onnx").stat().st_size, np.round(expected["exact"]["cosine"], 3).tolist())


def detector(name, model, tokenizer, processor, settings, side, ask):
    """`ask` gives a model's text inputs, the axes in which they vary, and what is told of them."""
    folder = FOLDER / name
    tokenizer = vision_tokenizers.save(folder, tokenizer)
    write(folder, "preprocessor_config.json", settings)
    write_config(folder, model.config)
    text, dynamic, told = ask(tokenizer)
    inputs = {**text, "pixel_values": pixels(processor, pictures((side, side))[:1])}
    outputs = ["logits", "pred_boxes"]
    named = export(folder / "onnx/model.onnx", model, inputs, outputs, {**dynamic, "pixel_values": {0: "b"}})
    expected = {"source": SOURCE, "nouns": NOUNS, "input_ids": text["input_ids"].tolist(), **told}
    for kind, size in ("exact", (side, side)), ("resized", LARGE if name != "grounding-dino" else (96, 96)):
        values = pixels(processor, pictures(size))
        results = []
        for image in values:
            inputs["pixel_values"] = image[None]
            with torch.no_grad():
                logits, boxes = named(*inputs.values())
            results.append((logits[0], boxes[0]))
        length = text["input_ids"].shape[1] if name == "grounding-dino" else len(NOUNS)
        logits = torch.stack([r[0] for r in results])[..., :length]
        scores = noun_scores(name, logits, told)
        expected[kind] = {
            "size": size,
            "pixel_values": sample(values, 11 if name == "grounding-dino" else 1),
            "logits": packed(logits),
            "boxes": packed(torch.stack([r[1] for r in results])),
            "scores": packed(scores),  # [pictures, boxes, nouns]
        }
        print(name, kind, (folder / "onnx/model.onnx").stat().st_size, [int((scores[..., j] > 0.3).sum()) for j in range(5)])
    write(folder, "expected.json", expected)


def noun_scores(name, logits, told):
    probabilities = logits.double().sigmoid()
    if name != "grounding-dino":
        return probabilities
    return torch.stack([probabilities[..., columns].mean(-1) for columns in told["columns"]], -1)


def ask_grounding_dino(tokenizer):
    """The columns of a noun come from where its characters are in the caption, independently of how bicot finds them."""
    caption = " . ".join(NOUNS) + "."
    text = tokenizer(caption, return_tensors="pt", return_offsets_mapping=True, return_token_type_ids=True)
    columns, begin = [], 0
    for noun in NOUNS:
        end = begin + len(noun)
        offsets = text.offset_mapping[0].tolist()
        columns.append([i for i, (a, b) in enumerate(offsets) if a < b and a >= begin and b <= end])
        begin = end + len(" . ")
    inputs = {name: text[name] for name in ("input_ids", "token_type_ids", "attention_mask")}
    dynamic = {name: {0: "b", 1: "t"} for name in inputs}
    inputs["pixel_mask"] = torch.ones(1, 128, 128, dtype=torch.long)
    return inputs, {**dynamic, "pixel_mask": {0: "b"}}, {"caption": caption, "columns": columns}


def ask_owl(tokenizer):
    text = tokenizer(NOUNS, padding=True, truncation=True, return_tensors="pt")
    inputs = {name: text[name] for name in ("input_ids", "attention_mask")}
    return inputs, {name: {0: "t", 1: "l"} for name in inputs}, {}


def towers(config_class, vocabulary, width, text, vision, **more):
    common = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
    return config_class(
        text_config={**common, "vocab_size": vocabulary, **text},
        vision_config={**common, "image_size": 32, "patch_size": 8, **vision},
        **({"projection_dim": width} if width else {}),
        **more,
    )


# What repositories on the hub say, and the classes that read it here.
REAL_SETTINGS = {
    "clip": (CLIPImageProcessorPil, {"size": {"shortest_edge": 224}, "crop_size": {"height": 224, "width": 224}}),
    "siglip": (SiglipImageProcessorPil, {"size": {"height": 224, "width": 224}}),
    "owlvit": (OwlViTImageProcessorPil, {"size": {"height": 768, "width": 768}}),
    "owlv2": (Owlv2ImageProcessorPil, {"size": {"height": 960, "width": 960}}),
    "grounding-dino": (GroundingDinoImageProcessorPil, {"size": {"shortest_edge": 800, "longest_edge": 1333}}),
}


def write_preprocessing():
    """Pixel values at the sizes of real models, of pictures as T2I-R1's: 384 pixels wide."""
    for name, (processor_class, sizes) in REAL_SETTINGS.items():
        folder = FOLDER / "preprocessing" / name
        settings = {**json.loads((FOLDER / name / "preprocessor_config.json").read_text()), **sizes}
        write(folder, "preprocessor_config.json", settings)
        values = pixels(processor_class(**settings), pictures((384, 384))[:1])
        sampled = sample(values, 499)
        write(folder, "expected.json", {"source": SOURCE, "shape": list(values.shape), "pixel_values": sampled})


def build(model_class, config, gain):
    torch.manual_seed(20)
    return spread(model_class._from_config(config, attn_implementation="eager"), gain)


def write_two_towers():
    tokenizer = vision_tokenizers.clip(None, 77)
    vocabulary = tokenizer[0].get_vocab_size()
    ids = {"bos_token_id": vocabulary - 2, "eos_token_id": vocabulary - 1, "pad_token_id": vocabulary - 1}
    clip = towers(CLIPConfig, vocabulary, 16, {"max_position_embeddings": 77, **ids}, {})
    settings = {
        "image_processor_type": "CLIPImageProcessor",
        **{"do_resize": True, "size": {"shortest_edge": 32}, "resample": 3},
        **{"do_center_crop": True, "crop_size": {"height": 32, "width": 32}, "do_convert_rgb": True},
        **{"do_rescale": True, "rescale_factor": 1 / 255},
        **{"do_normalize": True, "image_mean": CLIP_MEAN, "image_std": CLIP_STD},
    }
    processor = CLIPImageProcessorPil(**settings)
    two_towers("clip", build(CLIPModel, clip, 2), tokenizer, processor, settings, 32, True)

    tokenizer = vision_tokenizers.siglip(16)
    siglip = towers(SiglipConfig, tokenizer[0].get_vocab_size(), None, {"max_position_embeddings": 16}, {})
    settings = {
        "image_processor_type": "SiglipImageProcessor",
        **{"do_resize": True, "size": {"height": 32, "width": 32}, "resample": 3},
        **{"do_rescale": True, "rescale_factor": 1 / 255},
        **{"do_normalize": True, "image_mean": [0.5] * 3, "image_std": [0.5] * 3},
    }
    processor = SiglipImageProcessorPil(**settings)
    two_towers("siglip", build(SiglipModel, siglip, 2), tokenizer, processor, settings, 32, "max_length")


def write_owls():
    tokenizer = vision_tokenizers.clip("!", 16)
    vocabulary = tokenizer[0].get_vocab_size()
    ids = {"bos_token_id": vocabulary - 2, "eos_token_id": vocabulary - 1, "pad_token_id": 0}
    settings = {
        **{"do_resize": True, "size": {"height": 32, "width": 32}, "resample": 3},
        **{"do_rescale": True, "rescale_factor": 1 / 255},
        **{"do_normalize": True, "image_mean": CLIP_MEAN, "image_std": CLIP_STD},
    }
    for name, config_class, model_class, processor_class, more in (
        ("owlvit", OwlViTConfig, OwlViTForObjectDetection, OwlViTImageProcessorPil, {"do_center_crop": False}),
        ("owlv2", Owlv2Config, Owlv2ForObjectDetection, Owlv2ImageProcessorPil, {"do_pad": True, "resample": 2}),
    ):
        config = towers(config_class, vocabulary, 32, {"max_position_embeddings": 16, **ids}, {})
        own = {"image_processor_type": processor_class.__name__.removesuffix("Pil"), **settings, **more}
        detector(name, build(model_class, config, 2), tokenizer, processor_class(**own), own, 32, ask_owl)


def write_grounding_dino():
    make_exportable(modeling_grounding_dino)
    backbone = {
        **{"model_type": "swin", "image_size": 128, "patch_size": 4, "window_size": 4},
        **{"embed_dim": 4, "depths": [1, 1, 1, 1], "num_heads": [1, 2, 2, 2], "out_indices": [2, 3, 4]},
    }
    text = {
        **{"model_type": "bert", "vocab_size": 1040, "hidden_size": 16, "num_hidden_layers": 1},
        **{"num_attention_heads": 2, "intermediate_size": 32, "max_position_embeddings": 64},
    }
    config = GroundingDinoConfig(
        backbone_config=backbone,
        text_config=text,
        **{"num_queries": 12, "encoder_layers": 1, "decoder_layers": 2, "d_model": 32},
        **{"encoder_ffn_dim": 32, "decoder_ffn_dim": 32, "encoder_attention_heads": 4, "decoder_attention_heads": 4},
        disable_custom_kernels=True,
    )
    settings = {
        "image_processor_type": "GroundingDinoImageProcessor",
        **{"do_resize": True, "size": {"shortest_edge": 128, "longest_edge": 213}, "resample": 2},
        **{"do_rescale": True, "rescale_factor": 1 / 255, "do_pad": True, "format": "coco_detection"},
        **{"do_normalize": True, "image_mean": IMAGENET_MEAN, "image_std": IMAGENET_STD},
    }
    processor = GroundingDinoImageProcessorPil(**settings)
    model = build(GroundingDinoForObjectDetection, config, 1)
    detector("grounding-dino", model, vision_tokenizers.bert(), processor, settings, 128, ask_grounding_dino)


if __name__ == "__main__":
    write_two_towers()
    write_owls()
    write_grounding_dino()
    write_preprocessing()
