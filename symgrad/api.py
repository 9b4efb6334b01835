"""The verbs. Each takes an expression, a text or a SymPy expression, and names or nodes to differentiate by."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

from symgrad import syntax
from symgrad.arguments import (
    Formula,
    Name,
    Wrt,
    as_formula,
    derive,
    directions,
    given_tangents,
    is_single,
    label,
    need_scalar,
    new_tangents,
    resolve,
)
from symgrad.backends.explanation import Explanation
from symgrad.backends.export import write_module
from symgrad.backends.kernel import Kernel
from symgrad.backends.options import DType
from symgrad.backends.partition import fresh
from symgrad.core.dims import Dim, Shape, Size, named
from symgrad.core.expr import Expr, Input
from symgrad.core.properties import Property, read_properties
from symgrad.core.traversal import substitute
from symgrad.diff import jacobian as derivative
from symgrad.diff.layout import Layout, read_layout
from symgrad.diff.pullback import pull_back
from symgrad.diff.pushforward import push_forward
from symgrad.diff.tangent import Convention, check_flat, project, read_convention
from symgrad.errors import ShapeError
from symgrad.ops import sympy_bridge
from symgrad.simplify import simplify, textbook
from symgrad.steps import Step, derivation_steps
from symgrad.syntax import Limits

Assumed: TypeAlias = str | Iterable[str | Property]


def parse(
    text: str,
    shapes: syntax.Shapes | None = None,
    limits: Limits | None = None,
    assume: syntax.Assumptions | None = None,
) -> Expr:
    """Read a formula.

    `shapes` gives the shapes of some or all inputs (sizes are ints or names); others are inferred, or declared in the
    text: `f(X[m, n], w[n]) = X @ w`. `assume` says what holds for inputs, `{"A": "symmetric"}`, as does the text
    `f(A[n, n]: symmetric) = ...`; `Property` lists what can be assumed.
    Errors: a SymgradError with its kind and its place in the text; LimitError for a text beyond `limits`.

    >>> parse("sum((X @ w - y)**2)").inputs["X"].shape
    (m, n)
    """
    return syntax.parse(text, shapes=shapes, limits=limits or Limits(), assume=assume)


def scalar(name: str, assume: Assumed = ()) -> Expr:
    """Return a scalar input.

    >>> print(scalar("x")**2)
    x**2
    """
    return tensor(name, assume=assume)


def vector(name: str, n: int | str | Dim, assume: Assumed = ()) -> Expr:
    """Return a vector input with `n` entries; n is a number or the name of a size.

    >>> vector("x", "n").shape
    (n,)
    """
    return tensor(name, n, assume=assume)


def matrix(name: str, m: int | str | Dim, n: int | str | Dim, assume: Assumed = ()) -> Expr:
    """Return a matrix input of shape (m, n).

    >>> matrix("X", "m", 3).shape
    (m, 3)
    >>> A = matrix("A", "n", "n", assume="symmetric")
    >>> print(grad(vector("x", "n") @ A @ vector("x", "n"), "x"))
    f(A[n,n]: symmetric, x[n]) = 2*A @ x
    """
    return tensor(name, m, n, assume=assume)


def tensor(name: str, *shape: int | str | Dim, assume: Assumed = ()) -> Expr:
    """Return an input of any shape.

    `assume` says what holds for every value it will have, as words: "spd", "lower invertible", ["positive"].
    Errors: UnknownNameError for a word that means nothing, ShapeError and InvalidValueError for what cannot be.

    >>> tensor("T", 2, "n", "n").shape
    (2, n, n)
    """
    return Input(name, _as_shape(shape), read_properties(assume))


def assume(formula: Formula, assumptions: syntax.Assumptions) -> Expr:
    """Return the formula with more assumed of its inputs.

    Errors: UnknownNameError for a name that is not an input; those of `tensor`.

    >>> print(grad(assume("logdet(A)", {"A": "spd"}), "A"))
    f(A[n,n]: spd) = inv(A)
    """
    output = as_formula(formula)
    known: dict[Expr, Expr] = {}
    for name, words in assumptions.items():
        (node,) = resolve(output, [name])
        known[node] = Input(node.name, node.shape, node.properties | read_properties(words))
    return substitute([output], known)[0]


def grad(formula: Formula, wrt: Wrt | None = None, convention: Convention | str = Convention.TANGENT) -> Any:
    """Return the gradient of a scalar formula: an expression of the input's shape.

    With several names (or none: all inputs) the result is a dict from name to expression. With respect to an input
    that is assumed symmetric, diagonal, ... it is what `convention` says, "tangent" or "entries" (see `Convention`).
    Errors: ShapeError when the formula is not a scalar (see `jacobian`); UnknownNameError for a name that is not an
    input; OperandError for an op that has no derivative.

    >>> print(grad("sum((X @ w - y)**2)", "w"))
    2*X.T @ (X @ w - y)
    >>> print(grad("f(A[n,n]: symmetric, x[n], y[n]) = x @ A @ y", "A"))
    (outer(y, x) + outer(x, y))/2
    >>> print(grad("f(A[n,n]: symmetric, x[n]) = x @ A @ x", "A", convention="entries"))
    2*outer(x, x) - diag(x**2)
    """
    return jacobian(need_scalar(as_formula(formula)), wrt, convention=convention)


def jacobian(
    formula: Formula,
    wrt: Wrt | None = None,
    layout: Layout | str = Layout.DEFAULT,
    convention: Convention | str = Convention.TANGENT,
) -> Any:
    """Return the derivative of shape `formula.shape + input.shape`; a dict when several names are given.

    `layout` is one of "default", "numerator", "denominator" and "vec"; `Layout` says what they are; `convention` is
    about structured inputs, see `grad`. InvalidValueError for another.

    >>> print(jacobian("exp(A @ x)", "x"))
    diag(exp(A @ x)) @ A
    >>> print(jacobian("A @ X @ B", "X", layout="vec"))
    f(B[k,p], A[m,n]) = kron(B.T, A)
    """
    output = as_formula(formula)
    nodes = resolve(output, wrt)
    chosen = layout if isinstance(layout, Layout) else read_layout(layout)
    return label(wrt, nodes, derive(output, nodes, chosen, read_convention(convention)))


def hessian(
    formula: Formula,
    wrt: Wrt | None = None,
    layout: Layout | str = Layout.DEFAULT,
    convention: Convention | str = Convention.TANGENT,
) -> Any:
    """Return the second derivative of a scalar formula, of shape `input.shape + input.shape`.

    With several names the result is a dict of dicts: `hessian(f, ["x", "y"])["x"]["y"]`, the derivative by x and then
    by y. `layout` lays each block out as the Jacobian of the gradient, an array of its input's shape: with "vec" it is
    d vec(df/dX)/d vec(Y), the Hessian matrix of Magnus & Neudecker (2019), chapter 10; `Layout` has the others.
    `convention` is about structured inputs, as for `grad`.
    Errors: ShapeError when the formula is not a scalar; InvalidValueError for an unknown layout or convention;
    OperandError for an orthogonal or unit input.

    >>> print(hessian("x.T @ A @ x", "x"))
    A + A.T
    >>> print(hessian("f(X[n,n]) = trace(X @ X)", "X", layout="vec"))
    2*commutation(n, n)
    """
    output = as_formula(formula)
    nodes = resolve(output, wrt)
    check_flat(nodes)
    chosen = layout if isinstance(layout, Layout) else read_layout(layout)
    structured = read_convention(convention)
    (stable,) = simplify([need_scalar(output, "a Hessian")])
    slopes = simplify(derivative.jacobian(stable, nodes, structured))
    blocks = [derive(slope, nodes, chosen, structured) for slope in slopes]
    if wrt is not None and is_single(wrt):
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
    output = need_scalar(as_formula(formula))
    nodes = resolve(output, wrt)
    check_flat(nodes)
    tangents = directions(output, wrt, nodes, direction)
    (stable,) = simplify([output])
    slopes = simplify(derivative.jacobian(stable, nodes))
    return label(wrt, nodes, textbook(simplify([push_forward(slope, tangents) for slope in slopes])))


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
    return derivation_steps(output, resolve(output, wrt))


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
        seeds = given_tangents(output, tangents)
    else:
        nodes = resolve(output, tangents)
        seeds = new_tangents(output, nodes)
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
    nodes = resolve(output, wrt)
    (stable,) = simplify([output])
    pulled = zip(nodes, pull_back(stable, seed, nodes), strict=True)
    return label(wrt, nodes, textbook(simplify([project(node, each) for node, each in pulled])))


def compile(
    formula: Formula, wrt: Wrt | None = None, dtype: DType = "float64", *, reproducible: bool = False
) -> Kernel:
    """Return the kernel of a formula and its derivatives (all inputs unless `wrt` says less), for every shape.

    Compilation happens at the first call and is kept for later processes. Derivatives have the default layout, and
    the convention "tangent" for inputs that are assumed symmetric, ... Inputs may be given in order: that of the head
    of a text, `f(x[n], c) = ...`, else that of first use; `kernel.inputs` shows it.

    All numbers of a kernel are of its `dtype`: inputs of another real type are converted, so that a float64 array is
    rounded by a float32 kernel, and integers and flags become reals; complex numbers are refused. Large arrays in
    Fortran's order, or with gaps between rows, are read in place by a variant of the kernel, compiled at the first such
    call, where that is faster than a copy.

    With `reproducible`, results do not depend on vector width, BLAS or the memory order of the inputs: sums and matrix
    products run in a fixed order, at several times the cost. (`symgrad.backends.options.Options` says what is promised,
    and what is not.)

    >>> k = compile("sum(x**2)", wrt="x")
    >>> k(x=[1.0, 2.0])
    5.0
    """
    output = as_formula(formula)
    declared = syntax.declared_inputs(formula) if isinstance(formula, str) else ()
    order = [name for name in dict.fromkeys((*declared, *output.inputs)) if name in output.inputs]
    text = formula if isinstance(formula, str) else ""
    return Kernel(output, resolve(output, order if wrt is None else wrt), dtype, reproducible, order, text)


def explain(
    formula: Formula, wrt: Wrt | None = None, *, at: Mapping[str, Any], dtype: DType = "float64"
) -> Explanation:
    """Return which subexpression of a formula made its value or a derivative NaN or infinite at a point.

    It is `compile(formula, wrt, dtype).explain(at)`.

    >>> cause = explain("sum(exp(x))", at={"x": [1.0, 800.0]}).cause
    >>> cause.condition, cause.index, cause.results
    ('exp(800) overflows float64 at x[1]', (1,), ('value', 'derivative by x'))
    """
    return compile(formula, wrt, dtype).explain(at)


def codegen(formula: Formula, wrt: Wrt | None = None, backend: str = "numpy", name: str = "value") -> str:
    """Return the source of a module that computes a formula and its derivatives without symgrad.

    Its functions are `name` and `name`_and_grad. They take the inputs in order and return the value, and the value
    with a dict of derivatives of shape `formula.shape + input.shape`. `backend` is "numpy" (with SciPy where needed) or
    "numba", the loops of the kernel as source. What is assumed of inputs is stated in the module, and not checked.
    Where a kernel gives NaN for a singular matrix, np.linalg raises LinAlgError.
    Errors: OperandError for an op that the backend cannot say, ShapeError for a size that no input tells,
    InvalidValueError for an unknown backend or a name that is no free identifier.

    >>> print(codegen("sum(x**2)", backend="numpy").partition("def value_and_grad")[2])
    (x):
        \"\"\"Return f and a dict of its derivatives, by the names of the inputs.\"\"\"
        x = read_inputs(x)
        f = np.sum(x**2)
        df_dx = 2 * x
        return f, {"x": df_dx}
    <BLANKLINE>
    """
    output = as_formula(formula)
    return write_module(output, resolve(output, wrt), backend, name)


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
