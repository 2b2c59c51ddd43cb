"""Random numbers of a seed, a key and a counter, or a state."""

from __future__ import annotations

from typing import Any

from rehub.downgrade.bodies import FLOAT, INT32, INT64, Body, make_type
from rehub.downgrade.library import Library
from rehub.downgrade.rules import Inexpressible, rule

UINT64 = make_type("uint64")
_PHILOX = 1
_OF_SEED = {
    "StatelessRandomUniformV2": "StatelessRandomUniform",
    "StatelessRandomNormalV2": "StatelessRandomNormal",
    "StatelessTruncatedNormalV2": "StatelessTruncatedNormal",
    "StatelessRandomUniformIntV2": "StatelessRandomUniformInt",
}


@rule("an op that draws the same numbers for a seed, others for a generator", *_OF_SEED)
def draw_by_seed(body: Body, node: Any, _library: Library) -> None:
    """Draw random numbers by the op that takes a seed.

    Of a key and counter that an op made of a seed, the numbers are the same. Of others, as of the state of a
    `tf.random.Generator`, they are other numbers of the same distribution.
    """
    shape, key, counter, _, *bounds = [each for each in node.input if not each.startswith("^")]
    source = body.producer(key)
    if source is not None and source.op in _KEY_OPS:
        seed, seed_type = source.input[0], source.attr.get("Tseed", INT64)
    else:
        seed, seed_type = _mix_seed(body, key, counter), INT64
    drawn = body.add(
        _OF_SEED[node.op],
        [shape, seed, *bounds],
        dtype=node.attr.get("dtype", FLOAT),
        T=node.attr.get("Tshape", INT32),
        Tseed=seed_type,
    )
    body.replace_outputs([("output", [drawn])])


_KEY_OPS = ("StatelessRandomGetKeyCounter", "StatelessRandomGetKeyCounterAlg")


def _mix_seed(body: Body, key: str, counter: str) -> str:
    """Return a seed of a key and a counter."""
    parts = [body.add("Bitcast", [each], T=UINT64, type=INT64) for each in (key, counter)]
    return body.add(
        "ConcatV2", [parts[0], _take_first(body, parts[1], INT64), body.constant(INT32, 0)], N=2, T=INT64, Tidx=INT32
    )


def _take_first(body: Body, vector: str, dtype: Any) -> str:
    bounds = [body.constant(INT32, each) for each in ([0], [1], [1])]
    masks = dict.fromkeys(("begin_mask", "end_mask", "ellipsis_mask", "new_axis_mask", "shrink_axis_mask"), 0)
    return body.add("StridedSlice", [vector, *bounds], T=dtype, Index=INT32, **masks)


@rule("the seed, which replaces the key", *_KEY_OPS)
def make_key(body: Body, node: Any, _library: Library) -> None:
    """Return the seed as the key: what draws takes the seed, by the rule for it."""
    seed = body.convert(node.input[0], node.attr.get("Tseed", INT64), INT64)
    bits = body.add("Bitcast", [seed], T=INT64, type=UINT64)
    outputs = [("key", [_take_first(body, bits, UINT64)]), ("counter", [bits])]
    if node.op == "StatelessRandomGetKeyCounterAlg":
        outputs.append(("alg", [body.constant(INT32, _PHILOX)]))
    body.replace_outputs(outputs)


@rule("Philox", "StatelessRandomGetAlg")
def choose_philox(body: Body, _node: Any, _library: Library) -> None:
    """Name the algorithm of CPUs."""
    body.replace_outputs([("alg", [body.constant(INT32, _PHILOX)])])


@rule("ReadVariableOp and RngSkip", "RngReadAndSkip")
def read_and_skip(body: Body, node: Any, _library: Library) -> None:
    """Read the state of a generator, and advance it."""
    resource, _, delta = [each for each in node.input if not each.startswith("^")]
    value = body.add("ReadVariableOp", [resource], dtype=INT64)
    algorithm = body.constant(INT64, _PHILOX)
    skipped = body.add("Bitcast", [delta], T=UINT64, type=INT64)
    body.add_node("RngSkip", [resource, algorithm, skipped], [])
    body.wait_for_last(value)
    body.replace_outputs([("value", [value])])


@rule("StatelessRandomUniformInt, which draws other numbers", "StatelessRandomUniformFullIntV2")
def draw_any_integer(body: Body, node: Any, _library: Library) -> None:
    """Draw integers of all bits: other numbers of the same distribution."""
    dtype = node.attr["dtype"]
    if dtype.type not in (INT32.type, INT64.type):
        raise Inexpressible("its integers have no sign")
    shape, key, counter, _ = [each for each in node.input if not each.startswith("^")]
    seed = _mix_seed(body, key, counter)
    bits = 31 if dtype.type == INT32.type else 63
    bounds = [body.constant(dtype, -(2**bits)), body.constant(dtype, 2**bits - 1)]
    attributes = {"dtype": dtype, "T": node.attr.get("Tshape", INT32), "Tseed": INT64}
    drawn = body.add("StatelessRandomUniformInt", [shape, seed, *bounds], **attributes)
    body.replace_outputs([("output", [drawn])])
