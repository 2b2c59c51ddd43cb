"""Tensors on the command line: read from its words and from files, made to fit a signature, and shown.

`read_input` reads what was given for an input, `fit` makes it what the signature takes or says why it cannot be that,
`images` decodes pictures, `outputs` shows and writes what the model gave.
"""

from __future__ import annotations

from rehub.cli.tensors.fitting import fit
from rehub.cli.tensors.outputs import Output, write_npz
from rehub.cli.tensors.reading import Image, read_input

__all__ = ["Image", "Output", "fit", "read_input", "write_npz"]
