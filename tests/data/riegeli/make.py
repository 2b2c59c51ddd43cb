"""Makes these files by Riegeli's own writer: `pip install array_record`, and run this.

array_record appends records of its own, and padding, of which nothing is kept.
"""

from __future__ import annotations

import struct
import tempfile
from pathlib import Path

from array_record.python.array_record_module import ArrayRecordWriter

RECORDS = [b"", b"a", b"hello " * 20, bytes(range(256)), b"\0" * 70000, b"end"]
KINDS = {
    "uncompressed": "uncompressed",
    "brotli": "brotli:6",
    "zstd": "zstd:3",
    "snappy": "snappy",
    "transposed": "transpose:true,uncompressed",
}
# The signature of the file is 64 bytes, and the header of a chunk has the size of its data as its second number.
SIGNATURE, HEADER = 64, 40

if __name__ == "__main__":
    for name, options in KINDS.items():
        with tempfile.TemporaryDirectory() as directory:
            file = Path(directory, name)
            writer = ArrayRecordWriter(str(file), f"group_size:{len(RECORDS)},{options}")
            for record in RECORDS:
                writer.write(record)
            writer.close()
            content = file.read_bytes()
        (size,) = struct.unpack_from("<Q", content, SIGNATURE + 8)
        end = SIGNATURE + HEADER + size
        end += end // (1 << 16) * 24  # The header of a block.
        Path(__file__).with_name(f"{name}.riegeli").write_bytes(content[:end])
