"""The tokenizer of the tiny Janus: byte-level BPE with the ids that its weights were made for.

The pre-tokenizer, the decoder and the absence of a BOS template are those of DeepSeek's file, with fewer ranges of
letters. Special tokens come first and the bytes after them in order; ids from `len(vocabulary)` to 319 stand for
nothing, as there are more rows in the embedding of the real model than tokens, too.
"""

import json

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, processors

from janus_weights import IDS, TINY

BOS, EOS, PAD = "<｜begin▁of▁sentence｜>", "<｜end▁of▁sentence｜>", "<｜▁pad▁｜>"
# The bytes as GPT-2 writes them: printable ones as they are, the others from U+0100 on.
PRINTABLE = [*range(33, 127), *range(161, 173), *range(174, 256)]
LETTERS = "A-Za-zµÀ-ÖØ-öø-ƺƼ-ƿǄ-ʓΆΈ-ΊΌΎ-ΡΣ-ϵϷ-ҁҊ-ԯ"
MERGES = """t h,i n,e r,a n,r e,o n,e d,th e,Ġ the,Ġ a,in g,an d,Ġ b,l l,a t,s t,Ġ in,Ġ r,Ġr ed,Ġ and,U s,Us er,
Ġ Ġ,Ã ¼,ä ½,ä½ ł,ð Ł"""
CASES = [
    "",
    "a",
    " a",
    "a ",
    "the red ball",
    "Hello, how are you?",
    "  two leading spaces, three   inside and two behind  ",
    "tab\tand\nnewline\r\nand\n\nparagraph\n",
    "   \n   ",
    "digits 0123456789 and 3.14, 1,000,000 or 24x24",
    "Don't \"quote\" (me) – it’s… a “test”!",
    "Grüße aus Köln, naïve café, ÄÖÜß",
    "Ελληνικά и русский",
    "你好，世界。一只红色的猫",
    "日本語のテキストと한국어",
    "emoji 🍌🙂 👩‍👩‍👧 and flags 🇩🇪",
    "combining e\u0301 and \u00e9, zero\u200bwidth, nbsp\u00a0space",
    "control \u0000\u0001\u007f and \ufffd",
    "math ∑ x² ≤ √y; arrows → ⇒",
    "supplementary 𝔘𝔫𝔦𝔠𝔬𝔡𝔢 𐐷",
    "<begin_of_image>",
    "<begin_of_image><end_of_image> <image_placeholder>",
    f"{BOS}text{EOS}",
    f"pad{PAD}{PAD}ding",
    "<|User|>: a cat\n\n<|Assistant|>:",
    "User: a cat\n\nAssistant:",
    "You are a helpful assistant that receives an image prompt and generate a visualization of the prompt.\n\n"
    "User: A red ball in the grass\n\nAssistant:",
    "You are a helpful assistant that receives an image prompt and generate a visualization of the prompt.\n\n"
    "<|User|>: A red ball in the grass\n\n<|Assistant|>:",
    "User: a red ball.  The ball is red and round, in the grass.\n\nAssistant:",
    "<|User|>: a red ball..  The ball\n\n<|Assistant|>:<begin_of_image>",
    f"<|User|>: one\n\n<|Assistant|>: two{EOS}<|User|>: three\n\n<|Assistant|>:",
    "<unused> is no token, nor is <|user|> or < begin_of_image>",
]
# Ids that no text gives: halves of characters, specials in between, the token of no use.
DECODED = [
    [],
    [0],
    [1, 17, 42, 250, 99, 7],
    [6 + b for b in "é".encode()[:1]],
    [6 + b for b in "🍌".encode()[:3]],
    [6 + b for b in "a🍌b".encode()],
    [1, 6 + 72, 2, 3, 3, 4, 6 + 105, 5],
    [6 + 0xFF, 6 + 0xFE, 6 + 65],
    [6 + 0xE4, 6 + 65, 6 + 0xBD, 6 + 0xA0],
]


def characters():
    other = iter(range(256, 512))
    return [chr(b) if b in PRINTABLE else chr(next(other)) for b in range(256)]


def build():
    merges = [tuple(pair.strip().split(" ")) for pair in MERGES.split(",")]
    tokens = ["<unused>", BOS, EOS, PAD, "<begin_of_image>", "<end_of_image>", *characters()]
    tokens += ["".join(pair) for pair in merges]
    vocabulary = {token: i for i, token in enumerate(tokens)}
    assert len(vocabulary) == len(tokens)
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=merges))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex("[\r\n]"), "isolated"),
            pre_tokenizers.Split(Regex(rf"\s?[{LETTERS}]+"), "isolated"),
            pre_tokenizers.Split(Regex(r"\s?[!-/:-~！-／：-～‘-‟　-。]+"), "isolated"),
            pre_tokenizers.Split(Regex(r"\s+$"), "isolated"),
            pre_tokenizers.Split(Regex("[一-龥ࠀ-一가-퟿]+"), "isolated"),
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, trim_offsets=True, use_regex=False),
        ]
    )
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    tokenizer.decoder = decoders.ByteLevel()
    for content in [BOS, EOS, PAD, "<begin_of_image>", "<end_of_image>", "<image_placeholder>"]:
        tokenizer.add_tokens([AddedToken(content, special=True, normalized=False)])
    for content in ["<|User|>", "<|Assistant|>"]:
        tokenizer.add_tokens([AddedToken(content, special=False, normalized=False)])
    expected = {"bos": BOS, "eos": EOS, "pad": PAD, "boi": "<begin_of_image>", "eoi": "<end_of_image>"}
    for name, content in {**expected, "placeholder": "<image_placeholder>"}.items():
        assert tokenizer.token_to_id(content) == IDS[name], content
    assert all(tokenizer.token_to_id(c) == 6 + byte for byte, c in enumerate(characters()))
    assert tokenizer.get_vocab_size() <= TINY["vocabulary"]
    return tokenizer


def write(folder, tokenizer):
    """The three files of the official repositories."""
    tokenizer.save(str(folder / "tokenizer.json"))

    def special(content):
        return {"content": content, "lstrip": False, "normalized": True, "rstrip": False, "single_word": False}

    write_plain(
        folder / "tokenizer_config.json",
        {
            "bos_token": {"__type": "AddedToken", **special(BOS)},
            "clean_up_tokenization_spaces": False,
            "eos_token": {"__type": "AddedToken", **special(EOS)},
            "model_max_length": 16384,
            "pad_token": None,
            "tokenizer_class": "LlamaTokenizer",
            "unk_token": None,
            "use_default_system_prompt": True,
        },
    )
    write_plain(
        folder / "special_tokens_map.json",
        {"bos_token": special(BOS), "eos_token": special(EOS), "pad_token": special(PAD)},
    )


def write_plain(file, value):
    file.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def cases(tokenizer):
    """By the library itself, without special tokens."""

    def decoded(ids):
        return {
            "decoded": tokenizer.decode(ids, skip_special_tokens=False),
            "decodedWithoutSpecial": tokenizer.decode(ids, skip_special_tokens=True),
        }

    encoded = []
    for text in CASES:
        ids = tokenizer.encode(text, add_special_tokens=False).ids
        assert tokenizer.decode(ids, skip_special_tokens=False) == text, text
        encoded.append({"text": text, "ids": ids, **decoded(ids)})
    named = {token: i for token, i in tokenizer.get_vocab().items() if token.startswith("<") and len(token) > 2}
    return {
        "source": "tokenizers, raw; add_special_tokens=False; see test/reference",
        "size": tokenizer.get_vocab_size(),
        "tokens": dict(sorted(named.items(), key=lambda item: item[1])),
        "encode": encoded,
        "decode": [{"ids": ids, **decoded(ids)} for ids in DECODED],
    }
