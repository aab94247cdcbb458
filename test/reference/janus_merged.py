"""A whole model that bicot wrote, read by transformers.

    python janus_merged.py DIR   prints the log-probs of the checkpoint in the folder DIR (transformers' layout), in the
                                 shape of the golden files; stops if a tensor is missing or none of the model's
"""

import json
import sys

import torch
from transformers import JanusForConditionalGeneration

from janus_peft import log_probs
from janus_tiny import source as source_of


def main():
    torch.set_num_threads(1)
    model, info = JanusForConditionalGeneration.from_pretrained(
        sys.argv[1], dtype=torch.float32, output_loading_info=True, local_files_only=True
    )
    wrong = {kind: sorted(map(str, names)) for kind, names in info.items() if names}
    assert not wrong, wrong
    print(json.dumps({"source": source_of("float32", "of a checkpoint that bicot wrote"), **log_probs(model.eval())}))


if __name__ == "__main__":
    main()
