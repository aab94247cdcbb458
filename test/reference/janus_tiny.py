"""A tiny Janus, of which transformers' own `JanusForConditionalGeneration` says what it computes.

    python janus_tiny.py   writes ../fixtures/janus/{hf,original,bin}, tokenizer-cases.json, golden-{bf16,f32}.json and
                           grpo-step.json

Everything in the golden files was computed in float32, one sequence at a time, and agrees with float64. What
`janus_known.py` has is reproduced first.
"""

import json

import torch
import transformers

import janus_known as known
import janus_tokenizer
from fixtures import path, plain, write_cases
from janus_files import write_folders
from janus_model import (
    additive,
    build,
    exact,
    guided_greedy,
    hidden,
    image_log_probs,
    parts_of,
    rows,
    text_log_probs,
    unconditional,
)
from janus_step import write_steps
from janus_weights import IDS

SOURCE = "transformers {}, PyTorch {}, {}, weights {}; see test/reference"
# The samples of `janus_known.py` without padding, and some more.
TEXTS = [
    [1, 17, 42, 250, 99, 7, 60, 61, 62, 2],
    [1, 30, 31, 32, 70, 71, 2, 200, 118, 205],
    [1, 290, 103, 281, 38, 269, 120, 107, 110, 2],
]
# With ids that stand for nothing or for images.
ODD_TEXT = [1, 319, 6, 6, 5, 4, 289, 103, 3, 0]
CONTEXTS = [
    [1, 17, 42, 250, 99, 7, 60, 61, 4],
    [1, 30, 31, 32, 70, 4],
    [1, 290, 103, 281, 38, 269, 120, 107, 110, 38, 282, 4],
]
IMAGES = [[(7 * i + 3 * b) % 64 for i in range(16)] for b in range(3)]
WEIGHT = 5.0


def source(precision, weights):
    return SOURCE.format(transformers.__version__, torch.__version__.split("+")[0], precision, weights)


def close(name, value, expected, tolerance):
    value, expected = torch.as_tensor(value).double(), torch.as_tensor(expected).double()
    assert value.shape == expected.shape, (name, value.shape, expected.shape)
    error = (value - expected).abs().max().item()
    assert error <= tolerance, f"{name} is off by {error}"
    return error


def compare(name, value, expected, tolerance):
    """The largest difference in nested lists and objects."""
    if isinstance(expected, dict):
        return max(compare(f"{name}.{key}", value[key], expected[key], tolerance) for key in expected)
    if isinstance(expected, list) and expected and isinstance(expected[0], (list, dict)):
        assert len(value) == len(expected), name
        return max(compare(f"{name}.{i}", v, e, tolerance) for i, (v, e) in enumerate(zip(value, expected)))
    return close(name, value, expected, tolerance)


def layers(model, ids):
    """States of one text `[T, D]`: the embedding, after each block, after the last norm."""
    states, language = [], model.model.language_model
    handles = [
        block.register_forward_hook(lambda _module, _inputs, output: states.append(output)) for block in language.layers
    ]
    embeddings = language.embed_tokens(torch.tensor([ids]))
    last = hidden(parts_of(model), embeddings)
    for handle in handles:
        handle.remove()
    return {"embedding": embeddings[0], "blocks": [state[0] for state in states], "norm": last[0]}


def first_steps(parts, contexts):
    """Logits of the first image token `[B, V]` of each branch."""
    each = [guided_greedy(parts, torch.tensor([row]), WEIGHT)[1] for row in contexts]
    return {name: [step[name][0] for step in each] for name in each[0]}


def greedy(parts, contexts):
    tokens, margins = [], []
    for row in contexts:
        ids, _, margin = guided_greedy(parts, torch.tensor([row]), WEIGHT)
        tokens.append(ids[0])
        margins.append(margin)
    # Any float32 implementation must choose the same.
    assert min(margins) > 0.01, margins
    return torch.stack(tokens), min(margins)


def padded(parts):
    """The samples of `janus_known.py` as T2I-R1 computes them: padded, positions counting columns."""
    prompts, plans = torch.tensor(known.PROMPTS), torch.tensor(known.PLANS)
    contexts, mask = torch.tensor(known.CONTEXTS), torch.tensor(known.CONTEXT_MASK)
    seen = torch.cat([torch.tensor(known.PROMPT_MASK), torch.tensor(known.PLAN_MASK)], 1)
    tokens, first, margin = guided_greedy(parts, contexts, known.GREEDY["weight"], mask)
    assert margin > 0.01, margin
    return {
        "prompts": known.PROMPTS,
        "promptMask": known.PROMPT_MASK,
        "plans": known.PLANS,
        "planMask": known.PLAN_MASK,
        "planLogProbs": text_log_probs(parts, torch.cat([prompts, plans], 1), seen)[:, -4:],
        "contexts": known.CONTEXTS,
        "contextMask": known.CONTEXT_MASK,
        "images": known.IMAGES,
        "imageLogProbs": image_log_probs(parts, contexts, torch.tensor(known.IMAGES), mask),
        "greedyTokens": tokens,
        "firstStep": first,
    }


def compute(model):
    parts = parts_of(model)
    tokens, margin = greedy(parts, CONTEXTS)
    pixels = model.decode_image_tokens(tokens)
    of_padded = padded(parts)
    return {
        "text": {"ids": TEXTS, "logprobs": rows(lambda ids: text_log_probs(parts, ids), TEXTS)},
        "image": {
            "context": CONTEXTS,
            "image_ids": IMAGES,
            "logprobs": rows(lambda context, ids: image_log_probs(parts, context, ids), CONTEXTS, IMAGES),
        },
        "guided_greedy": {"weight": WEIGHT, "tokens": tokens},
        "pixels": {
            "shape": list(pixels.shape),
            "first_row_first8": pixels[0, 0, :8, 0],
            "mean": pixels.mean().item(),
            "std": pixels.std().item(),
        },
        "extra": {
            "hidden": {"ids": known.TEXT_IDS, **layers(model, known.TEXT_IDS)},
            "textLogitsLast": parts.text_head(layers(model, known.TEXT_IDS)["norm"][-1]),
            "oddText": {"ids": ODD_TEXT, "logprobs": text_log_probs(parts, torch.tensor([ODD_TEXT]))[0]},
            "imageEmbeddings": {"ids": [0, 63], "values": parts.image_embedding(torch.tensor([0, 63]))},
            "pixelsFirstRow": pixels[:, 0],
            "pixelsLastRow": pixels[:, -1],
            "pixelsOfPadded": {
                "tokens": of_padded["greedyTokens"],
                "mean": model.decode_image_tokens(of_padded["greedyTokens"]).mean().item(),
                "std": model.decode_image_tokens(of_padded["greedyTokens"]).std().item(),
            },
            "firstStep": first_steps(parts, CONTEXTS),
            "smallestGreedyMargin": margin,
            "padded": of_padded,
        },
    }


def check_generate(model, tokens):
    """transformers' own image generation, with its cache, must choose the same tokens."""
    for row, expected in zip(CONTEXTS, tokens):
        ids = torch.tensor([row])
        generated = model.generate(
            ids, attention_mask=torch.ones_like(ids), generation_mode="image", do_sample=False, guidance_scale=WEIGHT
        )
        assert generated[0].tolist() == expected, (generated, expected)


def check_known(model, golden):
    """Weights unrounded."""
    parts, worst = parts_of(model), []

    def check(name, value, expected, tolerance=6e-6):
        worst.append((close(name, value, expected, tolerance), name))

    extra, of_padded = golden["extra"], golden["extra"]["padded"]
    logits = torch.tensor(extra["textLogitsLast"])
    check("hidden", extra["hidden"]["norm"][-1][:8], known.TEXT["hidden"])
    check("logits", logits[:8], known.TEXT["logits"])
    assert logits.argmax().item() == known.TEXT["argmax"]
    check("logsumexp", logits.logsumexp(0), known.TEXT["logsumexp"])
    check("image embedding", extra["imageEmbeddings"]["values"][0][:8], known.IMAGE_EMBEDDING)
    check("plan 0", of_padded["planLogProbs"][0], known.PLAN_LOG_PROBS[0])
    check("plan 1", of_padded["planLogProbs"][1][:3], known.PLAN_LOG_PROBS[1])
    check("plan 0 un-padded", golden["text"]["logprobs"][0][5:], known.PLAN_LOG_PROBS[0])
    check("plan 1 un-padded", golden["text"]["logprobs"][1][3:6], known.PLAN_LOG_PROBS[1])
    check("images", of_padded["imageLogProbs"], known.IMAGE_LOG_PROBS)
    check("image 0 un-padded", golden["image"]["logprobs"][0], known.IMAGE_LOG_PROBS[0])
    check("image 1 un-padded", golden["image"]["logprobs"][1], known.COMPACT_LOG_PROBS)
    assert of_padded["greedyTokens"] == known.GREEDY["tokens"]
    assert golden["guided_greedy"]["tokens"][0] == known.GREEDY["tokens"][0]
    for branch in ["conditional", "unconditional", "guided"]:
        check(branch, of_padded["firstStep"][branch][0][:4], known.GREEDY[branch])
    pixels = model.decode_image_tokens(torch.tensor(known.GREEDY["tokens"]))
    check("mean", pixels.mean(), known.PIXELS["mean"])
    check("std", pixels.std(), known.PIXELS["std"])
    check("pixels", pixels[0, 0, :8, 0], known.PIXELS["first"])
    check("pixels of image 0", golden["pixels"]["first_row_first8"], known.PIXELS["first"])
    for (b, y, x), expected in known.PIXELS["bytes"].items():
        value = ((pixels[b, y, x] + 1) / 2 * 255).clip(0, 255).to(torch.uint8)
        assert value.tolist() == expected, (b, y, x, value)
    # With positions from the mask, padding makes no difference.
    context, mask = torch.tensor(known.CONTEXTS[1:]), torch.tensor(known.CONTEXT_MASK[1:])
    image = torch.tensor(known.IMAGES[1:])
    whole = torch.cat([mask, torch.ones_like(image)], 1)
    embeddings = torch.cat([parts.text_embedding(context), parts.image_embedding(image)], 1)
    states = parts.language(
        inputs_embeds=embeddings,
        attention_mask=additive(whole, embeddings.dtype),
        position_ids=whole.cumsum(1) - 1,
        use_cache=False,
    ).last_hidden_state[:, context.shape[1] - 1 : -1]
    compact = torch.log_softmax(parts.image_head(states), -1).gather(-1, image[..., None])[0, :, 0]
    check("image 1, compact positions", compact, known.COMPACT_LOG_PROBS)
    print("known values: off by at most", *max(worst))


def write_golden(name, bf16):
    model = build(bf16)
    with torch.no_grad():
        golden = plain(compute(model))
        check_generate(model, golden["guided_greedy"]["tokens"])
        if not bf16:
            check_known(model, golden)
        error = compare("", golden, plain(compute(exact(build(bf16)))), 2e-5)
    print(name, "differs from float64 by at most", error)
    weights = "rounded to bfloat16" if bf16 else "unrounded"
    write_cases(f"janus/{name}", {"source": source("float32", weights), **golden})


def main():
    torch.set_num_threads(1)  # The order of sums, and with it the last bits.
    torch.backends.nnpack.set_flags(False)  # It says on every convolution that it does not run here.
    assert all(row[-1] == IDS["boi"] for row in CONTEXTS)
    assert unconditional(torch.tensor(CONTEXTS[:1])).tolist() == [[1, 3, 3, 3, 3, 3, 3, 3, 4]]
    tokenizer = janus_tokenizer.build()
    write_folders(tokenizer)
    text = json.dumps(janus_tokenizer.cases(tokenizer), ensure_ascii=False, indent=1)
    path("janus/tokenizer-cases.json").write_text(text + "\n")
    write_golden("golden-f32.json", bf16=False)
    write_golden("golden-bf16.json", bf16=True)
    write_steps(source)


if __name__ == "__main__":
    main()
