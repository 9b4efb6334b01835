"""Expressions as NumPy source: a function that runs without symgrad."""

from __future__ import annotations

import keyword
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from symgrad.core.dims import Dim, Shape, Size, named, shape_text
from symgrad.core.expr import Apply, Expr, Foreign, Input, Literal, ParameterKind, postorder
from symgrad.core.indexing import index_text
from symgrad.core.notation import (
    ADDITIVE,
    COMPARISON,
    MULTIPLICATIVE,
    POSTFIX,
    POWER,
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
from symgrad.syntax.dimensions import substitute, substitute_index
from symgrad.syntax.emission import Piece, emit
from symgrad.syntax.naming import fresh_names, index_names, used_names
from symgrad.syntax.text import call_arguments, formula, listed

_ATOM = POSTFIX  # what stands before a subscript or as an operand of a power
_RESERVED = (
    *("np", "scipy", "float", "place", "recurrence", "eigh", "svd", "qr", "f"),
    *("solve_triangular", "cholesky_solve", "cholesky_inverse"),
)
_LONGEST_TERM = 24  # nodes on one line
_LONGEST_FORMULA = 2_000
_REDUCTIONS = {
    Instruction.ADD: "np.sum",
    Instruction.MUL: "np.prod",
    Instruction.MAXIMUM: "np.max",
    Instruction.MINIMUM: "np.min",
}
_INSTRUCTIONS = {Instruction.MAXIMUM: "np.maximum", Instruction.MINIMUM: "np.minimum", Instruction.ABS: "np.abs"}
_PLACE = '''
def place(values, index, shape):
    """Return zeros of the given shape with the values at the index."""
    result = np.zeros(shape)
    result[index] = values
    return result

'''
_RECURRENCE = '''
def recurrence(a, b, axis, start):
    """Return z with z[0] = start and z[i + 1] = a[i]*z[i] + b[i] along an axis."""
    a, b = (np.moveaxis(x, axis, 0) for x in np.broadcast_arrays(a, b))
    result = np.empty(b.shape)
    value = np.full(b.shape[1:], start)
    for i in range(len(b)):
        result[i] = value
        value = a[i]*value + b[i]
    return np.moveaxis(result, 0, axis)

'''
_EIGH = '''
def eigh(a):
    """Return the eigenvalues of (a + a.T)/2 in row 0, below them its eigenvectors, each with a sign of its own."""
    values, vectors = np.linalg.eigh((a + np.swapaxes(a, -1, -2))/2)
    if vectors.size:
        sizes = np.abs(vectors)
        leading = np.argmax(sizes >= 0.61*np.max(sizes, axis=-2, keepdims=True), axis=-2)[..., None, :]
        vectors = vectors*np.where(np.take_along_axis(vectors, leading, axis=-2) < 0, -1, 1)
    return np.concatenate([values[..., None, :], vectors], axis=-2)

'''
_SVD = '''
def svd(a):
    """Return the singular values of a tall matrix in row 0, below them the right and the left vectors as columns."""
    left, values, right = np.linalg.svd(a, full_matrices=False)
    right = np.swapaxes(right, -1, -2)
    if right.size:
        sizes = np.abs(right)
        leading = np.argmax(sizes >= 0.61*np.max(sizes, axis=-2, keepdims=True), axis=-2)[..., None, :]
        signs = np.where(np.take_along_axis(right, leading, axis=-2) < 0, -1, 1)
        right, left = right*signs, left*signs
    return np.concatenate([values[..., None, :], right, left], axis=-2)

'''
_TRIANGULAR = '''
def solve_triangular(a, b, lower):
    """Return the solution of a triangular system; only one triangle of a counts."""
    return np.linalg.solve(np.tril(a) if lower else np.triu(a), b)

'''
_CHOLESKY_SOLVE = '''
def cholesky_solve(a, b):
    """Return the solution x of a @ a.T @ x = b; only the lower triangle of a counts."""
    a = np.tril(a)
    return np.linalg.solve(np.swapaxes(a, -1, -2), np.linalg.solve(a, b))

'''
_CHOLESKY_INVERSE = '''
def cholesky_inverse(a):
    """Return the inverse of a @ a.T; only the lower triangle of a counts."""
    a = np.linalg.inv(np.tril(a))
    return np.swapaxes(a, -1, -2) @ a

'''
_QR = '''
def qr(a):
    """Return the reduced factor Q, and below it R, whose diagonal is positive."""
    q, r = np.linalg.qr(a)
    signs = np.where(np.diagonal(r, axis1=-2, axis2=-1) < 0, -1, 1)
    return np.concatenate([q*signs[..., None, :], r*signs[..., :, None]], axis=-2)

'''
_ROUTINES = {
    "cholesky": ("np.linalg.cholesky(", ")"),
    "inv": ("np.linalg.inv(", ")"),
    "det": ("np.linalg.det(", ")"),
    "logdet": ("np.linalg.slogdet(", ")[1]"),
    "sign_det": ("np.linalg.slogdet(", ")[0]"),
    "solve": ("np.linalg.solve(", ")"),
    "solve_lower": ("solve_triangular(", ", True)"),
    "solve_upper": ("solve_triangular(", ", False)"),
    "cholesky_solve": ("cholesky_solve(", ")"),
    "cholesky_inverse": ("cholesky_inverse(", ")"),
    "pinv": ("np.linalg.pinv(", ")"),
    "expm": ("scipy.linalg.expm(", ")"),
    "qr": ("qr(", ")"),
    "eigh": ("eigh(", ")"),
    "svd": ("svd(", ")"),
}
_DEFINITIONS = {  # of routines that NumPy has no function for
    "eigh": _EIGH,
    "qr": _QR,
    "svd": _SVD,
    "solve_lower": _TRIANGULAR,
    "solve_upper": _TRIANGULAR,
    "cholesky_solve": _CHOLESKY_SOLVE,
    "cholesky_inverse": _CHOLESKY_INVERSE,
}


def to_python(expr: Expr) -> str:
    """Return the source of a function `f` of the inputs, written with NumPy (and SciPy's special functions).

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
    return _Source(expr, expand([expr], _numpy_form)[0]).text()


def _numpy_form(node: Apply) -> Expr | None:
    """Return what an op that has no NumPy name expands to."""
    return None if node.op.expand is None or _has_numpy_name(node) else node.op.expand(node)


def _has_numpy_name(node: Apply) -> bool:
    if node.op.elementwise:
        return isinstance(node.op.reference, Foreign) or node.op.expand is None
    if isinstance(node.op.notation, Indexed):
        return True
    return node.op.numeric_form(node) is not None


@dataclass(slots=True)
class _Source:
    """One function, being written."""

    original: Expr
    expr: Expr
    variables: dict[str, str] = field(default_factory=dict)  # of inputs
    sizes: dict[str, Size] = field(default_factory=dict)  # names of sizes in Python
    named: dict[Expr, str] = field(default_factory=dict)
    modules: set[str] = field(default_factory=set)
    needed: dict[str, None] = field(default_factory=dict)  # sizes that the body uses
    functions: dict[str, None] = field(default_factory=dict)  # definitions that the body calls

    def text(self) -> str:
        inputs = self.original.inputs
        taken = {*used_names(self.expr), *inputs, *_RESERVED}
        for name in inputs:
            self.variables[name] = _python_name(name, inputs)
        for name in used_names(self.expr) | used_names(self.original):
            wanted = f"{name}_size" if name in inputs else _python_name(name, ())
            self.sizes[name] = named(wanted)
        body = self.body(fresh_names("t", taken | set(self.variables.values())))
        extents, free = self.extents(inputs.values())
        parameters = ", ".join([*self.variables.values(), *free])
        converted = [f"{name} = np.asarray({name}, dtype=float)" for name in self.variables.values()]
        lines = [f'"""{self.title()}"""', *converted, *extents, *body]
        imports = "".join(f"import {module}\n" for module in sorted({"numpy as np", *self.modules}))
        return f"{imports}\n{''.join(self.functions)}\ndef f({parameters}):\n" + "".join(
            f"    {line}\n" for line in lines
        )

    def title(self) -> str:
        text = formula(self.original)
        text = text if len(text) <= _LONGEST_FORMULA else text[:_LONGEST_FORMULA] + " ..."
        inputs = self.original.inputs.values()
        facts = {
            "Shapes": [f"{node.name} {shape_text(node.shape)}" for node in inputs if node.shape],
            "Assumed": [f"{node.name} {properties_text(node.properties)}" for node in inputs if node.properties],
        }
        lines = [f"    {what}: {', '.join(listed)}.\n" for what, listed in facts.items() if listed]
        return f"{text}\n\n{''.join(lines)}    " if lines else text

    def body(self, names: Iterable[str]) -> list[str]:
        fresh = iter(names)
        lines: list[str] = []
        for node in self.terms():
            text = emit(node, self.pieces)
            self.named[node] = next(fresh)
            lines.append(f"{self.named[node]} = {text}")
        return [*lines, f"return {emit(self.expr, self.pieces)}"]

    def terms(self) -> list[Expr]:
        """Return the subterms that get a line: shared ones and long ones."""
        order = postorder(self.expr)
        uses: dict[Expr, int] = {}
        for node in order:
            for operand in node.operands:
                uses[operand] = uses.get(operand, 0) + 1
        length: dict[Expr, int] = {}
        chosen: list[Expr] = []
        for node in order:
            length[node] = 1 + sum(length[operand] for operand in node.operands)
            if node.operands and node is not self.expr and (uses[node] > 1 or length[node] > _LONGEST_TERM):
                chosen.append(node)
                length[node] = 1
        return chosen

    # --- sizes ---

    def size(self, size: Size) -> str:
        """Return a size as a Python expression, and remember that the body needs its names."""
        if not isinstance(size, Dim):
            return str(size)
        self.needed.update(dict.fromkeys(size.names()))
        return str(substitute(size, self.sizes))

    def shape(self, shape: Shape) -> str:
        sizes = [self.size(size) for size in shape]
        return f"({sizes[0]},)" if len(sizes) == 1 else f"({', '.join(sizes)})"

    def extents(self, inputs: Iterable[Input]) -> tuple[list[str], list[str]]:
        """Return lines that read the needed sizes off the inputs, and the sizes no input tells."""
        lines: dict[str, str] = {}
        for node in inputs:
            for axis, size in enumerate(node.shape):
                name = next(iter(size.names()), "") if isinstance(size, Dim) else ""
                rest = size - named(name) if name else 0
                if name in self.needed and name not in lines and isinstance(rest, int):
                    shift = f" - {rest}" if rest > 0 else f" + {-rest}" if rest else ""
                    lines[name] = f"{self.sizes[name]} = {self.variables[node.name]}.shape[{axis}]{shift}"
        return list(lines.values()), [str(self.sizes[name]) for name in self.needed if name not in lines]

    # --- nodes ---

    def pieces(self, node: Expr, binding: int) -> Sequence[Piece]:
        if node in self.named:
            return (self.named[node],)
        if isinstance(node, Input):
            return (self.variables[node.name],)
        if isinstance(node, Literal):
            return (f"({node.value!r})" if binding and str(node.value).startswith("-") else repr(node.value),)
        assert isinstance(node, Apply)
        inside, strength = self.content(node)
        return ("(", *inside, ")") if strength < binding else inside

    def content(self, node: Apply) -> tuple[Sequence[Piece], int]:
        """Return the pieces of a node and how strongly they bind."""
        match node.op.notation:
            case Infix(symbol=symbol, precedence=precedence) if node.op.elementwise or symbol == "@":
                return self.infix(node, symbol, precedence)
            case Prefix(symbol=symbol, precedence=precedence):
                return (symbol, (node.operands[0], POWER)), precedence
            case Postfix(symbol=symbol) if not node.op.arguments(node):
                return ((node.operands[0], _ATOM), symbol), _ATOM
            case Subscript():
                return ((node.operands[0], _ATOM), f"[{self.index(node)}]"), _ATOM
            case Indexed():
                operands: list[Piece] = [(operand, 0) for operand in node.operands]
                return (f"np.{node.op.name}(", *listed(node, operands, call_arguments(node)), ")"), _ATOM
        return self.call(node), _ATOM

    def infix(self, node: Apply, symbol: str, precedence: int) -> tuple[Sequence[Piece], int]:
        left, right = node.operands
        if precedence == COMPARISON:
            return ("1.0*(", *_compared(left, symbol, right), ")"), MULTIPLICATIVE
        if precedence == POWER:
            return ((left, _ATOM), symbol, (right, _ATOM)), precedence
        spaced = symbol if symbol in ("*", "/") else f" {symbol} "
        return ((left, precedence), spaced, (right, precedence + 1)), precedence

    def condition(self, node: Expr) -> Sequence[Piece]:
        match node:
            case Apply(op=op) if isinstance(op.notation, Infix) and op.notation.precedence == COMPARISON:
                if node not in self.named:
                    return _compared(node.operands[0], op.notation.symbol, node.operands[1])
        return (node, ADDITIVE), " != 0"

    def index(self, node: Apply) -> str:
        """Return the inside of the brackets of a subscript, or of scatter's index."""
        value = next(node.op.arguments(node)[p.name] for p in node.op.parameters if p.kind is ParameterKind.INDEX)
        assert isinstance(value, tuple)
        self.needed.update(dict.fromkeys(index_names(value)))
        return index_text(substitute_index(value, self.sizes))

    def call(self, node: Apply) -> Sequence[Piece]:
        reference = node.op.reference
        if node.op.elementwise and isinstance(reference, Foreign):
            return self.applied(self.foreign(reference), node)
        match node.op.numeric_form(node):
            case Instruction.SELECT:
                condition, a, b = node.operands
                return ("np.where(", *self.condition(condition), ", ", (a, 0), ", ", (b, 0), ")")
            case Instruction() as instruction if instruction in _INSTRUCTIONS:
                return self.applied(_INSTRUCTIONS[instruction], node)
            case Reduce(combine=combine, axes=axes, keepdims=keepdims):
                return self.reduction(node, _REDUCTIONS[combine], axes, keepdims)
            case Reshape():
                return self.applied("np.reshape", node, self.shape(node.shape))
            case Fill(value=value):
                return (f"np.full({self.shape(node.shape)}, {value!r})" if node.shape else repr(value),)
            case SizeValue(size=size):
                text = self.size(size)
                return (text if text.isidentifier() else f"({text})",)
            case BandMask(upper=upper):
                return self.applied("np.tril", node, *([str(upper)] if upper else []))
            case Recurrence() as form:
                return self.recurrence(node, form)
            case Contract():
                return self.applied("np.matmul", node)
            case Concatenate(axis=axis):
                along = f", axis={axis}" if axis else ""
                return ("np.concatenate((", *_separated(node.operands), f"){along})")
            case Routine(name=name):
                opening, closing = _ROUTINES[name]
                if opening.startswith("scipy.linalg."):
                    self.modules.add("scipy.linalg")
                self.functions.update(dict.fromkeys(filter(None, [_DEFINITIONS.get(name)])))
                return (opening, *_separated(node.operands), closing)
            case Gather(index=index):
                return self.gather(node, index)
            case Scatter(index=index):
                return self.scatter(node, index)
        raise OperandError(f"{node.op.name} cannot be written with NumPy")

    def foreign(self, reference: Foreign) -> str:
        if reference.module == "numpy":
            return f"np.{reference.name}"
        self.modules.add(reference.module)
        return f"{reference.module}.{reference.name}"

    def applied(self, function: str, node: Apply, *more: str) -> Sequence[Piece]:
        return (f"{function}(", *_separated(node.operands), *(f", {text}" for text in more), ")")

    def reduction(self, node: Apply, function: str, axes: tuple[int, ...], keepdims: bool) -> Sequence[Piece]:
        more = [] if len(axes) == node.operands[0].ndim else [f"axis={axes[0] if len(axes) == 1 else axes}"]
        return self.applied(function, node, *more, *(["keepdims=True"] if keepdims else []))

    def recurrence(self, node: Apply, form: Recurrence) -> Sequence[Piece]:
        """From the end: forwards through the operands turned round, and the result turned back."""
        self.functions[_RECURRENCE] = None
        numbers = f", {form.axis}, {form.initial!r})"
        if not form.reverse:
            return ("recurrence(", *_separated(node.operands), numbers)
        turned: list[Piece] = []
        for operand in node.operands:
            axis = form.axis - (node.ndim - operand.ndim)
            flips = axis >= 0 and operand.shape[axis] != 1
            turned += [", "] if turned else []
            turned += ["np.flip(", (operand, 0), f", {axis})"] if flips else [(operand, 0)]
        return ("np.flip(recurrence(", *turned, numbers, f", {form.axis})")

    def gather(self, node: Apply, index: tuple[Along, ...]) -> Sequence[Piece]:
        """A view that only moves, repeats or picks the diagonal of axes, as an einsum and a broadcast."""
        if any(along.axis is not None and (along.step != 1 or along.offset != 0) for along in index):
            raise OperandError(f"{node.op.name} cannot be written with NumPy")
        kept = [along for along in index if along.axis is not None]
        dropped = ["0" if along.axis is None else ":" for along in index]
        source = "".join(_letter(along.axis) for along in kept)
        target = "".join(sorted(set(source)))
        picked: list[Piece] = [(node.operands[0], _ATOM), f"[{', '.join(dropped)}]" if "0" in dropped else ""]
        if len(target) == len(source) == node.ndim and "0" not in dropped:
            return self.applied("np.transpose", node, str(tuple(map(source.index, target))))
        moved: list[Piece] = [f'np.einsum("{source}->{target}", ', *picked, ")"] if source != target else picked
        if len(target) == node.ndim and "0" not in dropped:
            return moved
        new_axes = [":" if _letter(axis) in target else "None" for axis in range(node.ndim)]
        lead = f"[{', '.join(new_axes)}]" if "None" in new_axes[new_axes.index(":") if ":" in new_axes else 0 :] else ""
        return ("np.broadcast_to(", *moved, f"{lead if target else ''}, {self.shape(node.shape)})")

    def scatter(self, node: Apply, index: tuple[Along, ...]) -> Sequence[Piece]:
        axes = [along.axis for along in index]
        (x,) = node.operands
        if len(set(axes)) < len(axes):  # the diagonal
            return ("(", (x, _ATOM), f"[..., None]*np.eye({self.size(node.shape[-1])}))")
        self.functions[_PLACE] = None
        return ("place(", (x, 0), f", np.s_[{self.index(node) or '...'}], {self.shape(node.shape)})")


def _compared(left: Expr, symbol: str, right: Expr) -> Sequence[Piece]:
    return (left, ADDITIVE), f" {symbol} ", (right, ADDITIVE)


def _separated(operands: Iterable[Expr]) -> list[Piece]:
    pieces: list[Piece] = []
    for operand in operands:
        pieces += [", ", (operand, 0)] if pieces else [(operand, 0)]
    return pieces


def _letter(axis: int | None) -> str:
    return chr(ord("a") + (axis or 0))


def _python_name(name: str, taken: Iterable[str]) -> str:
    while keyword.iskeyword(name) or name in _RESERVED:
        name += "_"
        while name in taken:
            name += "_"
    return name
