"""The files of a dataset's folder, all of them, and which one a name in an annotation means."""

from __future__ import annotations

import os
import stat
import unicodedata
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path, PureWindowsPath

from osteon.core.errors import ImageError
from osteon.io.kinds import kind_of

#: Names that operating systems and editors put beside a user's files.
_LITTER = {
    *("thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r", "__macosx", "@eadir", "#recycle", "$recycle.bin"),
    *("system volume information", "network trash folder", "temporary items"),
}

#: What may stand before the first character of a text: byte order marks and white space.
_BEFORE = b"\xef\xbb\xbf\xff\xfe \t\r\n"


class Folder:
    """A dataset's folder: every file in it and below it, once.

    Links to folders are followed, unless they lead back. Hidden files are never read.

    Attributes:
        path: The folder.
        files: What is to be read, in the order of the paths.
        passed: What is not, each with the reason: hidden files, dead links, folders that cannot be opened, pipes.
        used: Files that were read for what they say, such as annotations; they need no line in ``skipped.csv``.
    """

    def __init__(self, path: Path, *, ours: Collection[Path] = ()) -> None:
        """List a folder, without the files and folders `ours`, which osteon wrote."""
        self.path = path
        self.files: list[Path] = []
        self.passed: list[tuple[Path, str]] = []
        self.used: set[Path] = set()
        self._ours = {place(own) for own in ours}
        self._walk()
        self.files.sort()
        self._by_end: dict[tuple[str, ...], list[Path]] = defaultdict(list)
        self._by_path: dict[str, list[Path]] = defaultdict(list)
        self._by_stem: dict[tuple[Path, str], list[Path]] = defaultdict(list)
        for file in self.files:
            parts = tuple(map(plain, file.relative_to(path).parts))
            for first in range(len(parts)):
                self._by_end[parts[first:]].append(file)
            self._by_stem[(file.parent, plain(file.stem))].append(file)
            self._by_path[_absolute(file)].append(file)

    def within(self, file: Path) -> str:
        """A file's path as seen from the folder, with forward slashes."""
        return Path(os.path.relpath(file, self.path)).as_posix()

    def json_files(self) -> Iterator[Path]:
        """The JSON files: by their ending, in whatever case, and those without one by their first character."""
        for file in self.files:
            suffix = file.suffix.lower()
            if suffix == ".json" or (suffix == "" and beginning(file).replace(b"\0", b"").lstrip(_BEFORE)[:1] == b"{"):
                yield file

    def at(self, base: Path, name: str) -> Path | None:
        """The file at a path as written from a base; else the one that differs in case or Unicode form only.

        Raises:
            LookupError: Several differ from it in nothing else.
        """
        for spelling in (name, PureWindowsPath(name).as_posix()):
            wanted = Path(os.path.normpath(base / spelling))
            try:
                if wanted.is_file():
                    return wanted
            except (OSError, ValueError):  # longer than a name can be, or with a null character in it
                return None
        return self._only(name, self._by_path.get(_absolute(wanted), []))

    def elsewhere(self, name: str) -> tuple[Path | None, int]:
        """The file whose path ends as a name does, for the longest such end, and how many parts of it agree.

        Raises:
            LookupError: Several do.
        """
        files, most = self.ending_as(name)
        return self._only(name, files), most

    def ending_as(self, name: str) -> tuple[list[Path], int]:
        """The files whose paths have the longest end in common with a name, and how many parts that is."""
        parts = tuple(plain(part) for part in PureWindowsPath(name).parts)
        for first in range(len(parts)):
            if files := self._by_end.get(parts[first:]):
                return files, len(parts) - first
        return [], 0

    def beside(self, file: Path) -> list[Path]:
        """The pictures with a file's name but for the ending, in its folder."""
        return [other for other in self._by_stem.get((file.parent, plain(file.stem)), []) if is_picture(other)]

    def _only(self, name: str, files: Sequence[Path]) -> Path | None:
        """The only one of several files, links to one file counting as one."""
        different = {os.path.realpath(file): file for file in reversed(files)}
        if len(different) > 1:
            exact = [file for file in different.values() if file.name == PureWindowsPath(name).name]
            if len(exact) == 1 and len({plain(self.within(file)) for file in files}) == 1:
                return exact[0]
            there = ", ".join(sorted(self.within(file) for file in different.values()))
            raise LookupError(f"the image '{name}' may be any of {len(different)} files: {there}")
        return next(iter(different.values()), None)

    def _walk(self) -> None:
        seen = {_identity(self.path)}
        around = {_identity(parent) for parent in self.path.resolve().parents}
        folders, links = [self.path], list[Path]()
        while folders or links:
            if not folders:  # what lies in the folder itself goes before what it links to
                link = links.pop(0)
                if _identity(link) in around:
                    self.passed.append((link, "a link to a folder around this one"))
                    continue
                if _identity(link) in seen:
                    self.passed.append((link, "a link to a folder that is read already"))
                    continue
                folders = [link]
                seen.add(_identity(link))
            here = folders.pop()
            try:
                paths = sorted(here.iterdir())
            except OSError as error:
                self.passed.append((here, f"the folder cannot be opened ({error.strerror})"))
                continue
            for path in paths:
                if place(path) in self._ours:
                    continue
                if _is_hidden(path.name):
                    self._hide(path)
                elif not _is_folder(path):
                    self._sort_in(path)
                elif path.is_symlink():
                    links.append(path)
                elif _identity(path) not in seen:
                    seen.add(_identity(path))
                    folders.append(path)

    def _sort_in(self, path: Path) -> None:
        try:
            kind = path.stat().st_mode
        except OSError as error:
            reason = "a link to nothing" if path.is_symlink() else f"the file cannot be opened ({error.strerror})"
            self.passed.append((path, reason))
            return
        if stat.S_ISREG(kind):
            self.files.append(path)
        else:  # opening a pipe would wait for ever
            self.passed.append((path, "not a regular file"))

    def _hide(self, path: Path) -> None:
        if path.is_symlink() or not _is_folder(path):
            self.passed.append((path, "a hidden file"))
            return
        for here, _, names in os.walk(path):
            self.passed += [(Path(here) / name, "in a hidden folder") for name in sorted(names)]


def plain(text: str) -> str:
    """Text without differences of case and Unicode form."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())


def _absolute(path: Path) -> str:
    """An absolute path without "..", case and Unicode form."""
    return plain(os.path.normpath(path.absolute()))


def place(path: Path) -> Path:
    """The absolute path without links on the way; a link to a file itself stays, and with it its name."""
    return Path(os.path.realpath(path.parent)) / path.name


def beginning(path: Path) -> bytes:
    """The first bytes of a file, none where it cannot be opened."""
    try:
        with path.open("rb") as handle:
            return handle.read(64)
    except OSError:
        return b""


def is_picture(path: Path) -> bool:
    """Whether a file is a picture by its content."""
    try:
        kind_of(path)
    except ImageError:
        return False
    return True


def why_not_read(path: Path, picture: str) -> str:
    """Why nothing came of a file that no reader took up, where `picture` is the reason for a picture."""
    try:
        kind_of(path)
    except ImageError as error:
        return error.what
    return picture


def _is_hidden(name: str) -> bool:
    return name.startswith((".", "~$")) or name.lower() in _LITTER


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:
        return False


def _identity(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_dev, found.st_ino
