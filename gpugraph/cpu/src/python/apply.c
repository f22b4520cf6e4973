/* `gpugraph.apply` in C: step for step what `apply` and `_record` of gpugraph/core/apply.py do.

   That file is the reference, and the one to read. Here is what most calls need; with observers,
   under autocast, and where anything is unusual, the reference itself is called. Nothing is computed
   here: results come from the rules of the ops, in Python, as there.

   Fields of tensors, nodes and what they keep are slots. They are read and written at the offsets
   that the descriptors of their classes tell (gpugraph.cpu.dispatch). */

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <structmember.h>
#if PY_VERSION_HEX < 0x030B0000
#include <frameobject.h>
#endif

#if PY_VERSION_HEX < 0x030A0000 || PY_VERSION_HEX >= 0x030E0000 || defined(Py_GIL_DISABLED)
#error "written for CPython 3.10 to 3.13, with its global lock"
#endif

enum { MOST = 16 };  // inputs; a call with more goes to the reference

// What Python's side has: bound once, when the module is imported

static PyObject *reference, *as_tensors, *run, *explained, *as_array, *share, *refuse_complex;
static PyObject *STATE, *tensor_type, *node_type, *saved_type, *plan_type, *state_type, *error_type;
static PyObject *absent, *nothing, *next_seq, *files, *whose, *users, *end;
static PyObject *numpy, *ndarray, *real_dtypes[2];
static PyGetSetDef *shape_of, *dtype_of;

static const struct {
    const char *module, *name;
    PyObject **to;
} BOUND[] = {
    {"core.apply", "apply", &reference},
    {"core.apply", "_run", &run},
    {"core.apply", "_explained", &explained},
    {"core.apply", "_as_array", &as_array},
    {"core.apply", "_share", &share},
    {"core.inputs", "as_tensors", &as_tensors},
    {"core.inputs", "refuse_complex", &refuse_complex},
    {"core.inputs", "_ABSENT", &absent},
    {"core.state", "STATE", &STATE},
    {"core.state", "State", &state_type},
    {"core.tensor", "Tensor", &tensor_type},
    {"core.tensor", "Saved", &saved_type},
    {"core.errors", "GpugraphError", &error_type},
    {"core.graph", "Node", &node_type},
    {"core.graph", "Plan", &plan_type},
    {"core.graph", "_NOTHING", &nothing},
    {"core.graph", "_next_seq", &next_seq},
    {"core.frames", "_files", &files},
    {"core.frames", "_whose", &whose},
    {"core.frames", "_USERS", &users},
    {"core.frames", "_END", &end},
};

// Where the slots of a class lie

typedef struct {
    const char *name;
    Py_ssize_t offset;
    PyObject *descriptor;
} Slot;

enum { ARRAY, EDGE, VERSION, IS_VIEW, GRAD };
enum { OP, PLAN, SOURCES, OUT_SPECS, KEPT, SCOPE, SEQ, RULE, MADE_BY, WATCHERS, HOOKS };
enum { SAVED_ARRAY, SAVED_COUNT, SAVED_POSITION, SAVED_VERSION };
enum { WANTED, KEEPS, CONSTANTS };
enum { RECORDING, STATE_SCOPE, OBSERVERS, SWEEP, CASTING };

static Slot tensor_slots[] = {{.name = "array"}, {.name = "edge"}, {.name = "version"},
                              {.name = "is_view"}, {.name = "_grad"}, {.name = NULL}};
static Slot node_slots[] = {{.name = "op"}, {.name = "plan"}, {.name = "sources"},
                            {.name = "out_specs"}, {.name = "kept"}, {.name = "scope"},
                            {.name = "seq"}, {.name = "rule"}, {.name = "made_by"},
                            {.name = "watchers"}, {.name = "hooks"}, {.name = NULL}};
static Slot saved_slots[] = {{.name = "array"}, {.name = "count"}, {.name = "position"},
                             {.name = "version"}, {.name = NULL}};
static Slot plan_slots[] = {{.name = "wanted"}, {.name = "keeps"}, {.name = "constants"},
                            {.name = NULL}};
static Slot state_slots[] = {{.name = "recording"}, {.name = "scope"}, {.name = "observers"},
                             {.name = "sweep"}, {.name = "casting"}, {.name = NULL}};

static inline PyObject **at(PyObject *object, Py_ssize_t offset)
{
    return (PyObject **)((char *)object + offset);
}

#define TENSOR(object, slot) (*at(object, tensor_slots[slot].offset))
#define NODE(object, slot) (*at(object, node_slots[slot].offset))
#define SAVED(object, slot) (*at(object, saved_slots[slot].offset))
#define STATE_(object, slot) (*at(object, state_slots[slot].offset))
#define PLAN_(object, slot) (*at(object, plan_slots[slot].offset))

static inline PyObject *new_object(PyObject *type)
{
    return ((PyTypeObject *)type)->tp_alloc((PyTypeObject *)type, 0);
}

/* A tensor by its slots: of the class, or of one below that leaves them as they are. */
static int is_tensor(PyObject *x)
{
    if (Py_TYPE(x) != (PyTypeObject *)tensor_type) {
        if (!PyType_IsSubtype(Py_TYPE(x), (PyTypeObject *)tensor_type))
            return 0;
        for (int k = ARRAY; k <= VERSION; k++) {
            PyObject *name = PyDescr_NAME(tensor_slots[k].descriptor);
            if (_PyType_Lookup(Py_TYPE(x), name) != tensor_slots[k].descriptor)
                return 0;
        }
    }
    return TENSOR(x, ARRAY) && TENSOR(x, EDGE) && TENSOR(x, VERSION);
}

/* Op classes: what is asked of them at every call. An entry holds as long as the version of the
   class does, which Python changes with the class and never gives to another. */

typedef struct {
    PyTypeObject *type;
    unsigned int version;
    char plain, view, differentiable, conjugates;
    PyObject *forward, *plans;  // the class's references
} Kind;

static Kind kinds[256];

enum { FORWARD, PLANS, PLAIN, VIEW, DIFFERENTIABLE, CONJUGATES, ATTRIBUTES };
static const char *const ATTRIBUTE[] = {"forward", "plans", "plain", "view", "differentiable",
                                        "conjugates"};
static PyObject *attributes[ATTRIBUTES];

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

/* Instead of what forward raised, the error that names the argument and the cure. */
static void explain(Call *call)
{
    if (!PyErr_ExceptionMatches(PyExc_ValueError) && !PyErr_ExceptionMatches(PyExc_TypeError) &&
        !PyErr_ExceptionMatches(PyExc_IndexError) && !PyErr_ExceptionMatches(error_type))
        return;
    PyObject *type, *error, *traceback;
    PyErr_Fetch(&type, &error, &traceback);
    PyErr_NormalizeException(&type, &error, &traceback);
    if (traceback)
        PyException_SetTraceback(error, traceback);
    PyObject *list = list_of_arrays(call);
    PyObject *ours =
        list ? PyObject_CallFunctionObjArgs(explained, call->op, list, error, NULL) : NULL;
    if (ours) {
        if (ours != error)
            PyException_SetContext(ours, Py_NewRef(error));
        PyException_SetCause(ours, NULL);  // from None
        PyErr_SetObject((PyObject *)Py_TYPE(ours), ours);
    }
    Py_XDECREF(ours);
    Py_XDECREF(list);
    Py_XDECREF(type);
    Py_XDECREF(error);
    Py_XDECREF(traceback);
}

static PyObject *compute(Call *call, Kind *kind)
{
    PyObject *out;
    if (call->on_numpy && kind->plain) {
        PyObject *stack[MOST + 2] = {call->op, numpy};
        memcpy(stack + 2, call->arrays, sizeof(PyObject *) * (size_t)call->n);
        Py_INCREF(kind->forward);
        out = PyObject_Vectorcall(kind->forward, stack, (size_t)call->n + 2, NULL);
        Py_DECREF(kind->forward);
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

/* (shape, dtype) of an array. real: cleared, unless its numbers are known to be real. */
static PyObject *spec_of(PyObject *array, int *real)
{
    PyObject *shape, *dtype;
    if (Py_TYPE(array) == (PyTypeObject *)ndarray) {
        shape = shape_of->get(array, shape_of->closure);
        dtype = dtype_of->get(array, dtype_of->closure);
    } else {
        shape = PyObject_GetAttrString(array, "shape");
        dtype = shape ? PyObject_GetAttrString(array, "dtype") : NULL;
    }
    if (dtype != real_dtypes[0] && dtype != real_dtypes[1])
        *real = 0;
    return pair(shape, dtype);
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

static PyObject *plan_of(Call *call, PyObject *plans, long mask)
{
    PyObject *number = PyLong_FromLong(mask);
    if (!number)
        return NULL;
    PyObject *plan = PyDict_GetItemWithError(plans, number);
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

/* A node of this call, tied to nothing yet, that keeps nothing. */
static PyObject *new_node(Call *call, PyObject *plans, PyObject **ys, Py_ssize_t m, int *real)
{
    PyObject *sources = PyTuple_New(call->n), *out_specs = PyTuple_New(m);
    PyObject *plan = NULL, *seq = NULL, *made_by = NULL, *node = NULL;
    if (!sources || !out_specs)
        goto fail;
    long mask = 1;  // a leading 1, then a bit for each input: does it need a gradient?
    for (Py_ssize_t i = 0; i < call->n; i++) {
        PyObject *x = call->inputs[i], *source;
        mask += mask;
        if (x == absent) {
            source = Py_NewRef(Py_None);
        } else if (TENSOR(x, EDGE) != Py_None) {
            mask++;
            source = Py_NewRef(TENSOR(x, EDGE));
            // its dtype is that of the array
            if (Py_TYPE(call->arrays[i]) == (PyTypeObject *)ndarray) {
                PyObject *dtype = dtype_of->get(call->arrays[i], dtype_of->closure);
                *real &= dtype == real_dtypes[0] || dtype == real_dtypes[1];
                Py_XDECREF(dtype);
            } else {
                *real = 0;
            }
        } else {
            int any = 1;
            source = spec_of(TENSOR(x, ARRAY), &any);
            if (!source)
                goto fail;
        }
        PyTuple_SET_ITEM(sources, i, source);
    }
    for (Py_ssize_t k = 0; k < m; k++) {
        PyObject *spec = spec_of(TENSOR(ys[k], ARRAY), real);
        if (!spec)
            goto fail;
        PyTuple_SET_ITEM(out_specs, k, spec);
    }
    if (!(plan = plan_of(call, plans, mask)) || !(seq = Py_TYPE(next_seq)->tp_iternext(next_seq)) ||
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

/* Ties the outputs to a new node. 0, or -1: an error. */
static int record(Call *call, Kind *kind, PyObject *plans, PyObject **ys, Py_ssize_t m)
{
    int real = 1, failed = -1;
    PyObject *node = new_node(call, plans, ys, m, &real);
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
    if (!kind->conjugates && !real) {
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

static PyObject *result(Call *call, Kind *kind)
{
    PyObject *plans = Py_NewRef(kind->plans);
    PyObject *out = compute(call, kind), *tuple = NULL, *y = NULL;
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
    for (Py_ssize_t k = 0; kind->view && k < m; k++) {
        PyObject *told = PyObject_CallFunctionObjArgs(share, call->inputs[0], ys[k], NULL);
        if (!told)
            goto fail;
        Py_DECREF(told);
    }
    if (call->watched && kind->differentiable && STATE_(call->state, RECORDING) == Py_True &&
        record(call, kind, plans, ys, m))
        goto fail;
    Py_DECREF(plans);
    return tuple ? tuple : y;
fail:
    Py_DECREF(plans);
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
    Kind kind;
    if (nargs < 1 || nargs > MOST + 1 || !state || Py_TYPE(state) != (PyTypeObject *)state_type ||
        STATE_(state, CASTING) != Py_None || !PyTuple_CheckExact(STATE_(state, OBSERVERS)) ||
        PyTuple_GET_SIZE(STATE_(state, OBSERVERS)) || !kind_of(Py_TYPE(args[0]), &kind)) {
        Py_XDECREF(state);
        return PyObject_Vectorcall(reference, args, (size_t)nargs, NULL);
    }
    Call call;
    call.op = args[0];
    call.state = state;
    call.n = nargs - 1;
    memset(call.arrays, 0, sizeof(PyObject *) * (size_t)call.n);
    call.list = NULL;
    call.watched = 0;
    call.on_numpy = 1;
    int taken = gather(&call, args + 1);
    PyObject *y = taken < 0 ? NULL : taken ? result(&call, &kind) : by_reference(&call);
    done(&call);
    return y;
}

// Binding

static int find_slots(PyObject *type, Slot *slots)
{
    for (; slots->name; slots++) {
        PyObject *found = PyObject_GetAttrString(type, slots->name);
        if (!found)
            return -1;
        PyMemberDef *member = Py_TYPE(found) == &PyMemberDescr_Type
                                  ? ((PyMemberDescrObject *)found)->d_member
                                  : NULL;
        if (!member || member->type != T_OBJECT_EX || member->flags & READONLY ||
            PyDescr_TYPE(found) != (PyTypeObject *)type || member->offset <= 0 ||
            member->offset % (Py_ssize_t)sizeof(PyObject *) ||
            member->offset + (Py_ssize_t)sizeof(PyObject *) >
                ((PyTypeObject *)type)->tp_basicsize) {
            PyErr_Format(PyExc_ImportError, "%R has no plain slot %s", type, slots->name);
            Py_DECREF(found);
            return -1;
        }
        slots->offset = member->offset;
        slots->descriptor = found;  // kept
    }
    return 0;
}

static PyGetSetDef *attribute_getter(const char *name)
{
    PyObject *found = PyObject_GetAttrString(ndarray, name);
    if (found && Py_TYPE(found) != &PyGetSetDescr_Type)
        PyErr_Format(PyExc_ImportError, "ndarray.%s is no plain attribute", name);
    return !found || PyErr_Occurred() ? NULL : ((PyGetSetDescrObject *)found)->d_getset;  // kept
}

static PyObject *attribute_of(const char *module, const char *name)
{
    PyObject *found = PyImport_ImportModule(module);
    PyObject *value = found ? PyObject_GetAttrString(found, name) : NULL;
    Py_XDECREF(found);
    return value;
}

static int bind_all(void)
{
    for (size_t i = 0; i < sizeof BOUND / sizeof *BOUND; i++) {
        char module[64];
        snprintf(module, sizeof module, "gpugraph.%s", BOUND[i].module);
        if (!(*BOUND[i].to = attribute_of(module, BOUND[i].name)))
            return -1;
    }
    // count().__next__: what counts is called without a detour
    Py_SETREF(next_seq, PyObject_GetAttrString(next_seq, "__self__"));
    if (!next_seq || !PyFunction_Check(reference) || !PyIter_Check(next_seq) ||
        !PyDict_CheckExact(files) || !PyType_Check(tensor_type) || !PyType_Check(node_type) ||
        !PyType_Check(saved_type) || !PyType_Check(plan_type) || !PyType_Check(state_type)) {
        if (!PyErr_Occurred())
            PyErr_SetString(PyExc_ImportError, "gpugraph.core is not what apply.c was written for");
        return -1;
    }
    if (find_slots(tensor_type, tensor_slots) || find_slots(node_type, node_slots) ||
        find_slots(saved_type, saved_slots) || find_slots(plan_type, plan_slots) ||
        find_slots(state_type, state_slots))
        return -1;
    for (int i = 0; i < ATTRIBUTES; i++)
        if (!(attributes[i] = PyUnicode_InternFromString(ATTRIBUTE[i])))
            return -1;
    if (!(numpy = PyImport_ImportModule("numpy")) ||
        !(ndarray = PyObject_GetAttrString(numpy, "ndarray")) ||
        !(real_dtypes[0] = PyObject_CallMethod(numpy, "dtype", "s", "float32")) ||
        !(real_dtypes[1] = PyObject_CallMethod(numpy, "dtype", "s", "float64")) ||
        !(shape_of = attribute_getter("shape")) || !(dtype_of = attribute_getter("dtype")))
        return -1;
    return 0;
}

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
