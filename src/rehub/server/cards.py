"""A model's card: the Markdown that its publisher wrote, as facts and as HTML that does no harm.

tfhub.dev's cards begin with `# Module publisher/name/version`, a line that describes the model, and metadata in
comments, `<!-- task: text-embedding -->` (tensorflow/tfhub.dev, tools/validator.py). Any other Markdown is a card too.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

import nh3
from markdown_it import MarkdownIt

# Markdown takes about 50 microseconds for each character of a card that is written to take long.
_LONGEST = 128 << 10
_CUT = "\n\n*The card is longer than 128 kB; the rest is not shown.*\n"
_METADATA_START = re.compile(r"<!--\s*([\w-]+):")
_METADATA_END = "-->"
_MOST_METADATA = 200
_LONGEST_VALUE = 300
_LONGEST_DESCRIPTION = 300
_TAGS = {
    *("a", "abbr", "blockquote", "br", "code", "dd", "del", "div", "dl", "dt", "em", "h2", "h3", "h4", "h5", "h6"),
    *("hr", "i", "img", "ins", "kbd", "li", "ol", "p", "pre", "q", "s", "samp", "span", "strong", "sub", "sup"),
    *("table", "tbody", "td", "th", "thead", "tr", "tt", "u", "ul", "var", "b"),
}
_ATTRIBUTES = {"a": {"href", "title"}, "img": {"src", "alt", "title"}, "td": {"align"}, "th": {"align"}}


@dataclass(frozen=True)
class Card:
    """What a card says.

    Attributes:
        description: the first paragraph, in one line.
        metadata: values by lower-case key; a key may have several.
        body: the Markdown without heading, metadata and description.
    """

    description: str = ""
    metadata: dict[str, tuple[str, ...]] = field(default_factory=dict)
    body: str = ""

    def first(self, *keys: str) -> str:
        """Return the first value of the first of these keys that the card has; "" if it has none."""
        return next((self.metadata[key][0] for key in keys if self.metadata.get(key)), "")


def read_card(path: Path) -> Card:
    """Read a card from a file; an empty card where there is none. What is longer than 128 kB is cut."""
    try:
        with path.open("rb") as file:
            content = file.read(_LONGEST)
            return parse_card(content.decode("utf-8", "replace") + (_CUT if file.read(1) else ""))
    except OSError:
        return Card()


def parse_card(text: str) -> Card:
    r"""Take a card apart.

    >>> card = parse_card("# Module acme/text/1\nEmbeds sentences.\n\n<!-- task: embedding -->\n\n## Overview")
    >>> card.description, card.first("task"), card.body
    ('Embeds sentences.', 'embedding', '## Overview')
    """
    rest, metadata = _split_off_metadata(text)
    rest = rest.lstrip("\ufeff \r\n")
    if rest.startswith("#") and rest[1:].strip():
        rest = rest.partition("\n")[2].lstrip()
    first, _, body = rest.partition("\n\n")
    description = " ".join(first.split())
    if not description or description.startswith(("#", "|", "```", "- ", "* ", "> ", "<", "![")):
        description, body = "", rest
    return Card(
        description[:_LONGEST_DESCRIPTION], {key: tuple(values) for key, values in metadata.items()}, body.strip()
    )


def _split_off_metadata(text: str) -> tuple[str, dict[str, list[str]]]:
    """Return a card without its metadata, and the metadata.

    One regular expression for a whole comment would take cubic time on one that never ends.
    """
    metadata: dict[str, list[str]] = {}
    rest: list[str] = []
    position = 0
    while True:
        start = _METADATA_START.search(text, position)
        end = -1 if start is None else text.find(_METADATA_END, start.end())
        if start is None or end < 0:
            return "".join(rest) + text[position:], metadata
        if len(metadata) < _MOST_METADATA:
            metadata.setdefault(start[1].lower(), []).append(" ".join(text[start.end() : end].split())[:_LONGEST_VALUE])
        rest.append(text[position : start.start()])
        position = end + len(_METADATA_END)


def render_card(body: str, *, remote_images: bool) -> str:
    """Return the HTML of a card's Markdown. Only harmless tags and attributes stay; headings start at level 2.

    Args:
        body: the Markdown. HTML in it is cleaned like the rest.
        remote_images: whether images of other hosts stay; else their alternative text.
    """
    markdown = MarkdownIt("commonmark", {"html": True}).enable("table").enable("strikethrough")
    cleaned = nh3.clean(
        markdown.render(body).replace("<h1", "<h2").replace("</h1", "</h2"),
        tags=_TAGS if remote_images else _TAGS - {"img"},
        attributes=_ATTRIBUTES,
        url_schemes={"http", "https", "mailto"},
        link_rel="nofollow noopener noreferrer",
    )
    return str(cleaned)
