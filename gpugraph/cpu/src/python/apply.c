/* `gpugraph.apply` in C: step for step what `apply` and `_record` of gpugraph/core/apply.py do.

   That file is the reference, and the one to read. Here is what most calls need; with observers,
   under autocast, and where anything is unusual, the reference itself is called. Nothing is computed
   here: results come from the rules of the ops, in Python, as there.

   Fields of tensors, nodes and what they keep are slots. They are read and written at the offsets
   that the descriptors of their classes tell (gpugraph.cpu.dispatch). */

#include "bound.h"
#include "call.h"
#include "record.h"

static PyObject *result(Call *call)
{
    PyObject *out = compute(call), *tuple = NULL, *y = NULL;
    PyObject **ys = &y;
    Py_ssize_t m = 1;
    if (!out)
        goto fail;
    if (PyTuple_CheckExact(out)) {
        m = PyTuple_GET_SIZE(out);
        tuple = PyTuple_New(m);
        for (Py_ssize_t k = 0; tuple && k < m; k++) {
            PyObject *one = wrapped(call, Py_NewRef(PyTuple_GET_ITEM(out, k)));
            if (one)
                PyTuple_SET_ITEM(tuple, k, one);
            else
                Py_CLEAR(tuple);
        }
        Py_DECREF(out);
        if (!tuple)
            goto fail;
        ys = ((PyTupleObject *)tuple)->ob_item;
    } else if (!(y = wrapped(call, out))) {
        goto fail;
    }
    for (Py_ssize_t k = 0; call->kind.view && call->n && k < m; k++) {
        PyObject *told = PyObject_CallFunctionObjArgs(share, call->inputs[0], ys[k], NULL);
        if (!told)
            goto fail;
        Py_DECREF(told);
    }
    int recording = call->watched && call->kind.differentiable
                        ? PyObject_IsTrue(STATE_(call->state, RECORDING))
                        : 0;
    if (recording < 0 || (recording && record(call, ys, m)))
        goto fail;
    return tuple ? tuple : y;
fail:
    Py_XDECREF(tuple);
    Py_XDECREF(y);
    return NULL;
}

static PyObject *apply(PyObject *self, PyObject *const *args, Py_ssize_t nargs)
{
    (void)self;
    PyObject *state;
    if (PyContextVar_Get(STATE, NULL, &state))
        return NULL;
    Call call;
    if (nargs < 1 || nargs > MOST + 1 || !state || Py_TYPE(state) != (PyTypeObject *)state_type ||
        STATE_(state, CASTING) != Py_None || !PyTuple_CheckExact(STATE_(state, OBSERVERS)) ||
        PyTuple_GET_SIZE(STATE_(state, OBSERVERS)) || !kind_of(Py_TYPE(args[0]), &call.kind)) {
        Py_XDECREF(state);
        return PyObject_Vectorcall(reference, args, (size_t)nargs, NULL);
    }
    Py_INCREF(call.kind.forward);
    Py_INCREF(call.kind.plans);
    call.op = args[0];
    call.state = state;
    call.n = nargs - 1;
    memset(call.arrays, 0, sizeof(PyObject *) * (size_t)call.n);
    call.list = NULL;
    call.watched = 0;
    call.on_numpy = 1;
    int taken = gather(&call, args + 1);
    PyObject *y = taken < 0 ? NULL : taken ? result(&call) : by_reference(&call);
    done(&call);
    return y;
}

// The module

static PyMethodDef method = {"apply", (PyCFunction)(void (*)(void))apply, METH_FASTCALL, NULL};
static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, .m_name = "gpugraph_apply",
                                        .m_size = -1};

PyMODINIT_FUNC PyInit_gpugraph_apply(void)
{
    PyObject *module = NULL, *doc = NULL, *text = NULL, *name = NULL, *function = NULL;
    if (bind_all() || !(doc = PyObject_GetAttrString(reference, "__doc__")) ||
        !(text = PyUnicode_FromFormat("apply(op, /, *inputs)\n--\n\n%S", doc)) ||
        !(method.ml_doc = PyUnicode_AsUTF8(text)) ||  // text is kept
        !(name = PyObject_GetAttrString(reference, "__module__")) ||
        !(function = PyCFunction_NewEx(&method, NULL, name)) ||
        !(module = PyModule_Create(&definition)) ||
        PyModule_AddObjectRef(module, "apply", function))
        Py_CLEAR(module);
    Py_XDECREF(doc);
    Py_XDECREF(name);
    Py_XDECREF(function);
    return module;
}
