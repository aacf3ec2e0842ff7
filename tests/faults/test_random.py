"""Workers that are killed at random points, over and over."""

import os
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta

from sqlalchemy.engine import make_url

from chalicelib.services.mailings import NewMailing
from local.services import ProviderService
from tests.faults.database_proxy import DatabaseProxy
from tests.faults.rig import Rig, statuses
from tests.faults.storm import ENVIRONMENT, Site, Storm, Violence

CLIENTS = 10_000
SEED = int(os.environ.get("FAULTS_SEED", "1"))
PATIENCE = 200.0


def test_random_kills_over_10_000_messages(rig: Rig, provider_service: ProviderService) -> None:
    rig.world.add_clients(CLIENTS)
    environment = {**rig.environment, **ENVIRONMENT}
    log = rig.folder / "functions.log"
    site = Site(rig.world.engine, rig.world.owner, provider_service, rig.provider, environment, rig.honours_key, log)
    now = datetime.now(UTC).replace(tzinfo=None)
    port = make_url(environment["DATABASE_URL"]).port
    assert port is not None
    with closing(DatabaseProxy(port)) as door, Storm(site, SEED, workers=3, doors=[door.port]) as storm:
        storm.write(NewMailing("sale", "hello", now, now + timedelta(days=1), time_zone="UTC"))
        storm.violence = Violence(killed=0.8)
        deadline = time.monotonic() + PATIENCE
        while not storm.all_over():
            assert time.monotonic() < deadline, site.sql("SELECT status, count(*) FROM message GROUP BY status")
            time.sleep(0.2)
    [(mailing_id,)] = site.sql("SELECT id FROM mailing")
    found = rig.check(mailing_id)
    kills = sum(number for name, number in storm.faults.items() if "killed" in name)
    print(f"seed {SEED}: {kills} kills, {found.calls} calls, {found.parked} parked")
    assert storm.escaped == []
    assert '"event": "chunk"' in log.read_text(), "what the functions print stands in their log"
    assert "Traceback" not in log.read_text()
    assert kills >= 50
    if rig.honours_key:
        assert (statuses(found), found.deliveries) == ({"sent": CLIENTS}, CLIENTS)
    else:
        assert found.statuses["sent"] + found.parked == CLIENTS
        assert found.parked > 0
