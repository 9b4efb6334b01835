"""Functions that NumPy has no name for, as source that written-out formulas bring along, and NumPy's own names.

The source is formatted as ruff formats it.
"""

from __future__ import annotations

from symgrad.core.numeric import Instruction

REDUCTIONS = {
    Instruction.ADD: "np.sum",
    Instruction.MUL: "np.prod",
    Instruction.MAXIMUM: "np.max",
    Instruction.MINIMUM: "np.min",
}
INSTRUCTIONS = {Instruction.MAXIMUM: "np.maximum", Instruction.MINIMUM: "np.minimum", Instruction.ABS: "np.abs"}
PLACE = '''
def place(values, index, shape):
    """Return zeros of the given shape with the values at the index."""
    result = np.zeros(shape)
    result[index] = values
    return result

'''
RECURRENCE = '''
def recurrence(a, b, axis, start):
    """Return z with z[0] = start and z[i + 1] = a[i]*z[i] + b[i] along an axis."""
    a, b = (np.moveaxis(x, axis, 0) for x in np.broadcast_arrays(a, b))
    result = np.empty(b.shape)
    value = np.full(b.shape[1:], start)
    for i in range(len(b)):
        result[i] = value
        value = a[i] * value + b[i]
    return np.moveaxis(result, 0, axis)

'''
_EIGH = '''
def eigh(a):
    """Return the eigenvalues of (a + a.T)/2 in row 0, below them its eigenvectors, each with a sign of its own."""
    values, vectors = np.linalg.eigh((a + np.swapaxes(a, -1, -2)) / 2)
    if vectors.size:
        sizes = np.abs(vectors)
        leading = np.argmax(sizes >= 0.61 * np.max(sizes, axis=-2, keepdims=True), axis=-2)[..., None, :]
        vectors = vectors * np.where(np.take_along_axis(vectors, leading, axis=-2) < 0, -1, 1)
    return np.concatenate([values[..., None, :], vectors], axis=-2)

'''
_SVD = '''
def svd(a):
    """Return the singular values of a tall matrix in row 0, below them the right and the left vectors as columns."""
    left, values, right = np.linalg.svd(a, full_matrices=False)
    right = np.swapaxes(right, -1, -2)
    if right.size:
        sizes = np.abs(right)
        leading = np.argmax(sizes >= 0.61 * np.max(sizes, axis=-2, keepdims=True), axis=-2)[..., None, :]
        signs = np.where(np.take_along_axis(right, leading, axis=-2) < 0, -1, 1)
        right, left = right * signs, left * signs
    return np.concatenate([values[..., None, :], right, left], axis=-2)

'''
_TRIANGULAR = '''
def solve_triangular(a, b, lower):
    """Return the solution of a triangular system; only one triangle of a counts."""
    return np.linalg.solve(np.tril(a) if lower else np.triu(a), b)

'''
_CHOLESKY_SOLVE = '''
def cholesky_solve(a, b):
    """Return the solution x of a @ a.T @ x = b; only the lower triangle of a counts."""
    a = np.tril(a)
    return np.linalg.solve(np.swapaxes(a, -1, -2), np.linalg.solve(a, b))

'''
_CHOLESKY_INVERSE = '''
def cholesky_inverse(a):
    """Return the inverse of a @ a.T; only the lower triangle of a counts."""
    a = np.linalg.inv(np.tril(a))
    return np.swapaxes(a, -1, -2) @ a

'''
_QR = '''
def qr(a):
    """Return the reduced factor Q, and below it R, whose diagonal is positive."""
    q, r = np.linalg.qr(a)
    signs = np.where(np.diagonal(r, axis1=-2, axis2=-1) < 0, -1, 1)
    return np.concatenate([q * signs[..., None, :], r * signs[..., :, None]], axis=-2)

'''
ROUTINES = {
    "cholesky": ("np.linalg.cholesky(", ")"),
    "inv": ("np.linalg.inv(", ")"),
    "det": ("np.linalg.det(", ")"),
    "logdet": ("np.linalg.slogdet(", ")[1]"),
    "sign_det": ("np.linalg.slogdet(", ")[0]"),
    "solve": ("np.linalg.solve(", ")"),
    "solve_lower": ("solve_triangular(", ", True)"),
    "solve_upper": ("solve_triangular(", ", False)"),
    "cholesky_solve": ("cholesky_solve(", ")"),
    "cholesky_inverse": ("cholesky_inverse(", ")"),
    "pinv": ("np.linalg.pinv(", ")"),
    "expm": ("scipy.linalg.expm(", ")"),
    "qr": ("qr(", ")"),
    "eigh": ("eigh(", ")"),
    "svd": ("svd(", ")"),
}
DEFINITIONS = {  # of routines that NumPy has no function for
    "eigh": _EIGH,
    "qr": _QR,
    "svd": _SVD,
    "solve_lower": _TRIANGULAR,
    "solve_upper": _TRIANGULAR,
    "cholesky_solve": _CHOLESKY_SOLVE,
    "cholesky_inverse": _CHOLESKY_INVERSE,
}
