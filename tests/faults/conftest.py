"""A PostgreSQL and a provider of the fault tests' own (they are stopped, broken and lied about here), and the list of the twenty."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.ledger import ProviderClient
from local.postgres import PostgresServer
from local.process import free_port
from local.services import ProviderService
from tests.databases import Migrated
from tests.faults.cases import summary
from tests.faults.function import FunctionProcess
from tests.faults.rig import ENVIRONMENT, Rig
from tests.faults.sites import lasting_database
from tests.faults.transport import Transport
from tests.world import World


@pytest.fixture(scope="session")
def server() -> Iterator[PostgresServer]:
    """A throwaway PostgreSQL on a port that it keeps when it is started again."""
    with (
        tempfile.TemporaryDirectory(prefix="mailing-api-") as folder,
        PostgresServer(Path(folder), free_port(), durable=False) as server,
    ):
        yield server


@pytest.fixture(scope="session")
def migrated_database(server: PostgresServer) -> Migrated:
    found = lasting_database(server, "faults")
    server.run("ALTER DATABASE faults SET deadlock_timeout = '100ms'")
    return found


@pytest.fixture(scope="session")
def provider_service() -> Iterator[ProviderService]:
    with tempfile.TemporaryDirectory(prefix="mailing-api-") as folder:
        service = ProviderService(Path(folder), free_port())
        service.start()
        yield service
        service.stop()


@pytest.fixture(params=[True, False], ids=["key-honoured", "key-ignored"])
def honours_key(request: pytest.FixtureRequest) -> bool:
    """Both kinds of provider: one that delivers once for one key however often it is called, and one that does not."""
    return bool(request.param)


@pytest.fixture
def environment(
    monkeypatch: pytest.MonkeyPatch, database_url: str, provider_service: ProviderService, honours_key: bool
) -> dict[str, str]:
    """The settings of all processes, this one's too."""
    chosen = {
        **ENVIRONMENT,
        "DATABASE_URL": database_url,
        "PROVIDER_URL": provider_service.url,
        "PROVIDER_HONOURS_KEY": str(honours_key).lower(),
    }
    for name, value in chosen.items():
        monkeypatch.setenv(name, value)
    return chosen


@pytest.fixture(scope="session")
def _usual_processes() -> Iterator[dict[bool, FunctionProcess]]:
    """Kept from test to test, one for each kind of provider: a new process costs more than most of what is done in it."""
    made: dict[bool, FunctionProcess] = {}
    yield made
    for process in made.values():
        process.close()


@pytest.fixture
def usual(
    environment: dict[str, str],
    honours_key: bool,
    tmp_path_factory: pytest.TempPathFactory,
    _usual_processes: dict[bool, FunctionProcess],
) -> Iterator[FunctionProcess]:
    """The process of jobs to which nothing is done."""
    log = tmp_path_factory.getbasetemp() / f"usual-{honours_key}.log"
    process = _usual_processes.get(honours_key)
    if process is None or not process.idle:
        process = _usual_processes[honours_key] = FunctionProcess(environment, lambda *_: "nobody", log)
    before = log.stat().st_size if log.exists() else 0
    yield process
    if log.exists():
        check_log(log.read_text()[before:])


def check_log(text: str) -> None:
    assert "Traceback" not in text, "all that went wrong was expected, and is one line of the log"


@pytest.fixture
def rig(
    environment: dict[str, str],
    world: World,
    server: PostgresServer,
    provider_service: ProviderService,
    honours_key: bool,
    usual: FunctionProcess,
    tmp_path: Path,
) -> Iterator[Rig]:
    client = ProviderClient(provider_service.url)
    client.reset()
    client.configure(honours_key=honours_key)
    usual.answer = transport = Transport(world.aws)
    made = Rig(world, transport, server, client, provider_service.folder, environment, honours_key, tmp_path, usual)
    yield made
    made.close()
    client.close()
    log = tmp_path / "functions.log"
    if log.exists():
        check_log(log.read_text())


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The twenty by name, and the outcome of each with both kinds of provider."""
    for line in summary(terminalreporter.stats):
        terminalreporter.write_line(line)
