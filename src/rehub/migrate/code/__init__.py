"""Rewrite programs of TensorFlow 1 that use `hub.Module` for TensorFlow 2: what `rehub migrate` runs on.

It needs the extra `rehub[migrate]` (libcst), and neither TensorFlow nor the models. The library imports nothing of it.
"""
