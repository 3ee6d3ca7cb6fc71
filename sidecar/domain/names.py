"""How a repository's name is cut: the first segment is the namespace, all the rest is the name."""


def split_repository(repository: str, default_namespace: str) -> tuple[str, str]:
    """`a/b/c` -> (`a`, `b/c`); a single segment `solo` -> (default namespace, `solo`)."""
    namespace, slash, name = repository.partition("/")
    if not slash:
        return default_namespace, repository
    return namespace, name
