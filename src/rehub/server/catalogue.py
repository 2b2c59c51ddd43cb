"""The models that pages list and search finds: an SQLite file over the facts of each version.

The tree of models is the truth. The file can be deleted; it is made again from the tree, as `--reindex` does.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import json
import logging
import re
import sqlite3
import threading
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, Iterator, Mapping

from rehub.server.facts import FACTS_LAYOUT, ModelFacts, card_beside_models, card_of, facts_from_json, gather_facts
from rehub.server.names import ModelName
from rehub.server.tree import ModelTree, StoredModel

_log = logging.getLogger(__name__)

_SCHEMA = """
create table models (
    name text, version integer, is_latest integer, publisher text, format text, task text, language text, license text,
    stamp text, facts text
);
create unique index by_name on models (name, version);
create virtual table words using fts5 (name, description, labels, card, tokenize = "porter unicode61 tokenchars '_'");
"""
# Of the tables and of the facts in them. A file of another layout is made again.
_LAYOUT = zlib.crc32((_SCHEMA + FACTS_LAYOUT).encode()) >> 1
_WITHOUT_SYNC = "pragma synchronous = off"  # What a power failure damages is made again.
_WORD = re.compile(r"\w+")
_MOST_WORDS = 16
_MOST_CHOICES = 100
_NO_VERSION = -1
# Fields of the facts by which a search is narrowed; columns of the table.
FILTERS = ("format", "task", "language", "license", "publisher")
_OF_ALL = "models where is_latest and is_visible(publisher)"
_WITH_WORDS = (
    "words join models on models.rowid = words.rowid where words match :words and is_latest and is_visible(publisher)"
)
_BEST_FIRST = "bm25(words, 10, 5, 5, 1), models.name"
_NARROWED = " ".join(f"and :{name} in ('', models.{name})" for name in FILTERS)
_BELOW = "and (:prefix in ('', models.name) or substr(models.name, 1, length(:prefix) + 1) = :prefix || '/')"


@dataclass(frozen=True)
class SearchResult:
    """A page of what a search found.

    Attributes:
        models: on this page.
        total: how many there are on all pages.
        choices: by filter, its values among the models that have the words.
    """

    models: list[ModelFacts]
    total: int
    choices: dict[str, tuple[str, ...]]


NOTHING_FOUND = SearchResult([], 0, {})


class Catalogue:
    """The index of one or several trees. Its methods may be called from several threads."""

    def __init__(self, path: Path, *trees: ModelTree) -> None:
        """Open the file, or make it; `update` fills it."""
        self._trees = trees
        self._lock = threading.Lock()
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._database = _open_database(path)
        self._inode = _inode_of(path)

    def update(self, *, force: bool = False) -> int:
        """Bring the index up to the tree; return how many versions were read.

        Args:
            force: read each version again, also those whose files have not changed.
        """
        count = 0
        with self._use_database() as database:
            # What is published from now on is not seen, and stays.
            known = set(database.execute("select name, version from models"))
        seen = set()
        for model in itertools.chain.from_iterable(tree.models() for tree in self._trees):
            try:
                count += self.add(model, force=force)
            except FileNotFoundError:
                continue  # Withdrawn meanwhile.
            seen.add((model.name.path, _number_version(model.name)))
        for name, version in known - seen:
            self._delete_entry((name, version))
        return count

    def add(self, model: StoredModel, *, force: bool = False) -> bool:
        """Put a version into the index; return whether it had to be read."""
        stamp = self._stamp_of(model)
        key = (model.name.path, _number_version(model.name))
        with self._use_database() as database:
            known = database.execute("select stamp from models where name = ? and version = ?", key).fetchone()
        if known == (stamp,) and not force:
            return False
        card = card_of(model, self._tree_of(model))
        facts = gather_facts(model, card)
        labels = f"{facts.task} {facts.language} {facts.format} {facts.architecture} {facts.dataset}"
        with self._use_database() as database:
            _delete_rows(database, key)
            row = database.execute(
                "insert into models values (?, ?, 0, ?, ?, ?, ?, ?, ?, ?)",
                (
                    *key,
                    *(facts.publisher, facts.format, facts.task, facts.language, facts.license),
                    *(stamp, json.dumps(facts.to_json())),
                ),
            ).lastrowid
            database.execute(
                "insert into words (rowid, name, description, labels, card) values (?, ?, ?, ?, ?)",
                (row, model.name.path.replace("/", " "), facts.description, labels, card.body),
            )
            _mark_latest(database, model.name.path)
        if not model.directory.is_dir():  # Withdrawn meanwhile, perhaps before it was in the index.
            self._delete_entry(key)
        return True

    def remove(self, name: ModelName) -> None:
        """Take a version out of the index."""
        self._delete_entry((name.path, _number_version(name)))

    def facts(self, model: StoredModel) -> ModelFacts:
        """Return what is known of a version, read now if the index does not have it."""
        self.add(model)
        key = (model.name.path, _number_version(model.name))
        with self._use_database() as database:
            found = database.execute("select facts from models where name = ? and version = ?", key).fetchone()
        if found is None:
            raise FileNotFoundError(f"{model.name} was withdrawn meanwhile")
        return facts_from_json(found[0])

    def names(self, is_visible: Callable[[str], bool]) -> list[str]:
        """Return the names of all models that may be shown."""
        with self._use_database() as database:
            rows = database.execute("select name, publisher from models where is_latest").fetchall()
        return [name for name, publisher in rows if is_visible(publisher)]

    def search(
        self,
        text: str,
        is_visible: Callable[[str], bool],
        chosen: Mapping[str, str] | None = None,
        *,
        prefix: str = "",
        offset: int = 0,
        limit: int = 50,
    ) -> SearchResult:
        """Return the latest versions that have all of these words, best first.

        Args:
            text: what a person typed; its last letters may be the start of a word.
            is_visible: whether a publisher's models may be shown.
            chosen: values of some of FILTERS; "" for any. None makes no choices.
            prefix: the segments that a model's path starts with; "" for any.
            offset: how many of them to skip.
            limit: how many to return.
        """
        words = _WORD.findall(text)[:_MOST_WORDS]
        found, order = (_WITH_WORDS, _BEST_FIRST) if words else (_OF_ALL, "models.name")
        values = {name: (chosen or {}).get(name, "") for name in FILTERS}
        values["prefix"] = prefix
        values["words"] = " ".join(f'"{word}"*' for word in words)
        bounds = {"limit": limit, "offset": offset, "most": _MOST_CHOICES}
        with self._use_database() as database:
            database.create_function("is_visible", 1, functools.lru_cache(maxsize=None)(is_visible))

            def select(columns: str, end: str) -> list[tuple[Any, ...]]:
                # Text of this module alone; what a person typed is in the values.
                statement = f"select {columns} from {found} {end}"  # noqa: S608
                return database.execute(statement, {**values, **bounds}).fetchall()

            ((total,),) = select("count(*)", f"{_NARROWED} {_BELOW}")
            rows = select("models.facts", f"{_NARROWED} {_BELOW} order by {order} limit :limit offset :offset")
            choices = {
                name: select(f"distinct models.{name}", f"and models.{name} != '' order by 1 limit :most")
                for name in (FILTERS if chosen is not None else ())
            }
        return SearchResult(
            [facts_from_json(facts) for (facts,) in rows],
            total,
            {name: tuple(value for (value,) in rows) for name, rows in choices.items()},
        )

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._database.close()

    @contextlib.contextmanager
    def _use_database(self) -> Iterator[sqlite3.Connection]:
        """Give the database for one transaction; open it again if it was deleted or damaged."""
        with self._lock:
            if _inode_of(self._path) != self._inode:
                self._reopen_database("it was deleted or replaced")
            try:
                with self._database:
                    self._database.execute("begin immediate")
                    yield self._database
            except sqlite3.DatabaseError as error:
                self._reopen_database(str(error))  # For the next request; this one fails.
                raise

    def _reopen_database(self, reason: str) -> None:
        _log.warning("The index %s is opened again: %s", self._path, reason)
        with contextlib.suppress(sqlite3.DatabaseError):
            self._database.close()
        self._database = _open_database(self._path)
        self._inode = _inode_of(self._path)
        threading.Thread(target=self.update, daemon=True).start()

    def _delete_entry(self, key: tuple[str, int]) -> None:
        with self._use_database() as database:
            _delete_rows(database, key)
            _mark_latest(database, key[0])

    def _tree_of(self, model: StoredModel) -> ModelTree:
        return next(tree for tree in self._trees if tree.holds(model.directory))

    def _stamp_of(self, model: StoredModel) -> str:
        """What changes when the model's file or its card does."""
        files = sorted(each for each in model.directory.iterdir() if each.is_file())
        stats = [path.stat() for path in (*files, card_beside_models(model, self._tree_of(model))) if path.is_file()]
        return json.dumps([[found.st_size, found.st_mtime_ns] for found in stats])


def _delete_rows(database: sqlite3.Connection, key: tuple[str, int]) -> None:
    for (row,) in database.execute("select rowid from models where name = ? and version = ?", key).fetchall():
        database.execute("delete from models where rowid = ?", (row,))
        database.execute("delete from words where rowid = ?", (row,))


def _mark_latest(database: sqlite3.Connection, name: str) -> None:
    database.execute(
        "update models set is_latest = (version = (select max(version) from models where name = ?)) where name = ?",
        (name, name),
    )


def _open_database(path: Path) -> sqlite3.Connection:
    database = _open_connection(path)
    try:
        database.execute(_WITHOUT_SYNC)
        (layout,) = database.execute("pragma user_version").fetchone()
        if layout == _LAYOUT and database.execute("pragma quick_check(1)").fetchone() == ("ok",):
            return database
    except sqlite3.DatabaseError as error:
        _log.info("The index %s cannot be read: %s", path, error)
    database.close()
    if path.exists():
        _log.info("The index %s is made again: it is of another layout, or damaged", path)
        for suffix in ("", "-journal"):  # SQLite's journal belongs to the damaged file.
            path.with_name(path.name + suffix).unlink(missing_ok=True)
    database = _open_connection(path)
    database.execute(_WITHOUT_SYNC)
    with database:
        database.execute("begin immediate")
        if database.execute("pragma user_version").fetchone() != (_LAYOUT,):  # Else another service was faster.
            for statement in (*_SCHEMA.split(";"), f"pragma user_version = {_LAYOUT}"):
                database.execute(statement)
    return database


def _open_connection(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(str(path), check_same_thread=False, timeout=30)


def _inode_of(path: Path) -> int | None:
    try:
        return path.stat().st_ino
    except FileNotFoundError:
        return None


def _number_version(name: ModelName) -> int:
    return _NO_VERSION if name.version is None else name.version
