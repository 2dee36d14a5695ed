"""A control plane of Kubernetes: etcd and kube-apiserver as child processes, and kubectl.

Nothing runs what it is told to: there are no controllers and no nodes. It takes objects, or refuses them, as
every cluster of its version does.
"""

from __future__ import annotations

import os
import re
import ssl
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml

from sightline.cli.nats_config.keys import new_authority, new_server
from sightline.embedded import HOST, free_port, tethered
from support.environment import missing

ROOT = Path(__file__).parents[2]
SOURCES = ROOT / ".ci" / "kubernetes"
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sightline"
TOKEN = "of-the-tests"
SERVICES = ("kubernetes.default.svc", "keda-metrics-apiserver.keda.svc")
"""What the certificate is of besides."""
START_SECONDS, COMMAND_SECONDS = 60.0, 200.0
POLL_SECONDS = 0.1
LOG_LINES = 20


def built(part: str) -> None:
    """Skip the test where a part of a cluster was not built; fail it where SIGHTLINE_REQUIRE says so."""
    command = [str(SOURCES / "build"), "--check", part]
    done = subprocess.run(command, capture_output=True, text=True, timeout=COMMAND_SECONDS, check=False)
    if done.returncode != 0:
        missing("kubernetes", f"{done.stderr.strip()}: .ci/kubernetes/build {part} makes what lacks")


def version_of(module: str, file: str = "go.mod") -> str:
    """The version of a module that the programs are built from."""
    found = re.search(
        rf"^(?:require|\s)\s*{re.escape(module)} (v\S+)", (SOURCES / file).read_text(), re.MULTILINE
    )
    assert found is not None, f"{file} has no {module}"
    return found[1]


def program(name: str) -> Path:
    """One of Kubernetes' own."""
    return CACHE / f"kubernetes-{version_of('k8s.io/kubernetes')}" / name


def definitions() -> list[Path]:
    """Those of the objects that are not Kubernetes' own: KEDA's, and the Prometheus operator's PodMonitor."""
    keda = CACHE / f"keda-{version_of('github.com/kedacore/keda/v2', 'keda/go.mod')}"
    [prometheus] = CACHE.glob("prometheus-operator-*/crds")
    return [*(keda / "crds").glob("*.yaml"), *prometheus.glob("*.yaml")]


def define(plane: ControlPlane) -> None:
    """Have it know these objects."""
    files = [option for file in definitions() for option in ("--filename", str(file))]
    made = plane.done("apply", "--server-side", "--output=name", *files).split()
    plane.done("wait", "--for=condition=Established", "--timeout=30s", *made)


RESTRICTED = [f"pod-security.kubernetes.io/{mode}=restricted" for mode in ("enforce", "warn")]


@dataclass(frozen=True)
class ControlPlane:
    """What serves the API, and who may do everything there.

    Attributes:
        folder: Where it keeps its certificates and logs; `kubeconfig` is there, too.
    """

    folder: Path
    url: str

    @property
    def kubeconfig(self) -> Path:
        return self.folder / "kubeconfig"

    def kubectl(self, *arguments: str | Path, given: str = "") -> subprocess.CompletedProcess[str]:
        """Run kubectl to its end, with `given` as its input."""
        options = [f"--kubeconfig={self.kubeconfig}", f"--cache-dir={self.folder / 'cache'}"]
        return subprocess.run(
            [program("kubectl"), *options, *arguments],
            input=given,
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
            check=False,
        )

    def done(self, *arguments: str | Path, given: str = "") -> str:
        """What kubectl says; an error fails the test."""
        done = self.kubectl(*arguments, given=given)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def new_namespace(self, name: str) -> str:
        """Make it; returns its name."""
        self.done("create", "namespace", name)
        self.restrict(name)
        return name

    def restrict(self, namespace: str) -> None:
        """Have it take pods of the `restricted` standard only, and warn of what would make others."""
        self.done("label", "namespace", namespace, *RESTRICTED)


@contextmanager
def control_plane(host: str = HOST) -> Iterator[ControlPlane]:
    """Start one, and end it afterwards.

    Args:
        host: The address of this machine that it serves at.

    Raises:
        RuntimeError: It did not start; holds the end of its log.
    """
    built("control-plane")
    with tempfile.TemporaryDirectory(prefix="sightline-kubernetes-") as name, ExitStack() as stack:
        plane = ControlPlane(Path(name), f"https://{host}:{free_port()}")
        etcd = f"http://{HOST}:{free_port()}"
        _write_files(plane, host)
        stack.enter_context(running(plane, program("etcd"), *_etcd_options(plane.folder, etcd)))
        options = _apiserver_options(plane, host, etcd)
        server = stack.enter_context(running(plane, program("kube-apiserver"), *options))
        until(lambda: _serves(plane), server, plane.folder / "kube-apiserver.log")
        yield plane


@contextmanager
def running(
    plane: ControlPlane,
    path: Path,
    *options: str | Path,
    name: str = "",
    environment: Mapping[str, str] | None = None,
) -> Iterator[subprocess.Popen[bytes]]:
    """A program as a child process, which logs into the folder under its name, or another one."""
    with (plane.folder / f"{name or path.name}.log").open("wb") as log:
        process = subprocess.Popen(
            tethered(path, *options),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env={**os.environ, **(environment or {})},
        )
        try:
            yield process
        finally:
            process.kill()
            process.wait()


def until(condition: Callable[[], bool], process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait for what a program does.

    Raises:
        RuntimeError: It does not, or ended; holds the end of its log.
    """
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        if condition():
            return
        time.sleep(POLL_SECONDS)
    tail = "\n".join(log.read_text(errors="replace").splitlines()[-LOG_LINES:])
    raise RuntimeError(f"{log.stem} did not start (exit code {process.poll()}). Its log ends:\n{tail}")


def _write_files(plane: ControlPlane, host: str) -> None:
    authority = new_authority()
    # Its own address as pods see it is the first of the Services' range.
    pair = new_server(authority, [host, "10.96.0.1", "localhost", *SERVICES])
    (plane.folder / "ca.crt").write_bytes(authority.certificate)
    (plane.folder / "server.crt").write_bytes(pair.certificate)
    (plane.folder / "server.key").write_bytes(pair.key)
    (plane.folder / "tokens.csv").write_text(f'{TOKEN},admin,admin,"system:masters"\n')
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "test",
        "clusters": [
            {
                "name": "test",
                "cluster": {"server": plane.url, "certificate-authority": f"{plane.folder}/ca.crt"},
            }
        ],
        "users": [{"name": "test", "user": {"token": TOKEN}}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
    }
    plane.kubeconfig.write_text(yaml.safe_dump(config))
    plane.kubeconfig.chmod(0o600)


def _etcd_options(folder: Path, url: str) -> list[str]:
    peers = f"http://{HOST}:{free_port()}"
    return [
        f"--data-dir={folder}/etcd",
        "--unsafe-no-fsync",
        f"--listen-client-urls={url}",
        f"--advertise-client-urls={url}",
        f"--listen-peer-urls={peers}",
        f"--initial-advertise-peer-urls={peers}",
        f"--initial-cluster=default={peers}",
        "--log-level=warn",
    ]


def _apiserver_options(plane: ControlPlane, host: str, etcd: str) -> list[str]:
    folder = plane.folder
    return [
        f"--etcd-servers={etcd}",
        f"--bind-address={host}",
        f"--advertise-address={host}",
        f"--secure-port={plane.url.rsplit(':', 1)[1]}",
        f"--tls-cert-file={folder}/server.crt",
        f"--tls-private-key-file={folder}/server.key",
        f"--token-auth-file={folder}/tokens.csv",
        "--authorization-mode=AlwaysAllow",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-key-file={folder}/server.crt",
        f"--service-account-signing-key-file={folder}/server.key",
        "--service-cluster-ip-range=10.96.0.0/16",
        # Itself it speaks to the servers of further APIs with the same certificate.
        f"--proxy-client-cert-file={folder}/server.crt",
        f"--proxy-client-key-file={folder}/server.key",
        f"--requestheader-client-ca-file={folder}/ca.crt",
        "--requestheader-username-headers=X-Remote-User",
        "--requestheader-group-headers=X-Remote-Group",
        "--requestheader-extra-headers-prefix=X-Remote-Extra-",
        "--endpoint-reconciler-type=none",  # It would refuse a loopback address, again and again.
    ]


def _serves(plane: ControlPlane) -> bool:
    context = ssl.create_default_context(cafile=plane.folder / "ca.crt")
    request = urllib.request.Request(f"{plane.url}/readyz", headers={"Authorization": f"Bearer {TOKEN}"})
    try:
        with urllib.request.urlopen(request, timeout=5, context=context):
            return True
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False
