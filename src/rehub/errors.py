"""Every exception that rehub raises for users.

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

Each is also the built-in exception that `tensorflow_hub` or TensorFlow raised in the same case, so code that catches
that exception still works.
"""

from __future__ import annotations

import pickle

from rehub import escaping


class HubError(Exception):
    """The base class of all errors that rehub raises.

    Messages contain no passwords, no signatures of URLs, and no terminal control characters.
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
    """There is nothing at the handle, or something without a SavedModel."""


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
    """A member of the archive leaves the root, is a link or device, or exceeds a limit; nothing was unpacked."""


class ArchiveNotWritten(HubError, OSError):
    """An archive cannot be written at its path: the path exists, the disk is full, or you lack the rights."""


class NotInCache(HubError, OSError):
    """The model is not in the cache, and REHUB_OFFLINE forbids the network, or the command uses only the cache."""


class CacheError(HubError, OSError):
    """The cache directory cannot be created, written or read."""


class DiskFull(CacheError):
    """The disk of the cache has no room for the model; the message gives both sizes."""


class LocationUnreadable(HubError, NotImplementedError):
    """This TensorFlow cannot read the storage that has the model; the message says what can."""


class CorruptModel(HubError, OSError, ValueError):
    """A file of a model is missing, truncated, a Git LFS pointer, or from another model; the message names the file.

    The error is also of the type that TensorFlow raises, such as FileNotFoundError or `tf.errors.DataLossError`.
    """


class CheckpointMismatch(HubError, ValueError):
    """A TensorFlow 1 checkpoint does not have exactly the variables of the module; the message lists the names."""


class TagsNotFound(HubError, RuntimeError, ValueError, KeyError):
    """The SavedModel has no MetaGraph with these tags; the message lists the tags that exist."""

    __str__ = Exception.__str__  # KeyError shows the message in quotes.


class SignatureNotFound(HubError, ValueError, KeyError):
    """The model has no signature of this name; the message lists the signatures that exist."""

    __str__ = Exception.__str__


class AttachmentNotFound(HubError, KeyError):
    """A legacy module has no message attached under this key."""

    __str__ = Exception.__str__


class InvalidModule(HubError, ValueError, RuntimeError):
    """The graph of a `module_fn` or of a file cannot be a legacy module; the message says why."""


class GraphRequired(HubError, RuntimeError):
    """`hub.Module` was used without a graph, or in another graph; the message shows what to do."""


class SharedDevicesRequired(HubError, RuntimeError):
    """A function needs variables on other machines, but the session does not share their devices with the function."""


class ExportTargetTaken(HubError, FileExistsError):
    """There is already a model at the path to write to; nothing was written."""


class OutputInUse(HubError, FileExistsError):
    """The output of a batch has results of another run, other files, or a run in progress; nothing was written."""


class OutputNotWritten(HubError, OSError):
    """The output of a batch, or an index, cannot be written: the disk is full, or you lack the rights."""


class InputUnreadable(HubError, OSError):
    """An input of a batch does not exist, or has an unknown format; the message names the file."""


class InputChanged(InputUnreadable):
    """An input file has changed since the run was planned."""


class OutputsNotAligned(HubError, ValueError):
    """An output of the model does not have one value for each row; the message says how to name the counts."""


class BatchFailed(HubError, RuntimeError):
    """Rows of a batch have no result, and the settings do not allow that; the message has the first error."""


class ConversionFailed(HubError, RuntimeError):
    """The converted model gives different results from the original; nothing was written."""


class MissingOp(HubError, RuntimeError):
    """The graph uses an op that is not registered; the message names the package that provides it."""


class InputMismatch(HubError, ValueError, TypeError, metaclass=escaping.SanitizedArguments):
    """The inputs match no trace of the function, or no signature; the message shows expected and received inputs."""

    # AutoGraph raises a function's error again with its own message, and changes the type of errors that have their own
    # __init__ (tensorflow/python/autograph/pyct/error_utils.py, create_exception).
    __init__ = Exception.__init__


class OutputShapeUnknown(HubError, NotImplementedError, ValueError):
    """Keras builds a model from shapes, but the rank of an output is known only when it is computed; declare the shape
    with the layer's `output_shape=`. Keras catches this error for a Sequential model, and builds it at the first call.
    """


class NotTrainable(HubError, ValueError):
    """The model cannot be trained in this way."""


class KerasMismatch(HubError, TypeError, ValueError):
    """A `KerasLayer` made for one Keras was used with another Keras; the message names both."""


class UnsafeModel(HubError, ValueError):
    """The model has ops that could do harm, and is not trusted; the message names them and their nodes."""


class UntrustedModel(HubError, ValueError):
    """The layer loads a SavedModel, which Keras' safe mode forbids; the message says how to allow it."""


class NotSerializable(HubError, NotImplementedError):
    """The layer was made from an object instead of a handle, or has values that JSON cannot represent."""


class NotCopyable(HubError, pickle.PicklingError, TypeError):
    """The object to pickle or copy cannot be recreated from its handle; the message says what to do instead."""


class OptionsUnsupported(HubError, NotImplementedError):
    """This TensorFlow has no `tf.saved_model.LoadOptions` (new in 2.3), or does not support `optimize=` here."""


class InvalidVectors(HubError, ValueError):
    """The directory has no vectors to index: no Parquet files, no such column, or vectors of different lengths."""


class IndexNotFound(HubError, OSError):
    """The directory has no index of vectors, or it has several and no column was named; the message lists them."""


class IndexOutdated(HubError, RuntimeError):
    """The index must be built again: its data or a version has changed, or one of its files is incomplete."""


class ModelMismatch(HubError, ValueError):
    """The model of the query is not the model that computed the vectors of the index; the message names both."""


class PackageMissing(HubError, ImportError):
    """A package that the handle or function needs is not installed; the message has the pip line."""


class TensorFlowMissing(HubError, ImportError):
    """TensorFlow is not installed, or is older than 1.15; the message says what to install."""
