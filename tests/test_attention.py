"""Attention against loops over the queries; masks, heads, the encoder of a transformer."""

import numpy as np
import pytest

import gpugraph as gg
import gpugraph.nn.functional as F
from gpugraph import nn
from gpugraph.ops.random import Generator

rng = np.random.default_rng(0)
attend = F.scaled_dot_product_attention


def by_hand(q, k, v, may_look, scale=None):
    """One query after the other: (L, E), (S, E), (S, V), may_look(i, j) -> number to add."""
    y = np.zeros((len(q), v.shape[1]))
    scale = 1 / np.sqrt(q.shape[1]) if scale is None else scale
    for i, row in enumerate(q):
        scores = np.array([row @ key * scale + may_look(i, j) for j, key in enumerate(k)])
        if (scores == -np.inf).all():
            continue
        e = np.exp(scores - scores.max())
        y[i] = e / e.sum() @ v
    return y


def test_queries_one_by_one():
    inf = np.inf
    for _ in range(30):
        L, S, E, V = (int(n) for n in rng.integers(1, 6, 4))
        q, k, v = rng.standard_normal((L, E)), rng.standard_normal((S, E)), rng.random((S, V))
        mask, added = rng.random((L, S)) < 0.6, rng.standard_normal((L, S))
        for options, rule in (
            ({}, lambda i, j: 0),
            ({"scale": 0.3}, lambda i, j: 0),
            ({"is_causal": True}, lambda i, j: 0 if j <= i else -inf),
            ({"attn_mask": mask}, lambda i, j, m=mask: 0 if m[i, j] else -inf),
            ({"attn_mask": added}, lambda i, j, m=added: m[i, j]),
            ({"attn_mask": mask[:1]}, lambda i, j, m=mask: 0 if m[0, j] else -inf),
        ):
            want = by_hand(q, k, v, rule, options.get("scale"))
            np.testing.assert_allclose(attend(q, k, v, **options).numpy(), want, atol=1e-13)
            batch = attend(*(np.stack([x, x]) for x in (q, k, v)), **options).numpy()
            np.testing.assert_allclose(batch[1], want, atol=1e-13)


def test_a_query_that_sees_nothing_gives_zeros_and_gradients_of_zero():
    q, k, v = (gg.Tensor(rng.standard_normal((3, 2)), requires_grad=True) for _ in range(3))
    mask = np.array([[True, True, False], [False] * 3, [False, True, True]])
    y = attend(q, k, v, mask)
    gq, gk, gv = gg.grad((y * y).sum(), (q, k, v))
    assert not y.numpy()[1].any() and not gq.numpy()[1].any()
    assert all(np.isfinite(g.numpy()).all() and g.numpy().any() for g in (gq, gk, gv))


def test_large_scores_do_not_overflow():
    q = np.full((1, 4), 1e4, np.float32)
    y = attend(q, np.stack([q[0], -q[0]]), np.array([[1.0], [2.0]], np.float32))
    assert y.tolist() == [[1.0]]


def test_several_heads_share_a_key():
    q, k, v = rng.standard_normal((2, 6, 3, 4)), *rng.standard_normal((2, 2, 2, 5, 4))
    y = attend(q, k, v, enable_gqa=True).numpy()
    for n, h in np.ndindex(2, 6):
        want = by_hand(q[n, h], k[n, h // 3], v[n, h // 3], lambda i, j: 0)
        np.testing.assert_allclose(y[n, h], want, atol=1e-13)


def test_dropped_weights_are_made_up_for():
    q, k, v = np.zeros((1, 4)), np.zeros((4000, 4)), np.ones((4000, 1))
    y = attend(q, k, v, dropout_p=0.25, generator=Generator(1)).item()
    assert y != 1 and abs(y - 1) < 4 * np.sqrt(0.25 / 0.75 / 4000)


def heads_by_hand(layer, q, k, v, rule):
    """(L, E), (S, E), (S, E) through the layer's weights, head by head."""
    state = layer.state_dict()
    E, heads = layer.embed_dim, layer.num_heads
    wq, wk, wv = np.split(state["in_proj_weight"], 3)
    bq, bk, bv = np.split(state["in_proj_bias"], 3)
    q, k, v = q @ wq.T + bq, k @ wk.T + bk, v @ wv.T + bv
    parts = [slice(h * E // heads, (h + 1) * E // heads) for h in range(heads)]
    y = np.concatenate([by_hand(q[:, p], k[:, p], v[:, p], rule) for p in parts], axis=1)
    return y @ state["out_proj.weight"].T + state["out_proj.bias"]


def layer_with_biases(**options):
    layer = nn.MultiheadAttention(6, 3, generator=Generator(2), **options).astype(np.float64)
    layer.in_proj_bias.assign(rng.standard_normal(18))
    layer.out_proj.bias.assign(rng.standard_normal(6))
    return layer


def test_heads_beside_each_other():
    layer = layer_with_biases()
    q, k, v = rng.standard_normal((3, 2, 6)), *rng.standard_normal((2, 4, 2, 6))
    masked = np.triu(np.ones((3, 4), bool), 1)
    padding = np.array([[False, False, True, True], [False, True, False, False]])
    y, weights = layer(q, k, v, attn_mask=masked, key_padding_mask=padding)
    assert y.shape == (3, 2, 6) and weights.shape == (2, 3, 4)
    for n in range(2):
        hidden = masked | padding[n]
        want = heads_by_hand(
            layer, q[:, n], k[:, n], v[:, n], lambda i, j, h=hidden: -np.inf if h[i, j] else 0
        )
        np.testing.assert_allclose(y.numpy()[:, n], want, atol=1e-12)
        assert not weights.numpy()[n][hidden].any()
    np.testing.assert_allclose(weights.numpy().sum(-1), 1)
    first = layer_with_biases(batch_first=True)
    first.load_state_dict(layer.state_dict())
    again, each = first(
        *(x.swapaxes(0, 1) for x in (q, k, v)), attn_mask=masked, key_padding_mask=padding,
        average_attn_weights=False,
    )  # fmt: skip
    np.testing.assert_array_equal(again.numpy(), y.numpy().swapaxes(0, 1))
    np.testing.assert_allclose(each.numpy().mean(1), weights.numpy(), atol=1e-15)
    alone, none = layer(q[:, 0], k[:, 0], v[:, 0], need_weights=False, is_causal=True)
    want = heads_by_hand(layer, q[:, 0], k[:, 0], v[:, 0], lambda i, j: -np.inf if j > i else 0)
    np.testing.assert_allclose(alone.numpy(), want, atol=1e-12)
    assert none is None


def test_parameters_have_their_names():
    plain = {"in_proj_weight", "in_proj_bias", "out_proj.weight", "out_proj.bias"}
    assert set(nn.MultiheadAttention(4, 2).state_dict()) == plain
    apart = nn.MultiheadAttention(4, 2, bias=False, kdim=3, vdim=5, add_bias_kv=True)
    wanted = {f"{x}_proj_weight" for x in "qkv"} | {"out_proj.weight", "bias_k", "bias_v"}
    assert set(apart.state_dict()) == wanted
    assert apart.k_proj_weight.shape == (4, 3) and apart.v_proj_weight.shape == (4, 5)


def test_an_encoder_layer_is_attention_and_two_linear_layers():
    layer = nn.TransformerEncoderLayer(6, 2, 5, generator=Generator(3)).astype(np.float64).eval()
    x = rng.standard_normal((4, 2, 6))
    y = layer.norm1(x + layer.self_attn(x, x, x)[0])
    want = layer.norm2(y + layer.linear2(F.relu(layer.linear1(y))))
    np.testing.assert_array_equal(layer(x).numpy(), want.numpy())
    layer.norm_first = True
    y = layer.norm1(x)
    y = x + layer.self_attn(y, y, y)[0]
    want = y + layer.linear2(F.relu(layer.linear1(layer.norm2(y))))
    np.testing.assert_array_equal(layer(x).numpy(), want.numpy())
    stacked = nn.TransformerEncoder(layer, 2, nn.LayerNorm(6)).astype(np.float64).eval()
    np.testing.assert_array_equal(stacked(x).numpy(), stacked.norm(layer(layer(x))).numpy())
    assert len(list(stacked.parameters())) == 2 * 12 + 2


def test_a_decoder_layer_attends_twice():
    options = {"generator": Generator(4), "activation": "gelu"}
    layer = nn.TransformerDecoderLayer(6, 2, 5, **options).astype(np.float64).eval()
    x, memory = rng.standard_normal((4, 2, 6)), rng.standard_normal((3, 2, 6))
    mask, beside = np.triu(np.ones((4, 4), bool), 1), np.eye(4, 3, dtype=bool)
    padding = np.array([[False, True, False, False]] * 2)
    there = np.array([[False, False, True], [False, False, False]])
    masks = {"tgt_key_padding_mask": padding, "memory_key_padding_mask": there}

    def attend(x):
        return layer.self_attn(x, x, x, attn_mask=mask, key_padding_mask=padding)[0]

    def look(x):
        attention = layer.multihead_attn
        return attention(x, memory, memory, attn_mask=beside, key_padding_mask=there)[0]

    def feed(x):
        return layer.linear2(F.gelu(layer.linear1(x)))

    y = layer.norm1(x + attend(x))
    y = layer.norm2(y + look(y))
    want = layer.norm3(y + feed(y)).numpy()
    np.testing.assert_array_equal(layer(x, memory, mask, beside, **masks).numpy(), want)
    masks["tgt_is_causal"] = True  # instead of the mask
    np.testing.assert_array_equal(layer(x, memory, None, beside, **masks).numpy(), want)
    layer.norm_first = True
    y = x + attend(layer.norm1(x))
    y = y + look(layer.norm2(y))
    want = y + feed(layer.norm3(y))
    np.testing.assert_array_equal(layer(x, memory, mask, beside, **masks).numpy(), want.numpy())
    stacked = nn.TransformerDecoder(layer, 2, nn.LayerNorm(6)).astype(np.float64).eval()
    want = stacked.norm(layer(layer(x, memory, mask), memory, mask))
    np.testing.assert_array_equal(stacked(x, memory, mask).numpy(), want.numpy())


def test_a_transformer_is_an_encoder_and_a_decoder():
    net = nn.Transformer(6, 2, 2, 3, 5, 0.0, generator=Generator(1)).astype(np.float64)
    src, tgt = rng.standard_normal((4, 2, 6)), rng.standard_normal((3, 2, 6))
    later = nn.Transformer.generate_square_subsequent_mask(3, dtype=np.float64)
    want = np.where(np.arange(3) > np.arange(3)[:, None], -np.inf, 0)
    np.testing.assert_array_equal(later.numpy(), want)
    y = net(src, tgt, tgt_mask=later)
    np.testing.assert_array_equal(y.numpy(), net.decoder(tgt, net.encoder(src), later).numpy())
    np.testing.assert_allclose(net(src, tgt, tgt_is_causal=True).numpy(), y.numpy())
    changed = np.concatenate([tgt[:2], tgt[2:] + 1])
    np.testing.assert_array_equal(net(src, changed, tgt_mask=later).numpy()[:2], y.numpy()[:2])
    y.sum().backward()
    assert all(p.grad is not None for p in net.parameters())
    assert not np.array_equal(  # each layer starts with numbers of its own
        net.encoder.layers[0].linear1.weight.numpy(), net.encoder.layers[1].linear1.weight.numpy()
    )
    own = nn.Transformer(6, 2, custom_encoder=nn.Identity(), custom_decoder=net.decoder)
    assert own.encoder(src) is src and own.decoder is net.decoder
    with pytest.raises(SHAPE, match=r"Transformer: tgt \(3, 2, 5\) must end in d_model=6 features"):
        net(src, tgt[..., :5])
    with pytest.raises(ARGUMENT, match="TransformerDecoderLayer: activation='tanh' must be 'relu'"):
        nn.TransformerDecoderLayer(6, 2, activation="tanh")


def test_an_encoder_learns_what_stands_first():
    """The class is the first token; without attention the mean of the outputs can't know it."""
    gg.random.seed(0)
    tokens = np.random.default_rng(1).integers(0, 3, (64, 5))
    embed, place = nn.Embedding(3, 8), nn.Parameter(0.5 * gg.ones((5, 8)))
    place.assign(np.random.default_rng(2).standard_normal((5, 8)).astype(np.float32))
    layer, head = nn.TransformerEncoderLayer(8, 2, 16, 0.0, batch_first=True), nn.Linear(8, 3)
    parameters = [place, *embed.parameters(), *layer.parameters(), *head.parameters()]
    optimizer = gg.optim.Adam(parameters, 0.02)
    losses = []
    for _ in range(60):
        logits = head(layer(embed(tokens) + place).mean(axis=1))
        loss = F.cross_entropy(logits, tokens[:, 0])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[0] > 0.8 and losses[-1] < 0.1


X, MASK = np.zeros((2, 3, 4)), np.zeros((3, 3), bool)
SINGLE = X.astype(np.float32)
SHAPE, ARGUMENT = gg.errors.ShapeError, gg.errors.ArgumentError


@pytest.mark.parametrize(
    "call, error, text",
    [
        (lambda: attend(X, X[..., :2], X), SHAPE,
         "scaled_dot_product_attention: query (2, 3, 4) and key (2, 3, 2) must be (..., L, E) and "
         "(..., S, E)"),
        (lambda: attend(X, X, X[:, :2]), SHAPE,
         "scaled_dot_product_attention: key (2, 3, 4) and value (2, 2, 4) must be equally many "
         "(axis -2)"),
        (lambda: attend(X, X, X, np.zeros((3, 2))), SHAPE,
         "scaled_dot_product_attention: attn_mask (3, 2) must broadcast to the scores (2, 3, 3)"),
        (lambda: attend(X, X, X, np.zeros((3, 3)), is_causal=True), ARGUMENT,
         "scaled_dot_product_attention: is_causal=True and attn_mask; give one of them"),
        (lambda: attend(X, X, X, np.zeros((3, 3), int)), gg.errors.DtypeError,
         "scaled_dot_product_attention: attn_mask is int64; it takes bools or floating numbers"),
        (lambda: nn.MultiheadAttention(5, 2), ARGUMENT,
         "MultiheadAttention: embed_dim=5 must be a multiple of num_heads=2"),
        (lambda: nn.MultiheadAttention(6, 2)(X, X, X), SHAPE,
         "MultiheadAttention: multihead_attention: query (2, 3, 4) must be (L, N, features), or "
         "all (L, features), with 6 features"),
        (lambda: nn.MultiheadAttention(4, 2)(*3 * [SINGLE], attn_mask=MASK), SHAPE,
         "MultiheadAttention: multihead_attention: attn_mask (3, 3) must be (2, 2) or (6, 2, 2)"),
    ],
)  # fmt: skip
def test_errors_say_what_came_and_what_was_wanted(call, error, text):
    with pytest.raises(error) as caught:
        call()
    assert str(caught.value) == text
