"""Why a subscription does not hear of an event: a sentence for each word that a verdict may give."""

REFUSALS = {
    "disabled": "the subscription is disabled",
    "events": "it does not ask for such events",
    "registries": "refused by match.registries",
    "repositories": "refused by match.repositories",
    "tags": "refused by match.tags",
    "actors": "refused by match.actors",
    "kinds": "refused by match.kinds",
    "untagged": "the artifact has no tag, and match.untagged is false",
    "no word": "the format has no word for it",
}
