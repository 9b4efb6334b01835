"""Expressions as NumPy source: a function that runs without symgrad."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from symgrad.core.dims import Dim, Shape, Size, named, shape_text
from symgrad.core.expr import Apply, Expr, Foreign, Input, Literal, ParameterKind, postorder
from symgrad.core.notation import (
    ADDITIVE,
    ATOM,
    COMPARISON,
    MULTIPLICATIVE,
    POSTFIX,
    POWER,
    SIGN,
    Indexed,
    Infix,
    Postfix,
    Prefix,
    Subscript,
)
from symgrad.core.numeric import (
    Along,
    BandMask,
    Concatenate,
    Contract,
    Fill,
    Gather,
    Instruction,
    Recurrence,
    Reduce,
    Reshape,
    Routine,
    Scatter,
    SizeValue,
)
from symgrad.core.properties import properties_text
from symgrad.core.traversal import expand
from symgrad.errors import OperandError
from symgrad.syntax.identifiers import (
    Identifiers,
    index_source,
    is_wide,
    number_text,
    power_text,
    shape_source,
    size_text,
)
from symgrad.syntax.naming import index_names, used_names
from symgrad.syntax.numpy_definitions import DEFINITIONS, INSTRUCTIONS, PLACE, RECURRENCE, REDUCTIONS, ROUTINES
from symgrad.syntax.text import call_arguments, formula, listed

_LONGEST_FORMULA = 2_000
_FLOAT = "dtype=np.float64"
_CHEAP = re.compile(r"[\w.]+(\[[^\[\]()]*\])?", re.ASCII)  # a name, its transpose or a part of it


def to_python(expr: Expr) -> str:
    """Return the source of a function `f` of the inputs, written with NumPy (and SciPy's special functions).

    `sg.codegen` writes a module, with the derivatives and with checks of what it is given.
    OperandError for an op that NumPy cannot say.

    >>> from symgrad.syntax import parse
    >>> print(to_python(parse("sum(x**2)")))
    import numpy as np
    <BLANKLINE>
    <BLANKLINE>
    def f(x):
        \"\"\"sum(x**2)
    <BLANKLINE>
        Shapes: x (n,).
        \"\"\"
        x = np.asarray(x, dtype=float)
        return np.sum(x**2)
    <BLANKLINE>
    """
    scope = Scope.of([expr], reserved=("f",))
    writer = NumpyWriter(scope)
    (result,) = writer.texts([expr])
    extents, free = scope.read_sizes(writer.needed)
    parameters = ", ".join([*scope.variables.values(), *free])
    converted = [f"{name} = np.asarray({name}, dtype=float)" for name in scope.variables.values()]
    title = f'"""{escaped(_title(expr))}"""'
    body = "".join(f"    {line}\n" for line in (title, *converted, *extents, *writer.lines, f"return {result}"))
    imports = "".join(f"import {module}\n" for module in sorted({"numpy as np", *writer.modules}))
    return f"{imports}\n{''.join(writer.functions)}\ndef f({parameters}):\n{body}"


def escaped(text: str) -> str:
    """Return text as it stands inside of a docstring."""
    return text.replace("\\", "\\\\").replace('"""', '\\"\\"\\"')


def shortened(text: str) -> str:
    """Return a formula that is not too long to be read."""
    return text if len(text) <= _LONGEST_FORMULA else text[:_LONGEST_FORMULA] + " ..."


def _title(expr: Expr) -> str:
    inputs = expr.inputs.values()
    facts = {
        "Shapes": [f"{node.name} {shape_text(node.shape)}" for node in inputs if node.shape],
        "Assumed": [f"{node.name} {properties_text(node.properties)}" for node in inputs if node.properties],
    }
    lines = [f"    {what}: {', '.join(listed)}.\n" for what, listed in facts.items() if listed]
    text = shortened(formula(expr))
    return f"{text}\n\n{''.join(lines)}    " if lines else text


def _numpy_form(node: Apply) -> Expr | None:
    """Return what an op that has no NumPy name expands to."""
    return None if node.op.expand is None or _has_numpy_name(node) else node.op.expand(node)


def _has_numpy_name(node: Apply) -> bool:
    if node.op.elementwise:
        return isinstance(node.op.reference, Foreign) or node.op.expand is None
    if isinstance(node.op.notation, Indexed):
        return True
    return node.op.numeric_form(node) is not None


@dataclass(frozen=True, slots=True)
class Scope:
    """What the inputs and the sizes of some expressions are called in Python."""

    inputs: Mapping[str, Input]
    variables: Mapping[str, str]
    sizes: Mapping[str, Size]
    identifiers: Identifiers

    @classmethod
    def of(cls, exprs: Sequence[Expr], inputs: Iterable[Input] = (), reserved: Iterable[str] = ()) -> Scope:
        """Name the inputs of the expressions, `inputs` first, and every size that occurs."""
        identifiers = Identifiers()
        for name in reserved:
            identifiers.claim(name)
        nodes = {node.name: node for node in inputs}
        for expr in exprs:
            nodes = {**nodes, **{name: node for name, node in expr.inputs.items() if name not in nodes}}
        plain = [name for name in nodes if identifiers.is_free(name)]  # a renamed one must not take these
        variables = {name: identifiers.claim(name) for name in plain}
        variables |= {name: identifiers.claim(name) for name in nodes if name not in variables}
        used = set().union(*(used_names(expr) for expr in (*nodes.values(), *exprs)))
        sizes = {name: identifiers.claim(f"{name}_size" if name in nodes else name) for name in sorted(used)}
        in_order = {name: variables[name] for name in nodes}
        return cls(nodes, in_order, {name: named(size) for name, size in sizes.items()}, identifiers)

    def read_sizes(self, needed: Iterable[str]) -> tuple[list[str], list[str]]:
        """Return lines that read the needed sizes off the inputs, and the sizes no input tells."""
        lines: dict[str, str] = {}
        wanted = list(dict.fromkeys(needed))
        for node in self.inputs.values():
            for axis, size in enumerate(node.shape):
                name = next(iter(size.names()), "") if isinstance(size, Dim) else ""
                rest = size - named(name) if name else 0
                if name in wanted and name not in lines and isinstance(rest, int):
                    shift = f" - {rest}" if rest > 0 else f" + {-rest}" if rest else ""
                    lines[name] = f"{self.sizes[name]} = {self.variables[node.name]}.shape[{axis}]{shift}"
        return list(lines.values()), [str(self.sizes[name]) for name in wanted if name not in lines]


@dataclass(slots=True)
class NumpyWriter:
    """Writes expressions as statements; shared and long terms get a line of their own."""

    scope: Scope
    modules: set[str] = field(default_factory=set)
    needed: dict[str, None] = field(default_factory=dict)  # sizes that the statements use
    functions: dict[str, None] = field(default_factory=dict)  # definitions that they call
    lines: list[str] = field(default_factory=list)
    named: set[Expr] = field(default_factory=set)
    constant: set[Expr] = field(default_factory=set)  # numbers that depend on no input: they may be ints
    written: dict[Expr, tuple[str, int]] = field(default_factory=dict)  # text, and how strongly it binds

    def texts(self, outputs: Sequence[Expr]) -> list[str]:
        """Return the text of each output; `lines` go before. OperandError for an op that NumPy cannot say."""
        outputs = expand(outputs, _numpy_form)
        order = postorder(*outputs)
        uses: dict[Expr, int] = {}
        for node in order:
            for operand in node.operands:
                uses[operand] = uses.get(operand, 0) + 1
        for node in order:
            self.write(node)
            if uses.get(node, 0) + outputs.count(node) > 1 and not _CHEAP.fullmatch(self.written[node][0]):
                self.name(node)
        return [self.of(output) for output in outputs]

    def results(self, outputs: Sequence[Expr]) -> list[str]:
        """Return `texts` that give arrays of their own, never a view of an input or of another result."""
        self.texts(outputs)
        nodes = expand(outputs, _numpy_form)
        return [self.fresh(node, node in nodes[:k]) for k, node in enumerate(nodes)]

    def fresh(self, node: Expr, again: bool) -> str:
        """Return a text that gives a new array, or a number of NumPy's; `again` if the node is another result too."""
        if _is_fresh(node) and not again:
            return self.of(node)
        if is_wide(f"{self.of(node)}{_FLOAT}"):
            self.name(node)
        return f"np.array({self.of(node)}, {_FLOAT})" if node.shape else f"np.float64({self.of(node)})"

    def write(self, node: Expr) -> None:
        """Write a node whose operands are written; where the line gets too long, its longest operands get lines."""
        if isinstance(node, Input):
            self.written[node] = self.scope.variables[node.name], ATOM
            return
        if isinstance(node, Literal):
            text = number_text(node.value)
            self.written[node] = text, SIGN if text.startswith("-") else ATOM
            self.constant.add(node)
            return
        assert isinstance(node, Apply)
        if not node.ndim and self.constant.issuperset(node.operands):
            self.constant.add(node)
        self.written[node] = self.content(node)
        while is_wide(self.written[node][0]):
            longest = max(node.operands, key=self.length, default=None)
            if longest is None or _CHEAP.fullmatch(self.written[longest][0]):
                return
            self.name(longest)
            self.written[node] = self.content(node)

    def length(self, node: Expr) -> int:
        """Return the length of the text of a node."""
        return len(self.written[node][0])

    def name(self, node: Expr) -> None:
        """Give a node a line of its own."""
        name = self.scope.identifiers.numbered("t")
        self.lines.append(f"{name} = {self.written[node][0]}")
        self.written[node] = name, ATOM
        self.named.add(node)

    def of(self, node: Expr, binding: int = 0) -> str:
        """Return the text of an operand, in brackets where it binds too weakly."""
        text, strength = self.written[node]
        return f"({text})" if strength < binding else text

    # --- sizes ---

    def size(self, size: Size) -> str:
        """Return a size as a Python expression, and remember that its names are needed."""
        if isinstance(size, Dim):
            self.needed.update(dict.fromkeys(size.names()))
        return size_text(size, self.scope.sizes)

    def shape(self, shape: Shape) -> str:
        """Return a shape as a tuple, and remember its names."""
        for size in shape:
            self.size(size)
        return shape_source(shape, self.scope.sizes)

    # --- nodes ---

    def content(self, node: Apply) -> tuple[str, int]:
        """Return the text of a node and how strongly it binds."""
        match node.op.notation:
            case Infix(symbol=symbol, precedence=precedence) if node.op.elementwise or symbol == "@":
                return self.infix(node, symbol, precedence)
            case Prefix(symbol=symbol, precedence=precedence):
                return f"{symbol}{self.of(node.operands[0], POSTFIX)}", precedence
            case Postfix(symbol=symbol) if not node.op.arguments(node):
                return f"{self.of(node.operands[0], POSTFIX)}{symbol}", POSTFIX
            case Subscript():
                return f"{self.of(node.operands[0], POSTFIX)}[{self.index(node)}]", POSTFIX
            case Indexed():
                operands = [self.of(operand) for operand in node.operands]
                inside = listed(node, operands, call_arguments(node))
                return f"np.{node.op.name}({''.join(map(str, inside))})", POSTFIX
        match node.op.numeric_form(node):
            case Fill(value=value) if not node.shape:
                return number_text(value), SIGN if value < 0 else ATOM
            case SizeValue(size=size):
                text = self.size(size)
                return text, ATOM if text.isidentifier() else ADDITIVE
            case Scatter(index=index) if len({along.axis for along in index}) < len(index):  # the diagonal
                return (
                    f"{self.of(node.operands[0], POSTFIX)}[..., None] * np.eye({self.size(node.shape[-1])})",
                    MULTIPLICATIVE,
                )
        return self.call(node), POSTFIX

    def infix(self, node: Apply, symbol: str, precedence: int) -> tuple[str, int]:
        left, right = node.operands
        if precedence == COMPARISON:
            return f"1.0 * ({self.compared(left, symbol, right)})", MULTIPLICATIVE
        if precedence == POWER:
            return power_text(self.of(left, POSTFIX), self.of(right, POSTFIX)), precedence
        return f"{self.of(left, precedence)} {symbol} {self.of(right, precedence + 1)}", precedence

    def compared(self, left: Expr, symbol: str, right: Expr) -> str:
        return f"{self.of(left, ADDITIVE)} {symbol} {self.of(right, ADDITIVE)}"

    def condition(self, node: Expr) -> str:
        match node:
            case Apply(op=op) if isinstance(op.notation, Infix) and op.notation.precedence == COMPARISON:
                if node not in self.named:
                    return self.compared(node.operands[0], op.notation.symbol, node.operands[1])
        return f"{self.of(node, ADDITIVE)} != 0"

    def real(self, node: Expr) -> str:
        """Return a choice of np.where, which would make integers of integers."""
        if isinstance(node, Literal):
            return number_text(float(node.value))
        return f"np.float64({self.of(node)})" if node in self.constant else self.of(node)

    def index(self, node: Apply) -> str:
        """Return the inside of the brackets of a subscript, or of scatter's index."""
        value = next(node.op.arguments(node)[p.name] for p in node.op.parameters if p.kind is ParameterKind.INDEX)
        assert isinstance(value, tuple)
        self.needed.update(dict.fromkeys(sorted(index_names(value))))
        return index_source(value, self.scope.sizes)

    def call(self, node: Apply) -> str:
        reference = node.op.reference
        if node.op.elementwise and isinstance(reference, Foreign):
            return self.applied(self.foreign(reference), node)
        match node.op.numeric_form(node):
            case Instruction.SELECT:
                condition, a, b = node.operands
                return f"np.where({self.condition(condition)}, {self.real(a)}, {self.real(b)})"
            case Instruction() as instruction if instruction in INSTRUCTIONS:
                return self.applied(INSTRUCTIONS[instruction], node)
            case Reduce(combine=combine, axes=axes, keepdims=keepdims):
                return self.reduction(node, REDUCTIONS[combine], axes, keepdims)
            case Reshape():
                return self.applied("np.reshape", node, self.shape(node.shape))
            case Fill(value=value):
                return f"np.full({self.shape(node.shape)}, {number_text(value)})"
            case BandMask(upper=upper):
                return self.applied("np.tril", node, *([str(upper)] if upper else []))
            case Recurrence() as form:
                return self.recurrence(node, form)
            case Contract():
                return self.applied("np.matmul", node)
            case Concatenate(axis=axis):
                along = f", axis={axis}" if axis else ""
                return f"np.concatenate(({self.operands(node)}){along})"
            case Routine(name=name) if name in ROUTINES:
                opening, closing = ROUTINES[name]
                if opening.startswith("scipy.linalg."):
                    self.modules.add("scipy.linalg")
                self.functions.update(dict.fromkeys(filter(None, [DEFINITIONS.get(name)])))
                return f"{opening}{self.operands(node)}{closing}"
            case Gather(index=index):
                return self.gather(node, index)
            case Scatter():
                return self.scatter(node)
        raise _cannot(node)

    def foreign(self, reference: Foreign) -> str:
        if reference.module == "numpy":
            return f"np.{reference.name}"
        self.modules.add(reference.module)
        return f"{reference.module}.{reference.name}"

    def operands(self, node: Apply) -> str:
        return ", ".join(self.of(operand) for operand in node.operands)

    def applied(self, function: str, node: Apply, *more: str) -> str:
        return f"{function}({', '.join([self.operands(node), *more])})"

    def reduction(self, node: Apply, function: str, axes: tuple[int, ...], keepdims: bool) -> str:
        more = [] if len(axes) == node.operands[0].ndim else [f"axis={axes[0] if len(axes) == 1 else axes}"]
        return self.applied(function, node, *more, *(["keepdims=True"] if keepdims else []))

    def recurrence(self, node: Apply, form: Recurrence) -> str:
        """From the end: forwards through the operands turned round, and the result turned back."""
        self.functions[RECURRENCE] = None
        numbers = f"{form.axis}, {form.initial!r}"
        if not form.reverse:
            return f"recurrence({self.operands(node)}, {numbers})"
        turned: list[str] = []
        for operand in node.operands:
            axis = form.axis - (node.ndim - operand.ndim)
            flips = axis >= 0 and operand.shape[axis] != 1
            turned.append(f"np.flip({self.of(operand)}, {axis})" if flips else self.of(operand))
        return f"np.flip(recurrence({', '.join(turned)}, {numbers}), {form.axis})"

    def gather(self, node: Apply, index: tuple[Along, ...]) -> str:
        """A view that only moves, repeats or picks the diagonal of axes, as an einsum and a broadcast."""
        if any(along.axis is not None and (along.step != 1 or along.offset != 0) for along in index):
            raise _cannot(node)
        kept = [along for along in index if along.axis is not None]
        dropped = ["0" if along.axis is None else ":" for along in index]
        source = "".join(_letter(along.axis) for along in kept)
        target = "".join(sorted(set(source)))
        if len(target) == len(source) == node.ndim and "0" not in dropped:
            return self.applied("np.transpose", node, str(tuple(map(source.index, target))))
        picked = self.of(node.operands[0], POSTFIX) + (f"[{', '.join(dropped)}]" if "0" in dropped else "")
        moved = f'np.einsum("{source}->{target}", {picked})' if source != target else picked
        if len(target) == node.ndim and "0" not in dropped:
            return moved
        new_axes = [":" if _letter(axis) in target else "None" for axis in range(node.ndim)]
        lead = f"[{', '.join(new_axes)}]" if "None" in new_axes[new_axes.index(":") if ":" in new_axes else 0 :] else ""
        return f"np.broadcast_to({moved}{lead if target else ''}, {self.shape(node.shape)})"

    def scatter(self, node: Apply) -> str:
        (x,) = node.operands
        self.functions[PLACE] = None
        return f"place({self.of(x)}, np.s_[{self.index(node) or '...'}], {self.shape(node.shape)})"


def _is_fresh(node: Expr) -> bool:
    """Whether NumPy computes a new array of floats, or a number of its own type, for a node."""
    if not isinstance(node, Apply):
        return False
    form = node.op.numeric_form(node)
    if not node.inputs:  # maybe an int
        return isinstance(form, Fill) and bool(node.shape)
    if isinstance(form, Reduce):
        return bool(form.axes)
    whole = isinstance(form, Contract | Routine | Concatenate)
    return whole or (node.op.elementwise and form is not Instruction.SELECT)


def _cannot(node: Apply) -> OperandError:
    return OperandError(f"{node.op.name} cannot be written with NumPy, in {shortened(formula(node))}")


def _letter(axis: int | None) -> str:
    return chr(ord("a") + (axis or 0))
