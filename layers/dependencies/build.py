"""Builds the layer for one architecture, from any machine: what the function imports, and nothing else.

A layer is read at each cold start. So what the runtime brings by itself, what is never imported, and the symbol tables
of compiled modules are left out, and bytecode is put in, without which imports take several times as long.

Use: build.py x86_64|arm64 DIRECTORY
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
"""AWS's word for an architecture -> the word of Python's wheels."""

IN_THE_RUNTIME = {"boto3", "botocore", "s3transfer", "dateutil", "six.py"}
"""What AWS's Python runtime brings; the IAM signer would bring it again."""

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
"""Parts of packages that no module of the function reaches."""

ELF = b"\x7fELF\x02\x01"  # 64 bits, little-endian


def install(machine: str, target: Path) -> None:
    """The locked packages, each wheel checked against its hash, for the Lambda runtime on that machine."""
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
    """Removes what the runtime brings and what is never imported."""
    for name in IN_THE_RUNTIME | NEVER_IMPORTED:
        path = target / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    for name in IN_THE_RUNTIME:
        stem = name.removesuffix(".py").replace("dateutil", "python_dateutil")
        for information in target.glob(f"{stem}-*.dist-info"):
            shutil.rmtree(information)
    for source in [*target.rglob("*.pyx"), *target.rglob("*.pxd"), *target.rglob("*.pyi"), *target.rglob("*.c")]:
        source.unlink()


def strip(library: Path) -> None:
    """Cuts a shared library off behind the last byte that is loaded, which loses symbol tables and debugging data.

    `strip` does it too, but only for its own machine. The loader reads the program headers alone, so the section
    headers, which stand at the end, may go. https://refspecs.linuxfoundation.org/elf/gabi4+/ch5.pheader.html
    """
    data = bytearray(library.read_bytes())
    if not data.startswith(ELF):
        raise SystemExit(f"error: {library} is no 64-bit ELF file")
    (table,) = struct.unpack_from("<Q", data, 32)
    size, count = struct.unpack_from("<HH", data, 54)
    end = table + size * count
    for number in range(count):
        offset, _, _, length = struct.unpack_from("<QQQQ", data, table + size * number + 8)
        end = max(end, offset + length)
    struct.pack_into("<Q", data, 40, 0)  # where section headers begin: nowhere
    struct.pack_into("<HH", data, 60, 0, 0)  # how many there are, and which of them has names
    library.write_bytes(data[:end])


def main(architecture: str, artifacts: Path) -> None:
    """Builds into `artifacts`, as Lambda unpacks it to /opt."""
    target = artifacts / "python"
    install(MACHINES[architecture], target)
    trim(target)
    for library in target.rglob("*.so*"):
        strip(library)
    # Not checked against the source's time, which the layer's archive does not keep
    done = compileall.compile_dir(
        target,
        quiet=1,
        stripdir=str(artifacts),
        prependdir="/opt",
        invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
    )
    if not done:
        raise SystemExit("error: not every module compiles")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
