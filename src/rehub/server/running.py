"""Open a service over a directory, and run it until the process is stopped."""

from __future__ import annotations

import hashlib
import logging
import os
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import Callable, Sequence

import platformdirs
import uvicorn

from rehub import config
from rehub.errors import HubError
from rehub.escaping import quote
from rehub.server.access import AccessFile
from rehub.server.app import create_app
from rehub.server.catalogue import Catalogue
from rehub.server.connections import ServiceProtocol
from rehub.server.mirror import Mirror
from rehub.server.publishing import HubDirectory
from rehub.server.security_headers import EVERY_ANSWER
from rehub.server.service import ServerOptions, Service

_log = logging.getLogger(__name__)

_SECONDS_TO_FINISH = 30


def open_service(
    directory: Path,
    cache: Path | None,
    options: ServerOptions,
    *,
    upstream: str = "",
    owned: Sequence[str] = (),
    reindex: bool = False,
) -> Service:
    """Open a directory as a service.

    Args:
        directory: the models, or a directory that has `models/`.
        cache: where archives and the index go; else into a directory that has `models/` and can be written, else into
            the user's cache directory.
        options: how it behaves.
        upstream: the URL of another service, whose models are fetched when they are asked for and not here.
        owned: patterns of publishers that are never fetched from there.
        reindex: whether to read each model again, also those that have not changed.
    """
    is_managed = (directory / "models").is_dir() and os.access(str(directory), os.W_OK)
    if cache is None and not is_managed:
        key = hashlib.sha256(os.path.realpath(str(directory)).encode()).hexdigest()[:16]
        cache = Path(platformdirs.user_cache_dir("rehub", appauthor=False), "serve", key)
    place = directory if cache is None else cache
    hub = HubDirectory(directory, place / "blobs")
    if is_managed:
        hub.remove_stale_staging()
    options = replace(options, can_publish=options.can_publish and is_managed)
    mirror = None
    if upstream:
        mirrored = HubDirectory.create(place / "mirror")
        mirror = Mirror(upstream, mirrored, tuple(owned), options.scan_policy, offline=config.OFFLINE.get())
    trees = [hub.tree] if mirror is None else [hub.tree, mirror.hub.tree]
    catalogue = Catalogue(place / "index.sqlite", *trees)
    if reindex:
        catalogue.update(force=True)
    service = Service(hub, catalogue, AccessFile(directory / "tokens.toml"), options, mirror)
    threading.Thread(target=_update_catalogue, args=(catalogue, directory), daemon=True).start()
    return service


def run_service(service: Service, host: str, port: int, *, on_start: Callable[[str], None]) -> None:
    """Serve until SIGINT or SIGTERM; requests that run are finished, for half a minute at most.

    Args:
        service: what is served.
        host, port: where to listen; port 0 takes a free one.
        on_start: called with the URL when the service answers.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(message)s"))
    access = logging.getLogger("rehub.server.access")
    access.addHandler(handler)
    access.setLevel(logging.INFO)
    access.propagate = False
    server = _Server(
        uvicorn.Config(
            create_app(service),
            host=host,
            port=port,
            http=ServiceProtocol,
            loop="asyncio",  # uvloop has no sendfile.
            log_level="warning",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            headers=list(EVERY_ANSWER.items()),
            timeout_graceful_shutdown=_SECONDS_TO_FINISH,
        ),
        on_start,
    )
    try:
        server.run()
    finally:
        service.catalogue.close()


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, on_start: Callable[[str], None]) -> None:
        super().__init__(config)
        self._on_start = on_start

    async def startup(self, sockets: list[object] | None = None) -> None:  # type: ignore[override]
        """Listen, and tell where."""
        await super().startup(sockets)  # type: ignore[arg-type]
        if self.started:
            host, port = self.servers[0].sockets[0].getsockname()[:2]
            self._on_start(f"http://{f'[{host}]' if ':' in host else host}:{port}")


def _update_catalogue(catalogue: Catalogue, directory: Path) -> None:
    try:
        count = catalogue.update()
    except (HubError, OSError) as error:
        _log.warning("The index of %s is not complete: %s", quote(directory), error)
    else:
        _log.info("%d versions of models were read", count)
