"""A reward service: docs/rewards/http.md has the protocol, README.md how to run it.

    uvicorn server:app --port 8000
"""

import base64
import io
from typing import Any

from fastapi import FastAPI
from PIL import Image, ImageStat
from pydantic import BaseModel

app = FastAPI()


class Sample(BaseModel):
    id: str
    prompt: Any
    plan: str | None = None
    image: str | None = None
    group: int
    index: int


class Request(BaseModel):
    protocol: int
    samples: list[Sample]


def score(prompt: Any, image: Image.Image) -> float:
    """Your model goes here: a finite number, the larger the better. This one likes bright pictures."""
    return sum(ImageStat.Stat(image).mean) / 3 / 255


def answer(sample: Sample) -> dict:
    if sample.image is None:
        return {"id": sample.id, "abstain": True, "reason": "there is no picture"}
    try:
        # What comes over the network is only ever decoded as a PNG: no pickle, no eval, no path, no URL to fetch.
        file = io.BytesIO(base64.b64decode(sample.image, validate=True))
        image = Image.open(file, formats=["PNG"]).convert("RGB")
        return {"id": sample.id, "score": score(sample.prompt, image)}
    except Exception as error:  # one bad sample is no reason to lose the others
        return {"id": sample.id, "error": f"{type(error).__name__}: {error}"}


@app.get("/health")
def health() -> dict:
    return {"protocol": 1, "name": "brightness"}


@app.post("/")
def rewards(request: Request) -> dict:
    return {"protocol": 1, "results": [answer(sample) for sample in request.samples]}
