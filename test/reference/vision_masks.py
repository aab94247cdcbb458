"""Grounding DINO's mask of the caption, in operations that ONNX's exporter knows."""

import torch


def make_exportable(module):
    """Replaces a function of transformers that exports need otherwise (`isin`, `cummax`) by one that gives the same, on
    captions drawn at random."""
    original = module.generate_masks_with_special_tokens_and_transfer_map
    special = torch.tensor(module.SPECIAL_TOKENS)

    def masks(input_ids):
        length = input_ids.shape[1]
        at = torch.arange(length)
        special_at = (input_ids.unsqueeze(-1) == special).any(-1).unsqueeze(1)  # [B, 1, L]
        not_after = at.unsqueeze(0) <= at.unsqueeze(1)  # [L, L]
        previous = torch.where(special_at & not_after, at, -1).amax(-1)
        following = torch.where(special_at & not_after.T, at, length).amin(-1)
        closed = (following != 0) & (following != length - 1) & (following != length)
        same = following.unsqueeze(2) == following.unsqueeze(1)
        mask = (at.unsqueeze(0) == at.unsqueeze(1)) | (same & closed.unsqueeze(1))
        positions = torch.where(closed, at - previous - 1, 0).clamp(min=0)
        return mask, positions

    ids = torch.tensor([*module.SPECIAL_TOKENS, 5, 6, 7])
    generator = torch.Generator().manual_seed(1)
    for _ in range(200):
        caption = ids[torch.randint(len(ids), (3, 9), generator=generator)]
        for given, wanted in zip(masks(caption), original(caption)):
            assert torch.equal(given, wanted)
    module.generate_masks_with_special_tokens_and_transfer_map = masks
