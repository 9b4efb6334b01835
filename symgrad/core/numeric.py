"""What the numeric slot of an op may hold: data that the lowering reads, nothing that runs.

An elementwise op holds a `Scalar` code; any other op holds an `ArrayKernel`, or a function from its node to one
when it depends on the parameters.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Any, Literal, TypeAlias

from symgrad.core.dims import Size


class Instruction(Enum):
    """One machine instruction (or two) on real numbers; comparisons give 1.0 or 0.0."""

    ADD = "add"
    SUB = "sub"
    MUL = "mul"
    DIV = "div"
    NEG = "neg"
    ABS = "abs"
    SQRT = "sqrt"
    SIGN = "sign"  # NaN stays NaN
    MAXIMUM = "maximum"  # NaN if either operand is, as np.maximum
    MINIMUM = "minimum"
    LESS = "less"
    LESS_EQUAL = "less_equal"
    GREATER = "greater"
    GREATER_EQUAL = "greater_equal"
    EQUAL = "equal"
    NOT_EQUAL = "not_equal"
    SELECT = "select"  # select(c, a, b): a where c is not 0, else b; the other branch never leaks


@dataclass(frozen=True, slots=True)
class Libm:
    """A function of the C math library, vectorised where the platform has a vector version."""

    name: str


@dataclass(frozen=True, slots=True)
class Special:
    """A function of scipy.special.cython_special, all of its arguments double."""

    name: str


@dataclass(frozen=True, slots=True)
class IntegerPower:
    """The power with a fixed integer exponent, by repeated multiplication (a quotient when it is negative)."""

    exponent: int


Scalar: TypeAlias = Instruction | Libm | Special | IntegerPower


@dataclass(frozen=True, slots=True)
class Along:
    """A position `offset + step*i`, where i is the index along `axis` of the loop; `axis` None: just `offset`."""

    axis: int | None
    step: int = 1
    offset: Size = 0


IndexMap: TypeAlias = tuple[Along, ...]


@dataclass(frozen=True, slots=True)
class Gather:
    """result[i] = x[index(i)]: a view. `index` has one entry for each axis of x; loop axes are the result's."""

    index: IndexMap


@dataclass(frozen=True, slots=True)
class Scatter:
    """result = 0, then result[index(i)] = x[i]. `index` has one entry for each axis of the result; loop axes are x's.

    The map is one to one, so no element is written twice.
    """

    index: IndexMap


@dataclass(frozen=True, slots=True)
class Reshape:
    """The same elements in row-major order."""


@dataclass(frozen=True, slots=True)
class Fill:
    """Every element is `value`."""

    value: float


@dataclass(frozen=True, slots=True)
class SizeValue:
    """A scalar: the value of a size."""

    size: Size


@dataclass(frozen=True, slots=True)
class Reduce:
    """Combine the elements along `axes`: ADD, MUL, MAXIMUM or MINIMUM."""

    combine: Instruction
    axes: tuple[int, ...]
    keepdims: bool


@dataclass(frozen=True, slots=True)
class BandMask:
    """result[..., i, j] = x[..., i, j] where j - i <= upper, else 0: the lower triangle for upper = 0."""

    upper: int


@dataclass(frozen=True, slots=True)
class Recurrence:
    """z[0] = initial, z[i+1] = a[i]*z[i] + b[i] along `axis` of the result, from its end when `reverse`.

    The two operands broadcast to the shape of the result.
    """

    axis: int
    reverse: bool
    initial: float


@dataclass(frozen=True, slots=True)
class Concatenate:
    """The operands one behind the other along `axis`."""

    axis: int


@dataclass(frozen=True, slots=True)
class Contract:
    """NumPy's matmul: vectors, matrices and leading batch axes."""


WEIGHTED_GRAM = "weighted_gram"  # a routine that is emitted in place: X' diag(v) X, with room for scaled rows below


@dataclass(frozen=True, slots=True)
class Routine:
    """A dense linear-algebra routine on the last two axes, by its name in `backends/numba/routines`.

    A `rectangular` one takes a matrix that need not be square and is told its number of rows.
    """

    name: str
    rectangular: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """Numbers ("d") or positions ("i") that are part of a program, as the bytes of an `array.array` of that type.

    As bytes, since tables are equal when they are equal to the bit: 0.0 and -0.0 are two numbers.
    """

    typecode: Literal["d", "i"]
    data: bytes

    @classmethod
    def of(cls, typecode: Literal["d", "i"], values: Iterable[float]) -> Table:
        """Return the table of these values."""
        return cls(typecode, array(typecode, values).tobytes())

    def values(self) -> array[Any]:
        """Return what is in the table."""
        return array(self.typecode, self.data)


@dataclass(frozen=True, slots=True)
class Constants:
    """The elements are those of a table of numbers, in row-major order."""

    table: Table


@dataclass(frozen=True, slots=True)
class Take:
    """result[i] = x[table[i]], in row-major order: elements of a whole array at positions that follow no pattern."""

    table: Table


@dataclass(frozen=True, slots=True)
class AddAt:
    """result = 0, then result[table[i]] += x[i]: the transposed map of `Take`."""

    table: Table


ArrayKernel: TypeAlias = (
    Gather
    | Scatter
    | Reshape
    | Fill
    | SizeValue
    | Reduce
    | BandMask
    | Recurrence
    | Concatenate
    | Contract
    | Routine
    | Constants
    | Take
    | AddAt
)
