"""The models that `batch.py` measures: `python text_models.py DIRECTORY` writes them, and `words.txt`.

- `text`: an embedding of 128 dimensions with a table, as of nnlm.
- `tokenize` and `encode`: a preprocessor and an encoder as of BERT, with the names that Beam's handler expects.
"""

from __future__ import annotations

import sys
from pathlib import Path

import tensorflow as tf

WORDS, WIDTH, LENGTH = 30_000, 128, 64
STRINGS = tf.TensorSpec([None], tf.string)
TOKENS = {name: tf.TensorSpec([None, LENGTH], tf.int32, name) for name in ("input_mask", "input_word_ids")}


class Vocabulary(tf.Module):
    """Texts -> the number of each word."""

    def __init__(self, file: str) -> None:
        super().__init__()
        index = tf.lookup.TextFileIndex
        initializer = tf.lookup.TextFileInitializer(file, tf.string, index.WHOLE_LINE, tf.int64, index.LINE_NUMBER)
        self.table = tf.lookup.StaticVocabularyTable(initializer, 1)

    def look_up(self, texts: tf.Tensor) -> tf.RaggedTensor:
        """Return a ragged tensor."""
        words = tf.strings.split(tf.strings.regex_replace(texts, "[[:punct:]]", ""))
        return words.with_flat_values(self.table.lookup(words.flat_values))


class Text(Vocabulary):
    """Texts -> embeddings."""

    def __init__(self, file: str) -> None:
        super().__init__(file)
        self.embeddings = tf.Variable(tf.random.stateless_normal([WORDS + 1, WIDTH], (1, 2)))

    @tf.function(input_signature=[STRINGS])
    def __call__(self, texts: tf.Tensor) -> tf.Tensor:
        """Return the sum of the words' vectors, by the root of their number."""
        ids = self.look_up(texts).to_sparse()
        return tf.nn.safe_embedding_lookup_sparse(self.embeddings, ids, combiner="sqrtn")


class Tokenize(Vocabulary):
    """Texts -> numbers of words, and a mask."""

    @tf.function(input_signature=[STRINGS])
    def __call__(self, texts: tf.Tensor) -> dict[str, tf.Tensor]:
        """Return tensors of one length."""
        ids = tf.cast(self.look_up(texts).to_tensor(-1, shape=[None, LENGTH]), tf.int32)
        return {"input_word_ids": tf.maximum(ids, 0), "input_mask": tf.cast(ids >= 0, tf.int32)}


class Encode(tf.Module):
    """Numbers of words -> an embedding of the text."""

    def __init__(self) -> None:
        super().__init__()
        self.embeddings = tf.Variable(tf.random.stateless_normal([WORDS + 1, WIDTH], (3, 4)))
        self.kernel = tf.Variable(tf.random.stateless_normal([WIDTH, WIDTH], (5, 6)))

    @tf.function(input_signature=[TOKENS])
    def __call__(self, tokens: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Return `pooled_output`."""
        mask = tf.cast(tokens["input_mask"], tf.float32)[:, :, tf.newaxis]
        total = tf.reduce_sum(tf.gather(self.embeddings, tokens["input_word_ids"]) * mask, axis=1)
        return {"pooled_output": tf.tanh(tf.matmul(total, self.kernel))}

    @tf.function(input_signature=[TOKENS["input_mask"], TOKENS["input_word_ids"]])
    def serve(self, input_mask: tf.Tensor, input_word_ids: tf.Tensor) -> dict[str, tf.Tensor]:
        """Return the same, as a signature."""
        return self({"input_mask": input_mask, "input_word_ids": input_word_ids})


def save_models(directory: str) -> None:
    """Write all models."""
    vocabulary = Path(directory, "words.txt")
    vocabulary.write_text("".join(f"word{number:05}\n" for number in range(WORDS)), encoding="utf-8")
    for name, model in {
        "text": Text(str(vocabulary)),
        "tokenize": Tokenize(str(vocabulary)),
        "encode": Encode(),
    }.items():
        tf.saved_model.save(model, f"{directory}/{name}", getattr(model, "serve", model.__call__))


if __name__ == "__main__":
    save_models(*sys.argv[1:])
