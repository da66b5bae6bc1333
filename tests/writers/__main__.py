"""`make capture`: runs real writers against the local stack, and keeps what the streams of their tables hold.

Each store gets an AWS of its own, so that its capture has its writes only.
"""

import sys
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from rich.console import Console

from local.commands import command
from local.environment import make_aws_environment, make_tool_environment
from local.paths import ROOT
from local.servers.aws import Aws
from local.servers.processes import Processes
from tests.support.captures import to_account_file, to_records_file
from tests.writers.environments import lock, make_environment
from tests.writers.stores import STORES

RUN = 600.0
"""Seconds that a writer may take."""


def capture(name: str) -> str:
    """Runs one store's writer and writes its capture; how much that is, for a person."""
    store, own = STORES[name], Path(sys.executable)
    python = make_environment(name, store.python) if store.python else own
    with tempfile.TemporaryDirectory() as directory:
        home = Path(directory)
        account, records = home / "account.json", home / "records.jsonl"
        processes = Processes(home)
        with Aws(home, processes) as aws:
            settings = {"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1", "TZ": "UTC"}
            environment = make_tool_environment({**settings, **make_aws_environment(aws.url)})

            def run(module: str, python: Path, output: Path) -> None:
                # As a module, and not from its folder: a script with the name of its package would hide that
                program = [python, "-P", "-m", f"tests.writers.{module}", output]
                processes.start(module, program, environment).wait_for_success(RUN, aws.check)

            run(f"scripts.{store.script}", python, account)
            run("stream_records", own, records)
        to_account_file(name).write_text(account.read_text())
        to_records_file(name).write_text(records.read_text())
    return f"{len(to_records_file(name).read_text().splitlines())} records"


def lock_store(name: str) -> str:
    """Resolves one store's requirements again; what was done, for a person."""
    python = STORES[name].python
    if python is None:
        return "needs no package"
    lock(name, python)
    return "locked"


def work(console: Console, stores: Sequence[str], *, is_to_lock: bool) -> int:
    """Captures these stores, or locks their requirements."""
    for name in stores:
        console.print(f"{name}: {lock_store(name) if is_to_lock else capture(name)}")
    return 0


def main() -> None:
    """Reads the command line and does what it asks for."""
    parser = command.make_parser(__doc__)
    parser.add_argument("stores", nargs="*", metavar="STORE", help=f"any of {', '.join(STORES)}; all of them if none")
    parser.add_argument("--lock", action="store_true", help="resolve the stores' requirements again, and run no writer")
    given = parser.parse_args()
    unknown = [name for name in given.stores if name not in STORES]
    if unknown:
        parser.error(f"no such store: {', '.join(unknown)}; there are {', '.join(STORES)}")
    command.run(partial(work, stores=given.stores or list(STORES), is_to_lock=given.lock))


if __name__ == "__main__":
    main()
