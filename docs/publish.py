"""Put the site that was just built beside those of other versions, with a list of them and a front door.

    python docs/publish.py [SITE]

``SITE/new`` becomes ``SITE/VERSION``; ``SITE/versions.json`` names the versions that lie there, newest first, as the
theme's selector reads it; ``SITE/index.html`` leads to the newest. Copy earlier versions into SITE to keep them.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
_DOOR = """\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta http-equiv="refresh" content="0; url={0}/index.html">
<title>osteon</title>
<p>The documentation of <a href="{0}/index.html">osteon {0}</a>.</p>
</html>
"""


def publish(site: Path, version: str) -> list[str]:
    """Publish a build and give the versions that there are, the newest first."""
    shutil.rmtree(site / version, ignore_errors=True)
    (site / "new").rename(site / version)
    there = [path.parent.name for path in site.glob("*/index.html") if re.fullmatch(r"\d+(\.\d+)*", path.parent.name)]
    there.sort(key=lambda name: [int(part) for part in name.split(".")], reverse=True)
    told = [{"version": name, "title": name, "aliases": ["latest"] if name == there[0] else []} for name in there]
    (site / "versions.json").write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    (site / "index.html").write_text(_DOOR.format(there[0]), encoding="utf-8")
    return there


if __name__ == "__main__":
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    there = publish(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "site", project["version"])
    print(f"versions of the site: {', '.join(there)}")
