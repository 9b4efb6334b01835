"""Expressions: an interned DAG of three kinds of nodes, and the definition of an op as data.

Equal expressions are the same object, so `is` decides equality and every walk can memoise on the node.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from importlib import import_module
from math import isfinite
from numbers import Integral, Real
from typing import Any, ClassVar, TypeAlias, TypeVar, final
from weakref import WeakValueDictionary

from symgrad.core.calls import REQUIRED as REQUIRED
from symgrad.core.calls import Call, Variadic, split_arguments
from symgrad.core.calls import Parameter as Parameter
from symgrad.core.calls import ParameterKind as ParameterKind
from symgrad.core.dims import Dim, Shape, Size, shape_text
from symgrad.core.domain import REALS, Domain
from symgrad.core.notation import CALL, Infix, Notation, Postfix, Prefix
from symgrad.core.numeric import ArrayKernel, Scalar
from symgrad.core.pitfalls import Pitfall
from symgrad.core.properties import (
    MATRIX,
    NONE,
    Properties,
    Property,
    check_properties,
    closure,
    properties_text,
)
from symgrad.core.shapes import apply_signature, broadcast
from symgrad.core.traits import Kink, Trait
from symgrad.errors import InvalidValueError, OperandError, UnknownNameError

P = TypeVar("P")

_interned: WeakValueDictionary[tuple[Any, ...], Expr] = WeakValueDictionary()
_interning = threading.Lock()
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z", re.ASCII)


class Expr:
    """A real-valued array expression with a (possibly symbolic) shape: an Input, a Literal or an Apply.

    Python's operators build expressions; `==` is identity, which for interned nodes is structural equality
    (write `sg.equal(a, b)` for the comparison as an expression).
    """

    __slots__ = ("__weakref__", "operands", "properties", "shape")
    __array_ufunc__ = None  # NumPy arrays leave `array + expr` to us, and we say what is wrong with it
    shape: Shape
    properties: Properties  # what holds for every value: assumed of an input, else inferred
    operands: tuple[Expr, ...]  # the nodes this node is computed from

    presenters: ClassVar[dict[str, Callable[[Expr], str]]] = {}  # filled by symgrad.syntax: core cannot print

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.shape)

    @property
    def inputs(self) -> dict[str, Input]:
        """The inputs by name, in order of first use."""
        found: dict[str, Input] = {}
        for node in postorder(self):
            if isinstance(node, Input) and found.setdefault(node.name, node) is not node:
                raise OperandError(_two_readings(node, found[node.name]))
        return found

    @property
    def T(self) -> Expr:
        """The transpose: axes in reverse order."""
        return operator(Postfix, ".T")(self)

    def __add__(self, other: Operand) -> Expr:
        return operator(Infix, "+")(self, other)

    def __radd__(self, other: Operand) -> Expr:
        return operator(Infix, "+")(other, self)

    def __sub__(self, other: Operand) -> Expr:
        return operator(Infix, "-")(self, other)

    def __rsub__(self, other: Operand) -> Expr:
        return operator(Infix, "-")(other, self)

    def __mul__(self, other: Operand) -> Expr:
        return operator(Infix, "*")(self, other)

    def __rmul__(self, other: Operand) -> Expr:
        return operator(Infix, "*")(other, self)

    def __truediv__(self, other: Operand) -> Expr:
        return operator(Infix, "/")(self, other)

    def __rtruediv__(self, other: Operand) -> Expr:
        return operator(Infix, "/")(other, self)

    def __pow__(self, other: Operand) -> Expr:
        return operator(Infix, "**")(self, other)

    def __rpow__(self, other: Operand) -> Expr:
        return operator(Infix, "**")(other, self)

    def __matmul__(self, other: Operand) -> Expr:
        return operator(Infix, "@")(self, other)

    def __rmatmul__(self, other: Operand) -> Expr:
        return operator(Infix, "@")(other, self)

    def __lt__(self, other: Operand) -> Expr:
        return operator(Infix, "<")(self, other)

    def __le__(self, other: Operand) -> Expr:
        return operator(Infix, "<=")(self, other)

    def __gt__(self, other: Operand) -> Expr:
        return operator(Infix, ">")(self, other)

    def __ge__(self, other: Operand) -> Expr:
        return operator(Infix, ">=")(self, other)

    def __neg__(self) -> Expr:
        return operator(Prefix, "-")(self)

    def __pos__(self) -> Expr:
        return self

    def __abs__(self) -> Expr:
        return lookup("abs")(self)

    def __getitem__(self, index: object) -> Expr:
        return lookup("index")(self, index=index)

    def __bool__(self) -> bool:
        raise OperandError("an expression has no truth value; use sg.where(condition, a, b) to choose")

    def __iter__(self) -> Any:
        raise OperandError("an expression cannot be looped over; index it, as in x[0]")

    def __str__(self) -> str:
        return self.presenters["text"](self)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {shape_text(self.shape)}: {self}>"

    def formula(self) -> str:
        """Return the expression for reading: `str` without the signature that tells the shapes of the inputs."""
        return self.presenters["formula"](self)

    def latex(self) -> str:
        """Return the expression in LaTeX."""
        return self.presenters["latex"](self)

    def mathml(self) -> str:
        """Return the expression as a `math` element of presentation MathML."""
        return self.presenters["mathml"](self)

    def _repr_latex_(self) -> str:
        return f"$\\displaystyle {self.latex()}$"

    def python(self) -> str:
        """Return NumPy source of a function that computes the expression."""
        return self.presenters["python"](self)

    def to_sympy(self) -> Any:
        """Return the SymPy form; OperandError for what SymPy cannot say."""
        return self.presenters["sympy"](self)


Operand: TypeAlias = Expr | float


@final
class Input(Expr):
    """A named array (or scalar) that the user supplies, with what is assumed of it.

    Errors: ShapeError and InvalidValueError for properties that cannot be.
    """

    __slots__ = ("name",)
    name: str

    def __new__(cls, name: str, shape: Shape = (), properties: Properties = NONE) -> Input:
        if not isinstance(name, str) or not _IDENTIFIER.match(name):
            raise UnknownNameError(f"{name!r} cannot name an input: use ASCII letters, digits and _")
        if properties:
            properties = closure(properties)
            check_properties(name, shape, properties)
        with _interning:
            key = (cls, name, shape, properties)
            node = _interned.get(key)
            if node is None:
                node = object.__new__(cls)
                node.shape, node.operands, node.name, node.properties = shape, (), name, properties
                _interned[key] = node
        return node  # type: ignore[return-value]


def _two_readings(node: Input, other: Input) -> str:
    if node.shape != other.shape:
        shapes = f"{shape_text(other.shape)} and {shape_text(node.shape)}"
        return f"the input {node.name} is used with two shapes, {shapes}"
    assumed = [properties_text(x.properties) or "nothing" for x in (other, node)]
    return f"of the input {node.name}, {' and also '.join(assumed)} is assumed; use one input"


@final
class Literal(Expr):
    """A finite number: an int or a float, kept apart."""

    __slots__ = ("value",)
    value: int | float

    def __new__(cls, value: int | float) -> Literal:
        try:
            finite = isfinite(value)
        except OverflowError:
            finite = False
        if not finite:
            raise InvalidValueError("a number in a formula must be finite and below 1.8e308")
        with _interning:
            key = (cls, type(value), repr(value))
            node = _interned.get(key)
            if node is None:
                node = object.__new__(cls)
                node.shape, node.operands, node.value = (), (), value
                node.properties = _POSITIVE if value > 0 else _NONZERO if value else _NONNEGATIVE
                _interned[key] = node
        return node  # type: ignore[return-value]


_POSITIVE = closure({Property.POSITIVE})
_NONNEGATIVE, _NONZERO = frozenset({Property.NONNEGATIVE}), frozenset({Property.NONZERO})


@final
class Apply(Expr):
    """An op applied to operands, with its static parameters. Built by calling the op."""

    __slots__ = ("op", "params")
    op: OpDef
    params: object

    def __new__(cls, op: OpDef, operands: tuple[Expr, ...], params: object = None) -> Apply:
        key = (cls, op, operands, params)
        with _interning:
            node = _interned.get(key)
        if node is not None:
            return node  # type: ignore[return-value]
        shape = op.result_shape(operands, params)
        properties = op.inferred_properties(operands, params, shape)
        with _interning:
            node = _interned.get(key)
            if node is None:
                node = object.__new__(cls)
                node.shape, node.operands, node.op, node.params = shape, operands, op, params
                node.properties = properties
                _interned[key] = node
        return node  # type: ignore[return-value]

    def parameters(self, kind: type[P]) -> P:
        """Return the static parameters, which must be of this kind."""
        if not isinstance(self.params, kind):
            raise TypeError(f"{self.op.name} holds {self.params!r}, not {kind.__name__}")
        return self.params


def as_expr(value: object) -> Expr:
    """Return `value` as a node: an expression itself, or a real number as a Literal. OperandError otherwise."""
    if isinstance(value, Expr):
        return value
    if isinstance(value, Integral):
        return Literal(int(value))
    if isinstance(value, Real):
        return Literal(float(value))
    raise OperandError(
        f"{type(value).__name__} cannot stand in an expression: it takes expressions and real numbers "
        "(declare an array as an input and pass it when you call the kernel)"
    )


def postorder(*roots: Expr, stop: Container[Expr] = ()) -> list[Expr]:
    """Return every node below `roots` once, operands before the nodes that use them, left to right.

    Nodes in `stop` are returned, what is below them is not looked at. Iterative, so the depth of an expression is
    bounded by memory alone.
    """
    done: set[Expr] = set()
    order: list[Expr] = []
    stack: list[tuple[Expr, bool]] = [(root, False) for root in reversed(roots)]
    while stack:
        node, ready = stack.pop()
        if node in done:
            continue
        if ready or not node.operands or node in stop:
            done.add(node)
            order.append(node)
            continue
        stack.append((node, True))
        stack.extend([(operand, False) for operand in reversed(node.operands) if operand not in done])
    return order


# --- ops -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Foreign:
    """A function of another library, imported when it is first needed."""

    module: str
    name: str

    def load(self) -> Callable[..., Any]:
        """Import the module and return the function."""
        function: Callable[..., Any] = getattr(import_module(self.module), self.name)
        return function


@dataclass(frozen=True, slots=True)
class Partials:
    """Elementwise derivative: for each operand, a function (result, *operands) -> partial derivative."""

    functions: tuple[Callable[..., Expr], ...]


@dataclass(frozen=True, slots=True)
class Transposed:
    """The op is linear in its only operand: (node, cotangent) -> cotangent of the operand."""

    function: Callable[[Apply, Expr], Expr]


@dataclass(frozen=True, slots=True)
class Structured:
    """`pushforward(node, tangents)` with None for a zero tangent; `pullback(node, cotangent)`, one for each operand.

    A cotangent may carry batch axes in front of the node's shape (a Jacobian is a pullback of an identity), and the
    cotangents returned carry them too; count axes from the end.
    """

    pushforward: Callable[[Apply, tuple[Expr | None, ...]], Expr]
    pullback: Callable[[Apply, Expr], tuple[Expr, ...]]


@dataclass(frozen=True, slots=True)
class Via:
    """Differentiate an equal expression instead, such as one that is right where the kernel's form is not."""

    function: Callable[[Apply], Expr]


@dataclass(frozen=True, slots=True)
class Flat:
    """Piecewise constant: the derivative is zero wherever there is one."""


@dataclass(frozen=True, slots=True)
class NotDifferentiable:
    """No derivative, and why, for the error."""

    why: str


Derivative: TypeAlias = Partials | Transposed | Structured | Via | Flat | NotDifferentiable


Prepare: TypeAlias = Callable[[tuple[Expr, ...], Mapping[str, Any]], object]
Signature: TypeAlias = Callable[[Mapping[str, Any], int], str]  # of given parameters and a number of operands
EqualSizes: TypeAlias = Callable[[Sequence[Shape], Mapping[str, Any]], Iterable[tuple[Size, Size]]]
NumericForm: TypeAlias = Scalar | ArrayKernel
Reference: TypeAlias = Foreign | Callable[..., Any]


@dataclass(frozen=True, eq=False, kw_only=True)
class OpDef:
    """One op, whole: its name and notation, type, derivative, numeric form, references and domain.

    Exactly one of `derivative` and `expand` gives the derivative, and one of `numeric` and `expand` the kernel;
    an incomplete definition fails when it is made. `reference` and `mp` are f(*arrays) for an elementwise op
    (`mp` on single numbers), f(node, sizes, *arrays) otherwise; without `mp` the reference must work on arrays of
    mpmath numbers too.
    """

    name: str
    doc: str
    operand_names: tuple[str, ...]
    variadic: Variadic | None = None  # the only operand name stands for one operand or more
    aliases: tuple[str, ...] = ()
    notation: Notation = CALL
    latex: str = ""  # a word such as r"\tanh", or a template with {0}
    elementwise: bool = False
    signature: str | Signature = ""  # see shapes.read_signature; empty for elementwise ops and those with `shape`
    shape: Callable[[tuple[Shape, ...], Any], Shape] | None = None
    equal_sizes: EqualSizes | None = None  # what `shape` demands of sizes, for the inference of shapes
    parameters: tuple[Parameter, ...] = ()
    prepare: Prepare | None = None  # (operands, given parameters) -> params, in normal form
    canonical: Callable[[tuple[Expr, ...], Any], Expr | None] | None = None  # another node to build instead
    requires: Callable[[Apply], tuple[tuple[Dim, str], ...]] | None = None  # sizes that must be >= 0, and why
    derivative: Derivative | None = None
    expand: Callable[[Apply], Expr] | None = None
    numeric: NumericForm | Callable[[Apply], NumericForm] | None = None
    reference: Reference | None = None
    mp: Reference | None = None
    domain: tuple[Domain, ...] | Callable[[Apply], tuple[Domain, ...]] | None = None
    kinks: tuple[Kink, ...] = ()
    analytic: bool = False  # a routine whose reference takes complex arrays, without conjugation or absolute values
    pitfalls: tuple[Pitfall, ...] = ()
    traits: frozenset[Trait] = frozenset()
    properties: Callable[[tuple[Expr, ...], Any], Properties] | None = None  # (operands, params) -> what holds
    sympy: str = ""  # the name of SymPy's function
    references: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        count = len(self.operand_names)
        problems = [
            ("doc", not self.doc),
            ("exactly one of derivative and expand", self.derivative is None and self.expand is None),
            ("one of numeric and expand", self.numeric is None and self.expand is None),
            ("reference", self.reference is None and self.expand is None),
            ("a type rule", not (self.elementwise or self.signature or self.shape)),
            ("prepare for its parameters", bool(self.parameters) and self.prepare is None),
            ("pitfalls with a place for each operand", any(len(p.where) != count for p in self.pitfalls)),
            ("just one operand name", self.variadic is not None and len(self.operand_names) != 1),
        ]
        missing = [what for what, absent in problems if absent]
        if missing:
            raise TypeError(f"the definition of {self.name} lacks {' and '.join(missing)}")

    def __call__(self, *operands: object, **parameters: Any) -> Expr:
        """Build the node. Operands are expressions or real numbers, then required parameters, then keywords."""
        if self.elementwise and len(operands) == len(self.operand_names) and not (parameters or self.parameters):
            return self.make(tuple([x if isinstance(x, Expr) else as_expr(x) for x in operands]), None)
        split = self.split(operands, _entries)
        if split is None:
            raise OperandError(f"{self.name} takes {self.usage()}, but {len(operands)} arguments were given")
        return self.apply(split[0], {**split[1], **parameters})

    def split(
        self, arguments: Sequence[Any], entries: Callable[[Any], Sequence[Any] | None]
    ) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
        """Return the operands and the parameters of a call by position; None where their number does not fit.

        `entries` opens what stands for a tuple or list, and gives None for anything else.
        """
        names = [p.name for p in self.parameters if p.kind is not ParameterKind.ROWS]
        leading = len([p for p in self.parameters if p.default is REQUIRED])
        found = split_arguments(Call(self.variadic, len(self.operand_names), leading), arguments, entries)
        if found is None or len(found.parameters) > len(names):
            return None
        told = {p.name: found.rows for p in self.parameters if p.kind is ParameterKind.ROWS}
        return found.operands, {**dict(zip(names, found.parameters, strict=False)), **told}

    def apply(self, operands: Sequence[object], values: Mapping[str, Any]) -> Expr:
        """Build the node from operands and parameters that are not in normal form."""
        names = [p.name for p in self.parameters]
        for name in values:
            if name not in names:
                raise UnknownNameError(f"{self.name} has no parameter {name!r}; it takes {self.usage()}")
        for parameter in self.parameters:
            if parameter.default is REQUIRED and parameter.name not in values:
                raise OperandError(f"{self.name} takes {self.usage()}, but {parameter.name} is missing")
        nodes = tuple(as_expr(operand) for operand in operands)
        return self.make(nodes, self.prepare(nodes, values) if self.prepare else None)

    def make(self, operands: tuple[Expr, ...], params: object) -> Expr:
        """Build the node from parameters in normal form."""
        if self.canonical is not None:
            other = self.canonical(operands, params)
            if other is not None:
                return other
        return Apply(self, operands, params)

    def usage(self) -> str:
        """Return how the op is called: `sum(x, axis=None, keepdims=False)`."""
        written = [p for p in self.parameters if p.kind is not ParameterKind.ROWS]
        optional = [p.name if p.default is REQUIRED else f"{p.name}={p.default}" for p in written]
        operands = ", ".join(self.operand_names)
        grouped = {Variadic.GROUPED: f"({operands}, ...)", Variadic.NESTED: f"[[{operands}, ...], ...]"}
        if self.variadic is Variadic.SPREAD:
            return f"{self.name}({', '.join([*optional, operands, '...'])})"
        taken = self.operand_names if self.variadic is None else (grouped[self.variadic],)
        return f"{self.name}({', '.join([*taken, *optional])})"

    def labels(self, count: int) -> tuple[str, ...]:
        """Return a name for each of `count` operands."""
        if self.variadic is None:
            return self.operand_names
        return tuple(f"{self.operand_names[0]}{number + 1}" for number in range(count))

    def signature_of(self, given: Mapping[str, Any], count: int) -> str:
        """Return the signature for these parameters and `count` operands; empty where there is none."""
        return self.signature if isinstance(self.signature, str) else self.signature(given, count)

    def result_shape(self, operands: tuple[Expr, ...], params: object) -> Shape:
        """Return the shape of the node; ShapeError when the operands do not fit."""
        shapes = tuple([operand.shape for operand in operands])
        if self.shape is not None:
            return self.shape(shapes, params)
        if self.elementwise:
            return broadcast(*shapes) if any(shapes) else ()
        return apply_signature(self.name, self.signature_of(_values(params), len(shapes)), shapes)

    def inferred_properties(self, operands: tuple[Expr, ...], params: object, shape: Shape) -> Properties:
        """Return what holds for the node, of this shape, because of what holds for its operands."""
        found = self.properties(operands, params) if self.properties is not None else NONE
        if len(shape) < 2 or shape[-1] != shape[-2]:
            return closure(found - MATRIX) if found else NONE
        if self.elementwise and all(x.ndim == 0 or _is_symmetric(x, shape) for x in operands):
            found = found | {Property.SYMMETRIC}
        return closure(found) if found else NONE

    def numeric_form(self, node: Apply) -> NumericForm | None:
        """Return the numeric form of `node`, or None when the op must be expanded."""
        if self.numeric is None or isinstance(self.numeric, _NUMERIC_FORMS):
            return self.numeric
        return self.numeric(node)

    def domains(self, node: Apply) -> tuple[Domain, ...]:
        """Return the domain of each operand."""
        if self.domain is None:
            return (REALS,) * len(node.operands)
        return self.domain if isinstance(self.domain, tuple) else self.domain(node)

    def arguments(self, node: Apply) -> dict[str, object]:
        """Return the parameters to write: the required ones, and those that differ from their default."""
        values = _values(node.params)
        return {p.name: values[p.name] for p in self.parameters if p.name in values and values[p.name] != p.default}

    @property
    def names(self) -> tuple[str, ...]:
        """The name and its aliases."""
        return (self.name, *self.aliases)

    def __repr__(self) -> str:
        return f"<op {self.usage()}>"


def _is_symmetric(x: Expr, shape: Shape) -> bool:
    return x.shape == shape and Property.SYMMETRIC in x.properties


def _values(params: object) -> dict[str, object]:
    if params is None:
        return {}
    return {field.name: getattr(params, field.name) for field in fields(params)}  # type: ignore[arg-type]


def _entries(value: object) -> Sequence[object] | None:
    return value if isinstance(value, tuple | list) else None


_NUMERIC_FORMS = Scalar | ArrayKernel
_by_name: dict[str, OpDef] = {}
_by_symbol: dict[tuple[type, str], OpDef] = {}


def register(op: OpDef) -> OpDef:
    """Enter an op (and its aliases, and its operator) in the registry and return it."""
    for name in op.names:
        if _by_name.setdefault(name, op) is not op:
            raise TypeError(f"two ops are called {name}")
    if isinstance(op.notation, Infix | Prefix | Postfix):
        _by_symbol[type(op.notation), op.notation.symbol] = op
    return op


def lookup(name: str) -> OpDef:
    """Return the op called `name` (aliases count); UnknownNameError when there is none."""
    try:
        return _by_name[name]
    except KeyError:
        raise UnknownNameError(f"there is no function {name}") from None


def operator(kind: type[Infix | Prefix | Postfix], symbol: str) -> OpDef:
    """Return the op written with this operator."""
    return _by_symbol[kind, symbol]


def all_ops() -> tuple[OpDef, ...]:
    """Return every op once, in order of definition."""
    return tuple(dict.fromkeys(_by_name.values()))


def op_names() -> tuple[str, ...]:
    """Return every name and alias."""
    return tuple(_by_name)
