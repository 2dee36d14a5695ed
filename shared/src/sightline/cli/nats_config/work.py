"""Writes what was planned, and tells."""

from __future__ import annotations

from collections.abc import Mapping

from sightline.cli.nats_config import folder
from sightline.cli.nats_config.folder import OPEN, SECRET
from sightline.cli.nats_config.plan import Plan
from sightline.cli.nats_config.server import Tls, render
from sightline.cli.nats_config.services import Service
from sightline.cli.output import emit, say


def write_all(plan: Plan) -> None:
    """Write keys, certificates, configuration and settings.

    Raises:
        SettingsError: The folder is not as the mode expects it; a key in it is none.
        SightlineError: It cannot be written.
    """
    if plan.mode == "new":
        plan.folder.check_new()
    if plan.mode == "update":
        plan.folder.check_written()
    renew = plan.rotate if plan.mode == "update" else [service.name for service in plan.services]
    keys = folder.public_keys(plan.folder, plan.services, frozenset(renew))
    text = render(plan.server(_certificates(plan)), plan.services, keys, plan.command)
    folder.write(plan.folder.config, text, OPEN)
    folder.drop_others(plan.folder, plan.services)
    for service in plan.services:
        folder.write(plan.folder.settings(service.name), _lines(settings(plan, service)), OPEN)


def settings(plan: Plan, service: Service) -> Mapping[str, str]:
    """The environment variables of a service."""
    of_tls = {"NATS_TLS_CA": str(plan.seen.tls.ca)} if plan.tls else {}
    return {
        "NATS_URL": plan.url,
        "NATS_NKEY_SEED_FILE": str(plan.seen.seed(service.name)),
        "NATS_INBOX_PREFIX": service.inbox,
        **of_tls,
        **({"NATS_STREAM_REPLICAS": "3"} if plan.routes else {}),
        "NATS_CREATE_STREAMS": "true" if service.creates_streams else "false",
    }


def show(plan: Plan, as_json: bool) -> None:
    """Print what was written, and what each service needs of it."""
    if as_json:
        for service in plan.services:
            emit({"service": service.name, "purpose": service.purpose, "settings": settings(plan, service)})
        return
    say(f"# {plan.folder.config}")
    say(f"# keys in {plan.folder.path / 'seeds'}, mode 0600: give each service its own, and no other")
    if plan.tls and not any(plan.given):
        say(f"# {plan.folder.authority_key} signs certificates: keep it where no server and no service is")
    for service in plan.services:
        say(f"\n# {service.name}: {service.purpose}; {plan.folder.settings(service.name)}")
        say(_lines(settings(plan, service)).rstrip())
    say("\n# Start NATS with it, or have a running one read it: nats-server --signal reload")


def _certificates(plan: Plan) -> Tls | None:
    """Written into the folder; the paths are those that the server sees."""
    if not plan.tls:
        return None
    ca, certificate, key = plan.given
    if ca and certificate and key:
        files = plan.folder.tls
        folder.write(files.ca, ca.read_bytes(), OPEN)
        folder.write(files.certificate, certificate.read_bytes(), OPEN)
        folder.write(files.key, key.read_bytes(), SECRET)
    else:
        folder.own_certificates(plan.folder, plan.all_hosts, renew_authority=plan.mode == "force")
    return plan.seen.tls


def _lines(values: Mapping[str, str]) -> str:
    return "".join(f"{name}={value}\n" for name, value in values.items())
