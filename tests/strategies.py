"""Typed operands and nodes for every op of the registry, and random expressions made of them.

Nothing here knows an op by its name: what a sample looks like follows from the op's definition.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import permutations, product
from math import ceil
from typing import Any
from zlib import crc32

import numpy as np
from hypothesis import assume
from hypothesis import strategies as st

import symgrad as sg
from symgrad.backends.reference import evaluate_reference
from symgrad.core.dims import Shape, element_count, evaluate, named
from symgrad.core.domain import Domain, Interval, MatrixDomain
from symgrad.core.expr import Apply, Expr, Input, Literal, OpDef, Parameter, ParameterKind, Partials, all_ops
from symgrad.core.numeric import Special
from symgrad.core.shapes import read_signature
from symgrad.errors import OperandError, SymgradError
from symgrad.ops.bridge import NoKernel
from symgrad.verification.precise import NotPreciseError
from symgrad.verification.precise import evaluate as evaluate_precisely
from symgrad.verification.sampling import inside

m, n, k, b = (named(name) for name in ("m", "n", "k", "b"))
SIZES = {"m": 3, "n": 4, "k": 2, "b": 2}
LARGEST_SHARE = 12  # samples of one op
LARGEST_RESULT = 100  # elements
CONDITION = "condition"  # an operand of this name is 0 or 1
NUMBERS = (0, 2, -1, 0.5)  # beside an input, as in x**2

ELEMENTWISE_SHAPES: tuple[tuple[Shape, ...], ...] = (
    ((), (), ()),
    ((n,), (n,), (n,)),
    ((m, 1), (n,), ()),
    ((m, n), (n,), (m, 1)),
)
ARRAY_SHAPES: tuple[Shape, ...] = ((n,), (m, n), (n, n), (n, k), (b, n, n), (b, m, n), (b, n, k))
SHAPE_CHOICES: tuple[Shape, ...] = ((n,), (m, n), (n, m), (m * n,), (b, m, n), (n, n), (n - 1,), ())
VARIADIC_COUNTS = (1, 2, 3)
SUBSCRIPT_CHOICES = (
    *("ii->i", "ij->", "ijj->ji", "iij->", "ij,jk->ik", "ij,j", "i,j->ji", "ij,ij->i", "bij,bjk->bik", "bij,bj->bi"),
    *("ij,kj->", "ii,ij->j", "ij,jk,kl->il", "i,i,ij->j", "ij,ik,il->jkl", "bij,jk,k->b"),
)
INDEX_CHOICES: tuple[Any, ...] = (
    0,
    (slice(1, None), -1),
    slice(None, None, -1),
    (slice(None), None),
    slice(None, None, 2),
    (0, slice(1, None)),
    slice(None, -1),
    None,
)


@dataclass(frozen=True, eq=False)
class Sample:
    """A node of an op whose operands are inputs (or numbers, where the op wants them fixed), and values for them."""

    node: Apply
    values: Mapping[str, np.ndarray]
    wrt: tuple[Input, ...]  # the inputs that the op has a derivative in

    def __str__(self) -> str:
        shapes = ", ".join(f"{x.name}{list(x.shape)}" for x in self.node.inputs.values())
        return f"{self.node} with {shapes}"


@cache
def samples(op: OpDef) -> tuple[Sample, ...]:
    """Return samples of an op over several shapes and parameters."""
    nodes = list(dict.fromkeys(_elementwise_nodes(op) if op.elementwise else _array_nodes(op)))
    rng = np.random.default_rng(crc32(op.name.encode()))
    chosen = sorted(rng.permutation(len(nodes))[:LARGEST_SHARE])
    return tuple(_sample(nodes[position], number) for number, position in enumerate(chosen))


@cache
def fixed_operands(op: OpDef) -> frozenset[int]:
    """Return the operands that must be numbers, such as the order of polygamma."""
    inputs = [Input(name) for name in op.operand_names]
    try:
        op(*inputs)
    except OperandError:
        return frozenset({0})
    return frozenset()


def _elementwise_nodes(op: OpDef) -> Iterator[Apply]:
    fixed = fixed_operands(op)
    for shapes in ELEMENTWISE_SHAPES:
        operands = [
            Literal(2) if position in fixed else Input(name, shapes[position])
            for position, name in enumerate(op.operand_names)
        ]
        yield from _made(op, operands)
    if len(op.operand_names) == 2 and not fixed:
        first, second = (Input(name, (n,)) for name in op.operand_names)
        for number in map(Literal, NUMBERS):
            yield from (node for node in (*_made(op, [first, number]), *_made(op, [number, second])) if _allowed(node))


def _allowed(node: Apply) -> bool:
    """Whether the op has a value there: the numbers lie in its domain, and nothing is divided by 0."""
    in_domain = all(
        not isinstance(x, Literal) or bool(inside(domain, np.asarray(float(x.value))))
        for x, domain in zip(node.operands, node.op.domains(node), strict=True)
    )
    if not in_domain:
        return False
    (value,) = evaluate_reference([node], draw(node, np.random.default_rng(0)))
    return bool(np.isfinite(value).all())


def _array_nodes(op: OpDef) -> Iterator[Apply]:
    for count in (len(op.operand_names),) if op.variadic is None else VARIADIC_COUNTS:
        for shapes in product([*ARRAY_SHAPES, *_written_shapes(op)], repeat=count):
            operands = [Input(name, shape) for name, shape in zip(op.labels(count), shapes, strict=True)]
            yield from _made(op, operands)


def _written_shapes(op: OpDef) -> list[Shape]:
    """Return the shapes that the signature of an op has in numbers, also stacked; () for scalars."""
    alternatives = read_signature(op.signature) if isinstance(op.signature, str) and op.signature else ()
    cores = dict.fromkeys(core for alternative in alternatives for core in alternative.operands)
    shapes = [tuple(map(int, core)) for core in cores if all(letter.isdigit() for letter in core)]
    return [*shapes, *((b, *shape) for shape in shapes if shape)]


def _made(op: OpDef, operands: list[Expr]) -> Iterator[Apply]:
    """Yield the nodes that the op builds of the operands, one for each choice of parameters that fits."""
    rank = operands[0].ndim if operands else 0
    for values in product(*(choices(parameter, rank) for parameter in op.parameters)):
        given = {p.name: value for p, value in zip(op.parameters, values, strict=True)}
        try:
            node = op.apply(operands, given)
        except SymgradError:
            continue
        if isinstance(node, Apply) and node.op is op and set(node.operands) <= set(operands) and _sizes_fit(node):
            yield node


def _sizes_fit(node: Apply) -> bool:
    """Whether the sizes are allowed, and a Jacobian of the node is not too large to be looked at."""
    requires = node.op.requires(node) if node.op.requires else ()
    allowed = all(evaluate(size, SIZES) >= 0 for size, _ in requires)
    return allowed and evaluate(element_count(node.shape), SIZES) <= LARGEST_RESULT


def choices(parameter: Parameter, rank: int) -> tuple[Any, ...]:
    match parameter.kind:
        case ParameterKind.AXIS:
            return (None, *range(rank), *((-1, (0, -1)) if rank > 1 else ()))
        case ParameterKind.AXES:
            return (None, *permutations(range(rank)))
        case ParameterKind.FLAG:
            return (False, True)
        case ParameterKind.SHAPE:
            return SHAPE_CHOICES
        case ParameterKind.INDEX:
            return INDEX_CHOICES
        case ParameterKind.SIZE:
            return (n, m * n, 3)
        case ParameterKind.INTEGER:
            return (2, 0, 3)
        case ParameterKind.SUBSCRIPTS:
            return SUBSCRIPT_CHOICES
        case ParameterKind.PAIRING:
            return (0, 1, 2, ((0,), (-1,)), ((0, 1), (1, 0)), ((), ()))
        case ParameterKind.ROWS:
            return ((1,), (2,), (1, 1), (2, 1), (1, 2), (2, 2))
    raise AssertionError(f"choices for a parameter of kind {parameter.kind}, please")


def _sample(node: Apply, number: int) -> Sample:
    """Give the inputs names of their own, so that samples of all ops fit into one kernel, and values."""
    names = {x: Input(f"{node.op.name}{number}_{x.name}", x.shape) for x in node.operands if isinstance(x, Input)}
    node = Apply(node.op, tuple(names.get(x, x) for x in node.operands), node.params)
    rng = np.random.default_rng([crc32(node.op.name.encode()), number])
    return Sample(node, draw(node, rng), tuple(x for x in dict.fromkeys(node.operands) if _has_partial(node, x)))


def _has_partial(node: Apply, x: Expr) -> bool:
    if not isinstance(x, Input) or x.name.endswith(CONDITION):  # the result jumps with a condition, slopes say nothing
        return False
    derivative = node.op.derivative
    if not isinstance(derivative, Partials):
        return True
    try:
        derivative.functions[node.operands.index(x)](node, *node.operands)
    except OperandError:
        return False
    return True


def draw(node: Apply, rng: np.random.Generator, sizes: Mapping[str, int] = SIZES) -> dict[str, np.ndarray]:
    """Return values in the domain of the op, float32 numbers so that both precisions see the same point."""
    values: dict[str, np.ndarray] = {}
    names = node.op.labels(len(node.operands))
    for name, x, domain in zip(names, node.operands, node.op.domains(node), strict=True):
        if isinstance(x, Input):
            shape = tuple(evaluate(size, sizes) for size in x.shape)
            drawn = rng.integers(0, 2, shape) if name == CONDITION else draw_from(domain, shape, rng)
            values[x.name] = np.asarray(drawn, np.float32).astype(float)
    return values


def draw_from(domain: Domain, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Return an array inside of the domain, away from its ends."""
    if isinstance(domain, MatrixDomain):
        root = rng.normal(size=shape)
        if domain.condition == "spd":
            root = root @ np.swapaxes(root, -1, -2) / shape[-1]
        return root + 1.5 * np.eye(*shape[-2:])
    low, high = max(domain.low, -2.5), min(domain.high, domain.low + 4.0 if domain.low > -2.5 else 2.5)
    return low + (high - low) * rng.uniform(0.1, 0.9, size=shape)


def scalarised(sample: Sample) -> tuple[Expr, dict[str, np.ndarray]]:
    """Return sum(weights*node) and the values with those of the weights: a number that depends on every entry."""
    weights = Input(f"{next(iter(sample.values), sample.node.op.name)}_weights", sample.node.shape)
    shape = tuple(evaluate(size, SIZES) for size in sample.node.shape)
    drawn = np.random.default_rng(7).uniform(0.5, 1.5, shape).astype(np.float32).astype(float)
    return sg.sum(weights * sample.node), {**sample.values, weights.name: np.asarray(drawn)}


# --- random expressions ----------------------------------------------------------------------------------------------

s, x, y = Input("s"), Input("x", (n,)), Input("y", (n,))
z, X, A = Input("z", (m,)), Input("X", (m, n)), Input("A", (n, n))
LEAVES: tuple[Expr, ...] = (
    s,
    x,
    y,
    z,
    X,
    A,
    Literal(2),
    Literal(-0.5),
)  # numbers whose products and quotients are exact
LARGEST_RANK = 3
LARGEST_SIZE = 256  # elements: a Jacobian has the square of it, and 50 digits take their time
MOST_STEPS = 7


@st.composite
def expressions(draw: st.DrawFn) -> Expr:
    """Draw a well-typed expression of the inputs above, made of any ops, defined almost everywhere."""
    made: list[Expr] = []
    for _ in range(draw(st.integers(1, MOST_STEPS))):
        op = draw(st.sampled_from(OPS))
        node = draw(nodes(op, [*reversed(made), *LEAVES]))
        if (
            node is not None
            and node.ndim <= LARGEST_RANK
            and evaluate(element_count(node.shape), SIZES) <= LARGEST_SIZE
        ):
            made.append(node)
    assume(made and made[-1].inputs)
    return made[-1]


def _is_small(node: Expr) -> bool:
    return node.ndim <= LARGEST_RANK and evaluate(element_count(node.shape), SIZES) <= LARGEST_SIZE


@st.composite
def nodes(draw: st.DrawFn, op: OpDef, pool: list[Expr]) -> Expr | None:
    """Draw a node of the op over operands from the pool; None if they do not fit."""
    count = len(op.operand_names) if op.variadic is None else draw(st.sampled_from(VARIADIC_COUNTS))
    operands: list[Expr] = [
        Literal(2) if position in constant_operands(op) else draw(st.sampled_from(pool)) for position in range(count)
    ]
    rank = operands[0].ndim
    given = {p.name: draw(st.sampled_from(choices(p, rank) or (0,))) for p in op.parameters}
    try:
        node = op.apply(operands, given)
        if not isinstance(node, Apply) or node.op is not op:
            return node
        domains = op.domains(node)
        moved = [into(x, domain, special(op)) for x, domain in zip(node.operands, domains, strict=True)]
        return op.apply(moved, given)
    except SymgradError:
        return None


def special(op: OpDef) -> bool:
    """Whether mpmath may take minutes for huge arguments of the op."""
    return op.elementwise and isinstance(op.numeric, Special | NoKernel)


def into(x: Expr, domain: Domain, bounded: bool = False) -> Expr:
    """Map an operand into the domain, well away from its ends; a number that lies in it is kept."""
    if isinstance(domain, MatrixDomain) and domain.condition == "symmetric part":  # eigenvalues far from each other
        return 4 * sg.diag(sg.cumsum(sg.ones(x.shape[-1]))) + sg.sin(x) / 2
    if isinstance(domain, MatrixDomain):
        return x @ sg.transpose(x, axes=(*range(x.ndim - 2), x.ndim - 1, x.ndim - 2)) + sg.eye(x.shape[-1])
    if isinstance(x, Literal) and domain.low < x.value < domain.high:
        return x
    if domain == Interval():
        return 2 * sg.sin(x) if bounded else x
    if domain.high < float("inf"):
        return (domain.low + domain.high) / 2 + (domain.high - domain.low) * 0.375 * sg.sin(x)
    return ceil(8 * domain.low) / 8 + 0.5 + 2 * sg.sigmoid(x)


@cache
def constant_operands(op: OpDef) -> frozenset[int]:
    """Return the operands that are written as numbers: orders, in which there is no derivative."""
    if not isinstance(op.derivative, Partials):
        return frozenset()
    if fixed_operands(op):
        return fixed_operands(op)
    inputs = [Input(name) for name in op.operand_names]
    node = op(*inputs)
    assert isinstance(node, Apply)
    return frozenset(position for position, x in enumerate(inputs) if not _has_partial(node, x))


OPS = [op for op in all_ops() if op.operand_names and len(constant_operands(op)) < len(op.operand_names)]


def values_of(expr: Expr, seed: int = 0, sizes: Mapping[str, int] = SIZES) -> dict[str, np.ndarray]:
    """Return values for the inputs of an expression, numbers of few digits between -1.5 and 1.5."""
    rng = np.random.default_rng(seed)
    shapes = {name: tuple(evaluate(size, sizes) for size in node.shape) for name, node in sorted(expr.inputs.items())}
    return {name: np.asarray(np.round(rng.uniform(-1.5, 1.5, shape), 3)) for name, shape in shapes.items()}


def defined(exprs: Sequence[Expr], values: Mapping[str, np.ndarray], digits: int = 50) -> list[np.ndarray] | None:
    """Return the values at many digits, None where one of them is not a finite real number."""
    try:
        return evaluate_precisely(exprs, values, digits, SIZES)
    except NotPreciseError:
        return None
