"""Build the layer with the functions' dependencies for one architecture, on any machine.

Lambda reads the layer at each cold start. The build therefore removes packages of the runtime, modules that are never
imported, and the symbol tables of compiled modules. It adds bytecode, without which imports take several times as long.

Usage: build.py x86_64|arm64 DIRECTORY
"""

import compileall
import py_compile
import shutil
import struct
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent

MACHINES = {"x86_64": "x86_64", "arm64": "aarch64"}
"""Architecture, as AWS names it -> its name in Python's wheels."""

IN_THE_RUNTIME = {"boto3", "botocore", "s3transfer", "dateutil", "six.py"}
"""Packages of AWS's Python runtime, on which the IAM signer depends."""

NEVER_IMPORTED = {
    "aws_lambda_powertools/event_handler",
    "bin",
    "click",
    "confluent_kafka/aio",
    "confluent_kafka/avro",
    "confluent_kafka/kafkatest",
    "confluent_kafka/schema_registry",
    "jp.py",
}
"""Parts of packages that the functions never import."""

ELF = b"\x7fELF\x02\x01"  # 64 bits, little-endian


def install(machine: str, target: Path) -> None:
    """Install the locked packages for the Lambda runtime on this machine type; pip verifies each wheel's hash."""
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"]
    command += ["--no-deps", "--require-hashes", "--only-binary=:all:", "--no-compile", "--target", str(target)]
    command += [
        "--python-version",
        "3.13",
        "--implementation",
        "cp",
        "--abi",
        "cp313",
        "--abi",
        "abi3",
        "--abi",
        "none",
    ]
    command += ["--platform", f"manylinux_2_28_{machine}", "--platform", f"manylinux2014_{machine}"]
    subprocess.run([*command, "--requirement", str(HERE / "requirements.txt")], check=True)


def trim(target: Path) -> None:
    """Remove the packages of the runtime and everything that is never imported."""
    for name in IN_THE_RUNTIME | NEVER_IMPORTED:
        path = target / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    for name in IN_THE_RUNTIME | {"click"}:
        stem = name.removesuffix(".py").replace("dateutil", "python_dateutil")
        for information in target.glob(f"{stem}-*.dist-info"):
            shutil.rmtree(information)
    for source in [*target.rglob("*.pyx"), *target.rglob("*.pxd"), *target.rglob("*.pyi"), *target.rglob("*.c")]:
        source.unlink()


def strip(library: Path) -> None:
    """Truncate a shared library after the last byte that is loaded, which removes symbol tables and debugging data.

    The program `strip` supports only its own machine type. The loader reads only the program headers, so the section
    headers at the end are not needed: https://refspecs.linuxfoundation.org/elf/gabi4+/ch5.pheader.html
    """
    data = bytearray(library.read_bytes())
    if not data.startswith(ELF):
        raise SystemExit(f"error: {library} is not a 64-bit ELF file")
    (table,) = struct.unpack_from("<Q", data, 32)
    size, count = struct.unpack_from("<HH", data, 54)
    end = table + size * count
    for number in range(count):
        offset, _, _, length = struct.unpack_from("<QQQQ", data, table + size * number + 8)
        end = max(end, offset + length)
    struct.pack_into("<Q", data, 40, 0)  # the offset of the section headers: none
    struct.pack_into("<HH", data, 60, 0, 0)  # their number, and the index of the one with the names
    library.write_bytes(data[:end])


def main(architecture: str, artifacts: Path) -> None:
    """Build the layer in `artifacts`, which Lambda unpacks to /opt."""
    target = artifacts / "python"
    install(MACHINES[architecture], target)
    trim(target)
    for library in target.rglob("*.so*"):
        strip(library)
    # The layer's archive does not keep the sources' times, so Python must not compare them with the bytecode
    done = compileall.compile_dir(
        target,
        quiet=1,
        stripdir=str(artifacts),
        prependdir="/opt",
        invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
    )
    if not done:
        raise SystemExit("error: some modules do not compile; see the messages above")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
