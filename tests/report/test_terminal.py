from io import StringIO

from rich.console import Console

from symgrad.backends.kernel import Kernel
from symgrad.diff.jacobian import jacobian
from symgrad.report import plain, rich_report
from symgrad.syntax import parse
from symgrad.verification import verify


def verified(at=None, points=1):
    output = parse("x*abs(x) + log(y)")
    inputs = tuple(output.inputs.values())
    gradients = dict(zip(output.inputs, jacobian(output, inputs), strict=True))
    return verify(output, inputs, gradients, Kernel(output, inputs), at=at, points=points)


def test_plain_text_has_the_verdict_first_and_a_row_for_every_check():
    report = verified()
    lines = plain(report).split("\n")
    assert lines[0] == report.summary()
    assert lines[2].split()[0] == "verdict"
    assert len([line for line in lines if line.startswith("PASS")]) == len(report.checks)
    assert "seed 0" in lines[-1]


def test_what_went_wrong_is_written_under_the_table():
    text = plain(verified(at={"x": 1.0, "y": -1.0}, points=0))
    assert "INCONCLUSIVE" in text
    assert "why: the value: the formula is not defined at this point" in text


def test_rich_prints_the_same_rows_without_reading_markup():
    report = verified()
    out = StringIO()
    Console(file=out, width=160, color_system=None).print(rich_report(report))
    text = out.getvalue()
    assert report.summary().split(";")[0] in text
    assert text.count("PASS") == 1 + len(report.checks)
