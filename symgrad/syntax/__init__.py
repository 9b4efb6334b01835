"""Text to expressions and back: parser, shape inference, printers."""

from symgrad.core.expr import Expr
from symgrad.syntax.latex import to_latex
from symgrad.syntax.limits import Limits
from symgrad.syntax.mathml import latex_to_mathml, to_mathml
from symgrad.syntax.python_source import to_python
from symgrad.syntax.reading import Assumptions, Shapes, declared_inputs, parse
from symgrad.syntax.structure import to_json
from symgrad.syntax.subterms import NamedSubterms, named_subterms
from symgrad.syntax.text import formula, signature, to_text

__all__ = [
    "Assumptions",
    "Limits",
    "NamedSubterms",
    "Shapes",
    "declared_inputs",
    "formula",
    "latex_to_mathml",
    "named_subterms",
    "parse",
    "signature",
    "to_json",
    "to_latex",
    "to_mathml",
    "to_python",
    "to_text",
]

Expr.presenters.update(text=to_text, formula=formula, latex=to_latex, mathml=to_mathml, python=to_python)
