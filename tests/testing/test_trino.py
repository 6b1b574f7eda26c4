import re
import socket
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import httpx
import pytest

from monitor.api import ClusterQuery
from monitor.testing.trino import NEW_NAME, OLD_NAME, ClusterState, Fault, ScriptedTrino
from tests import local


class Stage:
    state = ClusterState(tables={"select 1": ({"one": "decimal(10,2)"}, [["1.00"]])})

    def becomes(self, **changes: object) -> None:
        self.state = replace(self.state, **changes)  # type: ignore[arg-type]


@pytest.fixture
def stage() -> Stage:
    return Stage()


@pytest.fixture
def server(stage: Stage) -> Iterator[ScriptedTrino]:
    with ScriptedTrino(lambda: stage.state) as server:
        yield server


def post(server: ScriptedTrino, text: str = "select 1") -> httpx.Response:
    return local.post(f"{server.url}/v1/statement", content=text)


def pages(server: ScriptedTrino, text: str = "select 1") -> list[dict[str, Any]]:
    found = [post(server, text).json()]
    while "nextUri" in found[-1]:
        found.append(local.get(found[-1]["nextUri"]).json())
    return found


def test_a_statement_leads_to_its_rows(server: ScriptedTrino) -> None:
    *waits, rows, end = pages(server)
    assert not any("data" in page or "columns" in page for page in waits)
    assert rows["data"] == [["1.00"]]
    assert "data" not in end
    assert end["stats"]["state"] == "FINISHED"
    assert server.alive == set()


def test_columns_carry_the_arguments_of_their_type(server: ScriptedTrino) -> None:
    column = pages(server)[-1]["columns"][0]
    assert column["typeSignature"]["rawType"] == "decimal"
    assert [one["value"] for one in column["typeSignature"]["arguments"]] == [10, 2]


def test_a_query_is_alive_until_it_is_cancelled(server: ScriptedTrino, stage: Stage) -> None:
    stage.becomes(is_stuck=True)
    first = post(server).json()
    again = local.get(first["nextUri"]).json()
    assert server.alive == {first["id"]}
    assert local.delete(again["nextUri"]).status_code == 204
    assert server.alive == set()
    assert server.cancelled == [first["id"]]


def test_a_full_queue_refuses_in_words_of_the_protocol(server: ScriptedTrino, stage: Stage) -> None:
    stage.becomes(is_full=True)
    answer = local.get(post(server).json()["nextUri"])
    assert answer.status_code == 200
    assert answer.json()["error"]["errorName"] == "QUERY_QUEUE_FULL"


def test_a_statement_that_is_cut_off_was_not_submitted(server: ScriptedTrino) -> None:
    host, port = server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as cut:
        cut.sendall(b"POST /v1/statement HTTP/1.1\r\nContent-Length: 8\r\n\r\nsele")
        cut.shutdown(socket.SHUT_WR)
        assert cut.recv(1) == b""
    assert server.statements == []
    assert server.alive == set()


def test_an_unknown_table_is_not_found(server: ScriptedTrino) -> None:
    answer = local.get(post(server, "select 2 from nowhere").json()["nextUri"])
    assert answer.json()["error"]["errorName"] == "TABLE_NOT_FOUND"


def test_a_result_may_break_after_its_first_rows(server: ScriptedTrino, stage: Stage) -> None:
    stage.becomes(fault=Fault.BREAKS_MID_RESULT)
    *_, rows, end = pages(server)
    assert rows["data"]
    assert end["error"]["errorName"] == "CLUSTER_OUT_OF_MEMORY"


def test_unavailable_once_fails_one_reading_of_each_query(
    server: ScriptedTrino, stage: Stage
) -> None:
    stage.becomes(fault=Fault.UNAVAILABLE_ONCE)
    for _ in range(2):
        uri = post(server).json()["nextUri"]
        assert [local.get(uri).status_code for _ in range(2)] == [503, 200]


@pytest.mark.parametrize(("fault", "status"), [(Fault.UNAVAILABLE, 503), (Fault.UNAUTHORIZED, 401)])
def test_some_faults_refuse_everything(
    server: ScriptedTrino, stage: Stage, fault: Fault, status: int
) -> None:
    stage.becomes(fault=fault)
    assert post(server).status_code == status
    assert local.get(f"{server.url}/v1/info").status_code == status
    assert server.alive == set()


def test_a_stopped_server_refuses_connections(server: ScriptedTrino) -> None:
    server.stop()
    with pytest.raises(httpx.ConnectError):
        post(server)


def test_metrics_have_the_name_of_one_generation(server: ScriptedTrino, stage: Stage) -> None:
    assert re.search(rf"^{NEW_NAME} 4$", local.get(f"{server.url}/metrics").text, re.MULTILINE)
    stage.becomes(has_old_names=True, workers=5)
    text = local.get(f"{server.url}/metrics").text
    assert re.search(rf"^{OLD_NAME} 5$", text, re.MULTILINE)
    assert NEW_NAME not in text


def test_rest_shows_the_state_of_the_moment(server: ScriptedTrino, stage: Stage) -> None:
    assert local.get(f"{server.url}/v1/query").json() == []
    stage.becomes(queries=[ClusterQuery("q1", "asha", "cli", "QUEUED")], is_starting=True)
    assert [one["queryId"] for one in local.get(f"{server.url}/v1/query").json()] == ["q1"]
    assert local.get(f"{server.url}/v1/info").json()["starting"] is True


def test_a_denied_resource_is_forbidden_and_others_are_not(
    server: ScriptedTrino, stage: Stage
) -> None:
    stage.becomes(denied=frozenset({"/metrics"}))
    assert local.get(f"{server.url}/metrics").status_code == 403
    assert local.get(f"{server.url}/v1/query").status_code == 200


def test_a_page_that_was_lost_is_given_again(server: ScriptedTrino) -> None:
    uri = local.get(post(server).json()["nextUri"]).json()["nextUri"]
    first, again = local.get(uri).json(), local.get(uri).json()
    assert first == again
    assert first["data"]


def test_a_large_result_comes_in_several_pages(server: ScriptedTrino, stage: Stage) -> None:
    stage.becomes(tables={"select 1": ({"one": "integer"}, [[n] for n in range(25_000)])})
    found = [row for page in pages(server) for row in page.get("data", [])]
    assert found == [[n] for n in range(25_000)]


def test_one_statement_may_fail_while_others_work(server: ScriptedTrino, stage: Stage) -> None:
    stage.becomes(faults={"two$": Fault.NO_NODES})
    assert pages(server, "select 1 as two")[-1]["error"]["errorName"] == "NO_NODES_AVAILABLE"
    assert pages(server, "select 1")[-1]["stats"]["state"] == "FINISHED"


def test_the_clusters_own_limit_ends_a_query(server: ScriptedTrino, stage: Stage) -> None:
    stage.becomes(is_stuck=True)
    limit = {"X-Trino-Session": "query_max_run_time=0s"}
    local.post(f"{server.url}/v1/statement", content="select 1", headers=limit)
    assert server.alive == set()


@pytest.mark.parametrize("is_new", [True, False])
def test_each_generation_has_its_login(server: ScriptedTrino, stage: Stage, is_new: bool) -> None:
    stage.becomes(has_new_login=is_new, password="hush")
    form = {"username": "m", "password": "hush"}
    old = local.post(f"{server.url}/ui/login", data=form)
    new = local.post(f"{server.url}/ui/auth/login", json=form)
    assert [bool(answer.cookies) for answer in (old, new)] == [not is_new, is_new]
    assert local.get(f"{server.url}/ui/api/stats").status_code == 401
    cookie = {"Cookie": (old if old.cookies else new).headers["Set-Cookie"].split(";")[0]}
    assert local.get(f"{server.url}/ui/api/stats", headers=cookie).json()["activeWorkers"] == 4


def test_there_are_many_ways_to_fail() -> None:
    assert len(Fault) >= 30
