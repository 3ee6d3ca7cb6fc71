"""`inbox`, asked of a sidecar whose registry told of pushes: tables, JSON, dismissals, and offline."""

import pytest
from running_sidecar import Sidecar, captured, end, free_port, until

TOKENS = {"maria": "a-token-of-maria-xxxx", "ada": "a-token-of-ada-xxxx"}
MANAGEMENT = {
    "users": [
        {"name": "maria", "tokens": [TOKENS["maria"]], "namespaces": ["team"]},
        {"name": "ada", "tokens": [TOKENS["ada"]], "admin": True},
    ],
    "teams": {"team": {"dev": ["maria"]}},
}
SUBSCRIPTIONS = [
    {"name": name, "format": "quay", "options": {"method": "quay_notification"}, "url": url}
    for name, url in (("hers", "inbox:user/maria"), ("theirs", "inbox:team/team/dev"), ("his", "inbox:user/ada"))
]


@pytest.fixture
def sidecar(tmp_path, cli):
    listen = f"127.0.0.1:{free_port()}"
    sidecar = Sidecar(tmp_path, SUBSCRIPTIONS, management={"listen": listen, **MANAGEMENT})
    sidecar.management = f"http://{listen}"
    with sidecar:
        sidecar.post(*captured("docker-like push 2 layers, tag v1"))
        listed = ("inbox", "list", "--json", "--config", str(sidecar.config))
        until(lambda: len(cli(*listed).json["items"]) == 3, "it is delivered")
        yield sidecar


@pytest.fixture
def ask(cli, sidecar):
    """A command over the socket, or with `who` over TCP with somebody's token."""

    def run(*arguments, who=""):
        where = ["--config", str(sidecar.config)]
        if who:
            file = sidecar.folder / f"{who}.token"
            file.write_text(TOKENS[who])
            where = ["--url", sidecar.management, "--token-file", str(file)]
        return cli("inbox", *arguments, *where)

    return run


def test_inboxes_are_listed_and_dismissed(ask, cli, sidecar):
    said = ask("list")
    assert (said.code, said.err) == (0, "")
    header, *rows = (line.split() for line in said.out.splitlines())
    assert header == ["CREATED", "INBOX", "KIND", "ABOUT", "DISMISSED", "ID"]
    assert {row[1] for row in rows} == {"user/maria", "team/team/dev", "user/ada"}
    assert {tuple(row[2:5]) for row in rows} == {("repo_push", "team/app:v1", "no")}

    mine = ask("list", "--json", who="maria").json["items"]
    assert {one["owner"] for one in mine} == {"user/maria", "team/team/dev"}
    assert ask("list", "--owner", "user/ada", who="maria").err == (
        "registry-sidecar: Maria may not look into the inbox user/ada.\n"
    )
    (team,) = ask("list", "--owner", "team/team/dev", "--json", who="ada").json["items"]
    assert ask("list", "--limit", "1", "--json", who="maria").json["next"] is not None

    said = ask("dismiss", "none")
    assert (said.code, said.err) == (3, "registry-sidecar: There is no notification none.\n")
    said = ask("dismiss", team["id"], who="maria")
    assert (said.code, said.out) == (0, "1 dismissed.\n")
    assert [one["owner"] for one in ask("list", "--json", who="maria").json["items"]] == ["user/maria"]
    assert len(ask("list", "--all", "--json", who="maria").json["items"]) == 2
    assert len(ask("list", "--json").json["items"]) == 3  # she dismissed it for herself
    assert ask("dismiss", "--all", "--owner", "user/ada", "--json").json == {"dismissed": 1}
    assert ask("dismiss", "--all").out == "2 dismissed.\n"
    assert ask("list", who="maria").err == "no such notifications\n"

    end(sidecar.process)
    kept = cli("inbox", "list", "--all", "--json", "--offline", "--config", str(sidecar.config)).json["items"]
    assert [one["dismissed"] for one in kept] == [True, True, True]


@pytest.mark.parametrize("arguments", [(), ("x", "--all"), ("x", "--owner", "user/maria"), ("--owner", "user/maria")])
def test_what_is_to_be_dismissed_has_to_be_clear(cli, arguments):
    said = cli("inbox", "dismiss", *arguments)
    assert said.code == 2
    assert said.err == (
        "registry-sidecar: name the notifications by their ids, or give --all, which may have --owner\n"
    )
