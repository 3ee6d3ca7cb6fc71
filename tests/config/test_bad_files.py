"""Every mistake has its sentence: one file per mistake, its first line says what must be told, with the line."""

from pathlib import Path

import pytest

from sidecar.config.loading import load
from sidecar.domain.errors import ConfigError

BAD = sorted(Path(__file__).parent.joinpath("bad").glob("*.yml"))
ENVIRON = {
    "TOKEN": "S3cret%value",
    "SPACED": "S3cret value",
    "EMPTY": "",
    "NUMBER": "4",
    "https_proxy": "socks5://S3cret:1",
}


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_each_mistake_is_told_in_one_sentence_with_its_line(path):
    first = path.read_bytes().splitlines()[0].decode()
    with pytest.raises(ConfigError) as caught:
        load(path, ENVIRON)
    assert str(caught.value) == f"{path}:{first.removeprefix('# expect: ')}"
    assert "S3cret" not in str(caught.value)
