"""Work units side by side: the same code on one core, on several, and on a Dask cluster."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any, TypeVar

from osteon.core.errors import InputError
from osteon.core.extras import need
from osteon.core.progress import Progress, Quiet

Result = TypeVar("Result")


class Workers:
    """Runs independent pieces of work and shows how far they are.

    Results do not depend on how many pieces run at once: every piece uses the same number of threads and brings its
    own randomness.

    Args:
        jobs: Pieces at once on this machine.
        cluster: Address of a Dask scheduler (``tcp://host:8786``) whose workers see the same folders; or None.
        threads: CPU threads of one piece.
        progress: Where progress is shown.
    """

    def __init__(
        self, jobs: int = 1, cluster: str | None = None, threads: int = 1, progress: Progress | None = None
    ) -> None:
        self.jobs, self.cluster, self.threads = max(1, jobs), cluster, threads
        self.progress: Progress = progress or Quiet()

    def map(
        self,
        title: str,
        function: Callable[..., Result],
        pieces: Sequence[tuple[Any, ...]],
        done: Callable[[int, Result], None] | None = None,
    ) -> list[Result]:
        """``[function(*piece) for piece in pieces]``, in that order, whoever computes it.

        Args:
            title: What the progress bar says.
            function: Importable by name.
            pieces: Its arguments, each a tuple.
            done: Told the position and the result of each piece as it arrives, so that it can be recorded at once.
        """
        if not pieces:
            return []
        import joblib

        call = joblib.delayed(_limited)
        with self._backend(), self.progress(len(pieces), title) as bar:
            parallel = joblib.Parallel(n_jobs=min(self.jobs, len(pieces)), return_as="generator", batch_size=1)
            results = []
            for result in parallel(call(self.threads, function, piece) for piece in pieces):
                results.append(result)
                if done is not None:
                    done(len(results) - 1, result)
                bar.advance()
            return results

    @contextmanager
    def _backend(self) -> Iterator[None]:
        if self.cluster is None:
            yield
            return
        need("cluster", "clusters")
        import joblib
        from distributed import Client

        try:
            client = Client(self.cluster, timeout="10s", set_as_default=False)
        except (OSError, TimeoutError, ValueError) as error:
            raise InputError(f"no Dask scheduler at {self.cluster} ({type(error).__name__})") from None
        with client, joblib.parallel_config("dask", client=client, wait_for_workers_timeout=60):
            self.jobs = max(1, sum(client.nthreads().values()))
            yield


class _Limiter(MetaPathFinder):
    """Limits torch's threads as it is imported: it counts them when it is first used, and most work needs no torch."""

    threads = 1

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """What the others find, of torch alone, limited once it is loaded."""
        if name != "torch":
            return None
        others = (finder for finder in sys.meta_path if finder is not self)
        spec = next(filter(None, (finder.find_spec(name, path, target) for finder in others)), None)
        if spec is not None and spec.loader is not None:
            load = spec.loader.exec_module

            def load_limited(module: ModuleType) -> None:
                load(module)
                module.set_num_threads(self.threads)

            spec.loader.exec_module = load_limited  # type: ignore[method-assign]
        return spec


def _limited(threads: int, function: Callable[..., Result], piece: tuple[Any, ...]) -> Result:
    """Call with a fixed number of threads: sums change in their last bits with it."""
    from joblib.externals.loky import process_executor
    from threadpoolctl import threadpool_limits

    # A worker that keeps a network for its next piece has not leaked: joblib would replace it after 300 MB.
    process_executor._MAX_MEMORY_LEAK_SIZE = sys.maxsize
    _Limiter.threads = threads
    if sys.modules.get("torch") is not None:
        sys.modules["torch"].set_num_threads(threads)
    elif not any(isinstance(finder, _Limiter) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Limiter())
    with threadpool_limits(threads):
        return function(*piece)
