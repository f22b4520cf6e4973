"""Functions that move numbers about: shapes, pieces, indices."""

import numpy as np

import gpugraph as gg

from .cases import A, B, C, I, M, V, W, case

ROOM = gg
U = np.array([2, 0, 2, 3])
R = np.array([[2, 0, 1], [1, 1, 0]])


def changed(x, act):
    """A copy of x after act(copy)."""
    y = np.array(x)
    act(y)
    return y


def put(x, axis, index, values, add=False):
    """Element by element, in row-major order of index."""
    y = np.array(x)
    for at in np.ndindex(index.shape):
        to = (*at[:axis], index[at], *at[axis + 1 :])
        y[to] = y[to] + values[at] if add else values[at]
    return y


def put_slices(x, axis, index, source, alpha=None):
    y = np.moveaxis(np.array(x), axis, 0)
    for k, i in enumerate(index):
        part = np.moveaxis(source, axis, 0)[k]
        y[i] = part if alpha is None else y[i] + alpha * part
    return np.moveaxis(y, 0, axis)


def set_item(setitem, x, index, value):
    y = gg.copy(x)
    setitem(y, index, value)
    return y


def embedded(x):
    """x along the diagonals of matrices."""
    y = np.zeros((*x.shape, x.shape[-1]))
    for at in np.ndindex(x.shape):
        y[(*at, at[-1])] = x[at]
    return y


CASES = {
    "reshape": case(np.reshape, A, (2, 6)),
    "ravel": case(np.ravel, A),
    "flatten": case(lambda x, a, b: x.reshape(2, 15), C, 1, 2),
    "unflatten": case(lambda x, axis, sizes: x.reshape(3, 2, 2), A, 1, (2, -1)),
    "squeeze": case(np.squeeze, A[None, :, None], axis=0),
    "expand_dims": case(np.expand_dims, A, axis=(0, 2)),
    "unsqueeze": case(np.expand_dims, A, -1),
    "transpose": case(np.transpose, C, (2, 0, 1)),
    "permute": case(np.transpose, C, (1, 0, 2)),
    "matrix_transpose": case(lambda x: np.swapaxes(x, -1, -2), C),
    "swapaxes": case(np.swapaxes, C, 0, 2),
    "moveaxis": case(np.moveaxis, C, (0, 2), (1, 0)),
    "broadcast_to": case(np.broadcast_to, V, (3, 4)),
    "expand": case(lambda x, shape: np.broadcast_to(x, (2, 3, 4)), A[:, :1], (2, -1, 4)),
    "broadcast_arrays": case(np.broadcast_arrays, A, V),
    "broadcast_shapes": case(np.broadcast_shapes, (3, 1), (4,)),
    "atleast_1d": case(np.atleast_1d, np.array(2.5)),
    "atleast_2d": case(np.atleast_2d, V),
    "atleast_3d": case(np.atleast_3d, A),
    "concat": case(np.concatenate, [A, B[:1]], axis=0),
    "concatenate": case(np.concatenate, [A, B], 1),
    "cat": case(np.concatenate, [A, B], -1),
    "stack": case(np.stack, [A, B], axis=1),
    "row_stack": case(np.vstack, [A, V]),
    "hstack": case(np.hstack, [A, B[:, :2]]),
    "dstack": case(np.dstack, [V, V + 1]),
    "column_stack": case(np.column_stack, [V[:3], A]),
    "split": case(np.split, C, (1, 3), 2),
    "array_split": case(np.array_split, A, 3, axis=1),
    "chunk": case(lambda x, n, axis: (x[:, :2], x[:, 2:4]), A, 2, 1),
    "vsplit": case(np.vsplit, A, 3),
    "hsplit": case(np.hsplit, A, [1]),
    "dsplit": case(np.dsplit, C, [2]),
    "unstack": case(lambda x, axis: list(np.moveaxis(x, axis, 0)), A, axis=1),
    "unbind": case(list, A),
    "flip": case(np.flip, C, axis=(0, 2)),
    "fliplr": case(np.fliplr, A),
    "flipud": case(np.flipud, A),
    "rot90": case(np.rot90, C, 3, (0, 2)),
    "roll": case(np.roll, C, (1, -2), axis=(0, 2)),
    "pad": case(np.pad, A, ((1, 0), (0, 2)), constant_values=0.5),
    "tile": case(np.tile, A, (2, 1, 3)),
    "repeat": case(np.repeat, A, [1, 0, 3], axis=0),
    "repeat, flat": case(np.repeat, A, 2),
    "meshgrid": case(np.meshgrid, V, W[:2], V[:3], indexing="ij"),
    "insert": case(np.insert, A, [1, 0, 1], B[:, :3], axis=1),
    "delete": case(np.delete, A, [0, 2], axis=1),
    "append": case(np.append, A, B),
    "select": case(np.select, [A > 0.2, B > 0.9], [A, B], 0.3),
    "tril": case(np.tril, C, k=-1),
    "triu": case(np.triu, C, k=1),
    "diag": case(np.diag, V, 1),
    "diag, of a matrix": case(np.diag, A, -1),
    "diagflat": case(np.diagflat, A, -1),
    "diag_embed": case(embedded, A),
    "diagonal": case(np.diagonal, C, -1, 2, 1),
    "trace": case(np.trace, C, 1, 1, 2),
    "vander": case(np.vander, V),
    "getitem": case(lambda x, i: x[i], C, (slice(None, None, -1), U[:2], None, Ellipsis)),
    "setitem": case(
        lambda x, i, v: changed(x, lambda y: y.__setitem__(i, v)),
        A, (slice(1, None), U[1:]), B[:2, :3], via=set_item,
    ),
    "take": case(np.take, A, U, axis=1),
    "take_along_axis": case(np.take_along_axis, A[:2], R, axis=1),
    "put_along_axis": case(
        lambda x, i, v, axis: changed(x, lambda y: np.put_along_axis(y, i, v, axis)),
        A[:2], R[:, :2], B[:2, :2], 1,
    ),
    "gather": case(lambda x, axis, i: np.take_along_axis(x[:, :3], i, axis), A, 0, R),
    "scatter": case(put, A, 1, R, B),
    "scatter_add": case(lambda *args: put(*args, add=True), A, 0, R, B),
    "index_select": case(lambda x, axis, i: np.take(x, i, axis), A, 1, U),
    "index_add": case(put_slices, A, 1, U, B, alpha=-2),
    "index_copy": case(put_slices, A, 1, U, B),
    "index_fill": case(lambda x, axis, i, v: put_slices(x, axis, i, 0 * x + v), A, 0, U[:2], 0.5),
    "masked_select": case(lambda x, m: x[m], A, M),
    "masked_fill": case(lambda x, m, v: np.where(m, v, x), A, M, np.array(0.3)),
    "masked_scatter": case(
        lambda x, m, s: changed(x, lambda y: np.place(y, m, s.ravel()[: m.sum()])), A, M, B
    ),
    "nonzero": case(np.nonzero, I),
    "argwhere": case(np.argwhere, M),
    "flatnonzero": case(np.flatnonzero, I),
    "unique": case(lambda x: np.unique(x), A),
    "unique_values": case(lambda x: np.unique(x), A),
    "unique_values, equal": case(lambda x: np.unique(x), I),
    "unique_counts": case(lambda x: np.unique(x, return_counts=True), A),
    "unique_counts, equal": case(lambda x: np.unique(x, return_counts=True), I),
    "unique_inverse": case(lambda x: np.unique(x, return_inverse=True), A),
    "unique_all": case(lambda x: np.unique(x, True, True, True), A),
    "unique_all, equal": case(lambda x: np.unique(x, True, True, True), I),
    "union1d": case(np.union1d, A[0], B[0]),
    "union1d, equal": case(np.union1d, I[0], I[1:]),
    "intersect1d": case(np.intersect1d, I[0], I[1:]),
    "setdiff1d": case(np.setdiff1d, A[0], B[0]),
    "setdiff1d, equal": case(np.setdiff1d, I[0], I[1:]),
    "setxor1d": case(np.setxor1d, A[0], B[0]),
    "setxor1d, equal": case(np.setxor1d, I[0], I[1:]),
}  # fmt: skip
