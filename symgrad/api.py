"""The verbs. Each takes an expression, a text or a SymPy expression, and names or nodes to differentiate by."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias

from symgrad import syntax
from symgrad.backends.kernel import DType, Kernel
from symgrad.backends.partition import fresh
from symgrad.core.dims import Dim, Shape, Size, named, shape_text
from symgrad.core.expr import Expr, Input, as_expr
from symgrad.diff import jacobian as derivative
from symgrad.diff.layout import Layout, arrange, read_layout
from symgrad.diff.pullback import pull_back
from symgrad.diff.pushforward import push_forward
from symgrad.errors import OperandError, ShapeError, UnknownNameError
from symgrad.ops import sympy_bridge
from symgrad.simplify import simplify, textbook
from symgrad.steps import Step, derivation_steps
from symgrad.syntax import Limits
from symgrad.verification import Report
from symgrad.verification import verify as _verify

Formula: TypeAlias = "Expr | str | Any"  # Any: a SymPy expression, whose types SymPy does not declare
Name: TypeAlias = "str | Expr | Any"  # Any: a SymPy symbol
Wrt: TypeAlias = "Name | Iterable[Name]"

_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)


def as_formula(formula: Formula) -> Expr:
    """Return the expression that `formula` is: an expression, a text, a number or a SymPy expression."""
    if isinstance(formula, Expr):
        return formula
    if isinstance(formula, str):
        return syntax.parse(formula)
    if is_sympy(formula):
        return sympy_bridge.from_sympy(formula)
    return as_expr(formula)


def is_sympy(value: object) -> bool:
    """Return whether a value is one of SymPy's, without importing it."""
    return type(value).__module__.partition(".")[0] == "sympy"


def parse(text: str, shapes: syntax.Shapes | None = None, limits: Limits | None = None) -> Expr:
    """Read a formula.

    `shapes` gives the shapes of some or all inputs (sizes are ints or names); others are inferred, or declared in the
    text: `f(X[m, n], w[n]) = X @ w`.
    Errors: a SymgradError with its kind and its place in the text; LimitError for a text beyond `limits`.

    >>> parse("sum((X @ w - y)**2)").inputs["X"].shape
    (m, n)
    """
    return syntax.parse(text, shapes=shapes, limits=limits or Limits())


def scalar(name: str) -> Expr:
    """Return a scalar input.

    >>> print(scalar("x")**2)
    x**2
    """
    return Input(name)


def vector(name: str, n: int | str | Dim) -> Expr:
    """Return a vector input with `n` entries; n is a number or the name of a size.

    >>> vector("x", "n").shape
    (n,)
    """
    return tensor(name, n)


def matrix(name: str, m: int | str | Dim, n: int | str | Dim) -> Expr:
    """Return a matrix input of shape (m, n).

    >>> matrix("X", "m", 3).shape
    (m, 3)
    """
    return tensor(name, m, n)


def tensor(name: str, *shape: int | str | Dim) -> Expr:
    """Return an input of any shape.

    >>> tensor("T", 2, "n", "n").shape
    (2, n, n)
    """
    return Input(name, _as_shape(shape))


def grad(formula: Formula, wrt: Wrt | None = None) -> Any:
    """Return the gradient of a scalar formula: an expression of the input's shape.

    With several names (or none: all inputs) the result is a dict from name to expression.
    Errors: ShapeError when the formula is not a scalar (see `jacobian`); UnknownNameError for a name that is not an
    input; OperandError for an op that has no derivative.

    >>> print(grad("sum((X @ w - y)**2)", "w"))
    2*X.T @ (X @ w - y)
    """
    return jacobian(_need_scalar(as_formula(formula)), wrt)


def jacobian(formula: Formula, wrt: Wrt | None = None, layout: Layout | str = Layout.DEFAULT) -> Any:
    """Return the derivative of shape `formula.shape + input.shape`; a dict when several names are given.

    `layout` is one of "default", "numerator", "denominator" and "vec"; `Layout` says what they are.
    InvalidValueError for another.

    >>> print(jacobian("exp(A @ x)", "x"))
    diag(exp(A @ x)) @ A
    >>> print(jacobian("A @ X @ B", "X", layout="vec"))
    f(B[k,p], A[m,n]) = kron(B.T, A)
    """
    output = as_formula(formula)
    nodes = _resolve(output, wrt)
    convention = layout if isinstance(layout, Layout) else read_layout(layout)
    return _label(wrt, nodes, _derive(output, nodes, convention))


def hessian(formula: Formula, wrt: Wrt | None = None) -> Any:
    """Return the second derivative of a scalar formula, of shape `input.shape + input.shape`.

    With several names the result is a dict of dicts: `hessian(f, ["x", "y"])["x"]["y"]`.

    >>> print(hessian("x.T @ A @ x", "x"))
    A + A.T
    """
    output = as_formula(formula)
    nodes = _resolve(output, wrt)
    (stable,) = simplify([_need_scalar(output)])
    slopes = simplify(derivative.jacobian(stable, nodes))
    blocks = [_derive(slope, nodes) for slope in slopes]
    if wrt is not None and _is_single(wrt):
        return blocks[0][0]
    names = [node.name for node in nodes]
    return {name: dict(zip(names, row, strict=True)) for name, row in zip(names, blocks, strict=True)}


def hvp(formula: Formula, wrt: Wrt | None = None, direction: Mapping[Name, Formula] | Formula | None = None) -> Any:
    """Return the Hessian of a scalar formula times a direction, without forming the Hessian.

    It is the tangent of the gradient, so it costs a small constant times a value and a gradient. The direction of x
    is a new input x_dot unless `direction` gives it: an expression of x's shape when `wrt` is one name, else a mapping
    from names to expressions (a name that is missing has direction 0). With several names (or none: all inputs) the
    result is a dict, of the blocks of the product with the Hessian by all of them.
    Errors: ShapeError when the formula is not a scalar or a direction has another shape.

    >>> print(hvp("sum(exp(A @ x))", "x"))
    A.T @ (exp(A @ x)*(A @ x_dot))
    >>> print(hvp("x.T @ A @ x", "x", "2*x"))
    2*(A + A.T) @ x
    """
    output = _need_scalar(as_formula(formula))
    nodes = _resolve(output, wrt)
    tangents = _directions(output, wrt, nodes, direction)
    (stable,) = simplify([output])
    slopes = simplify(derivative.jacobian(stable, nodes))
    return _label(wrt, nodes, textbook(simplify([push_forward(slope, tangents) for slope in slopes])))


def steps(formula: Formula, wrt: Wrt | None = None) -> list[Step]:
    """Return how `jacobian` (or `grad`) comes to its result, one record for each rule that was applied.

    First the formula is rewritten, then come the nodes of the reverse sweep, the rewriting of what it gave, and the
    result for each input, in the default layout. `print(step)` shows one.

    >>> for step in steps("x.T @ x", "x"):
    ...     print(step.stage.name, step.rule)
    SWEEP matmul
    SWEEP input
    REWRITING product_normal_form
    REWRITING sum_normal_form
    NOTATION textbook
    """
    output = as_formula(formula)
    return derivation_steps(output, _resolve(output, wrt))


def value_and_grad(formula: Formula, wrt: Wrt | None = None) -> tuple[Expr, Any]:
    """Return the formula and its gradient.

    >>> value, gradient = value_and_grad("x**2", "x")
    >>> print(value, gradient)
    x**2 2*x
    """
    output = as_formula(formula)
    return output, grad(output, wrt)


def jvp(formula: Formula, tangents: Mapping[Name, Formula] | Wrt | None = None) -> Expr:
    """Return the tangent of the formula: the Jacobian times the tangents, without forming the Jacobian.

    `tangents` maps names to expressions; for names alone the tangent of x is a new input x_dot.

    >>> print(jvp("x.T @ x", "x"))
    2*(x @ x_dot)
    """
    output = as_formula(formula)
    seeds: dict[Expr, Expr]
    if isinstance(tangents, Mapping):
        seeds = _given_tangents(output, tangents)
    else:
        nodes = _resolve(output, tangents)
        seeds = _new_tangents(output, nodes)
    (stable,) = simplify([output])
    return textbook(simplify([push_forward(stable, seeds)]))[0]


def vjp(formula: Formula, wrt: Wrt | None = None, cotangent: Formula | None = None) -> Any:
    """Return the cotangent of the formula pulled back to the inputs, without forming the Jacobian.

    Without `cotangent` it is a new input y_bar of the formula's shape.

    >>> print(vjp("A @ x", "x"))
    A.T @ y_bar
    """
    output = as_formula(formula)
    seed = Input(fresh("y_bar", output.inputs), output.shape) if cotangent is None else as_formula(cotangent)
    nodes = _resolve(output, wrt)
    (stable,) = simplify([output])
    return _label(wrt, nodes, textbook(simplify(pull_back(stable, seed, nodes))))


def compile(formula: Formula, wrt: Wrt | None = None, dtype: DType = "float64") -> Kernel:
    """Return the kernel of a formula and its derivatives (all inputs unless `wrt` says less), for every shape.

    Compilation happens at the first call and is kept for later processes.

    >>> k = compile("sum(x**2)", wrt="x")
    >>> k(x=[1.0, 2.0])
    np.float64(5.0)
    """
    output = as_formula(formula)
    return Kernel(output, _resolve(output, wrt), dtype)


def verify(
    formula: Formula,
    wrt: Wrt | None = None,
    *,
    seed: int = 0,
    points: int = 3,
    at: Mapping[str, Any] | None = None,
    sizes: Mapping[str, int] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Report:
    """Check value and derivative of a formula against 50-digit arithmetic and against differences of the kernel.

    The bound every error is judged by is an estimated error, see docs/design.md. Points are drawn from the domain
    (`seed` fixes them), or given by `at`.

    >>> verify("sum(exp(x))").passed
    True
    """
    output = as_formula(formula)
    nodes = _resolve(output, wrt)
    gradients = dict(zip((node.name for node in nodes), _derive(output, nodes), strict=True))
    kernel = Kernel(output, nodes)
    return _verify(output, nodes, gradients, kernel, seed=seed, points=points, at=at, sizes=sizes, progress=progress)


def from_sympy(expression: Any) -> Expr:
    """Return a SymPy expression as a symgrad one. OperandError names what cannot be read."""
    return sympy_bridge.from_sympy(expression)


def _as_shape(shape: Iterable[int | str | Dim]) -> Shape:
    return tuple(_as_size(size) for size in shape)


def _as_size(size: int | str | Dim) -> Size:
    if isinstance(size, str) and size.isidentifier():
        return named(size)
    if isinstance(size, Dim) or (isinstance(size, int) and not isinstance(size, bool) and size >= 0):
        return size
    raise ShapeError(f"a size is a number or a name, not {size!r}")


def _need_scalar(output: Expr) -> Expr:
    if output.shape:
        raise ShapeError(
            f"a gradient needs a scalar formula, this one has shape {shape_text(output.shape)}; use jacobian, or sum it"
        )
    return output


def _resolve(output: Expr, wrt: Wrt | None) -> list[Input]:
    """Return the inputs that `wrt` means."""
    inputs = output.inputs
    if wrt is None:
        return list(inputs.values())
    given = [wrt] if _is_single(wrt) else list(wrt)
    return [_resolve_one(name, inputs) for name in given]


def _is_single(wrt: Wrt) -> bool:
    return isinstance(wrt, str | Expr) or not isinstance(wrt, Iterable)


def _resolve_one(name: Name, inputs: Mapping[str, Input]) -> Input:
    node = name if isinstance(name, str | Input) else _as_input(name)
    if isinstance(node, str):
        if node not in inputs:
            raise UnknownNameError(f"{node} is not an input; the inputs are {', '.join(inputs) or 'none'}")
        return inputs[node]
    if inputs.get(node.name, node) is not node:
        shapes = shape_text(inputs[node.name].shape), shape_text(node.shape)
        raise ShapeError(f"the formula's input {node.name} has shape {shapes[0]}, not {shapes[1]}")
    return node


def _as_input(name: Any) -> Input:
    """Read a SymPy symbol as an input."""
    node = as_formula(name) if is_sympy(name) else None
    if not isinstance(node, Input):
        raise OperandError(f"differentiate by the name of an input or by an input, not by {name!r}")
    return node


def _directions(
    output: Expr, wrt: Wrt | None, nodes: list[Input], direction: Mapping[Name, Formula] | Formula | None
) -> dict[Expr, Expr]:
    if direction is None:
        return _new_tangents(output, nodes)
    if not isinstance(direction, Mapping):
        if wrt is None or not _is_single(wrt):
            raise OperandError("for several inputs the direction is a mapping from names to expressions")
        return {nodes[0]: _as_tangent(direction, nodes[0], output)}
    tangents = _given_tangents(output, direction)
    beside = [node.name for node in tangents if isinstance(node, Input) and node not in nodes]
    if beside:
        raise UnknownNameError(f"a direction of {beside[0]} is given, but it is not differentiated by")
    return tangents


def _given_tangents(output: Expr, tangents: Mapping[Name, Formula]) -> dict[Expr, Expr]:
    nodes = _resolve(output, list(tangents))
    return {node: _as_tangent(each, node, output) for node, each in zip(nodes, tangents.values(), strict=True)}


def _as_tangent(tangent: Formula, node: Input, output: Expr) -> Expr:
    """Return a tangent of `node`. In a text, inputs keep their shapes; a lone new name has the node's."""
    if not isinstance(tangent, str):
        return as_formula(tangent)
    known = {name: each.shape for name, each in output.inputs.items()}
    known.setdefault(tangent.strip(), node.shape)
    return syntax.parse(tangent, shapes={name: known[name] for name in _WORD.findall(tangent) if name in known})


def _new_tangents(output: Expr, nodes: list[Input]) -> dict[Expr, Expr]:
    taken = set(output.inputs)
    return {node: Input(fresh(f"{node.name}_dot", taken), node.shape) for node in nodes}


def _derive(output: Expr, nodes: list[Input], layout: Layout = Layout.DEFAULT) -> list[Expr]:
    """Return the derivatives in textbook form: of the stable form of the output, so that they are stable too."""
    (stable,) = simplify([output])
    results = simplify(derivative.jacobian(stable, nodes))
    if layout is not Layout.DEFAULT:
        results = simplify([arrange(each, output.ndim, layout) for each in results])
    return textbook(results)


def _label(wrt: Wrt | None, nodes: list[Input], results: list[Expr]) -> Any:
    """Return the one result for a single name, a dict by name otherwise."""
    if wrt is not None and _is_single(wrt):
        return results[0]
    return {node.name: result for node, result in zip(nodes, results, strict=True)}
