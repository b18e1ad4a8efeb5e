"""Identities of the ledger for all sizes: A1, A2, A8a, A11, B2 and B3, proved with sympy.

A verdict is about one instance.  These proofs have no sizes in them: not the number of samples, not the dimension,
not the width of a layer, not the batch.  Each docstring says what stands for what, and why that covers every size.

Main definitions:
    PROOFS: Id -> the function that proves it; each returns the steps, every one an expression that simplifies to zero.
    prove: Run one; raises if a step does not come out zero.
    average, in_moments: The mean over n samples as a linear functional.

Conventions:
    The mean over the samples is written ``E``.  It is linear and ``E 1 = 1``; nothing else is used of it, so what is
    proved holds for every n (and every weighting).  A polynomial of degree 2 in the values ``p_i`` has a mean that is
    a polynomial in ``E p`` and ``E p**2``, which are symbols without further relation here.
    Inner products of vectors are symbols too: bilinear and symmetric, so what is proved holds in every dimension.

References:
    Cochran, Sampling techniques (1977), chapter 2, for A11.

Not here:
    Verdicts on instances: the other files of this package.
"""

from __future__ import annotations

from collections.abc import Callable

import sympy as sp

from exactcpa.errors import BadArgument, CertificateRejected, shown

Steps = dict[str, sp.Expr]

P, FIRST, SECOND = sp.symbols("p Ep Ep2", real=True)


def in_moments(expression: sp.Expr) -> sp.Expr:
    """``E`` of a polynomial of degree 2 in the value ``p``: ``1 -> 1``, ``p -> Ep``, ``p**2 -> Ep2``, by linearity.

    Example:
        >>> c = sp.Symbol("c")
        >>> in_moments((P - c) ** 2)
        -2*Ep*c + Ep2 + c**2
    """
    coefficients = sp.Poly(expression, P).all_coeffs()[::-1]
    if len(coefficients) > 3:
        raise BadArgument(f"expected degree at most 2 in p, got {shown(str(expression))}")
    return sp.expand(sum(c * moment for c, moment in zip(coefficients, (1, FIRST, SECOND), strict=False)))


def average(summand: sp.Expr, index: sp.Symbol, count: sp.Symbol) -> sp.Expr:
    """``(1/n) sum_{i=1}^n`` of a polynomial in an indexed value, its sums taken apart and constants summed.

    The same as `in_moments`, from a sum with a symbolic upper end: that linearity is what sums of every length have.
    """
    total = sp.Sum(sp.expand(summand), (index, 1, count))
    return sp.expand(sp.factor_terms(total.expand()).doit() / count)


def prove_placement() -> Steps:
    """A1: ``E (p-c)**2 = v + (mu-c)**2``; BN's offset costs ``beta**2 s**2/gamma**2``; the least is at c = mu only.

    For every n: E is used as a linear functional (and once more as a sum from 1 to n with symbolic n).  For every D
    and every w: the distance of z to ``{w.z = c}`` is ``|w.z - c|/|w|``, proved with the symbols ``w.w`` and ``w.z``:
    the foot ``f = z - t w`` lies on the hyperplane, and any other point y of it is farther by ``|f - y|**2`` exactly.
    """
    c, beta, gamma, s, ww, yy, wy, wz, zy, zz = sp.symbols("c beta gamma s ww yy wy wz zy zz", real=True)
    mu, v = FIRST, SECOND - FIRST**2
    t = (wz - c) / ww
    apart = zz - 2 * zy + yy  # |z-y|**2
    foot_apart = (zz - 2 * t * wz + t**2 * ww) - 2 * (zy - t * wy) + yy  # |f-y|**2
    n, i = sp.Symbol("n", positive=True, integer=True), sp.Symbol("i", integer=True)
    values = sp.IndexedBase("p")
    sums = {
        sp.Sum(values[i] ** 2, (i, 1, n)): n * SECOND,
        sp.Sum(values[i], (i, 1, n)): n * FIRST,
    }
    summed = average((values[i] - c) ** 2, i, n)
    offset = sp.solve(gamma * (P - mu) / s + beta, P)[0]
    return {
        "the foot lies on the hyperplane": (wz - t * ww) - c,
        "the foot is at distance |w.z - c|/|w|": t**2 * ww - (wz - c) ** 2 / ww,
        "other points of it are farther": (apart - t**2 * ww - foot_apart).subs(wy, c),
        "mean squared distance": in_moments((P - c) ** 2) - (v + (mu - c) ** 2),
        "the same as a sum of n terms": summed.subs(sums) - in_moments((P - c) ** 2),
        "the excess is a square, zero at c = mu only": in_moments((P - c) ** 2) - v - (c - mu) ** 2,
        "batchnorm's excess": (mu - offset) ** 2 - beta**2 * s**2 / gamma**2,
    }


def prove_scale() -> Steps:
    """A2: ``v = |w|**2`` times the mean squared distance to the centred hyperplane; h does not change with ``|w|``.

    For every n, D and w as in A1.  A row t w, t > 0, has values t p, so mean t mu, variance t**2 v, and for eps = 0
    scale t s.
    """
    t, ww, root = sp.symbols("t ww s", positive=True)
    v = SECOND - FIRST**2
    scaled_mean, scaled_variance = in_moments(t * P), in_moments((t * P - t * FIRST) ** 2)
    return {
        "variance and mean squared distance": v - ww * in_moments((P - FIRST) ** 2 / ww),
        "mean of the scaled row": scaled_mean - t * FIRST,
        "variance of the scaled row": scaled_variance - t**2 * v,
        "scale of the scaled row": sp.sqrt(t**2 * root**2) - t * root,
        "h is the same": (t * P - scaled_mean) / sp.sqrt(t**2 * root**2) - (P - FIRST) / root,
    }


def prove_fold() -> Steps:
    """A8a: across ``H_{1,j}`` the layer-2 gradient jumps by ``(1-eta)(v_j/s_j) w_j``; the fold is there; its angle.

    For every width: all other units of layer 1 add the same affine function on both sides near a point where only
    ``h_j`` changes sign, so one symbol ``rest`` stands for any number of them.  For every D: gradients enter through
    inner products.
    """
    eta, v_j, h, rest = sp.symbols("eta v_j h rest", real=True)
    nn, nw, ww, t = sp.symbols("nn nw ww t", real=True)
    upper, lower = v_j * h + rest, v_j * eta * h + rest
    after_after, after_before = nn + 2 * t * nw + t**2 * ww, nn + t * nw  # |n + t w|**2 and n.(n + t w)
    return {
        "the pieces differ by a multiple of h_j, so the gradient by that of its gradient w_j/s_j": upper
        - lower
        - (1 - eta) * v_j * h,
        "the pieces agree where h_j = 0": (upper - lower).subs(h, 0),
        "sine of the fold angle, squared times both squared lengths": nn * after_after
        - after_before**2
        - t**2 * (nn * ww - nw**2),
    }


def prove_batches() -> Steps:
    """A11: moments of mini-batch means and variances, for symbolic N and b.

    A sample is in ``C(N-1, b-1)`` of the ``C(N, b)`` batches and a pair in ``C(N-2, b-2)``; sympy turns the quotients
    into b/N and b(b-1)/(N(N-1)) for symbolic N and b.  Sums over samples are ``N Ep`` and ``N Ep2``, those over
    ordered pairs of different ones ``(N Ep)**2 - N Ep2``: so neither N nor b nor the values are ever numbers.
    """
    count, size = sp.symbols("N b", positive=True, integer=True)
    v = SECOND - FIRST**2
    one = sp.combsimp(sp.binomial(count - 1, size - 1) / sp.binomial(count, size))
    two = sp.combsimp(sp.binomial(count - 2, size - 2) / sp.binomial(count, size))
    singles, pairs = count * SECOND, (count * FIRST) ** 2 - count * SECOND
    mean = one * count * FIRST / size
    squared_mean = (one * singles + two * pairs) / size**2
    spread = squared_mean - mean**2
    inner = one * singles / size - squared_mean
    return {
        "a sample is in b of N": one - size / count,
        "a pair is in b(b-1) of N(N-1)": two - size * (size - 1) / (count * (count - 1)),
        "E mu_B = mu": mean - FIRST,
        "Var mu_B": spread - v / size * (count - size) / (count - 1),
        "E v_B": inner - v * count * (size - 1) / (size * (count - 1)),
        "v = E v_B + Var mu_B": inner + spread - v,
    }


def prove_translations() -> Steps:
    """B2: the output is tau where ``w.(x-g) = s (tau-beta)/gamma``; the raw bias is in neither s nor that equation.

    For every n as in A1: the mean of ``p + bias`` is mu + bias and its variance is v.  For every D: x and g enter as
    the values ``w.x`` and ``w.g = Ep``, the mean being linear in z.
    """
    bias, tau, beta, gamma, s, wx = sp.symbols("bias tau beta gamma s wx", real=True)
    v = SECOND - FIRST**2
    biased_mean = in_moments(P + bias)
    biased_variance = in_moments((P + bias - biased_mean) ** 2)
    output = gamma * (wx + bias - biased_mean) / s + beta
    solved = sp.solve(sp.Eq(output, tau), wx)[0]
    return {
        "mean with a bias": biased_mean - FIRST - bias,
        "variance with a bias": biased_variance - v,
        "the hyperplane of tau": solved - FIRST - s * (tau - beta) / gamma,
        "no bias in it": sp.diff(solved, bias),
    }


def prove_window() -> Steps:
    """B3: on ``|x-c|_inf <= r`` the values of ``w.x - m`` are those from ``a-R`` to ``a+R``, ``R = r |w|_1``.

    For every D: the window is a product, so ``w.(x-c)`` is a sum of one term ``w_j y_j``, ``|y_j| <= r``, a
    coordinate, and its extremes are the sums of the coordinates' extremes.  One coordinate is proved for each sign of
    ``w_j``, with ``y_j = r - d`` or ``-r + d``, d >= 0 arbitrary: the difference to ``r |w_j|`` is ``|w_j| d``, so at
    least 0 and 0 at an end.  In between every value is taken, as the window is connected; so zero is taken iff
    ``(a-u)**2 <= R**2``.
    """
    r, d, size = sp.symbols("r d q", nonnegative=True)
    a, u, reach, b, root = sp.symbols("a u R b sqrtq", real=True)
    steps: Steps = {}
    for name, w in (("w_j >= 0", size), ("w_j <= 0", -size)):
        end = r if w is size else -r
        inward = end - d if w is size else end + d
        steps[f"{name}: below the largest value by |w_j| d"] = r * abs(w) - w * inward - size * d
        steps[f"{name}: above the least value by |w_j| d"] = w * (-inward) + r * abs(w) - size * d
        steps[f"{name}: reached at an end"] = r * abs(w) - w * end
    steps["between -R and R iff the square is at most R**2"] = (reach - (a - u)) * (reach + (a - u)) - (
        reach**2 - (a - u) ** 2
    )
    steps["a sign with one root, by squaring"] = (a + b * root) * (a - b * root) - (a**2 - b**2 * root**2)
    return steps


PROOFS: dict[str, Callable[[], Steps]] = {
    "A1": prove_placement,
    "A2": prove_scale,
    "A8a": prove_fold,
    "A11": prove_batches,
    "B2": prove_translations,
    "B3": prove_window,
}


def prove(name: str) -> Steps:
    """Prove an identity: every step must simplify to zero.

    Args:
        name: The id.

    Returns:
        The steps, before simplification.

    Raises:
        BadArgument: No proof of that id.
        CertificateRejected: A step is not zero.

    Example:
        >>> list(prove("A2"))[0]
        'variance and mean squared distance'
    """
    if name not in PROOFS:
        raise BadArgument(f"expected one of {', '.join(PROOFS)}, got {shown(name)}")
    steps = PROOFS[name]()
    for words, expression in steps.items():
        if sp.simplify(expression) != 0:
            raise CertificateRejected(f"{name}, {words}: expected 0, got {sp.simplify(expression)}")
    return steps
