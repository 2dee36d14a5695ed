"""KEDA for the cluster of the tests: its operator and its server of metrics, as processes beside the node.

They ask for the names of the cluster where pods do: each has an /etc/resolv.conf of its own.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import yaml

from sightline.embedded import HOST, free_port
from support.kubernetes import CACHE, ControlPlane, define, running, version_of
from support.kubernetes_node import ADDRESS, DOMAIN

NAMESPACE, METRICS = "keda", "keda-metrics-apiserver"
WITH_NAMES = 'mount --bind "$0" /etc/resolv.conf && exec "$@"'


@contextmanager
def keda(plane: ControlPlane) -> Iterator[None]:
    """Scaled objects work within."""
    define(plane)
    folder = CACHE / f"keda-{version_of('github.com/kedacore/keda/v2', 'keda/go.mod')}"
    certificates = plane.folder / "keda"
    certificates.mkdir()
    for name, source in {"ca.crt": "ca.crt", "tls.crt": "server.crt", "tls.key": "server.key"}.items():
        (certificates / name).write_bytes((plane.folder / source).read_bytes())
    told, served = f"{ADDRESS}:{free_port()}", free_port()
    with ExitStack() as stack:
        for name, options in {
            "operator": _operator_options(certificates, told),
            "adapter": _adapter_options(plane, certificates, told, served),
        }.items():
            stack.enter_context(_with_names(plane, folder / name, options))
        plane.done("apply", "--server-side", "--filename=-", given=_registration(plane, served))
        plane.done("wait", "--for=condition=Available", f"apiservice/{_API}", "--timeout=100s")
        yield


def _operator_options(certificates: Path, told: str) -> list[str]:
    return [
        f"--cert-dir={certificates}",
        f"--metrics-service-bind-address={told}",
        "--metrics-bind-address=0",
        f"--health-probe-bind-address={HOST}:{free_port()}",
        "--enable-webhook-patching=false",
    ]


def _adapter_options(plane: ControlPlane, certificates: Path, told: str, served: int) -> list[str]:
    kubeconfig = plane.kubeconfig
    return [
        f"--cert-dir={certificates}",
        f"--metrics-service-address={told}",
        f"--port={free_port()}",
        f"--bind-address={ADDRESS}",
        f"--secure-port={served}",
        f"--client-ca-file={certificates}/ca.crt",
        f"--tls-cert-file={certificates}/tls.crt",
        f"--tls-private-key-file={certificates}/tls.key",
        f"--lister-kubeconfig={kubeconfig}",
        f"--authentication-kubeconfig={kubeconfig}",
        f"--authorization-kubeconfig={kubeconfig}",
    ]


@contextmanager
def _with_names(plane: ControlPlane, program: Path, options: list[str]) -> Iterator[None]:
    names = plane.folder / "resolv.conf"
    names.write_text(f"nameserver {ADDRESS}\nsearch svc.{DOMAIN} {DOMAIN}\noptions ndots:5\n")
    environment = {
        "KUBECONFIG": str(plane.kubeconfig),
        "POD_NAMESPACE": NAMESPACE,
        "WATCH_NAMESPACE": "",
        "KEDA_CLUSTER_OBJECT_NAMESPACE": NAMESPACE,
    }
    command: tuple[str | Path, ...] = ("--mount", "/bin/sh", "-c", WITH_NAMES, names, program, *options)
    with running(plane, Path("/usr/bin/unshare"), *command, environment=environment, name=program.name):
        yield


_API = "v1beta1.external.metrics.k8s.io"


def _registration(plane: ControlPlane, port: int) -> str:
    """The server of metrics, as a part of the cluster's API."""
    service = {"name": METRICS, "namespace": NAMESPACE}
    objects = [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}},
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": service,
            "spec": {"type": "ExternalName", "externalName": ADDRESS},
        },
        {
            "apiVersion": "apiregistration.k8s.io/v1",
            "kind": "APIService",
            "metadata": {"name": _API},
            "spec": {
                "group": "external.metrics.k8s.io",
                "version": "v1beta1",
                "groupPriorityMinimum": 100,
                "versionPriority": 100,
                "service": {**service, "port": port},
                "caBundle": base64.b64encode((plane.folder / "ca.crt").read_bytes()).decode(),
            },
        },
    ]
    return str(yaml.safe_dump_all(objects))
