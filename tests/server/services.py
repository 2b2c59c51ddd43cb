"""Services on 127.0.0.1 for tests, over directories of real models."""

from __future__ import annotations

import contextlib
import threading
import time
from pathlib import Path

MODELS = Path(__file__).parent.parent / "data" / "legacy"


def directory_of(model):
    """The directory of a legacy module among the test data."""
    return next(path.parent for path in sorted((MODELS / model).rglob("saved_model.pb")))


@contextlib.contextmanager
def serving(root, cache=None, upstream="", owned=(), **options):
    """Serve a directory while the block runs; give the URL."""
    import uvicorn

    from rehub.server.app import create_app
    from rehub.server.running import open_service
    from rehub.server.service import ServerOptions

    service = open_service(root, cache, ServerOptions(**options), upstream=upstream, owned=owned)
    service.catalogue.update()
    server = uvicorn.Server(uvicorn.Config(create_app(service), port=0, log_level="warning", access_log=False))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
        service.catalogue.close()
