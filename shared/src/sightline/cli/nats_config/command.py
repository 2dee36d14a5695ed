"""The arguments and options of ``sightline nats-config``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

DEFAULT_OUT = Path("deploy/nats/generated")


def nats_config(
    out: Annotated[Path, typer.Option(help="Folder for everything.")] = DEFAULT_OUT,
    force: Annotated[bool, typer.Option("--force", help="Make new keys over those that are there.")] = False,
    update: Annotated[
        bool, typer.Option("--update", help="Keep the keys that are there; the rest is written anew.")
    ] = False,
    rotate: Annotated[
        list[str] | None,
        typer.Option(help="With --update: a new key for this service; may be repeated.", show_default=False),
    ] = None,
    worker: Annotated[
        list[str] | None,
        typer.Option(help="Stage of a worker of your own; may be repeated.", show_default=False),
    ] = None,
    host: Annotated[
        list[str] | None,
        typer.Option(help="Name or address that clients reach NATS by; may be repeated.", show_default=False),
    ] = None,
    cluster: Annotated[
        str, typer.Option(help="`host:port` of each server's routes, with commas.", show_default=False)
    ] = "",
    no_tls: Annotated[bool, typer.Option("--no-tls", help="For a network that nobody else is in.")] = False,
    tls_ca: Annotated[
        Path | None, typer.Option(help="Your CA; made where not given.", show_default=False)
    ] = None,
    tls_cert: Annotated[
        Path | None, typer.Option(help="Certificate of the servers, by that CA.", show_default=False)
    ] = None,
    tls_key: Annotated[Path | None, typer.Option(help="Its private key.", show_default=False)] = None,
    listen: Annotated[str, typer.Option(help="Where NATS listens.")] = "0.0.0.0:4222",
    monitor: Annotated[
        str, typer.Option(help="Where NATS is monitored, without a password; `none`: nowhere.")
    ] = "127.0.0.1:8222",
    store: Annotated[
        str, typer.Option(help="JetStream's folder; inside the folder otherwise.", show_default=False)
    ] = "",
    mounted_at: Annotated[
        Path | None,
        typer.Option(help="Where servers and services find the folder, if elsewhere.", show_default=False),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line, for scripts.")] = False,
) -> None:
    """Write a configuration of NATS with one credential per service, and TLS.

    Each service's settings are printed, and written beside the configuration.
    """
    from sightline.cli.nats_config.plan import Plan
    from sightline.cli.nats_config.work import show, write_all

    plan = Plan(
        out=out.resolve(),
        mode="force" if force else "update" if update else "new",
        rotate=tuple(rotate or ()),
        workers=tuple(worker or ()),
        hosts=tuple(host or ()),
        routes=tuple(filter(None, (route.strip() for route in cluster.split(",")))),
        tls=not no_tls,
        given=(tls_ca, tls_cert, tls_key),
        listen=listen,
        monitor="" if monitor == "none" else monitor,
        store=store,
        seen_at=mounted_at or out.resolve(),
    )
    plan.check()
    write_all(plan)
    show(plan, as_json)
