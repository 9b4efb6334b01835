"""How arguments come from Python: taken as they are or refused, with no conversion and no reference counted.

NumPy's public ABI fixes the first members of an array object, which its C macros and Cython read in the same way.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import cgutils
from numba.core.pythonapi import NativeValue
from numba.extending import models, register_model, unbox

from symgrad.backends.numba.entry import ArrayArgument, NumberArgument, ResultsArgument, types
from symgrad.backends.numba.symbols import Library, Symbol

OBJECTS = tuple(Symbol(Library.NUMPY.value, name) for name in ("ndarray", "number", "float64", "float32"))
_NDARRAY, _NUMBER, *_ = OBJECTS
_C_CONTIGUOUS, _ALIGNED, _WRITEABLE = 0x1, 0x100, 0x400  # NPY_ARRAY_...
_I8, _I32, _I64 = ir.IntType(8), ir.IntType(32), ir.IntType(64)
_POINTER = _I8.as_pointer()
_HEAD = ir.ArrayType(_I8, object.__basicsize__)
_ARRAY = ir.LiteralStructType([_HEAD, _POINTER, _I32, _I64.as_pointer(), _POINTER, _POINTER, _POINTER, _I32])
_DATA, _RANK, _SHAPE, _DTYPE, _FLAGS = 1, 2, 3, 6, 7


@register_model(NumberArgument)
class _NumberModel(models.PrimitiveModel):  # type: ignore[misc]
    def __init__(self, manager: Any, kind: NumberArgument) -> None:
        super().__init__(manager, kind, ir.DoubleType())


@register_model(ArrayArgument)
class _ArrayModel(models.StructModel):  # type: ignore[misc]
    def __init__(self, manager: Any, kind: ArrayArgument) -> None:
        real = types.float64 if kind.dtype == "float64" else types.float32
        members = [("data", types.CPointer(real)), ("shape", types.CPointer(types.int64))]
        super().__init__(manager, kind, members)


@register_model(ResultsArgument)
class _ResultsModel(models.StructModel):  # type: ignore[misc]
    def __init__(self, manager: Any, kind: ResultsArgument) -> None:
        super().__init__(manager, kind, [(f"array{k}", array) for k, array in enumerate(kind.arrays)])


@unbox(NumberArgument)  # type: ignore[untyped-decorator]
def unbox_number(_kind: NumberArgument, obj: ir.Value, c: Any) -> Any:
    """Take a float or a NumPy float64, which is one. TypeError for anything else."""
    b = c.builder
    found = _type_of(b, obj)
    plain = b.bitcast(c.pyapi.get_c_object("PyFloat_Type"), _POINTER)
    fits = b.or_(b.icmp_unsigned("==", found, plain), b.icmp_unsigned("==", found, _object(b, _NUMBER)))
    value = cgutils.alloca_once_value(b, ir.Constant(ir.DoubleType(), 0.0))
    with b.if_then(fits, likely=True):
        b.store(c.pyapi.float_as_double(obj), value)
    return NativeValue(b.load(value), is_error=_refuse(c, fits, "a float"))


@unbox(ArrayArgument)  # type: ignore[untyped-decorator]
def unbox_array(kind: ArrayArgument, obj: ir.Value, c: Any) -> Any:
    """Take the pointers to the elements and to the shape. TypeError for what is not exactly such an array."""
    value, fits = _read_array(kind, obj, c)
    error = _refuse(c, fits, f"a C-contiguous array of {kind.dtype} with {kind.rank} axes")
    return NativeValue(value, is_error=error)


@unbox(ResultsArgument)  # type: ignore[untyped-decorator]
def unbox_results(kind: ResultsArgument, obj: ir.Value, c: Any) -> Any:
    """Take the arrays of a tuple, or of a dict by their names. TypeError for one too many, too few or not right."""
    b = c.builder
    found, count = _type_of(b, obj), ir.Constant(_I64, len(kind.arrays))
    items = [cgutils.alloca_once_value(b, ir.Constant(c.pyapi.pyobj, None)) for _ in kind.arrays]
    for name, read in (("Tuple", _tuple_item), ("Dict", _dict_item)):
        expected = b.bitcast(c.pyapi.get_c_object(f"Py{name}_Type"), _POINTER)
        with b.if_then(b.icmp_unsigned("==", found, expected)):
            size = _call(c, f"Py{name}_Size", _I64, obj)
            with b.if_then(b.icmp_signed("==", size, count), likely=True):
                for k, item in enumerate(items):
                    b.store(read(c, obj, k, kind.names[k]), item)
    result = cgutils.create_struct_proxy(kind)(c.context, b)
    fits: ir.Value = ir.Constant(ir.IntType(1), 1)
    for k, (array, item) in enumerate(zip(kind.arrays, items, strict=True)):
        value, right = _read_array(array, b.load(item), c)
        setattr(result, f"array{k}", value)
        fits = b.and_(fits, right)
    return NativeValue(result._getvalue(), is_error=_refuse(c, fits, "the arrays for the results"))


def _tuple_item(c: Any, obj: ir.Value, position: int, _name: str) -> ir.Value:
    return _call(c, "PyTuple_GetItem", c.pyapi.pyobj, obj, ir.Constant(_I64, position))


def _dict_item(c: Any, obj: ir.Value, _position: int, name: str) -> ir.Value:
    return _call(c, "PyDict_GetItemString", c.pyapi.pyobj, obj, c.context.insert_const_string(c.builder.module, name))


def _call(c: Any, name: str, result: ir.Type, *arguments: ir.Value) -> ir.Value:
    """Call a function of Python; those used here return borrowed references."""
    kind = ir.FunctionType(result, [argument.type for argument in arguments])
    return c.builder.call(cgutils.get_or_insert_function(c.builder.module, kind, name), arguments)


def _read_array(kind: ArrayArgument, obj: ir.Value, c: Any) -> tuple[ir.Value, ir.Value]:
    """Return the value of an argument and whether the object, which may be null, is such an array."""
    b = c.builder
    result = cgutils.create_struct_proxy(kind)(c.context, b)
    fits = cgutils.alloca_once_value(b, ir.Constant(ir.IntType(1), 0))
    with b.if_then(cgutils.is_not_null(b, obj), likely=True):
        is_array = b.icmp_unsigned("==", _type_of(b, obj), _object(b, _NDARRAY))
        with b.if_then(is_array, likely=True):
            array = b.bitcast(obj, _ARRAY.as_pointer())
            data, rank, shape, dtype, flags = (
                b.load(b.gep(array, [ir.Constant(_I32, 0), ir.Constant(_I32, member)]))
                for member in (_DATA, _RANK, _SHAPE, _DTYPE, _FLAGS)
            )
            wanted = ir.Constant(_I32, _C_CONTIGUOUS | _ALIGNED | (_WRITEABLE if kind.writeable else 0))
            right = b.icmp_signed("==", b.and_(flags, wanted), wanted)
            right = b.and_(right, b.icmp_signed("==", rank, ir.Constant(_I32, kind.rank)))
            element = _object(b, Symbol(Library.NUMPY.value, kind.dtype))
            b.store(b.and_(right, b.icmp_unsigned("==", dtype, element)), fits)
            result.data, result.shape = b.bitcast(data, result.data.type), shape
    return result._getvalue(), b.load(fits)


def _refuse(c: Any, fits: ir.Value, wanted: str) -> ir.Value:
    with c.builder.if_then(c.builder.not_(fits), likely=False):
        c.pyapi.err_set_string("PyExc_TypeError", f"an argument is not {wanted}")
    return c.builder.not_(fits)


def _type_of(builder: ir.IRBuilder, obj: ir.Value) -> ir.Value:
    """Return the type of an object: the last member of its head."""
    offset = ir.Constant(_I64, object.__basicsize__ - 8)
    address = builder.gep(builder.bitcast(obj, _POINTER), [offset])
    return builder.load(builder.bitcast(address, _POINTER.as_pointer()))


def _object(builder: ir.IRBuilder, symbol: Symbol) -> ir.Value:
    """Return the address of an object of NumPy, under the name it is registered by."""
    known = builder.module.globals.get(symbol.name)
    return known or ir.GlobalVariable(builder.module, _I8, symbol.name)
