"""Small tokenizers of the kinds that the vision models have, as `tokenizer.json` and `tokenizer_config.json`."""

import json
import string

from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast

WORDS = "a an the of and with photo red blue car cat dog ball sports paper toilet roll wine glass purple ele"
PIECES = "##phant ##s ##ing ##er ##ed"
MERGES = "a r,ar </w>,c ar</w>,t </w>,a t</w>,c at</w>,d o,do g</w>,r e,re d</w>,b l,bl u,blu e</w>,a </w>,o f</w>,p h,ph o,pho to</w>,t o</w>,e </w>"
SIGLIP_PIECES = "▁a ▁the ▁of ▁photo ▁red ▁blue ▁car ▁cat ▁dog ▁ball ▁p ur ple er"


def bert():
    """WordPiece; [CLS], [SEP], "." and "?" have the ids of bert-base-uncased, which Grounding DINO knows by heart."""
    fixed = {"[PAD]": 0, "[UNK]": 100, "[CLS]": 101, "[SEP]": 102, "[MASK]": 103, ".": 1012, "?": 1029}
    letters = list(string.ascii_lowercase + string.digits + "-,'&")
    words = [*letters, *(f"##{letter}" for letter in string.ascii_lowercase + string.digits), *WORDS.split(), *PIECES.split()]
    words = list(dict.fromkeys(words))
    vocabulary = dict(fixed)
    taken = set(fixed.values())
    free = (i for i in range(110, 1040) if i not in taken)
    for word in words:
        vocabulary[word] = next(free)
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]", max_input_chars_per_word=100))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS]:0 $A:0 [SEP]:0",
        pair="[CLS]:0 $A:0 [SEP]:0 $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 101), ("[SEP]", 102)],
    )
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tokenizer.add_special_tokens(special)
    names = dict(zip(["pad_token", "unk_token", "cls_token", "sep_token", "mask_token"], special))
    return tokenizer, {"tokenizer_class": "BertTokenizer", "do_lower_case": True, "model_max_length": 512, **names}


def clip(pad, length):
    """Byte-level BPE with a mark at the end of words."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    symbols = [chr(b) for b in printable] + [chr(256 + i) for i in range(256 - len(printable))]
    merges = []
    for pair in MERGES.split(","):
        left, right = pair.split(" ")
        # "</w>" is no symbol of its own: it belongs to the letter before it.
        if right == "</w>":
            continue
        merges.append((left, right))
    vocabulary = {token: i for i, token in enumerate([*symbols, *(f"{s}</w>" for s in symbols)])}
    known = set(vocabulary)
    kept = []
    for left, right in [("a", "r</w>"), ("c", "ar</w>"), ("a", "t</w>"), ("c", "at</w>"), *merges]:
        if left in known and right in known and left + right not in known:
            kept.append((left, right))
            vocabulary[left + right] = len(vocabulary)
            known.add(left + right)
    start, end = "<|startoftext|>", "<|endoftext|>"
    vocabulary[start] = len(vocabulary)
    vocabulary[end] = len(vocabulary)
    tokenizer = Tokenizer(
        models.BPE(vocabulary, kept, continuing_subword_prefix="", end_of_word_suffix="</w>", unk_token=end)
    )
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()]
    )
    pattern = r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(pattern), behavior="removed", invert=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.RobertaProcessing(
        (end, vocabulary[end]), (start, vocabulary[start]), add_prefix_space=False, trim_offsets=False
    )
    tokenizer.add_special_tokens([start, end])
    names = {"bos_token": start, "eos_token": end, "unk_token": end, "pad_token": pad or end}
    return tokenizer, {"tokenizer_class": "CLIPTokenizer", "model_max_length": length, **names}


def siglip(length):
    """Unigram, as SentencePiece's, over lower case without punctuation."""
    pieces = ["</s>", "<unk>", "▁", *string.ascii_lowercase, *string.digits, *SIGLIP_PIECES.split()]
    scored = [(piece, 0.0 if i < 2 else -2.0 - len(pieces) / (10 * len(piece))) for i, piece in enumerate(pieces)]
    tokenizer = Tokenizer(models.Unigram(scored, unk_id=1))
    tokenizer.normalizer = normalizers.Sequence(
        [
            normalizers.Lowercase(),
            normalizers.Replace(Regex(r"[!-/:-@\[-`{-~]"), ""),
            normalizers.Replace(Regex(r"\s+"), " "),
            normalizers.Strip(),
        ]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    tokenizer.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 0)])
    tokenizer.add_special_tokens(["</s>", "<unk>"])
    names = {"eos_token": "</s>", "pad_token": "</s>", "unk_token": "<unk>"}
    return tokenizer, {"tokenizer_class": "SiglipTokenizer", "model_max_length": length, **names}


def save(folder, made):
    """Writes both files. Returns the tokenizer as transformers has it."""
    tokenizer, config = made
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "tokenizer.json").write_text(json.dumps(json.loads(tokenizer.to_str()), ensure_ascii=False) + "\n")
    (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=1) + "\n")
    names = {key: value for key, value in config.items() if key not in ("tokenizer_class", "do_lower_case")}
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, **names)
