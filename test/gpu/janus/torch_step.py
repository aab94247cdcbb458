"""PyTorch's side of the step: `torch_step.py REQUEST`, a JanusRequest of protocol.ts as JSON. Prints its events."""

import json
import sys
import time
import traceback
from pathlib import Path

import torch

from torch_janus import Decoder, Janus

PHASES = ("plan", "image", "pixels", "reference", "update")


def tell(event, **values):
    print(json.dumps({"event": event, **values}), flush=True)


class Step:
    """GRPO as bicot's t2iR1 has it: k3 penalty, one token mean over plan and image, images sampled with guidance."""

    def __init__(self, problem, model, rows_at_once):
        self.problem, self.model, self.rows_at_once = problem, model, rows_at_once
        self.parameters = [value for _, value in model.adapters()]
        self.optimizer = torch.optim.AdamW(
            self.parameters, lr=problem["learningRate"], betas=(0.9, 0.999), eps=1e-8, weight_decay=0, fused=True
        )
        scores = torch.arange(problem["size"]["group"], dtype=torch.float64)
        self.advantages = ((scores - scores.mean()) / (scores.std() + 1e-4)).float().to(model.device)

    def sync(self):
        if self.model.device.type == "cuda":
            torch.cuda.synchronize()

    def chunks(self, size):
        group = self.problem["size"]["group"]
        return [range(begin, min(group, begin + size)) for begin in range(0, group, size)]

    def draw_context(self, plan):
        end = self.model.tokens["end"]
        return self.problem["request"] + [t for t in plan if t != end] + [self.model.tokens["beginImage"]]

    @torch.inference_mode()
    def plans(self):
        """Tokens and log-probs; the prompt is computed once for the rows of a chunk."""
        longest, end, made = self.problem["size"]["planTokens"], self.model.tokens["end"], []
        for rows in self.chunks(self.rows_at_once):
            decoder = Decoder(self.model, [self.problem["prompt"]], len(rows), False, longest)
            tokens, log_probs = [], []
            ended = torch.zeros(len(rows), dtype=torch.bool, device=self.model.device)
            for t in range(longest):
                if t > 0:
                    decoder.step(tokens[-1])
                scores = torch.log_softmax(decoder.logits, -1)
                tokens.append(torch.multinomial(scores.exp(), 1)[:, 0])
                log_probs.append(scores.gather(1, tokens[-1][:, None])[:, 0])
                ended |= tokens[-1] == end
                if ended.all():
                    break
            drawn, scored = torch.stack(tokens, 1).tolist(), torch.stack(log_probs, 1).tolist()
            for row, values in zip(drawn, scored):
                length = row.index(end) + 1 if end in row else len(row)
                made.append((row[:length], values[:length]))
        return [row for row, _ in made], [values for _, values in made]

    @torch.inference_mode()
    def images(self, plans):
        """Tokens, and log-probs of the conditional branch; both branches are one batch."""
        length, pad, made, kept = self.problem["size"]["grid"] ** 2, self.model.tokens["pad"], [], []
        for rows in self.chunks(self.rows_at_once):
            contexts = [self.draw_context(plans[n]) for n in rows]
            twins = [[c[0]] + [pad] * (len(c) - 2) + [c[-1]] for c in contexts]
            decoder = Decoder(self.model, contexts + twins, 1, True, length)
            tokens, log_probs = [], []
            for t in range(length):
                if t > 0:
                    decoder.step(tokens[-1].repeat(2))
                conditional, without = decoder.logits.chunk(2)
                guided = without + self.problem["guidance"] * (conditional - without)
                tokens.append(torch.multinomial(guided.softmax(-1), 1)[:, 0])
                log_probs.append(conditional.log_softmax(-1).gather(1, tokens[-1][:, None])[:, 0])
            made += torch.stack(tokens, 1).tolist()
            kept += torch.stack(log_probs, 1).tolist()
        return made, kept

    @torch.inference_mode()
    def pixels(self, images):
        """As bytes on the host."""
        for rows in self.chunks(self.rows_at_once):
            made = self.model.vq(torch.tensor([images[n] for n in rows], device=self.model.device))
            ((made.clamp(-1, 1) + 1) * 127.5).round().byte().cpu()

    def levels(self, plans, images):
        prompt = self.problem["prompt"]
        return [
            ([prompt] * len(plans), plans, False),
            ([self.draw_context(plan) for plan in plans], images, True),
        ]

    def slices(self, level):
        contexts, tokens, image = level
        for rows in self.chunks(self.problem["microBatch"]):
            yield rows, [contexts[n] for n in rows], [tokens[n] for n in rows], image

    @torch.no_grad()
    def reference(self, levels):
        return [
            [self.model.log_probs(contexts, tokens, image, adapted=False) for _, contexts, tokens, image in self.slices(level)]
            for level in levels
        ]

    def gradients(self, levels, references, old):
        """`old(level, rows, width)` gives log-probs, or None for the policy's own. The loss."""
        self.optimizer.zero_grad(set_to_none=True)
        count = sum(len(row) for _, tokens, _ in levels for row in tokens)
        losses = []
        for index, level in enumerate(levels):
            for (rows, contexts, tokens, image), reference in zip(self.slices(level), references[index]):
                own = self.model.log_probs(contexts, tokens, image)
                before = old(index, rows, own.shape[1])
                mask = torch.tensor([[float(t < len(row)) for t in range(own.shape[1])] for row in tokens])
                mask = mask.to(own.device)
                ratio = ((own - (own.detach() if before is None else before)) * mask).exp()
                gap = (reference - own) * mask
                penalty = self.problem["klWeight"] * (gap.exp() - gap - 1)
                advantages = self.advantages[rows.start : rows.stop, None]
                loss = ((penalty - ratio * advantages) * mask).sum() / count
                loss.backward()
                losses.append(loss.detach())
        return torch.stack(losses).sum().item()

    def update(self, levels, references, old):
        self.gradients(levels, references, old)
        torch.nn.utils.clip_grad_norm_(self.parameters, self.problem["maxGradNorm"])
        self.optimizer.step()

    def run(self):
        """One step, and the seconds of its parts."""
        seconds, since = {}, time.perf_counter()

        def ended(phase):
            nonlocal since
            self.sync()
            now = time.perf_counter()
            seconds[phase], since = now - since, now

        plans, log_probs = self.plans()
        ended("plan")
        images, _ = self.images(plans)
        ended("image")
        self.pixels(images)
        ended("pixels")
        levels = self.levels(plans, images)
        references = self.reference(levels)
        ended("reference")
        self.update(levels, references, lambda index, rows, width: None if index else padded(log_probs, rows, width, self.model.device))
        ended("update")
        tokens = {"plan": sum(map(len, plans)), "image": sum(map(len, images))}
        return {"seconds": {**seconds, "total": sum(seconds.values())}, "tokens": tokens}

    def check(self):
        given, value = self.problem["given"], self.problem["planLogProb"]
        levels = self.levels(given["plans"], given["images"])
        references = self.reference(levels)
        loss = self.gradients(levels, references, lambda index, *_: None if index else torch.tensor(value, device=self.model.device))
        found = {"loss": {"values": [loss], "scale": max(abs(loss), 0.01)}}
        # What the optimizer is given: clipped.
        norm = torch.nn.utils.clip_grad_norm_(self.parameters, self.problem["maxGradNorm"])
        found["gradient norm"] = {"values": [norm.item()]}
        for name, parameter in self.model.adapters():
            found[f"gradient of {name}"] = fingerprint(parameter.grad.T)
        for name, (contexts, tokens, image) in zip(("semantic", "token"), levels):
            for who, adapted in (("policy", True), ("reference", False)):
                with torch.no_grad():
                    log_probs = self.model.log_probs(contexts[:1], tokens[:1], image, adapted)
                found[f"{who}'s log-probs of the first {name}"] = fingerprint(log_probs)
        self.assert_scored()
        return found

    def assert_scored(self):
        """What the cache decodes must have the log-probs of a whole pass."""
        plans, drawn = self.plans()
        images, kept = self.images(plans)
        for (contexts, tokens, image), decoded in zip(self.levels(plans, images), (drawn, kept)):
            with torch.no_grad():
                scored = self.model.log_probs(contexts[:1], tokens[:1], image)[0]
            error = (scored.cpu() - torch.tensor(decoded[0])).abs().max().item()
            assert error < 2e-3, f"decoding and scoring differ by {error}"


def padded(rows, chosen, width, device):
    result = torch.zeros(len(chosen), width)
    for n, index in enumerate(chosen):
        result[n, : len(rows[index])] = torch.tensor(rows[index])
    return result.to(device)


def fingerprint(tensor):
    values = tensor.detach().double().flatten()
    norm = values.norm().item()
    projection = (values * torch.arange(len(values), dtype=torch.float64, device=values.device).cos()).sum().item()
    return {"values": [norm, projection], "scale": norm}


def peak(device):
    if device.type == "cuda":
        return {"tensors": torch.cuda.max_memory_allocated(), "GPU buffers": torch.cuda.max_memory_reserved()}
    with open("/proc/self/status") as file:
        line = next(line for line in file if line.startswith("VmHWM"))
    return {"process": int(line.split()[1]) * 1024}


def main(request):
    # Full float32: the default lets cuDNN round to TF32.
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    torch.set_float32_matmul_precision("highest")
    device = torch.device(request["device"])
    problem = json.loads(Path(request["problem"]).read_text())
    versions = {"python": sys.version.split()[0], "torch": torch.__version__}
    name = "PyTorch, CPU"
    if device.type == "cuda":
        name = f"PyTorch, {torch.cuda.get_device_name()}"
        versions["cuda"] = torch.version.cuda
    tell("hello", name=name, versions=versions)
    start = time.perf_counter()
    model = Janus(problem, device, lambda text: tell("progress", text=text))
    step = Step(problem, model, request["rowsAtOnce"])
    step.sync()
    tell("loaded", seconds=time.perf_counter() - start, parameters=sum(p.numel() for p in step.parameters))
    tell("check", check=step.check())
    for number in range(request["rounds"]):
        tell("progress", text=f"step {number + 1} of {request['rounds']}")
        tell("round", **step.run(), peak=peak(device))


try:
    main(json.loads(sys.argv[1]))
except Exception:
    tell("failed", error=traceback.format_exc())
