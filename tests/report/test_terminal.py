from dataclasses import replace
from io import StringIO
from itertools import chain

import pytest
from report_samples import evidence, failed, planted, ridge, second, unknown
from rich.console import Console

import symgrad as sg
from symgrad.report import headline, plain, rich_report
from symgrad.report.outline import blocks, command, grouped, rows
from symgrad.verification import Verdict


def drawn(report):
    out = StringIO()
    Console(file=out, width=220, color_system=None).print(rich_report(report))
    return out.getvalue()


def test_the_headline_counts_blocks_and_points_and_says_what_would_have_been_caught():
    report = ridge()
    assert headline(report) == (
        "PASS: 4 of 4 derivative blocks at 2 points, smallest error that would have been caught "
        f"{report.resolving_power:.1g}"
    )


def test_a_block_that_failed_is_not_counted():
    assert headline(failed()).startswith("FAIL: 3 of 4 derivative blocks at 2 points")
    assert [block.verdict for block in blocks(failed())].count(Verdict.FAIL) == 1


def test_a_point_outside_of_the_domain_counts_for_nothing():
    assert headline(unknown()).startswith("INCONCLUSIVE: 0 of 2 derivative blocks at 1 point")


def test_a_row_is_the_check_nearest_to_its_bound_and_the_coarsest_resolution():
    checks = ridge().checks
    for row in rows(checks):
        own = [c for c in checks if (c.route, c.input) == (row.deciding.route, row.deciding.input)]
        assert row.resolution == max(c.resolution for c in own) and row.points == 2 == len(own)
        assert all(c.error / c.bound <= row.deciding.error / row.deciding.bound for c in own)


def test_a_row_of_a_route_that_failed_at_one_point_has_failed():
    assert [row.verdict for row in rows(failed().checks)].count(Verdict.FAIL) == 1


def test_plain_text_has_the_verdict_first_then_the_formulas_then_the_groups():
    report = ridge()
    lines = plain(report).split("\n")
    assert lines[0] == headline(report)
    assert lines[1:3] == ["  f = sum((X @ w - y)**2) + lam*sum(w**2)", "  df/dw = 2*X.T @ (X @ w - y) + 2*lam*w"]
    titles = [line for line in lines if line in ("formula errors", "kernel errors", "end-to-end errors")]
    assert titles == ["formula errors", "kernel errors", "end-to-end errors"]
    assert len([line for line in lines if line.startswith("  PASS")]) == len(rows(report.checks))
    assert lines[-1] == "2 points drawn with seed 0"


def test_every_check_is_in_one_group():
    checks = ridge().checks
    assert sorted(map(id, chain(*grouped(checks).values()))) == sorted(map(id, checks))


def test_what_went_wrong_is_written_under_the_tables():
    text = plain(unknown())
    assert "why: the value: the formula is not defined at this point" in text


def test_planted_errors_are_counted():
    assert "planted errors: the same check rejects 23 of 24 wrong versions" in plain(planted())
    assert "planted" not in plain(replace(ridge(), planted=()))


@pytest.mark.parametrize("make", [ridge, failed, unknown])
def test_rich_prints_the_same_without_reading_markup(make):
    report = make()
    text = drawn(report)
    assert headline(report) in text
    assert text.count("PASS ") == plain(report).count("PASS ")


def test_the_command_gives_the_report_again():
    assert command(ridge()) == (
        "symgrad verify 'f(X[m,n], w[n], y[m], lam) = sum((X @ w - y)**2) + lam*sum(w**2)' "
        "--wrt w --wrt lam --seed 0 --points 2"
    )
    assert command(evidence()).endswith("--points 1 --at 'S=[[2.0, 0.5], [0.5, 1.0]], x=[1.0, -2.0]'")
    many = sg.verify("sum(x**2)", points=0, at={"x": [0.1] * 200})
    assert command(many).endswith("--at x=...")


def test_second_derivatives_are_blocks_at_points_of_their_own():
    report = second()
    assert report.passed and all(block.verdict is Verdict.PASS for block in blocks(report))
    assert {block.input for block in blocks(report)} >= {"x", "c", "x, x"}
    assert "  d2f/(dx dx) = A + A.T" in plain(report)
    assert command(report).endswith("--seed 0 --points 1 --hessian --products --batch --dtype float32")
