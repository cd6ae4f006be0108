"""eliot: JSON of its own shape (message_type instead of a level, no caller)."""

from typing import Any, BinaryIO

import eliot

from benches.contenders import KEYWORDS, Task, Unsupported

IMPORT = "import eliot"
CALLS = {
    "json": f'log(message_type="paid", {KEYWORDS})',
    "exception": "eliot.write_traceback()",
}
files: list[BinaryIO] = []


def setup(task: Task) -> Any:
    if task.shape in ("text", "below"):
        raise Unsupported("JSON only" if task.shape == "text" else "no levels")
    if task.max_bytes:
        raise Unsupported("no rotation of its own")
    file = task.path.open("ab")
    files.append(file)
    eliot.to_file(file)
    return eliot.log_message


def teardown() -> None:
    for file in files:
        file.close()
