"""Tiny vision-language models for yes/no questions, of which transformers says what they answer.

    python vision_language.py   writes ../fixtures/vision/{smolvlm,qwen2-vl,llava}

Each folder is what a repository for transformers.js looks like: config.json, the tokenizer, the processor's settings
and onnx/. `expected.json` has three pictures and, for each and some questions, what transformers computes in float64: the
ids of the prompt, the logits of the first new token and the probability of yes; `pixels` is what its processor makes of the
pictures. The models' weights are random, and large enough for answers to differ.
"""

import base64
import json
import math
import shutil
from pathlib import Path

import numpy as np
import torch
import transformers
from PIL import Image
from transformers import (
    Idefics3Config,
    Idefics3ForConditionalGeneration,
    Idefics3Processor,
    LlavaConfig,
    LlavaForConditionalGeneration,
    LlavaProcessor,
    PreTrainedTokenizerFast,
    Qwen2VLConfig,
    Qwen2VLForConditionalGeneration,
    Qwen2VLProcessor,
)
from transformers.models.idefics3.image_processing_pil_idefics3 import Idefics3ImageProcessorPil
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil
from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil

import vision_language_tokenizers as tokenizers
from vision_language_onnx import DIM, Idefics3Vision, LlavaVision, Qwen2Vision, save_text, save_vision

FIXTURES = Path(__file__).parent.parent / "fixtures" / "vision"
QUESTIONS = [
    "Is there a purple elephant in the image?",
    "Is there a red ball in the image?",
    "Does this image show: a red ball left of a cube? Answer yes or no.",
]
SIDE = 32
TEXT = dict(hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2)


def picture(width, height, phase):
    """Waves that differ by channel, and edges that a resampling filter rounds off."""
    y, x = np.mgrid[0:height, 0:width]
    waves = [np.sin(x / 5 + phase) * np.cos(y / 7), np.cos(x / 9) * np.sin(y / 4 + phase), np.sin((x + y) / 6)]
    pixels = np.stack(waves, -1) * 90 + 128 + 30 * (((x // 8 + y // 8) % 2) * 2 - 1)[..., None]
    return pixels.clip(0, 255).astype(np.uint8)


# As large as the models want it, so that nothing is resampled; one to be enlarged, as generated ones mostly are; one to be
# made smaller.
PICTURES = {"exact": picture(SIDE, SIDE, 0.3), "enlarged": picture(28, 28, 2.0), "shrunk": picture(48, 40, 1.1)}


def write_json(file, content):
    file.write_text(json.dumps(content, indent=1) + "\n")


def write_rows(file, content):
    """With a line for each entry of a list or an object, so that a changed case is a changed line."""
    lines = []
    for key, value in content.items():
        if isinstance(value, dict):
            inner = ",\n".join(f"  {json.dumps(k)}: {json.dumps(v)}" for k, v in value.items())
            lines.append(f" {json.dumps(key)}: {{\n{inner}\n }}")
        elif isinstance(value, list) and isinstance(value[0], dict):
            lines.append(f" {json.dumps(key)}: [\n" + ",\n".join(f"  {json.dumps(item)}" for item in value) + "\n ]")
        else:
            lines.append(f" {json.dumps(key)}: {json.dumps(value)}")
    file.write_text("{\n" + ",\n".join(lines) + "\n}\n")


def random_weights(model, seed):
    """Matrices that keep the size of what goes through them, so that the picture reaches the answer."""
    torch.manual_seed(seed)
    for name, value in model.named_parameters():
        if value.ndim < 2:
            continue
        spread = 1.0 if "embed_tokens" in name or "position_embedding" in name else 1.5 / math.sqrt(value[0].numel())
        torch.nn.init.normal_(value, std=spread)
    return model.eval()


def variants(tokenizer, word):
    """Ids of the ways to write a word that are one token, without repetition."""
    ids = [tokenizer.encode(text, add_special_tokens=False) for text in (word.title(), word, f" {word.title()}", f" {word}")]
    return list(dict.fromkeys(of[0] for of in ids if len(of) == 1))


def packed(values):
    return {"shape": list(values.shape), "float32": base64.b64encode(values.numpy().tobytes()).decode()}


@torch.no_grad()
def expectations(model, processor, tokenizer, call):
    yes, no = variants(tokenizer, "yes"), variants(tokenizer, "no")
    pixels, cases = {}, []
    for name, array in PICTURES.items():
        for question in QUESTIONS:
            content = [{"type": "image"}, {"type": "text", "text": question}]
            text = processor.apply_chat_template([{"role": "user", "content": content}], add_generation_prompt=True)
            inputs = call(processor, Image.fromarray(array), text)
            logits = model(**inputs).logits[0, -1]
            exact = model.double()(**{k: v.double() if v.is_floating_point() else v for k, v in inputs.items()}).logits[0, -1]
            model.float()
            error = (logits - exact).abs().max().item()
            assert error < 1e-4, error
            margin = torch.logsumexp(exact[yes], 0) - torch.logsumexp(exact[no], 0)
            cases.append(
                {
                    "picture": name,
                    "question": question,
                    "text": text,
                    "input_ids": inputs["input_ids"][0].tolist(),
                    "logits": [round(value, 6) for value in exact.tolist()],
                    "probability": torch.sigmoid(margin).item(),
                }
            )
        pixels[name] = packed(inputs["pixel_values"])
    print({(c["picture"], c["question"][:12]): round(c["probability"], 4) for c in cases}, "yes", yes, "no", no)
    return {"yes": yes, "no": no, "pixels": pixels, "cases": cases}


def write(name, model, processor, tokenizer, call, config, keep, **more):
    folder = FIXTURES / name
    expected = expectations(model, processor, tokenizer, call)
    write_json(folder / "config.json", config)
    pictures = {
        key: {"width": value.shape[1], "height": value.shape[0], "rgb": base64.b64encode(value.tobytes()).decode()}
        for key, value in PICTURES.items()
    }
    source = f"transformers {transformers.__version__}, PyTorch {torch.__version__.split('+')[0]}; see test/reference"
    write_rows(folder / "expected.json", {"source": source, "num_logits_to_keep": keep, "pictures": pictures, **expected, **more})
    for file in sorted(folder.rglob("*")):
        if file.is_file():
            print(f"  {file.stat().st_size:8d} {file.relative_to(FIXTURES)}")


def fresh(name):
    shutil.rmtree(FIXTURES / name, ignore_errors=True)
    (FIXTURES / name / "onnx").mkdir(parents=True)
    return FIXTURES / name


def fast(tokenizer, template, **special):
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, chat_template=template, clean_up_tokenization_spaces=False, **special)


def smolvlm():
    folder, raw = fresh("smolvlm"), tokenizers.smolvlm()
    vocab, image = raw.get_vocab_size(), raw.token_to_id("<image>")
    vision = dict(hidden_size=24, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2, image_size=SIDE, patch_size=8)
    config = Idefics3Config(
        vision_config=vision,
        text_config=dict(model_type="llama", vocab_size=vocab, pad_token_id=0, **TEXT),
        image_token_id=image,
        scale_factor=2,
        pad_token_id=0,
        attn_implementation="eager",
    )
    model = random_weights(Idefics3ForConditionalGeneration(config), 1)
    settings = dict(
        do_image_splitting=True,
        size={"longest_edge": SIDE},
        max_image_size={"longest_edge": SIDE},
        image_mean=[0.5] * 3,
        image_std=[0.5] * 3,
    )
    tokens = (SIDE // 8) ** 2 // 4
    tokenizer = fast(raw, tokenizers.SMOLVLM)
    processor = Idefics3Processor(Idefics3ImageProcessorPil(**settings), tokenizer, image_seq_len=tokens, chat_template=tokenizers.SMOLVLM)
    tokenizers.save(folder, raw, "GPT2Tokenizer", tokenizers.SMOLVLM)
    more = dict(do_convert_rgb=True, do_normalize=True, do_pad=True, do_rescale=True, do_resize=True, resample=1, rescale_factor=1 / 255)
    kind = dict(image_processor_type="Idefics3ImageProcessor", processor_class="Idefics3Processor")
    write_json(folder / "preprocessor_config.json", {**kind, **settings, **more})
    write_json(folder / "processor_config.json", dict(image_seq_len=tokens, processor_class="Idefics3Processor"))

    inner = model.model
    pixels, mask = torch.randn(1, 2, 3, SIDE, SIDE), torch.ones(1, 2, SIDE, SIDE, dtype=torch.bool)
    names = ["pixel_values", "pixel_attention_mask"]
    dims = {name: {0: "batch_size", 1: "num_images"} for name in names}
    save_vision(folder / "onnx", Idefics3Vision(inner), (pixels, mask), ({1: DIM}, {1: DIM}), names, dims)
    save_text(folder / "onnx", inner.text_model, model.lm_head.weight, inner.text_model.embed_tokens, positions=1, keep=True)
    # As published: first to four times the side of a view, then to one view.
    detour = Idefics3ImageProcessorPil(**{**settings, "size": {"longest_edge": 4 * SIDE}, "do_image_splitting": False})
    big = Image.fromarray(picture(24, 24, 0.7))
    enlarged_first = {"rgb": base64.b64encode(np.asarray(big).tobytes()).decode(), "width": 24, "height": 24}
    enlarged_first |= packed(detour(big, return_tensors="pt")["pixel_values"])
    call = lambda processor, image, text: processor(text=text, images=[image], do_image_splitting=False, return_tensors="pt")  # noqa: E731
    write("smolvlm", model, processor, tokenizer, call, {**config.to_dict(), "architectures": ["Idefics3ForConditionalGeneration"]}, True, enlarged_first=enlarged_first)


class PicturesOnly(Qwen2VLProcessor):
    """Without the processor of videos, which needs torchvision."""

    def check_argument_for_proper_class(self, argument_name, argument):
        return type(argument) if argument is None else super().check_argument_for_proper_class(argument_name, argument)


def qwen2_vl():
    folder, raw = fresh("qwen2-vl"), tokenizers.qwen()
    vocab, of = raw.get_vocab_size(), raw.token_to_id
    config = Qwen2VLConfig(
        vision_config=dict(depth=2, embed_dim=32, hidden_size=32, mlp_ratio=2, num_heads=2, patch_size=4, spatial_merge_size=2, temporal_patch_size=2),
        vocab_size=vocab,
        rope_scaling={"type": "mrope", "mrope_section": [2, 1, 1]},
        max_position_embeddings=512,
        image_token_id=of("<|image_pad|>"),
        video_token_id=of("<|video_pad|>"),
        vision_start_token_id=of("<|vision_start|>"),
        vision_end_token_id=of("<|vision_end|>"),
        attn_implementation="eager",
        bos_token_id=of("<|endoftext|>"),
        eos_token_id=of("<|im_end|>"),
        **TEXT,
    )
    model = random_weights(Qwen2VLForConditionalGeneration(config), 2)
    settings = dict(
        min_pixels=16 * 16,
        max_pixels=SIDE * SIDE,
        patch_size=4,
        temporal_patch_size=2,
        merge_size=2,
        image_mean=[0.48145466, 0.4578275, 0.40821073],
        image_std=[0.26862954, 0.26130258, 0.27577711],
    )
    tokenizer = fast(raw, tokenizers.QWEN)
    processor = PicturesOnly(
        Qwen2VLImageProcessorPil(**settings), tokenizer, None, chat_template=tokenizers.QWEN
    )
    tokenizers.save(folder, raw, "Qwen2Tokenizer", tokenizers.QWEN)
    kind = dict(image_processor_type="Qwen2VLImageProcessor", processor_class="Qwen2VLProcessor")
    more = dict(do_convert_rgb=True, do_normalize=True, do_rescale=True, do_resize=True, resample=3, rescale_factor=1 / 255)
    write_json(folder / "preprocessor_config.json", {**kind, **settings, **more, "size": {"max_pixels": SIDE * SIDE, "min_pixels": 256}})

    inner = model.model
    pixels, grid = torch.randn(24, 3 * 2 * 16), torch.tensor([[1, 4, 6]])
    names = ["pixel_values", "grid_thw"]
    dims = {"pixel_values": {0: "patches"}}
    save_vision(folder / "onnx", Qwen2Vision(inner.visual), (pixels, grid), ({0: DIM}, {}), names, dims)
    save_text(folder / "onnx", inner.language_model, model.lm_head.weight, inner.language_model.embed_tokens, positions=3, keep=False)
    # The repositories of Qwen2-VL have the language model's settings at the top.
    saved = config.to_dict()
    flat = {**saved.pop("text_config"), **saved, "architectures": ["Qwen2VLForConditionalGeneration"], "model_type": "qwen2_vl"}
    call = lambda processor, image, text: processor(text=[text], images=[image], return_tensors="pt")  # noqa: E731
    write("qwen2-vl", model, processor, tokenizer, call, flat, False)


def llava():
    folder, raw = fresh("llava"), tokenizers.llava()
    vocab, image = raw.get_vocab_size(), raw.token_to_id("<image>")
    vision = dict(model_type="siglip_vision_model", hidden_size=24, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2, image_size=SIDE, patch_size=8)
    config = LlavaConfig(
        vision_config={**vision, "vision_use_head": False},
        text_config=dict(model_type="llama", vocab_size=vocab, **TEXT),
        image_token_id=image,
        image_token_index=image,
        vision_feature_select_strategy="full",
        vision_feature_layer=-2,
        image_seq_length=16,
        attn_implementation="eager",
    )
    model = random_weights(LlavaForConditionalGeneration(config), 3)
    settings = dict(size={"height": SIDE, "width": SIDE}, resample=3, image_mean=[0.5] * 3, image_std=[0.5] * 3)
    rules = dict(patch_size=8, vision_feature_select_strategy="full", num_additional_image_tokens=0, image_token="<image>")
    tokenizer = fast(raw, tokenizers.LLAVA)
    processor = LlavaProcessor(SiglipImageProcessorPil(**settings), tokenizer, chat_template=tokenizers.LLAVA, **rules)
    tokenizers.save(folder, raw, "LlamaTokenizer", tokenizers.LLAVA, legacy=True, unk_token="<unk>")
    more = dict(do_convert_rgb=True, do_normalize=True, do_rescale=True, do_resize=True, rescale_factor=1 / 255)
    kind = dict(image_processor_type="SiglipImageProcessor", processor_class="LlavaProcessor")
    write_json(folder / "preprocessor_config.json", {**kind, **settings, **more})
    write_json(folder / "processor_config.json", {"processor_class": "LlavaProcessor", **rules})

    inner = model.model
    dims = {"pixel_values": {0: "batch_size"}, "image_features": {0: "batch_size"}}
    save_vision(folder / "onnx", LlavaVision(inner), (torch.randn(2, 3, SIDE, SIDE),), ({0: DIM},), ["pixel_values"], dims)
    save_text(folder / "onnx", inner.language_model, model.lm_head.weight, inner.language_model.embed_tokens, positions=1, keep=True)
    call = lambda processor, image, text: processor(images=[image], text=text, return_tensors="pt")  # noqa: E731
    write("llava", model, processor, tokenizer, call, {**config.to_dict(), "architectures": ["LlavaForConditionalGeneration"]}, True)


if __name__ == "__main__":
    smolvlm()
    qwen2_vl()
    llava()
