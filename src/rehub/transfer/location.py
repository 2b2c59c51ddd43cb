"""Ask a server of the hosting protocol for the location at which a model can be read without a download."""

from __future__ import annotations

from rehub import config
from rehub.errors import DownloadError, LocationUnavailable
from rehub.escaping import quote_url
from rehub.hosting_protocol import LOCATION_STATUS, MAX_LOCATION_BYTES, decode_location
from rehub.transfer.connections import open_session
from rehub.transfer.http import RequestLog, get_response, quote_start, read_start
from rehub.transfer.retries import RetryPolicy


def fetch_location(url: str, *, handle: str, timeout: float | None = None, retries: int | None = None) -> str:
    """Return the location that a server gives: a 303 whose body is a path.

    Args:
        url: with `?tf-hub-format=uncompressed`.
        handle: what the user typed, for messages.
        timeout: seconds that the server may be silent; see `config.TIMEOUT`.
        retries: how often to try again; see `config.RETRIES`.

    Raises:
        LocationUnavailable: the status is another one, or the body is not a path.
        DownloadError: there is no response.
    """
    seconds = config.TIMEOUT.get(timeout)
    policy = RetryPolicy(config.RETRIES.get(retries), quote_url(handle))
    log = RequestLog(handle, url)
    with open_session() as session:
        try:
            expected = (LOCATION_STATUS,)
            with policy.run(lambda: get_response(session, log, seconds=seconds, expected=expected)) as response:
                body, problem = read_start(session, response, MAX_LOCATION_BYTES + 1)
            location = None if problem else decode_location(body)
            if location is None:
                raise log.make_error(f"the server's 303 holds no path; its body is: {quote_start(body)}{problem}", 303)
        except DownloadError as error:
            if error.status is None:
                raise
            unavailable = LocationUnavailable(
                f"{error}\nWith the load format UNCOMPRESSED a server must answer 303 See Other, with the model's "
                "location as the body. With COMPRESSED the model is downloaded."
            )
            unavailable.status = error.status
            raise unavailable from error
    return location
