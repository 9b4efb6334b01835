"""symgrad: from a formula to its derivative, a Numba kernel, and a check of both.

>>> import symgrad as sg
>>> print(sg.grad("sum((X @ w - y)**2) + lam*sum(w**2)", "w"))
2*X.T @ (X @ w - y) + 2*lam*w
"""

from symgrad.api import (
    assume,
    codegen,
    compile,
    explain,
    from_sympy,
    grad,
    hessian,
    hvp,
    jacobian,
    jvp,
    matrix,
    parse,
    scalar,
    steps,
    tensor,
    value_and_grad,
    vector,
    vjp,
)
from symgrad.backends.explanation import Explanation, Finding
from symgrad.backends.kernel import Kernel
from symgrad.checking import check_expression, verify
from symgrad.core.dims import Dim
from symgrad.core.expr import Expr, Input
from symgrad.core.properties import Property
from symgrad.diff.layout import Layout
from symgrad.diff.tangent import Convention
from symgrad.errors import (
    FormulaSyntaxError,
    InvalidValueError,
    LimitError,
    OperandError,
    ShapeError,
    Span,
    SymgradError,
    UnknownNameError,
)
from symgrad.ops.bessel import airyai, airyaiprime, airybi, airybiprime, besseli, besselj, besselk, bessely
from symgrad.ops.broadcasting import broadcast_to, sum
from symgrad.ops.constants import e, eye, ones, pi, size, zeros
from symgrad.ops.contraction import matmul, outer, trace
from symgrad.ops.einsum import einsum, tensordot
from symgrad.ops.exponential import (
    cbrt,
    exp,
    exp2,
    exp10,
    expm1,
    log,
    log1p,
    log2,
    log10,
    sigmoid,
    softplus,
    sqrt,
)
from symgrad.ops.hyperbolic import acosh, asinh, atanh, cosh, sinh, tanh
from symgrad.ops.integrals import expi, expint, li
from symgrad.ops.joining import block, concatenate, hstack, stack, vstack
from symgrad.ops.linalg.cholesky import cholesky, cholesky_inverse, cholesky_solve
from symgrad.ops.linalg.determinant import det, logdet, sign_det, slogdet
from symgrad.ops.linalg.eigen import eigenvectors, eigh, eigvalsh
from symgrad.ops.linalg.inverse import inv, solve
from symgrad.ops.linalg.matrixexp import expm, expm_frechet
from symgrad.ops.linalg.matrixnorms import nuclear_norm, operator_norm1, operator_norm_inf, spectral_norm
from symgrad.ops.linalg.matrixpower import matrix_power
from symgrad.ops.linalg.products import cross, kron
from symgrad.ops.linalg.pseudoinverse import pinv
from symgrad.ops.linalg.qr import qr, qr_q, qr_r
from symgrad.ops.linalg.singular import svd, svd_u, svd_vh, svdvals
from symgrad.ops.linalg.triangle import tril, triu
from symgrad.ops.linalg.triangular import solve_triangular
from symgrad.ops.linalg.vectorisation import commutation, vec
from symgrad.ops.norms import norm_inf, normp
from symgrad.ops.piecewise import absolute as abs
from symgrad.ops.piecewise import (
    clip,
    equal,
    greater,
    greater_equal,
    less,
    less_equal,
    maximum,
    minimum,
    not_equal,
    relu,
    sign,
    where,
)
from symgrad.ops.power import hypot, power
from symgrad.ops.reduction import logsumexp, max, mean, min, norm, norm1, prod, softmax, unit
from symgrad.ops.scans import cumprod, cumsum, recurrence
from symgrad.ops.shaping import diag, diagonal, reshape, scatter, transpose
from symgrad.ops.special import (
    beta,
    betaln,
    digamma,
    erf,
    erfc,
    erfcinv,
    erfi,
    erfinv,
    gamma,
    gammainc,
    gammaincc,
    hurwitz,
    lambertw,
    loggamma,
    polygamma,
    zeta,
    zetac,
)
from symgrad.ops.trigonometric import acos, asin, atan, atan2, cos, sin, tan
from symgrad.steps import Step
from symgrad.syntax import Limits, NamedSubterms, named_subterms
from symgrad.verification import Report
from symgrad.verification.blackbox import check_gradient

__version__ = "0.1.0"
dot = matmul

__all__ = [
    "Convention",
    "Dim",
    "Explanation",
    "Expr",
    "Finding",
    "FormulaSyntaxError",
    "Input",
    "InvalidValueError",
    "Kernel",
    "Layout",
    "LimitError",
    "Limits",
    "NamedSubterms",
    "OperandError",
    "Property",
    "Report",
    "ShapeError",
    "Span",
    "Step",
    "SymgradError",
    "UnknownNameError",
    "__version__",
    "abs",
    "acos",
    "acosh",
    "airyai",
    "airyaiprime",
    "airybi",
    "airybiprime",
    "asin",
    "asinh",
    "assume",
    "atan",
    "atan2",
    "atanh",
    "besseli",
    "besselj",
    "besselk",
    "bessely",
    "beta",
    "betaln",
    "block",
    "broadcast_to",
    "cbrt",
    "check_expression",
    "check_gradient",
    "cholesky",
    "cholesky_inverse",
    "cholesky_solve",
    "clip",
    "codegen",
    "commutation",
    "compile",
    "concatenate",
    "cos",
    "cosh",
    "cross",
    "cumprod",
    "cumsum",
    "det",
    "diag",
    "diagonal",
    "digamma",
    "dot",
    "e",
    "eigenvectors",
    "eigh",
    "eigvalsh",
    "einsum",
    "equal",
    "erf",
    "erfc",
    "erfcinv",
    "erfi",
    "erfinv",
    "exp",
    "exp2",
    "exp10",
    "expi",
    "expint",
    "explain",
    "expm",
    "expm1",
    "expm_frechet",
    "eye",
    "from_sympy",
    "gamma",
    "gammainc",
    "gammaincc",
    "grad",
    "greater",
    "greater_equal",
    "hessian",
    "hstack",
    "hurwitz",
    "hvp",
    "hypot",
    "inv",
    "jacobian",
    "jvp",
    "kron",
    "lambertw",
    "less",
    "less_equal",
    "li",
    "log",
    "log1p",
    "log2",
    "log10",
    "logdet",
    "loggamma",
    "logsumexp",
    "matmul",
    "matrix",
    "matrix_power",
    "max",
    "maximum",
    "mean",
    "min",
    "minimum",
    "named_subterms",
    "norm",
    "norm1",
    "norm_inf",
    "normp",
    "not_equal",
    "nuclear_norm",
    "ones",
    "operator_norm1",
    "operator_norm_inf",
    "outer",
    "parse",
    "pi",
    "pinv",
    "polygamma",
    "power",
    "prod",
    "qr",
    "qr_q",
    "qr_r",
    "recurrence",
    "relu",
    "reshape",
    "scalar",
    "scatter",
    "sigmoid",
    "sign",
    "sign_det",
    "sin",
    "sinh",
    "size",
    "slogdet",
    "softmax",
    "softplus",
    "solve",
    "solve_triangular",
    "spectral_norm",
    "sqrt",
    "stack",
    "steps",
    "sum",
    "svd",
    "svd_u",
    "svd_vh",
    "svdvals",
    "tan",
    "tanh",
    "tensor",
    "tensordot",
    "trace",
    "transpose",
    "tril",
    "triu",
    "unit",
    "value_and_grad",
    "vec",
    "vector",
    "verify",
    "vjp",
    "vstack",
    "where",
    "zeros",
    "zeta",
    "zetac",
]
