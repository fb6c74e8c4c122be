"""Executes one notebook in this process: ``python -m aigc_lib.course.execute FOLDER``.

FOLDER holds ``in.ipynb`` and ``job.json``; papermill writes ``out.ipynb`` as it goes, and
``result.json`` says at the end how it went. The supervisor (``process``) kills this process and
its kernel when they take too long, so nothing here watches the clock.
"""

import json
import os
import sys
import threading
import time
from pathlib import Path

import psutil

DATA_ERRORS = {"MissingData", "DamagedData"}  # exceptions of aigc_lib.datasets, known here by name
LONGEST_FOLDER = 80  # characters: a socket's path has room for 103, its name takes 18


def execute(folder: Path, profile: str, seed: int) -> dict:
    """Run ``in.ipynb``; what happened, as ``{"status", "message"}`` (statuses of ``process.Status``)."""
    sys.modules.setdefault("rfc3987_syntax", None)  # jsonschema's check of web addresses, which a notebook lacks: 1.5 s
    from nbclient.exceptions import DeadKernelError
    from papermill import PapermillExecutionError, execute_notebook
    from papermill.engines import NBClientEngine, papermill_engines
    from traitlets.config import Config

    class Engine(NBClientEngine):
        """Papermill writes the whole notebook before and after each cell, of prose too; before code is enough."""

        @classmethod
        def execute_managed_notebook(cls, nb_man, *args, **kwargs):
            save = nb_man.save

            def save_while_code_runs(**kwargs) -> None:
                code = (cell for cell in nb_man.nb.cells if cell.cell_type == "code")
                if any(cell.metadata.papermill["status"] == nb_man.RUNNING for cell in code):
                    save(**kwargs)

            nb_man.save = save_while_code_runs
            try:
                super().execute_managed_notebook(nb_man, *args, **kwargs)
            finally:
                nb_man.save = save  # the end of the notebook is written in any case

    # Sockets in the folder instead of TCP: kernels that start at the same moment may pick the same port.
    ipc = os.name == "posix" and len(str(folder)) <= LONGEST_FOLDER
    transport = Config({"KernelManager": {"transport": "ipc"}} if ipc else {})
    papermill_engines.register("aigc", Engine)
    try:
        execute_notebook(folder / "in.ipynb", folder / "out.ipynb", {"PROFILE": profile, "SEED": seed},
                         engine_name="aigc", kernel_name="python3", language="python", progress_bar=False, cwd=folder,
                         shutdown_kernel="immediate", coalesce_streams=True, config=transport)
    except PapermillExecutionError as error:
        status = "missing data" if error.ename in DATA_ERRORS else "code error"
        cell = max((error.exec_count or 1) - 1, 1)  # papermill's parameters cell counts too
        return {"status": status, "message": f"第 {cell} 个代码格：{error.ename}: {error.evalue}"}
    except DeadKernelError:
        return {"status": "dead kernel", "message": "内核在运行中死了：多半是内存不够，或被别的程序结束了。"}
    except OSError as error:
        return {"status": "could not save", "message": f"写不了临时文件：{error.strerror or error}。"}
    except RuntimeError as error:  # the kernel did not start, or does not answer
        return {"status": "dead kernel", "message": f"内核没有响应：{error}"}
    return {"status": "ok", "message": ""}


def follow_parent() -> None:
    """End this process when the supervisor is gone, however it went; the kernel then ends itself."""
    parent = psutil.Process().parent()

    def watch() -> None:  # a child's parent changes on POSIX when it dies, and does not on Windows
        while parent and os.getppid() == parent.pid and parent.is_running():
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def main() -> None:
    follow_parent()
    folder = Path(sys.argv[1])
    job = json.loads((folder / "job.json").read_text(encoding="utf-8"))
    result = execute(folder, job["profile"], job["seed"])
    (folder / "result.json").write_text(json.dumps(result), encoding="utf-8")


if __name__ == "__main__":
    main()
