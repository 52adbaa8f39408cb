"""Fixtures that every test may use."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


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


_left_out: dict[str, str] = {}


@pytest.hookimpl(trylast=True)
def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Remember what was skipped."""
    _remember(report)


def pytest_collectreport(report: pytest.CollectReport) -> None:
    """Remember files that were skipped whole."""
    _remember(report)


def _remember(report: pytest.TestReport | pytest.CollectReport) -> None:
    if report.skipped and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        _left_out[report.nodeid] = reason.removeprefix("Skipped: ")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what was not tested, and why."""
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
