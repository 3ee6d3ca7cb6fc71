"""A change of the configuration or of a file it names is seen once, however it was made."""

import os

from sidecar.config.loading import load
from sidecar.config.watch import Sources, Watched, stamp


def test_nothing_happens_nothing_is_told(tmp_path):
    path = tmp_path / "a"
    path.write_text("1")
    watched = Watched({path: stamp(path)})
    assert not watched.changed()
    assert not watched.changed()


def test_a_rewritten_file_is_told_once(tmp_path):
    path = tmp_path / "a"
    path.write_text("1")
    watched = Watched({path: stamp(path)})
    path.write_text("22")
    assert watched.changed()
    assert not watched.changed()


def test_a_file_replaced_by_one_of_the_same_size_and_time_is_told(tmp_path):
    path, other = tmp_path / "a", tmp_path / "b"
    path.write_text("1")
    other.write_text("2")
    os.utime(path, ns=(1, 1))
    os.utime(other, ns=(1, 1))
    watched = Watched({path: stamp(path)})
    other.replace(path)
    assert watched.changed()


def test_a_file_that_goes_and_comes_is_told_both_times(tmp_path):
    path = tmp_path / "a"
    path.write_text("1")
    watched = Watched({path: stamp(path)})
    path.unlink()
    assert watched.changed()
    assert not watched.changed()
    path.write_text("1")
    assert watched.changed()


def test_a_swapped_symbolic_link_is_told(tmp_path):
    """Kubernetes mounts `token -> ..data/token`, `..data -> ..2026_01`, and swaps `..data` by a rename."""
    for name in ("..2026_01", "..2026_02"):
        tmp_path.joinpath(name).mkdir()
        tmp_path.joinpath(name, "token").write_text(name[-1])
        os.utime(tmp_path / name / "token", ns=(1, 1))
    tmp_path.joinpath("..data").symlink_to("..2026_01")
    tmp_path.joinpath("token").symlink_to("..data/token")
    path = tmp_path / "token"
    watched = Watched({path: stamp(path)})
    assert not watched.changed()
    tmp_path.joinpath("..next").symlink_to("..2026_02")
    tmp_path.joinpath("..next").rename(tmp_path / "..data")
    assert watched.changed()
    assert path.read_text() == "2"


def test_a_change_between_reading_and_watching_is_not_lost(tmp_path):
    """The identity is taken before the file is read."""
    path = tmp_path / "a"
    path.write_text("1")
    sources = Sources()
    assert sources.read(path) == b"1"
    path.write_text("22")
    assert Watched(sources.stamps).changed()


def test_settings_say_what_to_watch(tmp_path):
    path, secret = tmp_path / "config.yml", tmp_path / "secret"
    secret.write_text("t1")
    path.write_text(f"registries: [{{name: main, hostname: r.example.com, tokens: ['${{file:{secret}}}']}}]")
    watched = Watched(load(path, {}).stamps)
    assert not watched.changed()
    secret.write_text("t22")
    assert watched.changed()
