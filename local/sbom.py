"""A software bill of materials (CycloneDX 1.6, JSON) of what a package holds: read from the zip itself, not from what it was made of."""

import hashlib
import zipfile
from email.parser import HeaderParser
from pathlib import Path

from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

NAME = "sbom.cdx.json"


def write(zip_file: Path, target: Path) -> int:
    """Writes it, and returns how many packages it lists."""
    bom = Bom()
    application = Component(
        name="mailing-api",
        type=ComponentType.APPLICATION,
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=_sha256(zip_file))],
    )
    bom.metadata.component = application
    for name, version in packages(zip_file):
        package = PackageURL("pypi", name=name.lower().replace("_", "-"), version=version)
        bom.components.add(Component(name=name, version=version, type=ComponentType.LIBRARY, purl=package, bom_ref=str(package)))
    bom.register_dependency(application, bom.components)
    target.write_text(JsonV1Dot6(bom).output_as_string(indent=1), encoding="utf-8")
    return len(bom.components)


def packages(zip_file: Path) -> list[tuple[str, str]]:
    """Names and versions of the Python packages in a zip."""
    found = []
    with zipfile.ZipFile(zip_file) as packed:
        for entry in packed.namelist():
            if entry.endswith(".dist-info/METADATA"):
                fields = HeaderParser().parsestr(packed.read(entry).decode("utf-8", "replace"))
                found.append((str(fields["Name"]), str(fields["Version"])))
    return sorted(found)


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
