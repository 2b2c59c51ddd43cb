"""What the service knows and may do, without HTTP: find, list, pack, publish, for one visitor."""

from __future__ import annotations

import asyncio
import difflib
from dataclasses import dataclass
from pathlib import Path

from rehub.server.access import AccessFile, Visitor
from rehub.server.catalogue import Catalogue
from rehub.server.mirror import Mirror
from rehub.server.names import ModelName, parse_name
from rehub.server.publishing import HubDirectory
from rehub.server.tree import CARD_FILE, StoredModel, Tombstone

_MOST_NEAR = 5
_MOST_COMPARED = 5000  # Each takes about 25 microseconds.


@dataclass(frozen=True)
class ServerOptions:
    """How a service behaves.

    Attributes:
        site: its name on pages.
        public_url: by which clients reach it, such as "https://hub.example.com"; "" for what the request says.
        uncompressed_prefix: where the same tree is in an object store, such as "gs://bucket/models"; "" if nowhere.
        accel_prefix: an internal location of nginx that has the archives; "" to send them from here.
        remote_images: whether cards may show images of other hosts.
        scan_policy: whether published models with dangers are refused or recorded.
        trust_header: the header in which the proxy in front names a user that it has logged in; "" for none.
        trusted_proxies: the addresses from which that header is believed.
        max_upload: bytes of an archive that may be published.
        can_publish: whether PUT and DELETE are answered at all.
    """

    site: str = "rehub"
    public_url: str = ""
    uncompressed_prefix: str = ""
    accel_prefix: str = ""
    remote_images: bool = False
    scan_policy: str = "refuse"
    trust_header: str = ""
    trusted_proxies: tuple[str, ...] = ("127.0.0.1", "::1")
    max_upload: int = 20 << 30
    can_publish: bool = True


@dataclass(frozen=True)
class Absence:
    """Why there is no model under a name.

    Attributes:
        tombstone: of a version that was withdrawn; None if there never was one.
        near: names of models that are similar.
        versions: those that the model has.
    """

    tombstone: Tombstone | None
    near: tuple[str, ...]
    versions: tuple[int, ...]


@dataclass(frozen=True)
class Service:
    """A directory of models, its index, and who may see what."""

    hub: HubDirectory
    catalogue: Catalogue
    access: AccessFile
    options: ServerOptions
    mirror: Mirror | None = None

    async def find(self, name: ModelName, visitor: Visitor) -> StoredModel | None:
        """Return the model, if it is there and the visitor may see it: private and absent look the same."""
        found = await asyncio.to_thread(self.hub.tree.find, name)
        if not visitor.can_read(name.publisher):
            return None
        if found is None and self.mirror is not None and not self._is_own(name.publisher):
            return await self.mirror.find(name, self.catalogue.add)
        return found

    def hub_of(self, model: StoredModel) -> HubDirectory:
        """Return the directory that a model is in: the service's own, or that of mirrored models."""
        if self.mirror is not None and self.mirror.hub.tree.holds(model.directory):
            return self.mirror.hub
        return self.hub

    def _is_own(self, publisher: str) -> bool:
        """Whether models of a publisher come from here alone."""
        return (self.hub.tree.root / publisher).exists() or (self.mirror is not None and self.mirror.owns(publisher))

    def explain_absence(self, name: ModelName, visitor: Visitor) -> Absence:
        """Return what to say instead of the model."""
        if not visitor.can_read(name.publisher):
            return Absence(None, self._find_similar_names(name, visitor), ())
        withdrawn = self.hub.tree.tombstone(name) if name.version is not None or not self.versions(name) else None
        return Absence(withdrawn, self._find_similar_names(name, visitor), tuple(self.versions(name)))

    def versions(self, name: ModelName) -> list[int]:
        """Return the versions of a model that the visitor is known to see, lowest first."""
        found = self.hub.tree.versions(name)
        return found if found or self.mirror is None else self.mirror.hub.tree.versions(name)

    def collection(self, path: str) -> tuple[str, Path] | None:
        """Return the name and card of a collection, `<publisher>/collection/<name>`; None if there is none."""
        name = parse_name(path)
        if name is None or not name.name.startswith("collection/"):
            return None
        tree = self.hub.tree
        directory = tree.place_of(name)
        own = [each for each in (directory / CARD_FILE, directory.with_suffix(".md")) if tree.holds(each)]
        other = tree.docs / name.publisher / "collections" / name.name[len("collection/") :] / "1.md"
        found = next((each for each in (*own, other) if each.is_file()), None)
        return None if found is None else (name.path, found)

    def _find_similar_names(self, name: ModelName, visitor: Visitor) -> tuple[str, ...]:
        names = self.catalogue.names(visitor.can_read)
        if len(names) > _MOST_COMPARED:
            names = [each for each in names if each.startswith(f"{name.publisher}/") or each.endswith(f"/{name.name}")]
        return tuple(difflib.get_close_matches(name.path, names[:_MOST_COMPARED], _MOST_NEAR, 0.6))
