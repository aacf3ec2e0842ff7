"""How the database is reached."""

from datetime import UTC, datetime

from chalicelib.storage import engine


def test_a_verified_connection_trusts_the_databases_of_every_region() -> None:
    trusted = {
        name[0][1]: certificate
        for certificate in engine._verified().get_ca_certs()
        for name in certificate["subject"]
        if name[0][0] == "commonName" and str(name[0][1]).startswith("Amazon RDS")
    }
    for region in ("us-east-1", "eu-central-1", "eu-west-1", "ap-southeast-2", "sa-east-1"):
        until = str(trusted[f"Amazon RDS {region} Root CA RSA2048 G1"]["notAfter"])
        assert datetime.strptime(until, "%b %d %H:%M:%S %Y %Z").replace(tzinfo=UTC) > datetime(2060, 1, 1, tzinfo=UTC)
