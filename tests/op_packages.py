"""Packages that provide an op, written and compiled here, as those on PyPI need certain TensorFlows."""

from __future__ import annotations

import importlib
import shutil
import subprocess
import sys

import pytest
import tensorflow as tf

# By TensorFlow's C API (tensorflow/c/ops.h and kernels.h). The op does nothing: its first input is its output.
SOURCE = """
extern void *TF_NewStatus(void), *TF_NewOpDefinitionBuilder(const char *);
extern void TF_OpDefinitionBuilderAddInput(void *, const char *), TF_OpDefinitionBuilderAddOutput(void *, const char *);
extern void TF_OpDefinitionBuilderAddAttr(void *, const char *), TF_RegisterOpDefinition(void *, void *);
extern void TF_OpDefinitionBuilderSetShapeInferenceFunction(void *, void (*)(void *, void *));
extern void TF_ShapeInferenceContextSetUnknownShape(void *, void *);
extern void *TF_NewKernelBuilder(const char *, const char *, void *, void (*)(void *, void *), void *);
extern void TF_RegisterKernelBuilder(const char *, void *, void *);
extern void TF_GetInput(void *, int, void **, void *), TF_SetOutput(void *, int, const void *, void *);

static void infer_shape(void *context, void *status) { TF_ShapeInferenceContextSetUnknownShape(context, status); }

static void compute(void *kernel, void *context) {
  void *status = TF_NewStatus(), *tensor = 0;
  TF_GetInput(context, 0, &tensor, status);
  TF_SetOutput(context, 0, tensor, status);
}

__attribute__((constructor)) static void register_op(void) {
  void *status = TF_NewStatus(), *op = TF_NewOpDefinitionBuilder(OP);
  TF_OpDefinitionBuilderAddInput(op, "input: string");
  TF_OpDefinitionBuilderAddInput(op, "pattern: string");
  TF_OpDefinitionBuilderAddInput(op, "rewrite: string");
  TF_OpDefinitionBuilderAddOutput(op, "output: string");
  TF_OpDefinitionBuilderAddAttr(op, "replace_global: bool = true");
  TF_OpDefinitionBuilderSetShapeInferenceFunction(op, infer_shape);
  TF_RegisterOpDefinition(op, status);
  TF_RegisterKernelBuilder(OP, TF_NewKernelBuilder(OP, "CPU", 0, compute, 0), status);
}
"""


def write_package(site, name, op, *, library="_ops.so", loads="library"):
    """Write a package whose library registers an op with the arguments of RegexReplace.

    Args:
        site: the directory that the package is in.
        name: what is imported.
        op: the op.
        library: the library's path in the package.
        loads: "library" for a package that loads it when it is imported, "nothing" for one that does so later.
    """
    compiler = shutil.which("cc")
    if compiler is None or not sys.platform.startswith("linux"):
        pytest.skip("a library of ops is compiled by cc, on Linux")
    package = site / name
    (package / library).parent.mkdir(parents=True)
    source = site / f"{name}.c"
    source.write_text(SOURCE)
    flags = ["-shared", "-fPIC", f'-DOP="{op}"', str(source), "-o", str(package / library)]
    subprocess.run([compiler, *flags, *tf.sysconfig.get_link_flags()], check=True)
    code = "" if loads == "nothing" else f"tf.load_op_library(os.path.join(os.path.dirname(__file__), {library!r}))\n"
    (package / "__init__.py").write_text("import os\nimport tensorflow as tf\n" + code)
    importlib.invalidate_caches()
