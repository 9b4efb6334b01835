"""Small examples that textbooks and tutorials of automatic differentiation work through; each result is exact."""

import pytest

import symgrad as sg


def test_a_product_of_two_sums():
    """y = (w + x)(w + 1) at w = 1, x = 2."""
    value, slopes = sg.compile("(w + x)*(w + 1)").value_and_grad(w=1, x=2)
    assert value == 6 and slopes == {"w": 5, "x": 2}


def test_a_formula_in_steps():
    """J = 3(a + bc) through v = bc and u = a + v, at a = 5, b = 3, c = 2."""
    f = sg.parse("v = b*c; u = a + v; J = 3*u")
    value, slopes = sg.compile(f).value_and_grad(a=5, b=3, c=2)
    assert value == 33 and slopes == {"a": 3, "b": 6, "c": 9}
    assert {name: str(slope) for name, slope in sg.grad(f, ["a", "b", "c"]).items()} == {
        "a": "3",
        "b": "3*c",
        "c": "3*b",
    }


def test_two_outputs_pulled_back():
    """(w + x)(w + 1) and (w + x) + (w + 1) with cotangent (1, 1): 5 + 2 = 7 for w."""
    product, total = sg.parse("(w + x)*(w + 1)"), sg.parse("(w + x) + (w + 1)")
    slopes = [sg.vjp(output, "w", 1) for output in (product, total)]
    assert sg.compile(slopes[0] + slopes[1], wrt=[])(w=1, x=2) == 7
    stacked = sg.diag(sg.parse("f(e[2], w, x) = where(e > 0, (w + x)*(w + 1), (w + x) + (w + 1))"))
    kernel = sg.compile(stacked, wrt=["w"])
    value, residuals = kernel.forward(e=[1, 0], w=1, x=2)
    assert value.diagonal().tolist() == [6, 5]
    assert kernel.backward(residuals, [[1, 0], [0, 1]])["w"] == 7


def test_stochastic_gradient_descent_fits_a_line():
    """y = w x + b from w = b = 8, learning rate 0.1, 100 epochs over four samples of 5 x + 3."""
    kernel = sg.compile("(w*x + b - y)**2", wrt=["w", "b"])
    w = b = 8.0
    printed = []
    for epoch in range(100):
        for x, y in ((0, 3), (1, 8), (2, 13), (3, 18)):
            loss, slopes = kernel.value_and_grad(w=w, b=b, x=x, y=y)
            if epoch in (0, 50):
                printed.append(float(loss))
            w, b = w - 0.1 * float(slopes["w"]), b - 0.1 * float(slopes["b"])
    assert printed[:4] == pytest.approx([25, 49, 33.64, 0.5184], rel=1e-12)
    assert max(printed[4:]) < 1e-12
    assert abs(w - 5) < 1e-13 and abs(b - 3) < 1e-13
