"""The pages for people: HTML from templates in which everything is escaped, and the JSON of the same facts."""

from __future__ import annotations

import difflib
import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Mapping, Sequence

from jinja2 import Environment, FileSystemLoader, select_autoescape
from markupsafe import Markup

from rehub.formatting import format_count, format_size
from rehub.server.archives import Archive
from rehub.server.cards import render_card
from rehub.server.catalogue import SearchResult
from rehub.server.facts import ModelFacts
from rehub.server.snippets import snippets_for

STYLE = Path(__file__).with_name("style.css")


@dataclass(frozen=True)
class Badge:
    """A fact in a few words."""

    text: str
    is_warning: bool = False


class Pages:
    """Renders pages of one service."""

    def __init__(self, site: str, *, remote_images: bool) -> None:
        """Prepare the templates.

        Args:
            site: the service's name, at the top of each page.
            remote_images: whether cards may show images of other hosts.
        """
        self._remote_images = remote_images
        self._environment = Environment(
            loader=FileSystemLoader(str(Path(__file__).with_name("templates"))),
            autoescape=select_autoescape(default=True),
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.globals.update(site=site, badges=badges, format_size=format_size)

    def model(
        self,
        facts: ModelFacts,
        url: str,
        *,
        card: str,
        versions: Sequence[int],
        withdrawn: Sequence[int],
        archive: Archive | None,
        compared: ModelFacts | None,
    ) -> str:
        """Return the page of a version.

        Args:
            facts: what it tells.
            url: by which programs load it.
            card: the Markdown of its card.
            versions, withdrawn: the versions of this model, lowest first.
            archive: what is downloaded; None where it is not packed yet.
            compared: an older version to tell the differences from; None for no comparison.
        """
        older = [version for version in versions if facts.version is not None and version < facts.version]
        return self._render_template(
            "model.html",
            facts=facts,
            versions=list(reversed(versions)),
            withdrawn=withdrawn,
            previous=older[-1] if older else None,
            snippets=snippets_for(facts, url),
            size=format_size(archive.size if archive is not None else facts.size),
            sha256=archive.sha256 if archive is not None else "",
            compared=compared.version if compared is not None else None,
            difference="\n".join(describe_changes(compared, facts)) if compared is not None else "",
            body=self._render_card_once(card),
        )

    def list(
        self,
        heading: str,
        found: SearchResult,
        *,
        query: str = "",
        chosen: Mapping[str, str] | None = None,
        previous: str = "",
        following: str = "",
        card: str = "",
        nothing: str = "There is no model yet.",
    ) -> str:
        """Return a page that lists models.

        Args:
            heading: what they have in common.
            found: those on this page, and how many there are on all pages.
            query: the words of the search.
            chosen: the choices that narrow it.
            previous, following: the URLs of the pages before and after this one; "" if there is none.
            card: Markdown above the models.
            nothing: what to say if there are none.
        """
        return self._render_template(
            "list.html",
            heading=heading,
            models=found.models,
            count=format_count(found.total, "model"),
            query=query,
            previous=previous,
            following=following,
            choices={name: values for name, values in found.choices.items() if values},
            chosen=chosen,
            nothing=nothing,
            body=self._render_card_once(card),
        )

    def problem(self, heading: str, message: str, *, near: Sequence[str] = (), versions: Sequence[str] = ()) -> str:
        """Return a page for what cannot be shown."""
        return self._render_template("problem.html", heading=heading, message=message, near=near, versions=versions)

    def _render_card_once(self, markdown: str) -> Markup:
        return Markup(_render_once(markdown, self._remote_images)) if markdown else Markup("")  # noqa: S704

    def _render_template(self, template: str, **values: Any) -> str:
        return self._environment.get_template(template).render(**values)


@functools.lru_cache(maxsize=256)
def _render_once(markdown: str, remote_images: bool) -> str:
    return render_card(markdown, remote_images=remote_images)


def badges(facts: ModelFacts) -> list[Badge]:
    """Return the facts that lists and pages show in a few words."""
    texts = [
        facts.format,
        facts.task,
        facts.language and f"language: {facts.language}",
        facts.license and f"license: {facts.license}",
        format_size(facts.size),
        facts.tensorflow_version and f"TensorFlow {facts.tensorflow_version}",
    ]
    found = [Badge(text) for text in texts if text]
    if facts.dangers:
        found.append(Badge(f"scan: {format_count(len(facts.dangers), 'danger')}", is_warning=True))
    elif facts.problem:
        found.append(Badge("cannot be inspected", is_warning=True))
    elif facts.format and facts.format not in ("TFLite", "TensorFlow.js"):
        found.append(Badge("scan: no dangers"))
    return found


def describe_changes(old: ModelFacts, new: ModelFacts) -> list[str]:
    """Return lines that tell in what two versions differ, marked with - and + as diffs are."""
    changes = difflib.unified_diff(_lines_of(old), _lines_of(new), lineterm="", n=0)
    lines = [line for line in changes if not line.startswith(("---", "+++", "@@"))]
    return lines or ["Nothing of what is shown here differs. `rehub diff` compares the values of the variables too."]


def _lines_of(facts: ModelFacts) -> list[str]:
    return [
        f"format: {facts.format}",
        f"TensorFlow: {facts.tensorflow_version}",
        f"size: {format_size(facts.size)}",
        f"parameters: {facts.parameters:,} in {facts.variable_count:,} variables",
        *(f"signature {each.name}: {', '.join(each.inputs)} -> {', '.join(each.outputs)}" for each in facts.signatures),
        *(f"variable {each.name}: {each.dtype}{each.shape}" for each in sorted(facts.variables, key=lambda v: v.name)),
        *(f"danger {each}" for each in facts.dangers),
    ]
