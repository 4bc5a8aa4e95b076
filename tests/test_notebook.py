"""Notebooks in a real kernel: the tutorial, top-level await, a blocking wait in a running loop, the stop button."""

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import notebooks
from notebooks import TIMEOUT

pytest.importorskip("ipykernel")
pytest.importorskip("nbformat")
pytest.importorskip("nbclient")
manager = pytest.importorskip("jupyter_client.manager")

TUTORIAL = Path(__file__).parent.parent / "docs/tutorial.ipynb"
pytestmark = notebooks.ignore_jupyters_warnings


def test_the_tutorial_runs(tmp_path: Path) -> None:
    everything = notebooks.run(TUTORIAL, tmp_path)
    assert "(100,\n {'PERSON_ID'" in everything
    assert "100/100" in everything, "no progress bar"
    assert "[200, 200, 200, 200, 200, 200, 200, 200, 200, 200]" in everything
    assert str(499 * 500 // 2) in everything
    assert "'009.json'" in everything
    assert "404" in everything
    assert "200 after 4 attempts" in everything
    assert "ConnectError" in everything
    assert "<table>" in everything or "rows ×" in everything
    assert "WorkerDied" in everything


def test_the_tutorial_is_stored_without_outputs() -> None:
    assert notebooks.stored_outputs(TUTORIAL) == []


class Kernel:
    """A kernel that runs one cell at a time."""

    def __init__(self, folder: Path) -> None:
        self.manager = manager.KernelManager(kernel_name="python3")
        self.manager.start_kernel(cwd=str(folder))
        self.client = self.manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=TIMEOUT)

    def start(self, code: str) -> str:
        """Sends a cell; returns once it has printed `started`."""
        message = self.client.execute(code)
        end = time.monotonic() + TIMEOUT
        while time.monotonic() < end:
            got = self.client.get_iopub_msg(timeout=TIMEOUT)
            ours = got["parent_header"].get("msg_id") == message
            if ours and got["msg_type"] == "stream" and "started" in got["content"]["text"]:
                return message
        pytest.fail("the cell did not start")

    def reply(self, message: str) -> dict:
        """The reply to a cell."""
        end = time.monotonic() + TIMEOUT
        while time.monotonic() < end:
            got = self.client.get_shell_msg(timeout=TIMEOUT)
            if got["parent_header"].get("msg_id") == message:
                return got["content"]
        pytest.fail("the cell did not end")

    def run(self, code: str) -> str:
        """Runs a cell to its end; returns its output."""
        texts: list[str] = []

        def show(got: dict) -> None:
            content = got["content"]
            texts.append(content.get("text", ""))
            texts.extend(map(str, content.get("data", {}).values()))

        # ipykernel aborts the requests that arrive right after a cell failed.
        end = time.monotonic() + TIMEOUT
        while True:
            reply = self.client.execute_interactive(code, timeout=TIMEOUT, output_hook=show)["content"]
            if reply["status"] != "aborted" or time.monotonic() > end:
                break
        assert reply["status"] == "ok", "\n".join(reply.get("traceback", ()))
        return "\n".join(texts)

    def stop(self) -> None:
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)


@pytest.fixture(scope="module")
def kernel(tmp_path_factory: pytest.TempPathFactory, server) -> Iterator[Kernel]:
    kernel = Kernel(tmp_path_factory.mktemp("kernel"))
    try:
        base = server.url("/").rstrip("/")
        kernel.run(f"import shoal, sys\nbase = {base!r}\nfast = [f'{{base}}/bytes/{{n}}' for n in range(50)]")
        kernel.run("slow = fast + [f'{base}/delay/60000'] * 200")
        yield kernel
    finally:
        kernel.stop()


def test_top_level_await(kernel: Kernel) -> None:
    assert "50" in kernel.run("len(await shoal.gather_fetch(fast))")


def test_result_while_the_loop_runs(kernel: Kernel) -> None:
    assert "(True, 50)" in kernel.run(
        "import asyncio\n(asyncio.get_running_loop().is_running(), len(shoal.gather_fetch(fast).result()))"
    )


def test_a_blocking_wait_inside_a_coroutine_cell(kernel: Kernel) -> None:
    define = "def plain():\n    return shoal.gather_fetch(fast).result()\n\n"
    assert "100" in kernel.run(define + "len(plain()) + len(await shoal.gather_fetch(fast))")


@pytest.mark.parametrize(
    "wait", ["await shoal.gather_fetch(fast, progress=True)", "shoal.gather_fetch(fast, progress=True).result()"]
)
def test_a_progress_bar(kernel: Kernel, wait: str) -> None:
    pytest.importorskip("tqdm")
    assert "50/50" in kernel.run(f"_ = {wait}")


def test_a_job_is_displayed(kernel: Kernel) -> None:
    assert re.search("<.+>", kernel.run("shoal.gather_fetch(fast)"))


@pytest.mark.parametrize("await_", ["", "await "], ids=["result", "await"])
def test_the_stop_button(kernel: Kernel, await_: str) -> None:
    wait = "await job" if await_ else "job.result()"
    # ipykernel 7 cancels a cell that awaits without waking its loop (plain `await asyncio.sleep(60)` continues).
    # The ticks of an awaited Job wake it.
    message = kernel.start(
        "import asyncio\n"
        "job = shoal.gather_fetch(slow, concurrency=250, timeout=None)\n"
        "await asyncio.sleep(0.5)\n"  # the first fifty finish
        f"print('started', flush=True)\n{wait}"
    )
    time.sleep(0.3)
    start = time.monotonic()
    kernel.manager.interrupt_kernel()
    reply = kernel.reply(message)
    took = time.monotonic() - start
    assert reply["status"] == "error"
    assert reply["ename"] in {"KeyboardInterrupt", "CancelledError"}
    assert took < 2, f"the cell ended {took:.1f} s after the stop button"
    # The kernel still works, the job is done, its sockets are closed, and the finished results are kept.
    assert "True" in kernel.run("job.done()")
    assert "50" in kernel.run("len(await shoal.gather_fetch(fast))")
    if not await_:
        assert reply["ename"] == "KeyboardInterrupt"
        kept = kernel.run("[sum(r is not None for r in sys.last_value.results), len(sys.last_value.results)]")
        assert "[50, 250]" in kept
