"""`apply` in C against `apply` in Python: each does what the other does, and leaves no more behind.

The tests of the engine, of hooks, of sums in place and of lifetimes run here again, under both.
"""

import gc
import os
import subprocess
import sys
import threading
import tracemalloc
import weakref
from dataclasses import dataclass
from functools import cache

import numpy as np
import pytest

import gpugraph as gg
import gpugraph.nn.functional as F
from gpugraph.core import graph, state
from gpugraph.core.op import REGISTRY
from gpugraph.cpu import compiler, dispatch
from tests import test_engine, test_hooks, test_in_place_sums, test_lifetime
from tests.test_cpu import python

reference = dispatch.reference


@cache
def compiled():
    """The one in use, or one that is compiled now; else the reason."""
    if dispatch.compiled is not None:
        return dispatch.compiled
    reason = compiler.why_not() or dispatch._unfit()
    if reason is None and not (compiler.headers_of_python() / "Python.h").exists():
        reason = "no Python.h"
    return reason or dispatch.load(compiler.extension())


def pytest_generate_tests(metafunc):
    own = metafunc.function.__module__ == __name__
    metafunc.parametrize("used", ["c"] if own else ["python", "c"], indirect=True)


@pytest.fixture(autouse=True)
def used(request, monkeypatch):
    """Every op is applied by this one."""
    if isinstance(compiled(), str):
        pytest.skip(f"needs Python's headers and a C compiler: {compiled()}")
    wanted = {"python": reference, "c": compiled()}[request.param]
    for name, module in list(sys.modules.items()):
        if name.startswith("gpugraph") and vars(module).get("apply") in (reference, compiled()):
            monkeypatch.setattr(module, "apply", wanted)
    return wanted


def again(*modules):
    """The tests of other modules, and their fixtures, to be collected in this one."""
    names = {}
    for module in modules:
        for name, thing in vars(module).items():
            if name.startswith("test_") and callable(thing):
                assert name not in names, f"two tests are called {name}"
                names[name] = thing
    return names


class TestLifetimeAgain:
    @pytest.fixture(autouse=True)
    def no_collector(self):
        gc.collect()
        gc.disable()
        yield
        gc.enable()


for _name, _test in again(test_lifetime).items():
    setattr(TestLifetimeAgain, _name, staticmethod(_test))
globals().update(again(test_engine, test_hooks, test_in_place_sums))


@pytest.fixture
def fast(used):
    """The one in C; the public functions use it, too."""
    assert used is compiled() is gg.apply is gg.ops.elementwise.apply
    return used


# One call, both ways


def both(fast, call):
    """What call(apply) gives under each, errors too."""
    return [outcome(lambda f=f: call(f)) for f in (reference, fast)]


def outcome(call):
    try:
        return call()
    except Exception as error:
        causes = type(error.__cause__), type(error.__context__), error.__suppress_context__
        return type(error), str(error), causes


def outputs(ys):
    return ys if type(ys) is tuple else (ys,)


def same_array(a, b):
    assert type(a) is type(b) and a.dtype == b.dtype and a.shape == b.shape
    assert a.strides == b.strides
    np.testing.assert_array_equal(a, b)


def same_saved(a, b, inputs, ys, zs):
    """Both of one input, with its version; or each of its own output."""
    assert type(a) is type(b)
    if isinstance(a, list):
        assert len(a) == len(b)
        for one, other in zip(a, b):
            same_saved(one, other, inputs, ys, zs)
    elif a is not None:
        assert (a.position, a.count) == (b.position, b.count)
        k = a.position - len(inputs)
        if k >= 0:
            assert a.array is ys[k].array and b.array is zs[k].array
            assert a.version is ys[k].version and b.version is zs[k].version
        elif isinstance(inputs[a.position], gg.Tensor):
            assert a.array is b.array is inputs[a.position].array
            assert a.version is b.version is inputs[a.position].version
        else:
            same_array(a.array, b.array)


def same_node(a, b, inputs, ys, zs):
    assert (a is None) == (b is None)
    if a is None:
        return
    assert type(a) is type(b) is graph.Node
    assert a.op is b.op and a.plan is b.plan and a.scope is b.scope and a.rule == b.rule
    assert list(a.sources) == list(b.sources) and list(a.out_specs) == list(b.out_specs)
    assert a.seq < b.seq and type(b.seq) is int
    assert a.made_by[0] is b.made_by[0] and a.where == b.where
    assert a.watchers is b.watchers is a.hooks is b.hooks is None
    assert list(a.kept) == list(b.kept) and (a.kept is b.kept) == (not a.plan.keeps)
    for name in a.kept:
        same_saved(a.kept[name], b.kept[name], inputs, ys, zs)


def same_results(ys, zs, inputs):
    assert type(ys) is type(zs)
    ys, zs = outputs(ys), outputs(zs)
    assert len(ys) == len(zs)
    for k, (y, z) in enumerate(zip(ys, zs, strict=True)):
        assert type(y) is type(z) is gg.Tensor and y is not z
        same_array(y.array, z.array)
        assert (y.edge is None) == (z.edge is None) and y._grad is z._grad is None
        assert y.is_view == z.is_view
        assert (y.version is None) == (z.version is None)
        assert y.version == z.version
        if y.version is not None and any(y.version is getattr(x, "version", 0) for x in inputs):
            assert z.version is y.version
        if y.edge is not None:
            assert type(z.edge) is tuple and z.edge[1] == y.edge[1] == k
    for y, z in zip(ys, zs):
        same_node(y.node, z.node, inputs, ys, zs)
    assert len({id(z.node) for z in zs if z.node is not None}) <= 1


def leaf(x):
    floating = isinstance(x, np.ndarray) and x.dtype.kind == "f"
    return gg.Tensor(x, requires_grad=True) if floating else x


OPS = {name: cls for name, cls in REGISTRY.items() if cls.__module__.startswith("gpugraph.")}


@pytest.mark.parametrize("name", sorted(OPS))
def test_every_op_on_every_sample(name, fast):
    for sample in OPS[name].samples(np.random.default_rng(0)):
        inputs = list(map(leaf, sample.inputs))
        for xs in (inputs, sample.inputs):
            ys, zs = both(fast, lambda f, op=sample.op, xs=xs: f(op, *xs))
            if isinstance(ys[0] if type(ys) is tuple else ys, type):
                assert ys == zs
            else:
                same_results(ys, zs, xs)


ADD, EXP = REGISTRY["Add"].make(), REGISTRY["Exp"].make()


def test_numbers_beside_tensors(fast):
    x = gg.Tensor(np.ones(3, np.float32), requires_grad=True)
    for other in (2, 2.5, True, np.float64(2), np.int8(3), 1j, np.ones(3), np.ones((2, 1), "f")):
        for op in (ADD, REGISTRY["Multiply"].make()):
            for inputs in ((x, other), (other, x), (other, other), (x.detach(), other)):
                same_results(*both(fast, lambda f, op=op, xs=inputs: f(op, *xs)), inputs)


def test_errors(fast):
    x = gg.Tensor(np.ones((2, 3)), requires_grad=True)
    c = gg.Tensor(np.ones(3, complex))
    mistakes = [
        (ADD, x, gg.Tensor(np.ones(5))),
        (ADD, x, "a"),
        (ADD, x, None),
        (ADD, x),
        (ADD, x, x, x),
        (EXP,),
        (EXP, [1.0]),
        (EXP, np.array(["a"])),
        (ADD, gg.Tensor(np.ones(2, "i1")), 1000),
        (REGISTRY["Matmul"].make(), x, x),
        (REGISTRY["Reshape"].make((7,)), x),
        (REGISTRY["Where"].make(), x, x, c),
        (3, x),
        (None,),
        (ADD, *[x] * 40),
        (REGISTRY["Sinh"].make(), c * x),
    ]
    for mistake in mistakes:
        told = both(fast, lambda f, m=mistake: f(*m))
        assert told[0] == told[1], mistake
        assert isinstance(told[0][0], type)
    assert outcome(fast) == outcome(reference)


def test_a_deleted_field_and_a_subclass_with_fields_of_its_own(fast):
    bare = object.__new__(gg.Tensor)
    told = both(fast, lambda f: f(EXP, bare))
    assert told[0][0] is told[1][0] is AttributeError

    class Doubled(gg.Tensor):
        __slots__ = ()

        @property
        def array(self):
            return gg.Tensor.array.__get__(self) * 2

    plain = gg.Tensor(np.ones(3))
    doubled = object.__new__(Doubled)
    for name in ("edge", "version", "is_view", "_grad"):
        setattr(doubled, name, getattr(plain, name))
    gg.Tensor.array.__set__(doubled, plain.array)
    for f in (reference, fast):
        assert f(EXP, doubled).numpy() == pytest.approx(np.exp(np.full(3, 2.0)))


def own_op(**members):
    """An op of this test, out of the registry."""

    def spec(self, x):
        return x

    def forward(self, xp, x):
        return xp.exp(x)

    members = {"spec": spec, "forward": forward, "cost": None, "samples": None, **members}
    members["__annotations__"] = {}
    made = dataclass(frozen=True)(type("OwnOp", (gg.Op,), members))
    REGISTRY.pop("OwnOp")
    return made


def test_an_op_that_changes_is_seen_to(fast):
    """What is remembered of a class goes with its version."""
    cls = own_op()
    x = gg.Tensor(np.zeros(2))
    assert fast(cls(), x).numpy().tolist() == [1, 1]
    cls.forward = lambda self, xp, x: xp.cos(x) + 1
    assert fast(cls(), x).numpy().tolist() == [2, 2]
    cls.view = property(lambda self: False)
    assert fast(cls(), x).numpy().tolist() == [2, 2]
    cls.forward = staticmethod(lambda xp, x: xp.cos(x) + 3)
    assert fast(cls(), x).numpy().tolist() == [4, 4]
    for _ in range(300):  # classes come and go, at places in memory where others were
        k = int(np.random.default_rng().integers(100))
        cls = own_op(forward=lambda self, xp, x, k=k: xp.full(2, k))
        assert fast(cls(), x).numpy().tolist() == [k, k]


def test_forward_runs_once_whatever_comes_of_it(fast):
    calls = []

    def failing(error):
        def forward(self, xp, x):
            calls.append(1)
            raise error

        return own_op(forward=forward)()

    x = gg.Tensor(np.ones(2))
    for error in (ValueError("a"), gg.ShapeError("b"), KeyError("c"), ZeroDivisionError("d")):
        op = failing(error)
        calls.clear()
        told = both(fast, lambda f, op=op: f(op, x))
        assert told[0] == told[1] and told[0][0] is type(error) and len(calls) == 2
    with pytest.raises(KeyboardInterrupt):
        fast(failing(KeyboardInterrupt()), x)
    with pytest.raises(RecursionError):  # and no crash
        fast(own_op(forward=lambda self, xp, x: fast(self, x).array)(), x)


def test_an_input_changed_by_forward_is_no_crash(fast):
    x = gg.Tensor(np.ones(2), requires_grad=True)

    def forward(self, xp, a):
        del x.edge
        return a * 2

    op = own_op(forward=forward, vjp_a=lambda self, node, g: g, keeps={"a": ("a",)})()
    with pytest.raises(AttributeError):
        fast(op, x)


def test_settings_of_the_engine(fast):
    """Scopes, no_grad, sweeps that record, autocast, observers: alike, or by the reference."""
    x = gg.Tensor(np.ones(3, np.float32), requires_grad=True)
    seen = []

    class Watch(state.Observer):
        def applied(self, op, arrays, outs):
            seen.append(op)

    settings = [
        gg.scope("a", "b"),
        gg.no_grad(),
        state.set_state(recording=1),
        state.set_state(recording=np.bool_(False)),
        state.set_state(sweep=state.Sweep()),
        gg.amp.autocast(),
        state.observe(Watch()),
        gg.detect_anomaly(),
    ]
    for setting in settings:
        with setting:
            same_results(*both(fast, lambda f: f(ADD, x, x)), (x, x))
            same_results(*both(fast, lambda f: f(EXP, x)), (x,))
    assert seen == [ADD, ADD, EXP, EXP]


def test_where_names_the_users_line(fast):
    x = gg.Tensor(np.ones(3), requires_grad=True)
    line = sys._getframe().f_lineno
    nodes = [
        fast(EXP, x).node,
        gg.exp(x).node,
        (x * 2).node,
        next(y.node for y in (gg.exp(x) for _ in range(1))),
        (lambda x: F.relu(x).node)(x),
        F.cross_entropy(gg.stack([x, x]), np.array([0, 1])).node,
    ]
    file = __file__
    assert [n.where for n in nodes] == [f"{file}:{line + k}" for k in range(2, 8)]
    exec(compile("node = gg.exp(x).node", "typed", "exec"), scope := {"gg": gg, "x": x})
    assert scope["node"].where == "typed:1"


# What is left behind


def everyday():
    """A step with calls of every kind."""
    rng = np.random.default_rng(0)
    x = gg.Tensor(rng.standard_normal((2, 3, 6, 6)), requires_grad=True)
    w = gg.nn.Parameter(rng.standard_normal((4, 3, 3, 3)))

    def step():
        y = F.conv2d(x, w, padding=1)  # by a kernel, an input is absent
        y = gg.concat([y, y * 2.0, 1 - y], axis=1)  # variadic, numbers
        y, _ = F.max_pool2d(y, 2, return_indices=True)  # two outputs, one constant
        parts = gg.unstack(y.reshape(2, -1)[:, ::2])  # views
        loss = (parts[0] * gg.exp(-parts[1]) + y.sum()).mean()
        with gg.no_grad():
            gg.exp(x.astype(gg.float32))
        (g,) = gg.grad(loss, x, create_graph=True)
        (g * g).sum().backward()
        x.grad = w.grad = None

    step.arrays = [x.array, w.array]
    return step


def mistakes():
    """Errors of every kind. They leave cycles behind: an error and the frames it went through."""
    x, y = gg.Tensor(np.ones((2, 3)), requires_grad=True), gg.Tensor(np.ones(5))
    z, op = gg.Tensor(np.ones((2, 3), complex)), own_op(spec=lambda self, x: x / 0)()

    def make():
        for wrong in (lambda: x + y, lambda: x + "a", lambda: gg.sinh(x * z), lambda: gg.apply(op)):
            try:  # not pytest.raises, which keeps them
                wrong()
            except (gg.GpugraphError, TypeError):
                continue
            raise AssertionError("no error")

    return make


def test_references_are_given_back(fast):
    """Of all that lives on, there are as many after a hundred steps as before."""
    step, make_mistakes = everyday(), mistakes()
    lasting = [gg.Tensor, graph.Node, graph.LEAF, graph._NOTHING, np, np.ndarray, fast, reference]
    lasting += [gg.core.tensor.Saved, state.STATE.get(), state.STATE.get().scope, ADD, EXP]
    lasting += [np.dtype("f"), np.dtype("d"), step.__code__, step.__code__.co_filename]
    lasting += [type(ADD).forward, type(ADD).plans, *type(ADD).plans.values(), None, True, False]
    lasting += [gg.core.inputs._ABSENT, *step.arrays]

    def counts(times):
        for _ in range(times):
            step()
            make_mistakes()
        gc.collect()
        return list(map(sys.getrefcount, lasting))

    before, after = counts(5), counts(100)
    assert not [(x, b - a) for x, a, b in zip(lasting, before, after) if abs(a - b) > 30]


def test_a_hundred_thousand_ops_leave_nothing(fast):
    x, a = gg.Tensor(np.ones(1, "f"), requires_grad=True), gg.Tensor(np.full(1, 0.9, "f"))

    def chains(times):
        for _ in range(times):
            y = x
            for _ in range(100):
                y = y * a + a
            y.sum().backward()
            x.grad = None

    gc.collect()
    gc.disable()
    tracemalloc.start()
    try:
        chains(20)
        before = tracemalloc.get_traced_memory()[0]
        chains(500)
        growth = tracemalloc.get_traced_memory()[0] - before
        assert gc.collect() == 0
    finally:
        tracemalloc.stop()
        gc.enable()
    assert growth < 500_000  # Python's free lists; an object an op would be 5 MB


def test_calls_of_every_kind_leave_nothing(fast):
    step, make_mistakes = everyday(), mistakes()
    gc.disable()
    try:
        step()
        gc.collect()
        before = len(gc.get_objects())
        for _ in range(50):
            step()
        assert gc.collect() == 0
        assert abs(len(gc.get_objects()) - before) < 25
        for _ in range(50):
            make_mistakes()
        gc.collect()  # they leave cycles, as they do with the reference
        assert abs(len(gc.get_objects()) - before) < 25
    finally:
        gc.enable()


def test_under_a_collector_that_runs_all_the_time(fast):
    before = gc.get_threshold()
    step = everyday()
    gc.set_threshold(1, 1, 1)
    try:
        for _ in range(3):
            step()
    finally:
        gc.set_threshold(*before)


def test_outputs_can_be_referred_to_weakly_and_go_at_once(fast):
    x = gg.Tensor(np.ones(2), requires_grad=True)
    y = fast(EXP, x)
    refs = weakref.ref(y), weakref.ref(y.node)
    assert gc.is_tracked(y) and gc.is_tracked(y.node)
    del y
    assert [r() for r in refs] == [None, None]


def test_threads_record_graphs_of_their_own(fast):
    wrong = []

    def work(k):
        with gg.scope(str(k)):
            for _ in range(200):
                x = gg.Tensor(np.full(3, 1.0 + k), requires_grad=True)
                y = gg.exp(x) * x
                (g,) = gg.grad(y.sum(), x)
                if y.node.scope != (str(k),) or not np.allclose(g.numpy(), np.exp(1 + k) * (2 + k)):
                    wrong.append(k)

    workers = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not wrong


# How it comes into use

TOLD = "import gpugraph as gg; print(gg.cpu.dispatch.why_not(), type(gg.apply).__name__)"


def test_it_is_compiled_by_one_process_and_used_by_the_next(fast, tmp_path):
    cache = tmp_path / "cache"
    mode = {"GPUGRAPH_CPU": "compiled", "GPUGRAPH_CPU_CACHE": str(cache)}
    assert python(TOLD, **mode).startswith("it is yet to be compiled: by gpugraph.cpu.prepare()")
    assert not cache.exists()  # an import compiles nothing, and makes no folder
    code = "import gpugraph as gg; gg.cpu.dispatch.prepare(); print(gg.cpu.dispatch.why_not())"
    assert python(code, **mode).startswith("it was compiled after the import of gpugraph")
    (made,) = cache.iterdir()
    assert python(TOLD, **mode) == "None builtin_function_or_method"
    told = python(TOLD, **{**mode, "GPUGRAPH_CPU": "numpy"})
    assert told == "GPUGRAPH_CPU=numpy turns it off function"
    made.write_bytes(b"no library")
    told = python(TOLD, **mode)
    assert told.startswith("it could not be loaded: ") and told.endswith(" function")


def test_it_says_what_it_is(fast):
    assert fast.__name__ == "apply" and fast.__module__ == "gpugraph.core.apply"
    assert fast.__doc__ == reference.__doc__


def test_why_not(fast, monkeypatch, tmp_path):
    monkeypatch.setattr(dispatch, "compiled", None)
    monkeypatch.setenv("GPUGRAPH_CPU", "auto")
    monkeypatch.setattr(compiler, "has_extra", lambda: False)
    assert "pip install 'gpugraph[cpu]'" in dispatch.why_not()
    monkeypatch.setenv("GPUGRAPH_CPU", "compiled")
    monkeypatch.setenv("GPUGRAPH_CPU_CACHE", str(tmp_path))
    monkeypatch.setattr(compiler, "headers_of_python", lambda: tmp_path)
    assert f"there is no {tmp_path}/Python.h" in dispatch.why_not()
    monkeypatch.setattr(compiler, "extension", lambda: pytest.fail("compiled without headers"))
    dispatch.prepare()
    with monkeypatch.context() as other:
        other.setattr(dispatch.sys, "version_info", (3, 14, 0))
        assert "CPython 3.10 to 3.13" in dispatch.why_not()
    (tmp_path / "Python.h").write_text("")

    def fails():
        raise compiler.CompileError("no such flag")

    monkeypatch.setattr(compiler, "extension", fails)
    monkeypatch.setattr(dispatch, "_failed", None)
    dispatch.prepare()
    assert dispatch.why_not() == "it could not be compiled: no such flag"


def test_it_compiles_without_a_warning(fast, tmp_path):
    call = [*compiler.compiler(), *compiler.EXTENSION_FLAGS, "-Wall", "-Wextra", "-Werror"]
    source = str(compiler.SOURCES / "python" / "apply.c")
    command = [
        *call,
        f"-I{compiler.headers_of_python()}",
        "-c",
        "-o",
        str(tmp_path / "a.o"),
        source,
    ]
    environment = {**os.environ, "ZIG_GLOBAL_CACHE_DIR": str(tmp_path)}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
