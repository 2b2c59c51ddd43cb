"""What the ops of TensorFlow 1.15.5 do: which change something, draw random numbers or return several tensors."""

from __future__ import annotations

# Each call gives something else, or changes something: no expression that may be computed once or again.
IMPURE = frozenset(
    """
    Assert ConditionalAccumulator CriticalSection FIFOQueue FixedLengthRecordReader GradientTape Graph
    IdentityReader InteractiveSession PaddingFIFOQueue PriorityQueue QueueBase RandomShuffleQueue ReaderBase
    Session TFRecordReader TextLineReader Variable VariableScope WholeFileReader add_check_numerics_ops
    add_to_collection add_to_collections all_variables assign assign_add assign_sub batch_scatter_update
    colocate_with container control_dependencies count_up_to create_partitioned_variables delete_session_tensor
    device get_collection get_collection_ref get_default_graph get_default_session get_local_variable
    get_session_handle get_session_tensor get_variable get_variable_scope global_variables gradients group
    hessians import_graph_def init_scope is_variable_initialized load_file_system_library load_library
    load_op_library local_variables make_template model_variables moving_average_variables name_scope no_op
    op_scope placeholder placeholder_with_default print py_func report_uninitialized_variables reset_default_graph
    scatter_add scatter_div scatter_max scatter_min scatter_mul scatter_nd_add scatter_nd_sub scatter_nd_update
    scatter_sub scatter_update set_random_seed sparse_placeholder timestamp losses.add_loss losses.get_losses
    losses.get_regularization_loss losses.get_regularization_losses losses.get_total_loss trainable_variables
    variable_creator_scope variable_op_scope variable_scope wrap_function write_file nn.bidirectional_dynamic_rnn
    nn.dynamic_rnn nn.raw_rnn nn.static_bidirectional_rnn nn.static_rnn nn.static_state_saving_rnn io.write_file
    io.write_graph sparse.placeholder ragged.placeholder random.set_seed random.set_random_seed py_function
    numpy_function nn.fused_batch_norm
    """.split()
)
# Ops, by their last word, that return a tuple or list of tensors.
SEVERAL_OUTPUTS = frozenset(
    """
    all_candidate_sampler bidirectional_dynamic_rnn clip_by_global_norm combined_non_max_suppression
    ctc_beam_search_decoder ctc_greedy_decoder decode_csv dynamic_partition dynamic_rnn eigh
    fixed_unigram_candidate_sampler fused_batch_norm learned_unigram_candidate_sampler listdiff
    log_uniform_candidate_sampler lu max_pool_with_argmax meshgrid moments non_max_suppression_padded
    non_max_suppression_with_scores normalize normalize_moments parse_example parse_sequence_example
    parse_single_example parse_single_sequence_example qr required_space_to_batch_paddings
    sample_distorted_bounding_box self_adjoint_eig setdiff1d shape_n slogdet sparse_fill_empty_rows split static_rnn
    sufficient_statistics svd top_k unique unique_with_counts unstack weighted_moments
    """.split()
)
RANDOM = frozenset(
    """
    multinomial random_crop random_gamma random_normal random_poisson random_shuffle random_uniform truncated_normal
    nn.dropout nn.nce_loss nn.sampled_softmax_loss image.random_brightness image.random_contrast image.random_crop
    image.random_flip_left_right image.random_flip_up_down image.random_hue image.random_jpeg_quality
    image.random_saturation image.sample_distorted_bounding_box nn.fractional_avg_pool nn.fractional_max_pool
    random.all_candidate_sampler random.categorical random.gamma random.multinomial random.normal random.poisson
    random.shuffle random.truncated_normal random.uniform
    """.split()
)
OP_MODULES = frozenset(
    """
    math nn linalg strings image io sparse random audio signal dtypes bitwise quantization sets debugging ragged losses
    manip
    """.split()
)
# The same name, but other numbers: the old meaning is in `tf.compat.v1` alone.
OTHER_NUMBERS = frozenset(
    """
    image.resize image.resize_images image.resize_bilinear image.resize_bicubic image.resize_nearest_neighbor
    image.resize_area image.resize_image_with_pad
    """.split()
)
