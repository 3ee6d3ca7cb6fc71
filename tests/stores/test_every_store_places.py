"""Namespaces, repositories by name, and flags: what every store promises of them."""

import pytest
from store_work import NOW, entry, nothing, write_set
from test_every_store import STORES, Place

from sidecar.domain.catalogue import Changes, NamespaceRow, Need, RepositoryRow
from sidecar.domain.errors import Conflict, NamespaceTaken, NotFound, Taken


@pytest.fixture(params=STORES)
async def place(request, tmp_path):
    place = Place(STORES[request.param], tmp_path / "sidecar.db")
    yield place
    for store in place.opened:
        await store.close()


@pytest.fixture
async def store(place):
    return await place.open()


def row(name, registry="main", *, live=True, time=1, first_push=NOW):
    return RepositoryRow(registry=registry, name=name, first_push=first_push, live=live, time=time, number=1)


async def hold(store, *rows):
    """Have the catalogue hold these repositories."""
    cursor = store.last
    await store.append([entry(f"r{cursor}")])
    changes = Changes(repositories=list(rows), manifests=[], tags=[], deletions=[], namespaces=[])
    await store.commit(write_set(cursor, store.last, changes=changes))


async def translate(store, *names):
    """Have a batch meet new namespaces, as the translator does; returns the ids that it gave them."""
    facts = await store.look(Need(namespaces=set(names)))
    made = [NamespaceRow(id=facts.next_namespace + at, name=name, created=NOW) for at, name in enumerate(names)]
    await _commit_namespaces(store, made)
    return [one.id for one in made]


async def _commit_namespaces(store, made):
    cursor = store.last
    await store.append([entry(f"n{cursor}")])
    changes = nothing()
    changes.namespaces.extend(made)
    await store.commit(write_set(cursor, store.last, changes=changes))


def places(rows):
    return [(one.registry, one.name) for one in rows]


# --- namespaces ------------------------------------------------------------------------------------------------------


async def test_library_is_there_from_the_start_with_the_first_id_and_private(store):
    (library,) = await store.namespaces()
    assert (library.id, library.name, library.public) == (1, "library", False)
    assert await store.namespace("library") == await store.namespace(1) == library
    assert await store.namespace("prj") is None
    assert await store.namespace(2) is None


async def test_a_namespace_that_is_made_counts_up_and_is_found_after_a_restart(place):
    store = await place.open()
    made = await store.make_namespace("prj", NOW)
    assert made == NamespaceRow(id=2, name="prj", public=False, created=NOW)
    other = await store.make_namespace("Team.x", NOW + 5, public=True)
    assert (other.id, other.public) == (3, True)
    await store.close()
    again = await place.open()
    assert [one.name for one in await again.namespaces()] == ["library", "prj", "Team.x"]
    assert await again.namespace("Team.x") == other
    assert await again.namespace("team.x") is None


async def test_a_name_is_given_once(store):
    await store.make_namespace("prj", NOW)
    with pytest.raises(Taken, match="the namespace prj is already there"):
        await store.make_namespace("prj", NOW)
    with pytest.raises(Taken, match="the namespace library is already there"):
        await store.make_namespace("library", NOW)
    assert len(await store.namespaces()) == 2


async def test_namespaces_come_in_pages_by_id(store):
    await store.ensure_namespaces(["b", "a", "c"], NOW)
    first = await store.namespaces(limit=2)
    assert [(one.id, one.name) for one in first] == [(1, "library"), (2, "a")]
    assert [(one.id, one.name) for one in await store.namespaces(after=2)] == [(3, "b"), (4, "c")]


async def test_what_is_configured_is_made_once_and_left_as_it_is(store):
    await store.ensure_namespaces(["prj", "library"], NOW)
    await store.change_namespace(2, public=True)
    await store.ensure_namespaces(["prj", "new", "new"], NOW + 9)
    assert [(one.name, one.public, one.created) for one in await store.namespaces(after=1)] == [
        ("prj", True, NOW),
        ("new", False, NOW + 9),
    ]


async def test_public_is_what_the_translator_is_told_next(store):
    await store.make_namespace("prj", NOW)
    assert (await store.change_namespace(2, public=True)).public is True
    assert (await store.look(Need(namespaces={"prj"}))).namespaces[0].public is True
    assert (await store.change_namespace(2, public=False)).public is False
    with pytest.raises(NotFound, match="there is no namespace 9"):
        await store.change_namespace(9, public=True)


async def test_an_id_is_never_used_again_whoever_makes_the_next_namespace(place):
    store = await place.open()
    await store.make_namespace("first", NOW)
    await store.make_namespace("last", NOW)
    await store.remove_namespace(3)
    assert [one.name for one in await store.namespaces()] == ["library", "first"]
    assert await translate(store, "pushed") == [4]
    await store.remove_namespace(4)
    await store.close()
    again = await place.open()
    assert (await again.make_namespace("last", NOW)).id == 5
    await again.remove_namespace(2)  # not the newest
    assert (await again.make_namespace("first", NOW)).id == 6


async def test_only_an_empty_namespace_can_be_removed_and_library_never(store):
    await store.make_namespace("prj", NOW)
    await store.make_namespace("prjx", NOW)
    await hold(store, row("prj/app", "other"), row("prjx/gone", live=False))
    with pytest.raises(Conflict, match="the namespace prj holds the repository prj/app"):
        await store.remove_namespace(2)
    await store.remove_namespace(3)  # all that it held was deleted
    with pytest.raises(Conflict, match="library is always there"):
        await store.remove_namespace(1)
    with pytest.raises(NotFound, match="there is no namespace 3"):
        await store.remove_namespace(3)


async def test_what_holds_a_namespace_follows_the_default_namespace_of_its_registry(store):
    store.default_namespaces = {"main": "root"}
    await store.make_namespace("root", NOW)
    await hold(store, row("solo"))
    with pytest.raises(Conflict, match="holds the repository solo"):
        await store.remove_namespace(2)
    store.default_namespaces = {}
    await store.remove_namespace(2)


@pytest.mark.parametrize("taken", [{"id": 2, "name": "other"}, {"id": 9, "name": "prj"}], ids=["id", "name"])
async def test_a_batch_that_meets_a_namespace_made_meanwhile_is_refused_whole_and_can_be_folded_again(store, taken):
    """An operator's call came between the batch's look and its commit: its events would carry the wrong id."""
    await store.make_namespace("prj", NOW)
    await store.append([entry("a")])
    changes = nothing()
    changes.namespaces.append(NamespaceRow(id=taken["id"], name=taken["name"], created=NOW))
    changes.repositories.append(row("prj/app"))
    with pytest.raises(NamespaceTaken):
        await store.commit(write_set(0, 1, changes=changes))
    assert [(one.id, one.name) for one in await store.namespaces()] == [(1, "library"), (2, "prj")]
    assert await store.repository("prj/app") == []
    await store.commit(write_set(0, 1))  # the cursor has not moved


# --- repositories ----------------------------------------------------------------------------------------------------


async def test_repositories_of_a_namespace_over_all_registries(store):
    await hold(
        store,
        row("prj/app"),
        row("prj/app", "other", first_push=None),
        row("prj/deep/er"),
        row("prjx/app"),
        row("prj-a/app"),
        row("prj"),
        row("solo"),
        row("library/solo"),
        row("prj/gone", live=False),
        row("prj/pulled", live=False, time=0, first_push=None),
    )
    assert places(await store.repositories("prj")) == [
        ("main", "prj/app"),
        ("other", "prj/app"),
        ("main", "prj/deep/er"),
        ("main", "prj/pulled"),
    ]
    assert [one.first_push for one in await store.repositories("prj")] == [NOW, None, NOW, None]
    assert places(await store.repositories("library")) == [("main", "library/solo"), ("main", "prj"), ("main", "solo")]
    assert places(await store.repositories("nothing")) == []


async def test_a_page_of_repositories_never_cuts_a_name_in_two(store):
    await hold(store, *(row(f"p/{name}", registry) for name in "abcd" for registry in ("main", "other")))
    first = await store.repositories("p", limit=2)
    assert places(first) == [("main", "p/a"), ("other", "p/a"), ("main", "p/b"), ("other", "p/b")]
    assert places(await store.repositories("p", after="p/b", limit=2)) == [
        ("main", "p/c"),
        ("other", "p/c"),
        ("main", "p/d"),
        ("other", "p/d"),
    ]
    assert await store.repositories("p", after="p/d") == []


async def test_a_repository_is_found_by_its_path_and_by_its_namespace_s(store):
    await hold(store, row("prj/app"), row("prj/app", "other"), row("solo"), row("prj/gone", live=False), row("a/b/c"))
    assert places(await store.repository("prj/app")) == [("main", "prj/app"), ("other", "prj/app")]
    assert (
        places(await store.repository("solo")) == places(await store.repository("library/solo")) == [("main", "solo")]
    )
    assert places(await store.repository("a/b/c")) == [("main", "a/b/c")]
    for absent in ("prj/gone", "prj", "prj/none", "other/solo", "library/prj/app", ""):
        assert await store.repository(absent) == [], absent


async def test_single_segments_belong_to_the_default_namespace_of_their_registry(store):
    await hold(store, row("solo"), row("solo", "other"))
    store.default_namespaces = {"other": "root"}
    assert places(await store.repositories("library")) == [("main", "solo")]
    assert places(await store.repositories("root")) == [("other", "solo")]
    assert places(await store.repository("root/solo")) == [("other", "solo")]
    assert places(await store.repository("library/solo")) == [("main", "solo")]


async def test_names_that_look_like_patterns_are_names(store):
    await hold(store, row("a_b/app"), row("axb/app"))
    assert places(await store.repositories("a_b")) == [("main", "a_b/app")]
    assert await store.repositories("a%") == []


# --- flags -----------------------------------------------------------------------------------------------------------


async def test_a_flag_keeps_any_json_and_outlives_a_restart(place):
    store = await place.open()
    assert await store.flag("harbor.notification_enable") is None
    await store.put_flag("harbor.notification_enable", False)
    await store.put_flag("other", {"a": [1, "ä", None]})
    await store.put_flag("other", {"a": [2]})
    await store.close()
    again = await place.open()
    assert await again.flag("harbor.notification_enable") is False
    assert await again.flag("other") == {"a": [2]}
    await again.put_flag("other", None)
    assert await again.flag("other") is None
