"""Linear algebra of a kernel program for written-out Numba code: calls of np.linalg, and what it lacks as source.

Where a kernel gives NaN for a singular or an indefinite matrix, np.linalg raises LinAlgError.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Routine:
    """The call on operands (one {} each), the source it needs, and whether its matrix may be oblong."""

    call: str
    definitions: tuple[str, ...] = ()
    rectangular: bool = False


_SIGNED = '''
@njit(error_model="numpy")
def sign_of_column(vectors, k):
    """Return -1.0 if the first of the leading entries of column k is negative, else 1.0."""
    largest = np.max(np.abs(vectors[:, k]))
    for i in range(vectors.shape[0]):
        if abs(vectors[i, k]) >= 0.61 * largest:
            return -1.0 if vectors[i, k] < 0.0 else 1.0
    return 1.0

'''
_EIGH = '''
@njit(error_model="numpy")
def eigh(a):
    """Return the eigenvalues of (a + a.T)/2 in row 0, below them its eigenvectors, each with a sign of its own."""
    n = a.shape[0]
    values, vectors = np.linalg.eigh((a + a.T) / 2.0)
    result = np.empty((n + 1, n))
    for k in range(n):
        sign = sign_of_column(vectors, k)
        result[0, k] = values[k]
        for i in range(n):
            result[1 + i, k] = sign * vectors[i, k]
    return result

'''
_SVD = '''
@njit(error_model="numpy")
def svd(a):
    """Return the singular values of a tall matrix in row 0, below them the right and the left vectors as columns."""
    rows, n = a.shape
    left, values, right = np.linalg.svd(a, False)
    result = np.empty((1 + n + rows, n))
    for k in range(n):
        sign = sign_of_column(right.T, k)
        result[0, k] = values[k]
        for i in range(n):
            result[1 + i, k] = sign * right[k, i]
        for i in range(rows):
            result[1 + n + i, k] = sign * left[i, k]
    return result

'''
_QR = '''
@njit(error_model="numpy")
def qr(a):
    """Return the reduced factor Q, and below it R, whose diagonal is positive."""
    rows, n = a.shape
    q, r = np.linalg.qr(a)
    result = np.empty((rows + n, n))
    for k in range(n):
        sign = -1.0 if r[k, k] < 0.0 else 1.0
        for i in range(rows):
            result[i, k] = sign * q[i, k]
        for j in range(n):
            result[rows + k, j] = sign * r[k, j]
    return result

'''
_CHOLESKY_SOLVE = '''
@njit(error_model="numpy")
def cholesky_solve(a, b):
    """Return the solution x of a @ a.T @ x = b; only the lower triangle of a counts."""
    lower = np.tril(a)
    return np.linalg.solve(np.ascontiguousarray(lower.T), np.linalg.solve(lower, b))

'''
_CHOLESKY_INVERSE = '''
@njit(error_model="numpy")
def cholesky_inverse(a):
    """Return the inverse of a @ a.T; only the lower triangle of a counts."""
    inverse = np.linalg.inv(np.tril(a))
    return np.dot(inverse.T, inverse)

'''
_EXPM = '''
@njit(error_model="numpy")
def expm(a):
    """Return the exponential of a matrix: Higham, The scaling and squaring method revisited (2005), degree 13."""
    n = a.shape[0]
    norm = 0.0
    for j in range(n):
        norm = max(norm, np.sum(np.abs(a[:, j])))
    halvings = 0
    while norm > 5.371920351148152:
        norm /= 2.0
        halvings += 1
    a = a / 2.0**halvings
    one, a2 = np.eye(n), np.dot(a, a)
    a4 = np.dot(a2, a2)
    a6 = np.dot(a2, a4)
    odd = np.dot(a6, a6 + 16380.0 * a4 + 40840800.0 * a2)
    odd += 33522128640.0 * a6 + 10559470521600.0 * a4 + 1187353796428800.0 * a2 + 32382376266240000.0 * one
    odd = np.dot(a, odd)
    even = np.dot(a6, 182.0 * a6 + 960960.0 * a4 + 1323241920.0 * a2)
    even += 670442572800.0 * a6 + 129060195264000.0 * a4 + 7771770303897600.0 * a2 + 64764752532480000.0 * one
    result = np.ascontiguousarray(np.linalg.solve(even - odd, even + odd))
    for _ in range(halvings):
        result = np.dot(result, result)
    return result

'''
ROUTINES = {
    "cholesky": Routine("np.linalg.cholesky({})"),
    "inv": Routine("np.linalg.inv({})"),
    "det": Routine("np.linalg.det({})"),
    "logdet": Routine("np.linalg.slogdet({})[1]"),
    "sign_det": Routine("np.linalg.slogdet({})[0]"),
    "solve": Routine("np.linalg.solve({}, {})"),
    "solve_lower": Routine("np.linalg.solve(np.tril({}), {})"),
    "solve_upper": Routine("np.linalg.solve(np.triu({}), {})"),
    "cholesky_solve": Routine("cholesky_solve({}, {})", (_CHOLESKY_SOLVE,)),
    "cholesky_inverse": Routine("cholesky_inverse({})", (_CHOLESKY_INVERSE,)),
    "pinv": Routine("np.linalg.pinv({})", rectangular=True),
    "expm": Routine("expm({})", (_EXPM,)),
    "qr": Routine("qr({})", (_QR,), rectangular=True),
    "eigh": Routine("eigh({})", (_SIGNED, _EIGH)),
    "svd": Routine("svd({})", (_SIGNED, _SVD), rectangular=True),
}
SPECIAL = '''
def special_function(name, arity):
    """Return a function of scipy.special on doubles that Numba can call; its last argument is 0."""
    signature = f'"double ({"double, " * arity}int __pyx_skip_dispatch)"'
    pattern = re.compile(rf"(__pyx_fuse_[0-9_]+?)?{name}")
    for found, capsule in cython_special.__pyx_capi__.items():
        if pattern.fullmatch(found) and signature in repr(capsule):
            address = get_cython_function_address("scipy.special.cython_special", found)
            arguments = [ctypes.c_double] * arity
            return ctypes.CFUNCTYPE(ctypes.c_double, *arguments, ctypes.c_int)(address)
    raise ImportError(f"this version of SciPy has no {name} for compiled code")

'''
SPECIAL_IMPORTS = (
    "import ctypes",
    "import re",
    "from numba.extending import get_cython_function_address",
    "from scipy.special import cython_special",
)
