"""The tiny Janus as model folders: as transformers saves it, and in the two forms of the official repositories."""

import json
import shutil

import torch
from safetensors.torch import load_file, save_file
from transformers import JanusForConditionalGeneration

import janus_tokenizer
from fixtures import path
from janus_model import build
from janus_weights import TINY, VISION, draw, draw_all, needed_shapes, skipped_shapes, to_hf

FOLDER = path("janus")


def original_config():
    """config.json of the official repositories with small numbers.

    As there: the language model names only what differs from LLaMA's defaults, and `num_key_value_heads`,
    `rms_norm_eps`, `rope_theta`, biases and the activation are left to them. Unlike there: official files say nothing
    about the image decoder, whose sizes are fixed in code; `ch`, `ch_mult`, `num_res_blocks` and `z_channels` are ours.
    """
    d = TINY["width"]

    def part(cls, model_type, **params):
        return {"cls": cls, "model_type": model_type, "params": params}

    return {
        "aligner_config": part(
            "MlpProjector", "aligner", depth=2, input_dim=VISION["width"], n_embed=d, projector_type="mlp_gelu"
        ),
        "architectures": ["MultiModalityCausalLM"],
        "gen_aligner_config": part(
            "MlpProjector", "gen_aligner", depth=2, input_dim=TINY["codeWidth"], n_embed=d, projector_type="mlp_gelu"
        ),
        "gen_head_config": part(
            "vision_head", "gen_head", image_token_embed=d, image_token_size=TINY["imageVocabulary"], n_embed=d
        ),
        "gen_vision_config": part(
            "VQ-16",
            "gen_vision",
            image_token_size=TINY["imageVocabulary"],
            n_embed=TINY["codeWidth"],
            ch=TINY["channels"],
            ch_mult=TINY["multipliers"],
            num_res_blocks=TINY["blocks"],
            z_channels=TINY["latent"],
        ),
        "language_config": {
            "hidden_size": d,
            "intermediate_size": TINY["hidden"],
            "max_position_embeddings": TINY["positions"],
            "model_type": "llama",
            "num_attention_heads": TINY["heads"],
            "num_hidden_layers": TINY["layers"],
            "torch_dtype": "bfloat16",
            "vocab_size": TINY["vocabulary"],
        },
        "model_type": "multi_modality",
        "torch_dtype": "bfloat16",
        "transformers_version": "4.33.1",
        "vision_config": part(
            "CLIPVisionTower",
            "vision",
            image_size=VISION["image"],
            model_name="siglip_large_patch16_384",
            select_feature="same",
            select_layer=-1,
        ),
    }


def processor_config():
    return {
        "add_special_token": False,
        "ignore_id": -100,
        "image_tag": "<image_placeholder>",
        "mask_prompt": True,
        "num_image_tokens": TINY["grid"] ** 2,
        "processor_class": "VLChatProcessor",
        "sft_format": "deepseek",
    }


def as_bf16(weights):
    stored = {name: w.bfloat16().contiguous() for name, w in weights.items()}
    assert all(torch.equal(stored[name].float(), w) for name, w in weights.items())
    return stored


def fresh(name):
    folder = FOLDER / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def write_hf():
    folder = fresh("hf")
    build(bf16=True).bfloat16().save_pretrained(folder, max_shard_size="1MB")
    # transformers itself must read back every tensor that we gave it.
    model, info = JanusForConditionalGeneration.from_pretrained(
        folder, dtype=torch.float32, output_loading_info=True
    )
    assert not any(info.values()), info
    for name, value in to_hf(draw_all({**needed_shapes(), **skipped_shapes()}, bf16=True)).items():
        assert torch.equal(model.state_dict()[name], value), name


def write_original(tokenizer):
    """One file. Of the image encoder only its ends are there, to save bytes; of the rest everything."""
    folder = fresh("original")
    ends = ("encoder.conv_in.", "encoder.norm_out.", "encoder.conv_out.")
    shapes = {
        name: shape
        for name, shape in {**needed_shapes(), **skipped_shapes()}.items()
        if "gen_vision_model.encoder." not in name or any(end in name for end in ends)
    }
    weights = draw_all(shapes, bf16=True)
    # A buffer of training; the real one has 65536 numbers.
    weights["gen_vision_model.quantize.codebook_used"] = torch.zeros(1024)
    save_file(as_bf16(weights), folder / "model.safetensors", metadata={"format": "pt"})
    janus_tokenizer.write_plain(folder / "config.json", original_config())
    janus_tokenizer.write_plain(folder / "processor_config.json", processor_config())
    janus_tokenizer.write(folder, tokenizer)
    read = load_file(folder / "model.safetensors")
    assert all(torch.equal(read[name].float(), draw(name, shape).bfloat16().float()) for name, shape in shapes.items())


def write_bin(tokenizer):
    """Two files of `torch.save`, of what bicot needs and one tensor that it does not."""
    folder = fresh("bin")
    names = [*needed_shapes(), "gen_vision_model.quant_conv.weight"]
    shapes = {name: {**needed_shapes(), **skipped_shapes()}[name] for name in names}
    weights = as_bf16(draw_all(shapes, bf16=True))
    total = sum(w.nbytes for w in weights.values())
    shards, passed, places = [{}, {}], 0, {}
    for name, value in weights.items():
        shard = 0 if passed < total / 2 else 1
        shards[shard][name] = value
        places[name] = f"pytorch_model-0000{shard + 1}-of-00002.bin"
        passed += value.nbytes
    for i, shard in enumerate(shards):
        file = folder / f"pytorch_model-0000{i + 1}-of-00002.bin"
        torch.save(shard, file)
        read = torch.load(file, weights_only=True)
        assert list(read) == list(shard) and all(torch.equal(read[name], shard[name]) for name in shard)
    index = {"metadata": {"total_size": total}, "weight_map": places}
    (folder / "pytorch_model.bin.index.json").write_text(json.dumps(index, indent=2) + "\n")
    janus_tokenizer.write_plain(folder / "config.json", original_config())
    janus_tokenizer.write_plain(folder / "processor_config.json", processor_config())
    janus_tokenizer.write(folder, tokenizer)


def write_folders(tokenizer):
    write_hf()
    janus_tokenizer.write(FOLDER / "hf", tokenizer)
    write_original(tokenizer)
    write_bin(tokenizer)
