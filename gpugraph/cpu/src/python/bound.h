/* What Python's side has, bound when the module is imported: the engine's functions and classes, and
   where the slots of its classes lie, as their descriptors tell. */

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
static PyGetSetDef *get_shape, *get_dtype;

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

// What is asked of the class of an op

enum { FORWARD, PLANS, PLAIN, VIEW, DIFFERENTIABLE, CONJUGATES, ATTRIBUTES };
static const char *const ATTRIBUTE[] = {"forward", "plans", "plain", "view", "differentiable",
                                        "conjugates"};
static PyObject *attributes[ATTRIBUTES];

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

// Binding: a Python error, if something is not as it is taken to be here

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
        !(get_shape = attribute_getter("shape")) || !(get_dtype = attribute_getter("dtype")))
        return -1;
    return 0;
}
