"""Asks a server of the hosting protocol where a model can be read without a download (P35)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rehub import config
from rehub.errors import DownloadError, LocationUnavailable
from rehub.escaping import quote_url
from rehub.transfer.connections import connections
from rehub.transfer.hops import Trace, ask, shown, start_of
from rehub.transfer.retries import PassingFailure, Patience

if TYPE_CHECKING:
    import requests

    from rehub.transfer.connections import Session

# No path is longer; what a server sends beyond is not read.
_LONGEST = 4096


def fetch_location(url: str, *, handle: str, timeout: float | None = None, retries: int | None = None) -> str:
    """The place that a server answers with: a 303 whose body is the path.

    Args:
        url: with `?tf-hub-format=uncompressed`.
        handle: what the user asked for; it stands in every message.
        timeout: seconds that the server may be silent; see `config.TIMEOUT`.
        retries: how often to try again; see `config.RETRIES`.

    Raises:
        LocationUnavailable: the status is another, or the body is no path.
        DownloadError: there is no answer.
    """
    seconds = config.TIMEOUT.get(timeout)
    patience = Patience(config.RETRIES.get(retries), quote_url(handle))
    trace = Trace(handle, url)
    with connections() as session:
        try:
            with _answer(session, trace, seconds, patience) as response:
                return _path_in(session, response, trace)
        except DownloadError as error:
            if error.status is None:
                raise
            raise _unavailable(str(error), error.status) from error


def _answer(session: Session, trace: Trace, seconds: float, patience: Patience) -> requests.Response:
    while True:
        try:
            return ask(session, trace, seconds=seconds, expected=(303,))
        except PassingFailure as failure:
            patience.wait(failure)


def _path_in(session: Session, response: requests.Response, trace: Trace) -> str:
    body, problem = start_of(session, response, _LONGEST + 1)
    text = body.decode("utf-8", "replace").strip()
    if problem or not text or len(body) > _LONGEST or not text.isprintable():
        raise trace.failure(f"the server's 303 holds no path; its body is: {shown(body)}{problem}", 303)
    return text


def _unavailable(message: str, status: int) -> LocationUnavailable:
    error = LocationUnavailable(
        f"{message}\nWith the load format UNCOMPRESSED a server must answer 303 See Other, with the model's place as "
        "the body. With COMPRESSED the model is downloaded."
    )
    error.status = status
    return error
