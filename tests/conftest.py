"""Fixtures that every test may use."""

from __future__ import annotations

import gc
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from filelock import FileLock
from hypothesis import settings

from archive import Archive, archive
from small_study import WHOLE, drawn, make

#: One way to draw examples for all tests: the same ones each time, however long they take. A test asks for fewer where
#: one takes long.
settings.register_profile("osteon", deadline=None, derandomize=True, max_examples=50)
settings.load_profile("osteon")


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real data; tests that need it are skipped where it is absent."""
    folder = Path(os.environ.get("OSTEON_SHARED", Path(__file__).parents[2] / "shared"))
    if not (folder / "data").is_dir():
        pytest.skip("the real data folder is absent")
    return folder


@pytest.fixture(scope="session")
def references() -> Path:
    """The folder of reference values, each with its source."""
    return Path(__file__).parent / "references"


@pytest.fixture
def whole(request: pytest.FixtureRequest) -> bool:
    """Whether a study that takes long is done in full, as continuous integration does; it is said where it is not."""
    if not WHOLE:
        request.node.user_properties.append(IN_PART)
    return WHOLE


def pytest_collection_finish() -> None:
    """Let the garbage collector leave alone what lives as long as all tests: it would look at it again and again."""
    gc.collect()
    gc.freeze()


#: Files that take longest: begun first, so that no tester is left with one of them while the others have nothing to do.
LONGEST = (
    "test_steps.py", "test_exchange.py", "test_room.py", "test_browser.py", "test_docs.py", "test_robustness_step.py",
    "test_figures.py", "test_explain.py", "test_report.py", "test_learners.py", "test_evaluate.py", "test_doctor.py",
    "test_check.py", "test_phantom_cohort.py", "test_predict.py", "test_added_centre.py", "test_burned.py",
)  # fmt: skip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that do a whole study, for ``-m``, and begin with the longest files."""
    items.sort(key=lambda item: LONGEST.index(item.path.name) if item.path.name in LONGEST else len(LONGEST))
    for item in items:
        if "whole" in getattr(item, "fixturenames", ()):
            item.add_marker("whole")


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of the small study that no test may change; the first tester to need it makes it for all."""
    import osteon

    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent
    run = folder / "small" / "run"
    with FileLock(folder / "small.lock"):
        if not (run / "report.html").is_file():
            with drawn():
                osteon.run(make(folder / "small"))
    return run


@pytest.fixture(scope="session")
def _orthanc(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Archive]:
    with archive(tmp_path_factory.mktemp("orthanc")) as running:
        yield running


@pytest.fixture
def orthanc(_orthanc: Archive) -> Archive:
    """An empty archive that speaks DICOM and DICOMweb on loopback; one serves all tests of a tester."""
    _orthanc.empty()
    return _orthanc


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate for localhost, which is its own authority, and its key."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is not installed")
    folder = tmp_path_factory.mktemp("tls")
    made = folder / "certificate.pem", folder / "key.pem"
    subprocess.run(
        [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext",
         "subjectAltName=DNS:localhost", "-keyout", str(made[1]), "-out", str(made[0])],
        check=True, capture_output=True,
    )  # fmt: skip
    return made


@pytest.fixture
def copied(finished: Path, tmp_path: Path) -> Path:
    """A study file beside a copy of the finished run."""
    shutil.copytree(finished.parent, tmp_path / "study")
    return tmp_path / "study" / "study.toml"


IN_PART = ("osteon", "in part")
_left_out: dict[str, str] = {}
_in_part: list[str] = []


@pytest.hookimpl(trylast=True)
def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Remember what was skipped, and what was done in part."""
    _remember(report)
    if report.when == "call" and IN_PART in map(tuple, report.user_properties):
        _in_part.append(report.nodeid)


def pytest_collectreport(report: pytest.CollectReport) -> None:
    """Remember files that were skipped whole."""
    _remember(report)


def _remember(report: pytest.TestReport | pytest.CollectReport) -> None:
    if report.skipped and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        _left_out[report.nodeid] = reason.removeprefix("Skipped: ")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what was not tested, and why."""
    if _in_part:
        terminalreporter.section("whole studies done in part; all of them with OSTEON_TEST_ALL=1")
        for name in _in_part:
            terminalreporter.write_line(name)
    if not _left_out:
        return
    terminalreporter.section("not tested on this machine")
    for reason in dict.fromkeys(_left_out.values()):
        tests = [name for name, why in _left_out.items() if why == reason]
        terminalreporter.write_line(f"{reason}: {len(tests)} (the first is {tests[0]})")


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Where all has to be tested, a test that was left out is a failure, unless it is one of another system."""
    ours = {name for name, why in _left_out.items() if not why.startswith("another operating system")}
    if (
        os.environ.get("OSTEON_TEST_ALL")
        and ours
        and session.exitstatus == 0
        and not hasattr(session.config, "workerinput")
    ):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
