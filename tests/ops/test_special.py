"""Special functions: SciPy's numbers against mpmath's, partials against numerical differentiation at 50 digits."""

import math
import random

import mpmath
import numpy as np
import pytest

from symgrad.backends.reference import evaluate_mp, evaluate_reference
from symgrad.core.domain import Interval
from symgrad.core.expr import Apply, Foreign, Input, Literal, OpDef, Partials, lookup
from symgrad.core.numeric import Special
from symgrad.errors import OperandError
from symgrad.ops import bessel, integrals, special
from symgrad.ops.bridge import NoKernel

OPS = list(
    dict.fromkeys(
        value
        for module in (special, bessel, integrals)
        for value in vars(module).values()
        if isinstance(value, OpDef) and value.references
    )
)
# Operands that are written as numbers: an order, an exponent.
ORDERS = {
    special.polygamma: (1, 2, 5),
    special.hurwitz: (2, 3.5, 7),
    integrals.expint: (1, 2, 4),
    **dict.fromkeys((bessel.besselj, bessel.bessely, bessel.besseli, bessel.besselk), (0, 1, 3, 2.5)),
}
WITHOUT_DERIVATIVE = ((special.zeta, 0), (special.zetac, 0), (special.gammainc, 0), (special.gammaincc, 0))


def draw(domain: Interval, rng: random.Random) -> float:
    if math.isfinite(domain.low) and math.isfinite(domain.high):
        return rng.uniform(domain.low, domain.high)
    if math.isfinite(domain.low):
        return domain.low + rng.lognormvariate(0, 1)
    return rng.gauss(0, 2)


def points(op: OpDef, count: int) -> list[tuple[Apply, dict[str, float]]]:
    """Nodes and points of their domains; orders are literals, the rest inputs."""
    rng = random.Random(op.name)
    return [point(op, order, rng) for order in ORDERS.get(op, (None,)) for _ in range(count)]


def point(op: OpDef, order: float | None, rng: random.Random) -> tuple[Apply, dict[str, float]]:
    operands = [Input(name) for name in op.operand_names]
    if order is not None:
        operands[0] = Literal(order)
    node = op(*operands)
    pairs = zip(operands, op.domains(node), strict=True)
    return node, {operand.name: draw(domain, rng) for operand, domain in pairs if isinstance(operand, Input)}


def mp_function(op: OpDef):
    return op.mp.load() if isinstance(op.mp, Foreign) else op.mp


def exact(node, values):
    return evaluate_mp([node], values)[0].item()


def conditioned_size(node, values):
    """|f| plus what a relative change of the inputs does to it: what an error in the last digit may cost."""

    def along(name):
        return mpmath.diff(lambda t: exact(node, {**values, name: t}), values[name])

    return abs(exact(node, values)) + sum(abs(along(name) * value) for name, value in values.items())


@pytest.mark.parametrize("op", OPS, ids=lambda op: op.name)
def test_reference_agrees_with_mpmath(op):
    for node, values in points(op, 12):
        (got,) = evaluate_reference([node], values)
        assert abs(got.item() - exact(node, values)) <= 1e-13 * conditioned_size(node, values), (node, values)


@pytest.mark.parametrize("op", [op for op in OPS if op.expand], ids=lambda op: op.name)
def test_kernel_form_agrees_with_mpmath(op):
    for node, values in points(op, 40):
        (got,) = evaluate_reference([op.expand(node)], values)
        assert abs(got.item() - exact(node, values)) <= 4e-15 * conditioned_size(node, values), (node, values)


def difference(node, values, position):
    """The partial derivative by numerical differentiation of the op's mpmath function."""
    arguments = [mpmath.mpf(o.value if isinstance(o, Literal) else values[o.name]) for o in node.operands]

    def along(t):
        return mp_function(node.op)(*arguments[:position], t, *arguments[position + 1 :])

    return mpmath.diff(along, arguments[position])


@pytest.mark.parametrize("op", OPS, ids=lambda op: op.name)
def test_partials_agree_with_differences(op):
    assert isinstance(op.derivative, Partials)
    for node, values in points(op, 3):
        for position, operand in enumerate(node.operands):
            if isinstance(operand, Literal) or (op, position) in WITHOUT_DERIVATIVE:
                continue
            partial = op.derivative.functions[position](node, *node.operands)
            with mpmath.workdps(50):
                got = exact(partial, values)
                expected = difference(node, values, position)
                assert abs(got - expected) <= mpmath.mpf(10) ** -35 * (1 + abs(expected)), (position, values)


@pytest.mark.parametrize(("op", "position"), [*WITHOUT_DERIVATIVE, (bessel.besselj, 0)], ids=str)
def test_missing_partial_names_function_and_argument(op, position):
    operands = [Input(name) for name in op.operand_names]
    with pytest.raises(OperandError, match=f"no derivative in its argument {op.operand_names[position]}"):
        op.derivative.functions[position](op(*operands), *operands)


@pytest.mark.parametrize("op", [op for op in OPS if isinstance(op.numeric, Special)], ids=lambda op: op.name)
def test_kernel_is_in_cython_special(op):
    from scipy.special import cython_special

    doubles = "double (" + "double, " * len(op.operand_names)
    names = [op.numeric.name, *(f"__pyx_fuse_{k}{op.numeric.name}" for k in range(3))]
    signatures = [str(cython_special.__pyx_capi__[name]) for name in names if name in cython_special.__pyx_capi__]
    assert any(f'"{doubles}int' in signature for signature in signatures), signatures


def test_functions_without_a_kernel_say_so():
    lacking = [op for op in OPS if isinstance(op.numeric, NoKernel)]
    assert {op.name for op in lacking} >= {"Si", "Ci", "fresnels", "airyai"}
    for op in lacking:
        with pytest.raises(OperandError, match=f"{op.name} has no numeric kernel"):
            op.numeric_form(op(*(Input(name) for name in op.operand_names)))
    with pytest.raises(OperandError, match="hurwitz with an exponent that is not a number has no numeric kernel"):
        special.hurwitz.expand(special.hurwitz(Input("s"), Input("x")))


@pytest.mark.parametrize("op", [special.polygamma, integrals.expint])
@pytest.mark.parametrize("order", [Input("n"), 1.5, -1])
def test_orders_are_whole_numbers(op, order):
    with pytest.raises(OperandError, match="integer >= 0"):
        op(order, Input("x"))


def test_order_zero_is_a_simpler_function():
    x = Input("x")
    assert special.polygamma(0, x) is special.digamma(x)
    (value,) = evaluate_reference([integrals.expint(0, x)], {"x": 0.7})
    assert value == pytest.approx(math.exp(-0.7) / 0.7)


@pytest.mark.parametrize(
    ("x", "expected"),
    [
        (0.0, 0.0),
        (math.e, 1.0),
        (-1 / math.e, -1.0),
        (special.BRANCH_POINT, -1.0),
        (-0.4, math.nan),
        (math.inf, math.inf),
        (1e-300, 1e-300),
    ],
)
def test_lambertw_at_the_edges(x, expected):
    (value,) = evaluate_reference([special.lambertw.expand(special.lambertw(Input("x")))], {"x": x})
    assert value == pytest.approx(expected, rel=1e-7, nan_ok=True)


@pytest.mark.parametrize(("x", "expected"), [(0.0, math.inf), (-0.5, math.nan), (math.inf, 0.0)])
def test_trigamma_at_the_edges(x, expected):
    node = special.hurwitz(2, Input("x"))
    (value,) = evaluate_reference([special.hurwitz.expand(node)], {"x": x})
    np.testing.assert_equal(value.item(), expected)


def test_aliases():
    assert lookup("tgamma") is special.gamma
    assert lookup("lgamma") is lookup("gammaln") is special.loggamma
    assert lookup("psi") is special.digamma
    assert lookup("jv") is bessel.besselj
