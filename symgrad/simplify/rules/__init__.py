"""The rewrite rules, by what they know about. Importing this package registers them."""

from symgrad.simplify.rules import (
    algebra,
    determinants,
    elementwise,
    linear,
    products,
    properties,
    stability,
    structure,
    tensors,
    vectorisation,
)

__all__ = [
    "algebra",
    "determinants",
    "elementwise",
    "linear",
    "products",
    "properties",
    "stability",
    "structure",
    "tensors",
    "vectorisation",
]
