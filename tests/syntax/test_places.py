"""Where nodes stand in a text."""

import symgrad as sg
from symgrad.syntax.places import places


def quoted(text, expr):
    return {node.formula(): text[span.start : span.end] for node, span in places(text, expr).items()}


def test_every_node_has_the_part_of_the_text_that_says_it():
    text = "sum((X @ w - y)**2)"
    found = quoted(text, sg.parse(text))
    assert found == {
        "X": "X", "w": "w", "X @ w": "X @ w", "y": "y", "2": "2", "X @ w - y": "(X @ w - y)",
        "(X @ w - y)**2": "(X @ w - y)**2", text: text,
    }  # fmt: skip


def test_equal_nodes_have_their_first_place():
    text = "log(x) + 2*log(x)"
    f = sg.parse(text)
    assert places(text, f)[sg.log(f.inputs["x"])] == sg.Span(0, 6)


def test_what_was_not_written_has_the_place_of_the_whole():
    text = "mean(x)"
    f = sg.parse(text)
    assert set(places(text, f).values()) <= {sg.Span(0, 7), sg.Span(5, 6)}


def test_shapes_and_assumptions_are_those_of_the_expression():
    f = sg.parse("log(x)", shapes={"x": ("n",)}, assume={"x": "positive"})
    assert places("log(x)", f)[f] == sg.Span(0, 6)


def test_another_text_has_no_places():
    f = sg.parse("log(x)")
    assert places("exp(x)", f) == places("log(", f) == places("y", f) == {}
