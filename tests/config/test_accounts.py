"""Who a configuration lets in: users, the registry's htpasswd file, teams, and what is only warned of."""

import json

import pytest

from sidecar.config.loading import load
from sidecar.config.watch import Watched
from sidecar.domain.account import NOBODY
from sidecar.domain.secret import Secret

# `htpasswd -B` writes the first kind (this is one of "password"), `htpasswd -m` the second.
BCRYPT = "$2y$05$BfAL9HRNFmcCK67UCnBfo.REC3P6ngUgIGPa6kZh/5FZ6n32st/DG"
MD5 = "$apr1$lZL6V/ci$sQw6g73nRuoOIj/gnD18Z."
OTHER = "$2b$04$EK0PefJBeARmyydss9o6suK3.nazjTERs/uxQBHBY0iP0mVNskDsu"


@pytest.fixture
def read(tmp_path):
    def read(environ=None, htpasswd=None, **management):
        if htpasswd is not None:
            path = tmp_path / "htpasswd"
            path.write_bytes(htpasswd if isinstance(htpasswd, bytes) else htpasswd.encode())
            management["htpasswd_file"] = str(path)
        file = tmp_path / "config.yml"
        given = {
            "registries": [{"name": "main", "hostname": "r.example.com"}],
            "management": {"listen": "127.0.0.1:8081", **management},
        }
        file.write_text(json.dumps(given))
        return load(file, environ or {})

    return read


def accounts(settings):
    return {one.person.name: one for one in settings.management.accounts.accounts}


def warnings(settings):
    return [one.partition(": ")[2] for one in settings.warnings if "there are no subscriptions" not in one]


def test_without_users_there_are_none_and_nobody_needs_to_sign_in(read):
    assert read().management.accounts == NOBODY
    assert read(users=[]).management.accounts.needed is False
    assert read(users=None, teams=None).management.accounts.needed is False


def test_a_user_has_what_the_file_says(read):
    settings = read(
        {"TOKEN": "t" * 16},
        users=[
            {"name": "ada", "password_hash": BCRYPT, "admin": True},
            {"name": "maria", "tokens": ["${env:TOKEN}", "u" * 16], "namespaces": ["prj", "team-*", "!team-x"]},
        ],
        teams={"prj": {"release": ["maria", "ada", "maria"], "empty": []}, "other": {}},
        public_url="https://sidecar.example.com/",
    )
    found = accounts(settings)
    assert settings.management.accounts.needed is True
    assert (found["ada"].password_hash, found["ada"].tokens, found["ada"].person.admin) == (Secret(BCRYPT), (), True)
    assert (found["maria"].password_hash, found["maria"].tokens) == (None, (Secret("t" * 16), Secret("u" * 16)))
    managed = [name for name in ("prj", "team-a", "team-x", "other", "") if found["maria"].person.manages(name)]
    assert managed == ["prj", "team-a"]
    assert settings.management.accounts.teams == {"prj": {"release": ("maria", "ada"), "empty": ()}, "other": {}}
    assert settings.management.accounts.knows("maria")
    assert not settings.management.accounts.knows("release")
    assert settings.management.public_url == "https://sidecar.example.com"
    assert warnings(settings) == []


def test_namespaces_that_are_named_outright_are_known(read):
    settings = read(
        users=[{"name": "maria", "tokens": ["t" * 16], "namespaces": ["prj", "team-*", "!team-x", "a?c"]}],
        teams={"release": {}},
    )
    assert settings.management.accounts.namespaces == {"prj", "release"}


def test_nothing_that_is_secret_is_shown(read):
    settings = read(users=[{"name": "maria", "tokens": ["t" * 16], "password_hash": BCRYPT, "admin": True}])
    assert "t" * 16 not in repr(settings)
    assert BCRYPT not in repr(settings)


def test_the_registry_s_file_proves_who_somebody_is_and_no_more(read):
    settings = read(
        htpasswd=f"# comment\n\n  maria:{BCRYPT}  \nada:{BCRYPT}\r\nguest:{OTHER}\n",
        users=[
            {"name": "maria", "namespaces": ["prj"]},
            {"name": "ada", "password_hash": OTHER, "admin": True},
        ],
    )
    found = accounts(settings)
    assert {name: one.password_hash.reveal() for name, one in found.items()} == {
        "maria": BCRYPT,
        "ada": OTHER,  # one's own hash goes before the file's
        "guest": OTHER,
    }
    assert [name for name, one in found.items() if one.person.manages("prj")] == ["maria", "ada"]
    assert not found["guest"].person.manages("prj")
    assert warnings(settings) == []


def test_lines_that_sign_nobody_in_are_told_once_and_the_last_of_a_name_counts(read):
    """As the registry does it: it reads the whole file, and only bcrypt ever matches."""
    settings = read(
        htpasswd=f"old:{MD5}\nplain:secret\nno colon\n:{BCRYPT}\nada:{BCRYPT}\nada:{MD5}\nbob:{MD5}\nbob:{OTHER}\n",
        users=[{"name": "bob", "admin": True}],
    )
    assert {name: one.password_hash.reveal() for name, one in accounts(settings).items()} == {"bob": OTHER}
    (said,) = warnings(settings)
    assert said.startswith("nobody signs in by line 1 (old), 2 (plain), 3, 4 (), 6 (ada) and others of ")
    assert said.endswith("as for the registry only bcrypt counts (htpasswd -B), here with a cost of at most 15")
    assert "secret" not in said


def test_a_user_whom_the_file_does_not_have_is_warned_of(read):
    settings = read(htpasswd=f"ada:{BCRYPT}\n", users=[{"name": "maria", "admin": True}])
    (said,) = warnings(settings)
    assert said.startswith("management.users[0] cannot sign in: ")
    assert said.endswith("htpasswd has no such user")


def test_a_file_of_which_nobody_may_do_anything_is_warned_of(read):
    settings = read(htpasswd=f"ada:{BCRYPT}\n")
    assert settings.management.accounts.needed is True
    assert warnings(settings) == [
        "nobody who signs in may do anything: give a user under management.users `admin: true` or `namespaces`"
    ]
    assert read(htpasswd="", users=[{"name": "a", "tokens": ["t" * 16], "admin": True}]).warnings[1:] == ()


def test_a_file_that_is_no_text_is_refused(read):
    with pytest.raises(Exception, match=r"management\.htpasswd_file cannot be read \(not a text file\)"):
        read(htpasswd=b"ada:\xff\xfe")


def test_a_changed_htpasswd_file_is_noticed(read, tmp_path):
    settings = read(htpasswd=f"ada:{BCRYPT}\n", users=[{"name": "ada", "admin": True}])
    watched = Watched(settings.stamps)
    assert not watched.changed()
    (tmp_path / "htpasswd").write_text(f"bob:{BCRYPT}\nada:{BCRYPT}\n")
    assert watched.changed()


def test_credentials_that_travel_unencrypted_are_warned_of(read):
    users = [{"name": "a", "tokens": ["t" * 16], "admin": True}]
    (said,) = warnings(read(users=users, listen=":8081"))
    assert said == (
        "management.listen can be reached from other machines without TLS, so passwords and tokens travel "
        "unencrypted: set management.tls, or let a proxy on this machine speak TLS"
    )
    assert warnings(read(listen=":8081")) == []
