"""PyTorch's side of the benchmarks: answers the requests of hosts/protocol.ts, one JSON line each."""

import json
import math
import resource
import sys
import time
import traceback
from pathlib import Path

import torch
from torch_model import DEVICE, Decoder, Model, Problem, padded

# The decoder of image tokens is the one that the reference values come from.
sys.path.append(str(Path(__file__).parent.parent / "reference"))

# Threads by variant. On a GPU there is one variant, in full float32: the default lets cuDNN round to TF32.
THREADS = {"PyTorch, 1 thread": 1, "PyTorch, 2 threads": 2}
if DEVICE.type == "cuda":
    THREADS = {f"PyTorch, {torch.cuda.get_device_name()}": 1}
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    torch.set_float32_matmul_precision("highest")


def sync():
    if DEVICE.type == "cuda":
        torch.cuda.synchronize()


def sample(model, problem, level, contexts, copies, forced=None):
    """Draws completions; conditional and unconditional rows are one batch. Returns tokens and log-probs, [N][T]."""
    sampling, image = level["sampling"], level["space"] == "image"
    guidance, end = sampling["guidance"], model.config["endToken"]
    if guidance != 1:
        contexts = contexts + [problem.unconditional(c) for c in contexts]
    decoder = Decoder(model, contexts, copies, image, sampling["maxTokens"])
    rows = len(decoder.lengths) // (2 if guidance != 1 else 1)
    ended, tokens, log_probs = torch.zeros(rows, dtype=torch.bool, device=DEVICE), [], []
    for t in range(sampling["maxTokens"]):
        if t > 0:
            decoder.step(drawn if guidance == 1 else drawn.repeat(2))
        logits = decoder.logits
        if guidance != 1:
            conditional, without = logits.chunk(2)
            logits = without + guidance * (conditional - without)
        scores = torch.log_softmax(logits / sampling["temperature"], -1)
        drawn = torch.multinomial(scores.exp(), 1)[:, 0] if forced is None else forced[:, t]
        tokens.append(drawn)
        log_probs.append(scores.gather(1, drawn[:, None])[:, 0])
        if not image:
            ended |= drawn == end
            if ended.all():
                break
        if forced is not None and t + 1 == forced.shape[1]:
            break
    return torch.stack(tokens, 1), torch.stack(log_probs, 1)


class Trainer:
    """GRPO: sample, score the reference, update."""

    def __init__(self, problem):
        self.problem = problem
        self.model = Model(problem.config, problem.weights, True)
        self.reference = Model(problem.config, problem.weights, False) if problem.klWeight > 0 else None
        adam = problem.adam
        self.parameters = list(self.model.weights.values())
        self.optimizer = torch.optim.AdamW(
            self.parameters,
            lr=problem.learningRate,
            betas=(adam["beta1"], adam["beta2"]),
            eps=adam["epsilon"],
            weight_decay=0,
            fused=True,  # one kernel for the whole update, on the CPU too
        )

    def loss(self, level, rows, count):
        problem = self.problem
        mask = padded([[1] * len(row) for row in level["tokens"][rows]])
        advantages = torch.tensor(problem.advantages[rows], device=DEVICE)[:, None]
        own = self.model.log_probs(problem, level, rows)
        ratio = ((own - padded(level["oldLogProbs"][rows])) * mask).exp()
        clipped = ratio.clamp(1 - problem.clip, 1 + problem.clip)
        losses = -torch.minimum(ratio * advantages, clipped * advantages)
        if self.reference:
            with torch.inference_mode():
                reference = self.reference.log_probs(problem, level, rows)
            gap = (reference.clone() - own) * mask
            losses = losses + problem.klWeight * (gap.exp() - gap - 1)
        return (losses * mask).sum() / count

    def update(self, levels):
        self.optimizer.zero_grad(set_to_none=True)
        total = 0.0
        for level in levels:
            count = sum(map(len, level["tokens"]))
            for begin in range(0, len(level["tokens"]), self.problem.microBatch):
                loss = self.loss(level, slice(begin, begin + self.problem.microBatch), count)
                loss.backward()
                total += loss.item()
        norm = torch.nn.utils.clip_grad_norm_(self.parameters, self.problem.maxGradNorm).item()
        self.optimizer.step()
        return total, norm

    def rollout(self):
        problem, levels = self.problem, []
        contexts, copies = problem.prompts, problem.groupSize
        end = problem.config["endToken"]
        for level in problem.levels:
            with torch.inference_mode():
                tokens, log_probs = sample(self.model, problem, level, contexts, copies)
            tokens, log_probs = tokens.tolist(), log_probs.tolist()
            if level["space"] == "text":
                lengths = [row.index(end) + 1 if end in row else len(row) for row in tokens]
                tokens = [row[:n] for row, n in zip(tokens, lengths)]
                log_probs = [row[:n] for row, n in zip(log_probs, lengths)]
            every = [c for c in contexts for _ in range(copies)]
            levels.append({**level, "contexts": every, "tokens": tokens, "oldLogProbs": log_probs})
            contexts = [c + [i for i in row if i != end] + [problem.imageStart] for c, row in zip(every, tokens)]
            copies = 1
        return levels


def decode_check(model, problem, level):
    forced = padded(level["tokens"], dtype=torch.long)
    with torch.inference_mode():
        _, log_probs = sample(model, problem, level, level["contexts"], 1, forced)
    values = [v for row, tokens in zip(log_probs.tolist(), level["tokens"]) for v in row[: len(tokens)]]
    return {f"decoded {level['name']} log-probs": {"values": values}}


def fingerprint(tensor):
    values = tensor.detach().double().flatten()
    norm = values.norm().item()
    projection = (values * torch.arange(len(values), dtype=torch.float64, device=values.device).cos()).sum().item()
    return {"values": [norm, projection], "scale": norm}


def training_variant(request, problem):
    trainer, check = Trainer(problem), {}
    if request.get("check", True):
        for level in problem.levels:
            check.update(decode_check(trainer.model, problem, level))
        loss, norm = trainer.update(problem.levels)
        check["loss"] = {"values": [loss], "scale": max(abs(loss), 0.01)}
        check["gradient norm"] = {"values": [norm]}
        for name, weight in trainer.model.weights.items():
            if weight.grad is not None:
                check[f"gradient of {name}"] = fingerprint(weight.grad)
    run = lambda: trainer.update(trainer.rollout() if request["task"] == "step" else problem.levels)
    return check, run


def decoding_variant(request, problem):
    model, level = Model(problem.config, problem.weights, False), problem.levels[-1]

    def run():
        with torch.inference_mode():
            sample(model, problem, level, problem.prompts, problem.groupSize)

    return decode_check(model, problem, level) if request.get("check", True) else {}, run


def vq_variant(request):
    from vq_decoder import Vq, fill

    problem = json.loads(Path(request["problem"], "vq.json").read_text())
    # Twice as fast as PyTorch's own order.
    model = fill(Vq(problem["config"])).to(DEVICE, memory_format=torch.channels_last)
    codes = torch.tensor([problem["codes"]], device=DEVICE)

    def run():
        with torch.inference_mode():
            return model(codes)

    return {"pixels": fingerprint(run().permute(0, 2, 3, 1))}, run


SESSIONS = []


def call_open(request):
    if request["task"] == "vq":
        check, run = vq_variant(request)
    else:
        make = decoding_variant if request["task"] == "decode" else training_variant
        check, run = make(request, Problem(request["problem"]))
    names = [name for name in THREADS if request.get("only", name) == name]
    if request.get("check", True):
        for name in names:
            torch.set_num_threads(THREADS[name])
            run()
    SESSIONS.append(run)
    return {"session": len(SESSIONS) - 1, "variants": [{"name": name, "check": check} for name in names]}


def call_time(request):
    run = SESSIONS[request["session"]]
    torch.set_num_threads(THREADS[request["variant"]])
    sync()
    start = time.perf_counter()
    for _ in range(request["repeats"]):
        run()
    sync()
    return {"ms": (time.perf_counter() - start) * 1000 / request["repeats"]}


def call_close(request):
    SESSIONS[request["session"]] = None
    return {}


def call_hello(_):
    versions = {"python": sys.version.split()[0], "torch": torch.__version__}
    if DEVICE.type == "cuda":
        versions["cuda"] = torch.version.cuda
    return {"versions": versions, "variants": list(THREADS), "skipped": []}


def call_peak(_):
    """What the process itself held; ru_maxrss counts its parent's memory too on Linux."""
    try:
        with open("/proc/self/status") as file:
            line = next(line for line in file if line.startswith("VmHWM"))
        return {"megabytes": int(line.split()[1]) / 1024}
    except OSError:
        return {"megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


CALLS = {"hello": call_hello, "open": call_open, "time": call_time, "close": call_close, "peak": call_peak}

for line in sys.stdin:
    try:
        request = json.loads(line)
        answer = {"result": CALLS[request["call"]](request)}
    except Exception:
        answer = {"error": traceback.format_exc()}
    print(json.dumps(answer), flush=True)
