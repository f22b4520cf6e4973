/* The record of a call: a node, what it keeps, and the outputs tied to it. */

// The record

/* (first, second); takes both references. */
static PyObject *pair(PyObject *first, PyObject *second)
{
    PyObject *tuple = first && second ? PyTuple_New(2) : NULL;
    if (!tuple) {
        Py_XDECREF(first);
        Py_XDECREF(second);
        return NULL;
    }
    PyTuple_SET_ITEM(tuple, 0, first);
    PyTuple_SET_ITEM(tuple, 1, second);
    return tuple;
}

static inline PyObject *dtype_of(PyObject *array)
{
    return Py_TYPE(array) == (PyTypeObject *)ndarray ? get_dtype->get(array, get_dtype->closure)
                                                     : PyObject_GetAttrString(array, "dtype");
}

/* (shape, dtype) of an array. */
static PyObject *spec_of(PyObject *array)
{
    PyObject *shape = Py_TYPE(array) == (PyTypeObject *)ndarray
                          ? get_shape->get(array, get_shape->closure)
                          : PyObject_GetAttrString(array, "shape");
    return pair(shape, shape ? dtype_of(array) : NULL);
}

/* Code and instruction of the innermost frame outside gpugraph: `frames.user_frame`. */
static PyObject *user_frame(void)
{
    PyFrameObject *frame = (PyFrameObject *)Py_XNewRef((PyObject *)PyEval_GetFrame());
    while (frame) {
        PyCodeObject *code = PyFrame_GetCode(frame);
        PyObject *theirs = PyDict_GetItemWithError(files, code->co_filename);
        if (theirs)
            Py_INCREF(theirs);
        else if (!PyErr_Occurred())
            theirs = PyObject_CallFunctionObjArgs(whose, code->co_filename, NULL);
        if (theirs == users) {
#if PY_VERSION_HEX < 0x030B0000
            PyObject *instruction = PyObject_GetAttrString((PyObject *)frame, "f_lasti");
#else
            PyObject *instruction = PyLong_FromLong(PyFrame_GetLasti(frame));
#endif
            Py_DECREF(theirs);
            Py_DECREF(frame);
            return pair((PyObject *)code, instruction);
        }
        Py_DECREF(code);
        PyFrameObject *back = theirs && theirs != end ? PyFrame_GetBack(frame) : NULL;
        Py_DECREF(frame);
        if (!theirs)
            return NULL;
        Py_DECREF(theirs);
        frame = back;
    }
    return pair(Py_NewRef(Py_None), PyLong_FromLong(0));
}

/* What a node keeps of a tensor: `Saved(tensor, position)`. */
static PyObject *saved(PyObject *tensor, Py_ssize_t position)
{
    PyObject **version = &TENSOR(tensor, VERSION);
    if (*version == Py_None) {
        PyObject *made = PyList_New(1);
        if (!made)
            return NULL;
        PyList_SET_ITEM(made, 0, PyLong_FromLong(0));  // a small int: there already
        Py_SETREF(*version, made);
    }
    if (!PyList_CheckExact(*version) || PyList_GET_SIZE(*version) != 1) {
        PyErr_SetString(PyExc_TypeError, "the version of a tensor must be a list of one number");
        return NULL;
    }
    PyObject *made = new_object(saved_type);
    if (!made)
        return NULL;
    SAVED(made, SAVED_ARRAY) = Py_NewRef(TENSOR(tensor, ARRAY));
    SAVED(made, SAVED_VERSION) = Py_NewRef(*version);
    SAVED(made, SAVED_COUNT) = Py_NewRef(PyList_GET_ITEM(*version, 0));
    SAVED(made, SAVED_POSITION) = PyLong_FromSsize_t(position);
    if (!SAVED(made, SAVED_POSITION))
        Py_CLEAR(made);
    return made;
}

static PyObject *saved_input(Call *call, Py_ssize_t i)
{
    return call->inputs[i] == absent ? Py_NewRef(Py_None) : saved(call->inputs[i], i);
}

/* All of a variadic input: a list. */
static PyObject *saved_rest(Call *call)
{
    PyObject *names = PyObject_GetAttrString(call->op, "inputs");
    Py_ssize_t first = names ? PyObject_Length(names) - 1 : -1;
    Py_XDECREF(names);
    if (first < 0)
        return NULL;
    PyObject *list = PyList_New(0);
    for (Py_ssize_t i = first; list && i < call->n; i++) {
        PyObject *kept = saved(call->inputs[i], i);
        if (!kept || PyList_Append(list, kept))
            Py_CLEAR(list);
        Py_XDECREF(kept);
    }
    return list;
}

static PyObject *kept_of(Call *call, PyObject *keeps, PyObject **ys, Py_ssize_t m)
{
    PyObject *kept = PyDict_New();
    for (Py_ssize_t k = 0; kept && k < PyTuple_GET_SIZE(keeps); k++) {
        PyObject *keep = PyTuple_GET_ITEM(keeps, k), *value = NULL;
        Py_ssize_t place = PyLong_AsSsize_t(PyTuple_GET_ITEM(keep, 1));
        if (place < 0)
            value = PyErr_Occurred() ? NULL : saved_rest(call);
        else if (place < call->n)
            value = saved_input(call, place);
        else if (place - call->n < m)
            value = saved(ys[place - call->n], place);
        else
            PyErr_SetString(PyExc_IndexError, "an op gave fewer outputs than it keeps");
        if (!value || PyDict_SetItem(kept, PyTuple_GET_ITEM(keep, 0), value))
            Py_CLEAR(kept);
        Py_XDECREF(value);
    }
    return kept;
}

static PyObject *plan_of(Call *call, long mask)
{
    PyObject *number = PyLong_FromLong(mask);
    if (!number)
        return NULL;
    PyObject *plan = PyDict_GetItemWithError(call->kind.plans, number);
    if (plan)
        Py_INCREF(plan);
    else if (!PyErr_Occurred())
        plan = PyObject_CallMethod(call->op, "plan", "O", number);
    Py_DECREF(number);
    if (plan && (Py_TYPE(plan) != (PyTypeObject *)plan_type ||
                 !PyTuple_CheckExact(PLAN_(plan, KEEPS)) ||
                 !PyTuple_CheckExact(PLAN_(plan, CONSTANTS)))) {
        PyErr_SetString(PyExc_TypeError, "Op.plan must give a Plan");
        Py_CLEAR(plan);
    }
    return plan;
}

/* Where input i came from, if a gradient goes there, else its (shape, dtype), or None. */
static PyObject *source_of(Call *call, Py_ssize_t i, long *mask)
{
    PyObject *x = call->inputs[i];
    *mask += *mask;
    if (x == absent)
        return Py_NewRef(Py_None);
    if (!is_tensor(x)) {  // forward may have run anything
        PyErr_SetString(PyExc_AttributeError, "an input of an op changed while the op ran");
        return NULL;
    }
    if (TENSOR(x, EDGE) == Py_None)
        return spec_of(TENSOR(x, ARRAY));
    ++*mask;
    return Py_NewRef(TENSOR(x, EDGE));
}

/* A node of this call, tied to nothing yet, that keeps nothing. */
static PyObject *new_node(Call *call, PyObject **ys, Py_ssize_t m)
{
    PyObject *sources = PyTuple_New(call->n), *out_specs = PyTuple_New(m);
    PyObject *plan = NULL, *seq = NULL, *made_by = NULL, *node = NULL;
    if (!sources || !out_specs)
        goto fail;
    long mask = 1;  // a leading 1, then a bit for each input: does it need a gradient?
    for (Py_ssize_t i = 0; i < call->n; i++) {
        PyObject *source = source_of(call, i, &mask);
        if (!source)
            goto fail;
        PyTuple_SET_ITEM(sources, i, source);
    }
    for (Py_ssize_t k = 0; k < m; k++) {
        PyObject *spec = spec_of(TENSOR(ys[k], ARRAY));
        if (!spec)
            goto fail;
        PyTuple_SET_ITEM(out_specs, k, spec);
    }
    if (!(plan = plan_of(call, mask)) || !(seq = Py_TYPE(next_seq)->tp_iternext(next_seq)) ||
        !(made_by = user_frame()) || !(node = new_object(node_type)))
        goto fail;
    NODE(node, OP) = Py_NewRef(call->op);
    NODE(node, PLAN) = plan;
    NODE(node, SOURCES) = sources;
    NODE(node, OUT_SPECS) = out_specs;
    NODE(node, KEPT) = Py_NewRef(nothing);
    NODE(node, SCOPE) = Py_NewRef(STATE_(call->state, STATE_SCOPE));
    NODE(node, SEQ) = seq;
    NODE(node, RULE) = Py_NewRef(Py_None);
    NODE(node, MADE_BY) = made_by;
    NODE(node, WATCHERS) = Py_NewRef(Py_None);
    NODE(node, HOOKS) = Py_NewRef(Py_None);
    return node;
fail:
    Py_XDECREF(sources);
    Py_XDECREF(out_specs);
    Py_XDECREF(plan);
    Py_XDECREF(seq);
    Py_XDECREF(made_by);
    return NULL;
}

/* Is it known that no complex number goes in, where a gradient is wanted, or comes out? */
static int all_real(Call *call, PyObject **ys, Py_ssize_t m)
{
    for (Py_ssize_t i = 0; i < call->n + m; i++) {
        PyObject *x = i < call->n ? call->inputs[i] : ys[i - call->n];
        if (x == absent || (i < call->n && TENSOR(x, EDGE) == Py_None))
            continue;
        PyObject *dtype = dtype_of(TENSOR(x, ARRAY));
        Py_XDECREF(dtype);
        if (dtype != real_dtypes[0] && dtype != real_dtypes[1]) {
            PyErr_Clear();
            return 0;  // or something rare, that Python looks at
        }
    }
    return 1;
}

/* Ties the outputs to a new node. 0, or -1: an error. */
static int record(Call *call, PyObject **ys, Py_ssize_t m)
{
    int failed = -1;
    PyObject *node = new_node(call, ys, m);
    if (!node)
        return -1;
    PyObject *plan = NODE(node, PLAN);
    for (Py_ssize_t k = 0; k < m; k++) {
        PyObject *edge = pair(Py_NewRef(node), PyLong_FromSsize_t(k));
        if (!edge)
            goto finish;
        Py_SETREF(TENSOR(ys[k], EDGE), edge);
    }
    PyObject *constants = PLAN_(plan, CONSTANTS);
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(constants); i++) {
        Py_ssize_t k = PyLong_AsSsize_t(PyTuple_GET_ITEM(constants, i));
        if (k >= 0 && k < m)
            Py_SETREF(TENSOR(ys[k], EDGE), Py_NewRef(Py_None));
    }
    if (!call->kind.conjugates && !all_real(call, ys, m)) {
        PyObject *told = PyObject_CallFunctionObjArgs(refuse_complex, node, NULL);
        if (!told)
            goto finish;
        Py_DECREF(told);
    }
    if (STATE_(call->state, SWEEP) != Py_None) {
        PyObject *rule = PyObject_CallMethod(STATE_(call->state, SWEEP), "rule", NULL);
        if (!rule)
            goto finish;
        Py_SETREF(NODE(node, RULE), rule);
    }
    if (PyTuple_GET_SIZE(PLAN_(plan, KEEPS))) {
        PyObject *kept = kept_of(call, PLAN_(plan, KEEPS), ys, m);
        if (!kept)
            goto finish;
        Py_SETREF(NODE(node, KEPT), kept);
    }
    failed = 0;
finish:
    Py_DECREF(node);
    return failed;
}
