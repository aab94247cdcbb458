"""TRL's own code, run without a model, a tokenizer or a process group.

`compute_loss` calls the `_compute_loss` of one of TRL's trainers, unbound, on an object that has the attributes it
reads: one process, gradient accumulation 1, one step per generation, train mode. `run_slice` executes a stretch of
a method's source, between two of its lines, for what TRL computes in the middle of a long method.
"""

import inspect
import math
import textwrap
from collections import defaultdict
from types import MethodType, SimpleNamespace

import torch
import trl
from trl.experimental.gmpo.gmpo_trainer import GMPOTrainer
from trl.experimental.gspo_token.grpo_trainer import GRPOTrainer as GSPOTokenTrainer
from trl.trainer.grpo_trainer import GRPOTrainer

TRL_SOURCE = f"TRL {trl.__version__}"

LEGEND = {
    "beta": "KL coefficient (k3)",
    "epsilon": "lower clip (and upper if epsilon_high is absent); of gmpo in log space",
    "epsilon_high": "upper clip; of cispo the cap itself, not 1 + epsilon_high; of gmpo in log space",
    "delta": "two-sided clip",
    "top_entropy_quantile": "rho: keep tokens whose entropy is at or above the (1-rho) quantile of valid tokens",
    "off": "off_policy_mask_threshold",
    "sampling": "'old': no sampling log-probs are given and `off` compares with the old ones; else inputs.sampling",
    "lvl": "importance_sampling_level: token (default), sequence, or sequence_token (trl.experimental.gspo_token)",
    "biaskl": "KL multiplied by the (not detached) ratio",
    "vllm": "per-token loss multiplied by inputs.is_ratio (true) or inputs.is_ratio_token ('token') before the KL term; "
    "vespo puts it into its weight instead",
    "ent": "entropy bonus coefficient; grad_entropy is then the gradient with respect to the entropies",
    "sapo_temperature_pos": "temperature of positive advantages",
    "sapo_temperature_neg": "temperature of the others",
    "vespo_k_pos": "k of advantages >= 0",
    "vespo_lambda_pos": "lambda of advantages >= 0",
    "vespo_k_neg": "k of negative advantages",
    "vespo_lambda_neg": "lambda of negative advantages",
    "defaults": "epsilon 0.2 (gmpo 0.4), beta 0, sapo temperatures 1.0 / 1.05, vespo k+ 2, lambda+ 3, k- 3, lambda- 2, "
    "max_completion_length from inputs",
}

# One process: what is gathered or reduced over all is what is here.
ACCELERATOR = SimpleNamespace(
    num_processes=1,
    sync_gradients=True,
    gather=lambda x: x,
    gather_for_metrics=lambda x: x,
    reduce=lambda x, reduction: x,
    pad_across_processes=lambda x, dim, pad_index: x,
)


def trainer_of(loss_type, options):
    if loss_type == "gmpo":
        return GMPOTrainer
    return GSPOTokenTrainer if options.get("lvl") == "sequence_token" else GRPOTrainer


def compute_loss(inputs, loss_type, options):
    """
    The loss, its gradient with respect to the log-probs, and what TRL logs.

    `inputs` holds tensors, but for `sampling`, which may be the text "= old", and the two numbers.
    """
    unknown = set(options) - set(LEGEND)
    assert not unknown, f"unknown options: {unknown}"
    logp = inputs["logp"].clone().requires_grad_()
    entropy = inputs["entropy"].clone().requires_grad_("ent" in options)
    epsilon = options.get("epsilon", 0.4 if loss_type == "gmpo" else 0.2)
    vllm = options.get("vllm", False)
    trainer_class = trainer_of(loss_type, options)
    trainer = SimpleNamespace(
        _get_per_token_logps_and_entropies=lambda *args, **kwargs: (logp, entropy, None),
        accelerator=ACCELERATOR,
        model=SimpleNamespace(training=True),
        loss_type=loss_type,
        beta=options.get("beta", 0.0),
        epsilon_low=epsilon,
        epsilon_high=options.get("epsilon_high", epsilon),
        importance_sampling_level=options.get("lvl", "token"),
        top_entropy_quantile=options.get("top_entropy_quantile", 1.0),
        off_policy_mask_threshold=options.get("off"),
        use_vllm=bool(vllm),
        vllm_importance_sampling_correction=bool(vllm),
        max_completion_length=inputs["max_completion_length"],
        current_gradient_accumulation_steps=1,
        aux_loss_enabled=False,
        _entropy_bonus_enabled="ent" in options,
        use_adaptive_entropy=False,
        entropy_coef=options.get("ent", 0.0),
        get_off_policy_mask=GRPOTrainer.get_off_policy_mask,
        get_gamma_weights=GRPOTrainer.get_gamma_weights,
        _metrics=defaultdict(lambda: defaultdict(list)),
        args=SimpleNamespace(
            steps_per_generation=1,
            delta=options.get("delta"),
            use_bias_correction_kl=options.get("biaskl", False),
            sapo_temperature_pos=options.get("sapo_temperature_pos", 1.0),
            sapo_temperature_neg=options.get("sapo_temperature_neg", 1.05),
            vespo_k_pos=options.get("vespo_k_pos", 2.0),
            vespo_lambda_pos=options.get("vespo_lambda_pos", 3.0),
            vespo_k_neg=options.get("vespo_k_neg", 3.0),
            vespo_lambda_neg=options.get("vespo_lambda_neg", 2.0),
        ),
    )
    trainer.get_high_entropy_mask = MethodType(GRPOTrainer.get_high_entropy_mask, trainer)
    rows = logp.shape[0]
    batch = {
        "prompt_ids": torch.zeros(rows, 1, dtype=torch.long),
        "prompt_mask": torch.ones(rows, 1, dtype=torch.long),
        "completion_ids": torch.zeros(logp.shape, dtype=torch.long),
        "completion_mask": inputs["mask"],
        "advantages": inputs["adv"],
        "old_per_token_logps": inputs["old"],
        "ref_per_token_logps": inputs["ref"],
        "num_items_in_batch": torch.tensor(inputs["num_items_in_batch"]),
    }
    if isinstance(inputs["sampling"], torch.Tensor) and options.get("sampling") != "old":
        batch["sampling_per_token_logps"] = inputs["sampling"]
    if vllm:
        batch["importance_sampling_ratio"] = inputs["is_ratio_token" if vllm == "token" else "is_ratio"]
    loss = trainer_class._compute_loss(trainer, None, batch)
    loss.backward()
    result = {
        "loss_type": loss_type,
        "options": options,
        "loss": loss.item(),
        "grad": logp.grad,
        "metrics": {name: values[0] for name, values in trainer._metrics["train"].items()},
    }
    if "ent" in options:
        result["grad_entropy"] = entropy.grad
    assert torch.isfinite(loss) and torch.isfinite(logp.grad).all()
    return result


def run_slice(method, first, end, **names):
    """
    Executes the lines of `method` from the one that starts with `first` up to, not including, the one that starts
    with `end`, with `names` defined; returns everything that is defined afterwards.
    """
    lines = inspect.getsource(method).splitlines()
    start = next(i for i, line in enumerate(lines) if line.strip().startswith(first))
    stop = next(i for i in range(start, len(lines)) if lines[i].strip().startswith(end))
    scope = {"torch": torch, "math": math, **names}
    exec(textwrap.dedent("\n".join(lines[start:stop])), scope)
    return scope
