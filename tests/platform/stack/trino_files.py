"""What a Trino of the tests is made of: downloaded programs, and settings to start with."""

import json
import re
import shutil
import tarfile
from collections.abc import Mapping
from pathlib import Path

from tests.platform.stack.cache import cached, obtain, run_download

# The newest server on Maven Central: since 477 it is published on GitHub only
# (trinodb/trino#27524). Central has the connectors tpch, memory, hive and iceberg as zips of their
# own, jmx and postgresql only within the full server: one download of 821 MB brings all of them.
VERSION = "476"
SERVER = f"trino-server:{VERSION}:tar.gz"
PLUGINS = (
    "tpch",
    "memory",
    "jmx",
    "postgresql",
    "geospatial",  # postgresql does not start without its types
    "hive",
    "iceberg",
    "resource-group-managers",
)
"""What is kept of some sixty plugins: each costs start-up time, and no other one is used."""

CATALOGS = ("tpch", "memory", "jmx")
HOW_TO = Path(__file__).resolve().parents[3] / "docs" / "how-to" / "watch-trino.md"
_ENTRY = f"trino-{VERSION}-full"

BUSY_RUNNING = 60
CROWDED_MAX_QUEUED = 3
"""Queries that may wait in the crowded group; one more gets QUERY_QUEUE_FULL."""


def distribution() -> Path:
    """Give the folder with `lib/` and `plugin/`; downloads 821 MB when it is not cached."""
    return obtain(_ENTRY, _build)


def is_cached() -> bool:
    """Tell whether starting Trino needs no network."""
    return cached(_ENTRY) is not None


def _build(folder: Path) -> None:
    downloads = folder / "downloads"
    archive = _download(SERVER, downloads)
    # All of it, though most is thrown away: what is kept are hard links into other plugins.
    with tarfile.open(archive) as whole:
        whole.extractall(downloads, filter="data")
    unpacked = downloads / f"trino-server-{VERSION}"
    plugins = folder / "plugin"
    plugins.mkdir()
    (unpacked / "lib").rename(folder / "lib")
    for name in PLUGINS:
        (unpacked / "plugin" / name).rename(plugins / name)
    shutil.rmtree(downloads)
    # Maven keeps a copy of its own, which nobody reads again.
    shutil.rmtree(Path.home() / ".m2/repository/io/trino/trino-server", ignore_errors=True)


def _download(artifact: str, folder: Path) -> Path:
    name, version, packaging = artifact.split(":")
    # -U: Maven remembers a failed look-up, and a retry would only repeat what it remembers.
    command = ["mvn", "--quiet", "--batch-mode", "-U", "--strict-checksums", "dependency:copy"]
    options = [f"-Dartifact=io.trino:{artifact}", f"-DoutputDirectory={folder}"]
    run_download([*command, *options], f"io.trino:{artifact} from Maven")
    return folder / f"{name}-{version}.{packaging}"


def java_command(
    java: Path, trino: Path, data: Path, node: str = "coordinator", heap: str = "1200m"
) -> list[str]:
    """Command line that starts the server; working directory is the one that holds `etc/`.

    The flags are those of Trino's own launcher for this version (airlift/launcher,
    `java_static_config.go`), with a heap for tests.
    """
    return [
        str(java / "bin" / "java"),
        f"-Xmx{heap}",
        "-XX:+ExitOnOutOfMemoryError",
        "-XX:ReservedCodeCacheSize=150M",
        "-Djdk.attach.allowAttachSelf=true",
        "-XX:+EnableDynamicAgentLoading",
        "--enable-native-access=ALL-UNNAMED",
        "--sun-misc-unsafe-memory-access=allow",
        "--add-modules=jdk.incubator.vector",
        "-Dfile.encoding=UTF-8",
        "-Dnode.environment=test",
        f"-Dnode.id={node}",
        f"-Dnode.data-dir={data}",
        "-Dconfig=etc/config.properties",
        "-cp",
        f"{trino / 'lib'}/*",
        "io.trino.server.TrinoServer",
    ]


def write_settings(etc: Path, port: int, plugins: Path) -> None:
    """Write `etc/`: a coordinator that is its own worker, the catalogs, the resource groups."""
    catalogs = etc / "catalog"
    catalogs.mkdir(parents=True, exist_ok=True)
    config = {
        **_common(port, f"http://127.0.0.1:{port}", plugins),
        "coordinator": "true",
        "node-scheduler.include-coordinator": "true",
        "discovery.uri": f"http://127.0.0.1:{port}",
        # What other tests let fail by the hundred must not stand before what one test lets fail.
        "query.min-expire-age": "1m",
        "query.max-history": "50",
    }
    _write_properties(etc / "config.properties", config)
    for name in CATALOGS:
        _write_properties(catalogs / f"{name}.properties", {"connector.name": name})
    groups = {
        "resource-groups.configuration-manager": "file",
        "resource-groups.config-file": "etc/resource-groups.json",
    }
    _write_properties(etc / "resource-groups.properties", groups)
    (etc / "resource-groups.json").write_text(json.dumps(resource_groups(), indent=2))
    rights = {"access-control.name": "file", "security.config-file": "etc/rules.json"}
    _write_properties(etc / "access-control.properties", rights)
    (etc / "rules.json").write_text(json.dumps(access_rules(), indent=2))


def write_worker_settings(etc: Path, port: int, coordinator: str, plugins: Path) -> None:
    """Write `etc/` of a second node; catalogs come to it from the coordinator."""
    (etc / "catalog").mkdir(parents=True, exist_ok=True)
    config = {**_common(port, coordinator, plugins), "coordinator": "false"}
    _write_properties(etc / "config.properties", config)


def _common(port: int, coordinator: str, plugins: Path) -> dict[str, str]:
    return {
        "discovery.uri": coordinator,
        "node.bind-ip": "127.0.0.1",
        "node.internal-address": "127.0.0.1",
        "http-server.http.port": str(port),
        "query.max-memory": "256MB",
        "query.max-memory-per-node": "256MB",
        "memory.heap-headroom-per-node": "200MB",
        "experimental.concurrent-startup": "true",
        "http-server.log.enabled": "false",
        # Sixty queries whose results nobody fetches must fit into the heap.
        "sink.max-buffer-size": "1MB",
        "exchange.max-buffer-size": "1MB",
        "plugin.dir": str(plugins),
        # With static catalogs a node counts as a catalog's only some seconds after start-up, and
        # until then every scan fails with NO_NODES_AVAILABLE, though SELECT 1 already works.
        # Those failures would stand in /v1/query for 15 minutes, where the monitor reads.
        "catalog.management": "dynamic",
    }


def resource_groups() -> dict[str, object]:
    """Describe who shares a queue with whom; the first selector that matches decides.

    - user `heavy` or `crowded` (with any source), or a source that starts with `heavy`:
      `global.crowded`, one query at a time and three that wait.
    - user `busy...`: `busy`, sixty at once and a thousand that wait.
    - source `health-monitor...`: `global.monitor`, two at a time and ten that wait.
    - everybody else: `global.other`.

    So a test chooses the monitor's fate by the user in its URL: as `crowded` its SQL is rejected
    together with the heavy queries while REST answers, as anybody else it has room of its own.
    """
    return {
        "rootGroups": [
            _group("busy", running=BUSY_RUNNING, queued=1000),
            {
                **_group("global", running=20, queued=100),
                "subGroups": [
                    _group("crowded", running=1, queued=CROWDED_MAX_QUEUED),
                    _group("monitor", running=2, queued=10),
                    _group("other", running=10, queued=50),
                ],
            },
        ],
        "selectors": [
            {"user": "busy.*", "group": "busy"},
            {"user": "heavy|crowded", "group": "global.crowded"},
            {"source": "heavy.*", "group": "global.crowded"},
            {"source": "health-monitor.*", "group": "global.monitor"},
            {"group": "global.other"},
        ],
    }


def access_rules() -> dict[str, list[dict[str, object]]]:
    """Give the rules of the documentation, for `monitor`; whoever they do not name may do all.

    User `narrow` may not view the queries of others, `blind` may not read `/metrics` either.
    """
    (text,) = re.findall(r"```json\n(\{\n  \"catalogs\".*?)```", HOW_TO.read_text(), re.DOTALL)
    rules: dict[str, list[dict[str, object]]] = json.loads(text)
    others: dict[str, dict[str, object]] = {
        "catalogs": {"allow": "owner"},  # all, and catalogs of one's own
        "queries": {"allow": ["execute", "view", "kill"]},
        "system_information": {"allow": ["read", "write"]},
        "functions": {
            "catalog": ".*",
            "function": ".*",
            "privileges": ["EXECUTE", "GRANT_EXECUTE"],
        },
        "procedures": {"catalog": ".*", "procedure": ".*", "privileges": ["EXECUTE"]},
    }
    fewer: dict[str, dict[str, object]] = {
        "queries": {"user": "narrow|blind", "allow": ["execute"]},
        "system_information": {"user": "blind", "allow": []},
    }
    return {
        key: [*rules.get(key, []), *([fewer[key]] if key in fewer else []), every]
        for key, every in others.items()
    }


def _group(name: str, *, running: int, queued: int) -> dict[str, object]:
    return {
        "name": name,
        "softMemoryLimit": "90%",
        "hardConcurrencyLimit": running,
        "maxQueued": queued,
    }


def _write_properties(path: Path, values: Mapping[str, str]) -> None:
    path.write_text("".join(f"{key}={value}\n" for key, value in values.items()))
