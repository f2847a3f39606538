"""The slides are made from the committed notebooks; tests in `browser` drive them."""

import re
from pathlib import Path

from aslp_lib.course.teaching import __main__ as making

ROOT = Path(__file__).parents[2]


def test_make_slides_writes_pages_that_need_no_network(tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(making, "OUT", tmp_path)
    making.main()
    pages = {path.stem: path.read_text(encoding="utf-8") for path in tmp_path.iterdir()}
    assert {"class", "session_1", "cheat_sheet"} <= pages.keys()
    for text in pages.values():
        addresses = re.findall(r'(?:src|href)="([^"]+)"', text)
        assert addresses and all(address.startswith("data:image/") for address in addresses)
