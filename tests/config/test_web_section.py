from ipaddress import ip_network

import pytest

from monitor.config.plan import Proxy
from tests.config.conftest import CONFIG, Site
from tests.config.test_config_file import fatal

WEB = "web: {listen: '10.0.0.1:80', proxy: {trusted: [10.0.3.0/28]}}\n"


def test_the_proxy_that_signs_people_in_is_read(site: Site) -> None:
    headers = "user_header: X-User, groups_header: X-Groups"
    proxy = f"{{trusted: [10.0.3.7, 'fd00::/64'], {headers}}}"
    site.config(CONFIG + f"web: {{proxy: {proxy}, admins: ['group:sre']}}\n")
    web = site.load().web
    networks = (ip_network("10.0.3.7/32"), ip_network("fd00::/64"))
    assert web.proxy == Proxy(networks, "X-User", "X-Groups")
    assert web.admins == ("group:sre",)
    assert web.is_loopback


def test_a_proxy_is_authentication_enough_to_listen_beyond_loopback(site: Site) -> None:
    plan = site.config(CONFIG + WEB).load()
    assert plan.problems == ()
    assert plan.web.proxy == Proxy((ip_network("10.0.3.0/28"),))


def test_groups_of_a_maintainer_are_read(site: Site) -> None:
    site.config(CONFIG.replace("page: [pager]", "page: [pager], groups: [rec-eng]"))
    assert site.load().maintainers["recsys"].groups == ("rec-eng",)


@pytest.mark.parametrize(
    ("old", "new", "wanted"),
    [
        ("10.0.3.0/28", "0.0.0.0/0", "'0.0.0.0/0' is everybody: any client could say who it is"),
        ("10.0.3.0/28", "'::/0'", "'::/0' is everybody"),
        ("10.0.3.0/28", "10.0.3.1/28", "is no network; write it as 10.0.3.0/28"),
        ("10.0.3.0/28", "proxy.example.com", "is no network; write it as 10.0.3.0/28"),
        ("[10.0.3.0/28]", "[]", "at least 1 item"),
        ("trusted: [10.0.3.0/28]", "", "trusted"),
        ("trusted:", "trustd:", "unknown key 'trustd'"),
        ("[10.0.3.0/28]", "[10.0.3.0/28], user_header: 'X User'", "'X User' is no name of a head"),
        (", proxy: {trusted: [10.0.3.0/28]}", "", "can be reached from other machines"),
    ],
)
def test_a_sign_in_that_lets_anybody_in_ends_the_load(
    site: Site, old: str, new: str, wanted: str
) -> None:
    lines = fatal(site.config(CONFIG + WEB.replace(old, new)))
    assert any(wanted in line and line.startswith("config.yaml:") for line in lines), lines


def test_administrators_whom_nobody_could_know_are_a_problem(site: Site) -> None:
    site.config(CONFIG + "web: {token: x, admins: [asha@example.com]}\n")
    (line,) = site.lines()
    assert "'admins' of 'web' are never known" in line
