"""How names of TensorFlow 1.15.5 are spelled, read off its public modules and those of TensorFlow 2.21."""

from __future__ import annotations

# Grouped by module: the same object in `tf` and in `tf.compat.v1`.
UNCHANGED_TEXT = """
    tf: AggregationMethod Assert CriticalSection DType GradientTape Graph IndexedSlices IndexedSlicesSpec Module
    Operation OptionalSpec RaggedTensor RaggedTensorSpec RegisterGradient SparseTensor SparseTensorSpec Tensor
    TensorArray TensorArraySpec TensorShape TensorSpec TypeSpec UnconnectedGradients VariableSynchronization abs
    acos acosh add add_n argsort as_dtype as_string asin asinh atan atan2 atanh bfloat16 bitcast bool
    broadcast_dynamic_shape broadcast_static_shape broadcast_to cast clip_by_global_norm clip_by_norm
    clip_by_value complex complex128 complex64 concat control_dependencies cos cosh cumsum custom_gradient divide
    double dynamic_partition dynamic_stitch edit_distance einsum ensure_shape equal exp extract_volume_patches eye
    fill fingerprint float16 float32 float64 floor function get_logger get_static_value grad_pass_through greater
    greater_equal group guarantee_const half histogram_fixed_width histogram_fixed_width_bins identity identity_n
    import_graph_def init_scope int16 int32 int64 int8 is_tensor less less_equal linspace load_library
    load_op_library logical_and logical_not logical_or make_ndarray make_tensor_proto matmul matrix_square_root
    maximum meshgrid minimum multiply negative no_gradient no_op nondifferentiable_batch_function not_equal
    numpy_function one_hot ones parallel_stack pow print py_function qint16 qint32 qint8 quint16 quint8 range rank
    realdiv recompute_grad register_tensor_conversion_function repeat required_space_to_batch_paddings reshape
    resource reverse roll round saturate_cast scatter_nd searchsorted sequence_mask shape_n sigmoid sign sin sinh
    slice sort space_to_batch_nd split sqrt square stack stop_gradient strided_slice string subtract switch_case
    tan tanh tensor_scatter_nd_add tensor_scatter_nd_sub tensor_scatter_nd_update tensordot tile timestamp truediv
    truncatediv truncatemod uint16 uint32 uint64 uint8 unique unique_with_counts unravel_index unstack variant
    vectorized_map zeros
    audio: decode_wav encode_wav
    bitwise: bitwise_and bitwise_or bitwise_xor invert left_shift right_shift
    debugging: Assert assert_proper_iterable assert_same_float_dtype get_log_device_placement is_numeric_tensor
    set_log_device_placement
    dtypes: DType QUANTIZED_DTYPES as_dtype bfloat16 bool cast complex complex128 complex64 double float16 float32
    float64 half int16 int32 int64 int8 qint16 qint32 qint8 quint16 quint8 resource saturate_cast string uint16
    uint32 uint64 uint8 variant
    errors: ABORTED ALREADY_EXISTS AbortedError AlreadyExistsError CANCELLED CancelledError DATA_LOSS
    DEADLINE_EXCEEDED DataLossError DeadlineExceededError FAILED_PRECONDITION FailedPreconditionError INTERNAL
    INVALID_ARGUMENT InternalError InvalidArgumentError NOT_FOUND NotFoundError OK OUT_OF_RANGE OpError
    OutOfRangeError PERMISSION_DENIED PermissionDeniedError RESOURCE_EXHAUSTED ResourceExhaustedError
    UNAUTHENTICATED UNAVAILABLE UNIMPLEMENTED UNKNOWN UnauthenticatedError UnavailableError UnimplementedError
    UnknownError
    image: adjust_brightness adjust_contrast adjust_gamma adjust_hue adjust_jpeg_quality adjust_saturation
    central_crop combined_non_max_suppression convert_image_dtype crop_to_bounding_box decode_and_crop_jpeg
    decode_bmp decode_gif decode_image decode_jpeg decode_png encode_jpeg encode_png extract_jpeg_shape
    flip_left_right flip_up_down grayscale_to_rgb hsv_to_rgb image_gradients is_jpeg non_max_suppression
    non_max_suppression_overlaps non_max_suppression_padded non_max_suppression_with_scores pad_to_bounding_box
    per_image_standardization psnr random_brightness random_contrast random_crop random_flip_left_right
    random_flip_up_down random_hue random_jpeg_quality random_saturation resize_with_crop_or_pad rgb_to_grayscale
    rgb_to_hsv rgb_to_yiq rgb_to_yuv rot90 sobel_edges ssim ssim_multiscale total_variation transpose yiq_to_rgb
    yuv_to_rgb
    io: FixedLenFeature FixedLenSequenceFeature SparseFeature TFRecordOptions TFRecordWriter VarLenFeature
    decode_and_crop_jpeg decode_base64 decode_bmp decode_compressed decode_gif decode_image decode_jpeg
    decode_json_example decode_png decode_proto deserialize_many_sparse encode_base64 encode_jpeg encode_proto
    extract_jpeg_shape is_jpeg match_filenames_once matching_files parse_sequence_example
    parse_single_sequence_example parse_tensor read_file serialize_tensor write_file write_graph
    io.gfile: GFile copy exists glob isdir listdir makedirs mkdir remove rename rmtree stat walk
    linalg: LinearOperator LinearOperatorAdjoint LinearOperatorBlockDiag LinearOperatorCirculant
    LinearOperatorCirculant2D LinearOperatorCirculant3D LinearOperatorComposition LinearOperatorDiag
    LinearOperatorFullMatrix LinearOperatorHouseholder LinearOperatorIdentity LinearOperatorInversion
    LinearOperatorKronecker LinearOperatorLowRankUpdate LinearOperatorLowerTriangular LinearOperatorScaledIdentity
    LinearOperatorToeplitz LinearOperatorZeros adjoint band_part cholesky cholesky_solve cross det eigh eigvalsh
    einsum expm eye global_norm inv l2_normalize logdet logm lstsq lu matrix_rank matvec normalize pinv qr
    set_diag slogdet solve sqrtm svd tensor_diag tensordot triangular_solve tridiagonal_matmul tridiagonal_solve
    math: accumulate_n add_n atan2 betainc cumprod cumsum cumulative_logsumexp equal floordiv greater
    greater_equal igamma igammac invert_permutation is_finite is_inf is_nan is_non_decreasing
    is_strictly_increasing l2_normalize lbeta less less_equal logical_and logical_not logical_or logical_xor
    nextafter not_equal polygamma polyval pow segment_max segment_mean segment_min segment_prod segment_sum
    softsign squared_difference subtract top_k truediv unsorted_segment_max unsorted_segment_mean
    unsorted_segment_min unsorted_segment_prod unsorted_segment_sqrt_n unsorted_segment_sum xdivy xlogy
    zero_fraction zeta
    nn: all_candidate_sampler atrous_conv2d atrous_conv2d_transpose avg_pool1d avg_pool3d batch_normalization
    bias_add collapse_repeated compute_accidental_hits compute_average_loss conv1d_transpose conv_transpose
    ctc_greedy_decoder ctc_unique_labels depthwise_conv2d_backprop_filter depthwise_conv2d_backprop_input elu
    fixed_unigram_candidate_sampler l2_loss l2_normalize learned_unigram_candidate_sampler
    local_response_normalization log_poisson_loss lrn max_pool1d max_pool2d max_pool3d normalize_moments relu
    scale_regularization_loss selu softsign top_k with_space_to_batch zero_fraction
    quantization: dequantize fake_quant_with_min_max_args fake_quant_with_min_max_args_gradient
    fake_quant_with_min_max_vars fake_quant_with_min_max_vars_gradient fake_quant_with_min_max_vars_per_channel
    fake_quant_with_min_max_vars_per_channel_gradient quantize quantize_and_dequantize quantized_concat
    ragged: boolean_mask constant map_flat_values range row_splits_to_segment_ids segment_ids_to_row_splits stack
    stack_dynamic_partitions
    random: all_candidate_sampler categorical fixed_unigram_candidate_sampler gamma
    learned_unigram_candidate_sampler log_uniform_candidate_sampler normal shuffle stateless_categorical
    stateless_normal stateless_truncated_normal stateless_uniform truncated_normal uniform
    uniform_candidate_sampler
    sets: difference intersection size union
    signal: dct fft fft2d fft3d fftshift frame hamming_window hann_window idct ifft ifft2d ifft3d ifftshift
    inverse_stft inverse_stft_window_fn irfft irfft2d irfft3d linear_to_mel_weight_matrix
    mfccs_from_log_mel_spectrograms overlap_and_add rfft rfft2d rfft3d stft
    sparse: SparseTensor cross cross_hashed expand_dims eye fill_empty_rows from_dense mask maximum minimum
    reorder reset_shape reshape retain slice softmax sparse_dense_matmul to_dense to_indicator transpose
    strings: as_string bytes_split format join lower ngrams regex_full_match regex_replace strip
    to_hash_bucket_fast to_hash_bucket_strong unicode_decode unicode_decode_with_offsets unicode_encode
    unicode_script unicode_split unicode_split_with_offsets unicode_transcode unsorted_segment_join upper
    test: gpu_device_name is_built_with_cuda is_gpu_available
    io.gfile: GFile copy exists glob isdir listdir makedirs mkdir remove rename rmtree stat walk
"""

# Only in `tf.compat.v1`, or with another meaning there than in `tf`.
COMPAT_TEXT = """
    tf: AUTO_REUSE AttrValue COMPILER_VERSION CXX11_ABI_FLAG ConditionalAccumulator ConditionalAccumulatorBase
    ConfigProto DeviceSpec Dimension Event FixedLengthRecordReader GIT_VERSION GPUOptions GRAPH_DEF_VERSION
    GRAPH_DEF_VERSION_MIN_CONSUMER GRAPH_DEF_VERSION_MIN_PRODUCER GraphDef GraphKeys GraphOptions HistogramProto
    IdentityReader InteractiveSession LMDBReader LogMessage MONOLITHIC_BUILD MetaGraphDef NameAttrList NodeDef
    OptimizerOptions Print QUANTIZED_DTYPES ReaderBase RunMetadata RunOptions Session SessionLog
    SparseConditionalAccumulator SparseTensorValue Summary SummaryMetadata TFRecordReader TensorInfo
    TextLineReader VERSION Variable VariableAggregation VariableScope WholeFileReader add_check_numerics_ops
    add_to_collection add_to_collections all_variables arg_max arg_min assert_greater_equal assert_integer
    assert_less_equal assert_near assert_negative assert_non_negative assert_non_positive assert_none_equal
    assert_positive assert_rank_at_least assert_rank_in assert_scalar assert_type assert_variables_initialized
    assign assign_add assign_sub batch_gather batch_scatter_update batch_to_space batch_to_space_nd bincount
    clip_by_average_norm colocate_with confusion_matrix constant_initializer container control_flow_v2_enabled
    convert_to_tensor_or_indexed_slices convert_to_tensor_or_sparse_tensor count_nonzero count_up_to
    create_partitioned_variables decode_csv decode_raw delete_session_tensor depth_to_space device
    dimension_at_index dimension_value disable_control_flow_v2 disable_eager_execution disable_resource_variables
    disable_tensor_equality disable_v2_behavior disable_v2_tensorshape div enable_control_flow_v2
    enable_eager_execution enable_resource_variables enable_tensor_equality enable_v2_behavior
    enable_v2_tensorshape executing_eagerly extract_image_patches fixed_size_partitioner floor_div get_collection
    get_collection_ref get_default_graph get_default_session get_local_variable get_seed get_session_handle
    get_session_tensor get_variable get_variable_scope global_variables global_variables_initializer
    glorot_normal_initializer glorot_uniform_initializer gradients hessians initialize_all_tables
    initialize_all_variables initialize_local_variables initialize_variables is_variable_initialized
    load_file_system_library local_variables local_variables_initializer make_template
    min_max_variable_partitioner model_variables moving_average_variables multinomial name_scope newaxis
    no_regularizer ones_initializer op_scope orthogonal_initializer parse_example parse_single_example placeholder
    placeholder_with_default py_func quantize_v2 random_normal_initializer random_poisson
    random_uniform_initializer reduce_join report_uninitialized_variables reset_default_graph
    resource_variables_enabled scatter_add scatter_div scatter_max scatter_min scatter_mul scatter_nd_add
    scatter_nd_sub scatter_nd_update scatter_sub scatter_update serialize_many_sparse serialize_sparse
    set_random_seed setdiff1d space_to_batch space_to_depth sparse_add sparse_concat sparse_matmul sparse_merge
    sparse_placeholder sparse_reduce_max sparse_reduce_max_sparse sparse_reduce_sum sparse_reduce_sum_sparse
    sparse_segment_mean sparse_segment_sqrt_n sparse_segment_sum sparse_split sparse_to_dense string_split
    string_to_hash_bucket string_to_number substr tables_initializer to_bfloat16 to_complex128 to_complex64
    to_double to_float to_int32 to_int64 trainable_variables truncated_normal_initializer tuple
    uniform_unit_scaling_initializer variable_axis_size_partitioner variable_creator_scope variable_op_scope
    variable_scope variables_initializer variance_scaling_initializer verify_tensor_all_finite where wrap_function
    zeros_initializer
    debugging: assert_all_finite
    errors: error_code_from_exception_type exception_type_from_error_code raise_exception_on_not_ok_status
    image: ResizeMethod crop_and_resize draw_bounding_boxes extract_glimpse extract_image_patches extract_patches
    resize resize_area resize_bicubic resize_bilinear resize_image_with_pad resize_images resize_nearest_neighbor
    sample_distorted_bounding_box
    io: TFRecordCompressionType decode_csv decode_raw parse_example parse_single_example serialize_many_sparse
    serialize_sparse tf_record_iterator
    linalg: transpose
    math: in_top_k
    nn: avg_pool avg_pool2d batch_norm_with_global_normalization bidirectional_dynamic_rnn conv1d
    conv2d_backprop_filter conv2d_backprop_input conv2d_transpose conv3d conv3d_backprop_filter
    conv3d_backprop_filter_v2 conv3d_transpose convolution ctc_loss ctc_loss_v2 depthwise_conv2d_native dilation2d
    dropout dynamic_rnn embedding_lookup embedding_lookup_sparse fractional_avg_pool fractional_max_pool
    fused_batch_norm in_top_k max_pool max_pool_with_argmax moments nce_loss pool quantized_avg_pool
    quantized_conv2d quantized_max_pool quantized_relu_x raw_rnn relu_layer safe_embedding_lookup_sparse
    sampled_softmax_loss softmax_cross_entropy_with_logits softmax_cross_entropy_with_logits_v2 space_to_batch
    static_bidirectional_rnn static_rnn static_state_saving_rnn sufficient_statistics weighted_moments xw_plus_b
    ragged: RaggedTensorValue constant_value placeholder
    random: get_seed multinomial poisson set_random_seed stateless_multinomial
    sparse: SparseConditionalAccumulator add concat merge placeholder reduce_max reduce_max_sparse reduce_sum
    reduce_sum_sparse segment_mean segment_sqrt_n segment_sum split
    strings: split substr to_hash_bucket to_number
"""

RENAMED_TEXT = """
    FIFOQueue=queue.FIFOQueue FixedLenFeature=io.FixedLenFeature
    FixedLenSequenceFeature=io.FixedLenSequenceFeature NoGradient=no_gradient NotDifferentiable=no_gradient
    OpError=errors.OpError PaddingFIFOQueue=queue.PaddingFIFOQueue PriorityQueue=queue.PriorityQueue
    QueueBase=queue.QueueBase RandomShuffleQueue=queue.RandomShuffleQueue SparseFeature=io.SparseFeature
    VarLenFeature=io.VarLenFeature accumulate_n=math.accumulate_n angle=math.angle
    assert_proper_iterable=debugging.assert_proper_iterable
    assert_same_float_dtype=debugging.assert_same_float_dtype betainc=math.betainc ceil=math.ceil
    check_numerics=debugging.check_numerics cholesky=linalg.cholesky cholesky_solve=linalg.cholesky_solve
    conj=math.conj cross=linalg.cross cumprod=math.cumprod debugging.is_finite=math.is_finite
    debugging.is_inf=math.is_inf debugging.is_nan=math.is_nan debugging.is_non_decreasing=math.is_non_decreasing
    debugging.is_strictly_increasing=math.is_strictly_increasing decode_base64=io.decode_base64
    decode_compressed=io.decode_compressed decode_json_example=io.decode_json_example
    dequantize=quantization.dequantize deserialize_many_sparse=io.deserialize_many_sparse diag=linalg.tensor_diag
    diag_part=linalg.tensor_diag_part digamma=math.digamma div_no_nan=math.divide_no_nan
    dtypes.as_string=as_string encode_base64=io.encode_base64 erf=math.erf erfc=math.erfc expm1=math.expm1
    fake_quant_with_min_max_args=quantization.fake_quant_with_min_max_args
    fake_quant_with_min_max_args_gradient=quantization.fake_quant_with_min_max_args_gradient
    fake_quant_with_min_max_vars=quantization.fake_quant_with_min_max_vars
    fake_quant_with_min_max_vars_gradient=quantization.fake_quant_with_min_max_vars_gradient
    fake_quant_with_min_max_vars_per_channel=quantization.fake_quant_with_min_max_vars_per_channel
    fake_quant_with_min_max_vars_per_channel_gradient=quantization.fake_quant_with_min_max_vars_per_channel_gradient
    fft=signal.fft fft2d=signal.fft2d fft3d=signal.fft3d floordiv=math.floordiv floormod=math.mod
    gfile.GFile=io.gfile.GFile gfile.Open=io.gfile.GFile global_norm=linalg.global_norm ifft=signal.ifft
    ifft2d=signal.ifft2d ifft3d=signal.ifft3d igamma=math.igamma igammac=math.igammac imag=math.imag
    image.resize_image_with_crop_or_pad=image.resize_with_crop_or_pad image.transpose_image=image.transpose
    invert_permutation=math.invert_permutation io.PaddingFIFOQueue=queue.PaddingFIFOQueue
    io.PriorityQueue=queue.PriorityQueue io.QueueBase=queue.QueueBase
    io.RandomShuffleQueue=queue.RandomShuffleQueue is_finite=math.is_finite is_inf=math.is_inf is_nan=math.is_nan
    is_non_decreasing=math.is_non_decreasing is_numeric_tensor=debugging.is_numeric_tensor
    is_strictly_increasing=math.is_strictly_increasing lbeta=math.lbeta lgamma=math.lgamma lin_space=linspace
    log=math.log log1p=math.log1p log_sigmoid=math.log_sigmoid logical_xor=math.logical_xor
    matching_files=io.matching_files matrix_band_part=linalg.band_part matrix_determinant=linalg.det
    matrix_diag=linalg.diag matrix_diag_part=linalg.diag_part matrix_inverse=linalg.inv
    matrix_set_diag=linalg.set_diag matrix_solve=linalg.solve matrix_solve_ls=linalg.lstsq
    matrix_transpose=linalg.matrix_transpose matrix_triangular_solve=linalg.triangular_solve mod=math.mod
    nn.avg_pool_v2=nn.avg_pool nn.ctc_beam_search_decoder_v2=nn.ctc_beam_search_decoder
    nn.depthwise_conv2d_native_backprop_filter=nn.depthwise_conv2d_backprop_filter
    nn.depthwise_conv2d_native_backprop_input=nn.depthwise_conv2d_backprop_input
    nn.log_uniform_candidate_sampler=random.log_uniform_candidate_sampler nn.max_pool_v2=nn.max_pool
    nn.uniform_candidate_sampler=random.uniform_candidate_sampler
    parse_single_sequence_example=io.parse_single_sequence_example parse_tensor=io.parse_tensor
    polygamma=math.polygamma python_io.TFRecordOptions=io.TFRecordOptions
    python_io.TFRecordWriter=io.TFRecordWriter qr=linalg.qr quantize=quantization.quantize
    quantized_concat=quantization.quantized_concat random_crop=image.random_crop random_gamma=random.gamma
    random_normal=random.normal random_shuffle=random.shuffle random_uniform=random.uniform read_file=io.read_file
    real=math.real reciprocal=math.reciprocal regex_replace=strings.regex_replace reverse_v2=reverse
    rint=math.rint rsqrt=math.rsqrt segment_max=math.segment_max segment_mean=math.segment_mean
    segment_min=math.segment_min segment_prod=math.segment_prod segment_sum=math.segment_sum
    self_adjoint_eig=linalg.eigh self_adjoint_eigvals=linalg.eigvalsh serialize_tensor=io.serialize_tensor
    sets.set_difference=sets.difference sets.set_intersection=sets.intersection sets.set_size=sets.size
    sets.set_union=sets.union sparse.matmul=sparse.sparse_dense_matmul
    sparse_fill_empty_rows=sparse.fill_empty_rows sparse_mask=sparse.mask sparse_maximum=sparse.maximum
    sparse_minimum=sparse.minimum sparse_reorder=sparse.reorder sparse_reset_shape=sparse.reset_shape
    sparse_reshape=sparse.reshape sparse_retain=sparse.retain sparse_slice=sparse.slice
    sparse_softmax=sparse.softmax sparse_tensor_dense_matmul=sparse.sparse_dense_matmul
    sparse_tensor_to_dense=sparse.to_dense sparse_to_indicator=sparse.to_indicator
    sparse_transpose=sparse.transpose squared_difference=math.squared_difference string_join=strings.join
    string_strip=strings.strip string_to_hash_bucket_fast=strings.to_hash_bucket_fast
    string_to_hash_bucket_strong=strings.to_hash_bucket_strong svd=linalg.svd
    tensor_scatter_add=tensor_scatter_nd_add tensor_scatter_sub=tensor_scatter_nd_sub
    tensor_scatter_update=tensor_scatter_nd_update trace=linalg.trace train.Server=distribute.Server
    train.match_filenames_once=io.match_filenames_once train.write_graph=io.write_graph
    truncated_normal=random.truncated_normal unsorted_segment_max=math.unsorted_segment_max
    unsorted_segment_mean=math.unsorted_segment_mean unsorted_segment_min=math.unsorted_segment_min
    unsorted_segment_prod=math.unsorted_segment_prod unsorted_segment_sqrt_n=math.unsorted_segment_sqrt_n
    unsorted_segment_sum=math.unsorted_segment_sum where_v2=where write_file=io.write_file zeta=math.zeta
"""

# Another object, but the same meaning if only these arguments are given: by position up to `*`, and by name unless `-`.
SAME_ARGUMENTS_TEXT = """
    - axis * keepdims dtype name: math.count_nonzero
    - dtype: zeros_like ones_like
    a b transpose_a transpose_b adjoint_a adjoint_b a_is_sparse b_is_sparse output_type grad_a grad_b name:
    linalg.matmul
    a name conjugate: linalg.matrix_transpose
    a perm * name conjugate: transpose
    arr weights minlength maxlength dtype: math.bincount
    cond body loop_vars * shape_invariants parallel_iterations back_prop swap_memory name maximum_iterations:
    while_loop
    diagonal name k num_rows num_cols padding_value align: linalg.diag
    entity recursive * experimental_optional_features: autograph.to_code autograph.to_graph
    features * name axis: nn.crelu
    features alpha name: nn.leaky_relu
    features beta: nn.swish
    features name: math.softplus nn.relu6 nn.softplus
    fn elems dtype parallel_iterations back_prop swap_memory infer_shape name fn_output_signature: map_fn
    fn elems initializer parallel_iterations back_prop swap_memory infer_shape reverse name: scan
    fn elems initializer parallel_iterations back_prop swap_memory name: foldl foldr
    initial_value * name dtype trainable: Variable
    input: strings.length
    input * name out_type: shape size
    input - strides padding * data_format: nn.conv2d
    input axis * name output_type: argmax argmin math.argmax math.argmin
    input axis name: expand_dims squeeze
    input block_size * name data_format: nn.depth_to_space nn.space_to_depth
    input depthwise_filter pointwise_filter strides padding * name data_format dilations: nn.separable_conv2d
    input filter strides padding * name data_format dilations: nn.depthwise_conv2d
    input name: linalg.tensor_diag_part math.angle math.imag math.real
    input name k padding_value align: linalg.diag_part
    input seq_lengths seq_axis batch_axis name: reverse_sequence
    input_tensor axis keepdims name: math.reduce_all math.reduce_any math.reduce_euclidean_norm
    math.reduce_logsumexp math.reduce_max math.reduce_mean math.reduce_min math.reduce_prod math.reduce_std
    math.reduce_sum math.reduce_variance reduce_all reduce_any reduce_logsumexp reduce_max reduce_mean reduce_min
    reduce_prod reduce_sum
    inputs axis * separator keepdims name: strings.reduce_join
    inputs sequence_length beam_width top_paths: nn.ctc_beam_search_decoder
    labels logits name: nn.sigmoid_cross_entropy_with_logits nn.sparse_softmax_cross_entropy_with_logits
    labels logits pos_weight name: nn.weighted_cross_entropy_with_logits
    labels predictions num_classes * dtype name weights: math.confusion_matrix
    logits axis name: math.log_softmax math.softmax nn.log_softmax nn.softmax
    params indices * name batch_dims bad_indices_policy: gather_nd
    params indices validate_indices * name axis batch_dims: gather
    pred true_fn false_fn * name: cond
    pred_fn_pairs default exclusive * name: case
    scalar x name: math.scalar_mul scalar_mul
    shapes data summarize message name: debugging.assert_shapes
    tensor * name message: debugging.assert_scalar
    tensor mask * name axis: boolean_mask
    tensor message name: debugging.check_numerics
    tensor ord axis keepdims name: linalg.norm norm
    tensor paddings mode * name constant_values: pad
    tensor tf_type message name: debugging.assert_type
    value * strides padding name: nn.erosion2d
    value dtype * name: constant
    value dtype * name dtype_hint: convert_to_tensor
    x * summarize message name: debugging.assert_negative debugging.assert_non_negative
    debugging.assert_non_positive debugging.assert_positive
    x message name: debugging.assert_integer
    x name: linalg.trace math.abs math.acos math.acosh math.asin math.asinh math.atan math.atanh math.bessel_i0
    math.bessel_i0e math.bessel_i1 math.bessel_i1e math.ceil math.conj math.cos math.cosh math.digamma math.erf
    math.erfc math.exp math.expm1 math.floor math.lgamma math.log math.log1p math.log_sigmoid math.negative
    math.reciprocal math.reciprocal_no_nan math.rint math.round math.rsqrt math.sigmoid math.sign math.sin
    math.sinh math.sqrt math.square math.tan math.tanh nn.sigmoid nn.tanh
    x rank * message name: assert_rank debugging.assert_rank debugging.assert_rank_at_least
    x ranks * message name: debugging.assert_rank_in
    x y * summarize message name: assert_equal assert_greater assert_less debugging.assert_equal
    debugging.assert_greater debugging.assert_greater_equal debugging.assert_less debugging.assert_less_equal
    debugging.assert_none_equal
    x y name: math.add math.divide math.divide_no_nan math.floormod math.maximum math.minimum math.mod
    math.multiply math.multiply_no_nan
    x y rtol atol * summarize message name: debugging.assert_near
"""

# Modules that TensorFlow 2 has in `tf.compat.v1` only, or with other contents elsewhere.
COMPAT_MODULES = (
    "app",
    "flags",
    "gfile",
    "initializers",
    "logging",
    "losses",
    "python_io",
    "summary",
    "train",
    "manip",
)
# Words for arguments that TensorFlow 1 took too.
NEW_WORDS = {
    "keep_dims": "keepdims",
    "reduction_indices": "axis",
    "squeeze_dims": "axis",
    "dim": "axis",
    "dimension": "axis",
}
