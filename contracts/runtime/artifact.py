"""The engine artifact: built once a user cache, named by its sources, compiled for the machine once.

    <cache>/engine-<sources>.wasm                        the component: interpreter, linter, runtime, SDK
    <cache>/engine-<digest>-<wasmtime>-<machine>-<form>.cwasm   compiled, with a .mac beside it;
                                                         forms: fast, metered (backstop.py)
    <cache>/code/                                        compiled contracts (code_cache.py)

The cache is `$CITY_HOME/engine` when CITY_HOME is set, else `~/.cache/citychain/engine`; only this user
may write there. Two builds differ in their bytes, so a channel names one by digest. The compiled form is
made here, never received, and its MAC is checked before it is loaded, since loading it runs it.
"""

from __future__ import annotations

import fcntl
import hashlib
import hmac
import os
import platform
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

ENGINE_VERSION = 1
# The engine version is defined with this one: another could trap elsewhere, or compute otherwise.
WASMTIME_VERSION = "50.0.1"
BUILD_SECONDS_MAX = 300
_ROOT = Path(__file__).parents[2]
_HOST_ONLY = {
    "artifact.py", "backstop.py", "cases.py", "checking.py", "code_cache.py", "host.py", "native.py",
    "testing.py",
}  # fmt: skip
_CONSENSUS = ("encoding.py", "merkle.py", "tags.py")
_APP = "engine_guest"


class ArtifactError(Exception):
    """The artifact cannot be built, found or trusted. The text says what to do."""


class WasmtimeMismatch(ArtifactError):
    """The installed wasmtime is not the one that this engine version is defined with."""

    def __init__(self, found: str) -> None:
        super().__init__(
            f"wasmtime {found} is installed; engine version {ENGINE_VERSION} is defined with "
            f"{WASMTIME_VERSION}: install wasmtime=={WASMTIME_VERSION}"
        )
        self.found = found


@dataclass(frozen=True, slots=True)
class Artifact:
    """The component file. digest: SHA-256 of its bytes, hexadecimal; size in bytes."""

    path: Path
    digest: str
    size: int
    version: int

    def digest_for(self, hash_: Callable[[bytes], bytes]) -> bytes:
        """The digest under a channel's own hash, as genesis carries it."""
        return hash_(self.path.read_bytes())


def cache_dir() -> Path:
    """The cache folder, made for this user alone."""
    home = os.environ.get("CITY_HOME")
    path = Path(home) / "engine" if home else Path.home() / ".cache" / "citychain" / "engine"
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    return path


def guest_sources() -> dict[str, bytes]:
    """Files of the guest by their path inside it, in order."""
    runtime = _ROOT / "contracts" / "runtime"
    files = {
        str(path.relative_to(_ROOT)): path.read_bytes()
        for path in sorted(runtime.rglob("*.py"))
        if path.name not in _HOST_ONLY
    }
    files |= {f"consensus/{n}": (_ROOT / "consensus" / n).read_bytes() for n in _CONSENSUS}
    # Packages without their own code: the guest has nothing of the rest of the product.
    files |= {"contracts/__init__.py": b"", "consensus/__init__.py": b""}
    files[f"{_APP}.py"] = b"from contracts.runtime.guest import WitWorld\n"
    files["vm.wit"] = (runtime / "vm.wit").read_bytes()
    return dict(sorted(files.items()))


def source_digest() -> str:
    """Names a build: the guest's sources and the tool that builds it."""
    hasher = hashlib.sha256(metadata.version("componentize-py").encode())
    for name, data in guest_sources().items():
        hasher.update(f"{name} {len(data)} ".encode() + data)
    return hasher.hexdigest()


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """One builder at a time; the others wait and find its work."""
    with open(folder / "lock", "a") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def ensure_artifact(folder: Path | None = None) -> Artifact:
    """The artifact of these sources: from the cache, or built now (5 to 15 seconds, no network).

    folder: another cache than the user's own."""
    folder = folder or cache_dir()
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = folder / f"engine-{source_digest()[:24]}.wasm"
    if not path.exists():
        with _locked(folder):
            if not path.exists():
                _build(folder, path)
    return open_artifact(path)


def known_artifacts(folder: Path | None = None) -> list[Path]:
    """Artifact files of a cache: the one of these sources first, then the newest. None is built.

    folder: another cache than the user's own."""
    folder = folder or cache_dir()
    own = folder / f"engine-{source_digest()[:24]}.wasm"
    others = [path for path in folder.glob("engine-*.wasm") if path != own]
    others.sort(key=lambda path: path.stat().st_mtime, reverse=True)
    return [path for path in (own, *others) if path.is_file()]


def open_artifact(path: Path) -> Artifact:
    """An artifact file as it is. Raises ArtifactError when there is none."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ArtifactError(f"no engine artifact at {path}: {error.strerror}") from error
    return Artifact(path, hashlib.sha256(data).hexdigest(), len(data), ENGINE_VERSION)


def _tool() -> str:
    beside = Path(sys.executable).with_name("componentize-py")
    found = str(beside) if beside.exists() else shutil.which("componentize-py")
    if found is None:
        raise ArtifactError("componentize-py is missing: install the project's lock file")
    return found


def _build(folder: Path, path: Path) -> None:
    with tempfile.TemporaryDirectory(dir=folder, prefix="build-") as name:
        place = Path(name)
        for inner, data in guest_sources().items():
            target = place / inner
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)
        command = [
            _tool(), "-q", "-d", "vm.wit", "-w", "contract-vm", "componentize", "--stub-wasi",
            _APP, "-p", ".", "-o", "engine.wasm",
        ]  # fmt: skip
        # No virtual environment: its packages would be searched for modules.
        environment = {k: v for k, v in os.environ.items() if k in ("PATH", "HOME", "TMPDIR")}
        done = subprocess.run(
            command, cwd=place, env=environment, capture_output=True, text=True,
            timeout=BUILD_SECONDS_MAX, check=False,
        )  # fmt: skip
        if done.returncode != 0:
            raise ArtifactError(f"the engine could not be built: {done.stderr[-2000:]}")
        os.replace(place / "engine.wasm", path)


# ---- the compiled form ---------------------------------------------------------------------------


def mac_key(folder: Path) -> bytes:
    """The secret of this cache: what was made here, and by this user, is known by it. Made at first use."""
    path = folder / "mac.key"
    if not path.exists():
        fresh = path.with_name(f"mac.key.{secrets.token_hex(8)}")
        handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(secrets.token_bytes(32))
        with suppress(FileExistsError):
            os.link(fresh, path)  # one of several that begin together
        fresh.unlink()
    return path.read_bytes()


def _mac(folder: Path, path: Path) -> bytes:
    return hmac.digest(mac_key(folder), path.read_bytes(), "sha256")


def check_wasmtime() -> str:
    """The installed version. Raises WasmtimeMismatch unless it is the engine version's own."""
    found = metadata.version("wasmtime")
    if found != WASMTIME_VERSION:
        raise WasmtimeMismatch(found)
    return found


def compiled_path(artifact: Artifact, *, metered: bool = False) -> Path:
    """Where a compiled form lies: keyed by the artifact, the wasmtime version and the machine."""
    machine = platform.machine() or "unknown"
    version, form = metadata.version("wasmtime"), "metered" if metered else "fast"
    return artifact.path.parent / f"engine-{artifact.digest[:24]}-{version}-{machine}-{form}.cwasm"


def is_compiled(artifact: Artifact) -> bool:
    """Whether the form that nodes run is in the cache and is the one that was made here.

    The form and its MAC are two files: where they do not fit, somebody may be writing them now."""
    folder, path = artifact.path.parent, compiled_path(artifact)
    if _trusted(folder, path):
        return True
    with _locked(folder):
        return _trusted(folder, path)


def precompiled(artifact: Artifact, *, metered: bool = False) -> Path:
    """The artifact compiled for this machine: from the cache if its MAC holds, else compiled now in a

    throw-away process (about 6 seconds; the compiler's memory goes with it). Raises ArtifactError."""
    check_wasmtime()
    folder, path = artifact.path.parent, compiled_path(artifact, metered=metered)
    if not _trusted(folder, path):
        with _locked(folder):
            if not _trusted(folder, path):
                _precompile(folder, artifact.path, path, metered)
    return path


def _trusted(folder: Path, path: Path) -> bool:
    mac = path.with_suffix(".mac")
    if not path.exists() or not mac.exists():
        return False
    return hmac.compare_digest(mac.read_bytes(), _mac(folder, path))


def _precompile(folder: Path, source: Path, path: Path, metered: bool) -> None:
    fresh = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    command = [
        sys.executable, "-m", "contracts.runtime.artifact", str(source), str(fresh),
        "metered" if metered else "fast",
    ]  # fmt: skip
    environment = {"PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    done = subprocess.run(
        command, env=environment, cwd=_ROOT, capture_output=True, text=True,
        timeout=BUILD_SECONDS_MAX, check=False,
    )  # fmt: skip
    if done.returncode != 0:
        raise ArtifactError(f"the engine could not be compiled: {done.stderr[-2000:]}")
    os.chmod(fresh, 0o600)
    mac = fresh.with_suffix(".newmac")
    mac.write_bytes(_mac(folder, fresh))
    os.replace(fresh, path)
    os.replace(mac, path.with_suffix(".mac"))


def _main(source: str, target: str, form: str) -> None:
    from wasmtime.component import Component

    from contracts.runtime.host import make_engine

    component = Component.from_file(make_engine(metered=form == "metered"), source)
    Path(target).write_bytes(bytes(component.serialize()))


if __name__ == "__main__":
    _main(sys.argv[1], sys.argv[2], sys.argv[3])
