import numpy as np
import pytest

from symgrad.verification.model import Route, Verdict
from symgrad.verification.sweeps import Judging, Sweep, judge, judge_symmetry

EPS = float(np.finfo(float).eps)
X = np.array([[1.0, 2.0, 0.5], [-1.0, 0.3, 4.0]])


def sweep(found, x=X, function=None, again=None):
    return Sweep(
        Route.FUNCTION,
        "X",
        "fun",
        (),
        x,
        function or (lambda flat: np.atleast_1d(np.sum(flat**3))),
        found.reshape(1, -1),
        again or (lambda: found.reshape(1, -1)),
        EPS,
    )


def test_an_entry_of_a_matrix_is_named():
    wrong = 3 * X**2
    wrong[1, 2] *= 1 + 1e-7
    judged = judge(Judging(np.random.default_rng(0)), sweep(wrong), 0)
    assert judged.checks[0].verdict is Verdict.FAIL
    assert judged.reasons[0].startswith("the derivative of fun by X[1, 2] is 48.0000048, but differences say 48")


def test_a_derivative_that_its_own_last_digits_move_is_not_called_wrong():
    """The spread of the moved ones, not how far they lie from what was found, is the allowance."""
    rng = np.random.default_rng(0)
    off = 3 * X**2 * (1 + 1e-9)
    rough = sweep(off, again=lambda: (off * (1 + 1e-8 * rng.uniform(-1, 1, X.shape))).reshape(1, -1))
    assert judge(Judging(np.random.default_rng(0)), rough, 0).checks[0].verdict is Verdict.PASS
    steady = sweep(off, again=lambda: 3 * X.reshape(1, -1) ** 2)
    assert judge(Judging(np.random.default_rng(0)), steady, 0).checks[0].verdict is Verdict.FAIL


@pytest.mark.parametrize(("eps", "coarsest"), [(EPS, 1e-6), (1.2e-7, 0.0232), (1e-3, 0.05)])
def test_what_counts_as_resolved_depends_on_the_precision(eps, coarsest):
    assert Judging(np.random.default_rng(0)).coarsest(eps) == pytest.approx(coarsest, rel=0.01)
    assert Judging(np.random.default_rng(0), 1e-3).coarsest(eps) == 1e-3


def test_symmetry():
    square = np.array([[1.0, 2.0], [2.0, 3.0]])
    case = sweep(square, np.ones(2))
    symmetric = Sweep(Route.HESSIAN, "x", "grad", (2,), np.ones(2), case.function, square, case.again, EPS)
    assert judge_symmetry(Judging(np.random.default_rng(0)), symmetric, 0).checks[0].verdict is Verdict.PASS
    skewed = Sweep(Route.HESSIAN, "x", "grad", (2,), np.ones(2), case.function, square + np.tri(2), case.again, EPS)
    judged = judge_symmetry(Judging(np.random.default_rng(0)), skewed, 0)
    assert judged.checks[0].verdict is Verdict.FAIL and "2.0 and 3.0" in judged.reasons[0]
