"""A copy of another service's models: what is asked for and not here is fetched once, and stays for good.

Mirrored models have a directory of their own, `DIR/mirror`, laid out like `DIR`. A publisher that this service owns is
never looked up in the other: a stranger who takes a name there cannot put a model in its place here.
"""

from __future__ import annotations

import asyncio
import fnmatch
import logging
from typing import Callable
from urllib.parse import urlsplit

from rehub import config
from rehub.errors import DownloadError, HubError
from rehub.escaping import quote_url
from rehub.handles import parse_handle
from rehub.hosting_protocol import COMPRESSED, add_query_item
from rehub.resolvers.hosting import download_to_file
from rehub.server.names import ModelName, parse_name
from rehub.server.publishing import HubDirectory
from rehub.server.single_flight import SingleFlight
from rehub.server.tree import StoredModel
from rehub.transfer.connections import open_session
from rehub.transfer.http import RequestLog, get_response
from rehub.transfer.retries import RetryPolicy

_log = logging.getLogger(__name__)

_REDIRECTS = (301, 302, 303, 307, 308)


class Mirror:
    """Models of another service, fetched when they are asked for."""

    def __init__(
        self, upstream: str, hub: HubDirectory, owned: tuple[str, ...], scan_policy: str, *, offline: bool = False
    ) -> None:
        """Prepare a mirror.

        Args:
            upstream: the other service's URL, such as "https://tfhub.dev".
            hub: where fetched models are kept.
            owned: patterns of publishers that are never fetched.
            scan_policy: as `HubDirectory.publish` takes it.
            offline: give what was fetched before, and fetch nothing.
        """
        self.hub = hub
        self._upstream = upstream.rstrip("/")
        self._owned = owned
        self._scan_policy = scan_policy
        self._offline = offline
        self._fetching: SingleFlight[StoredModel | None] = SingleFlight()

    def owns(self, publisher: str) -> bool:
        """Whether a publisher is never looked up in the other service."""
        return any(fnmatch.fnmatchcase(publisher, pattern) for pattern in self._owned)

    async def find(self, name: ModelName, on_new: Callable[[StoredModel], object]) -> StoredModel | None:
        """Return a model, fetched if it is not here; None if the other service does not have it.

        Args:
            name: with a version, or without one for the latest that the other service has; if it cannot be reached,
                for the latest that is here.
            on_new: called with a model that was fetched.
        """
        if name.version is not None or self._offline:
            found = await asyncio.to_thread(self.hub.tree.find, name)
            if found is not None or self._offline:
                return found
        return await self._fetching.run(str(name), self._fetch_model, name, on_new)

    def _fetch_model(self, name: ModelName, on_new: Callable[[StoredModel], object]) -> StoredModel | None:
        if name.version is None:
            version = self._latest_version(name)
            if version is None:
                return self.hub.tree.find(name)
            name = name.with_version(version)
            found = self.hub.tree.find(name)
            if found is not None:
                return found
        url = f"{self._upstream}/{name}"
        with self.hub.staging() as staging:
            archive = staging / "upload"
            try:
                download_to_file(parse_handle(url), archive)
            except DownloadError as error:
                if error.status not in (404, 410):
                    _log.warning("%s is not mirrored: %s", name, error)
                return None
            try:
                self.hub.publish(name, archive, staging, scan_policy=self._scan_policy)
            except HubError as error:
                _log.warning("%s is not mirrored: %s", name, error)
                return None
        found = self.hub.tree.find(name)
        if found is not None:
            on_new(found)
        return found

    def _latest_version(self, name: ModelName) -> int | None:
        """Return the version to which the other service redirects the model's URL; None if it does not."""
        url = add_query_item(f"{self._upstream}/{name}", COMPRESSED)
        log = RequestLog(url, url)
        # A version that is here is better than a wait.
        policy = RetryPolicy(0 if self.hub.tree.versions(name) else config.RETRIES.get(), quote_url(url))
        seconds, expected = config.TIMEOUT.get(), (200, *_REDIRECTS)
        try:
            with open_session() as session:
                answer = policy.run(lambda: get_response(session, log, seconds=seconds, expected=expected))
                place = answer.headers.get("Location", "")
        except DownloadError as error:
            if error.status not in (404, 410):
                _log.warning("%s cannot be asked for the latest version of %s: %s", self._upstream, name, error)
            return None
        target = parse_name(urlsplit(place).path)
        return target.version if target is not None and target.path == name.path else None
