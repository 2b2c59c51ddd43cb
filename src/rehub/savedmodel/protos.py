"""The protobuf messages that models are made of: their fields by name, with number and type.

Formats are read by field number, without generated code: TensorFlow 1.15 and the newest need versions of protobuf that
exclude each other. `NodeDef.attr` is the number of a field, for `wire.Message`; `MESSAGES` and `ENUMS` have the types
too, for what reads a model from text or looks for fields that no TensorFlow knows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

# Each message with its fields, as name=number:type; a * marks a repeated field, and |name the oneof it is in. This is
# the union of what TensorFlow 1.15, 2.15 and 2.21 have in the package `tensorflow`, from SavedModel down.
_MESSAGES = """
SavedModel saved_model_schema_version=1:int64 meta_graphs=2:MetaGraphDef*
MetaGraphDef meta_info_def=1:MetaGraphDef.MetaInfoDef graph_def=2:GraphDef saver_def=3:SaverDef
  collection_def=4:map<string,CollectionDef> signature_def=5:map<string,SignatureDef> asset_file_def=6:AssetFileDef*
  object_graph_def=7:SavedObjectGraph
MetaGraphDef.MetaInfoDef meta_graph_version=1:string stripped_op_list=2:OpList any_info=3:google.protobuf.Any
  tags=4:string* tensorflow_version=5:string tensorflow_git_version=6:string stripped_default_attrs=7:bool
  function_aliases=8:map<string,string>
OpList op=1:OpDef*
OpDef name=1:string input_arg=2:OpDef.ArgDef* output_arg=3:OpDef.ArgDef* attr=4:OpDef.AttrDef* summary=5:string
  description=6:string deprecation=8:OpDeprecation is_aggregate=16:bool is_stateful=17:bool is_commutative=18:bool
  allows_uninitialized_input=19:bool control_output=20:string* is_distributed_communication=21:bool
OpDef.ArgDef name=1:string description=2:string type=3:DataType type_attr=4:string number_attr=5:string
  type_list_attr=6:string handle_data=7:ResourceHandleProto.DtypeAndShape* is_ref=16:bool
  experimental_full_type=17:FullTypeDef
ResourceHandleProto.DtypeAndShape dtype=1:DataType shape=2:TensorShapeProto
TensorShapeProto dim=2:TensorShapeProto.Dim* unknown_rank=3:bool
TensorShapeProto.Dim size=1:int64 name=2:string
FullTypeDef type_id=1:FullTypeId args=2:FullTypeDef* s=3:string|attr i=4:int64|attr
OpDef.AttrDef name=1:string type=2:string default_value=3:AttrValue description=4:string has_minimum=5:bool
  minimum=6:int64 allowed_values=7:AttrValue
AttrValue list=1:AttrValue.ListValue|value s=2:bytes|value i=3:int64|value f=4:float|value b=5:bool|value
  type=6:DataType|value shape=7:TensorShapeProto|value tensor=8:TensorProto|value placeholder=9:string|value
  func=10:NameAttrList|value
TensorProto dtype=1:DataType tensor_shape=2:TensorShapeProto version_number=3:int32 tensor_content=4:bytes
  float_val=5:float* double_val=6:double* int_val=7:int32* string_val=8:bytes* scomplex_val=9:float*
  int64_val=10:int64* bool_val=11:bool* dcomplex_val=12:double* half_val=13:int32*
  resource_handle_val=14:ResourceHandleProto* variant_val=15:VariantTensorDataProto* uint32_val=16:uint32*
  uint64_val=17:uint64* float8_val=18:bytes
ResourceHandleProto device=1:string container=2:string name=3:string hash_code=4:uint64 maybe_type_name=5:string
  dtypes_and_shapes=6:ResourceHandleProto.DtypeAndShape*
VariantTensorDataProto type_name=1:string metadata=2:bytes tensors=3:TensorProto*
AttrValue.ListValue s=2:bytes* i=3:int64* f=4:float* b=5:bool* type=6:DataType* shape=7:TensorShapeProto*
  tensor=8:TensorProto* func=9:NameAttrList*
NameAttrList name=1:string attr=2:map<string,AttrValue>
OpDeprecation version=1:int32 explanation=2:string
google.protobuf.Any type_url=1:string value=2:bytes
GraphDef node=1:NodeDef* library=2:FunctionDefLibrary version=3:int32 versions=4:VersionDef
  debug_info=5:GraphDebugInfo
NodeDef name=1:string op=2:string input=3:string* device=4:string attr=5:map<string,AttrValue>
  experimental_debug_info=6:NodeDef.ExperimentalDebugInfo experimental_type=7:FullTypeDef
NodeDef.ExperimentalDebugInfo original_node_names=1:string* original_func_names=2:string*
VersionDef producer=1:int32 min_consumer=2:int32 bad_consumers=3:int32*
FunctionDefLibrary function=1:FunctionDef* gradient=2:GradientDef* registered_gradients=3:RegisteredGradient*
FunctionDef signature=1:OpDef node_def=3:NodeDef* ret=4:map<string,string> attr=5:map<string,AttrValue>
  control_ret=6:map<string,string> arg_attr=7:map<uint32,FunctionDef.ArgAttrs>
  resource_arg_unique_id=8:map<uint32,uint32>
FunctionDef.ArgAttrs attr=1:map<string,AttrValue>
GradientDef function_name=1:string gradient_func=2:string
RegisteredGradient gradient_func=1:string registered_op_type=2:string
GraphDebugInfo files=1:string* traces=2:map<string,GraphDebugInfo.StackTrace>
  frames_by_id=4:map<fixed64,GraphDebugInfo.FileLineCol> name_to_trace_id=5:map<string,fixed64>
  traces_by_id=6:map<fixed64,GraphDebugInfo.StackTrace>
GraphDebugInfo.FileLineCol file_index=1:int32 line=2:int32 col=3:int32 func=4:string code=5:string
GraphDebugInfo.StackTrace file_line_cols=1:GraphDebugInfo.FileLineCol* frame_id=2:fixed64*
SaverDef filename_tensor_name=1:string save_tensor_name=2:string restore_op_name=3:string max_to_keep=4:int32
  sharded=5:bool keep_checkpoint_every_n_hours=6:float version=7:SaverDef.CheckpointFormatVersion
CollectionDef node_list=1:CollectionDef.NodeList|kind bytes_list=2:CollectionDef.BytesList|kind
  int64_list=3:CollectionDef.Int64List|kind float_list=4:CollectionDef.FloatList|kind
  any_list=5:CollectionDef.AnyList|kind
CollectionDef.NodeList value=1:string*
CollectionDef.BytesList value=1:bytes*
CollectionDef.Int64List value=1:int64*
CollectionDef.FloatList value=1:float*
CollectionDef.AnyList value=1:google.protobuf.Any*
SignatureDef inputs=1:map<string,TensorInfo> outputs=2:map<string,TensorInfo> method_name=3:string
  defaults=4:map<string,TensorProto>
TensorInfo name=1:string|encoding dtype=2:DataType tensor_shape=3:TensorShapeProto
  coo_sparse=4:TensorInfo.CooSparse|encoding composite_tensor=5:TensorInfo.CompositeTensor|encoding
TensorInfo.CooSparse values_tensor_name=1:string indices_tensor_name=2:string dense_shape_tensor_name=3:string
TensorInfo.CompositeTensor type_spec=1:TypeSpecProto components=2:TensorInfo*
TypeSpecProto type_spec_class=1:TypeSpecProto.TypeSpecClass type_state=2:StructuredValue
  type_spec_class_name=3:string num_flat_components=4:int32
StructuredValue none_value=1:NoneValue|kind float64_value=11:double|kind int64_value=12:sint64|kind
  string_value=13:string|kind bool_value=14:bool|kind tensor_shape_value=31:TensorShapeProto|kind
  tensor_dtype_value=32:DataType|kind tensor_spec_value=33:TensorSpecProto|kind
  type_spec_value=34:TypeSpecProto|kind bounded_tensor_spec_value=35:BoundedTensorSpecProto|kind
  list_value=51:ListValue|kind tuple_value=52:TupleValue|kind dict_value=53:DictValue|kind
  named_tuple_value=54:NamedTupleValue|kind tensor_value=55:TensorProto|kind numpy_value=56:TensorProto|kind
NoneValue
TensorSpecProto name=1:string shape=2:TensorShapeProto dtype=3:DataType
BoundedTensorSpecProto name=1:string shape=2:TensorShapeProto dtype=3:DataType minimum=4:TensorProto
  maximum=5:TensorProto
ListValue values=1:StructuredValue*
TupleValue values=1:StructuredValue*
DictValue fields=1:map<string,StructuredValue>
NamedTupleValue name=1:string values=2:PairValue*
PairValue key=1:string value=2:StructuredValue
AssetFileDef tensor_info=1:TensorInfo filename=2:string
SavedObjectGraph nodes=1:SavedObject* concrete_functions=2:map<string,SavedConcreteFunction>
SavedObject children=1:TrackableObjectGraph.TrackableObject.ObjectReference*
  slot_variables=3:TrackableObjectGraph.TrackableObject.SlotVariableReference* user_object=4:SavedUserObject|kind
  asset=5:SavedAsset|kind function=6:SavedFunction|kind variable=7:SavedVariable|kind
  bare_concrete_function=8:SavedBareConcreteFunction|kind constant=9:SavedConstant|kind
  resource=10:SavedResource|kind saveable_objects=11:map<string,SaveableObject>
  captured_tensor=12:CapturedTensor|kind registered_name=13:string serialized_user_proto=14:google.protobuf.Any
  dependencies=15:TrackableObjectGraph.TrackableObject.ObjectReference* registered_saver=16:string
TrackableObjectGraph.TrackableObject.ObjectReference node_id=1:int32 local_name=2:string
TrackableObjectGraph.TrackableObject.SlotVariableReference original_variable_node_id=1:int32 slot_name=2:string
  slot_variable_node_id=3:int32
SavedUserObject identifier=1:string version=2:VersionDef metadata=3:string
SavedAsset asset_file_def_index=1:int32
SavedFunction concrete_functions=1:string* function_spec=2:FunctionSpec
FunctionSpec fullargspec=1:StructuredValue is_method=2:bool input_signature=5:StructuredValue
  jit_compile=6:FunctionSpec.JitCompile
SavedVariable dtype=1:DataType shape=2:TensorShapeProto trainable=3:bool synchronization=4:VariableSynchronization
  aggregation=5:VariableAggregation name=6:string device=7:string
  experimental_distributed_variable_components=8:SavedVariable*
SavedBareConcreteFunction concrete_function_name=1:string argument_keywords=2:string*
  allowed_positional_arguments=3:int64 function_spec=4:FunctionSpec
SavedConstant operation=1:string
SavedResource device=1:string
CapturedTensor name=1:string concrete_function=2:string
SaveableObject save_function=2:int32 restore_function=3:int32
SavedConcreteFunction bound_inputs=2:int32* canonicalized_input_signature=3:StructuredValue
  output_signature=4:StructuredValue
"""

# Messages of other files, and of bytes in a SavedModel; only the fields that are read. Their names in order: of
# variable.proto, trackable_object_graph.proto, tensor_bundle.proto, tensor_slice.proto, fingerprint.proto and
# remote_fused_graph_execute_info.proto; of TensorFlow Hub's module_attachment.proto and image_module_info.proto; and of
# Keras' saved_metadata.proto (SavedMetadata and SavedObject).
_OTHER_MESSAGES = """
VariableDef variable_name=1:string initializer_name=2:string snapshot_name=3:string
  save_slice_info_def=4:SaveSliceInfoDef is_resource=5:bool initial_value_name=6:string trainable=7:bool
  synchronization=8:VariableSynchronization aggregation=9:VariableAggregation
SaveSliceInfoDef full_name=1:string full_shape=2:int64* var_offset=3:int64* var_shape=4:int64*
TrackableObjectGraph nodes=1:TrackableObjectGraph.TrackableObject*
TrackableObjectGraph.TrackableObject children=1:TrackableObjectGraph.TrackableObject.ObjectReference*
  attributes=2:TrackableObjectGraph.TrackableObject.SerializedTensor*
  slot_variables=3:TrackableObjectGraph.TrackableObject.SlotVariableReference*
TrackableObjectGraph.TrackableObject.SerializedTensor name=1:string full_name=2:string checkpoint_key=3:string
BundleHeaderProto num_shards=1:int32 endianness=2:BundleHeaderProto.Endianness version=3:VersionDef
BundleEntryProto dtype=1:DataType shape=2:TensorShapeProto shard_id=3:int32 offset=4:int64 size=5:int64
  crc32c=6:fixed32 slices=7:TensorSliceProto*
TensorSliceProto extent=1:TensorSliceProto.Extent*
TensorSliceProto.Extent start=1:int64 length=2:int64
FingerprintDef saved_model_checksum=1:uint64 graph_def_program_hash=2:uint64 signature_def_hash=3:uint64
  saved_object_graph_hash=4:uint64 checkpoint_hash=5:uint64 version=6:VersionDef
RemoteFusedGraphExecuteInfo remote_graph=1:GraphDef
ModuleAttachment key=1:string value=2:bytes
ImageModuleInfo default_image_size=1:ImageSize
ImageSize height=1:uint32 width=2:uint32
KerasMetadata nodes=1:KerasMetadata.Object*
KerasMetadata.Object node_id=2:int32 node_path=3:string identifier=4:string metadata=5:string version=6:VersionDef
"""

REF_OFFSET = 100  # The values of DataType from 1 on exist once more, each plus this, with _REF behind its name.
_ENUMS = """
DataType DT_INVALID=0 DT_FLOAT=1 DT_DOUBLE=2 DT_INT32=3 DT_UINT8=4 DT_INT16=5 DT_INT8=6 DT_STRING=7 DT_COMPLEX64=8
  DT_INT64=9 DT_BOOL=10 DT_QINT8=11 DT_QUINT8=12 DT_QINT32=13 DT_BFLOAT16=14 DT_QINT16=15 DT_QUINT16=16 DT_UINT16=17
  DT_COMPLEX128=18 DT_HALF=19 DT_RESOURCE=20 DT_VARIANT=21 DT_UINT32=22 DT_UINT64=23 DT_FLOAT8_E5M2=24
  DT_FLOAT8_E4M3FN=25 DT_FLOAT8_E4M3FNUZ=26 DT_FLOAT8_E4M3B11FNUZ=27 DT_FLOAT8_E5M2FNUZ=28 DT_INT4=29 DT_UINT4=30
  DT_INT2=31 DT_UINT2=32 DT_FLOAT4_E2M1FN=33
SaverDef.CheckpointFormatVersion LEGACY=0 V1=1 V2=2
TypeSpecProto.TypeSpecClass UNKNOWN=0 SPARSE_TENSOR_SPEC=1 INDEXED_SLICES_SPEC=2 RAGGED_TENSOR_SPEC=3
  TENSOR_ARRAY_SPEC=4 DATA_DATASET_SPEC=5 DATA_ITERATOR_SPEC=6 OPTIONAL_SPEC=7 PER_REPLICA_SPEC=8 VARIABLE_SPEC=9
  ROW_PARTITION_SPEC=10 REGISTERED_TYPE_SPEC=12 EXTENSION_TYPE_SPEC=13
VariableSynchronization VARIABLE_SYNCHRONIZATION_AUTO=0 VARIABLE_SYNCHRONIZATION_NONE=1
  VARIABLE_SYNCHRONIZATION_ON_WRITE=2 VARIABLE_SYNCHRONIZATION_ON_READ=3
VariableAggregation VARIABLE_AGGREGATION_NONE=0 VARIABLE_AGGREGATION_SUM=1 VARIABLE_AGGREGATION_MEAN=2
  VARIABLE_AGGREGATION_ONLY_FIRST_REPLICA=3
FullTypeId TFT_UNSET=0 TFT_VAR=1 TFT_ANY=2 TFT_PRODUCT=3 TFT_NAMED=4 TFT_FOR_EACH=20 TFT_CALLABLE=100 TFT_BOOL=200
  TFT_UINT8=201 TFT_UINT16=202 TFT_UINT32=203 TFT_UINT64=204 TFT_INT8=205 TFT_INT16=206 TFT_INT32=207 TFT_INT64=208
  TFT_HALF=209 TFT_FLOAT=210 TFT_DOUBLE=211 TFT_COMPLEX64=212 TFT_COMPLEX128=213 TFT_STRING=214 TFT_BFLOAT16=215
  TFT_TENSOR=1000 TFT_ARRAY=1001 TFT_OPTIONAL=1002 TFT_LITERAL=1003 TFT_ENCODED=1004 TFT_SHAPE_TENSOR=1005
  TFT_DATASET=10102 TFT_RAGGED=10103 TFT_ITERATOR=10104 TFT_MUTEX_LOCK=10202 TFT_LEGACY_VARIANT=10203
FunctionSpec.JitCompile DEFAULT=0 ON=1 OFF=2
BundleHeaderProto.Endianness LITTLE=0 BIG=1
"""


@dataclass(frozen=True)
class Field:
    """A field of a message.

    Attributes:
        name: its name in the text format.
        number: its number in the wire format.
        type: of its values: "int64", "string" and so on, or the name of a message or an enum.
        is_repeated: it can occur more than once.
        is_map: it is repeated, and its messages have a `key` and a `value`, each key once.
        group: its oneof, of which a message has one field at most; "" for a field in none.
    """

    name: str
    number: int
    type: str
    is_repeated: bool = False
    is_map: bool = False
    group: str = ""


def _parse_messages(table: str) -> dict[str, dict[str, Field]]:
    """Return the fields of each message by their names. The entries of a map are a message too."""
    found: dict[str, dict[str, Field]] = {}
    name = ""
    for word in table.split():
        left, equals, right = word.partition("=")
        if not equals:
            name = word
            found[name] = {}
            continue
        number, _, rest = right.partition(":")
        kind, _, group = rest.partition("|")
        is_map = kind.startswith("map<")
        is_repeated = is_map or kind.endswith("*")
        if is_map:
            key, value = kind[4:-1].split(",")
            kind = f"an entry of {name}.{left}"
            found[kind] = {"key": Field("key", 1, key), "value": Field("value", 2, value)}
        found[name][left] = Field(left, int(number), kind.rstrip("*"), is_repeated, is_map, group)
    return found


def _parse_enums(table: str) -> dict[str, dict[str, int]]:
    """Return the numbers of each enum's values by their names."""
    found: dict[str, dict[str, int]] = {}
    name = ""
    for word in table.split():
        value, equals, number = word.partition("=")
        if equals:
            found[name][value] = int(number)
        else:
            name = word
            found[name] = {}
    types = found["DataType"]
    types.update({f"{name}_REF": number + REF_OFFSET for name, number in types.items() if number})
    return found


MESSAGES = _parse_messages(_MESSAGES)
ENUMS = _parse_enums(_ENUMS)
_ALL_MESSAGES = {**MESSAGES, **_parse_messages(_OTHER_MESSAGES)}


class FieldNumbers:
    """The numbers of a message's fields by their names: `FieldNumbers("NodeDef").attr` is 5."""

    def __init__(self, message: str) -> None:
        self.__dict__.update({field.name: field.number for field in _ALL_MESSAGES[message].values()})

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> int: ...


# Messages whose names do not say enough without the message around them.
AnyProto = FieldNumbers("google.protobuf.Any")
AttrListValue = FieldNumbers("AttrValue.ListValue")
KerasObject = FieldNumbers("KerasMetadata.Object")
ListValue = FieldNumbers("ListValue")
MapEntry = FieldNumbers("an entry of NodeDef.attr")  # of any map
SliceExtent = FieldNumbers("TensorSliceProto.Extent")

_FULL_NAMES = {name.rpartition(".")[2]: name for name in _ALL_MESSAGES}


def __getattr__(name: str) -> FieldNumbers:
    """Return the field numbers of another message, such as those of `CollectionDef.NodeList` for `NodeList`."""
    if name not in _FULL_NAMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    numbers = globals()[name] = FieldNumbers(_FULL_NAMES[name])
    return numbers
