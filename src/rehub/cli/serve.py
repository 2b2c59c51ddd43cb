"""`rehub serve DIR`: a service that `hub.load` and `tensorflow_hub` load models from."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from rehub.cli import output
from rehub.cli.exit_codes import OK
from rehub.cli.parser import Parser, parse_size_argument
from rehub.errors import InvalidSetting, ModelNotFound, PackageMissing
from rehub.escaping import quote


def add_arguments(parser: Parser) -> None:
    parser.description = (
        "Serves the models in a directory by TensorFlow Hub's hosting protocol, with pages for people on the same\n"
        "URLs. DIR holds models as <publisher>/<name>/<version>/saved_model.pb, or has them in DIR/models, where\n"
        "`rehub publish` puts them. Stop it by Ctrl-C; requests that run are finished."
    )
    parser.add_argument("directory", metavar="DIR", type=Path, help="the directory with the models")
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, default=8080, help="the port; 0 for a free one (default: %(default)s)")
    parser.add_argument("--site", default="rehub", metavar="NAME", help="the service's name on its pages")
    parser.add_argument("--public-url", default="", metavar="URL", help="by which clients reach the service")
    parser.add_argument(
        "--cache", metavar="DIR", type=Path, help="where archives and the index go if DIR cannot be written"
    )
    parser.add_argument("--reindex", action="store_true", help="read each model again, then serve")
    parser.add_argument("--read-only", action="store_true", help="answer no PUT and no DELETE")
    parser.add_argument(
        "--scan-policy",
        choices=("refuse", "record"),
        default="refuse",
        help="what to do with published models in which the scan finds dangers (default: %(default)s)",
    )
    parser.add_argument(
        "--max-upload",
        metavar="SIZE",
        type=parse_size_argument,
        default=20 << 30,
        help="of an archive (default: 20GB)",
    )
    parser.add_argument(
        "--uncompressed-prefix", default="", metavar="URL", help="where the same tree is in an object store: gs://..."
    )
    parser.add_argument(
        "--accel-redirect", default="", metavar="PREFIX", help="nginx's internal location of the archives' directory"
    )
    parser.add_argument(
        "--upstream", default="", metavar="URL", help="fetch what is not here from this service, and keep it"
    )
    parser.add_argument(
        "--own",
        action="append",
        default=[],
        metavar="PATTERN",
        help="publishers never fetched from --upstream",
    )
    parser.add_argument("--remote-images", action="store_true", help="let cards show images of other hosts")
    parser.add_argument(
        "--trust-header", default="", metavar="NAME", help="the header with the user that a proxy logged in"
    )
    parser.add_argument(
        "--trusted-proxy",
        action="append",
        metavar="ADDRESS",
        help="from which that header is believed (default: this machine); can be repeated",
    )
    parser.add_examples(
        "serve ./models",
        "serve ./hub --host 0.0.0.0 --port 80 --public-url https://hub.example.com",
        "serve token create ./hub --name ci --publisher acme",
    )


def run_command(arguments: Namespace) -> int:
    if not arguments.directory.is_dir():
        raise ModelNotFound(f"There is no directory {quote(arguments.directory)} to serve.")
    if arguments.trusted_proxy and not arguments.trust_header:
        raise InvalidSetting("--trusted-proxy is of use with --trust-header NAME alone.")
    try:
        from rehub.server.running import open_service, run_service
    except ImportError as error:
        raise PackageMissing(
            f'`rehub serve` needs the package {error.name}: pip install "rehub[serve]", with Python 3.10 or newer.'
        ) from error
    from rehub.server.service import ServerOptions

    options = ServerOptions(
        site=arguments.site,
        public_url=arguments.public_url,
        uncompressed_prefix=arguments.uncompressed_prefix,
        accel_prefix=arguments.accel_redirect,
        remote_images=arguments.remote_images,
        scan_policy=arguments.scan_policy,
        trust_header=arguments.trust_header,
        trusted_proxies=tuple(arguments.trusted_proxy or ("127.0.0.1", "::1")),
        max_upload=arguments.max_upload,
        can_publish=not arguments.read_only,
    )
    service = open_service(
        arguments.directory,
        arguments.cache,
        options,
        upstream=arguments.upstream,
        owned=arguments.own,
        reindex=arguments.reindex,
    )
    run_service(
        service,
        arguments.host,
        arguments.port,
        on_start=lambda url: output.print_line(f"Serving {arguments.directory} at {url}"),
    )
    return OK
