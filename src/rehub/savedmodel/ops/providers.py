"""Which package brings an op that plain TensorFlow lacks.

The names of each package's ops were listed by loading its libraries from PyPI into TensorFlow (`tf.load_op_library`)
and comparing the op registry before and after: tensorflow-text 2.15.0 and 2.21.1, tensorflow-decision-forests 1.8.1,
tensorflow-addons 0.23.0, struct2tensor 0.46.0, tensorflow-compression 2.14.1, tensorflow-quantum 0.7.3; the prefixes
of tensorflow-io 0.37.1 and tensorflow-recommenders-addons 0.8.1, and the ops of tf_sentencepiece 0.1.90, were read from
the libraries' symbols; those of tf.contrib come from TensorFlow 1.15.5, less what TensorFlow 2.21 has.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Provider:
    """A package that registers ops with TensorFlow when it is imported.

    Attributes:
        package: its name on PyPI; "" where it is not to be had there.
        module: what to import, so that the ops are registered.
        ops: their names; those that start with one of `prefixes` come on top.
        follows_tensorflow: its releases have TensorFlow's version number and work with that version alone.
        pins_tensorflow: each release asks for one TensorFlow version, so that pip has to choose a fitting one.
        note: what else to know.
    """

    package: str
    module: str
    ops: frozenset[str] = frozenset()
    prefixes: tuple[str, ...] = ()
    follows_tensorflow: bool = False
    pins_tensorflow: bool = False
    note: str = ""

    def brings(self, op: str) -> bool:
        """Whether the package registers this op."""
        return op in self.ops or op.startswith(self.prefixes)

    def pip_line(self, tensorflow_version: str) -> str:
        """Returns the command that installs the package beside this TensorFlow; "" where there is none.

        >>> provider_of("CaseFoldUTF8").pip_line("2.15.1")
        'pip install "tensorflow-text==2.15.*"'
        """
        minor = ".".join(tensorflow_version.split(".")[:2])
        if not self.package:
            return ""
        if self.follows_tensorflow:
            return f'pip install "{self.package}=={minor}.*"'
        if self.pins_tensorflow:
            return f'pip install {self.package} "tensorflow=={minor}.*"'
        return f"pip install {self.package}"


def provider_of(op: str) -> Provider | None:
    """Returns the package that brings an op, None for an op that no known package brings.

    >>> provider_of("Addons>Resampler").module
    'tensorflow_addons'
    """
    for provider in PROVIDERS:
        if provider.brings(op):
            return provider
    return None


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


_CONTRIB = {
    "bigtable": """
        BigtableClient BigtableLookupDataset BigtablePrefixKeyDataset BigtableRangeKeyDataset
        BigtableSampleKeyPairsDataset BigtableSampleKeysDataset BigtableScanDataset BigtableTable
        DatasetToBigtable
    """,
    "boosted_trees": """
        BucketizeWithInputBoundaries BuildCategoricalEqualitySplits BuildDenseInequalitySplits
        BuildSparseInequalitySplits CenterTreeEnsembleBias CreateQuantileAccumulator
        CreateStatsAccumulatorScalar CreateStatsAccumulatorTensor CreateTreeEnsembleVariable
        DecisionTreeEnsembleResourceHandleOp GradientTreesPartitionExamples GradientTreesPrediction
        GradientTreesPredictionVerbose GrowTreeEnsemble MakeQuantileSummaries
        QuantileAccumulatorAddSummaries QuantileAccumulatorDeserialize QuantileAccumulatorFlush
        QuantileAccumulatorFlushSummary QuantileAccumulatorGetBuckets QuantileAccumulatorIsInitialized
        QuantileAccumulatorSerialize QuantileBuckets QuantileStreamResourceHandleOp Quantiles
        StatsAccumulatorScalarAdd StatsAccumulatorScalarDeserialize StatsAccumulatorScalarFlush
        StatsAccumulatorScalarIsInitialized StatsAccumulatorScalarMakeSummary
        StatsAccumulatorScalarResourceHandleOp StatsAccumulatorScalarSerialize StatsAccumulatorTensorAdd
        StatsAccumulatorTensorDeserialize StatsAccumulatorTensorFlush StatsAccumulatorTensorIsInitialized
        StatsAccumulatorTensorMakeSummary StatsAccumulatorTensorResourceHandleOp
        StatsAccumulatorTensorSerialize TreeEnsembleDeserialize TreeEnsembleIsInitializedOp
        TreeEnsembleSerialize TreeEnsembleStampToken TreeEnsembleStats TreeEnsembleUsedHandlers
    """,
    "factorization": """
        MaskedMatmul WALSComputePartialLhsAndRhs
    """,
    "ffmpeg": """
        DecodeAudio DecodeAudioV2 DecodeVideo EncodeAudio EncodeAudioV2
    """,
    "framework": """
        ZeroInitializer ZeroVarInitializer
    """,
    "fused_conv": """
        FusedConv2DBiasActivation
    """,
    "hadoop": """
        SequenceFileDataset
    """,
    "ignite": """
        IgniteDataset
    """,
    "image": """
        AdjustHsvInYiq BipartiteMatch ImageConnectedComponents ImageProjectiveTransform
        SingleImageRandomDotStereograms
    """,
    "input_pipeline": """
        ObtainNext
    """,
    "kafka": """
        KafkaDataset
    """,
    "kinesis": """
        KinesisDataset
    """,
    "layers": """
        SparseFeatureCross SparseFeatureCrossV2
    """,
    "libsvm": """
        DecodeLibsvm
    """,
    "memory_stats": """
        BytesInUse BytesLimit MaxBytesInUse
    """,
    "nearest_neighbor": """
        HyperplaneLSHProbes
    """,
    "periodic_resample": """
        PeriodicResample PeriodicResampleOpGrad
    """,
    "reduce_slice_ops": """
        ReduceSliceMax ReduceSliceMin ReduceSliceProd ReduceSliceSum
    """,
    "resampler": """
        Resampler ResamplerGrad
    """,
    "seq2seq": """
        GatherTree
    """,
    "tensor_forest": """
        CreateFertileStatsVariable CreateTreeVariable DecisionTreeResourceHandleOp FeatureUsageCounts
        FertileStatsDeserialize FertileStatsIsInitializedOp FertileStatsResourceHandleOp
        FertileStatsSerialize FinalizeTree GrowTreeV4 ProcessInputV4 ReinterpretStringToFloat ScatterAddNdim
        TraverseTreeV4 TreeDeserialize TreeIsInitializedOp TreePredictionsV4 TreeSerialize TreeSize
        UpdateModelV4
    """,
    "text": """
        SkipGramGenerateCandidates
    """,
}

PROVIDERS: tuple[Provider, ...] = (
    Provider(
        "tensorflow-text",
        "tensorflow_text",
        ops=_names(
            """
        CaseFoldUTF8 ConstrainedSequence FastBertNormalize FastWordpieceTokenizeWithOffsets
        FindSourceOffsets MaxSpanningTree NormalizeUTF8 NormalizeUTF8WithOffsetsMap PhraseTokenize
        RegexSplitWithOffsets RougeL SentenceFragments SentenceFragmentsV2 SentencepieceDetokenizeOp
        SentencepieceIdToStringOp SentencepieceOp SentencepieceStringToIdOp SentencepieceTokenizeOp
        SentencepieceTokenizeWithOffsetsOp SentencepieceVocabSizeOp SplitMergeTokenizeWithOffsets
        TokenizerFromLogits UnicodeScriptTokenizeWithOffsets WhitespaceTokenizeWithOffsets
        WordpieceTokenizeWithOffsets
            """
        ),
        prefixes=("TFText>",),
        follows_tensorflow=True,
    ),
    Provider(
        "tensorflow-decision-forests",
        "tensorflow_decision_forests",
        prefixes=("SimpleML", "YggdrasilDecisionForests"),
        pins_tensorflow=True,
        note="Each of its releases works with one TensorFlow version; the last known, 1.12.0, with 2.19.",
    ),
    Provider(
        "tensorflow-addons",
        "tensorflow_addons",
        prefixes=("Addons>",),
        note="Its last release, 0.23.0, is for TensorFlow 2.13 to 2.15.",
    ),
    Provider(
        "tensorflow-io",
        "tensorflow_io",
        prefixes=("IO>",),
        note="Each of its releases works with one TensorFlow version; its README has the table.",
    ),
    Provider(
        "struct2tensor",
        "struct2tensor",
        ops=_names(
            """
        DecodeProtoMap DecodeProtoMapV2 DecodeProtoSparseV2 DecodeProtoSparseV3 DecodeProtoSparseV4
        EquiJoinAnyIndices EquiJoinIndices ParquetDataset RunLengthBefore
            """
        ),
        pins_tensorflow=True,
        note="Each of its releases works with one TensorFlow version; 0.46.0 with 2.15.",
    ),
    Provider(
        "tensorflow-compression",
        "tensorflow_compression",
        ops=_names(
            """
        CreateRangeDecoder CreateRangeEncoder EntropyDecodeChannel EntropyDecodeFinalize EntropyDecodeIndex
        EntropyEncodeChannel EntropyEncodeFinalize EntropyEncodeIndex PmfToQuantizedCdf RangeDecode
        RangeEncode RunLengthDecode RunLengthEncode RunLengthGammaDecode RunLengthGammaEncode
        StochasticRound UnboundedIndexRangeDecode UnboundedIndexRangeEncode Y4MDataset
            """
        ),
        pins_tensorflow=True,
        note="Each of its releases works with one TensorFlow version; 2.14.1 with 2.14.",
    ),
    Provider(
        "tensorflow-quantum",
        "tensorflow_quantum",
        prefixes=("Tfq",),
        note="Each of its releases works with one TensorFlow version; 0.7.3 with 2.15.",
    ),
    Provider(
        "tensorflow-recommenders-addons",
        "tensorflow_recommenders_addons",
        prefixes=("TFRA>",),
        pins_tensorflow=True,
        note="Release 0.8.1 is for TensorFlow 2.11 to 2.16.",
    ),
    Provider(
        "tf-sentencepiece",
        "tf_sentencepiece",
        ops=_names(
            """
        SentencepieceDecode SentencepieceEncodeDense SentencepieceEncodeSparse SentencepieceGetPieceSize
        SentencepieceGetPieceType SentencepieceIdToPiece SentencepiecePieceToId
            """
        ),
        note="Its last release, 0.1.90, is for TensorFlow 1.15 to 2.2; tensorflow-text followed, with other op names.",
    ),
    *(
        Provider(
            "",
            f"tensorflow.contrib.{module}",
            ops=_names(ops),
            note=f"It was part of tf.contrib.{module} in TensorFlow 1.x, which TensorFlow 2 dropped; run it with 1.15.",
        )
        for module, ops in _CONTRIB.items()
    ),
)
