"""What becomes of the gradients of several losses that share parameters: projection, averse averaging, clipping.

All work on gradients laid side by side, one row per loss, over the shared parameters alone. Only their inner products
matter, so the arithmetic is done in float64 on a K x K table and a result is one weighted sum of the rows.
"""

# K losses, P shared parameters

import math
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize
from torch import Tensor, nn

Floats = NDArray[np.float64]


def flat_gradient(gradients: Mapping[str, Tensor | None], parameters: Mapping[str, Tensor]) -> Tensor:
    """Gradients (by name) in one vector (P,), in the order of `parameters`; None and a missing name count as 0."""
    parts = []
    for name, parameter in parameters.items():
        gradient = gradients.get(name)
        parts.append(torch.zeros_like(parameter).reshape(-1) if gradient is None else gradient.detach().reshape(-1))
    return torch.cat(parts)


def loss_gradients(losses: Sequence[Tensor], parameters: Sequence[nn.Parameter]) -> Tensor:
    """The gradient of each loss (K, P) over shared parameters, 0 where a loss does not depend on one. Keeps graphs."""
    rows = []
    for loss in losses:
        found = torch.autograd.grad(loss, list(parameters), retain_graph=True, allow_unused=True)
        filled = [torch.zeros_like(p) if g is None else g for g, p in zip(found, parameters, strict=True)]
        rows.append(torch.cat([gradient.reshape(-1) for gradient in filled]))
    return torch.stack(rows)


def pcgrad(gradients_KP: Tensor, generator: np.random.Generator) -> Tensor:
    """The sum of gradients of which each was freed of its conflicts with the others (Yu et al. 2020, algorithm 1).

    For each i, over the other j in random order: where g_i . g_j < 0, g_i -= (g_i . g_j / |g_j|^2) g_j, with the
    original g_j. With two losses the sum raises neither to first order. With more, a projection may bring back a
    conflict with a loss treated before; what holds then is that no g_i grows longer, and that each one agrees with the
    loss that it met last.
    """
    return _combined(pcgrad_weights(inner_products(gradients_KP), generator).sum(axis=0), gradients_KP)


def pcgrad_weights(gram_KK: Floats, generator: np.random.Generator) -> Floats:
    """PCGrad's projected gradients as weights (K, K) of the originals, of which `gram_KK` are the inner products."""
    count = len(gram_KK)
    weights_KK = np.eye(count)
    for i in range(count):
        for j in generator.permutation([j for j in range(count) if j != i]):
            product = weights_KK[i] @ gram_KK[:, j]
            if product < 0.0 and gram_KK[j, j] > 0.0:
                weights_KK[i, j] -= product / gram_KK[j, j]
    return weights_KK


def cagrad(gradients_KP: Tensor, c: float) -> Tensor:
    """The direction, within c x |g_0| of the mean gradient g_0, that serves the worst-off loss best (Liu et al. 2021).

    d = g_0 + (c |g_0| / |g_w|) g_w with g_w = sum of w_k g_k, and w on the simplex the least of
    g_w . g_0 + c |g_0| |g_w| (equation 4; two losses in closed form, more by sequential quadratic programming).
    The least of d . g_k is never below the least of g_0 . g_k, and for c < 1 the mean loss falls to first order.
    """
    return _combined(cagrad_weights(inner_products(gradients_KP), c), gradients_KP)


def cagrad_weights(gram_KK: Floats, c: float) -> Floats:
    """CAGrad's direction as weights (K,) of the gradients. Raises ValueError for c outside [0, 1)."""
    if not 0.0 <= c < 1.0:
        raise ValueError(f"c is {c}; CAGrad converges for 0 <= c < 1")
    count = len(gram_KK)
    mean_K = np.full(count, 1.0 / count)
    size = _length(mean_K, gram_KK)
    if size == 0.0 or c == 0.0:
        return mean_K
    # Of unit mean size, so that one tolerance serves gradients of every size.
    scale = float(np.trace(gram_KK)) / count
    weights_K = _worst_mix(gram_KK / scale, c * size / math.sqrt(scale))
    mixed = _length(weights_K, gram_KK)
    return mean_K if mixed == 0.0 else mean_K + (c * size / mixed) * weights_K


def _worst_mix(gram_KK: Floats, radius: float) -> Floats:
    """The w on the simplex with the least w' G m + radius sqrt(w' G w), m the equal weights."""
    mean_K = gram_KK.mean(axis=1)
    if len(gram_KK) == 2:
        share = _worst_of_two(gram_KK, float(mean_K[0] - mean_K[1]), radius)
        return np.array([share, 1.0 - share])

    def value(w: Floats) -> tuple[float, Floats]:
        product_K = gram_KK @ w
        length = math.sqrt(max(float(w @ product_K), 1e-300))
        return float(w @ mean_K + radius * length), mean_K + radius / length * product_K

    count = len(gram_KK)
    found = minimize(
        value,
        np.full(count, 1.0 / count),
        jac=True,
        method="SLSQP",
        bounds=[(0.0, 1.0)] * count,
        constraints={"type": "eq", "fun": lambda w: w.sum() - 1.0, "jac": lambda w: np.ones(count)},
        options={"ftol": 1e-12, "maxiter": 200},
    )
    weights_K = np.clip(found.x, 0.0, 1.0)
    return np.asarray(weights_K / weights_K.sum())


def _worst_of_two(gram_22: Floats, slope: float, radius: float) -> float:
    """The share w of the first gradient with the least slope w + radius |w g_1 + (1 - w) g_2|.

    With a = |g_1 - g_2|^2, b = (g_1 - g_2) . g_2, D = a |g_2|^2 - b^2, u = a w + b the length is sqrt((u^2 + D) / a).
    The sum is stationary at u^2 = slope^2 D / (a (radius^2 - slope^2 / a)); where that is none, its least is at an
    end.
    """
    a = gram_22[0, 0] - 2.0 * gram_22[0, 1] + gram_22[1, 1]
    b = gram_22[0, 1] - gram_22[1, 1]
    if a <= 0.0:
        return 0.5
    rest = max(a * gram_22[1, 1] - b * b, 0.0)
    room = radius * radius - slope * slope / a
    if room <= 0.0:
        return 0.0 if slope > 0.0 else 1.0
    u = -math.copysign(math.sqrt(slope * slope * rest / (a * room)), slope)
    return float(min(max((u - b) / a, 0.0), 1.0))


def alignment(gradients_KP: Tensor) -> Floats:
    """Cosine of the angle between every two gradients (K, K); 0 with a gradient of length 0."""
    gram_KK = inner_products(gradients_KP)
    length_K = np.sqrt(np.diagonal(gram_KK))
    product_KK = np.outer(length_K, length_K)
    cosine_KK = np.divide(gram_KK, product_KK, out=np.zeros_like(gram_KK), where=product_KK > 0.0)
    return np.asarray(np.clip(cosine_KK, -1.0, 1.0))


def inner_products(gradients_KP: Tensor) -> Floats:
    """Every gradient's inner product with every other: (K, K) float64. Raises ValueError when one is not finite."""
    wide_KP = gradients_KP.double()
    gram_KK: Floats = (wide_KP @ wide_KP.T).cpu().numpy()
    if not np.isfinite(gram_KK).all():
        raise ValueError("a gradient is not finite")
    return gram_KK


def clipped(gradient_P: Tensor, max_norm: float) -> Tensor:
    """The gradient, scaled down to length `max_norm` where it is longer (Pascanu et al. 2013)."""
    length = float(torch.linalg.vector_norm(gradient_P.double()))
    return gradient_P if length <= max_norm else gradient_P * (max_norm / length)


def _length(weights_K: Floats, gram_KK: Floats) -> float:
    """Length of the weighted sum of gradients."""
    return math.sqrt(max(float(weights_K @ gram_KK @ weights_K), 0.0))


def _combined(weights_K: Floats, gradients_KP: Tensor) -> Tensor:
    return torch.from_numpy(weights_K).to(gradients_KP) @ gradients_KP
