"""The verbs. Each takes an expression, a text or a SymPy expression, and names or nodes to differentiate by."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from symgrad import syntax
from symgrad.backends.explanation import Explanation
from symgrad.backends.export import write_module
from symgrad.backends.kernel import Kernel
from symgrad.backends.options import DType
from symgrad.backends.partition import fresh
from symgrad.core.dims import Dim, Shape, Size, named, shape_text
from symgrad.core.expr import Expr, Input, as_expr
from symgrad.core.properties import Property, read_properties
from symgrad.core.traversal import substitute
from symgrad.diff import jacobian as derivative
from symgrad.diff.layout import Layout, arrange, read_layout, unstacked
from symgrad.diff.pullback import pull_back
from symgrad.diff.pushforward import push_forward
from symgrad.diff.tangent import Convention, check_flat, project, read_convention, tangent
from symgrad.errors import InvalidValueError, OperandError, ShapeError, UnknownNameError
from symgrad.ops import sympy_bridge
from symgrad.simplify import simplify, textbook
from symgrad.steps import Step, derivation_steps
from symgrad.syntax import Limits
from symgrad.verification import GradientKernel, MoreRoutes, Report
from symgrad.verification import verify as _verify
from symgrad.verification.claim_text import read_beside, read_claim, with_inputs_of
from symgrad.verification.claims import Claim, check_claims
from symgrad.verification.products import Batched, Pulled, Pushed, Some
from symgrad.verification.provenance import describe, describe_second, request_of
from symgrad.verification.second import Second, with_second

Formula: TypeAlias = "Expr | str | Any"  # Any: a SymPy expression, whose types SymPy does not declare
Name: TypeAlias = "str | Expr | Any"  # Any: a SymPy symbol
Wrt: TypeAlias = "Name | Iterable[Name]"
Assumed: TypeAlias = str | Iterable[str | Property]

_INSTEAD = {
    "a gradient": "use jacobian, or sum it",
    "a Hessian": "sum it, or pick an entry; jacobian(jacobian(f, x), x) has the second derivatives of every entry",
}
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
        node = _resolve_one(name, output.inputs)
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
    return jacobian(_need_scalar(as_formula(formula)), wrt, convention=convention)


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
    nodes = _resolve(output, wrt)
    chosen = layout if isinstance(layout, Layout) else read_layout(layout)
    return _label(wrt, nodes, _derive(output, nodes, chosen, read_convention(convention)))


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
    nodes = _resolve(output, wrt)
    check_flat(nodes)
    chosen = layout if isinstance(layout, Layout) else read_layout(layout)
    structured = read_convention(convention)
    (stable,) = simplify([_need_scalar(output, "a Hessian")])
    slopes = simplify(derivative.jacobian(stable, nodes, structured))
    blocks = [_derive(slope, nodes, chosen, structured) for slope in slopes]
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
    check_flat(nodes)
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
    pulled = zip(nodes, pull_back(stable, seed, nodes), strict=True)
    return _label(wrt, nodes, textbook(simplify([project(node, each) for node, each in pulled])))


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
    return Kernel(output, _resolve(output, order if wrt is None else wrt), dtype, reproducible, order, text)


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
    return write_module(output, _resolve(output, wrt), backend, name)


def verify(
    formula: Formula,
    wrt: Wrt | None = None,
    *,
    seed: int = 0,
    points: int = 3,
    at: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None,
    sizes: Mapping[str, int] | None = None,
    progress: Callable[[int, int], None] | None = None,
    order: int = 1,
    products: bool = False,
    batch: bool = False,
    dtype: DType = "float64",
) -> Report:
    """Check value and derivative of a formula against 50-digit arithmetic and against differences of the kernel.

    The bound every error is judged by is an estimated error, see docs/design.md. Points are drawn from the domain
    (`seed` fixes them); `at` gives values of inputs for one more point, or a list of such for several. With `order=2`
    the Hessian of a scalar is checked as well, as the derivative of the checked gradient and for its symmetry; with
    `products` the kernels of `jvp` and `vjp`; with `batch` the kernel for many points. `dtype` is that of the kernels.
    Errors: ShapeError for `order=2` of a formula that is not a scalar, InvalidValueError for another order.

    >>> verify("sum(exp(x))").passed
    True
    >>> verify("x @ A @ x", "x", order=2, products=True, batch=True, dtype="float32").passed
    True
    """
    output = as_formula(formula)
    nodes = _resolve(output, wrt)
    if order not in (1, 2):
        raise InvalidValueError(f"derivatives of order 1 or 2 are checked, not {order}")
    if order == 2:
        check_flat(nodes)
        _need_scalar(output, "a Hessian")
    gradients = dict(zip((node.name for node in nodes), _derive(output, nodes), strict=True))
    kernel = Kernel(output, nodes, dtype)
    routes = [
        *([Batched(kernel.batch)] if batch else []),
        *(_product_routes(output, nodes, dtype) if products else []),
    ]
    given = [] if at is None else [at] if isinstance(at, Mapping) else list(at)
    unknown = [name for point in given for name in point if name not in output.inputs]
    if unknown:
        raise UnknownNameError(f"there is no input {unknown[0]}; the formula has {', '.join(sorted(output.inputs))}")
    asked = _Asked(seed, points, given, sizes, progress)
    request = request_of(
        output,
        nodes,
        seed=seed,
        points=points,
        given=tuple(dict.fromkeys(name for point in given for name in point)),
        sizes=dict(sizes or {}),
        order=order,
        products=products,
        batch=batch,
        dtype=dtype,
    )
    first = describe(asked.verify(output, nodes, gradients, kernel, routes), request, output, gradients, kernel.ir)
    if order == 1:
        return first
    parts = [_second(gradients[node.name], node, nodes, dtype) for node in nodes]

    def verify_gradient(gradient: Expr, blocks: Mapping[str, Expr], kernel: GradientKernel) -> Report:
        return asked.verify(gradient, [node for node in nodes if node.name in blocks], blocks, kernel)

    second = {(part.node.name, by): expr for part in parts for by, expr in part.blocks.items()}
    return describe_second(with_second(first, parts, verify_gradient), second)


@dataclass(frozen=True)
class _Asked:
    """What a user asks of a verification, for the formula and for its gradient."""

    seed: int
    points: int
    at: Sequence[Mapping[str, Any]]
    sizes: Mapping[str, int] | None
    progress: Callable[[int, int], None] | None

    def verify(
        self,
        output: Expr,
        wrt: list[Input],
        gradients: Mapping[str, Expr],
        kernel: GradientKernel,
        routes: Sequence[MoreRoutes] = (),
    ) -> Report:
        known = {**output.inputs, **{node.name: node for node in wrt}}
        at = [{name: value for name, value in point.items() if name in known} for point in self.at]
        return _verify(
            output,
            wrt,
            gradients,
            kernel,
            seed=self.seed,
            points=self.points,
            at=at,
            sizes=self.sizes,
            progress=self.progress,
            routes=routes,
        )


def _second(gradient: Expr, node: Input, nodes: list[Input], dtype: DType) -> Second:
    used = [by for by in nodes if by.name in gradient.inputs]
    blocks = dict(zip((by.name for by in used), _derive(gradient, used), strict=True))
    return Second(node, gradient, blocks, Kernel(gradient, used, dtype))


def _product_routes(output: Expr, nodes: list[Input], dtype: DType) -> list[MoreRoutes]:
    pushed = jvp(output, nodes)
    seeds = _new_tangents(output, nodes).values()
    tangents = {
        node.name: name
        for node, seed in zip(nodes, seeds, strict=True)
        for name in seed.inputs
        if name in pushed.inputs
    }
    name = fresh("y_bar", output.inputs)
    pulled = vjp(output, nodes, Input(name, output.shape))
    kernels = {node.name: _alone(each, dtype) for node, each in zip(nodes, pulled.values(), strict=True)}
    return [Pushed(_alone(pushed, dtype), tangents), Pulled(kernels, name)]


def _alone(output: Expr, dtype: DType) -> Some:
    return Some(Kernel(output, (), dtype), tuple(output.inputs))


def check_expression(
    formula: Formula,
    claimed: Formula | Mapping[str, Formula],
    wrt: Name | None = None,
    *,
    layout: Layout | str = Layout.DEFAULT,
    convention: Convention | str = Convention.TANGENT,
    seed: int = 0,
    points: int = 3,
    at: Mapping[str, Any] | None = None,
    sizes: Mapping[str, int] | None = None,
) -> Report:
    """Check a derivative that was written by hand, by 50-digit differences of the formula and by symgrad's own.

    `claimed` is a text or an expression, the derivative by `wrt` (which may be missing if the formula has one input),
    or a mapping from names to them. The texts are read together: a formula that settles no shapes takes those of the
    claim.
    `layout` and `convention` say how the claim is meant, as for `jacobian`.

    The report of a wrong claim has a counter-example, and names the mistake if it is a usual one that explains
    everything: the sign, a factor, a transpose or another layout.
    Errors: those of `parse`, with a place in the text of the claim; UnknownNameError for a claim with other inputs.

    >>> check_expression("sum((X @ w - y)**2)", "2*X.T @ (X @ w - y)", "w").passed
    True
    >>> for reason in check_expression("x.T @ A @ x", "2*A @ x", "x").reasons:
    ...     print(reason.partition(" at ")[0])
    df/dx is wrong
    counter-example
    >>> print(check_expression("logdet(X)", "inv(X)", "X").reasons[0])
    df/dX is right up to a transpose: it is the derivative in the layout 'numerator'
    """
    output, read = _read_claims(formula, claimed, wrt)
    nodes = [output.inputs[name] for name in read]
    chosen = layout if isinstance(layout, Layout) else read_layout(layout)
    meant = read_convention(convention)
    derivatives = _derive(output, nodes, convention=meant)
    others = _derive(output, nodes, convention=next(each for each in Convention if each is not meant))
    claims = [
        Claim(node, derivative, read[node.name], other if other is not derivative else None)
        for node, derivative, other in zip(nodes, derivatives, others, strict=True)
    ]
    return check_claims(output, claims, chosen, seed=seed, points=points, at=at, sizes=sizes)


def _read_claims(
    formula: Formula, claimed: Formula | Mapping[str, Formula], wrt: Name | None
) -> tuple[Expr, dict[str, Expr]]:
    """Return the formula and the claims by name; a text that settles no shapes takes them from the claims."""
    try:
        output = as_formula(formula)
        return output, _claims_about(output, claimed, wrt)
    except ShapeError:
        texts = claimed.values() if isinstance(claimed, Mapping) else [claimed]
        other = read_beside(formula, texts) if isinstance(formula, str) else None
        if other is None:
            raise
        return other, _claims_about(other, claimed, wrt)


def _claims_about(output: Expr, claimed: Formula | Mapping[str, Formula], wrt: Name | None) -> dict[str, Expr]:
    if isinstance(claimed, Mapping):
        if wrt is not None:
            raise OperandError("a mapping of claims says itself what they are derivatives by; leave wrt out")
        given = {node.name: claimed[node.name] for node in _resolve(output, list(claimed))}
    elif wrt is None and len(output.inputs) != 1:
        raise OperandError(f"say which derivative is claimed, wrt= one of {', '.join(output.inputs) or 'no inputs'}")
    else:
        (node,) = _resolve(output, [*output.inputs] if wrt is None else [wrt])
        given = {node.name: claimed}
    return {
        name: read_claim(each, output) if isinstance(each, str) else with_inputs_of(as_formula(each), output)
        for name, each in given.items()
    }


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


def _need_scalar(output: Expr, what: str = "a gradient") -> Expr:
    if output.shape:
        raise ShapeError(
            f"{what} needs a scalar formula, this one has shape {shape_text(output.shape)}; {_INSTEAD[what]}"
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
    own = inputs.get(node.name, node)
    if own.shape != node.shape:
        shapes = shape_text(own.shape), shape_text(node.shape)
        raise ShapeError(f"the formula's input {node.name} has shape {shapes[0]}, not {shapes[1]}")
    return own


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
        direction = {nodes[0].name: direction}
    tangents = _given_tangents(output, direction)
    beside = [node.name for node in tangents if isinstance(node, Input) and node not in nodes]
    if beside:
        raise UnknownNameError(f"a direction of {beside[0]} is given, but it is not differentiated by")
    return tangents


def _given_tangents(output: Expr, tangents: Mapping[Name, Formula]) -> dict[Expr, Expr]:
    nodes = _resolve(output, list(tangents))
    given = {node: _as_tangent(each, node, output) for node, each in zip(nodes, tangents.values(), strict=True)}
    return {node: project(node, each) if each.shape == node.shape else each for node, each in given.items()}


def _as_tangent(tangent: Formula, node: Input, output: Expr) -> Expr:
    """Return a tangent of `node`. In a text, inputs keep their shapes; a lone new name has the node's."""
    if not isinstance(tangent, str):
        return as_formula(tangent)
    known = {name: each for name, each in output.inputs.items() if name in _WORD.findall(tangent)}
    shapes = {tangent.strip(): node.shape, **{name: each.shape for name, each in known.items()}}
    return syntax.parse(
        tangent,
        shapes={name: shape for name, shape in shapes.items() if _WORD.fullmatch(name)},
        assume={name: each.properties for name, each in known.items() if each.properties},
    )


def _new_tangents(output: Expr, nodes: list[Input]) -> dict[Expr, Expr]:
    taken = set(output.inputs)
    return {node: tangent(node, fresh(f"{node.name}_dot", taken))[1] for node in nodes}


def _derive(
    output: Expr,
    nodes: list[Input],
    layout: Layout = Layout.DEFAULT,
    convention: Convention = Convention.TANGENT,
) -> list[Expr]:
    """Return the derivatives in textbook form: of the stable form of the output, so that they are stable too."""
    (stable,) = simplify([output])
    if layout is Layout.VEC:
        stable = unstacked(stable)
    results = simplify(derivative.jacobian(stable, nodes, convention))
    if layout is not Layout.DEFAULT:
        results = simplify([arrange(each, stable.ndim, layout) for each in results])
    return textbook(results)


def _label(wrt: Wrt | None, nodes: list[Input], results: list[Expr]) -> Any:
    """Return the one result for a single name, a dict by name otherwise."""
    if wrt is not None and _is_single(wrt):
        return results[0]
    return {node.name: result for node, result in zip(nodes, results, strict=True)}
