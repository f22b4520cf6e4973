"""The Array API standard 2024.12: names, signatures, dtypes of results, what the namespace tells.

The consortium's own suite compares values, too: docs/array-api.md says how it is run, and names
what fails there.
"""

import inspect
import itertools
import re
import string
from pathlib import Path

import numpy as np
import pytest

import gpugraph as gg
from tests import fake_cupy

LINES = (Path(__file__).parent / "array_api_signatures.txt").read_text().splitlines()[1:]
INTS, UINTS = ["int8", "int16", "int32", "int64"], ["uint8", "uint16", "uint32", "uint64"]
FLOATS, COMPLEX = ["float32", "float64"], ["complex64", "complex128"]
KINDS = {
    "bool": ["bool"],
    "signed integer": INTS,
    "unsigned integer": UINTS,
    "integral": INTS + UINTS,
    "real floating": FLOATS,
    "complex floating": COMPLEX,
    "numeric": INTS + UINTS + FLOATS + COMPLEX,
}
ALL = ["bool", *KINDS["numeric"]]


def found(name):
    """The function of a line of the list: `abs`, `linalg.inv`, `info.dtypes`, `Tensor.__add__`."""
    space, _, last = name.rpartition(".")
    here = {"": gg, "info": gg.__array_namespace_info__(), "Tensor": gg.Tensor}.get(space)
    return getattr(here if here is not None else getattr(gg, space), last)


@pytest.mark.parametrize("line", LINES)
def test_signature(line):
    """Positional parameters stand in their order, those with a name have it, defaults are equal."""
    name, parameters = re.fullmatch(r"([\w.]+)\((.*)\)", line).groups()
    namespace = {}
    exec(f"def wanted({parameters}): ...", namespace)
    wanted = list(inspect.signature(namespace["wanted"]).parameters.values())
    ours = list(inspect.signature(found(name)).parameters.values())
    by_name = {p.name: p for p in ours}
    for i, p in enumerate(wanted):
        if p.kind is p.KEYWORD_ONLY:
            mine = by_name[p.name]
            assert mine.kind in (p.KEYWORD_ONLY, p.POSITIONAL_OR_KEYWORD)
        else:
            mine = ours[i]
            free = (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
            assert mine.kind in (free if p.kind is p.POSITIONAL_ONLY else (p.kind,))
            assert p.kind is p.POSITIONAL_ONLY or mine.name == p.name
        if p.default is not p.empty:
            assert mine.default == p.default
    names = {p.name for p in wanted if p.kind is not p.POSITIONAL_ONLY}
    for p in ours[sum(p.kind is not p.KEYWORD_ONLY for p in wanted) :]:  # more must be optional
        optional = p.default is not p.empty or p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD)
        assert optional or p.name in names


def test_the_list_is_whole():
    assert len(LINES) == len(set(LINES)) == 210
    assert all(line[0] in string.ascii_letters + "_" for line in LINES)


# Dtypes of results


def bits(dtype):
    return int(dtype.lstrip(string.ascii_letters))


def promoted(a, b):
    """The standard's table, None where it has no entry."""
    if "bool" in (a, b):
        return "bool" if a == b else None
    kind = {**dict.fromkeys(INTS, "i"), **dict.fromkeys(UINTS, "u")}
    kind |= {**dict.fromkeys(FLOATS, "f"), **dict.fromkeys(COMPLEX, "c")}
    ka, kb, na, nb = kind[a], kind[b], bits(a), bits(b)
    if ka == kb:
        return a if na >= nb else b
    if {ka, kb} == {"i", "u"}:
        signed, unsigned = (na, nb) if ka == "i" else (nb, na)
        width = max(signed, 2 * unsigned)
        return f"int{width}" if width <= 64 else None
    if {ka, kb} == {"f", "c"}:
        real, both = (na, nb) if ka == "f" else (nb, na)
        return f"complex{max(2 * real, both)}"
    return None


def array(dtype, *shape):
    return gg.ones(shape or (2, 2), dtype=dtype)


def names_of(kinds):
    return [n for kind in kinds for n in KINDS[kind]]


UNARY = {  # function: kinds of its argument
    "abs": ("numeric",),
    "negative": ("signed integer", "real floating", "complex floating"),
    "positive": ("numeric",),
    "square": ("numeric",),
    "sign": ("numeric",),
    "conj": ("numeric",),
    "reciprocal": ("real floating", "complex floating"),
    **dict.fromkeys(("ceil", "floor", "trunc"), ("integral", "real floating")),
    "round": ("numeric",),
    **dict.fromkeys(
        "exp expm1 log log1p log2 log10 sqrt sin cos tan asin acos atan sinh cosh tanh asinh atanh"
        " acosh".split(),
        ("real floating", "complex floating"),
    ),
    "bitwise_invert": ("bool", "integral"),
    "logical_not": ("bool",),
    **dict.fromkeys(("isfinite", "isinf", "isnan"), ("numeric",)),
    "real": ("complex floating",),
    "imag": ("complex floating",),
}
BINARY = {
    **dict.fromkeys("add subtract multiply pow".split(), ("numeric",)),
    "divide": ("real floating", "complex floating"),
    **dict.fromkeys("floor_divide remainder".split(), ("integral", "real floating")),
    **dict.fromkeys("maximum minimum".split(), ("integral", "real floating")),
    **dict.fromkeys("atan2 logaddexp".split(), ("real floating",)),
    **dict.fromkeys("bitwise_and bitwise_or bitwise_xor".split(), ("bool", "integral")),
    **dict.fromkeys("bitwise_left_shift bitwise_right_shift".split(), ("integral",)),
    **dict.fromkeys("equal not_equal".split(), ("bool", "numeric")),
    **dict.fromkeys("less less_equal greater greater_equal".split(), ("integral", "real floating")),
    **dict.fromkeys("logical_and logical_or logical_xor".split(), ("bool",)),
    **dict.fromkeys("matmul linalg.vecdot tensordot".split(), ("numeric",)),
}
BOOLS = {"isfinite", "isinf", "isnan", "logical_not", "equal", "not_equal", "less", "less_equal"}
BOOLS |= {"greater", "greater_equal", "logical_and", "logical_or", "logical_xor"}
HALF = {"complex64": "float32", "complex128": "float64"}


@pytest.mark.parametrize("name", sorted(UNARY))
def test_unary_results(name):
    for dtype in names_of(UNARY[name]):
        x = array(dtype) if name not in ("atanh", "acosh", "log") else array(dtype) * 0
        with np.errstate(all="ignore"):
            y = found(name)(x)
        want = "bool" if name in BOOLS else dtype
        want = HALF.get(dtype, want) if name in ("abs", "real", "imag") else want
        assert (y.dtype, y.shape) == (want, (2, 2)), dtype


@pytest.mark.parametrize("name", sorted(BINARY))
def test_binary_results(name):
    for a, b in itertools.product(names_of(BINARY[name]), repeat=2):
        if (want := promoted(a, b)) is None:
            continue
        y = found(name)(array(a), array(b))
        assert y.dtype == ("bool" if name in BOOLS else want), (a, b)
        scalar = {"b": True, "i": 1, "u": 1, "f": 1.0, "c": 1.0}[np.dtype(a).kind]
        if name in ("add", "multiply", "equal", "maximum"):  # Python's numbers are weak
            assert found(name)(array(a), scalar).dtype == ("bool" if name in BOOLS else a)


def test_promotion():
    for a, b in itertools.product(ALL, repeat=2):
        if (want := promoted(a, b)) is not None:
            assert gg.result_type(getattr(gg, a), getattr(gg, b)) == want
            assert gg.result_type(array(a), getattr(gg, b)) == want
            assert gg.can_cast(getattr(gg, a), getattr(gg, want))
    assert gg.result_type(array("float32"), 1.0, 2) == gg.float32
    assert not gg.can_cast(gg.float64, gg.int64)


@pytest.mark.parametrize("name", ["sum", "prod", "cumulative_sum", "linalg.trace"])
def test_accumulation(name):
    for dtype in KINDS["numeric"]:
        kw = {"axis": 0} if name == "cumulative_sum" else {}
        want = dtype
        if dtype in INTS:
            want = "int64"
        if dtype in UINTS:
            want = "uint64"
        assert found(name)(array(dtype), **kw).dtype == want
        assert found(name)(array(dtype), dtype=getattr(gg, dtype), **kw).dtype == dtype


def test_other_reductions():
    for dtype in ALL:
        x = array(dtype)
        assert gg.any(x).dtype == gg.all(x).dtype == gg.bool
        assert gg.count_nonzero(x).dtype == gg.int64
        if dtype in INTS + UINTS + FLOATS:
            assert gg.max(x).dtype == gg.min(x).dtype == dtype
            assert gg.argmax(x).dtype == gg.argmin(x).dtype == gg.int64
        if dtype in FLOATS:
            assert gg.mean(x).dtype == gg.var(x).dtype == gg.std(x).dtype == dtype
        if dtype in COMPLEX:
            assert gg.mean(x).dtype == dtype


def test_creation():
    for dtype in ALL:
        kind = getattr(gg, dtype)
        for x in (
            gg.zeros(3, dtype=kind),
            gg.ones((2, 3), dtype=kind),
            gg.empty(3, dtype=kind),
            gg.full(3, True, dtype=kind),
            gg.asarray([0, 1], dtype=kind),
            gg.eye(2, dtype=kind),
            gg.zeros_like(array("float32"), dtype=kind),
            gg.tril(array(dtype)),
            gg.from_dlpack(array(dtype)),
            array("bool").astype(kind),
            gg.astype(array(dtype), kind, copy=False),
        ):
            assert x.dtype == dtype
    assert gg.zeros(1).dtype == gg.linspace(0, 1, 3).dtype == gg.float32
    assert gg.arange(3).dtype == gg.asarray([1]).dtype == gg.int64
    assert gg.asarray([1j]).dtype == gg.complex64


def test_linear_algebra():
    for dtype in FLOATS + COMPLEX:
        x = gg.eye(3, dtype=getattr(gg, dtype)) * 2
        real = HALF.get(dtype, dtype)
        for y in (
            gg.linalg.inv(x),
            gg.linalg.det(x),
            gg.linalg.solve(x, x),
            gg.linalg.cholesky(x),
            gg.linalg.pinv(x),
            gg.linalg.qr(x).Q,
            gg.linalg.svd(x).U,
            gg.linalg.eigh(x).eigenvectors,
            gg.linalg.slogdet(x).sign,
            gg.linalg.cross(x, x),
            gg.linalg.matrix_power(x, 2),
        ):
            assert y.dtype == dtype
        for y in (
            gg.linalg.svdvals(x),
            gg.linalg.eigvalsh(x),
            gg.linalg.slogdet(x).logabsdet,
            gg.linalg.matrix_norm(x),
            gg.linalg.vector_norm(x),
            gg.linalg.cond(x),
        ):
            assert y.dtype == real
        assert gg.linalg.matrix_rank(x).dtype == gg.int64


# What the namespace tells


def test_the_namespace():
    assert gg.__array_api_version__ == "2024.12"
    x = gg.ones(1)
    for version in (None, "2021.12", "2022.12", "2023.12", "2024.12"):
        assert x.__array_namespace__(api_version=version) is gg
    with pytest.raises(gg.ArgumentError, match="api_version='2019.12' is none of 2021.12, "):
        x.__array_namespace__(api_version="2019.12")


def test_info():
    info = gg.__array_namespace_info__()
    assert info.capabilities() == {
        "boolean indexing": True,
        "data-dependent shapes": True,
        "max dimensions": 64,
    }
    assert gg.ones((1,) * 64).ndim == 64
    with gg.default_device("cpu"):
        assert info.default_device() == "cpu"
    assert "cpu" in info.devices()
    for kind, names in KINDS.items():
        assert info.dtypes(kind=kind) == {n: np.dtype(n) for n in names}
        for name in ALL:
            assert gg.isdtype(getattr(gg, name), kind) == (name in names)
    assert set(info.dtypes()) == set(ALL)
    assert set(info.dtypes(kind=("bool", "real floating"), device="cpu")) == {"bool", *FLOATS}
    defaults = info.default_dtypes(device=gg.Device("cpu"))
    assert defaults["real floating"] == gg.ones(1).dtype
    assert defaults["integral"] == gg.arange(1).dtype
    assert defaults["complex floating"] == gg.asarray(1j).dtype
    assert defaults["indexing"] == gg.argmax(gg.ones(2)).dtype
    with pytest.raises(gg.ArgumentError, match="dtypes: kind='float' is none of bool, signed"):
        info.dtypes(kind="float")
    with pytest.raises(gg.ArgumentError, match="device: 'gpu' is none of"):
        info.default_dtypes(device="gpu")


def test_info_knows_the_gpus():
    with fake_cupy.installed():
        assert gg.__array_namespace_info__().devices() == ["cpu", "cuda:0"]


def test_limits_are_pythons_numbers():
    for dtype, part in (("float32", "float32"), ("complex128", "float64")):
        told, numpys = gg.finfo(getattr(gg, dtype)), np.finfo(part)
        assert told.dtype == part
        for name in ("eps", "max", "min", "smallest_normal", "tiny", "resolution"):
            assert type(getattr(told, name)) is float
            assert getattr(told, name) == getattr(numpys, name)
        assert told.bits == numpys.bits
        assert gg.finfo(gg.ones(1, dtype=getattr(gg, dtype))) == told
    assert gg.iinfo(gg.ones(1, dtype=gg.uint8)).max == 255


def test_dlpack():
    x = gg.asarray(np.arange(3.0))
    y = np.from_dlpack(x)
    assert np.shares_memory(y, x.array)
    assert x.__dlpack_device__() == (1, 0)
    x.__dlpack__(stream=None, max_version=(1, 0), dl_device=(1, 0), copy=False)
    with pytest.raises(gg.DataError, match="DLPack: a meta tensor has no data to share"):
        gg.zeros(1, device="meta").__dlpack__()
    with pytest.raises(gg.DataError, match="a meta tensor has no data"):
        gg.zeros(1, device="meta").__dlpack_device__()
    assert x.to_device("cpu") is x
    with pytest.raises(gg.DtypeError, match="to_device: stream must be None"):
        x.to_device("cpu", stream=1)


def test_unsigned_numbers_to_their_end():
    assert gg.asarray(True, dtype=gg.uint64).item() == 1
    assert gg.asarray(2**64 - 1, dtype=gg.uint64).item() == 2**64 - 1
    with pytest.raises(gg.DtypeError, match="asarray: 256 to 256 does not fit into uint8"):
        gg.asarray(256, dtype=gg.uint8)
