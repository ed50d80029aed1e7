import hashlib
from pathlib import Path

import pytest
import torch

from datasets.digest import hash_bytes, hash_content, hash_file, hash_folder, hash_tensors
from datasets.mnist import EMBEDDED, EMBEDDED_SHA256

ABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # of b"abc", FIPS 180-2


def test_bytes_count_one_after_another() -> None:
    assert hash_bytes(b"abc") == hash_bytes(b"a", b"", b"bc") == ABC


def test_a_file_is_what_it_holds_now(tmp_path: Path) -> None:
    file = tmp_path / "file"
    for content in (b"abc", b"", b"abc" * 100_000):
        file.write_bytes(content)
        assert hash_file(file) == hash_bytes(content)
    assert hash_file(EMBEDDED) == EMBEDDED_SHA256
    with pytest.raises(FileNotFoundError, match="missing"):
        hash_file(tmp_path / "missing")


def test_tensors_are_their_values_row_by_row() -> None:
    x = torch.arange(6, dtype=torch.float64).view(2, 3)
    content = x.numpy().tobytes()
    assert hash_tensors(x) == hash_tensors(x.T.contiguous().T) == hash_tensors(x[:1], x[1:]) == hash_bytes(content)
    assert hash_tensors(x.T) != hash_tensors(x) != hash_tensors(x.float())


def test_content_is_json_with_sorted_keys() -> None:
    text = '["a", 1, {"b": null, "c": 0.5}]'
    assert hash_content("a", 1, {"c": 0.5, "b": None}) == hashlib.sha256(text.encode()).hexdigest()


def test_files_of_a_folder_are_their_names_and_contents_wherever_it_lies(tmp_path: Path) -> None:
    for place in ("here", "there"):
        (tmp_path / place / "inside").mkdir(parents=True)
        (tmp_path / place / "inside" / "a").write_bytes(b"abc")
        (tmp_path / place / "b").write_bytes(b"")

    def digest(place: str) -> str:
        return hash_folder(tmp_path / place, (file for file in (tmp_path / place).rglob("*") if file.is_file()))

    assert digest("here") == digest("there") == hash_content([["b", hash_bytes(b"")], ["inside/a", ABC]])
    (tmp_path / "there" / "b").rename(tmp_path / "there" / "c")
    assert digest("here") != digest("there")
