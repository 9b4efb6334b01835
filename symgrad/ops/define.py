"""Short ways to define ops. An op's file says what is particular to it; what all share is said here."""

from __future__ import annotations

from typing import Any

from symgrad.core.expr import Foreign, OpDef, Reference, register


def foreign(reference: str | Reference | None) -> Reference | None:
    """Read `"numpy:tanh"` as a function imported on first use; anything else is returned as it is."""
    if isinstance(reference, str):
        module, name = reference.split(":")
        return Foreign(module, name)
    return reference


def elementwise(
    name: str,
    *,
    operands: tuple[str, ...] = ("x",),
    reference: str | Reference | None = None,
    mp: str | Reference | None = None,
    **slots: Any,
) -> OpDef:
    """Define and register an op that acts on each entry, with NumPy's broadcasting."""
    return register(
        OpDef(
            name=name, operand_names=operands, elementwise=True, reference=foreign(reference), mp=foreign(mp), **slots
        )
    )


def array_op(
    name: str, *, operands: tuple[str, ...] = ("x",), reference: str | Reference | None = None, **slots: Any
) -> OpDef:
    """Define and register an op on whole arrays."""
    return register(OpDef(name=name, operand_names=operands, reference=foreign(reference), **slots))
