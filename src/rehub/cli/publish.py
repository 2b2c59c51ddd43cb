"""`rehub publish MODEL TARGET`: publishes a model to a service, or into a directory that one serves."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from rehub.cli import output
from rehub.cli.exit_codes import OK
from rehub.cli.parser import Parser
from rehub.errors import ModelNotFound
from rehub.escaping import quote


def add_arguments(parser: Parser) -> None:
    parser.description = (
        "Publishes a model's directory, or a .tar.gz of it, as a version of a model. A version never changes: you may\n"
        "publish the same content again, but not different content. Without a version, it gets the next number.\n"
        "The service needs a token: REHUB_PUBLISH_TOKEN, or the password of its host in ~/.netrc. With --into, the\n"
        "model goes into a local directory that `rehub serve` serves, without a service and a token."
    )
    parser.add_argument("model", metavar="MODEL", type=Path, help="the model's directory, or an archive of it")
    parser.add_argument(
        "target", metavar="TARGET", help="https://host/publisher/name[/version]; with --into, publisher/name[/version]"
    )
    parser.add_argument("--into", metavar="DIR", type=Path, help="publish into this directory instead of to a service")
    parser.add_argument(
        "--allow-dangers", action="store_true", help="with --into: publish even if the scan finds dangers"
    )
    parser.add_json_option("the URL or name, the sha256, and whether it is new")
    parser.add_examples(
        "publish ./my_model https://hub.example.com/acme/text", "publish ./my_model acme/text --into ./hub"
    )


def run_command(arguments: Namespace) -> int:
    if not arguments.model.exists():
        raise ModelNotFound(f"There is no {quote(arguments.model)} to publish.")
    if arguments.into is None:
        from rehub.server.client import publish_to_url

        done = publish_to_url(arguments.model, arguments.target)
        place, sha256, is_new = done.url, done.sha256, done.is_new
    else:
        place, sha256, is_new = _publish_into(arguments)
    if arguments.json:
        output.print_json({"published": place, "sha256": sha256, "is_new": is_new})
    else:
        output.print_line(f"{place}  sha256 {sha256}{'' if is_new else '  (was published before)'}")
    return OK


def _publish_into(arguments: Namespace) -> tuple[str, str, bool]:
    from rehub.server.names import parse_name_to_publish
    from rehub.server.publishing import HubDirectory
    from rehub.transfer.archives import pack_directory

    name = parse_name_to_publish(arguments.target)
    hub = HubDirectory.create(arguments.into)
    with hub.staging() as staging:
        archive = arguments.model
        if archive.is_dir():
            archive = staging / "upload.tar.gz"
            pack_directory(arguments.model, archive)
        policy = "record" if arguments.allow_dangers else "refuse"
        done = hub.publish(name, archive, staging, scan_policy=policy)
    return str(done.name), done.sha256, done.is_new
