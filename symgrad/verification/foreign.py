"""Functions and gradients that somebody else wrote: how they are called, and what they return as arrays.

Every call gets copies of the point, so that a function which changes its input is found out, and every result is
brought to an array of floats of its own precision.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from symgrad.core.dims import shape_text
from symgrad.errors import InvalidValueError, OperandError, ShapeError, SymgradError, UnknownNameError

_FLOATS = (np.float16, np.float32, np.float64)
_ONE = "x"


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """A point: the arrays by name, how they are handed over, and the arguments after them.

    `form` is None for one array, tuple for several in order, dict for several by name.
    """

    values: Mapping[str, np.ndarray]
    form: type | None = None
    args: tuple[Any, ...] = ()

    def replaced(self, values: Mapping[str, np.ndarray]) -> Place:
        """Return the place with other arrays for some names."""
        return Place({**self.values, **values}, self.form, self.args)

    def jittered(self, rng: np.random.Generator, eps: float) -> Place:
        """Return the place with the last digit of every number moved at random, those of `args` included."""
        values = {name: _jitter(x, rng, max(eps, _eps(x))) for name, x in self.values.items()}
        args = tuple(_jitter(x, rng, max(eps, _eps(x))) if _is_real(x) else x for x in self.args)
        return Place(values, self.form, args)

    @property
    def eps(self) -> float:
        """The coarsest rounding unit of the arrays."""
        return max(map(_eps, self.values.values()))

    def call(self, function: Callable[..., Any], label: str) -> Any:
        """Call a function here. InvalidValueError where it raises, or changes its input."""
        copies = {name: x.copy()[()] for name, x in self.values.items()}
        try:
            with np.errstate(all="ignore"):
                named, ordered = (copies, ()) if self.form is dict else ({}, tuple(copies.values()))
                result = function(*ordered, *self.args, **named)
        except SymgradError:
            raise
        except Exception as error:
            kind = OperandError if isinstance(error, TypeError) else InvalidValueError
            raise kind(f"{label} raises {type(error).__name__}: {error}") from error
        for name, copy in copies.items():
            if not np.array_equal(copy, self.values[name], equal_nan=True):
                raise InvalidValueError(f"{label} changes {name} in place; it has to work on a copy")
        return result


def read_place(x: Any, args: Sequence[Any], function: Callable[..., Any]) -> Place:
    """Return the point that x is: an array or a number, a tuple of them, or a mapping from names to them.

    Errors: OperandError for what is no real number, InvalidValueError for NaN, infinity, and nothing at all.
    """
    form: type | None
    if isinstance(x, Mapping):
        values, form = {str(name): _read_input(value, str(name)) for name, value in x.items()}, dict
    elif isinstance(x, tuple):
        names = _argument_names(function, len(x))
        values, form = {name: _read_input(value, name) for name, value in zip(names, x, strict=True)}, tuple
    else:
        values, form = {_ONE: _read_input(x, _ONE)}, None
    if not values or not all(value.size for value in values.values()):
        raise InvalidValueError("x is empty, so there is nothing to check")
    return Place(values, form, tuple(args))


def _argument_names(function: Callable[..., Any], count: int) -> list[str]:
    try:
        parameters = [p for p in inspect.signature(function).parameters.values() if p.kind <= p.POSITIONAL_OR_KEYWORD]
    except (TypeError, ValueError):
        parameters = []
    if len(parameters) >= count:
        return [parameter.name for parameter in parameters[:count]]
    return [f"{_ONE}{number}" for number in range(count)]


def _read_input(x: Any, name: str) -> np.ndarray:
    array = as_floats(x, name)
    if not np.isfinite(array).all():
        raise InvalidValueError(f"{name} is not finite at {entry_text(name, _first(~np.isfinite(array)))}")
    return array


def as_floats(result: Any, label: str) -> np.ndarray:
    """Return a result as an array of its own precision: of NumPy, or what turns into one (PyTorch, JAX, sparse)."""
    for method in ("detach", "cpu", "numpy", "toarray"):
        if not isinstance(result, np.ndarray) and callable(getattr(result, method, None)):
            result = getattr(result, method)()
    try:
        array = np.array(result)  # a copy: some functions return the same buffer at every call
    except (TypeError, ValueError, RuntimeError) as error:
        raise OperandError(f"{label} is no array of numbers: {error}") from error
    if array.dtype.kind not in "fiub":
        raise OperandError(f"{label} is no array of real numbers, but {type(result).__name__} of dtype {array.dtype}")
    return array if array.dtype in _FLOATS else array.astype(float)


@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """A function and its gradient. `gradient` None: the function returns both."""

    function: Callable[..., Any]
    gradient: Callable[..., Any] | None

    def value(self, place: Place) -> np.ndarray:
        """Return the value, an array of floats."""
        result = place.call(self.function, "fun")
        if self.gradient is None:
            result = _split(result)[0]
        return as_floats(result, "what fun returns")

    def slopes(self, place: Place, shape: tuple[int, ...]) -> dict[str, np.ndarray]:
        """Return the gradient for each input, of shape `shape` (that of the value) + input.shape."""
        if self.gradient is None:
            result = _split(place.call(self.function, "fun"))[1]
        else:
            result = place.call(self.gradient, "grad")
        return {
            name: _shaped(as_floats(each, f"the gradient by {name}"), shape, place.values[name].shape, name)
            for name, each in _by_name(result, place).items()
        }


def _split(result: Any) -> tuple[Any, Any]:
    if not isinstance(result, tuple | list) or len(result) != 2:
        raise OperandError("with grad=True fun has to return two things: its value and its gradient")
    return result[0], result[1]


def _by_name(result: Any, place: Place) -> dict[str, Any]:
    names = list(place.values)
    if place.form is None:
        single = isinstance(result, tuple) and len(result) == 1  # of torch.autograd.grad
        return {names[0]: result[0] if single else result}
    if place.form is dict:
        if not isinstance(result, Mapping):
            raise OperandError(f"x is a mapping, so grad has to return one, not {type(result).__name__}")
        missing = [name for name in names if name not in result]
        if missing:
            raise UnknownNameError(f"grad returns nothing for {', '.join(missing)}")
        return {name: result[name] for name in names}
    if len(names) == 1 and not isinstance(result, tuple | list):
        return {names[0]: result}
    if not isinstance(result, tuple | list) or len(result) != len(names):
        found = len(result) if isinstance(result, tuple | list) else type(result).__name__
        raise ShapeError(f"x is a tuple of {len(names)}, so grad has to return {len(names)} arrays, not {found}")
    return dict(zip(names, result, strict=True))


def _shaped(found: np.ndarray, output: tuple[int, ...], wrt: tuple[int, ...], name: str) -> np.ndarray:
    """Return the derivative in the shape output + input; a value or an input of one entry may count as a number."""
    wanted = (*output, *wrt)
    outputs = [output, ()] if int(np.prod(output)) == 1 else [output]
    inputs = [wrt, (), (1,)] if int(np.prod(wrt)) == 1 else [wrt]
    if found.shape not in [(*first, *second) for first in outputs for second in inputs]:
        raise ShapeError(
            f"the gradient by {name} has shape {shape_text(found.shape)}; the value has shape {shape_text(output)} and "
            f"{name} has {shape_text(wrt)}, so it has to be {shape_text(wanted)}"
        )
    return found.reshape(wanted)


def entry_text(name: str, index: Sequence[int]) -> str:
    """Return how an entry is written.

    >>> entry_text("X", (0, 2)), entry_text("x", ())
    ('X[0, 2]', 'x')
    """
    return f"{name}[{', '.join(str(int(i)) for i in index)}]" if len(index) else name


def index_of(position: int, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the index of an entry, given its position in the flat array.

    >>> index_of(5, (2, 3)), index_of(0, ())
    ((1, 2), ())
    """
    return tuple(int(i) for i in np.unravel_index(position, shape)) if shape else ()


def _first(where: np.ndarray) -> tuple[int, ...]:
    return tuple(int(i) for i in np.argwhere(where)[0])


def _eps(x: Any) -> float:
    return float(np.finfo(x.dtype).eps)


def _is_real(x: Any) -> bool:
    return isinstance(x, np.ndarray) and x.dtype in _FLOATS


def _jitter(x: np.ndarray, rng: np.random.Generator, eps: float) -> np.ndarray:
    return np.asarray(x * (1 + eps * rng.choice([-1.0, 1.0], size=x.shape)), x.dtype)
