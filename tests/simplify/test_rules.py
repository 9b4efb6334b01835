"""Every rewriting rule by examples: the rule fires, and what comes of the formula in the end."""

from __future__ import annotations

import pytest

from symgrad.core.expr import Apply
from symgrad.simplify import simplify
from symgrad.simplify.engine import registered_rules
from symgrad.syntax import parse

RULES = registered_rules()
EXAMPLES = [
    ("implicit_broadcast", "f(s)=exp(broadcast_to(s,n))", "f(s) = exp(s)*ones(n)"),
    ("parity", "sin(-x)", "-sin(x)"),
    ("parity", "cos(-x)", "cos(x)"),
    ("parity", "abs(-x)", "abs(x)"),
    ("inverse_functions", "log(exp(x))", "x"),
    ("inverse_functions", "erfinv(erf(x))", "x"),
    ("sum_normal_form", "x + x", "2*x"),
    ("sum_normal_form", "x - x", "0"),
    ("sum_normal_form", "3*x + y - x", "2*x + y"),
    ("sum_normal_form", "f(x[n])= x + 2*x", "f(x[n]) = 3*x"),
    ("negated_sum", "-(a - b)", "b - a"),
    ("product_normal_form", "x*2*x", "2*x**2"),
    ("product_normal_form", "a*b/b", "a"),
    ("logistic", "1/(1+exp(-x))", "sigmoid(x)"),
    ("logistic", "exp(x)/(1+exp(x))", "sigmoid(x)"),
    ("logistic", "1/(1+exp(x))", "sigmoid(-x)"),
    ("logistic", "2/(1 + exp(-x))", "2*sigmoid(x)"),
    ("power_normal_form", "x**1", "x"),
    ("power_normal_form", "sqrt(x)**2", "x"),
    ("power_normal_form", "(-x)**2", "x**2"),
    ("power_normal_form", "x**0", "1"),
    ("power_of_one", "1**x", "1"),
    ("power_of_e", "e**x", "exp(x)"),
    ("root_of_sum_of_squares", "f(x[n])=sqrt(sum(x**2))", "norm(x)"),
    ("root_of_sum_of_squares", "f(X[m,n])=sqrt(sum(X*X))", "norm(X)"),
    ("settled_choice", "where(c,a,a)", "a"),
    ("settled_choice", "where(1,a,b)", "a"),
    ("settled_choice", "where(0,a,b)", "b"),
    ("log_of_e", "log(e)", "1"),
    ("log_of_e", "log(1)", "0"),
    ("log_one_plus_exp", "log(1+exp(x))", "softplus(x)"),
    ("log_one_plus_exp", "log(exp(2*x)+1)", "softplus(2*x)"),
    ("log_sum_exp", "f(X[m,n])=log(sum(exp(X),axis=1))", "logsumexp(X, axis=1)"),
    ("log_of_exponentials", "log(exp(x)*y)", "x + log(y)"),
    ("log_of_exponentials", "log(1/x)", "-log(x)"),
    ("log_of_exponentials", "log(2*exp(x))", "x + log(2)"),
    ("exp_minus_one", "exp(x) - 1", "expm1(x)"),
    ("exp_minus_one", "1 - exp(-x)", "-expm1(-x)"),
    ("hyperbolic_tangent", "(exp(x) - exp(-x))/(exp(x) + exp(-x))", "tanh(x)"),
    ("hyperbolic_tangent", "(exp(-2*x) - exp(2*x))/(exp(2*x) + exp(-2*x))", "-tanh(2*x)"),
    ("log_sigmoid", "log(sigmoid(x))", "-softplus(-x)"),
    ("log_softmax", "f(x[n])=log(softmax(x))", "x - logsumexp(x)"),
    ("exp_of_zero", "exp(0)", "1"),
    ("exp_of_zero", "exp(1)", "e"),
    ("product_with_zero", "f(A[m,n]) = A @ zeros(n)", "zeros(m)"),
    ("product_with_identity", "f(X[n,n]) = eye(n) @ X", "f(X[n,n]) = X"),
    ("product_with_identity", "f(v[m],X[m,n]) = diag(v) @ X", "X*v[:, None]"),
    ("product_with_identity", "f(v[n],X[m,n]) = X @ diag(v)", "f(X[m,n], v[n]) = X*v"),
    ("product_with_identity", "f(x[n]) = eye(n) @ x", "f(x[n]) = x"),
    ("scalars_first", "f(A[m,n],B[n,k],t)=A @ (t*B)", "f(t, A[m,n], B[n,k]) = t*A @ B"),
    ("scalars_first", "f(A[m,n],x[n]) = A @ (-x)", "-(A @ x)"),
    ("scalars_first", "f(A[m,n],x[n],s) = A @ (x/s)", "f(A[m,n], x[n], s) = A @ x/s"),
    ("outer_times_vector", "f(a[m],b[n],v[n])=outer(a,b) @ v", "f(b[n], v[n], a[m]) = (b @ v)*a"),
    ("inner_product_order", "f(x[n],A[n,n])=(A@x) @ x", "x @ (A @ x)"),
    ("vector_chain", "f(A[m,n],B[n,k],v[k])=A@B@v", "A @ (B @ v)"),
    ("vector_chain", "f(v[m],A[m,n]) = v @ A", "A.T @ v"),
    ("inverse_times_vector", "f(A[n,n],b[n])=inv(A)@b", "solve(A, b)"),
    ("inverse_cancels", "inv(A)@A", "eye(n)"),
    ("inverse_cancels", "A @ inv(A)", "eye(n)"),
    ("solve_for_identity", "f(A[n,n])=solve(A,eye(n))", "inv(A)"),
    ("transpose_of_inverse", "inv(A).T", "inv(A.T)"),
    ("linear_of_zero", "transpose(zeros((m,n)))", "zeros((n, m))"),
    ("linear_of_zero", "sum(zeros((m,n)),axis=0)", "zeros(n)"),
    ("double_transpose", "transpose(transpose(T, axes=(1,2,0)), axes=(2,0,1))", "f(T[n,m,k]) = T"),
    ("double_transpose", "f(A[m,n])=A.T.T", "f(A[m,n]) = A"),
    ("transpose_of_product", "(A@B).T", "f(B[n,k], A[m,n]) = B.T @ A.T"),
    ("transpose_of_product", "f(v[n])=diag(v).T", "diag(v)"),
    ("transpose_of_product", "f(a[m],b[n])=outer(a,b).T", "outer(b, a)"),
    ("transpose_of_elementwise", "f(A[m,n],B[m,n]) = (2*A + B).T", "2*A.T + B.T"),
    ("view_of_constant", "ones((m,n))[0]", "ones(n)"),
    ("linear_of_scaled", "f(x[n],s)=sum(s*x)", "s*sum(x)"),
    ("linear_of_scaled", "f(x[n],s)=(s*x)[1:]", "f(s, x[n]) = s*x[1:]"),
    ("sum_of_products", "f(x[n],y[n])=sum(x*y)", "x @ y"),
    ("sum_of_products", "f(A[m,n],v[n])=sum(A*v,axis=1)", "A @ v"),
    ("sum_of_equal_entries", "sum(ones(n))", "f() = size(n)"),
    ("sum_of_equal_entries", "f(s)=sum(s*ones(n))", "f(s) = size(n)*s"),
    ("total_without_axes", "f(X[m,n])=sum(X, keepdims=True)", "reshape(sum(X), (1, 1))"),
    ("sum_of_repetition", "f(x[n])=sum(broadcast_to(x,(m,n)),axis=0)", "f(x[n]) = size(m)*x"),
    ("sum_of_diagonal", "f(x[n])=sum(diag(x))", "sum(x)"),
    ("sum_of_diagonal", "f(x[n])=sum(diag(x),axis=0)", "f(x[n]) = x"),
    ("sum_of_diagonal", "f(x[n])=trace(diag(x))", "sum(x)"),
    ("log1p_exp", "log1p(exp(x))", "softplus(x)"),
    ("reshape_of_view", "f(X[m,n])=reshape(reshape(X,(n,m)),m*n)", "f(X[m,n]) = reshape(X, m*n)"),
    ("reshape_of_view", "f(x[n])=reshape(x[:,None],(1,n))", "reshape(x, (1, n))"),
    ("index_of_scatter", "f(x[n])=scatter(x,[1:],n+1)[1:]", "f(x[n]) = x"),
    ("repeated_once", "f(s)=broadcast_to(s,n)", "f(s) = s*ones(n)"),
    ("repeated_once", "f(x[n])=broadcast_to(broadcast_to(x,(m,n)),(k,m,n))", "broadcast_to(x, (k, m, n))"),
    ("diag_of_ones", "diag(ones(n))", "eye(n)"),
    ("diag_of_ones", "f(s)=diag(s*ones(n))", "f(s) = s*eye(n)"),
    ("diagonal_of_diag", "f(x[n])=diagonal(diag(x))", "f(x[n]) = x"),
    ("diagonal_of_diag", "diagonal(eye(n))", "ones(n)"),
    ("trace_of_kron", "f(A[m,m], B[n,n]) = trace(kron(A, B))", "f(A[m,m], B[n,n]) = trace(A)*trace(B)"),
    ("trace_of_product", "f(A[m,n], B[n,m]) = trace(A @ B)", "sum(A*B.T)"),
    ("product_normal_form", "f(x[n]) = norm(x)*unit(x)", "f(x[n]) = x"),
    ("identity_in_tensor", "f(A[n,k]) = sum(eye(n)[:, :, None]*A, axis=1)", "f(A[n,k]) = A"),
    (
        "map_of_outer_product",
        "f(A[m,n], B[k,l]) = sum(A[:, :, None, None]*B, axis=(1, 3))",
        "f(A[m,n], B[k,l]) = sum(A, axis=1)[:, None]*sum(B, axis=1)",
    ),
    (
        "product_of_tensor_sum",
        "f(A[n,k], C[n,n,n]) = (eye(n)[:, None, :]*eye(n)[:, :, None] + C) @ A",
        "f(A[n,k], C[n,n,n]) = A[:, None]*eye(n)[:, :, None] + C @ A",
    ),
]


def test_every_rule_has_an_example() -> None:
    assert {name for name, _, _ in EXAMPLES} == set(RULES)


@pytest.mark.parametrize(("name", "text", "expected"), EXAMPLES)
def test_rule_fires(name: str, text: str, expected: str) -> None:
    node = parse(text)
    assert isinstance(node, Apply)
    result = RULES[name](node)
    assert result is not None and result is not node and result.shape == node.shape
    assert str(simplify([node])[0]) == expected


# What looks like a pattern of a rule but is none. Most of these would be wrong somewhere if they were rewritten.
@pytest.mark.parametrize(
    "text",
    [
        "sqrt(x**2)",
        "log(1 + exp(x) + y)",
        "log(exp(x) + 2)",
        "exp(x) - 2",
        "(exp(x) - exp(-y))/(exp(x) + exp(-y))",
        "1/(2 + exp(-x))",
        "asin(sin(x))",
        "x**y",
        "(x**y)**2",
        "f(A[n,n], B[n,n]) = A @ B",
        "f(x[n]) = sum(x**2)",
        "f(x[n], y[n]) = outer(x, y)",
        "where(c, a, b)",
        "log(sum(x))",
        "f(T[k,m,n], x[n], y[m]) = T @ x @ y",
        "f(T[k,n,n], x[n]) = T @ x @ x",
        "f(T[k,n,n], x[n]) = inv(T) @ x",
    ],
)
def test_left_alone(text: str) -> None:
    node = parse(text)
    assert simplify([node]) == [node]


@pytest.mark.parametrize(
    "text",
    [
        "sum(w[:, None, None, None]*A[:, :, None, None]*transpose(sum(A.T[:, :, None, None]*A[:, :, None]*B[:, None],"
        " axis=1), axes=(2, 0, 1))[:, None], axis=0)",
        "sum(A[:, :, None, None]*A.T[:, :, None]*sum(w[:, None, None]*A.T[:, :, None]*B[:, None], axis=0).T[:, None],"
        " axis=1)",
    ],
)
def test_sums_of_tensors_do_not_go_round_in_circles(text: str) -> None:
    """Two sums over products of four factors: each order of the sums was rewritten into the other one."""
    (once,) = simplify([parse(f"f(A[n,n], B[n,n], w[n]) = {text}")])
    assert simplify([once])[0] is once
