"""Tokenizers and chat templates of the tiny vision-language models.

Bytes and a few merges, so that of the ways to write yes and no some are one token and some are several. The templates are
those of SmolVLM-256M-Instruct, Qwen2-VL-2B-Instruct and LLaVA 1.5.
"""

import json

from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers

PRINTABLE = [*range(33, 127), *range(161, 173), *range(174, 256)]

SMOLVLM = (
    "<|im_start|>{% for message in messages %}{{message['role'] | capitalize}}"
    "{% if message['content'][0]['type'] == 'image' %}{{':'}}{% else %}{{': '}}{% endif %}"
    "{% for line in message['content'] %}{% if line['type'] == 'text' %}{{line['text']}}"
    "{% elif line['type'] == 'image' %}{{ '<image>' }}{% endif %}{% endfor %}<end_of_utterance>\n"
    "{% endfor %}{% if add_generation_prompt %}{{ 'Assistant:' }}{% endif %}"
)
QWEN = (
    "{% for message in messages %}{% if loop.first and message['role'] != 'system' %}"
    "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n{% endif %}<|im_start|>{{ message['role'] }}\n"
    "{% if message['content'] is string %}{{ message['content'] }}<|im_end|>\n{% else %}"
    "{% for content in message['content'] %}{% if content['type'] == 'image' %}"
    "<|vision_start|><|image_pad|><|vision_end|>{% elif 'text' in content %}{{ content['text'] }}{% endif %}"
    "{% endfor %}<|im_end|>\n{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
LLAVA = (
    "{% for message in messages %}{{ message['role'] | upper }}: "
    "{% for line in message['content'] %}{% if line['type'] == 'image' %}{{ '<image>\n' }}{% endif %}{% endfor %}"
    "{% for line in message['content'] %}{% if line['type'] == 'text' %}{{ line['text'] }} {% endif %}{% endfor %}"
    "{% endfor %}{% if add_generation_prompt %}{{ 'ASSISTANT:' }}{% endif %}"
)


def written(byte):
    """A byte as GPT-2 writes it."""
    return chr(byte) if byte in PRINTABLE else chr(256 + [b for b in range(256) if b not in PRINTABLE].index(byte))


def with_merges(alphabet, merges):
    pairs = [tuple(merge.split()) for merge in merges]
    tokens = [*alphabet, *("".join(pair) for pair in pairs)]
    assert len(set(tokens)) == len(tokens)
    return {token: at for at, token in enumerate(tokens)}, pairs


def byte_level(merges, special):
    """As GPT-2's and Qwen's; the special tokens come last."""
    vocab, pairs = with_merges([written(byte) for byte in range(256)], merges)
    tokenizer = Tokenizer(models.BPE(vocab=vocab, merges=pairs))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in special])
    return tokenizer


def sentence_piece(merges, special):
    """As LLaMA's: a space is written as ▁ and one is put in front, so that "yes" and " yes" differ by a token."""
    characters = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), "▁", *map(chr, range(33, 127))]
    vocab, pairs = with_merges(characters, merges)
    tokenizer = Tokenizer(models.BPE(vocab=vocab, merges=pairs, unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in special])
    return tokenizer


# One token each: yes, Yes, " yes", no, No, " no"; several: " Yes", " No".
def smolvlm():
    merges = ["y e", "ye s", "Y e", "Ye s", f"{written(32)} yes", "n o", "N o", f"{written(32)} no"]
    special = ["<|im_start|>", "<end_of_utterance>", "<fake_token_around_image>", "<image>", "<global-img>"]
    return byte_level(merges, special)


# One token each: Yes, yes, No; nothing else.
def qwen():
    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>", "<|image_pad|>"]
    return byte_level(["Y e", "Ye s", "y e", "ye s", "N o"], [*special, "<|video_pad|>"])


# "Yes" is ▁Yes, one token; " Yes" is ▁▁Yes, also one; "yes" and "no" are one, " no" is two.
def llava():
    merges = ["Y e", "Ye s", "▁ Yes", "▁ ▁Yes", "y e", "ye s", "▁ yes", "n o", "▁ no", "N o", "▁ No"]
    return sentence_piece(merges, ["<image>"])


def save(folder, tokenizer, kind, template, **more):
    """tokenizer.json and a tokenizer_config.json as the repositories of the models have them."""
    tokenizer.save(str(folder / "tokenizer.json"), pretty=False)
    config = {"tokenizer_class": kind, "chat_template": template, "clean_up_tokenization_spaces": False, **more}
    (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=1) + "\n")
