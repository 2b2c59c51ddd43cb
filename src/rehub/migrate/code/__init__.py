"""Rewrite programs of TensorFlow 1 that use `hub.Module` for TensorFlow 2: what `rehub migrate` runs on.

It needs the extra `rehub[migrate]` (libcst), and neither TensorFlow nor the models. The library imports nothing of it.

The engine, `rewriting.rewrite`, is text to text. `interpreter` runs a program abstractly and records, for each
expression, what it holds (`values`): a module, a session, a placeholder, a tensor and what it depends on. Steps over
that record plan edits: `modules` and `keras_layers` load models, `sessions` removes what eager mode has no place for,
`slices` and `deferred` write functions of placeholders, `fetches` calls them where a session ran with what it was fed
(`feeds`), `training` and `layers` write steps with a gradient tape, `estimators` writes models of Keras, `names`
respells. A step that cannot keep a meaning blocks, and then nothing of the program changes.
"""
