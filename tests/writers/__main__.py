"""`make capture`: run real writers on the local stack, and save the stream records of their tables.

Each store has a separate AWS, so that its capture contains only its writes.
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
from tests.writers.environments import lock, make_environment, make_node_environment
from tests.writers.stores import STORES

RUN = 600.0
"""The timeout of a writer in seconds."""


def capture(name: str) -> str:
    """Run the writer of a store and write its capture. Return a summary."""
    store, own = STORES[name], Path(sys.executable)
    python = make_environment(name, store.python) if store.python else own
    with tempfile.TemporaryDirectory() as directory:
        home = Path(directory)
        account, records = home / "account.json", home / "records.jsonl"
        processes = Processes(home)
        with Aws(home, processes) as aws:
            settings = {"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1", "TZ": "UTC"}
            if store.uses_node:
                settings["NODE_PATH"] = str(make_node_environment())
            environment = make_tool_environment({**settings, **make_aws_environment(aws.url)})

            def run(module: str, python: Path, output: Path) -> None:
                # As a module, not from its directory, where a script could hide the package with the same name
                program = [python, "-P", "-m", f"tests.writers.{module}", output]
                processes.start(module, program, environment).wait_for_success(RUN, aws.check)

            run(f"scripts.{store.script}", python, account)
            run("stream_records", own, records)
        to_account_file(name).write_text(account.read_text())
        to_records_file(name).write_text(records.read_text())
    return f"{len(to_records_file(name).read_text().splitlines())} records"


def lock_store(name: str) -> str:
    """Lock the requirements of a store. Return a summary."""
    python = STORES[name].python
    if python is None:
        return "needs no packages"
    lock(name, python)
    return "locked"


def work(console: Console, stores: Sequence[str], *, is_to_lock: bool) -> int:
    """Capture these stores, or lock their requirements."""
    for name in stores:
        console.print(f"{name}: {lock_store(name) if is_to_lock else capture(name)}")
    return 0


def main() -> None:
    """Run `make capture`."""
    parser = command.make_parser(__doc__)
    parser.add_argument("stores", nargs="*", metavar="STORE", help=f"any of {', '.join(STORES)}; default: all")
    parser.add_argument("--lock", action="store_true", help="lock the stores' requirements, and run no writer")
    given = parser.parse_args()
    unknown = [name for name in given.stores if name not in STORES]
    if unknown:
        parser.error(f"unknown store {', '.join(unknown)}: must be one of {', '.join(STORES)}")
    command.run(partial(work, stores=given.stores or list(STORES), is_to_lock=given.lock))


if __name__ == "__main__":
    main()
