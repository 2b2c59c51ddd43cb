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
        "Serves the models in a directory over TensorFlow Hub's hosting protocol, with pages for people at the same\n"
        "URLs. DIR or DIR/models contains the models as <publisher>/<name>/<version>/saved_model.pb; `rehub publish`\n"
        "writes to DIR/models. Stop the service with Ctrl-C; it finishes running requests."
    )
    parser.add_argument("directory", metavar="DIR", type=Path, help="the directory with the models")
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, default=8080, help="the port; 0 for a free one (default: %(default)s)")
    parser.add_argument("--site", default="rehub", metavar="NAME", help="the service's name on its pages")
    parser.add_argument("--public-url", default="", metavar="URL", help="the URL by which clients reach the service")
    parser.add_argument(
        "--cache", metavar="DIR", type=Path, help="the directory of archives and the index if DIR is not writable"
    )
    parser.add_argument("--reindex", action="store_true", help="index all models again before serving")
    parser.add_argument("--read-only", action="store_true", help="refuse PUT and DELETE requests")
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
        help="the largest archive to accept (default: 20GB)",
    )
    parser.add_argument(
        "--uncompressed-prefix", default="", metavar="URL", help="the URL of the same tree in an object store: gs://..."
    )
    parser.add_argument(
        "--accel-redirect", default="", metavar="PREFIX", help="nginx's internal location of the archives' directory"
    )
    parser.add_argument(
        "--upstream", default="", metavar="URL", help="fetch missing models from this service, and keep them"
    )
    parser.add_argument(
        "--own",
        action="append",
        default=[],
        metavar="PATTERN",
        help="publishers to never fetch from --upstream; can be repeated",
    )
    parser.add_argument("--remote-images", action="store_true", help="let cards show images from other hosts")
    parser.add_argument(
        "--trust-header", default="", metavar="NAME", help="the header in which a proxy names the logged-in user"
    )
    parser.add_argument(
        "--trusted-proxy",
        action="append",
        metavar="ADDRESS",
        help="the proxy whose --trust-header counts (default: this machine); can be repeated",
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
