"""From syntax trees to steps: names get their meaning (input, local, size, constant, op), nesting becomes a list.

A step refers to the steps before it by position, so inference and building are plain loops.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

import symgrad.ops  # noqa: F401  # fills the registry
from symgrad.core.dims import Dim, Shape, Size
from symgrad.core.expr import REQUIRED, OpDef, ParameterKind, lookup, op_names, operator
from symgrad.core.multiresult import find_multi_result, multi_result_names
from symgrad.core.notation import Constant, Infix, Postfix, Prefix
from symgrad.core.properties import NONE, Properties, closure, property_called
from symgrad.errors import FormulaSyntaxError, OperandError, Span, SymgradError, UnknownNameError
from symgrad.syntax import ast
from symgrad.syntax.arguments import Reader, check_unique, size_names
from symgrad.syntax.suggestions import function_message, name_message

_WORDS = ("True", "False", "None")
_DISCARD = "_"  # takes a result that is not needed


@dataclass(frozen=True, slots=True)
class Read:
    """An input."""

    name: str
    span: Span


@dataclass(frozen=True, slots=True)
class Value:
    """A number."""

    value: int | float
    span: Span


@dataclass(frozen=True, slots=True, eq=False)
class Use:
    """An op applied to earlier steps."""

    op: OpDef
    operands: tuple[int, ...]
    parameters: Mapping[str, object]
    span: Span


Step: TypeAlias = Read | Value | Use


@dataclass(slots=True)
class Resolved:
    """A program as steps; the last statement's value is `result`."""

    source: str
    declared: dict[str, Shape]
    sizes: set[str]
    closed: bool  # a definition lists all of its inputs
    assumed: dict[str, Properties] = field(default_factory=dict)
    steps: list[Step] = field(default_factory=list)
    locals: dict[str, int] = field(default_factory=dict)
    result: int = -1


def resolve(
    program: ast.Program, shapes: Mapping[str, Shape], assumed: Mapping[str, Properties] | None = None
) -> Resolved:
    """Return the steps of a program whose inputs have these shapes and properties, and maybe others.

    UnknownNameError for functions, parameters and inputs that do not exist; FormulaSyntaxError for names used twice.
    """
    head = _head(program)
    resolved = Resolved(program.source, dict(shapes), set(), head is not None, dict(assumed or {}))
    resolver = _Resolver(program, resolved)
    if head is not None:
        resolver.declare(head)
    resolved.sizes.update(name for shape in resolved.declared.values() for name in _names(shape))
    resolver.find_sizes()
    for statement in program.statements:
        resolver.statement(statement)
    resolver.check_used(head)
    return resolved


def _names(shape: Shape) -> Iterator[str]:
    for size in shape:
        if isinstance(size, Dim):
            yield from size.names()


def _head(program: ast.Program) -> ast.Statement | None:
    heads = [statement for statement in program.statements if statement.parameters is not None]
    for head in heads:
        if head is program.statements[-1] or head.target is None:
            continue
        raise FormulaSyntaxError(
            f"{head.target.name} is defined, but not in the last statement; a text holds one definition, at its end",
            span=head.target.span,
            source=program.source,
        )
    return heads[0] if heads else None


class _Resolver:
    def __init__(self, program: ast.Program, resolved: Resolved) -> None:
        self.program = program
        self.resolved = resolved
        self.source = program.source
        self.reader = Reader(program.source, self.is_size)
        self.read: set[str] = set()
        self.targets = {name.name for statement in program.statements for name in statement.assigned}
        self.inputs: dict[str, int] = {}

    def is_size(self, name: str) -> bool:
        return name in self.resolved.sizes

    # --- declarations ---

    def declare(self, head: ast.Statement) -> None:
        parameters = head.parameters or ()
        check_unique([(p.name, p.span) for p in parameters], self.source)
        reader = Reader(self.source, _any_name)
        for parameter in parameters:
            shape = tuple(reader.size(size) for size in parameter.sizes)
            self.check_sizes(parameter, shape)
            given = self.resolved.declared.get(parameter.name)
            if given is not None and given != shape:
                raise FormulaSyntaxError(
                    f"{parameter.name} is declared with two shapes, here and in shapes=",
                    span=parameter.span,
                    source=self.source,
                )
            self.resolved.declared[parameter.name] = shape
            self.assume(parameter)

    def assume(self, parameter: ast.Declaration) -> None:
        """Add what the text assumes of a parameter to what is assumed already."""
        known = self.resolved.assumed
        for word in parameter.properties:
            try:
                found = property_called(word.name)
            except SymgradError as error:
                raise error.locate(word.span, self.source) from None
            known[parameter.name] = closure({found, *known.get(parameter.name, NONE)})

    def check_sizes(self, parameter: ast.Declaration, shape: tuple[Size, ...]) -> None:
        for tree, size in zip(parameter.sizes, shape, strict=True):
            if isinstance(size, int) and size < 0:
                raise OperandError(f"a size cannot be {size}", span=tree.span, source=self.source)

    def find_sizes(self) -> None:
        """Names in shapes (`zeros((n,))`) are sizes, unless something else has the name."""
        for statement in self.program.statements:
            for tree in ast.walk(statement.value):
                if not isinstance(tree, ast.Call) or tree.name not in op_names():
                    continue
                op = lookup(tree.name)
                kinds = {parameter.name: parameter.kind for parameter in op.parameters}
                for name, value in _parameter_trees(op, tree):
                    if kinds.get(name) in (ParameterKind.SHAPE, ParameterKind.SIZE):
                        self.resolved.sizes.update(set(size_names(value)) - self.targets)

    def check_used(self, head: ast.Statement | None) -> None:
        for parameter in (head.parameters or ()) if head is not None else ():
            if parameter.name not in self.read:
                raise UnknownNameError(
                    f"{parameter.name} is declared but not used", span=parameter.span, source=self.source
                )
        for name in self.resolved.declared:
            if name not in self.read:
                raise UnknownNameError(f"shapes= gives {name}, which is not in the formula")
        for name in self.resolved.assumed:
            if name not in self.read:
                raise UnknownNameError(f"something is assumed of {name}, which is not an input of the formula")

    # --- statements ---

    def statement(self, statement: ast.Statement) -> None:
        if statement.several:
            for name, step in zip(statement.several, self.several(statement), strict=True):
                if name.name != _DISCARD:
                    self.assign(name, step)
            return
        self.resolved.result = self.expression(statement.value)
        for target in statement.assigned:
            self.assign(target, self.resolved.result)

    def several(self, statement: ast.Statement) -> list[int]:
        """Return the steps of the results that the statement takes apart."""
        names, call = statement.several, statement.value
        function = find_multi_result(call.name) if isinstance(call, ast.Call) else None
        place = names[0].span.merge(names[-1].span)
        if function is None or not isinstance(call, ast.Call):
            raise FormulaSyntaxError(
                f"{len(names)} names take the results of one call of {' or '.join(multi_result_names())}",
                span=statement.value.span,
                source=self.source,
            )
        if len(names) != len(function.parts):
            raise FormulaSyntaxError(
                f"{function.name} gives {len(function.parts)} results, and there are names for {len(names)}; "
                f"write {function.usage()}, with {_DISCARD} for what is not needed",
                span=place,
                source=self.source,
            )
        if statement is self.program.statements[-1]:
            raise FormulaSyntaxError(
                "a formula ends with the expression of its value; add a line that uses these names",
                span=place,
                source=self.source,
            )
        check_unique([(name.name, name.span) for name in names if name.name != _DISCARD], self.source)
        if call.keywords or len(call.arguments) != len(function.parts[0].operand_names):
            raise OperandError(
                f"{function.name} is called as in {function.usage()}", span=call.span, source=self.source
            )
        operands = tuple(self.expression(argument) for argument in call.arguments)
        return [self.call(call, part, operands) for part in function.parts]

    def assign(self, target: ast.Name, step: int) -> None:
        name = target.name
        problems = [
            (name in _WORDS, f"{name} cannot be assigned"),
            (name in self.resolved.declared, f"{name} is a parameter and cannot be assigned"),
            (name in self.resolved.sizes, f"{name} is a size and cannot be assigned"),
            (name in self.resolved.locals, f"{name} is assigned twice"),
            (name in self.read, f"{name} is used before it is assigned"),
        ]
        for applies, message in problems:
            if applies:
                raise FormulaSyntaxError(message, span=target.span, source=self.source)
        self.resolved.locals[name] = step

    def expression(self, tree: ast.Tree) -> int:
        stack: list[tuple[ast.Tree, int]] = [(tree, -1)]
        results: list[int] = []
        while stack:
            part, count = stack.pop()
            if count < 0:
                operands = self.operands(part)
                stack.append((part, len(operands)))
                stack.extend((operand, -1) for operand in reversed(operands))
                continue
            split = len(results) - count
            operand_steps = tuple(results[split:])
            del results[split:]
            results.append(self.emit(part, operand_steps))
        return results[0]

    def operands(self, tree: ast.Tree) -> tuple[ast.Tree, ...]:
        """Return the parts of a tree that are expressions themselves."""
        match tree:
            case ast.Call():
                return self.split(tree, self.function(tree))[0]
            case ast.Subscript(operand=operand):
                return (operand,)
            case ast.Slice() | ast.Brackets():
                raise FormulaSyntaxError("an index has no place here", span=tree.span, source=self.source)
            case ast.Text():
                raise FormulaSyntaxError(
                    "there are no strings in a formula; only parameters such as the subscripts of einsum are strings",
                    span=tree.span,
                    source=self.source,
                )
            case ast.Sequence():
                raise FormulaSyntaxError(
                    "a tuple has no place here; it is for parameters such as axis=(0, 1)",
                    span=tree.span,
                    source=self.source,
                )
        return ast.children(tree)

    def split(self, tree: ast.Call, op: OpDef) -> tuple[tuple[ast.Tree, ...], dict[str, object]]:
        """Return the operands of a call, and its parameters by position: as trees, or told by brackets."""
        found = op.split(tree.arguments, ast.entries)
        if found is None:
            raise OperandError(
                f"{tree.name} takes {op.usage()}; arguments given: {len(tree.arguments)}",
                span=tree.span,
                source=self.source,
            )
        return found

    def function(self, call: ast.Call) -> OpDef:
        several = find_multi_result(call.name)
        if several is not None:
            raise OperandError(
                f"{call.name} gives {len(several.parts)} results; take them apart in a line of its own: "
                f"{several.usage()}; or call {', '.join(part.name for part in several.parts)} for one of them",
                span=call.span,
                source=self.source,
            )
        try:
            return lookup(call.name)
        except UnknownNameError:
            raise UnknownNameError(function_message(call.name), span=call.place, source=self.source) from None

    def emit(self, tree: ast.Tree, operands: tuple[int, ...]) -> int:
        match tree:
            case ast.Number(value=value, span=span):
                return self.add(Value(value, span))
            case ast.Name():
                return self.name(tree)
            case ast.Unary(symbol="+"):
                return operands[0]
            case ast.Unary(span=span):
                return self.add(Use(operator(Prefix, tree.symbol), operands, {}, span))
            case ast.Binary(symbol="//", place=place):
                raise FormulaSyntaxError("there is no floor division; // is for sizes", span=place, source=self.source)
            case ast.Binary(span=span):
                return self.add(Use(operator(Infix, tree.symbol), operands, {}, span))
            case ast.Transpose(span=span):
                return self.add(Use(operator(Postfix, ".T"), operands, {}, span))
            case ast.Subscript(index=index, span=span):
                return self.add(Use(lookup("index"), operands, {"index": self.reader.index(index)}, span))
            case ast.Call():
                return self.call(tree, self.function(tree), operands)
        raise TypeError(f"{type(tree).__name__} is not an expression")

    def call(self, tree: ast.Call, op: OpDef, operands: tuple[int, ...]) -> int:
        kinds = {parameter.name: parameter.kind for parameter in op.parameters}
        _, positional = self.split(tree, op)
        parameters = {name: value for name, value in positional.items() if kinds[name] is ParameterKind.ROWS}
        for name, value in _parameter_trees(op, tree):
            if name not in kinds:
                span = next((k.span for k in tree.keywords if k.name == name), tree.span)
                known = ", ".join(kinds) or "none"
                raise UnknownNameError(
                    f"{op.name} has no parameter {name!r}; it has {known}", span=span, source=self.source
                )
            if name in parameters:
                raise FormulaSyntaxError(f"{name} is given twice", span=tree.span, source=self.source)
            parameters[name] = self.reader.read(kinds[name], value)
        for parameter in op.parameters:
            if parameter.default is REQUIRED and parameter.name not in parameters:
                raise OperandError(
                    f"{op.name} takes {op.usage()}, but {parameter.name} is missing", span=tree.span, source=self.source
                )
        try:
            op.signature_of(parameters, len(operands))
        except SymgradError as error:
            raise error.locate(tree.span, self.source) from None
        return self.add(Use(op, operands, parameters, tree.span))

    def name(self, tree: ast.Name) -> int:
        name = tree.name
        if name in self.resolved.locals:
            return self.resolved.locals[name]
        if name in self.resolved.declared:
            return self.input(tree)
        if name in self.resolved.sizes:
            return self.add(Use(lookup("size"), (), {"n": self.reader.size(tree)}, tree.span))
        if name not in self.targets and name in op_names() and isinstance(lookup(name).notation, Constant):
            return self.add(Use(lookup(name), (), {}, tree.span))
        if self.resolved.closed:
            known = {*self.resolved.declared, *self.resolved.locals, *self.resolved.sizes}
            raise UnknownNameError(name_message(name, known), span=tree.span, source=self.source)
        if name in _WORDS:
            raise UnknownNameError(f"{name} is a parameter's value, not a number", span=tree.span, source=self.source)
        return self.input(tree)

    def input(self, tree: ast.Name) -> int:
        self.read.add(tree.name)
        if tree.name not in self.inputs:
            self.inputs[tree.name] = self.add(Read(tree.name, tree.span))
        return self.inputs[tree.name]

    def add(self, step: Step) -> int:
        self.resolved.steps.append(step)
        return len(self.resolved.steps) - 1


def _any_name(_name: str) -> bool:
    return True


def _parameter_trees(op: OpDef, call: ast.Call) -> list[tuple[str, ast.Tree]]:
    """Return the parameters that are written in a call, by name."""
    found = op.split(call.arguments, ast.entries)
    kinds = {parameter.name: parameter.kind for parameter in op.parameters}
    positional = found[1].items() if found is not None else ()
    written = [(name, tree) for name, tree in positional if kinds[name] is not ParameterKind.ROWS]
    return [*written, *((keyword.name, keyword.value) for keyword in call.keywords)]
