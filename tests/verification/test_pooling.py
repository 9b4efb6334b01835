import numpy as np
import pytest
from interpreted import check

from symgrad.verification.checks import Finding
from symgrad.verification.evidence import Evidence
from symgrad.verification.model import Route
from symgrad.verification.pooling import pool


@pytest.mark.parametrize("delta", [0.0, 1e-6, -3e-4])
def test_a_common_factor_is_found_within_its_uncertainty(delta):
    report = check("sum((X @ w - y)**2)", change=lambda g: {name: x * (1 + delta) for name, x in g.items()})
    assert abs(report.pooled.delta - delta) <= report.pooled.uncertainty < 1e-8
    assert report.pooled.pairs == sum(x.size for point in report.points for x in point.values.values())
    assert str(report.pooled).startswith("gradient = (1 + delta) x difference, delta = ")


def finding(gradient, slopes, bounds, route=Route.DIFFERENCES):
    low = np.array(slopes, float)[:, None]
    evidence = Evidence(route, 0, "x", low, low, np.array(bounds, float)[:, None], np.eye(len(slopes)))
    return Finding(evidence, np.array(gradient, float))


def test_sharp_differences_count_more():
    pooled = pool([finding([1.0, 1.1], [1.0, 1.0], [1e-9, 1e-2])])
    assert abs(pooled.delta) < 1e-12
    assert pooled.uncertainty == pytest.approx(1e-9)


def test_intervals_that_are_all_alike_are_not_narrowed():
    assert pool([finding([1.0] * 50, [1.0] * 50, [1e-6] * 50)]).uncertainty == pytest.approx(1e-6)


def test_without_differences_there_is_no_factor():
    assert pool([finding([1.0], [1.0], [1e-9], Route.ADJOINT)]) is None
    assert pool([finding([np.nan], [1.0], [1e-9])]) is None
    assert pool([finding([0.0], [0.0], [1e-9])]) is None
