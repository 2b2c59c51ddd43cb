"""Every exception that a user of rehub can meet.

    HubError
     ├── InvalidHandle (ValueError)
     ├── InvalidResolver (TypeError)
     ├── InvalidSetting (ValueError)
     ├── ModelNotFound (OSError, ValueError)
     ├── UnsupportedFormat (OSError, ValueError)
     ├── DownloadError (OSError)
     │    └── LocationUnavailable (ValueError)
     ├── HashMismatch (OSError)
     ├── CorruptArchive (OSError)
     ├── UnsafeArchive (ValueError)
     ├── ArchiveNotWritten (OSError)
     ├── NotInCache (OSError)
     ├── CacheError (OSError)
     │    └── DiskFull
     ├── LocationUnreadable (NotImplementedError)
     ├── CorruptModel (OSError, ValueError)
     ├── CheckpointMismatch (ValueError)
     ├── TagsNotFound (RuntimeError, ValueError, KeyError)
     ├── SignatureNotFound (ValueError, KeyError)
     ├── AttachmentNotFound (KeyError)
     ├── InvalidModule (ValueError, RuntimeError)
     ├── GraphRequired (RuntimeError)
     ├── SharedDevicesRequired (RuntimeError)
     ├── ExportTargetTaken (FileExistsError)
     ├── OutputInUse (FileExistsError)
     ├── OutputNotWritten (OSError)
     ├── InputUnreadable (OSError)
     │    └── InputChanged
     ├── OutputsNotAligned (ValueError)
     ├── BatchFailed (RuntimeError)
     ├── ConversionFailed (RuntimeError)
     ├── MissingOp (RuntimeError)
     ├── InputMismatch (ValueError, TypeError)
     ├── OutputShapeUnknown (NotImplementedError, ValueError)
     ├── NotTrainable (ValueError)
     ├── KerasMismatch (TypeError, ValueError)
     ├── UnsafeModel (ValueError)
     ├── UntrustedModel (ValueError)
     ├── NotSerializable (NotImplementedError)
     ├── NotCopyable (PicklingError, TypeError)
     ├── OptionsUnsupported (NotImplementedError)
     ├── InvalidVectors (ValueError)
     ├── IndexNotFound (OSError)
     ├── IndexOutdated (RuntimeError)
     ├── ModelMismatch (ValueError)
     ├── PackageMissing (ImportError)
     └── TensorFlowMissing (ImportError)

Each is also the built-in exception that `tensorflow_hub` or TensorFlow raised in its place, so code that catches those
still works.
"""

from __future__ import annotations

import pickle

from rehub import escaping


class HubError(Exception):
    """The root of all errors that rehub raises.

    Its message contains no passwords and signatures of URLs, and no control characters of a terminal.
    """

    def __init__(self, *args: object) -> None:
        super().__init__(*escaping.sanitize_arguments(args))


class InvalidHandle(HubError, ValueError):
    """The value is not a handle; the message lists the accepted forms."""


class InvalidResolver(HubError, TypeError):
    """The resolver lacks a method, or its result is not a path."""


class InvalidSetting(HubError, ValueError):
    """A setting has an invalid value; the message names the variable and the valid values."""


class ModelNotFound(HubError, OSError, ValueError):
    """The handle leads to nothing, or to something without a SavedModel."""


class UnsupportedFormat(HubError, OSError, ValueError):
    """The handle names a model of another kind (TF.js, TF Lite, `.keras`, `.h5`); the message says how to load it."""


class DownloadError(HubError, OSError):
    """A download failed; the message has the URL, the status and the server's text.

    Attributes:
        status: the last HTTP status; None if there was no response, or if the status is not the cause.
    """

    status: int | None = None


class LocationUnavailable(DownloadError, ValueError):
    """The load format is UNCOMPRESSED, and the server did not answer with a URL in an object store."""


class HashMismatch(HubError, OSError):
    """The hash of the download differs from that of the handle or the server; nothing was kept."""


class CorruptArchive(HubError, OSError):
    """The bytes are not an archive, or the archive ends too early."""


class UnsafeArchive(HubError, ValueError):
    """A member of the archive leaves its root, is a link or device, or exceeds a limit; nothing was unpacked."""


class ArchiveNotWritten(HubError, OSError):
    """An archive cannot be written at its path: the path exists, the disk is full, or you lack the rights."""


class NotInCache(HubError, OSError):
    """The model is not in the cache, and REHUB_OFFLINE forbids the network, or the command uses only the cache."""


class CacheError(HubError, OSError):
    """The cache directory cannot be created, written or read."""


class DiskFull(CacheError):
    """The disk of the cache has no room for the model; the message has the numbers."""


class LocationUnreadable(HubError, NotImplementedError):
    """The model is in storage for which this TensorFlow has no file system; the message says what has one."""


class CorruptModel(HubError, OSError, ValueError):
    """A file of a model is missing, truncated, a Git LFS pointer, or of another model; the message names the file.

    It is also of the type that TensorFlow raises, such as FileNotFoundError or `tf.errors.DataLossError`.
    """


class CheckpointMismatch(HubError, ValueError):
    """A checkpoint of TensorFlow 1 does not have exactly the variables of the module; the message lists the names."""


class TagsNotFound(HubError, RuntimeError, ValueError, KeyError):
    """The SavedModel has no MetaGraph with these tags; the message lists those it has."""

    __str__ = Exception.__str__  # KeyError shows the message in quotes.


class SignatureNotFound(HubError, ValueError, KeyError):
    """The model has no signature of this name; the message lists those it has."""

    __str__ = Exception.__str__


class AttachmentNotFound(HubError, KeyError):
    """A legacy module has no message attached under this key."""

    __str__ = Exception.__str__


class InvalidModule(HubError, ValueError, RuntimeError):
    """A graph of a `module_fn` or of a file cannot be a legacy module; the message says why."""


class GraphRequired(HubError, RuntimeError):
    """`hub.Module` was used without a graph, or in another graph; the message shows what to do."""


class SharedDevicesRequired(HubError, RuntimeError):
    """A function needs variables on other machines, whose devices the session does not share with it."""


class ExportTargetTaken(HubError, FileExistsError):
    """The path to write a model to already has a model; nothing was written."""


class OutputInUse(HubError, FileExistsError):
    """The output of a batch has results of another run, other files, or a run in progress; nothing was written."""


class OutputNotWritten(HubError, OSError):
    """The output of a batch, or an index, cannot be written: the disk is full, or you lack the rights."""


class InputUnreadable(HubError, OSError):
    """Input of a batch does not exist, or is of no known format; the message names the file."""


class InputChanged(InputUnreadable):
    """A file of the input has changed since the run was planned."""


class OutputsNotAligned(HubError, ValueError):
    """An output of the model does not have one value for each row; the message says how to name its counts."""


class BatchFailed(HubError, RuntimeError):
    """Rows of a batch have no result, and the settings forbid to go on; the message has the first error."""


class ConversionFailed(HubError, RuntimeError):
    """The converted model has other results than the original; nothing was written."""


class MissingOp(HubError, RuntimeError):
    """The graph uses an op that is not registered; the message names the package that has it."""


class InputMismatch(HubError, ValueError, TypeError, metaclass=escaping.SanitizedArguments):
    """The inputs match no trace of the function, or no signature; the message shows expected and received inputs."""

    # AutoGraph raises a function's error again with its own message, and changes the type of errors that have their own
    # __init__ (tensorflow/python/autograph/pyct/error_utils.py, create_exception).
    __init__ = Exception.__init__


class OutputShapeUnknown(HubError, NotImplementedError, ValueError):
    """Keras builds a model from shapes, but the rank of an output is known only when it is computed; declare it by
    `output_shape=` of the layer. Keras itself catches this error: it builds a Sequential model at its first call.
    """


class NotTrainable(HubError, ValueError):
    """The model cannot be trained in this way."""


class KerasMismatch(HubError, TypeError, ValueError):
    """A `KerasLayer` made for one Keras was used with the other; the message names both."""


class UnsafeModel(HubError, ValueError):
    """The model has ops that could do harm, and is not trusted; the message names them and their places."""


class UntrustedModel(HubError, ValueError):
    """The layer loads a SavedModel, which Keras' safe mode forbids; the message says how to allow it."""


class NotSerializable(HubError, NotImplementedError):
    """The layer was made from an object instead of a handle, or has values that JSON cannot hold."""


class NotCopyable(HubError, pickle.PicklingError, TypeError):
    """The object to pickle or copy cannot be made again from its handle; the message says what to do instead."""


class OptionsUnsupported(HubError, NotImplementedError):
    """This TensorFlow has no `tf.saved_model.LoadOptions` (new in 2.3), or does not support `optimize=` here."""


class InvalidVectors(HubError, ValueError):
    """The directory has no vectors to index: no Parquet files, no such column, or vectors of different lengths."""


class IndexNotFound(HubError, OSError):
    """The directory has no index of vectors, or several, and no column was named; the message lists them."""


class IndexOutdated(HubError, RuntimeError):
    """The index of vectors must be built again: its data or a version has changed, or a file of it is incomplete."""


class ModelMismatch(HubError, ValueError):
    """The vectors of an index were computed by another model than the one of the query; the message names both."""


class PackageMissing(HubError, ImportError):
    """A package that this kind of handle needs is not installed; the message has the pip line."""


class TensorFlowMissing(HubError, ImportError):
    """TensorFlow is not installed, or is older than 1.15; the message says what to install."""
