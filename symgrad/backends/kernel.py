"""A compiled formula: its value, its derivatives, and the forward and backward halves of a reverse sweep."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from threading import Lock
from typing import Any

import numpy as np

from symgrad.backends.batch import Batch
from symgrad.backends.binding import Array, Binding, check_result
from symgrad.backends.explain import Point, Result, explain
from symgrad.backends.explanation import Explanation
from symgrad.backends.functions import NativeFunctions
from symgrad.backends.options import DType, make_options
from symgrad.backends.partition import Partition, partition
from symgrad.backends.programs import UNFIT, Program, picker
from symgrad.backends.reference import bind_sizes, requirements
from symgrad.core.dims import evaluate
from symgrad.core.expr import Expr, Input
from symgrad.core.properties import essential
from symgrad.diff.jacobian import jacobian
from symgrad.errors import OperandError, UnknownNameError
from symgrad.lowering import Cost, program_cost
from symgrad.lowering.rolling import roll
from symgrad.simplify import simplify

__all__ = ["Kernel", "Program", "Residuals"]
VALUE = "value"  # what the value is called in `out`
OUT = "out"  # a formula may have an input of this name: then the keyword is the input


@dataclass(frozen=True, slots=True)
class Residuals:
    """What `Kernel.forward` keeps for `Kernel.backward`: the inputs and some intermediate results."""

    inputs: tuple[Array, ...]
    saved: tuple[Array, ...]
    sizes: Mapping[str, int]


class Kernel:
    """A formula compiled for arrays of one dtype; made by `sg.compile`, one for every shape.

    Inputs are given in the order of `inputs`, as keywords or as one mapping: lists, numbers, arrays of any real dtype
    and any strides. Floats and C-contiguous arrays of the kernel's dtype, in order, go to the machine code as they are.
    Derivatives have the shape `output.shape + input.shape`; a scalar's gradient has the input's shape. What has no axes
    is a number: a float, or a NumPy float32. Results are fresh, or written into arrays given as `out`: C-contiguous,
    of the kernel's dtype and the result's shape, apart from the inputs and each other.
    Errors: ShapeError, UnknownNameError, OperandError for inputs that do not fit the formula; InvalidValueError for one
    that is not what is assumed of it (that a matrix is invertible or definite is not looked at).
    """

    def __init__(
        self,
        output: Expr,
        wrt: Sequence[Input],
        dtype: DType = "float64",
        reproducible: bool = False,
        order: Sequence[str] = (),
        text: str = "",
    ) -> None:
        self.options = make_options(dtype, reproducible)
        self.output, self._text = output, text
        inputs = output.inputs
        self.inputs = {name: inputs[name] for name in (*order, *inputs) if name in inputs}
        self.wrt = tuple(wrt)
        self.dtype = self.options.dtype
        (self._stable,) = simplify([output if reproducible else roll(output)])
        self._binding = Binding(output, list(self.inputs.values()), self.dtype)
        self._nonnegative = tuple(dict.fromkeys(size for size, _ in requirements([output])))
        self._value = self._program([self._stable], [VALUE])
        self._pick = picker(list(self.inputs))
        self._names = [node.name for node in self.wrt]
        self._value_name = VALUE if VALUE not in self._names else ""
        self._only_value = not output.shape and all(node.shape for node in self.wrt)  # is a number
        self._derivative: Program | None = None
        self._halves: tuple[Partition, Program, Program] | None = None
        self._lock = Lock()

    def __call__(self, /, *inputs: Any, out: Any = None, **named: Any) -> Any:
        """Return the value: a number for a scalar formula, else an array.

        >>> import symgrad as sg
        >>> kernel = sg.compile("f(x[n], c) = c*sum(x**2)")
        >>> kernel([1, 2], 0.5), kernel(x=[1, 2], c=0.5), kernel({"x": [1, 2], "c": 0.5})
        (2.5, 2.5, 2.5)
        """
        try:
            given = self._in_order(inputs, named) if named else inputs
            if out is None:
                return self._value.direct(*given)
            self._value.into(*given, (out,))
            return out
        except UNFIT:
            return self._carefully(self._value, inputs, named, out)[0]

    def value_and_grad(self, /, *inputs: Any, out: Any = None, **named: Any) -> tuple[Any, dict[str, Any]]:
        """Return the value and the derivative with respect to each input of `wrt`, by one fused kernel.

        `out` maps names of inputs to arrays for their derivatives, and "value" to one for a value that has axes. What
        it does not name is fresh.

        >>> import numpy as np, symgrad as sg
        >>> kernel, slope = sg.compile("f(x[n], c) = c*sum(x**2)"), np.empty(2)
        >>> kernel.value_and_grad([1, 2], 0.5, out={"x": slope})
        (2.5, {'x': array([1., 2.]), 'c': 5.0})
        """
        program = self._derivative or self._fused()
        try:
            given = self._in_order(inputs, named) if named else inputs
            if out is not None and self._only_value:
                return program.into(*given, out), out
            outputs = program.direct(*given) if out is None else self._carefully(program, inputs, named, out)
        except UNFIT:
            outputs = self._carefully(program, inputs, named, out)
        return outputs[0], dict(zip(self._names, outputs[1:]))  # noqa: B905  # `strict` costs a tenth of a call

    def forward(self, /, *inputs: Any, **named: Any) -> tuple[Any, Residuals]:
        """Return the value, and what `backward` needs."""
        arrays, sizes = self._binding.bind(inputs, named)
        _, forward, _ = self._split()
        value, *saved = forward(arrays, sizes)
        kept = tuple(array.copy() for array in arrays)  # the caller may change his arrays before `backward`
        return self._number(value), Residuals(kept, tuple(saved), sizes)

    def backward(self, residuals: Residuals, cotangent: Any = 1.0) -> dict[str, Any]:
        """Pull a cotangent of the output's shape back to each input of `wrt`. ShapeError when it does not fit."""
        if not isinstance(residuals, Residuals):
            raise OperandError(f"backward starts from what forward returned, not from {residuals!r}")
        parts, _, backward = self._split()
        seed = self._binding.as_array("the cotangent", cotangent)
        nodes, named = self._binding.nodes, self._binding.by_name(residuals.inputs)
        bind_sizes([*nodes, parts.cotangent], named | {parts.cotangent.name: seed})
        arrays = dict(zip(nodes, residuals.inputs, strict=True))
        arrays |= dict(zip(parts.saved_inputs, residuals.saved, strict=True)) | {parts.cotangent: seed}
        gradients = backward([arrays[node] for node in backward.inputs], residuals.sizes)
        return dict(zip(self._names, map(self._number, gradients), strict=True))

    @cached_property
    def batch(self) -> Batch:
        """The formula at many points: `kernel.batch(...)`, `kernel.batch.value_and_grad(...)`."""
        binding = self._binding
        (value,) = simplify([self.output])  # tables of a rolled formula have no axis of points

        def fused() -> Sequence[Expr]:
            return simplify([value, *jacobian(value, self.wrt)])

        return Batch(value, binding.nodes, self.wrt, self.options, binding.read, fused)

    @cached_property
    def njit(self) -> NativeFunctions:
        """Functions for the user's own `@njit` code: `value`, `value_and_grad`, `forward` and `backward`.

        OperandError where something is assumed of an input, which compiled code does not check.

        >>> import symgrad as sg
        >>> value_and_grad = sg.compile("f(x, y) = x**2*y").njit.value_and_grad
        >>> value_and_grad(3.0, 2.0)
        (18.0, (12.0, 9.0))
        """
        self._refuse_assumptions()
        return NativeFunctions(tuple(self.inputs), lambda: self._value, self._fused, lambda: self._split()[1:])

    def address(self, what: str = "value_and_grad", signature: str | None = None) -> Any:
        """Return a C function pointer, as ctypes has them and `scipy.LowLevelCallable` takes them.

        Without `signature` it is `int f(T **pointers, const int64_t *sizes)`, T being double or float: pointers to the
        inputs that have axes, to the outputs that have axes (the value, then the derivatives), to the numbers (inputs,
        then room for the outputs) and to work memory, which may be null; and the named sizes in alphabetical order. Of
        "forward" and "backward", `ir` shows inputs and outputs. Arrays are C-contiguous; nothing is checked. It
        returns 0 unless memory ran out.

        For the value of a formula of numbers, `signature` may be one of those that SciPy's integration knows:
        "double (double)" for one input, "double (int, double *)" for any, each also with a `void *` behind it that is
        not used.
        Errors: OperandError for another signature or formula, and as for `njit`.

        >>> import scipy, symgrad as sg
        >>> f = sg.compile("f(x, a) = exp(-a*x)").address("value", "double (int, double *)")
        >>> print(round(scipy.integrate.quad(scipy.LowLevelCallable(f), 0, 1, args=(2.0,))[0], 12))
        0.432332358382
        """
        self._refuse_assumptions()
        native = import_module("symgrad.backends.numba.native")
        if signature is None:
            return native.make_c_function(self._part(what).compiled())
        numbers = not self.output.shape and not any(node.shape for node in self.inputs.values())
        if what != "value" or not numbers or self.dtype != "float64":
            raise OperandError(f"{signature!r} is for the value of a formula of numbers, in float64")
        return native.make_scalar_function(self.njit.value, len(self.inputs), signature)

    def explain(self, /, *inputs: Any, **named: Any) -> Explanation:
        """Return which subexpression of the formula made a value or a derivative NaN or infinite, and what avoids it.

        The kernel is called first: where all of its results are finite, the explanation says so. `Explanation` and
        `Finding` say what is found; printed, it shows the place in the text of the formula.

        >>> import symgrad as sg
        >>> print(sg.compile("f(x[n]) = sum(log(x))").explain(x=[2.0, 0.0]))
        not finite: value (1 entry), derivative by x (1 entry)
        log of 0 at x[1]
            line 1, column 15: f(x[n]) = sum(log(x))
                                             ^^^^^^
            operands: x[1] = 0.0
            spoils: value, derivative by x
            instead: add a small number, use log1p if the argument is 1 + x, or guard it: log(where(x > 0, x, 1))
        """
        arrays, sizes = self._binding.bind(inputs, named)
        program = self._fused()
        outputs = [np.asarray(array) for array in program(arrays, sizes, {})]
        results = [
            Result(array, compiled, node)
            for array, compiled, node in zip(outputs, program.outputs, (None, *self.wrt), strict=True)
        ]
        named_arrays = self._binding.by_name(arrays)
        return explain(Point(self.output, results, named_arrays, sizes, self.dtype), self._text)

    def ir(self, what: str = "value_and_grad") -> str:
        """Return the kernel program of "value", "value_and_grad", "forward" or "backward" as text.

        >>> import symgrad as sg
        >>> print(sg.compile("f(x[n]) = sum(x**2)").ir("value"))
        program (n)
        b0: input x (n,)
        b1: output value ()
        fill b1 = 0.0
        loop (n,):
          %0 = load b0[i0]
          %1 = power[2] %0
          b1[0] add= %1
        <BLANKLINE>
        """
        return str(self._part(what).lowered())

    def cost(self, what: str = "value_and_grad") -> Cost:
        """Return what a call costs: operations, bytes moved and bytes of work memory, as functions of the sizes.

        >>> import symgrad as sg
        >>> cost = sg.compile("f(x[n]) = sum(x**2)").cost()
        >>> print(cost)
        flops      3*n
        bytes      16*n + 24
        workspace  0
        >>> cost.at({"n": 10}).flops
        30
        """
        return program_cost(self._part(what).lowered(), 8 if self.dtype == "float64" else 4)

    def _part(self, what: str) -> Program:
        match what:
            case "value":
                return self._value
            case "value_and_grad":
                return self._fused()
            case "forward":
                return self._split()[1]
            case "backward":
                return self._split()[2]
        raise OperandError(f"the parts are 'value', 'value_and_grad', 'forward' and 'backward', not {what!r}")

    def _refuse_assumptions(self) -> None:
        if self._binding.assumed:
            _, node = self._binding.assumed[0]
            words = ", ".join(each.value for each in essential(node.properties))
            raise OperandError(
                f"{node.name} is assumed {words}, which compiled "
                "code does not check: call the kernel from Python, or compile a formula that assumes nothing"
            )

    def _in_order(self, inputs: Sequence[Any], named: Mapping[str, Any]) -> Sequence[Any]:
        """Return keywords in the order of the inputs. LookupError when they are not exactly the inputs."""
        if inputs or len(named) != len(self.inputs):
            raise LookupError
        return self._pick(named)

    def _carefully(self, program: Program, inputs: Sequence[Any], named: Mapping[str, Any], out: Any) -> list[Any]:
        """Convert and check everything; return the outputs."""
        if OUT in self.inputs and not inputs and out is not None:
            named, out = {**named, OUT: out}, None
        arrays, sizes = self._binding.bind(inputs, named)
        if out is not None and program is self._value:
            out = {VALUE: out}
        given = self._check_results(program, out, arrays, sizes) if out is not None else {}
        outputs = program(arrays, sizes, given)
        return [given[k] if k in given else self._number(array) for k, array in enumerate(outputs)]

    def _check_results(
        self,
        program: Program,
        out: Mapping[str, Any],
        arrays: Sequence[Array],
        sizes: Mapping[str, int],
    ) -> dict[int, Array]:
        """Return the given arrays by the positions of the outputs."""
        if not isinstance(out, Mapping):
            raise OperandError(f"out maps names of results to arrays; it is not {type(out).__name__}")
        for name in out:
            if name not in program.names:
                raise UnknownNameError(
                    f"out names {name}, but the results are {', '.join(filter(None, program.names))}"
                )
        given: dict[int, Array] = {}
        for position, name in enumerate(program.names):
            if name in out:
                shape = tuple(evaluate(size, sizes) for size in program.outputs[position].shape)
                check_result(name, out[name], shape, self._binding.real, [*arrays, *given.values()])
                given[position] = out[name]
        return given

    def _number(self, array: Array) -> Any:
        """Return what has no axes as a number."""
        if array.ndim:
            return array
        return float(array) if self.dtype == "float64" else array[()]

    def _program(self, outputs: Sequence[Expr], names: Sequence[str], inputs: Sequence[Input] = ()) -> Program:
        checked = bool(self._binding.assumed)
        return Program(outputs, inputs or self._binding.nodes, self.options, names, self._nonnegative, checked)

    def _fused(self) -> Program:
        with self._lock:
            if self._derivative is None:
                self._derivative = self._program(
                    simplify([self._stable, *jacobian(self._stable, self.wrt)], settled=[self._stable]),
                    [self._value_name, *self._names],
                )
            return self._derivative

    def _split(self) -> tuple[Partition, Program, Program]:
        with self._lock:
            if self._halves is None:
                parts = partition(self._stable, self.wrt, self.inputs)
                forward = self._program(
                    [parts.value, *parts.saved], [VALUE, *(node.name for node in parts.saved_inputs)]
                )
                nodes = (*self._binding.nodes, *parts.saved_inputs, parts.cotangent)
                self._halves = parts, forward, self._program(parts.gradients, self._names, nodes)
            return self._halves

    def __repr__(self) -> str:
        return f"<Kernel {self.dtype} of {self.output}>"
