"""The web application: the hosting protocol for programs and pages for people, on the same URLs."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from http import HTTPStatus
from typing import Any, Awaitable, Callable, Mapping, cast

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from rehub.errors import HubError
from rehub.escaping import escape
from rehub.hosting_protocol import COMPRESSED, LITE_QUERY, LOCATION_STATUS, TFJS_QUERY, UNCOMPRESSED, add_query_item
from rehub.inspection import inspect
from rehub.inspection.picture import draw_model
from rehub.server import pages, responses, uploads
from rehub.server.access import Visitor
from rehub.server.access_log import AccessLog, Metrics
from rehub.server.cards import read_card
from rehub.server.catalogue import FILTERS, NOTHING_FOUND, SearchResult
from rehub.server.facts import card_of
from rehub.server.names import ModelName, is_version, parse_name
from rehub.server.paging import MODELS_ON_A_PAGE, page_number, page_url
from rehub.server.security_headers import page_policy
from rehub.server.service import Service
from rehub.server.tree import StoredModel, tflite_file

_log = logging.getLogger(__name__)

_Handler = Callable[[Request], Awaitable[Response]]

_ARCHIVES = {COMPRESSED, f"{TFJS_QUERY}=compressed"}
_TFJS_FILE, _TFLITE = f"{TFJS_QUERY}=file", f"{LITE_QUERY}=tflite"
_VISITOR = "rehub.visitor"
_TEXT_OF_FILES = {".json": "application/json", ".txt": "text/plain", ".md": "text/plain"}


def create_app(service: Service) -> Starlette:
    """Return the application of a service, to be run by an ASGI server such as uvicorn."""
    metrics = Metrics()
    application = _Application(service, metrics)
    routes = [
        Route("/", application.keep_private(application.home), methods=["GET"]),
        Route("/-/search", application.keep_private(application.search), methods=["GET"]),
        Route("/-/health", application.health, methods=["GET"]),
        Route("/-/metrics", application.metrics, methods=["GET"]),
        Route("/-/style.css", application.style, methods=["GET"]),
        Route("/{path:path}", application.keep_private(application.get_model), methods=["GET"]),
        Route("/{path:path}", application.put_model, methods=["PUT"]),
        Route("/{path:path}", application.delete_model, methods=["DELETE"]),
    ]
    app = Starlette(
        routes=routes,
        exception_handlers={
            HubError: application.answer_error,
            FileNotFoundError: application.answer_vanished,
            uploads.Refusal: uploads.answer_refusal,
        },
    )
    app.add_middleware(AccessLog, visitor_of=application.visitor, metrics=metrics)
    return app


class _Application:
    def __init__(self, service: Service, metrics: Metrics) -> None:
        self._service = service
        self._metrics = metrics
        self._options = service.options
        self._pages = pages.Pages(self._options.site, remote_images=self._options.remote_images)

    def visitor(self, request: Request) -> Visitor:
        """Who asks, by the Authorization header or the header of a trusted proxy."""
        if _VISITOR in request.scope:  # The handler and the log both ask.
            return cast("Visitor", request.scope[_VISITOR])
        header, peer = self._options.trust_header, request.client.host if request.client is not None else ""
        user = request.headers.get(header, "") if header and peer in self._options.trusted_proxies else ""
        visitor = self._service.access.rules().identify(request.headers.get("authorization"), user)
        request.scope[_VISITOR] = visitor
        return visitor

    def keep_private(self, handler: _Handler) -> _Handler:
        """Return the handler with answers to someone with a token or login kept out of the caches of proxies."""

        async def answer(request: Request) -> Response:
            response = await handler(request)
            visitor = self.visitor(request)
            if visitor.token is not None or visitor.user:
                allowed = response.headers.get("Cache-Control", responses.REVALIDATE).removeprefix("public, ")
                response.headers["Cache-Control"] = f"private, {allowed}"
            return response

        return answer

    async def home(self, request: Request) -> Response:
        """All models, a page at a time."""
        return self._answer_list(request, "Models", await self._find_models(request))

    async def search(self, request: Request) -> Response:
        """Models by words and facts."""
        query = request.query_params.get("q", "")[:200]
        chosen = {name: request.query_params.get(name, "") for name in FILTERS}
        found = await self._find_models(request, query, chosen)
        return self._answer_list(
            request,
            f"Models for {query!r}" if query else "Models",
            found,
            query=query,
            chosen=chosen,
            nothing="No model has all of these words.",
        )

    async def health(self, _: Request) -> Response:
        """Whether the service answers, and its directory can be read."""
        await asyncio.to_thread(lambda: next(self._service.hub.tree.root.iterdir(), None))
        return JSONResponse({"status": "ok"}, headers={"Cache-Control": "no-store"})

    async def metrics(self, _: Request) -> Response:
        """Counters for Prometheus."""
        return Response(self._metrics.render(), media_type="text/plain; version=0.0.4")

    async def style(self, request: Request) -> Response:
        """The one style sheet."""
        return responses.send_file(request, str(pages.STYLE), "text/css", {"Cache-Control": "public, max-age=3600"})

    async def get_model(self, request: Request) -> Response:
        """A model, in the form that the query or the Accept header asks for; or a publisher, or a collection."""
        path, visitor = request.path_params["path"], self.visitor(request)
        asked = {f"{key}={value}" for key, value in request.query_params.items()}
        if _TFJS_FILE in asked:
            return await self._send_tfjs_file(request, path, visitor)
        name = parse_name(path)
        found = None if name is None else await self._service.find(name, visitor)
        if name is None or found is None:
            return await self._answer_absence(request, path, name, visitor)
        if not asked.isdisjoint(_ARCHIVES):
            return await self._send_archive(request, name, found)
        if _TFLITE in asked:
            return await self._send_tflite(request, name, found)
        if UNCOMPRESSED in asked:
            return self._name_object_store(request, name, found)
        if "picture=svg" in asked:
            return await self._send_picture(name, found)
        return await self._send_page(request, name, found, visitor)

    async def put_model(self, request: Request) -> Response:
        """Publish a version."""
        return await uploads.put_model(request, self._service, self.visitor(request))

    async def delete_model(self, request: Request) -> Response:
        """Withdraw a version."""
        return await uploads.delete_model(request, self._service, self.visitor(request))

    async def answer_error(self, request: Request, error: Exception) -> Response:
        """An error of the model that was asked for, such as a link that leaves the tree."""
        _log.warning("%s: %s", request.url.path, error)
        return PlainTextResponse("This model cannot be served; the service's log says why.\n", 500)

    async def answer_vanished(self, request: Request, error: Exception) -> Response:
        """A model that was withdrawn or changed while it was read."""
        _log.info("%s: %s", request.url.path, error)
        return PlainTextResponse("This model has just changed or gone. Ask again.\n", HTTPStatus.NOT_FOUND)

    def url_of(self, request: Request, path: str) -> str:
        """Return the URL of a model by which clients reach it."""
        base = self._options.public_url or f"{request.url.scheme}://{request.url.netloc}"
        return f"{base.rstrip('/')}/{path}"

    async def _send_archive(self, request: Request, name: ModelName, found: StoredModel) -> Response:
        if name.version is None and found.is_versioned:
            place = f"/{found.name}?{request.url.query}"
            return RedirectResponse(place, HTTPStatus.FOUND, headers={"Cache-Control": responses.REVALIDATE})
        archive = await self._service.hub_of(found).archives.archive_of(found)
        return responses.send_archive(
            request, archive, is_immutable=found.is_versioned, accel_prefix=self._options.accel_prefix or None
        )

    async def _send_tflite(self, request: Request, name: ModelName, found: StoredModel) -> Response:
        file = tflite_file(found.directory)
        if file is None or not self._service.hub_of(found).tree.holds(file):
            return self._answer_problem(request, HTTPStatus.NOT_FOUND, f"{found.name} has no TFLite file.")
        if name.version is None and found.is_versioned:
            return RedirectResponse(add_query_item(f"/{found.name}", _TFLITE), HTTPStatus.FOUND)
        headers = {"Cache-Control": responses.IMMUTABLE if found.is_versioned else responses.REVALIDATE}
        return responses.send_file(request, str(file), "application/octet-stream", headers)

    async def _send_tfjs_file(self, request: Request, path: str, visitor: Visitor) -> Response:
        """`<model>/<version>/model.json?tfjs-format=file`, and the files of weights beside it."""
        above, _, file_name = path.strip("/").rpartition("/")
        name = parse_name(above)
        found = None if name is None else await self._service.find(name, visitor)
        if name is None or found is None:
            return await self._answer_absence(request, path, name, visitor)
        file = next((each for each in found.directory.iterdir() if each.name == file_name and each.is_file()), None)
        is_tfjs = (found.directory / "model.json").is_file()
        if not is_tfjs or file is None or file_name.startswith(".") or not self._service.hub_of(found).tree.holds(file):
            return self._answer_problem(request, HTTPStatus.NOT_FOUND, f"{found.name} has no file {escape(file_name)}.")
        headers = {"Cache-Control": responses.IMMUTABLE if name.version is not None else responses.REVALIDATE}
        media_type = _TEXT_OF_FILES.get(file.suffix, "application/octet-stream")
        return responses.send_file(request, str(file), media_type, headers)

    def _name_object_store(self, request: Request, name: ModelName, found: StoredModel) -> Response:
        if not self._options.uncompressed_prefix:
            message = (
                "This service has no copy of its models in an object store. Ask with "
                f"{COMPRESSED} (TFHUB_MODEL_LOAD_FORMAT=COMPRESSED)."
            )
            return self._answer_problem(request, HTTPStatus.NOT_FOUND, message)
        # Clients read the body of the 303; a Location of gs:// is none that they could follow.
        place = f"{self._options.uncompressed_prefix.rstrip('/')}/{found.name}"
        cache = responses.IMMUTABLE if name.version is not None else responses.REVALIDATE
        return PlainTextResponse(place, LOCATION_STATUS, headers={"Cache-Control": cache})

    async def _send_page(self, request: Request, name: ModelName, found: StoredModel, visitor: Visitor) -> Response:
        compared = request.query_params.get("compare", "")[:18]
        other = None
        if is_version(compared) and found.is_versioned:
            other = await self._service.find(found.name.with_version(int(compared)), visitor)
        return await asyncio.to_thread(self._render_page, request, name, found, other)

    def _render_page(
        self, request: Request, name: ModelName, found: StoredModel, other: StoredModel | None
    ) -> Response:
        """Read what the page needs from the disk, and render it; blocks."""
        catalogue, hub = self._service.catalogue, self._service.hub_of(found)
        facts, versions = catalogue.facts(found), self._service.versions(name)
        url = self.url_of(request, facts.path)
        if not _wants_html(request):
            record = {**facts.to_json(), "url": url, "versions": versions}
            return JSONResponse(record, headers={"Vary": "Accept", "Cache-Control": responses.REVALIDATE})
        html = self._pages.model(
            facts,
            url,
            card=card_of(found, hub.tree).body,
            versions=versions,
            withdrawn=hub.tree.withdrawn_versions(name),
            archive=hub.archives.lookup(found),
            compared=None if other is None else catalogue.facts(other),
        )
        return self._answer_html(html)

    async def _send_picture(self, name: ModelName, found: StoredModel) -> Response:
        label = str(found.name)
        svg = await asyncio.to_thread(
            lambda: draw_model(replace(inspect(str(found.directory)), handle=label, path=label))
        )
        headers = {
            "Cache-Control": responses.IMMUTABLE if name.version is not None else responses.REVALIDATE,
            "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
        }
        return Response(svg, media_type="image/svg+xml", headers=headers)

    async def _answer_absence(self, request: Request, path: str, name: ModelName | None, visitor: Visitor) -> Response:
        if name is not None and name.version is None and request.query_params.keys() <= {"page"}:
            collection = self._service.collection(path) if visitor.can_read(name.publisher) else None
            if collection is not None:
                heading, card = collection
                return self._answer_list(request, heading, NOTHING_FOUND, card=read_card(card).body, nothing="")
            found = await self._find_models(request, prefix=name.path)
            if found.total:
                return self._answer_list(request, name.path, found)
        if name is None:
            return self._answer_problem(request, HTTPStatus.NOT_FOUND, f"No model can be at /{escape(path)}.")
        absence = await asyncio.to_thread(self._service.explain_absence, name, visitor)
        if absence.tombstone is not None:
            reason = absence.tombstone.reason or "its publisher gave no reason"
            return self._answer_problem(
                request,
                HTTPStatus.GONE,
                f"{name} was withdrawn: {reason}",
                versions=[f"{name.path}/{version}" for version in absence.versions],
            )
        return self._answer_problem(
            request,
            HTTPStatus.NOT_FOUND,
            f"There is no model {name} here.",
            near=absence.near,
            versions=[f"{name.path}/{version}" for version in absence.versions],
        )

    def _answer_problem(
        self,
        request: Request,
        status: HTTPStatus,
        message: str,
        *,
        near: tuple[str, ...] = (),
        versions: list[str] | None = None,
    ) -> Response:
        headers = {"Vary": "Accept", "Cache-Control": "no-cache"}
        if _wants_html(request):
            html = self._pages.problem(status.phrase, message, near=near, versions=versions or ())
            return self._answer_html(html, status)
        if "application/json" in request.headers.get("accept", ""):
            found = {"error": message, "near": list(near), "versions": versions or []}
            return JSONResponse(found, status, headers=headers)
        lines = [message]
        if versions:
            lines.append(f"Versions: {', '.join(versions)}")
        if near:
            lines.append(f"Similar names: {', '.join(near)}")
        return PlainTextResponse("\n".join(lines) + "\n", status, headers=headers)

    async def _find_models(
        self, request: Request, query: str = "", chosen: Mapping[str, str] | None = None, prefix: str = ""
    ) -> SearchResult:
        return await asyncio.to_thread(
            self._service.catalogue.search,
            query,
            self.visitor(request).can_read,
            chosen,
            prefix=prefix,
            offset=(page_number(request) - 1) * MODELS_ON_A_PAGE,
            limit=MODELS_ON_A_PAGE,
        )

    def _answer_list(self, request: Request, heading: str, found: SearchResult, **values: Any) -> Response:
        """Answer with a page of a list of models."""
        page = page_number(request)
        following = page_url(request, page + 1) if page * MODELS_ON_A_PAGE < found.total else ""
        if not _wants_html(request):
            models = [{**facts.to_json(), "url": self.url_of(request, facts.path)} for facts in found.models]
            headers = {"Vary": "Accept", "Cache-Control": "no-cache"}
            record = {"models": models, "total": found.total, "next": following or None}
            return JSONResponse(record, headers=headers)
        previous = page_url(request, page - 1) if page > 1 else ""
        return self._answer_html(self._pages.list(heading, found, previous=previous, following=following, **values))

    def _answer_html(self, html: str, status: HTTPStatus = HTTPStatus.OK) -> Response:
        headers = {
            "Content-Security-Policy": page_policy(remote_images=self._options.remote_images),
            "Cache-Control": "no-cache",
            "Vary": "Accept",
        }
        return Response(html, status, headers=headers, media_type="text/html")


def _wants_html(request: Request) -> bool:
    """Whether a browser asks: programs name neither HTML nor anything else, or JSON."""
    return "text/html" in request.headers.get("accept", "")
