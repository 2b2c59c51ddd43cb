"""Tensors on the command line: read from arguments and files, fitted to a signature, and printed.

`read_input` reads the value of an input, `fit_value` converts it to what the signature takes, `images` decodes
pictures, `outputs` prints and writes the outputs of a call.
"""

from __future__ import annotations

from rehub.cli.tensors.fitting import fit_value as fit_value
from rehub.cli.tensors.outputs import OutputValue as OutputValue
from rehub.cli.tensors.outputs import write_npz as write_npz
from rehub.cli.tensors.reading import Image as Image
from rehub.cli.tensors.reading import read_input as read_input
