"""How many axes the undeclared inputs have: the rules, in the order in which they are tried.

1. An operand of an op with a signature (`@`, solve, ...), of `.T` or of a subscript has as many axes as that takes;
   where several numbers fit, a name with an upper-case initial is a matrix and one with a lower-case initial a vector.
   A subscript with k entries wants k axes.
2. The same holds for the argument of any other op on whole arrays (sum, norm, softmax, ...) that has exactly one
   undetermined name in it. Names joined by + - or comparisons count as one and share their shape.
3. A name that meets a known array in an elementwise op has that array's shape, unless it is a conventional scalar
   (`CONVENTIONAL_SCALARS`) or is also combined with a number that comes out of a reduction: then it is a scalar.
4. Where nothing else helps, such scalars are taken out, and 1 to 3 tried again.
5. Two or more undetermined names that meet an array, or stand under a reduction, are an error that says how to declare
   them. Everything else is a scalar.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from symgrad.core.dims import Shape, named
from symgrad.core.expr import Expr, Input, ParameterKind
from symgrad.core.indexing import NewAxis
from symgrad.core.notation import MULTIPLICATIVE, POWER, Infix, Postfix, Subscript
from symgrad.core.properties import MATRIX, NONE, VECTOR, Properties
from symgrad.core.shapes import read_signature
from symgrad.errors import ShapeError, SymgradError
from symgrad.syntax.program import Read, Resolved, Step, Use, Value

CONVENTIONAL_SCALARS = (
    *("lam", "lambda", "lambda_", "alpha", "gamma", "delta", "eps", "epsilon", "eta", "kappa", "mu", "nu"),
    *("rho", "sigma", "tau"),
)
_MOST_ROUNDS = 60  # evidence may travel from name to name this often
_ANY_RANK = (1, 2, 3, 4)
_PLACEHOLDER = "n"


@dataclass(frozen=True, slots=True)
class Fact:
    """What is known about a step.

    `rank` None: undetermined. `free`: at most two of the groups of names it depends on elementwise. `floor`: the
    rank of the largest known array in it. `reduced`: a scalar that was computed from arrays.
    """

    rank: int | None
    free: tuple[str, ...] = ()
    floor: int = 0
    reduced: bool = False


def infer_ranks(resolved: Resolved) -> dict[str, int]:
    """Return the number of axes of every input that is not declared. ShapeError when the text does not settle it."""
    return _Ranks(resolved).solve()


def result_rank(use: Use, ranks: Sequence[int]) -> int | None:
    """Return the rank of an op's result for operands of these ranks; None when it does not take them."""
    shape = placeholder_shape(use, [(named(_PLACEHOLDER),) * rank for rank in ranks])
    return None if shape is None else len(shape)


def placeholder_shape(use: Use, shapes: Sequence[Shape]) -> Shape | None:
    """Return the shape of an op's result for operands of these shapes; None when it does not take them."""
    operands: tuple[Expr, ...] = tuple(Input(f"operand{i}", shape) for i, shape in enumerate(shapes))
    try:
        params = use.op.prepare(operands, use.parameters) if use.op.prepare else None
        return use.op.result_shape(operands, params)
    except SymgradError:
        return None


class _Ranks:
    def __init__(self, resolved: Resolved) -> None:
        self.resolved = resolved
        self.steps = resolved.steps
        self.names = [s.name for s in self.steps if isinstance(s, Read) and s.name not in resolved.declared]
        self.ranks = {name: rank for name in self.names if (rank := _assumed_rank(resolved.assumed.get(name, NONE)))}
        self.scalar_like = {name for name in self.names if name in CONVENTIONAL_SCALARS}
        self.group: dict[str, str] = {}
        self.facts: list[Fact] = []
        self.changed = False

    def solve(self) -> dict[str, int]:
        if not self.names:
            return {}
        for _ in range(_MOST_ROUNDS):
            self.changed = False
            self.scan()
            for rule in (self.structured_operands, self.whole_array_arguments, self.elementwise_partners):
                if not self.changed:
                    rule()
            if not self.changed and not self.take_out_scalars():
                break
        else:
            raise self.ambiguous([name for name in self.names if name not in self.ranks][:3], self.steps[-1])
        self.refuse_ambiguity()
        return {name: self.ranks.get(name, 0) for name in self.names}

    # --- facts ---

    def find(self, name: str) -> str:
        while self.group.get(name, name) != name:
            name = self.group[name]
        return name

    def scan(self) -> None:
        """Compute the facts of every step, and join names that are added or compared, until both are stable."""
        self.group = {}
        while True:
            joined = len(self.group)
            self.facts = []
            for step in self.steps:
                self.facts.append(self.fact(step))
            if len(self.group) == joined:
                return

    def fact(self, step: Step) -> Fact:
        if isinstance(step, Value):
            return Fact(0)
        if isinstance(step, Read):
            rank = self.rank_of(step.name)
            return Fact(None, (self.find(step.name),)) if rank is None else Fact(rank, floor=rank)
        operands = [self.facts[operand] for operand in step.operands]
        if step.op.elementwise:
            return self.elementwise_fact(step, operands)
        rank = self.array_rank(step, operands)
        return Fact(rank, floor=rank or 0, reduced=rank == 0 and bool(operands))

    def rank_of(self, name: str) -> int | None:
        declared = self.resolved.declared.get(name)
        return self.ranks.get(name) if declared is None else len(declared)

    def elementwise_fact(self, use: Use, operands: list[Fact]) -> Fact:
        floor = max((fact.floor for fact in operands), default=0)
        reduced = any(fact.reduced for fact in operands)
        if reduced:
            self.note_scalars(use, operands)
        if all(fact.rank is not None for fact in operands):
            return Fact(floor, floor=floor, reduced=reduced and floor == 0)
        groups = list(dict.fromkeys(self.find(name) for fact in operands for name in fact.free))
        single = all(len(fact.free) == 1 for fact in operands if fact.rank is None)
        if len(groups) == 2 and single and not _scales(use) and not self.scalar_like.intersection(groups):
            self.group[groups[1]] = groups[0]
            groups = groups[:1]
        return Fact(None, tuple(groups[:2]), floor)

    def note_scalars(self, use: Use, operands: list[Fact]) -> None:
        for position, fact in zip(use.operands, operands, strict=True):
            if fact.rank is None and fact.floor == 0 and any(o.reduced for o in operands if o is not fact):
                self.scalar_like.update(self.free_names(position))

    def array_rank(self, use: Use, operands: list[Fact]) -> int | None:
        """Return the rank of an array op's result, if every rank its operands may have gives the same."""
        if callable(use.op.signature):
            (reading,) = read_signature(signature_of(use))
            return len(reading.result)
        choices = _rank_choices([fact.rank for fact in operands], together=use.op.variadic is not None)
        found = {result_rank(use, choice) for choice in choices}
        if len(choices) > 1:
            found.discard(None)
        if len(found) == 1 and None not in found:
            return found.pop()
        shape = _shape_parameter(use)
        return None if shape is None else len(shape)

    def free_names(self, position: int) -> list[str]:
        """Return the undetermined names that step `position` depends on elementwise."""
        found: dict[str, None] = {}
        stack, seen = [position], {position}
        while stack:
            step = self.steps[stack.pop()]
            if isinstance(step, Read) and self.rank_of(step.name) is None:
                found[step.name] = None
            elif isinstance(step, Use) and step.op.elementwise:
                fresh = [operand for operand in reversed(step.operands) if operand not in seen]
                seen.update(fresh)
                stack.extend(fresh)
        return list(found)

    # --- rules ---

    def undetermined(self, whole_arrays: bool) -> Iterator[tuple[Use, int, int]]:
        """Yield (step, operand number, operand step) for operands of array ops with exactly one undetermined group."""
        for step in self.steps:
            if not isinstance(step, Use) or step.op.elementwise or _is_structured(step) == whole_arrays:
                continue
            for number, operand in enumerate(step.operands):
                fact = self.facts[operand]
                if fact.rank is None and fact.floor == 0 and len(fact.free) == 1:
                    yield step, number, operand

    def structured_operands(self) -> None:
        for use, number, operand in self.undetermined(whole_arrays=False):
            self.decide_by_case(self.free_names(operand), self.accepted(use, number))

    def whole_array_arguments(self) -> None:
        for use, number, operand in self.undetermined(whole_arrays=True):
            self.decide_by_case(self.free_names(operand), self.accepted(use, number))

    def elementwise_partners(self) -> None:
        for position, step in enumerate(self.steps):
            if not isinstance(step, Use) or not step.op.elementwise or self.facts[position].rank is not None:
                continue
            floor = self.facts[position].floor
            for operand in step.operands if floor else ():
                fact = self.facts[operand]
                if fact.rank is not None or fact.floor:
                    continue
                if len(fact.free) == 1 or _scales(step):
                    self.decide_partners(self.free_names(operand), floor)

    def decide_partners(self, names: list[str], rank: int) -> None:
        for name in names:
            self.decide(name, 0 if name in self.scalar_like else rank)

    def take_out_scalars(self) -> bool:
        names = [name for name in self.names if name in self.scalar_like and name not in self.ranks]
        for name in names:
            self.decide(name, 0)
        return bool(names)

    def decide_by_case(self, names: list[str], accepted: Sequence[int]) -> None:
        cases = {2 if name[0].isupper() else 1 for name in names}
        if len(cases) > 1 and len(accepted) > 1:
            return
        for name in names:
            self.decide(name, max(cases) if max(cases) in accepted else min(accepted))

    def decide(self, name: str, rank: int) -> None:
        if name not in self.ranks:
            self.ranks[name] = rank
            self.changed = True

    def accepted(self, use: Use, number: int) -> Sequence[int]:
        """Return the ranks that an array op takes as its operand `number`."""
        if isinstance(use.op.notation, Subscript):
            (items,) = use.parameters.values()
            return (max(1, sum(not isinstance(item, NewAxis) for item in items)),)  # type: ignore[attr-defined]
        if use.op.signature:
            return sorted({len(core.operands[number]) for core in read_signature(signature_of(use))})
        known = [self.facts[operand].rank for operand in use.operands]
        for ranks in (known, [None] * len(known)):
            choices = [[rank if other is None else other for other in ranks] for rank in _ANY_RANK]
            fitting = [
                rank for rank, choice in zip(_ANY_RANK, choices, strict=True) if result_rank(use, choice) is not None
            ]
            if fitting:
                return fitting
        return (1, 2)

    # --- what is left ---

    def refuse_ambiguity(self) -> None:
        for position, step in enumerate(self.steps):
            if not isinstance(step, Use):
                continue
            meets_array = step.op.elementwise and self.facts[position].floor > 0
            for operand in step.operands if meets_array or not step.op.elementwise else ():
                names = self.free_names(operand)
                if self.facts[operand].rank is None and names:
                    raise self.ambiguous(names, step)

    def ambiguous(self, names: list[str], step: Step) -> ShapeError:
        declared = [*self.resolved.declared, *self.names]
        example = ", ".join(self.example(name, names) for name in declared)
        listed = " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))
        verb = "are the shapes" if len(names) > 1 else "is the shape"
        return ShapeError(
            f"what {verb} of {listed}? The formula does not settle it; declare the inputs, as in f({example}) = ...",
            span=step.span,
            source=self.resolved.source,
        )

    def example(self, name: str, asked: list[str]) -> str:
        declared = self.resolved.declared.get(name)
        if declared is not None:
            return f"{name}[{','.join(map(str, declared))}]" if declared else name
        rank = self.ranks.get(name, 0)
        if name in asked and not name[-1].isdigit():
            rank = 2 if name[0].isupper() else 1
        return name + ("", "[n]", "[m,n]")[min(rank, 2)]


def _assumed_rank(properties: Properties) -> int:
    """Return the number of axes that properties ask for; 0 when they ask for none."""
    if properties & MATRIX:
        return 2
    return 1 if properties & VECTOR else 0


def signature_of(use: Use) -> str:
    """Return the signature of the op for the parameters of this use; empty where it has none."""
    return use.op.signature_of(use.parameters, len(use.operands))


def _rank_choices(ranks: Sequence[int | None], together: bool) -> list[tuple[int, ...]]:
    """Return the ranks that operands may have: unknown ones are vectors or matrices, `together` all the same."""
    if together:
        return list(dict.fromkeys(tuple(option if rank is None else rank for rank in ranks) for option in (1, 2)))
    choices: list[tuple[int, ...]] = [()]
    for rank in ranks:
        choices = [(*choice, option) for choice in choices for option in ((1, 2) if rank is None else (rank,))]
    return choices


def _scales(use: Use) -> bool:
    """Whether an op is one that scalars and arrays meet in: a product, a quotient, a power."""
    notation = use.op.notation
    return isinstance(notation, Infix) and notation.precedence in (MULTIPLICATIVE, POWER)


def _is_structured(use: Use) -> bool:
    return bool(use.op.signature) or isinstance(use.op.notation, Subscript | Postfix)


def _shape_parameter(use: Use) -> Shape | None:
    for parameter in use.op.parameters:
        shape = use.parameters.get(parameter.name)
        if parameter.kind is ParameterKind.SHAPE and isinstance(shape, tuple):
            return shape
    return None
