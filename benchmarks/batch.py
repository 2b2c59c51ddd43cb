"""A model over 200,000 short texts: rehub's engines compared with a tf.data loop, and with Apache Beam's own handler.

Each way reads Parquet, computes embeddings of 128 dimensions with a table, and writes Parquet, in processes of its own;
the ways alternate. CPU seconds are those of all processes that a way starts, with the start of TensorFlow. The second
table is a text preprocessor with an encoder, as of BERT: Beam's handler loads the preprocessor again for each batch.
The last two are over JPEG files: by a CNN so small that decoding costs as much as the model, and by MobileNetV2. rehub
resizes with antialiasing; the loop is measured without it, as is the default of tf.image.resize, and with it.

With `--memory` it prints the peak memory of the local engine over the number of rows, and with `--plan` the cost of a
plan over the number of files.

Usage: `python benchmarks/batch.py [--rounds 3] [--rows 200000] [--only WORD] [--memory | --plan]`
It needs TensorFlow 2.15, tensorflow-text, tensorflow_hub and `pip install "rehub[beam,ray]"`, on Linux.
"""

from __future__ import annotations

import argparse
import ctypes
import importlib.util
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any, Callable

ROWS_OF_FILE = 10_000
BATCH = 512
ROWS_WITH_PREPROCESSOR = 20_000
IMAGES = 4_000
IMAGES_OF_MOBILENET = 1_000
IMAGE_BATCH = 32
PR_SET_CHILD_SUBREAPER = 36  # prctl(2): processes whose parent ends become children of this one


def loop(models: str, files: list[str], output: str) -> None:
    """tf.data and tensorflow_hub, as in TensorFlow Hub's tutorials."""
    import numpy as np
    import pyarrow as pa
    import tensorflow as tf
    import tensorflow_hub as hub
    from pyarrow import parquet

    model = hub.load(f"{models}/text")
    for file in files:
        table = parquet.read_table(file)
        texts = tf.data.Dataset.from_tensor_slices(table["text"].to_pylist()).batch(BATCH).prefetch(2)
        found = np.concatenate([model(batch).numpy() for batch in texts])
        vectors = pa.FixedSizeListArray.from_arrays(pa.array(found.reshape(-1)), found.shape[1])
        result = pa.table({"id": table["id"], "embedding": vectors})
        parquet.write_table(result, f"{output}/{Path(file).name}", compression="zstd")


def image_loop(model_name: str, size: int, *, antialias: bool) -> Callable[[str, list[str], str], None]:
    """tf.data and tensorflow_hub, over images."""

    def run(models: str, files: list[str], output: str) -> None:
        import numpy as np
        import pyarrow as pa
        import tensorflow as tf
        import tensorflow_hub as hub
        from pyarrow import parquet

        def read(file: tf.Tensor) -> tf.Tensor:
            image = tf.io.decode_jpeg(tf.io.read_file(file), 3)
            return tf.image.resize(image, [size, size], antialias=antialias) / 255.0

        model = hub.load(f"{models}/{model_name}")
        images = tf.data.Dataset.from_tensor_slices(files).map(read, tf.data.AUTOTUNE).batch(IMAGE_BATCH).prefetch(2)
        found = np.concatenate([model(batch).numpy() for batch in images])
        features = pa.FixedSizeListArray.from_arrays(pa.array(found.reshape(-1)), found.shape[1])
        table = pa.table({"path": files, "embedding": features})
        parquet.write_table(table, f"{output}/all.parquet", compression="zstd")

    return run


def rehub_images(model_name: str, workers: int) -> Callable[[str, list[str], str], None]:
    """The local engine, over images."""

    def run(models: str, files: list[str], output: str) -> None:
        import rehub

        report = rehub.batch(f"{models}/{model_name}", files, output, workers=workers, shard_rows=len(files) // 8)
        assert not report.failed

    return run


def rehub_engine(engine: str, workers: int) -> Callable[[str, list[str], str], None]:
    """One of rehub's engines."""

    def run(models: str, files: list[str], output: str) -> None:
        import rehub

        report = rehub.batch(
            f"{models}/text",
            files,
            output,
            outputs={"output_0": "embedding"},
            keep=["id"],
            engine=engine,
            workers=workers,
            shard_rows=ROWS_OF_FILE,
        )
        assert not report.failed

    return run


def beam_pipeline(make_handler: Callable[[str], Any], prepare: Callable[[str], Any]) -> Callable[..., None]:
    """A pipeline with RunInference."""

    def run(models: str, files: list[str], output: str) -> None:
        import apache_beam as beam
        import pyarrow as pa
        from apache_beam.ml.inference.base import KeyedModelHandler, RunInference

        schema = pa.schema([("id", pa.int64()), ("embedding", pa.list_(pa.float32()))])
        with beam.Pipeline() as pipeline:
            (
                pipeline
                | beam.Create(files)
                | beam.Reshuffle()
                | beam.io.ReadAllFromParquet()
                | beam.Map(lambda row: (row["id"], prepare(row["text"])))
                | RunInference(KeyedModelHandler(make_handler(models)))
                | beam.Map(lambda pair: {"id": pair[0], "embedding": getattr(pair[1], "inference", pair[1])})
                | beam.io.WriteToParquet(f"{output}/part", schema, codec="zstd")
            )

    return run


def beams_handler(*, has_preprocessor: bool) -> Callable[..., None]:
    """RunInference with the handler that Beam has for models of TensorFlow Hub."""

    def make_handler(models: str) -> Any:
        from apache_beam.ml.transforms.embeddings.tensorflow_hub import _TensorflowHubModelHandler

        preprocessor, model = (f"{models}/tokenize", "encode") if has_preprocessor else (None, "text")
        sizes = {"min_batch_size": BATCH, "max_batch_size": BATCH}
        return _TensorflowHubModelHandler(preprocessor, model_uri=f"{models}/{model}", **sizes)

    def prepare(text: str) -> Any:
        import tensorflow as tf

        return tf.constant(text)  # It stacks tensors.

    return beam_pipeline(make_handler, prepare)


def rehubs_handler(*, has_preprocessor: bool) -> Callable[..., None]:
    """RunInference with rehub's."""

    def make_handler(models: str) -> Any:
        from rehub.beam import ModelHandler

        preprocessor, model = (f"{models}/tokenize", "encode") if has_preprocessor else (None, "text")
        sizes = {"min_batch_size": BATCH, "max_batch_size": BATCH}
        return ModelHandler(f"{models}/{model}", preprocessor=preprocessor, **sizes)

    return beam_pipeline(make_handler, lambda text: text)


WAYS = {
    "tf.data loop, tensorflow_hub": loop,
    "rehub, local": rehub_engine("local", 1),
    "rehub, local, 2 workers": rehub_engine("local", 2),
    "rehub, Ray, 1 worker": rehub_engine("ray", 1),
    "rehub, Ray, 2 workers": rehub_engine("ray", 2),
    "rehub, Beam's runner": rehub_engine("beam", 1),
    "Beam, its own handler": beams_handler(has_preprocessor=False),
    "Beam, rehub's handler": rehubs_handler(has_preprocessor=False),
}
WAYS_WITH_PREPROCESSOR = {
    "preprocessor: Beam, its own handler": beams_handler(has_preprocessor=True),
    "preprocessor: Beam, rehub's handler": rehubs_handler(has_preprocessor=True),
}
WAYS_WITH_IMAGES = {
    "small CNN: tf.data loop": image_loop("small_cnn", 128, antialias=False),
    "small CNN: tf.data loop, antialiased": image_loop("small_cnn", 128, antialias=True),
    "small CNN: rehub, local": rehub_images("small_cnn", 1),
    "small CNN: rehub, local, 2 workers": rehub_images("small_cnn", 2),
}
WAYS_WITH_MOBILENET = {
    "MobileNetV2: tf.data loop": image_loop("mobilenet", 224, antialias=False),
    "MobileNetV2: tf.data loop, antialiased": image_loop("mobilenet", 224, antialias=True),
    "MobileNetV2: rehub, local": rehub_images("mobilenet", 1),
    "MobileNetV2: rehub, local, 2 workers": rehub_images("mobilenet", 2),
}
IMAGE_WAYS = {**WAYS_WITH_IMAGES, **WAYS_WITH_MOBILENET}


def main(options: argparse.Namespace) -> None:
    """Measure and print."""
    missing = [name for name in ("apache_beam", "ray", "tensorflow_hub") if importlib.util.find_spec(name) is None]
    if missing:
        print(f"Not measured: {', '.join(missing)} is not installed here.")
        return
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    with tempfile.TemporaryDirectory() as scratch:
        os.environ.update(TFHUB_CACHE_DIR=f"{scratch}/cache", TF_CPP_MIN_LOG_LEVEL="3")
        if options.plan:
            measure_plan(Path(scratch))
        else:
            write_texts(Path(scratch, "texts"), options.rows)
            models = Path(scratch, "models")
            models.mkdir()
            for name in ("text_models.py", "image_model.py"):
                program = Path(__file__).with_name("models") / name
                subprocess.run([sys.executable, str(program), str(models)], check=True, capture_output=True)
            if not options.memory:
                write_images(Path(scratch, "images"), IMAGES)
            measure_memory(scratch, options.rows) if options.memory else measure_ways(scratch, options)


def measure_ways(scratch: str, options: argparse.Namespace) -> None:
    """Print CPU and wall seconds of each way."""
    print(f"Python {sys.version.split()[0]}, {os.cpu_count()} cores, medians of {options.rounds} interleaved rounds")
    few = min(options.rows, ROWS_WITH_PREPROCESSOR)
    for ways, rows in (
        (WAYS, options.rows),
        (WAYS_WITH_PREPROCESSOR, few),
        (WAYS_WITH_IMAGES, IMAGES),
        (WAYS_WITH_MOBILENET, IMAGES_OF_MOBILENET),
    ):
        chosen = [name for name in ways if options.only in name]
        measured: dict[str, list[tuple[float, float]]] = {name: [] for name in chosen}
        for _ in range(options.rounds):
            for name in chosen:
                measured[name].append(run_way(scratch, name, rows)[:2])
                print(f"    {name}: {measured[name][-1][0]:.1f} CPU s", file=sys.stderr, flush=True)
        for number, name in enumerate(chosen):
            if not number:
                print(f"{rows:,} rows{'':31} CPU s      wall s   CPU us a row")
            cpu, wall = (statistics.median(values) for values in zip(*measured[name]))
            spread = " ".join(f"{value:.1f}" for value, _ in measured[name])
            print(f"  {name:38} {cpu:7.1f} {wall:10.1f} {cpu / rows * 1e6:10.0f}   ({spread})", flush=True)


def measure_memory(scratch: str, rows: int) -> None:
    """Print the peak memory of the local engine over the rows."""
    for part in (8, 4, 2, 1):
        whole_files = max(1, rows // part // ROWS_OF_FILE) * ROWS_OF_FILE
        _, wall, memory = run_way(scratch, "rehub, local", whole_files)
        print(f"  {whole_files:10,} rows: peak memory {memory / 1e6:.0f} MB, {wall:.1f} s", flush=True)


def run_way(scratch: str, name: str, rows: int) -> tuple[float, float, float]:
    """Return the CPU seconds and wall seconds of a way, and the peak memory in bytes of its first process."""
    output = Path(scratch, "output")
    shutil.rmtree(str(output), ignore_errors=True)
    output.mkdir()
    folder, rows_of_file = ("images", 1) if name in IMAGE_WAYS else ("texts", ROWS_OF_FILE)
    files = [str(file) for file in sorted(Path(scratch, folder).iterdir())[: rows // rows_of_file]]
    start = time.perf_counter()
    command = [sys.executable, __file__, "--way", name, f"{scratch}/models", str(output), *files]
    with tempfile.TemporaryFile() as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        clock = ProcessClock()
        clock.start()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = status
        wall = time.perf_counter() - start
        if status:
            log.seek(0)
            raise RuntimeError(f"{name}: {log.read().decode()[-3000:]}")
    wait_for_orphans()
    check_output(output, rows)
    return clock.stop(), wall, usage.ru_maxrss * 1024


def check_output(output: Path, rows: int) -> None:
    """Check that each row is there once."""
    from pyarrow import parquet

    found = []
    for file in (*output.glob("*.parquet"), *output.glob("part-*-of-*")):
        table = parquet.read_table(str(file))
        found += (
            table["id"].to_pylist() if "id" in table.column_names else map(number_of_image, table["path"].to_pylist())
        )
    assert sorted(found) == list(range(rows)), len(found)


def number_of_image(path: str) -> int:
    """Return the number in the name of an image."""
    return int(Path(path).stem)


class ProcessClock(threading.Thread):
    """The CPU seconds of all processes below this one, by looking at them ten times a second.

    Ray ends its workers without waiting for them, so the system does not add their seconds to those of its children.
    """

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self._ticks: dict[tuple[int, str], int] = {}
        self._is_stopped = threading.Event()

    def run(self) -> None:
        """Look until it is stopped."""
        while not self._is_stopped.wait(0.1):
            self._look()

    def stop(self) -> float:
        """Return the seconds."""
        self._is_stopped.set()
        self.join()
        return sum(self._ticks.values()) / os.sysconf("SC_CLK_TCK")

    def _look(self) -> None:
        stats = {}
        for file in Path("/proc").glob("[0-9]*/stat"):
            try:
                stats[int(file.parent.name)] = file.read_text().rpartition(")")[2].split()
            except OSError:  # It has ended.
                continue
        below = {os.getpid()}
        while True:
            more = {pid for pid, fields in stats.items() if int(fields[1]) in below} - below
            if not more:
                break
            below |= more
        for pid in below - {os.getpid()}:
            fields = stats[pid]
            self._ticks[pid, fields[19]] = int(fields[11]) + int(fields[12])  # proc(5): starttime, utime, stime


def wait_for_orphans() -> None:
    """Wait until all processes that a way started have ended, so that their CPU seconds are counted."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        try:
            if os.waitpid(-1, os.WNOHANG)[0] == 0:
                time.sleep(0.1)
        except ChildProcessError:
            return
    raise RuntimeError("Processes were left behind.")


def write_texts(directory: Path, rows: int) -> None:
    """Write Parquet files of short texts."""
    import pyarrow as pa
    from pyarrow import parquet

    directory.mkdir()
    choose = random.Random(1)  # noqa: S311
    for start in range(0, rows, ROWS_OF_FILE):
        texts = [
            " ".join(f"word{choose.randrange(32_000):05}" for _ in range(choose.randrange(4, 20)))
            for _ in range(ROWS_OF_FILE)
        ]
        table = pa.table({"id": list(range(start, start + ROWS_OF_FILE)), "text": texts})
        parquet.write_table(table, str(directory / f"{start:09}.parquet"))


def write_images(directory: Path, count: int) -> None:
    """Write JPEG files of 320 by 240 pixels, of colors without edges."""
    import numpy as np
    from PIL import Image

    directory.mkdir()
    choose = np.random.default_rng(1)
    for number in range(count):
        colors = Image.fromarray(choose.integers(0, 256, (9, 12, 3), np.uint8))
        colors.resize((320, 240), Image.Resampling.BICUBIC).save(str(directory / f"{number:06}.jpg"), quality=90)


def measure_plan(scratch: Path) -> None:
    """Print the time to plan many files, and the size of the plan."""
    import json
    import tracemalloc

    import pyarrow as pa
    from pyarrow import parquet

    from rehub.batch_inference.plan import ShardLimit
    from rehub.batch_inference.planning import plan_input

    parquet.write_table(pa.table({"text": ["a"] * 10}), str(scratch / "one.parquet"))
    texts = scratch / "texts"
    texts.mkdir()
    made = 0
    for files in (100, 1000, 10_000):
        for number in range(made, files):
            shutil.copy(str(scratch / "one.parquet"), str(texts / f"{number:06}.parquet"))
        made = files
        start, cpu = time.perf_counter(), time.process_time()
        found = plan_input([str(texts)], None, ShardLimit(10))
        wall, cpu = time.perf_counter() - start, time.process_time() - cpu
        tracemalloc.start()
        found = plan_input([str(texts)], None, ShardLimit(10))
        memory = tracemalloc.get_traced_memory()[0]
        tracemalloc.stop()
        size = len(json.dumps([shard.to_json() for shard in found.shards]))
        per_shard = memory / len(found.shards)
        print(
            f"  {files:6,} files, {len(found.shards):6,} shards: {wall:6.2f} s, {cpu:6.2f} CPU s; "
            f"plan {size / 1e3:,.0f} kB, {per_shard:.0f} bytes of memory a shard",
            flush=True,
        )


def parse_arguments() -> argparse.Namespace:
    """Return the arguments of the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--only", default="")
    parser.add_argument("--memory", action="store_true")
    parser.add_argument("--plan", action="store_true")
    parser.add_argument("--way", nargs="+", help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    arguments = parse_arguments()
    if arguments.way:
        name, models, output, *files = arguments.way
        {**WAYS, **WAYS_WITH_PREPROCESSOR, **IMAGE_WAYS}[name](models, files, output)
    else:
        main(arguments)
