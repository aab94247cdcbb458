"""Values of the tiny Janus that the image code of the official repository and transformers' LLaMA gave elsewhere.

Weights unrounded, float32, printed to six digits (eight for the step). `janus_tiny.py` stops if transformers' own Janus
does not reproduce them.
"""

TEXT_IDS = [1, 17, 42, 250, 99, 7]
TEXT = {
    "hidden": [-1.262642, -1.052652, 0.354705, -0.957266, -2.231053, -0.431447, 2.090160, 1.308007],
    "logits": [0.025552, -0.696085, 1.398696, -0.359156, 1.445610, 1.558968, 0.360107, -0.461913],
    "argmax": 185,
    "logsumexp": 6.265438,
}
IMAGE_EMBEDDING = [-0.312865, 0.185592, -0.001346, -0.004181, -0.024906, 0.084866, -0.019898, 0.070801]

# Two samples. Plans behind prompts padded on the left, images behind prompts padded before the last id.
PROMPTS = [[1, 17, 42, 250, 99, 7], [3, 3, 1, 30, 31, 32]]
PROMPT_MASK = [[1, 1, 1, 1, 1, 1], [0, 0, 1, 1, 1, 1]]
PLANS = [[60, 61, 62, 2], [70, 71, 2, 2]]
PLAN_MASK = [[1, 1, 1, 1], [1, 1, 1, 0]]
CONTEXTS = [[1, 17, 42, 250, 99, 7, 60, 61, 4], [1, 30, 31, 32, 70, 3, 3, 3, 4]]
CONTEXT_MASK = [[1, 1, 1, 1, 1, 1, 1, 1, 1], [1, 1, 1, 1, 1, 0, 0, 0, 1]]
IMAGES = [[(7 * i + 3 * b) % 64 for i in range(16)] for b in range(2)]

PLAN_LOG_PROBS = [[-6.513505, -4.414218, -6.162500, -6.430902], [-6.489550, -5.532054, -5.072883]]
# Positions count columns, padding included; the second sample without padding.
IMAGE_LOG_PROBS = [
    [-4.443770, -3.506252, -4.246878, -4.618564, -4.351817, -3.956736, -5.267646, -3.776547]
    + [-4.951550, -4.172401, -4.149127, -5.095622, -4.225803, -3.740246, -5.474905, -4.063633],
    [-4.970781, -4.748153, -4.869648, -3.805506, -4.113043, -4.288131, -4.814834, -4.113842]
    + [-4.738205, -4.421587, -3.823639, -4.160671, -4.792553, -3.680465, -5.301569, -4.610735],
]
COMPACT_LOG_PROBS = (
    [-5.063356, -4.909289, -4.725314, -3.819989, -4.066404, -4.105334, -4.862696, -4.073959]
    + [-4.870851, -4.443135, -3.772179, -4.020592, -4.789720, -3.696504, -5.413241, -4.715103]
)
GREEDY = {
    "weight": 5.0,
    "tokens": [
        [11, 52, 20, 35, 11, 52, 11, 44, 35, 50, 46, 11, 11, 44, 50, 50],
        [35, 48, 44, 59, 11, 11, 11, 11, 11, 11, 11, 44, 44, 44, 35, 46],
    ],
    "conditional": [-0.017006, -0.904035, -0.060827, -0.746112],
    "unconditional": [0.106031, -0.466001, 0.084571, 0.019643],
    "guided": [-0.509151, -2.656171, -0.642417, -3.809133],
}
PIXELS = {
    "mean": -0.129753,
    "std": 0.578758,
    "first": [-0.130763, -0.510535, -0.258776, -0.309272, -0.086409, 0.268665, -0.292440, -0.065722],
    # (image, y, x) -> RGB, truncated.
    "bytes": {(0, 0, 0): [110, 170, 71], (0, 7, 9): [178, 166, 151], (1, 15, 15): [126, 81, 114]},
}
STEP = {
    "rewards": [1.3, 0.4],
    "beta": 0.01,
    "referenceScale": 0.9,
    "advantage": 0.706996,
    "tokens": 39,
    "loss": -0.01812276,
    "kl": 0.00053688,
    "first": {
        "language_model.model.layers.0.self_attn.q_proj.weight": [0.00900554, -0.00533379, 0.00649225, -0.00761780],
        "language_model.model.layers.1.mlp.down_proj.weight": [-0.00168937, -0.01888169, 0.00432543, 0.00533470],
    },
    "norm": {
        "language_model.model.layers.0.self_attn.q_proj.weight": 0.26427388,
        "language_model.lm_head.weight": 0.26695305,
        "language_model.model.embed_tokens.weight": 0.18535388,
    },
}
