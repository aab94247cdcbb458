"""T2I-R1's rules on detections, mistakes and all: a transcription after the public repository.

Transcribed from github.com/CaraJ7/T2I-R1 at commit 2d9d4d1a (Apache-2.0), src/t2i-r1/src/utils/reward_gdino.py (gdino)
and src/t2i-r1/src/open_r1/grpo.py (grpo), and from the CPU kernel of torchvision.ops.nms (torchvision 0.28,
csrc/ops/cpu/nms_kernel.cpp). In float64 with numpy 2.4.6; no detector runs, its output is drawn at random.

    python t2i_r1_rules.py                      writes ../fixtures/rules.json
    python t2i_r1_rules.py --published FOLDER   runs the published code itself, in a checkout at FOLDER, on the same cases
                                                (needs torch; only the detector, its file formats and nms are stand-ins),
                                                and stops if a score differs by more than 1e-9
"""

import argparse
import ast
import json
import sys
import types
from pathlib import Path

import numpy as np

np.seterr(all="ignore")  # 0/0 is NaN here as it is for torch's tensors
SEED = 20250918
# Rows of each task; those of one rule share its cases.
TASKS = {"spatial": 160, "numeracy": 100, "complex": 40, "color": 20, "non": 20, "texture": 20, "shape": 20, "object": 20}
# Every wording of the data, two that only the code knows, and one that nobody does.
LOCALITIES = [
    "left of", "below", "right of", "above", "on the bottom of", "on the left of", "on the right of", "on the top of",
    "next to", "on side of", "near", "on top of", "top of", "inside",
]  # fmt: skip
NOUNS = ["dog", "cat", "Bench", "sports ball", "ice cream cone", "roll of tape", "toy train set", "car"]
SHORT_NOUNS = [noun for noun in NOUNS if len(noun.split()) < 3]


def detection_prompt(nouns):
    """grpo:63-82: the caption, and the characters of it that each noun is looked for at."""
    if len(nouns) == 0:
        return "", []
    spans = []
    pointer = 0
    for noun in nouns:
        words = noun.strip().split(" ")
        if len(words) == 1:
            spans.append([[pointer, pointer + len(words[0])]])
            pointer += len(words[0]) + 3
        else:
            end = pointer + len(noun)
            spans.append([[pointer, pointer + len(words[0])], [end - len(words[-1]), end]])
            pointer += len(noun) + 3
    return " . ".join(nouns) + ".", spans


def nms(boxes, scores, threshold):
    """torchvision.ops.nms: corners (x1, y1, x2, y2) in, indices of what is kept out."""
    x1, y1, x2, y2 = boxes.T
    areas = (x2 - x1) * (y2 - y1)
    order = np.argsort(-scores, kind="stable")
    suppressed = np.zeros(len(order), dtype=bool)
    keep = []
    for at, i in enumerate(order):
        if suppressed[i]:
            continue
        keep.append(i)
        for j in order[at + 1 :]:
            w = max(0.0, min(x2[i], x2[j]) - max(x1[i], x1[j]))
            h = max(0.0, min(y2[i], y2[j]) - max(y1[i], y1[j]))
            intersection = w * h
            overlap = intersection / (areas[i] + areas[j] - intersection)
            margin(overlap, threshold)
            if overlap > threshold:
                suppressed[j] = True
    return np.array(keep)


class TooClose(Exception):
    """A case that the last bits of a float could decide either way."""


def margin(value, bound):
    if abs(value - bound) < 1e-6:
        raise TooClose


def determine_position(locality, box1, box2, iou_threshold=0.1, distance_threshold=150):
    """gdino:192-248 on corners."""
    centre1 = ((box1[0] + box1[2]) / 2, (box1[1] + box1[3]) / 2)
    centre2 = ((box2[0] + box2[2]) / 2, (box2[1] + box2[3]) / 2)
    dx, dy = centre2[0] - centre1[0], centre2[1] - centre1[1]
    x_overlap = max(0, min(box1[2], box2[2]) - max(box1[0], box2[0]))
    y_overlap = max(0, min(box1[3], box2[3]) - max(box1[1], box2[1]))
    intersection = x_overlap * y_overlap
    area1 = (box1[2] - box1[0]) * (box1[3] - box1[1])
    area2 = (box2[2] - box2[0]) * (box2[3] - box2[1])
    iou = np.float64(intersection) / np.float64(area1 + area2 - intersection)
    if not (dx == 0 and dy == 0):
        for value in [dx, dy, abs(dx) - abs(dy)]:
            margin(value, 0)
    margin(iou, iou_threshold)
    score = 0
    if locality in ["next to", "on side of", "near"]:
        if abs(dx) < distance_threshold or abs(dy) < distance_threshold:
            score = 1
        else:
            score = distance_threshold / max(abs(dx), abs(dy))
    elif locality in ["on the right of", "right of"]:
        if dx < 0:
            if abs(dx) > abs(dy) and iou < iou_threshold:
                score = 1
            elif abs(dx) > abs(dy) and iou >= iou_threshold:
                score = iou_threshold / iou
    elif locality in ["on the left of", "left of"]:
        if dx > 0:
            if abs(dx) > abs(dy) and iou < iou_threshold:
                score = 1
            elif abs(dx) > abs(dy) and iou >= iou_threshold:
                score = iou_threshold / iou
    elif locality in ["on the bottom of", "below"]:
        if dy < 0:
            if abs(dy) > abs(dx) and iou < iou_threshold:
                score = 1
            elif abs(dy) > abs(dx) and iou >= iou_threshold:
                score = iou_threshold / iou
    elif locality in ["on the top of", "top of"]:
        if dy > 0:
            if abs(dy) > abs(dx) and iou < iou_threshold:
                score = 1
            elif abs(dy) > abs(dx) and iou >= iou_threshold:
                score = iou_threshold / iou
    return float(score)


def spatial_score(boxes, phrases, scores, info):
    """gdino:250-305; raises where it does."""
    score = 0
    for name in [info["obj1"], info["obj2"]]:
        if name in phrases:
            score += 0.2
    if score == 0.4:
        boxes = boxes.copy()
        boxes[:, :2] -= boxes[:, 2:] / 2
        boxes[:, 2:] += boxes[:, :2]
        first = [i for i, phrase in enumerate(phrases) if phrase == info["obj1"]]
        second = [i for i, phrase in enumerate(phrases) if phrase == info["obj2"] and phrase != info["obj1"]]
        best = [max(found, key=lambda i: scores[i]) for found in [first, second]]  # ValueError for an empty one
        score += determine_position(info["locality"], boxes[best[0]], boxes[best[1]]) / 2
    return score


def numeracy_score(boxes, phrases, scores, items):
    """gdino:308-332."""
    score = 0.0
    weight = 1 / len(items)
    for item in items:
        found = [i for i, phrase in enumerate(phrases) if phrase == item["obj_name"]]
        if len(found) == 0:
            continue
        # Centres and sizes, in place of corners.
        if len(nms(boxes[found], scores[found], 0.5)) == item["num"]:
            score += 1 * weight
        else:
            score += 0.2 * weight
    return score


def object_score(phrases, nouns):
    """gdino:334-340."""
    return sum(1 / len(nouns) for noun in nouns if noun in phrases)


def rule_score(row, detections):
    """gdino:342-379. Detections are (index of the noun, (cx, cy, w, h), score), noun by noun as the detector gives them."""
    nouns = row["nouns"]
    if len(nouns) == 0:
        return 1
    caption, spans = detection_prompt(nouns)
    phrases = [" ".join(caption[s:e] for s, e in spans[index]) for index, _, _ in detections]
    boxes = np.array([box for _, box, _ in detections]).reshape(-1, 4)
    scores = np.array([score for _, _, score in detections])
    if row["task_type"] == "spatial":
        try:
            return spatial_score(boxes, phrases, scores, row["spatial_info"])
        except (ValueError, KeyError):  # where the published code catches everything
            return 0
    if row["task_type"] == "numeracy":
        return numeracy_score(boxes, phrases, scores, row["numeracy_info"])
    return object_score(phrases, nouns)


def uniform(rng, low, high):
    """Four digits are enough, and keep the file small."""
    return round(float(rng.uniform(low, high)), 4)


def draw_box(rng):
    if rng.random() < 0.05:
        return [uniform(rng, 0.1, 0.9), uniform(rng, 0.1, 0.9), 0.0, 0.0]
    w, h = uniform(rng, 0.05, 0.6), uniform(rng, 0.05, 0.6)
    return [uniform(rng, w / 2, 1 - w / 2), uniform(rng, h / 2, 1 - h / 2), w, h]


def draw_detections(rng, nouns):
    """Boxes of each noun; some moved by 0.01 and given again, some handed to another noun as they are."""
    detections = []
    for index in range(len(nouns)):
        for _ in range(int(rng.choice([0, 1, 1, 1, 2, 3]))):
            box = draw_box(rng)
            if detections and rng.random() < 0.2:
                box = list(detections[int(rng.integers(len(detections)))][1])
            detections.append((index, box, uniform(rng, 0.31, 0.99)))
            for _ in range(int(rng.choice([0, 0, 1, 2]))):
                moved = [round(box[0] + 0.01, 4), round(box[1] + 0.01, 4), box[2], box[3]]
                detections.append((index, moved, uniform(rng, 0.31, 0.99)))
    return detections


def draw_row(rng, task):
    # Half of the rows have no noun that is never found.
    known = NOUNS if rng.random() < 0.5 else SHORT_NOUNS
    count = 2 if task == "spatial" else int(rng.integers(1, 4))
    nouns = [str(noun) for noun in rng.choice(known, count, replace=False)]
    row = {"task_type": task, "nouns": nouns}
    locality = str(rng.choice(LOCALITIES))
    if task == "spatial" and rng.random() < 0.1:
        nouns[1] = nouns[0]
    if (task == "spatial" and rng.random() < 0.95) or (task == "complex" and rng.random() < 0.5):
        row["spatial_info"] = {"obj1": nouns[0], "obj2": nouns[-1], "locality": locality}
    if task == "numeracy":
        row["numeracy_info"] = [{"obj_name": noun, "num": int(rng.integers(1, 9))} for noun in nouns]
    if rng.random() < 0.03:
        row["nouns"] = []
    return row


def right_count(row, detections):
    """What the rule counts of the row's first noun, if its label is found at all."""
    caption, spans = detection_prompt(row["nouns"])
    label = " ".join(caption[s:e] for s, e in spans[0])
    found = [(box, score) for index, box, score in detections if index == 0]
    if label != row["nouns"][0] or not found:
        return None
    return len(nms(np.array([box for box, _ in found]), np.array([score for _, score in found]), 0.5))


def case_of(rng, task):
    while True:
        row = draw_row(rng, task)
        detections = draw_detections(rng, row["nouns"])
        try:
            # Numbers drawn at random are rarely right.
            if task == "numeracy" and row["nouns"] and rng.random() < 0.5:
                row["numeracy_info"][0]["num"] = right_count(row, detections) or 1
            return {"row": row, "detections": detections, "score": rule_score(row, detections)}
        except TooClose:
            continue


def relation_case(rng):
    while True:
        locality = str(rng.choice(LOCALITIES))
        boxes = [draw_box(rng) for _ in range(2)]
        if rng.random() < 0.7:
            # Close by, so that the boxes overlap.
            boxes[1][:2] = [c + uniform(rng, -0.2, 0.2) for c in boxes[0][:2]]
        corners = [[cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2] for cx, cy, w, h in boxes]
        try:
            return {"locality": locality, "boxes": corners, "value": determine_position(locality, *corners)}
        except TooClose:
            continue


def published_scores(folder, cases):
    """What the published code gives for the cases: GDino.__call__, with a detector that finds what a case says."""
    import torch

    code = Path(folder) / "src/t2i-r1/src"
    tensors = {}

    class Anything(types.ModuleType):
        def __getattr__(self, name):
            return types.SimpleNamespace()

    names = ["requests", "PIL", "torchvision", "torchvision.ops", "groundingdino", "groundingdino.datasets"]
    names += ["groundingdino.datasets.transforms", "groundingdino.models", "groundingdino.util"]
    names += [f"groundingdino.util.{name}" for name in ["slconfig", "utils", "vl_utils"]]
    for name in names:
        sys.modules[name] = Anything(name)
        parent, _, child = name.rpartition(".")
        if parent:
            setattr(sys.modules[parent], child, sys.modules[name])
    sys.modules["torchvision.ops"].nms = lambda boxes, scores, threshold: torch.tensor(
        nms(boxes.numpy(), scores.numpy(), threshold)
    )

    def positive_map(tokenized, token_span):
        return torch.eye(len(token_span), 256, dtype=torch.float64)

    sys.modules["groundingdino.util.vl_utils"].create_positive_map_from_span = positive_map
    scope = {"__name__": "reward_gdino"}
    exec(compile((code / "utils/reward_gdino.py").read_text(), "reward_gdino.py", "exec"), scope)
    grpo = ast.parse((code / "open_r1/grpo.py").read_text())
    [prompt] = [node for node in grpo.body if getattr(node, "name", "") == "make_detection_prompt"]
    exec(compile(ast.Module([prompt], []), "grpo.py", "exec"), scope)

    class Detector:
        """Query i is detection i, and only the token of its noun responds."""

        def parameters(self):
            return [torch.zeros(1)]

        def tokenizer(self, caption):
            return caption

        def __call__(self, image, captions):
            return {"pred_logits": tensors["logits"][None], "pred_boxes": tensors["boxes"][None]}

    reward = scope["GDino"].__new__(scope["GDino"])
    reward.model, reward.device = Detector(), "cpu"
    reward.box_threshold, reward.text_threshold = 0.3, None
    reward.transform = lambda image, target: (torch.zeros(3, 1, 1), None)
    scores = []
    for case in cases:
        row, detections = case["row"], case["detections"]
        logits = torch.full((len(detections), 256), -torch.inf, dtype=torch.float64)
        for i, (index, _, score) in enumerate(detections):
            logits[i, index] = np.log(score / (1 - score))
        boxes = torch.tensor([box for _, box, _ in detections], dtype=torch.float64).reshape(-1, 4)
        tensors.update(logits=logits, boxes=boxes)
        caption, spans = scope["make_detection_prompt"](row["nouns"])
        columns = {name: [row.get(name)] for name in ["nouns", "task_type", "spatial_info", "numeracy_info"]}
        columns["det_prompt"] = [{"text_prompt": caption, "token_spans": spans}]
        scores += reward(["a picture"], [None], **columns)
    positions = reward.determine_position
    return scores, positions


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--published")
    flags = parser.parse_args()
    rng = np.random.default_rng(SEED)
    cases = [case_of(rng, task) for task, rows in TASKS.items() for _ in range(rows)]
    relations = [relation_case(rng) for _ in range(200)]
    if flags.published:
        compare(flags.published, cases, relations)
        return
    lines = lambda entries: ",\n".join(f"  {json.dumps(entry)}" for entry in entries)
    source = "a transcription of CaraJ7/T2I-R1@2d9d4d1a in float64; see test/reference/t2i_r1_rules.py"
    named = [{**case, "detections": [named_detection(case["row"], d) for d in case["detections"]]} for case in cases]
    text = f'{{\n "source": {json.dumps(source)},\n "cases": [\n{lines(named)}\n ],\n "relations": [\n{lines(relations)}\n ]\n}}\n'
    (Path(__file__).parent.parent / "fixtures/rules.json").write_text(text)


def named_detection(row, detection):
    index, box, score = detection
    return {"noun": row["nouns"][index], "cxcywh": box, "score": score}


def compare(folder, cases, relations):
    scores, determine = published_scores(folder, cases)
    worst = max(abs(score - case["score"]) for score, case in zip(scores, cases, strict=True))
    import torch

    for case in relations:
        boxes = torch.tensor(case["boxes"], dtype=torch.float64)
        named = [dict(zip(["x_min", "y_min", "x_max", "y_max"], box, strict=True)) for box in boxes]
        worst = max(worst, abs(determine(case["locality"], *named) - case["value"]))
    print(f"{len(cases)} rows and {len(relations)} relations: the largest difference is {worst:.1e}")
    assert worst <= 1e-9


if __name__ == "__main__":
    main()
