"""Bundle adjustment, as in ADBench: the 2 x 15 Jacobians of 50,000 observations.

An observation has a camera of 11 numbers (rotation vector, centre, focal length, principal point, two coefficients of
radial distortion), a point and a weight; its residual is the weighted distance of the projected point from a feature.
All receive one camera, point and weight for each observation; the Jacobians are (n, 2, 11), (n, 2, 3) and (n, 2).
"""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import numpy as np

from .. import ours
from ..task import Call, Data, Results, Task, Variant
from ..vector_math import cos, njit, sin

FORMULA = """
r = cam[:3]
a = sqrt(r @ r)
v = r/a
x = X - cam[3:6]
y = cos(a)*x + sin(a)*cross(v, x) + (1 - cos(a))*(v @ x)*v
p = y[:2]/y[2]
s = p @ p
f(cam[11], X[3], w, feature[2]) = w*(cam[6]*(1 + cam[9]*s + cam[10]*s**2)*p + cam[7:9] - feature)
"""
WRT = ("cam", "X", "w")


def data(count: int) -> Data:
    rng = np.random.default_rng(3)
    cameras = np.column_stack(
        [
            rng.uniform(-0.5, 0.5, (count, 3)),
            rng.uniform(-0.2, 0.2, (count, 3)),
            rng.uniform(400, 600, count),
            rng.uniform(-5, 5, (count, 2)),
            rng.uniform(-0.1, 0.1, (count, 2)),
        ]
    )
    points = np.column_stack([rng.uniform(-1, 1, (count, 2)), rng.uniform(3, 5, count)])
    return {
        "cam": cameras,
        "X": points,
        "w": rng.uniform(0.5, 1, count),
        "feature": rng.uniform(-100, 100, (count, 2)),
    }


def reference(cam: Any, X: Any, w: Any, feature: Any) -> Results:
    """Residuals and their derivatives by camera, point and weight. R is the rotation, (n, 3, 3)."""
    count = len(w)
    r = cam[:, :3]
    theta = np.linalg.norm(r, axis=1)[:, None, None]
    a, b = np.sin(theta) / theta, (1 - np.cos(theta)) / theta**2
    x = X - cam[:, 3:6]
    crossing = _crossing(r)
    R = np.cos(theta) * np.eye(3) + a * crossing + b * r[:, :, None] * r[:, None, :]
    y = (R @ x[:, :, None])[:, :, 0]
    slope_a = (theta * np.cos(theta) - np.sin(theta)) / theta**3
    slope_b = (theta * np.sin(theta) - 2 * (1 - np.cos(theta))) / theta**4
    along = np.sum(r * x, axis=1)[:, None, None]
    turned = -a * x[:, :, None] + slope_a * (crossing @ x[:, :, None]) + slope_b * along * r[:, :, None]
    by_r = turned * r[:, None, :] - a * _crossing(x) + b * (along * np.eye(3) + r[:, :, None] * x[:, None, :])
    p = y[:, :2] / y[:, 2:]
    by_y = np.zeros((count, 2, 3))
    by_y[:, 0, 0] = by_y[:, 1, 1] = 1 / y[:, 2]
    by_y[:, :, 2] = -p / y[:, 2:]
    s = np.sum(p**2, axis=1)
    f, k1, k2 = cam[:, 6], cam[:, 9], cam[:, 10]
    radial = 1 + k1 * s + k2 * s**2
    by_p = radial[:, None, None] * np.eye(2) + (2 * (k1 + 2 * k2 * s))[:, None, None] * p[:, :, None] * p[:, None, :]
    by_y = (w * f)[:, None, None] * by_p @ by_y
    difference = (f * radial)[:, None] * p + cam[:, 7:9] - feature
    J = np.zeros((count, 2, 11))
    J[:, :, :3] = by_y @ by_r
    J[:, :, 3:6] = -by_y @ R
    J[:, :, 6] = (w * radial)[:, None] * p
    J[:, 0, 7] = J[:, 1, 8] = w
    J[:, :, 9] = (w * f * s)[:, None] * p
    J[:, :, 10] = (w * f * s**2)[:, None] * p
    return [w[:, None] * difference, J, by_y @ R, difference]


def _crossing(v: Any) -> Any:
    """Return the matrices of the cross product with each row of v."""
    matrices = np.zeros((len(v), 3, 3))
    matrices[:, 0, 1], matrices[:, 0, 2], matrices[:, 1, 2] = -v[:, 2], v[:, 1], -v[:, 0]
    return matrices - np.transpose(matrices, (0, 2, 1))


def by_hand(cam, X, w, feature, residual, J, JX, Jw):
    for i in range(w.shape[0]):
        r0, r1, r2 = cam[i, 0], cam[i, 1], cam[i, 2]
        x0, x1, x2 = X[i, 0] - cam[i, 3], X[i, 1] - cam[i, 4], X[i, 2] - cam[i, 5]
        square = r0 * r0 + r1 * r1 + r2 * r2
        theta = math.sqrt(square)
        inverse = 1.0 / square
        c, sine = cos(theta), sin(theta)
        a = sine / theta
        b = (1.0 - c) * inverse
        da = (c - a) * inverse
        db = (a - 2.0 * b) * inverse
        R00, R01, R02 = c + b * r0 * r0, b * r0 * r1 - a * r2, b * r0 * r2 + a * r1
        R10, R11, R12 = b * r0 * r1 + a * r2, c + b * r1 * r1, b * r1 * r2 - a * r0
        R20, R21, R22 = b * r0 * r2 - a * r1, b * r1 * r2 + a * r0, c + b * r2 * r2
        y0 = R00 * x0 + R01 * x1 + R02 * x2
        y1 = R10 * x0 + R11 * x1 + R12 * x2
        y2 = R20 * x0 + R21 * x1 + R22 * x2
        z = 1.0 / y2
        p0, p1 = y0 * z, y1 * z
        s = p0 * p0 + p1 * p1
        f, k1, k2, weight = cam[i, 6], cam[i, 9], cam[i, 10], w[i]
        radial = 1.0 + k1 * s + k2 * s * s
        curve = 2.0 * (k1 + 2.0 * k2 * s)
        scale = weight * f * z
        A00, A01, A11 = scale * (radial + curve * p0 * p0), scale * curve * p0 * p1, scale * (radial + curve * p1 * p1)
        A02, A12 = -(A00 * p0 + A01 * p1), -(A01 * p0 + A11 * p1)
        along = r0 * x0 + r1 * x1 + r2 * x2
        t0 = -a * x0 + da * (r1 * x2 - r2 * x1) + db * along * r0
        t1 = -a * x1 + da * (r2 * x0 - r0 * x2) + db * along * r1
        t2 = -a * x2 + da * (r0 * x1 - r1 * x0) + db * along * r2
        d0, d1 = f * radial * p0 + cam[i, 7] - feature[i, 0], f * radial * p1 + cam[i, 8] - feature[i, 1]
        residual[i, 0], residual[i, 1] = weight * d0, weight * d1
        Jw[i, 0], Jw[i, 1] = d0, d1
        ab = b * along
        B00, B01, B02 = t0 * r0 + ab + b * r0 * x0, t0 * r1 + a * x2 + b * r0 * x1, t0 * r2 - a * x1 + b * r0 * x2
        B10, B11, B12 = t1 * r0 - a * x2 + b * r1 * x0, t1 * r1 + ab + b * r1 * x1, t1 * r2 + a * x0 + b * r1 * x2
        B20, B21, B22 = t2 * r0 + a * x1 + b * r2 * x0, t2 * r1 - a * x0 + b * r2 * x1, t2 * r2 + ab + b * r2 * x2
        J[i, 0, 0] = A00 * B00 + A01 * B10 + A02 * B20
        J[i, 0, 1] = A00 * B01 + A01 * B11 + A02 * B21
        J[i, 0, 2] = A00 * B02 + A01 * B12 + A02 * B22
        J[i, 1, 0] = A01 * B00 + A11 * B10 + A12 * B20
        J[i, 1, 1] = A01 * B01 + A11 * B11 + A12 * B21
        J[i, 1, 2] = A01 * B02 + A11 * B12 + A12 * B22
        JX[i, 0, 0] = A00 * R00 + A01 * R10 + A02 * R20
        JX[i, 0, 1] = A00 * R01 + A01 * R11 + A02 * R21
        JX[i, 0, 2] = A00 * R02 + A01 * R12 + A02 * R22
        JX[i, 1, 0] = A01 * R00 + A11 * R10 + A12 * R20
        JX[i, 1, 1] = A01 * R01 + A11 * R11 + A12 * R21
        JX[i, 1, 2] = A01 * R02 + A11 * R12 + A12 * R22
        for k in range(3):
            J[i, 0, 3 + k] = -JX[i, 0, k]
            J[i, 1, 3 + k] = -JX[i, 1, k]
        J[i, 0, 6], J[i, 1, 6] = weight * radial * p0, weight * radial * p1
        J[i, 0, 7], J[i, 0, 8], J[i, 1, 7], J[i, 1, 8] = weight, 0.0, 0.0, weight
        distortion = weight * f * s
        J[i, 0, 9], J[i, 1, 9] = distortion * p0, distortion * p1
        J[i, 0, 10], J[i, 1, 10] = distortion * s * p0, distortion * s * p1


def numba_build(data: Data) -> Call:
    kernel, count = njit(by_hand), len(data["w"])
    results = [np.empty((count, *shape)) for shape in ((2,), (2, 11), (2, 3), (2,))]

    def call() -> Results:
        kernel(*data.values(), *results)
        return results

    return call


def project(np: Any, cross: Any, cam: Any, X: Any, w: Any, feature: Any) -> Any:
    """One residual, in the notation of NumPy."""
    r = cam[:3]
    a = np.sqrt(np.sum(r * r))
    v = r / a
    x = X - cam[3:6]
    y = np.cos(a) * x + np.sin(a) * cross(v, x) + (1 - np.cos(a)) * np.sum(v * x) * v
    p = y[:2] / y[2]
    s = np.sum(p * p)
    return w * (cam[6] * (1 + cam[9] * s + cam[10] * s**2) * p + cam[7:9] - feature)


def jax_build(data: Data) -> Call:
    import jax

    jax.config.update("jax_enable_x64", True)
    arrays = [jax.numpy.asarray(value) for value in data.values()]

    def residual(cam: Any, X: Any, w: Any, feature: Any) -> Any:
        found = project(jax.numpy, jax.numpy.cross, cam, X, w, feature)
        return found, found

    step = jax.jit(jax.vmap(jax.jacrev(residual, argnums=(0, 1, 2), has_aux=True)))

    def call() -> Results:
        jacobians, residuals = jax.block_until_ready(step(*arrays))
        return [residuals, *jacobians]

    return call


def torch_build(data: Data, compiled: bool = False) -> Call:
    import torch

    arrays = [torch.as_tensor(value) for value in data.values()]

    def residual(cam: Any, X: Any, w: Any, feature: Any) -> Any:
        found = project(torch, torch.linalg.cross, cam, X, w, feature)
        return found, found

    step = torch.func.vmap(torch.func.jacrev(residual, argnums=(0, 1, 2), has_aux=True))
    step = torch.compile(step) if compiled else step

    def call() -> Results:
        jacobians, residuals = step(*arrays)
        return [residuals, *jacobians]

    return call


def casadi_build(data: Data) -> Call:
    import casadi

    count = len(data["w"])
    symbols = [casadi.SX.sym(name, size) for name, size in (("cam", 11), ("X", 3), ("w", 1), ("feature", 2))]
    cam, X, w, feature = symbols
    r = cam[:3]
    a = casadi.norm_2(r)
    v = r / a
    x = X - cam[3:6]
    y = casadi.cos(a) * x + casadi.sin(a) * casadi.cross(v, x) + (1 - casadi.cos(a)) * casadi.dot(v, x) * v
    p = y[:2] / y[2]
    s = casadi.dot(p, p)
    residual = w * (cam[6] * (1 + cam[9] * s + cam[10] * s**2) * p + cam[7:9] - feature)
    jacobians = [casadi.densify(casadi.jacobian(residual, symbol)).T for symbol in symbols[:3]]  # columns are stored
    function = casadi.Function("f", symbols, [residual, *jacobians]).map(count)
    results = [np.empty((count, *shape)) for shape in ((2,), (2, 11), (2, 3), (2,))]
    buffer, run = function.buffer()
    for k, array in enumerate(data.values()):
        buffer.set_arg(k, memoryview(array))
    for k, result in enumerate(results):
        buffer.set_res(k, memoryview(result))

    def call() -> Results:
        run()
        return results

    call.owners = (buffer, function)
    return call


def heyoka_build(data: Data) -> Call:
    """heyoka takes and gives a row for each number; to and from one row for each observation is most of its time."""
    import heyoka

    names = [*(f"c{k}" for k in range(11)), "X0", "X1", "X2", "w", "f0", "f1"]
    c0, c1, c2, *c, X0, X1, X2, w, f0, f1 = symbols = heyoka.make_vars(*names)
    a = heyoka.sqrt(c0 * c0 + c1 * c1 + c2 * c2)
    v0, v1, v2 = c0 / a, c1 / a, c2 / a
    x0, x1, x2 = X0 - c[0], X1 - c[1], X2 - c[2]
    along = (1.0 - heyoka.cos(a)) * (v0 * x0 + v1 * x1 + v2 * x2)
    y0 = heyoka.cos(a) * x0 + heyoka.sin(a) * (v1 * x2 - v2 * x1) + along * v0
    y1 = heyoka.cos(a) * x1 + heyoka.sin(a) * (v2 * x0 - v0 * x2) + along * v1
    y2 = heyoka.cos(a) * x2 + heyoka.sin(a) * (v0 * x1 - v1 * x0) + along * v2
    p0, p1 = y0 / y2, y1 / y2
    s = p0 * p0 + p1 * p1
    scale = c[3] * (1.0 + c[6] * s + c[7] * s * s)
    residuals = [w * (scale * p0 + c[4] - f0), w * (scale * p1 + c[5] - f1)]
    tensors = heyoka.diff_tensors(residuals, diff_args=symbols[:15], diff_order=1)
    function = heyoka.cfunc([*residuals, *np.ravel(tensors.jacobian)], symbols)
    inputs, count = [data[name] for name in ("cam", "X", "w", "feature")], len(data["w"])
    columns, found = np.empty((len(symbols), count)), np.empty((32, count))
    results = [np.empty((count, *shape)) for shape in ((2,), (2, 11), (2, 3), (2,))]

    def call() -> Results:
        np.concatenate([array.T.reshape(-1, count) for array in inputs], out=columns)
        function(columns, outputs=found)
        J = found[2:].reshape(2, 15, count).transpose(2, 0, 1)
        for result, part in zip(results, (found[:2].T, J[:, :, :11], J[:, :, 11:14], J[:, :, 14]), strict=True):
            np.copyto(result, part)
        return results

    return call


TASK = Task(
    3,
    "bundle adjustment",
    (
        Variant(
            name="50000 observations",
            data=partial(data, 50_000),
            small=partial(data, 13),
            reference=reference,
            implementations={
                "symgrad": ours.batch(FORMULA, WRT),
                "numba": numba_build,
                "jax": jax_build,
                "torch": torch_build,
                "torch.compile": partial(torch_build, compiled=True),
                "casadi": casadi_build,
                "heyoka": heyoka_build,
            },
        ),
    ),
)
