import pytest
from pydantic import ValidationError

from monitor.api import LastUpdate, LastWrite, Load, Partitions, Rows
from monitor.sources.trino import Trino
from monitor.sources.trino.address import read_address


@pytest.mark.parametrize(
    ("url", "password", "base"),
    [
        ("trino://u@trino:8080/hive", None, "http://trino:8080"),
        ("trino://u@trino/hive", None, "http://trino:8080"),
        ("trino://u@trino:443/hive", None, "https://trino:443"),
        ("trino://u@trino:8443/hive", None, "https://trino:8443"),
        ("trino://u@trino/hive", "secret", "https://trino:443"),
        ("trino://u:secret@trino:9000/hive", None, "https://trino:9000"),
        ("trino://u@trino:9000/hive?scheme=https", None, "https://trino:9000"),
        ("trino://u@trino:8443/hive?scheme=http", None, "http://trino:8443"),
        ("trino://u@[::1]:8080/hive", None, "http://[::1]:8080"),
    ],
)
def test_port_password_and_scheme_decide_on_tls(url: str, password: str, base: str) -> None:
    assert read_address(url, password).base == base


def test_user_password_catalog_and_schema_come_from_the_url() -> None:
    address = read_address("trino://a%40b:p%2Fw@trino/hive/events", None)
    assert (address.user, address.password) == ("a@b", "p/w")
    assert (address.catalog, address.schema) == ("hive", "events")


def test_the_setting_password_wins_over_the_url() -> None:
    assert read_address("trino://u:old@trino/hive", "new").password == "new"


def test_without_user_the_monitor_asks_under_its_own_name() -> None:
    assert read_address("trino://trino", None).user == "health-monitor"


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("http://trino:8080", "trino://user@host:port/catalog/schema"),
        ("trino://", "trino://user@host:port/catalog/schema"),
        ("trino://u:pw@trino:8080/hive?scheme=http", "a password needs TLS"),
        ("trino://u@trino/hive?scheme=ftp", "scheme=ftp"),
    ],
)
def test_a_url_that_cannot_work_is_an_error_of_the_settings(url: str, told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        Trino(name="adhoc", url=url)


def test_secrets_are_not_in_what_the_source_prints() -> None:
    source = Trino(name="adhoc", url="trino://u:hush@trino/hive")
    assert "hush" not in repr(source) + repr(source._address)


def test_one_question_at_a_time_is_the_default() -> None:
    source = Trino(name="adhoc", url="trino://u@trino/hive")
    assert source.max_concurrency == 1
    assert source.answers == {Rows, LastUpdate, LastWrite, Partitions, Load}


def test_a_query_that_lifts_its_own_limits_is_refused_when_the_configuration_is_read() -> None:
    source = Trino(name="t", url="trino://u@trino:8080/hive")
    assert list(source.objections(Rows("with session query_max_run_time = '9d' select 1 as x")))
    assert not list(
        source.objections(Rows("with session as (select 1 as x) select x from session"))
    )
