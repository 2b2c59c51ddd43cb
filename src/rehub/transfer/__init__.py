"""Download models, and pack and unpack their archives without trusting the bytes.

`download` downloads an archive and unpacks it in one pass: bytes are decompressed, hashed and written as they arrive.
`archives` does the same for a local file or a stream, and packs and copies models to and from machines without a
network. `location` asks a server where a model can be read without a download.
"""
