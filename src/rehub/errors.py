"""Every exception that a user of rehub can meet.

    HubError
     ├── InvalidHandle (ValueError)             the text is no handle
     ├── InvalidResolver (TypeError)            what was registered cannot resolve handles
     ├── InvalidSetting (ValueError)            an environment variable or argument has an impossible value
     ├── ModelNotFound (OSError, ValueError)    nothing there, or no SavedModel in it
     ├── UnsupportedFormat (OSError, ValueError)    a model, but of a kind that rehub does not load
     ├── DownloadError (OSError)                a server said no, or broke off
     │    └── LocationUnavailable (ValueError)  a server tells no place to read the model from
     ├── HashMismatch (OSError)                 what came is not what the user or the server promised
     ├── CorruptArchive (OSError)               the bytes are no archive, or not all of it
     ├── UnsafeArchive (ValueError)             a member would do harm; nothing was written
     ├── ArchiveNotWritten (OSError)            a model cannot be packed to where it was asked for
     ├── NotInCache (OSError)                   rehub is offline, and the cache does not have the model
     ├── CacheError (OSError)                   the cache directory cannot be used
     │    └── DiskFull                          there is no room for the model
     ├── LocationUnreadable (NotImplementedError)   TensorFlow cannot read from storage of this kind
     ├── CorruptModel (OSError, ValueError)     a file of a model is missing or damaged
     ├── TagsNotFound (RuntimeError, ValueError, KeyError)    no such graph variant
     ├── SignatureNotFound (ValueError, KeyError)   no such signature
     ├── AttachmentNotFound (KeyError)          a legacy module has no such message attached
     ├── InvalidModule (ValueError, RuntimeError)   a graph that cannot be a module
     ├── GraphRequired (RuntimeError)           hub.Module was used where there is no graph for it
     ├── SharedDevicesRequired (RuntimeError)   a session keeps other machines' variables from a function
     ├── ExportTargetTaken (FileExistsError)    there is a model already where one was to be written
     ├── ConversionFailed (RuntimeError)        a converted model would compute something else
     ├── MissingOp (RuntimeError)               the graph uses an op that TensorFlow does not have
     ├── InputMismatch (ValueError, TypeError)  the inputs fit no trace of the function, or no signature
     ├── OutputShapeUnknown (NotImplementedError, ValueError)   a model is built of shapes, and an output has no rank
     ├── NotTrainable (ValueError)              this model cannot be trained in this way
     ├── KerasMismatch (TypeError, ValueError)  a layer of one Keras in a model of another
     ├── UnsafeModel (ValueError)               it has ops that could do harm, and the policy refuses them
     ├── UntrustedModel (ValueError)            Keras' safe mode forbids to load the model
     ├── NotSerializable (NotImplementedError)  a layer without a handle has no config
     ├── NotCopyable (PicklingError, TypeError) a copy or pickle would not be the same, or cannot be made
     ├── OptionsUnsupported (NotImplementedError)   this TensorFlow cannot do what an argument asks for
     ├── PackageMissing (ImportError)           this kind of handle needs a package that is not installed
     └── TensorFlowMissing (ImportError)        TensorFlow is not installed, or too old

Each is also the built-in exception that `tensorflow_hub` or TensorFlow raised in its place, so that code which
caught those goes on working.
"""

from __future__ import annotations

import pickle

from rehub import escaping


class HubError(Exception):
    """The root of all errors that rehub raises.

    Passwords and signatures of URLs do not get into its message, nor does what steers a terminal.
    """

    def __init__(self, *args: object) -> None:
        super().__init__(*escaping.sanitize_arguments(args))


class InvalidHandle(HubError, ValueError):
    """What was given as a handle is not one; the message lists the accepted forms."""


class InvalidResolver(HubError, TypeError):
    """What was given to `register_resolver` lacks the two methods of a resolver, or resolved a handle to no path."""


class InvalidSetting(HubError, ValueError):
    """A setting has a value that it cannot have; the message names the variable and the values that it takes."""


class ModelNotFound(HubError, OSError, ValueError):
    """There is nothing at the handle, or what is there holds no SavedModel."""


class UnsupportedFormat(HubError, OSError, ValueError):
    """The handle names a model of another kind (TF.js, TF Lite, `.keras`, `.h5`); the message says what loads it."""


class DownloadError(HubError, OSError):
    """A download failed; the message has the URL, the status and what the server said.

    Attributes:
        status: the HTTP status that came last; None when there was no answer, or when it is not what failed.
    """

    status: int | None = None


class LocationUnavailable(DownloadError, ValueError):
    """The load format is UNCOMPRESSED, and the server does not answer with a place in an object store."""


class HashMismatch(HubError, OSError):
    """The bytes that came have another hash than the handle or the server says; nothing of them was kept."""


class CorruptArchive(HubError, OSError):
    """The bytes are not an archive, or the archive ends too early."""


class UnsafeArchive(HubError, ValueError):
    """A member of the archive leaves its root, is a link or device, or outgrows a limit; nothing was unpacked."""


class ArchiveNotWritten(HubError, OSError):
    """An archive cannot be written where it was asked for: something is there, or the disk or its rights say no."""


class NotInCache(HubError, OSError):
    """The model is not in the cache, and REHUB_OFFLINE forbids the network, or a command was about the cache only."""


class CacheError(HubError, OSError):
    """The cache directory cannot be created, written or read."""


class DiskFull(CacheError):
    """The disk of the cache has no room for the model; the message has the numbers."""


class LocationUnreadable(HubError, NotImplementedError):
    """The model lies in storage that this TensorFlow has no file system for; the message says what has."""


class CorruptModel(HubError, OSError, ValueError):
    """A file of a model is missing, cut off, a Git LFS pointer, or another model's; the message names the file.

    It is of the type that TensorFlow raises too, such as FileNotFoundError or `tf.errors.DataLossError`.
    """


class TagsNotFound(HubError, RuntimeError, ValueError, KeyError):
    """The SavedModel has no MetaGraph with these tags; the message lists those it has."""

    __str__ = Exception.__str__  # KeyError would show the message in quotes.


class SignatureNotFound(HubError, ValueError, KeyError):
    """The model has no signature of this name; the message lists those it has."""

    __str__ = Exception.__str__


class AttachmentNotFound(HubError, KeyError):
    """A legacy module has no message attached under this key."""

    __str__ = Exception.__str__


class InvalidModule(HubError, ValueError, RuntimeError):
    """A graph cannot be a legacy module: of a `module_fn`, or of a file; the message names what is in the way."""


class GraphRequired(HubError, RuntimeError):
    """`hub.Module` was used where it has no graph, or another one; the message shows the ways out."""


class SharedDevicesRequired(HubError, RuntimeError):
    """A function needs variables on other machines, whose devices the session does not share with it."""


class ExportTargetTaken(HubError, FileExistsError):
    """A model was to be written where there is one already; nothing was written."""


class ConversionFailed(HubError, RuntimeError):
    """What a model was converted to does not compute what the model does; nothing was written."""


class MissingOp(HubError, RuntimeError):
    """The graph uses an op that is not registered; the message names the package that brings it."""


class InputMismatch(HubError, ValueError, TypeError, metaclass=escaping.SanitizedArguments):
    """The inputs match no trace of the function, or no signature; the message shows expected beside received."""

    # AutoGraph raises an error of a function again with its own message, and changes the type of those that are made
    # in a way of their own (tensorflow/python/autograph/pyct/error_utils.py, create_exception).
    __init__ = Exception.__init__


class OutputShapeUnknown(HubError, NotImplementedError, ValueError):
    """Keras builds a model of shapes, and the rank of an output is only known when it is computed; `output_shape=` of
    the layer declares it. Keras itself takes it to mean that a Sequential model cannot be built before it is called.
    """


class NotTrainable(HubError, ValueError):
    """The model was asked to train in a way that it does not support."""


class KerasMismatch(HubError, TypeError, ValueError):
    """A `KerasLayer` made for one Keras was used with the other; the message names both."""


class UnsafeModel(HubError, ValueError):
    """The model has ops that could do harm, and is not trusted; the message names them and where they stand."""


class UntrustedModel(HubError, ValueError):
    """Loading this layer loads a SavedModel, which Keras' safe mode forbids; the message says how to allow it."""


class NotSerializable(HubError, NotImplementedError):
    """The layer was made from an object instead of a handle, or holds values that no config can carry."""


class NotCopyable(HubError, pickle.PicklingError, TypeError):
    """What was to be pickled or copied cannot be made again from its handle; the message says what to do instead."""


class OptionsUnsupported(HubError, NotImplementedError):
    """This TensorFlow has no `tf.saved_model.LoadOptions` (it came with 2.3), or cannot `optimize=`, or not here."""


class PackageMissing(HubError, ImportError):
    """A package that this kind of handle needs is not installed; the message has the pip line."""


class TensorFlowMissing(HubError, ImportError):
    """TensorFlow is not installed, or is older than 1.15; the message says what to install."""
