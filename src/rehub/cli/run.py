"""`rehub run HANDLE`: call a signature of a model with inputs from the command line or from files."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import Any

from rehub.cli import output
from rehub.cli.exit_codes import OK
from rehub.cli.parser import Parser, parse_image_size, parse_new_path
from rehub.cli.tensorflow_start import start_tensorflow
from rehub.cli.tensors import OutputValue, fit_value, read_input, write_npz
from rehub.errors import ArchiveNotWritten, HubError, InputMismatch, SignatureNotFound
from rehub.escaping import escape
from rehub.formatting import did_you_mean, format_size, list_names
from rehub.inspection import inspect
from rehub.inspection.model_info import GraphInfo, ModelInfo, SignatureInfo, TensorInfo
from rehub.inspection.summary import format_input
from rehub.loading import load
from rehub.savedmodel import select_metagraph
from rehub.savedmodel.signatures import find_default_signature
from rehub.staging import write_atomically


def add_arguments(parser: Parser) -> None:
    parser.description = """Calls a signature of a model, and prints its outputs. Inputs are JSON, or come from files:

  --input 'x=[[1.5, 2]]'          numbers; 'words=["a", "b"]' strings; {"b64": "..."} bytes that are not text
  --input x=@rows.npy             an array; x=@arrays.npz:NAME one of several; also .json and .csv
  --input images=@cat.png         a picture, from 0 to 1 for floats, resized to the size that the signature takes

A model is a program: run only those that you trust."""
    parser.add_handle_argument()
    parser.add_argument("--signature", metavar="NAME", help="the signature to call (default: the default or only one)")
    parser.add_argument(
        "--input",
        metavar="NAME=VALUE",
        dest="inputs",
        action="append",
        default=[],
        help="JSON, or @ and a file: .npy .npz .json .csv .png .jpg .gif .bmp; repeat it for each input",
    )
    parser.add_argument("--resize", metavar="HxW", type=parse_image_size, help="resize pictures to this size")
    parser.add_tags_option("load")
    parser.add_argument(
        "--output", metavar="FILE", type=parse_new_path(".npz"), help="write the outputs to a new .npz file"
    )
    parser.add_argument("--force", action="store_true", help="replace FILE if it exists")
    parser.add_json_option("the outputs")
    parser.add_examples(
        """run ./sentences --input 'default=["a fine film"]'""",
        "run ./photos --input images=@cat.png --resize 224x224",
        "run ./rows --input x=@rows.npy --output outputs.npz",
    )


def run_command(arguments: Namespace) -> int:
    if arguments.output is not None and arguments.output.exists() and not arguments.force:
        raise ArchiveNotWritten(f"{str(arguments.output)!r} exists already. Remove it, or replace it with --force.")
    tags = None if arguments.tags is None else frozenset(arguments.tags)
    info = inspect(arguments.handle)
    signature = _choose_signature(_choose_graph(info, tags), arguments.signature, arguments.handle)
    start_tensorflow()  # Before NumPy, which may be missing too: its error says what to install.
    inputs = _read_inputs(signature, arguments.inputs, arguments.resize, arguments.handle)
    outputs = _call_signature(arguments.handle, info, signature, inputs, tags)
    if arguments.output is not None:
        _write_outputs(arguments.output, outputs)
    elif arguments.json:
        output.print_json({name: each.json for name, each in outputs.items()})
    else:
        output.print_table(
            ["OUTPUT", "TENSOR", "VALUE"], [[name, each.description, each.summary] for name, each in outputs.items()]
        )
    return OK


def _choose_graph(info: ModelInfo, tags: frozenset[str] | None) -> GraphInfo:
    if tags is None and info.format == "legacy module":
        tags = frozenset()
    return select_metagraph(info.graphs, tags, info.handle)


def _choose_signature(graph: GraphInfo, name: str | None, handle: str) -> SignatureInfo:
    by_name = {signature.name: signature for signature in graph.signatures}
    if name is None:
        # Also "default" in models that are not legacy modules.
        chosen = find_default_signature(graph.signatures, is_legacy=False) or by_name.get("default")
    else:
        chosen = by_name.get(name)
    if chosen is not None:
        return chosen
    if not by_name:
        raise SignatureNotFound(f"{handle!r} has no signatures.")
    asked = "no default signature" if name is None else f"no signature {name!r}"
    hint = did_you_mean(name or "", by_name)
    raise SignatureNotFound(f"{handle!r} has {asked}; choose one with --signature: {list_names(by_name)}.{hint}")


def _read_inputs(
    signature: SignatureInfo, given: list[str], size: tuple[int, int] | None, handle: str
) -> dict[str, Any]:
    """Read the values, and fit them to the signature.

    Raises:
        InputMismatch: a value does not fit; says why, and what the signature takes.
    """
    expected_inputs = _describe_inputs(signature, handle)
    by_name: dict[str, str] = {}
    for argument in given:
        name, found, text = argument.partition("=")
        if not found:
            raise InputMismatch(f"--input {argument!r} is not of the form NAME=VALUE. {expected_inputs}")
        if name in by_name:
            raise InputMismatch(f"Input {name!r} is given twice. {expected_inputs}")
        by_name[name] = text
    expected = {each.name: each for each in signature.inputs}
    missing = [name for name in expected if name not in by_name]
    unknown = [name for name in by_name if name not in expected]
    if missing or unknown:
        raise InputMismatch(
            f"The inputs are not those of the signature. Missing: {list_names(missing) or 'none'}. "
            f"Unknown: {list_names(unknown) or 'none'}. {expected_inputs}"
        )
    inputs = {}
    for name, text in by_name.items():
        try:
            inputs[name] = fit_value(read_input(text), expected[name], size)
        except InputMismatch as error:
            raise InputMismatch(f"Input {name!r}: {error}\n{expected_inputs}") from error
    return inputs


def _describe_inputs(signature: SignatureInfo, handle: str) -> str:
    inputs = "; ".join(escape(format_input(tensor)) for tensor in signature.inputs)
    return f"Signature {signature.name!r} of {handle!r} takes {inputs or 'no inputs'}."


def _call_signature(
    handle: str, info: ModelInfo, signature: SignatureInfo, inputs: dict[str, Any], tags: frozenset[str] | None
) -> dict[str, OutputValue]:
    tf = start_tensorflow()
    model = load(handle, None if tags is None else sorted(tags))
    tensors = {each.name: _make_tensor(tf, inputs[each.name], each) for each in signature.inputs}
    try:
        if info.format == "TF2 SavedModel":
            outputs = model.signatures[signature.name](**tensors)
        else:
            outputs = model(tensors, signature=signature.name, as_dict=True)
        return {name: OutputValue.from_tensor(outputs[name]) for name in sorted(outputs)}
    except tf.errors.InvalidArgumentError as error:
        raise InputMismatch(f"{info.handle!r} does not take these inputs: {_find_cause(error)}") from error
    except tf.errors.OpError as error:
        raise HubError(f"{info.handle!r} failed: {_find_cause(error)}") from error


def _find_cause(error: Any) -> str:
    # TensorFlow adds a call stack of functions, and of the code of the model's author.
    paragraphs: list[str] = error.message.strip().split("\n\n")
    return next((text for text in reversed(paragraphs) if not text.startswith("Function call stack")), paragraphs[0])


def _make_tensor(tf: Any, value: Any, expected: TensorInfo) -> Any:
    dtype = tf.as_dtype(expected.dtype)
    if expected.kind == "ragged":
        try:
            return tf.ragged.constant(value, dtype)
        except (TypeError, ValueError) as error:
            raise InputMismatch(f"Input {expected.name!r} takes a ragged {expected.dtype}: {error}") from error
    tensor = tf.cast(value, dtype) if expected.dtype == "bfloat16" else tf.constant(value, dtype)
    # Zeros and empty strings become absent elements.
    return tf.sparse.from_dense(tensor) if expected.kind == "sparse" else tensor


def _write_outputs(path: Path, outputs: dict[str, OutputValue]) -> None:
    try:
        with write_atomically(path) as staging:
            write_npz(staging, outputs)
    except OSError as error:
        raise ArchiveNotWritten(f"{str(path)!r} cannot be written: {error}") from error
    output.print_line(f"{path}  {format_size(path.stat().st_size)}")
