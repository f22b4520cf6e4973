"""The mistakes that users make most, as they make them, and the full text that they read then.

Read each text as someone who sees it for the first time: does it say where, what came, what was
wanted, and what to do? A text that changes for the worse should hurt here.
"""

import re
import warnings

import numpy as np
import pytest

import gpugraph as gg
import gpugraph.nn as nn
import gpugraph.nn.functional as F
from gpugraph import data, optim

MISTAKES = {}


def mistake(kind, *text):
    """The function makes a mistake, which is answered by that error and exactly that text."""

    def add(function):
        assert function.__name__ not in MISTAKES
        MISTAKES[function.__name__] = (function, kind, "".join(text))
        return function

    return add


def images(*shape, dtype=np.float32):
    return gg.Tensor(np.random.default_rng(0).standard_normal(shape).astype(dtype))


class Net(nn.Module):
    """For pictures of 30 x 30 pixels in 3 colours, of 10 kinds."""

    def __init__(self):
        self.conv = nn.Conv2d(3, 8, 3)
        self.pool = nn.MaxPool2d(2)
        self.head = nn.Linear(8 * 14 * 14, 10)

    def forward(self, x):
        x = self.pool(F.relu(self.conv(x)))
        return self.head(x.flatten(1))


SCORES = images(4, 10)


# Layers, and what is fed to them


@mistake(
    gg.ShapeError,
    "conv (Conv2d): conv2d: x has 1 channels; w (8, 3, 3, 3) with groups=1 takes 3; x is ",
    "(4, 1, 30, 30): give it x with 3 channels, or a layer of in_channels=1",
)
def wrong_number_of_channels():
    Net()(images(4, 1, 30, 30))


@mistake(
    gg.ShapeError,
    "conv (Conv2d): conv2d: x has 30 channels; w (8, 3, 3, 3) with groups=1 takes 3; x is ",
    "(4, 30, 32, 3): they seem to be the last axis, x.moveaxis(-1, -3) puts them in front",
)
def channels_last():
    Net()(images(4, 30, 32, 3))


@mistake(
    gg.ShapeError,
    "conv (Conv2d): conv2d: x has 30 channels; w (8, 3, 3, 3) with groups=1 takes 3; x is ",
    "(1, 30, 32, 3): they seem to be the last axis, x.moveaxis(-1, -3) puts them in front",
)
def channels_last_in_one_picture():
    Net()(images(30, 32, 3))


@mistake(
    gg.ShapeError,
    "conv (Conv2d): conv2d: x has shape (30, 30); it takes (N, C, H, W), or (C, H, W) for ",
    "one image; reshape adds axes",
)
def a_grey_picture_without_channels():
    Net()(images(30, 30))


@mistake(
    gg.ShapeError,
    "head (Linear): linear: x has 196 features in its last axis; w (10, 1568) takes 1568; x",
    " is (8, 196): x holds that many in all, so the axis of the batch seems to be missing; ",
    "x[None] adds it to one example",
)
def batch_axis_forgotten():
    Net()(images(3, 30, 30))


@mistake(
    gg.ShapeError,
    "head (Linear): linear: x has 1352 features in its last axis; w (10, 1568) takes 1568; ",
    "x is (4, 1352): a layer of in_features=1352 (or None, to learn it from its first ",
    "input) takes this x",
)
def pictures_of_another_size():
    Net()(images(4, 3, 28, 28))


@mistake(
    gg.ShapeError,
    "2 (Linear): linear: x has 6 features in its last axis; w (10, 288) takes 288; x is (2,",
    " 8, 6, 6): flatten each example first: x.flatten(1)",
)
def flatten_forgotten():
    nn.Sequential(nn.Conv2d(1, 8, 3), nn.ReLU(), nn.Linear(8 * 6 * 6, 10))(images(2, 1, 8, 8))


@mistake(
    gg.DtypeError,
    "conv (Conv2d): conv2d: x is uint8; it takes floating-point arrays, ",
    "x.astype(gpugraph.float32) makes one",
)
def pixels_as_bytes():
    Net()(np.zeros((4, 3, 30, 30), np.uint8))


@mistake(
    gg.DtypeError,
    "conv (Conv2d): conv2d: x is float64, w is float32, b is float32; they must be of one ",
    "dtype, astype() converts: x.astype(gpugraph.float32)",
)
def numpys_default_dtype():
    Net()(np.zeros((4, 3, 30, 30)))


@mistake(
    gg.DtypeError,
    "Linear: linear: x is float64, w is float32; cast one of them: ",
    "x.astype(gpugraph.float32)",
)
def numpys_default_dtype_into_linear():
    nn.Linear(3, 2)(np.zeros((4, 3)))


@mistake(
    gg.DtypeError,
    "conv (Conv2d): conv2d: x is a str; it takes tensors and arrays.",
)
def a_file_name_for_a_picture():
    Net()("cat.png")


@mistake(
    gg.ArgumentError,
    "Conv2d: in_channels=6 must be a multiple of groups=4",
)
def groups_do_not_divide_channels():
    nn.Conv2d(6, 8, 3, groups=4)


@mistake(
    gg.ShapeError,
    "Conv2d: conv2d: spatial axis 0 of x has length 5, 5 with padding (0, 0); a kernel of 7",
    " with dilation 1 spans 7. Pad more, or take a smaller kernel",
)
def kernel_larger_than_picture():
    nn.Conv2d(1, 4, 7)(images(2, 1, 5, 5))


@mistake(
    gg.ShapeError,
    "max_pool2d: spatial axis 0 of x has length 2, 2 with padding (0, 0); a kernel of 3 ",
    "with dilation 1 spans 3. Pad more, or take a smaller kernel",
)
def pooled_to_nothing():
    F.max_pool2d(images(2, 1, 2, 2), 3)


@mistake(
    gg.ArgumentError,
    "Conv2d: padding=-1; wanted an int of at least 0, 2 of them, 2 (low, high) pairs, ",
    "'valid' or 'same'",
)
def negative_padding():
    nn.Conv2d(1, 4, 3, padding=-1)


@mistake(
    gg.ArgumentError,
    "MaxPool2d: stride=0; wanted an int of at least 1, or 2 of them",
)
def stride_of_zero():
    nn.MaxPool2d(2, stride=0)


@mistake(
    gg.ArgumentError,
    "conv2d: dilation=0; wanted an int of at least 1, or 2 of them",
)
def dilation_of_zero():
    F.conv2d(images(1, 1, 5, 5), images(1, 1, 3, 3), dilation=0)


@mistake(
    gg.ArgumentError,
    "Linear: in_features=392.0; wanted an int of at least 1",
)
def sizes_by_division():
    nn.Linear(28 * 28 / 2, 10)


@mistake(
    gg.DtypeError,
    "ReLU: inplace is float32 (3,); it must be True or False. Make the layer first, then ",
    "call it: ReLU(...)(x)",
)
def a_layer_used_as_a_function():
    nn.ReLU(images(3))


@mistake(
    gg.DtypeError,
    "conv2d: w is a int; it takes tensors and arrays. Layers that make weights of their own",
    " are in gpugraph.nn",
)
def a_function_used_as_a_layer():
    F.conv2d(images(1, 3, 8, 8), 8, 3)


@mistake(
    gg.DtypeError,
    "relu: x is a Linear; it takes tensors, arrays and numbers. Call the module: what it ",
    "returns is a tensor",
)
def a_module_that_was_never_called():
    F.relu(nn.Linear(3, 2))


@mistake(
    gg.DtypeError,
    "Sequential: '0' is a list; it must be a Module; spread it: Sequential(*layers)",
)
def sequential_of_a_list():
    nn.Sequential([nn.Linear(3, 2), nn.ReLU()])


@mistake(
    gg.DtypeError,
    "Sequential: '1' is a type; it must be a Module, such as nn.ReLU() for relu",
)
def sequential_of_a_class():
    nn.Sequential(nn.Linear(3, 2), nn.ReLU)


@mistake(
    gg.ArgumentError,
    "Deep: layers is a plain list that holds a Linear, which nobody would find there; use ",
    "nn.ModuleList for modules and an attribute for each parameter",
)
def layers_in_a_plain_list():
    class Deep(nn.Module):
        def __init__(self):
            self.layers = [nn.Linear(2, 2), nn.Linear(2, 2)]

    list(Deep().parameters())


@mistake(
    gg.DtypeError,
    "mse_loss: x is a NoneType; it takes tensors, arrays and numbers. Has a function on the",
    " way, such as a forward(), forgotten its return?",
)
def return_forgotten_in_forward():
    class Forgetful(nn.Module):
        def __init__(self):
            self.layer = nn.Linear(2, 2)

        def forward(self, x):
            self.layer(x)

    F.mse_loss(Forgetful()(images(1, 2)), images(1, 2))


@mistake(
    gg.ShapeError,
    "BatchNorm1d: batch_norm: x (1, 3) has one value per channel; training normalises by ",
    "their spread and needs at least 2. Use a larger batch, or eval()",
)
def batch_norm_of_one_value():
    nn.BatchNorm1d(3)(images(1, 3))


@mistake(
    gg.ShapeError,
    "BatchNorm2d: batch_norm: x (2, 4, 5, 5) has 4 channels; this layer has num_features=3,",
    " so make it BatchNorm2d(4)",
)
def batch_norm_of_other_channels():
    nn.BatchNorm2d(3)(images(2, 4, 5, 5))


@mistake(
    gg.ArgumentError,
    "Dropout: p=50 must lie in 0 to 1",
)
def dropout_in_percent():
    nn.Dropout(50)


@mistake(
    gg.ArgumentError,
    "MultiheadAttention: embed_dim=10 must be a multiple of num_heads=3",
)
def heads_do_not_divide_the_width():
    nn.MultiheadAttention(10, 3)


@mistake(
    gg.ShapeError,
    "LSTM: lstm: x (7, 2, 6) must be (L, N, I), or (L, I) for one sequence, with I = ",
    "input_size = 5",
)
def lstm_of_other_features():
    nn.LSTM(5, 4)(images(7, 2, 6))


@mistake(
    gg.ArgumentError,
    "LSTM: lstm: hx is float32 (1, 2, 4); it must be a pair (h_0, c_0)",
)
def lstm_with_one_state():
    nn.LSTM(5, 4)(images(7, 2, 5), images(1, 2, 4))


@mistake(
    gg.IndexRangeError,
    "Embedding: embedding: row 10 does not exist; weight (10, 4) has rows 0 to 9",
)
def word_out_of_the_vocabulary():
    nn.Embedding(10, 4)(np.array([3, 10]))


@mistake(
    gg.DtypeError,
    "Embedding: embedding: x is float64; it must hold integers, the numbers of rows",
)
def words_as_floats():
    nn.Embedding(10, 4)(np.array([3.0, 1.0]))


# Losses and targets


@mistake(
    gg.DtypeError,
    "cross_entropy: target is float64; it takes class indices 0 to 9 in an integer dtype. ",
    "Use target.astype(gpugraph.int64)",
)
def targets_as_floats():
    F.cross_entropy(SCORES, np.array([1.0, 2.0, 3.0, 4.0]))


@mistake(
    gg.DtypeError,
    "cross_entropy: target is a list; it takes tensors, arrays and numbers. ",
    "gpugraph.tensor(...) converts",
)
def targets_in_a_list():
    F.cross_entropy(SCORES, [1, 2, 3, 4])


@mistake(
    gg.ShapeError,
    "cross_entropy: target (4, 10) seems to be one-hot; it takes one class index per ",
    "sample: (4,). Use target.argmax(axis=1)",
)
def targets_one_hot_as_integers():
    F.cross_entropy(SCORES, np.eye(10, dtype=int)[[1, 2, 3, 4]])


@mistake(
    gg.ShapeError,
    "cross_entropy: target (4, 11) of float32 would be probabilities; they must have the ",
    "shape of logits (4, 10). Class indices are integers, one per sample",
)
def targets_one_hot_of_other_classes():
    F.cross_entropy(SCORES, np.eye(11, dtype=np.float32)[[1, 2, 3, 4]])


@mistake(
    gg.IndexRangeError,
    "cross_entropy: target has class 10; there are 10 classes, 0 to 9; if yours count from ",
    "1, use target - 1",
)
def targets_that_count_from_one():
    F.cross_entropy(SCORES, np.array([1, 2, 3, 10]))


@mistake(
    gg.IndexRangeError,
    "nll_loss: target has class -1; there are 10 classes, 0 to 9; ignore_index=-1 leaves ",
    "such samples out",
)
def targets_that_are_negative():
    F.nll_loss(F.log_softmax(SCORES), np.array([0, -1, 3, 2]))


@mistake(
    gg.ShapeError,
    "cross_entropy: target (4, 1) must have one class index per sample: (4,); use ",
    "target.reshape(4,)",
)
def targets_in_a_column():
    F.cross_entropy(SCORES, np.array([[1], [2], [3], [4]]))


@mistake(
    gg.ShapeError,
    "cross_entropy: target (3,) must have one class index per sample: (4,)",
)
def targets_of_another_batch():
    F.cross_entropy(SCORES, np.array([1, 2, 3]))


@mistake(
    gg.ShapeError,
    "mse_loss: x (4, 1) and target (4,) must have one shape; reshape one",
)
def a_column_against_a_row():
    F.mse_loss(images(4, 1), images(4))


@mistake(
    gg.ArgumentError,
    "binary_cross_entropy: x goes from -1.0 to 2.0; it takes probabilities, 0 to 1. Use ",
    "sigmoid(x), or binary_cross_entropy_with_logits for raw numbers",
)
def raw_numbers_for_probabilities():
    F.binary_cross_entropy(gg.tensor([2.0, -1.0]), gg.tensor([0.0, 1.0]))


@mistake(
    gg.DtypeError,
    "binary_cross_entropy_with_logits: target is int64; it takes floating tensors. Use ",
    "target.astype(gpugraph.float32)",
)
def labels_as_integers():
    F.binary_cross_entropy_with_logits(images(4), np.array([0, 1, 1, 0]))


# Gradients


@mistake(
    gg.GradientError,
    "backward: the graph through Sum(axis=(0,), keepdims=False) (made at LINE) was already ",
    "used and what it kept is freed; pass retain_graph=True to the first backward",
)
def backward_twice():
    x = gg.tensor([1.0, 2.0], requires_grad=True)
    with gg.no_grad():
        start = x * 1
    loss = (x * x - start).sum()
    gg.grad(loss, x)
    gg.grad(loss, x)


@mistake(
    gg.GradientError,
    "backward: the output has shape (2,); reduce it to one number, as with .sum(), or pass ",
    "a cotangent of that shape",
)
def backward_of_many_numbers():
    x = gg.tensor([1.0, 2.0], requires_grad=True)
    (x * x).backward()


@mistake(
    gg.GradientError,
    "backward: the output (shape ()) depends on no tensor that needs a gradient; make one ",
    "with requires_grad=True, outside no_grad()",
)
def requires_grad_forgotten():
    gg.tensor([1.0, 2.0]).sum().backward()


@mistake(
    gg.GradientError,
    "grad: inputs[0] takes no part in a graph; make it with requires_grad=True",
)
def gradient_of_a_constant():
    x = gg.tensor([1.0, 2.0])
    gg.grad((x * x).sum(), x)


@mistake(
    gg.GradientError,
    "grad: no output depends on inputs[0] (shape (1,)); pass allow_unused=True to get None ",
    "for it",
)
def gradient_of_something_unused():
    x, w = (gg.tensor([1.0], requires_grad=True) for _ in range(2))
    gg.grad(x.sum(), w)


@mistake(
    gg.DtypeError,
    "tensor: requires_grad: only floating tensors carry a gradient, this is int64; use ",
    ".astype(gpugraph.float32)",
)
def gradient_of_integers():
    gg.tensor([1, 2], requires_grad=True)


@mistake(
    UserWarning,
    "grad: this tensor was made by subtract, and backward fills .grad of leaves only; call ",
    "retain_grad() on it before backward. (After w = w - lr * w.grad, w is no leaf any ",
    "more: write w.assign(w - lr * w.grad) inside no_grad())",
)
def weights_after_a_step_by_hand():
    w = gg.tensor([1.0, 2.0], requires_grad=True)
    for _ in range(2):
        (w * w).sum().backward()
        w = w - 0.1 * w.grad


@mistake(
    gg.DtypeError,
    "Linear: weight is a Parameter; a Tensor in its place would not be learned. Use ",
    "Parameter(...), or weight.assign(...) for new values",
)
def a_parameter_replaced_by_a_tensor():
    net = Net()
    net.head.weight = net.head.weight - 0.1


@mistake(
    gg.GradientError,
    "setitem: x (2,) is a leaf that needs a gradient, and this write would have to be ",
    "recorded; use gpugraph.where(mask, value, x), or write to x.copy()",
)
def a_leaf_written_to():
    x = gg.tensor([1.0, 2.0], requires_grad=True)
    x[0] = 5.0


@mistake(
    gg.GradientError,
    "backward: Multiply() (made at LINE) kept 'x2', which has been written to in place 1 ",
    "time(s) since; write to a copy() instead, or build the graph again",
)
def memory_changed_before_backward():
    w = gg.tensor([1.0, 2.0], requires_grad=True)
    x = gg.tensor([3.0, 4.0])
    loss = (w * x).sum()
    x.assign(0)
    loss.backward()


@mistake(
    gg.GradientError,
    "np.asarray: this tensor needs a gradient, which would be lost; .numpy() says you know",
)
def out_to_numpy_with_a_gradient():
    np.array(gg.tensor([1.0, 2.0], requires_grad=True))


# Training


@mistake(
    gg.ArgumentError,
    "SGD: params is empty; there is nothing to optimize. (A generator is read only once: ",
    "call model.parameters() anew)",
)
def optimizer_of_nothing():
    parameters = Net().parameters()
    assert sum(p.size for p in parameters) == 15914
    optim.SGD(parameters, lr=0.1)


@mistake(
    gg.DtypeError,
    "SGD: params is a Net; it takes several tensors, such as model.parameters()",
)
def optimizer_of_the_model():
    optim.SGD(Net(), lr=0.1)


@mistake(
    gg.ArgumentError,
    "SGD: params[0] (1,) needs no gradient, so it can't be optimized; leave it out: [p for ",
    "p in model.parameters() if p.requires_grad]",
)
def optimizer_of_constants():
    optim.SGD([gg.tensor([1.0])], lr=0.1)


@mistake(
    gg.ArgumentError,
    "parameters: 0 (Conv2d) learns its in_channels from its first input; call the model on ",
    "one batch, or load a checkpoint, first",
)
def optimizer_before_the_sizes_are_known():
    optim.SGD(nn.Sequential(nn.Conv2d(None, 3, 3)).parameters(), lr=0.1)


@mistake(
    gg.ArgumentError,
    "SGD: lr=-0.1 must be a number of at least 0",
)
def negative_learning_rate():
    optim.SGD(Net().parameters(), lr=-0.1)


@mistake(
    gg.ArgumentError,
    "StepLR: optimizer is a float, no Optimizer",
)
def schedule_of_a_number():
    optim.StepLR(0.1, 3)


@mistake(
    gg.ArgumentError,
    "OneCycleLR: step 3 of a cycle of total_steps=2; make it as long as the training, one ",
    "step() for each batch",
)
def schedule_beyond_its_end():
    schedule = optim.OneCycleLR(optim.SGD(Net().parameters()), 0.1, total_steps=2)
    for _ in range(3):
        schedule.step()


@mistake(
    gg.DataError,
    "load_state_dict: nothing was loaded into Net:\n",
    "  missing: conv.weight\n",
    "  missing: conv.bias\n",
    "  missing: head.weight\n",
    "  missing: head.bias\n",
    "  unexpected: 0.weight\n",
    "  unexpected: 0.bias",
)
def checkpoint_of_another_network():
    Net().load_state_dict(nn.Sequential(nn.Linear(3, 4)).state_dict())


@mistake(
    gg.DataError,
    "load_state_dict: nothing was loaded into Net:\n",
    "  head.weight is float32 (5, 1568); the module has float32 (10, 1568)",
)
def checkpoint_of_other_shapes():
    state = Net().state_dict()
    state["head.weight"] = state["head.weight"][:5]
    Net().load_state_dict(state)


@mistake(
    gg.ShapeError,
    "ArrayDataset: arrays must share their first length; got (5, 2), (4,)",
)
def arrays_of_other_lengths():
    data.DataLoader(data.ArrayDataset(np.zeros((5, 2)), np.zeros(4)), batch_size=2)


@mistake(
    gg.DtypeError,
    "fit: a batch of data is a int; it must be a tuple (x, *targets), as a ",
    "gpugraph.data.DataLoader gives",
)
def batches_without_targets():
    gg.training.fit(Net(), [1, 2], optim.SGD(Net().parameters()))


# Arrays


@mistake(
    gg.DeviceError,
    "conv (Conv2d): conv2d: conv: x is on cpu, w is on meta; move one of them: x.to('meta')",
)
def a_network_elsewhere():
    Net().to("meta")(images(1, 3, 30, 30))


@mistake(
    gg.ShapeError,
    "bool: the truth of a tensor of shape (2,) is ambiguous; use .any() or .all()",
)
def truth_of_many():
    if images(2) > 0:
        pass


@mistake(
    gg.ShapeError,
    "tensor: the lists are ragged: row 0 has length 2, row 1 has 1; rows must be of one ",
    "length",
)
def ragged_lists():
    gg.tensor([[1, 2], [3]])


@mistake(
    gg.IndexRangeError,
    "getitem: index 5 is out of range for axis 0 of x (2,)",
)
def index_beyond_the_end():
    images(2)[5]


@mistake(
    gg.DtypeError,
    "getitem: an index is float32; it must be integer or bool",
)
def index_in_floats():
    images(2)[gg.tensor([0.0, 1.0])]


@mistake(
    gg.ShapeError,
    "matmul: x1 (2, 3) @ x2 (2, 3): the last axis of x1 (3) must equal the last but one of ",
    "x2 (2)",
)
def matrices_that_do_not_fit():
    images(2, 3) @ images(2, 3)


@mistake(
    gg.ShapeError,
    "add: x1 (2, 3), x2 (2,) do not broadcast; from the right, lengths must be equal or 1",
)
def shapes_that_do_not_broadcast():
    images(2, 3) + images(2)


@mistake(
    gg.DtypeError,
    "add: x2 is a list; it takes tensors, arrays and numbers. gpugraph.tensor(...) converts",
)
def a_list_as_an_operand():
    images(2) + [1, 2]  # noqa: RUF005


@mistake(
    gg.ShapeError,
    "reshape: x (2, 3) has 6 elements; (4, 2) takes 8",
)
def reshaped_to_another_count():
    images(2, 3).reshape(4, 2)


@mistake(
    gg.ShapeError,
    "concat: arrays[1] (2, 4) differs from arrays[0] (2, 3) in another place than axis 0",
)
def joined_in_other_shapes():
    gg.concat([images(2, 3), images(2, 4)])


@mistake(
    gg.ArgumentError,
    "einsum: the result 'il' of 'ij,jk->il' must name labels of the operands, each once",
)
def a_result_that_no_operand_has():
    gg.einsum("ij,jk->il", images(2, 3), images(3, 4))


@mistake(
    gg.ShapeError,
    "einsum: label 'j' has length 3 in operand 0 (2, 3) and 4 in operand 1 (4, 4)",
)
def a_label_of_two_lengths():
    gg.einsum("ij,jk", images(2, 3), images(4, 4))


@mistake(
    gg.AxisError,
    "sum: axis 2 is out of range for x (2, 3), which has 2 axes",
)
def an_axis_too_many():
    images(2, 3).sum(axis=2)


@mistake(
    TypeError,
    "Tensor.sum() got an unexpected keyword argument 'dim'",
)
def pytorchs_keyword():
    images(2, 3).sum(dim=1)


@mistake(
    AttributeError,
    "'Tensor' object has no attribute 'cuda'; here that is x.to('cuda')",
)
def pytorchs_method():
    images(3).cuda()


@pytest.mark.parametrize("name", MISTAKES)
def test_the_text_says_what_is_wrong_and_what_to_do(name):
    function, kind, text = MISTAKES[name]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(kind) as caught:
            function()
    told = re.sub(r"made at \S+:\d+", "made at LINE", str(caught.value))
    assert told == text


def test_there_are_enough_of_them():
    assert len(MISTAKES) >= 60


def test_a_gradient_that_was_asked_for_needs_no_warning():
    w = gg.tensor([1.0, 2.0], requires_grad=True)
    y = (w * 2).retain_grad()
    assert y.grad is None  # no warning: they are errors here
    y.sum().backward()
    assert y.grad.tolist() == [1.0, 1.0]


def test_other_attributes_are_missing_as_ever():
    x = images(2)
    assert not hasattr(x, "spam") and getattr(x, "cuda", None) is None
    with pytest.raises(AttributeError, match="^'Parameter' object has no attribute 'spam'$"):
        _ = nn.Parameter(np.ones(2, np.float32)).spam
