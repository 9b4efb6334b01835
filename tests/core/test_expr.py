"""Nodes: interning, errors, memory, and depth that only memory bounds."""

from __future__ import annotations

import gc
import weakref

import pytest

import symgrad as sg
from symgrad.core.expr import Apply, Expr, Input, Literal, OpDef, all_ops, lookup, op_names, postorder
from symgrad.core.notation import CALL
from symgrad.core.traversal import expand, rebuild, substitute
from symgrad.errors import OperandError, ShapeError, UnknownNameError

DEEP = 50_000
x, v = sg.scalar("x"), sg.vector("v", "n")


def test_equal_nodes_are_one() -> None:
    assert sg.sin(x + 1) is sg.sin(x + 1)
    assert Input("x") is x and Input("x", (3,)) is not x
    assert Literal(2) is Literal(2) and Literal(2) is not Literal(2.0)
    assert Literal(0.0) is not Literal(-0.0)
    assert sg.sum(v, axis=0) is sg.sum(v) is sg.sum(v, axis=-1)


def test_nodes_that_nobody_holds_are_freed() -> None:
    node = sg.sin(sg.scalar("only_here")) + 1
    watched = [weakref.ref(each) for each in postorder(node) if isinstance(each, Apply)]
    assert len(watched) == 2
    del node
    gc.collect()
    assert [each() for each in watched] == [None, None]


def chain(length: int) -> Expr:
    node = x
    for _ in range(length):
        node = sg.sin(node)
    return node


def test_depth_is_bounded_by_memory_alone() -> None:
    node = chain(DEEP)
    assert len(postorder(node)) == DEEP + 1
    assert list(node.inputs) == ["x"] and node.shape == ()
    (other,) = substitute([node], {x: sg.scalar("y")})
    assert list(other.inputs) == ["y"]
    assert str(chain(3000)).count("sin(") == 3000
    del node, other
    gc.collect()


def test_text_of_a_deep_chain() -> None:
    node = chain(DEEP)
    assert str(node).count("sin") == DEEP
    assert node.latex().count("sin") == DEEP


def test_a_shared_node_is_walked_once() -> None:
    node: Expr = x
    for _ in range(200):
        node = node * node
    assert len(postorder(node)) == 201


def test_postorder_puts_operands_first_and_stops() -> None:
    inner = sg.sin(x)
    order = postorder(inner + x, inner)
    assert order == [x, inner, inner + x]
    assert postorder(sg.exp(inner), stop={inner}) == [inner, sg.exp(inner)]


def test_one_name_two_shapes() -> None:
    with pytest.raises(OperandError, match=r"input x is used with two shapes, \(\) and \(n,\)"):
        _ = (x + sg.vector("x", "n")).inputs


def test_no_truth_no_loop() -> None:
    with pytest.raises(OperandError, match="no truth value"):
        bool(x < 1)
    with pytest.raises(OperandError, match="cannot be looped over"):
        list(v)


def test_calls_of_ops() -> None:
    with pytest.raises(OperandError, match=r"sin takes sin\(x\), but 2 arguments were given"):
        sg.sin(x, x)
    with pytest.raises(OperandError, match=r"reshape takes reshape\(x, shape\), but shape is missing"):
        sg.reshape(x)
    with pytest.raises(UnknownNameError, match="sum has no parameter 'dim'"):
        sg.sum(v, dim=0)
    with pytest.raises(ShapeError, match="axis 2 is out of range"):
        sg.sum(v, axis=2)
    with pytest.raises(UnknownNameError, match="there is no function sine"):
        lookup("sine")


def test_names_and_aliases() -> None:
    assert lookup("arcsin") is lookup("asin") is sg.asin
    assert set(op_names()) == {name for op in all_ops() for name in op.names}
    assert len(all_ops()) == len({op.name for op in all_ops()})


def test_an_incomplete_definition_fails_at_once() -> None:
    with pytest.raises(TypeError, match="lacks exactly one of derivative and expand and one of numeric and expand"):
        OpDef(name="empty", doc="Nothing.", operand_names=("x",), elementwise=True, notation=CALL, reference=abs)


def test_rebuild_and_expand() -> None:
    node = sg.sin(x) + sg.sin(x) * 2
    assert rebuild(node, {each: each for each in postorder(node)}) is node

    def halve(each: Apply) -> Expr | None:
        return sg.cos(each.operands[0]) if each.op is sg.sin else None

    assert expand([node], halve) == [sg.cos(x) + sg.cos(x) * 2]
