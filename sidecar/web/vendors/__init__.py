"""Other registries' management APIs, so that their clients can manage subscriptions here."""
