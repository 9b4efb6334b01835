"""Derivatives with respect to an input that is assumed symmetric, orthogonal, ...: what its entries may do together.

Such an input lies on a manifold, and only its tangents count: df = sum(G*dX) for every tangent dX. The projection of a
gradient on the tangent space is the one such G that is a tangent itself; it does not depend on how the formula is
written. The other convention in use lists the independent entries and differentiates by each.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum

from symgrad.core.expr import Expr, Input
from symgrad.core.properties import Property, essential
from symgrad.errors import InvalidValueError, OperandError
from symgrad.ops.broadcasting import sum
from symgrad.ops.linalg.triangle import tril, triu
from symgrad.ops.reduction import mean
from symgrad.ops.shaping import diag, diag_embed, diagonal, swap

_SUBSPACES = (Property.SYMMETRIC, Property.SKEW, Property.DIAGONAL, Property.LOWER, Property.UPPER)
_CURVED = (Property.ORTHOGONAL, Property.UNIT)


class Convention(Enum):
    """What the derivative with respect to a structured input lists.

    - TANGENT: the projection on the tangent space, so that df = sum(G*dX) with G of the structure itself: for a
      symmetric X the symmetric G, (H + H.T)/2 of the derivative H by free entries. Absil, Mahony & Sepulchre,
      Optimization Algorithms on Matrix Manifolds (2008), section 3.6.
    - ENTRIES: the partial derivative by each independent entry, which stands in all of its places: for a symmetric X
      H + H.T - diag(diagonal(H)). Petersen & Pedersen, The Matrix Cookbook (2012), equation 138.
    """

    TANGENT = "tangent"
    ENTRIES = "entries"

    @property
    def description(self) -> str:
        """The convention in one line."""
        return _DESCRIPTIONS[self]


_DESCRIPTIONS = {
    Convention.TANGENT: "tangent: the derivative has the structure of the input, and df = sum(G*dX) for every such dX",
    Convention.ENTRIES: "entries: the partial derivative by each independent entry, in all of its places",
}


def read_convention(name: str | Convention) -> Convention:
    """Return the convention of this name. InvalidValueError when there is none."""
    try:
        return Convention(name)
    except ValueError:
        names = ", ".join(convention.value for convention in Convention)
        raise InvalidValueError(f"{name!r} is no convention for structured inputs; there are {names}") from None


def manifold(node: Input) -> Property | None:
    """Return the property that ties the entries of an input together; None when they are free.

    Errors: OperandError for an input with two such properties of which none implies the other.
    """
    found = essential(node.properties & {*_SUBSPACES, *_CURVED, Property.SIMPLEX})
    if len(found) > 1:
        both = " and ".join(p.value for p in found)
        raise OperandError(
            f"there is no derivative with respect to {node.name}, which is assumed {both}: assume one of them alone"
        )
    return found[0] if found else None


def project(node: Input, x: Expr) -> Expr:
    """Return the orthogonal projection of x (batch axes, then the shape of `node`) on the tangent space at `node`.

    >>> from symgrad.syntax import parse
    >>> f = parse("f(A[n,n]: symmetric, G[n,n]) = A + G")
    >>> print(project(f.inputs["A"], f.inputs["G"]))
    (G + G.T)/2
    """
    found = manifold(node)
    if found in x.properties and found in _SUBSPACES:
        return x
    match found:
        case Property.SYMMETRIC:
            return (x + swap(x)) / 2
        case Property.SKEW:
            return (x - swap(x)) / 2
        case Property.DIAGONAL:
            return diagonal_part(x)
        case Property.LOWER:
            return tril(x)
        case Property.UPPER:
            return triu(x)
        case Property.ORTHOGONAL:
            return (x - node @ swap(x) @ node) / 2
        case Property.SIMPLEX:
            return x - mean(x, axis=-1, keepdims=True)
        case Property.UNIT:
            return x - sum(x * node, axis=-1, keepdims=True) * node
    return x


def diagonal_part(x: Expr) -> Expr:
    """Return the matrix with everything off its diagonal set to zero."""
    entries = diagonal(x)
    return diag(entries) if entries.ndim == 1 else diag_embed(entries)


def by_entries(node: Input, x: Expr) -> Expr:
    """Return the derivatives by the independent entries of `node` from those by free ones. OperandError for no such.

    >>> from symgrad.syntax import parse
    >>> f = parse("f(A[n,n]: symmetric, G[n,n]) = A + G")
    >>> print(by_entries(f.inputs["A"], f.inputs["G"]))
    G + G.T - diag(diagonal(G))
    """
    match manifold(node):
        case Property.SYMMETRIC:
            return x + swap(x) - diagonal_part(x)
        case Property.SKEW:
            return x - swap(x)
        case Property.ORTHOGONAL | Property.SIMPLEX | Property.UNIT as found:
            raise OperandError(
                f"{node.name} is {found.value}, so its entries are not independent; use the convention tangent"
            )
    return project(node, x)


def constrain(node: Input, derivative: Expr, convention: Convention = Convention.TANGENT) -> Expr:
    """Return a derivative with respect to `node`, by free entries, in a convention for structured inputs."""
    return project(node, derivative) if convention is Convention.TANGENT else by_entries(node, derivative)


def tangent(node: Input, name: str) -> tuple[Input, Expr]:
    """Return a new input for a tangent of `node`, of the same structure where tangents have it, and the tangent."""
    given = Input(name, node.shape, node.properties & {*_SUBSPACES})
    return given, given if given.properties or manifold(node) is None else project(node, given)


def check_flat(nodes: Sequence[Input]) -> None:
    """Refuse second derivatives on curved manifolds, where they depend on the choice of a connection. OperandError."""
    for node in nodes:
        if (found := manifold(node)) in _CURVED:
            assert found is not None
            raise OperandError(
                f"{node.name} is assumed {found.value}: second derivatives on this manifold depend on a connection, "
                "which is not chosen here; leave out the assumption, or differentiate the gradient"
            )
