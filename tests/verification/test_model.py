import json
import math

import numpy as np
import pytest
from interpreted import check

from symgrad.errors import OperandError
from symgrad.verification import Check, Point, Report, Route, Verdict


def one(route=Route.GRADIENT, verdict=Verdict.PASS, error=1e-16, bound=1e-15, name="x", **more):
    return Check(route, 0, name, verdict, error, bound, bound, 1.0, 1, **more)


def report(*checks, verdict=Verdict.PASS, **more):
    point = Point({"n": 1}, {"x": np.array([0.5])})
    return Report(verdict, ("x",), tuple(checks), (point,), 0, 1e-15, **more)


def test_the_summary_is_one_line_with_points_error_bound_and_resolving_power():
    text = report(one(error=3.1e-15, bound=2.2e-11)).summary()
    assert text == (
        "verified: PASS at 1 point; worst error 3.1e-15 against a bound of 2.2e-11 "
        "(the sharpest check would catch 1e-15)"
    )


def test_the_worst_of_a_failure_is_a_check_that_failed():
    fine, failed = one(error=1e-3, bound=1e-2), one(verdict=Verdict.FAIL, error=1e-9)
    found = report(fine, failed, verdict=Verdict.FAIL, reasons=("the derivative is off",))
    assert found.worst is failed
    assert found.summary().endswith("the derivative is off")


def test_an_error_that_is_not_a_number_is_the_worst():
    nan = one(error=math.nan, verdict=Verdict.FAIL)
    assert report(nan, one(error=5.0, verdict=Verdict.FAIL), verdict=Verdict.FAIL).worst is nan


def test_a_report_without_checks_has_no_worst_error():
    empty = report(verdict=Verdict.INCONCLUSIVE, reasons=("no point was found",))
    assert empty.worst is None
    assert math.isnan(empty.worst_error)
    assert empty.summary() == "verified: INCONCLUSIVE at 1 point; no point was found"


def test_a_value_decides_only_when_there_is_nothing_else():
    value = one(route=Route.VALUE, name=None)
    assert report(value).worst is value
    assert report(value, one(error=0.0)).worst.route is Route.GRADIENT


def test_a_value_that_failed_is_the_worst():
    value = one(route=Route.VALUE, name=None, verdict=Verdict.FAIL, error=0.5)
    assert report(value, one(), verdict=Verdict.FAIL).worst is value


def test_only_pass_has_passed():
    assert [report(verdict=v).passed for v in Verdict] == [True, False, False]


def test_a_report_cannot_be_used_as_a_truth_value():
    with pytest.raises(OperandError, match="truth value"):
        assert report()


def test_the_text_has_a_line_for_every_check_and_the_seed():
    text = str(report(one(), one(detail="kink")))
    assert text.count("kernel gradient against 50 digits") == 2
    assert "(kink)" in text
    assert text.endswith("seed 0")


def test_json_reads_back_and_keeps_every_bit():
    found = check("sum((X @ w)**2)", points=1)
    data = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert data["verdict"] == "PASS"
    assert np.array_equal(data["points"][0]["values"]["X"], found.points[0].values["X"])
    assert len(data["checks"]) == len(found.checks)


def test_json_writes_infinities_as_text():
    data = report(one(bound=math.inf, error=math.nan)).to_dict()
    assert data["checks"][0]["bound"] == "inf"
    assert data["worst_error"] == "nan"
    json.dumps(data, allow_nan=False)


def test_every_route_has_a_kind():
    assert {route.kind for route in Route} == {"formula", "kernel", "end to end"}


def test_verdicts_are_counted_by_kind_and_without_those_that_do_not_decide():
    formula = one(route=Route.FORMULA, verdict=Verdict.FAIL)
    blurred = one(route=Route.DIFFERENCES, verdict=Verdict.INCONCLUSIVE)
    found = report(one(), formula, blurred, verdict=Verdict.FAIL).verdicts
    assert found == {"formula": Verdict.FAIL, "kernel": Verdict.PASS, "end to end": Verdict.INCONCLUSIVE}
    waived = one(route=Route.DIFFERENCES, verdict=Verdict.INCONCLUSIVE, decisive=False)
    assert report(waived).verdicts == {"end to end": Verdict.PASS}


def test_ulps_are_those_of_the_worst_check():
    assert report(one(ulps=0.5), one(ulps=3.0), one()).ulps == 3.0
    assert math.isnan(report(one()).ulps)
