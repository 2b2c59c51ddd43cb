"""`hub.LatestModuleExporter`: writes the modules of an Estimator's model from its latest checkpoint."""

from __future__ import annotations

import contextlib
import functools
import logging
import posixpath
import time
from typing import Any, Callable, Iterator

from rehub import tf_internals
from rehub.errors import ExportTargetTaken, InvalidSetting
from rehub.legacy.module import Module
from rehub.staging import staging_path

_log = logging.getLogger(__name__)
# A collection of the graph. Its key is not a string, so that TensorFlow neither lists nor exports it.
_REGISTERED = ("rehub_modules_for_export",)


def register_module_for_export(module: Module, export_name: str) -> None:
    """Name a module of the current graph for `hub.LatestModuleExporter`.

    Args:
        module: a `hub.Module` of this graph.
        export_name: the name of its directory, inside the directory of the export.

    Raises:
        InvalidSetting: another module of this graph has that name.
    """
    v1 = tf_internals.import_tensorflow().compat.v1
    if export_name in (name for name, _ in v1.get_collection(_REGISTERED)):
        raise InvalidSetting(f"There is already a module registered to be exported as {export_name!r}")
    v1.add_to_collection(_REGISTERED, (export_name, module))


class LatestModuleExporter:
    """An exporter of registered modules into directories named by time. It removes old exports.

        exporter = hub.LatestModuleExporter("modules", serving_input_fn)
        eval_spec = tf.estimator.EvalSpec(eval_input_fn, exporters=[exporter])
        tf.estimator.train_and_evaluate(estimator, train_spec, eval_spec)

    The `model_fn` names the modules by `hub.register_module_for_export`.

    It is a `tf.estimator.Exporter` in TensorFlow 1.15 to 2.15, which have Estimators. In newer versions, `export` works
    with any object that has an Estimator's `model_fn`, `config` and `latest_checkpoint`.
    """

    def __init__(self, name: str, serving_input_fn: Callable[[], Any], exports_to_keep: int | None = 5) -> None:
        """Configure the exporter.

        Args:
            name: the name of the exporter, which `train_and_evaluate` makes a part of the path.
            serving_input_fn: returns a `ServingInputReceiver`. The `model_fn` gets its features, in mode PREDICT, to
                build the graph of the modules. That graph is never run.
            exports_to_keep: how many of the latest exports are kept; None for all.

        Raises:
            InvalidSetting: `exports_to_keep` is not positive.
        """
        if exports_to_keep is not None and exports_to_keep <= 0:
            raise InvalidSetting(f"`exports_to_keep`, if provided, must be a positive number: {exports_to_keep}")
        # Estimator takes only instances of its own class, which cannot be named before TensorFlow is imported.
        cls: Any = type(self)
        self.__class__ = _make_estimator_class(cls)
        self._name = name
        self._serving_input_fn = serving_input_fn
        self._exports_to_keep = exports_to_keep

    @property
    def name(self) -> str:
        """The name of the exporter."""
        return self._name

    def export(
        self,
        estimator: Any,
        export_path: Any,
        checkpoint_path: str | None = None,
        eval_result: Any = None,
        is_the_final_export: bool | None = None,
    ) -> str | None:
        """Write all registered modules into a new directory named by the time, each into its own subdirectory.

        Args:
            estimator: the `tf.estimator.Estimator` whose model has the modules.
            export_path: the directory for exports.
            checkpoint_path: the checkpoint with the weights; unset, the estimator's latest.
            eval_result: not used.
            is_the_final_export: not used.

        Returns:
            The new directory, or None if no module is registered.

        Raises:
            InvalidSetting: the estimator has no checkpoint.
            ExportTargetTaken: other workers took the names of ten seconds.
        """
        del eval_result, is_the_final_export
        tf = tf_internals.import_tensorflow()
        gfile = tf.io.gfile
        export_path = tf.compat.as_str_any(export_path)
        checkpoint_path = checkpoint_path or estimator.latest_checkpoint()
        if checkpoint_path is None:
            raise InvalidSetting(
                f"LatestModuleExporter {self._name!r} has no checkpoint to take the modules' weights from: the "
                "estimator has none yet. Train it first, or give checkpoint_path."
            )
        with _open_serving_session(estimator, self._serving_input_fn, checkpoint_path) as session:
            modules = tf.compat.v1.get_collection(_REGISTERED)
            if not modules:
                _log.warning(
                    "LatestModuleExporter found no module to export. Name modules by "
                    "hub.register_module_for_export(...) in the model_fn."
                )
                return None
            # TensorFlow Serving and the removal of old exports ignore names that are not numbers.
            with staging_path(posixpath.join(export_path, "temp"), gfile) as staging:
                for export_name, module in modules:
                    module.export(posixpath.join(staging, export_name), session)
                directory = _publish_by_time(staging, export_path)
        self._remove_old_exports(export_path)
        return directory

    def _remove_old_exports(self, export_path: str) -> None:
        if self._exports_to_keep is not None:
            tf = tf_internals.import_tensorflow()
            gfile = tf.io.gfile
            names = [name.rstrip("/") for name in gfile.listdir(export_path)]
            exports = sorted((name for name in names if name.isdigit() and len(name) == 10), key=int)
            for name in exports[: -self._exports_to_keep]:
                with contextlib.suppress(tf.errors.NotFoundError):  # Another worker may have removed it.
                    gfile.rmtree(posixpath.join(export_path, name))


@functools.lru_cache(maxsize=None)
def _make_estimator_class(exporter: Any) -> Any:
    """Return a subclass that is also a `tf.estimator.Exporter`; the class itself if TensorFlow has no Estimator."""
    v1 = tf_internals.import_tensorflow().compat.v1
    # TensorFlow has no Estimator since 2.16.
    if not hasattr(v1, "estimator") or issubclass(exporter, v1.estimator.Exporter):
        return exporter
    own = {"__doc__": exporter.__doc__, "__module__": exporter.__module__}
    return type(exporter.__name__, (exporter, v1.estimator.Exporter), own)


@contextlib.contextmanager
def _open_serving_session(estimator: Any, serving_input_fn: Callable[[], Any], checkpoint_path: str) -> Iterator[Any]:
    """Build the graph that an Estimator would serve, and open a session of it with the weights of a checkpoint."""
    v1 = tf_internals.import_tensorflow().compat.v1
    with v1.Graph().as_default() as graph:
        v1.train.create_global_step(graph)
        v1.set_random_seed(estimator.config.tf_random_seed)
        receiver = serving_input_fn()
        # "infer" is tf.estimator.ModeKeys.PREDICT, which TensorFlow does not have without Estimator.
        spec = estimator.model_fn(features=receiver.features, labels=None, mode="infer", config=estimator.config)
        with v1.Session(config=tf_internals.v1_graphs.session_config_of(estimator)) as session:
            saver = spec.scaffold.saver or v1.train.Saver(sharded=True)
            saver.restore(session, checkpoint_path)
            yield session


def _publish_by_time(staging: str, export_path: str) -> str:
    """Rename a directory to the current second, or to the next one that is unused."""
    tf = tf_internals.import_tensorflow()
    for _ in range(10):
        directory = posixpath.join(export_path, str(int(time.time())))
        try:
            tf.io.gfile.rename(staging, directory)
        except (tf.errors.AlreadyExistsError, tf.errors.FailedPreconditionError):  # Another worker exports too.
            time.sleep(1)
        else:
            return directory
    raise ExportTargetTaken(f"For 10 seconds, all directories named by the time were taken in {export_path!r}.")
