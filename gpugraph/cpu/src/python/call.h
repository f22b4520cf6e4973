/* A call: its op and its inputs, and what forward makes of them. */

/* Op classes: what is asked of them at every call. An entry holds as long as the version of the
   class does, which Python changes with the class and never gives to another. */

typedef struct {
    PyTypeObject *type;
    unsigned int version;
    char plain, view, differentiable, conjugates;
    PyObject *forward, *plans;  // borrowed: the class has them
} Kind;

static Kind kinds[256];

static inline unsigned int version_of(PyTypeObject *type)
{
#if PY_VERSION_HEX < 0x030C0000
    if (!PyType_HasFeature(type, Py_TPFLAGS_VALID_VERSION_TAG))
        return 0;
#endif
    return type->tp_version_tag;
}

/* False for a class that is no op, or an unusual one. */
static int kind_of(PyTypeObject *type, Kind *kind)
{
    Kind *entry = &kinds[((size_t)type >> 5) % (sizeof kinds / sizeof *kinds)];
    unsigned int version = version_of(type);
    if (entry->type == type && version && entry->version == version) {
        *kind = *entry;
        return 1;
    }
    PyObject *found[ATTRIBUTES];
    for (int i = 0; i < ATTRIBUTES; i++) {
        found[i] = _PyType_Lookup(type, attributes[i]);
        if (!found[i] || (i >= PLAIN && !PyBool_Check(found[i])))
            return 0;
    }
    if (!PyFunction_Check(found[FORWARD]) || !PyDict_CheckExact(found[PLANS]) ||
        type->tp_getattro != PyObject_GenericGetAttr)
        return 0;
    *kind = (Kind){type,
                   version_of(type),  // which the look-up may have given it
                   found[PLAIN] == Py_True,
                   found[VIEW] == Py_True,
                   found[DIFFERENTIABLE] == Py_True,
                   found[CONJUGATES] == Py_True,
                   found[FORWARD],
                   found[PLANS]};
    *entry = *kind;
    return 1;
}

// A call

typedef struct {
    PyObject *op, *state;
    Kind kind;  // whose `forward` and `plans` are owned here
    Py_ssize_t n;
    PyObject *inputs[MOST];  // borrowed: of the caller, or of `list`
    PyObject *arrays[MOST];
    PyObject *list;  // what `as_tensors` made, or NULL
    char watched, on_numpy;
} Call;

static void done(Call *call)
{
    for (Py_ssize_t i = 0; i < call->n; i++)
        Py_XDECREF(call->arrays[i]);
    Py_XDECREF(call->list);
    Py_DECREF(call->kind.forward);
    Py_DECREF(call->kind.plans);
    Py_DECREF(call->state);
}

static PyObject *by_reference(Call *call)
{
    PyObject *stack[MOST + 1] = {call->op};
    memcpy(stack + 1, call->inputs, sizeof(PyObject *) * (size_t)call->n);
    return PyObject_Vectorcall(reference, stack, (size_t)call->n + 1, NULL);
}

/* Take the inputs, made into tensors if need be. 1, or 0 if they are unusual, or -1: an error. */
static int gather(Call *call, PyObject *const *inputs)
{
    int all = 1;
    for (Py_ssize_t i = 0; i < call->n; i++) {
        call->inputs[i] = inputs[i];
        all = all && is_tensor(inputs[i]);
    }
    if (!all) {
        PyObject *tuple = PyTuple_New(call->n);
        if (!tuple)
            return -1;
        for (Py_ssize_t i = 0; i < call->n; i++)
            PyTuple_SET_ITEM(tuple, i, Py_NewRef(inputs[i]));
        PyObject *pair[] = {call->op, tuple};
        call->list = PyObject_Vectorcall(as_tensors, pair, 2, NULL);
        Py_DECREF(tuple);
        if (!call->list)
            return -1;
        if (!PyList_CheckExact(call->list) || PyList_GET_SIZE(call->list) != call->n)
            return 0;
        for (Py_ssize_t i = 0; i < call->n; i++)
            call->inputs[i] = PyList_GET_ITEM(call->list, i);
    }
    for (Py_ssize_t i = 0; i < call->n; i++) {
        PyObject *x = call->inputs[i];
        if (x == absent) {
            call->arrays[i] = Py_NewRef(Py_None);
            call->on_numpy = 0;
            continue;
        }
        if (!all && !is_tensor(x))
            return 0;
        call->arrays[i] = Py_NewRef(TENSOR(x, ARRAY));
        call->on_numpy &= Py_TYPE(call->arrays[i]) == (PyTypeObject *)ndarray;
        call->watched |= TENSOR(x, EDGE) != Py_None;
    }
    return 1;
}

static PyObject *list_of_arrays(Call *call)
{
    PyObject *list = PyList_New(call->n);
    for (Py_ssize_t i = 0; list && i < call->n; i++)
        PyList_SET_ITEM(list, i, Py_NewRef(call->arrays[i]));
    return list;
}

/* The exception being raised, which is taken; a new reference. */
static PyObject *taken_error(void)
{
    PyObject *type, *error, *traceback;
    PyErr_Fetch(&type, &error, &traceback);
    PyErr_NormalizeException(&type, &error, &traceback);
    if (traceback)
        PyException_SetTraceback(error, traceback);
    Py_XDECREF(type);
    Py_XDECREF(traceback);
    return error;
}

/* Instead of what forward raised, the error that names the argument and the cure. */
static void explain(Call *call)
{
    if (!PyErr_ExceptionMatches(PyExc_ValueError) && !PyErr_ExceptionMatches(PyExc_TypeError) &&
        !PyErr_ExceptionMatches(PyExc_IndexError) && !PyErr_ExceptionMatches(error_type))
        return;
    PyObject *error = taken_error(), *list = list_of_arrays(call);
    PyObject *ours =
        list ? PyObject_CallFunctionObjArgs(explained, call->op, list, error, NULL) : NULL;
    if (ours)
        PyException_SetCause(ours, NULL);  // raise ours from None
    else
        ours = taken_error();
    if (ours != error)
        PyException_SetContext(ours, Py_NewRef(error));
    PyErr_SetObject((PyObject *)Py_TYPE(ours), ours);
    Py_DECREF(ours);
    Py_XDECREF(list);
    Py_DECREF(error);
}

static PyObject *compute(Call *call)
{
    PyObject *out;
    if (call->on_numpy && call->kind.plain) {
        PyObject *stack[MOST + 2] = {call->op, numpy};
        memcpy(stack + 2, call->arrays, sizeof(PyObject *) * (size_t)call->n);
        out = PyObject_Vectorcall(call->kind.forward, stack, (size_t)call->n + 2, NULL);
    } else {
        PyObject *list = list_of_arrays(call);
        if (!list)
            return NULL;
        PyObject *stack[] = {call->op, list, call->on_numpy ? Py_True : Py_False};
        out = PyObject_Vectorcall(run, stack, 3, NULL);
        Py_DECREF(list);
    }
    if (!out)
        explain(call);
    return out;
}

/* A tensor around what forward gave; takes that reference. */
static PyObject *wrapped(Call *call, PyObject *out)
{
    if (Py_TYPE(out) != (PyTypeObject *)ndarray) {
        PyObject *list = list_of_arrays(call);
        PyObject *array =
            list ? PyObject_CallFunctionObjArgs(as_array, out, list, NULL) : NULL;
        Py_XDECREF(list);
        Py_DECREF(out);
        if (!array)
            return NULL;
        out = array;
    }
    PyObject *tensor = new_object(tensor_type);
    if (!tensor) {
        Py_DECREF(out);
        return NULL;
    }
    TENSOR(tensor, ARRAY) = out;
    TENSOR(tensor, EDGE) = Py_NewRef(Py_None);
    TENSOR(tensor, VERSION) = Py_NewRef(Py_None);
    TENSOR(tensor, IS_VIEW) = Py_NewRef(Py_False);
    TENSOR(tensor, GRAD) = Py_NewRef(Py_None);
    return tensor;
}
