"""The command as a child process: its console shown and copied, signals handed on, its status handed back.

Where our stream is a terminal the child gets a terminal too, so that it colours and flushes as it would without us;
else a pipe. Standard input stays its own.
"""

from __future__ import annotations

import fcntl
import os
import pty
import select
import selectors
import signal
import subprocess
import termios
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from cordwood.errors import report
from cordwood.supervisor.console import ConsoleCopy, Lines

_HANDED_ON = (
    signal.SIGINT,
    signal.SIGTERM,
    signal.SIGHUP,
    signal.SIGQUIT,
    signal.SIGUSR1,
    signal.SIGUSR2,
    signal.SIGALRM,
)
_FROM_KERNEL = 0x80  # si_code of what a terminal sends to its whole process group
_BLOCK = 64 * 1024
_SIGNALLED = 128
NOT_FOUND, NOT_RUNNABLE = 127, 126


@dataclass
class _Channel:
    """One stream of the child.

    Args:
        source: where what it prints is read.
        target: our own descriptor of the stream; None once nobody reads it any more.
        lines: where the copy goes.
    """

    source: int
    target: int | None
    lines: Lines

    def move(self) -> bool:
        """Show and copy what is there; False at its end."""
        try:
            block = os.read(self.source, _BLOCK)
        except BlockingIOError:
            return False
        except OSError:  # EIO: the last process let go of the terminal
            block = b""
        if block:
            self._show(block)
            self.lines.feed(block)
        return bool(block)

    def _show(self, block: bytes) -> None:
        while block and self.target is not None:
            try:
                block = block[os.write(self.target, block) :]
            except BlockingIOError:  # noqa: PERF203 somebody who shares the stream made it so
                select.select([], [self.target], [])
            except OSError:  # the reader is gone: the copy goes on
                self.target = None


class Child:
    """A command, not yet started.

    Args:
        words: program and arguments.
        environ: its environment.
        copy: where its console is kept.
    """

    def __init__(self, words: Sequence[str], environ: Mapping[str, str], copy: ConsoleCopy) -> None:
        self._words = words
        self._environ = environ
        self._copy = copy

    def run(self) -> int:
        """Start it, stay until it ends.

        Returns:
            Its exit status, as a shell tells it.
        """
        before = signal.pthread_sigmask(signal.SIG_BLOCK, _HANDED_ON)
        stdout, child_stdout = _stream(1)
        shared = os.path.sameopenfile(1, 2)
        stderr, child_stderr = (stdout, child_stdout) if shared else _stream(2)
        try:
            child = subprocess.Popen(  # noqa: S603 running what is asked is its purpose
                self._words,
                env=dict(self._environ),
                stdout=child_stdout,
                stderr=child_stderr,
                # The mask is inherited. There is no other thread yet.
                preexec_fn=lambda: signal.pthread_sigmask(signal.SIG_SETMASK, before),  # noqa: PLW1509
            )
        except OSError as error:
            report(f"{self._words[0]}: {error.strerror}")
            return NOT_FOUND if isinstance(error, FileNotFoundError) else NOT_RUNNABLE
        finally:
            for descriptor in {child_stdout, child_stderr}:
                os.close(descriptor)
        channels = [_Channel(stdout, 1, Lines(self._copy))]
        if not shared:
            channels.append(_Channel(stderr, 2, Lines(self._copy)))
        threading.Thread(target=_hand_on, args=(child,), daemon=True).start()
        self._attend(child, channels)
        return child.returncode if child.returncode >= 0 else _SIGNALLED - child.returncode

    def _attend(self, child: subprocess.Popen[bytes], channels: Sequence[_Channel]) -> None:
        """Move what it prints until it ended; processes that it left behind are not waited for."""
        ended, tell = os.pipe()
        threading.Thread(target=_wait, args=(child, tell), daemon=True).start()
        with selectors.DefaultSelector() as selector:
            selector.register(ended, selectors.EVENT_READ)
            for channel in channels:
                selector.register(channel.source, selectors.EVENT_READ, channel)
            over = False
            while not over:
                for key, _ in selector.select():
                    if key.data is None:
                        over = True
                    elif not key.data.move():
                        selector.unregister(key.fileobj)
        for channel in channels:
            os.set_blocking(channel.source, False)
            while channel.move():
                pass
            channel.lines.end()
            os.close(channel.source)
        os.close(ended)


def _stream(ours: int) -> tuple[int, int]:
    """Where we read, and where the child writes."""
    if not os.isatty(ours):
        return os.pipe()
    source, sink = pty.openpty()
    fcntl.ioctl(sink, termios.TIOCSWINSZ, fcntl.ioctl(ours, termios.TIOCGWINSZ, bytes(8)))
    settings = termios.tcgetattr(sink)
    settings[1] &= ~termios.OPOST  # our terminal turns newlines into what it needs, once
    termios.tcsetattr(sink, termios.TCSANOW, settings)
    return source, sink


def _wait(child: subprocess.Popen[bytes], tell: int) -> None:
    child.wait()
    os.close(tell)


def _hand_on(child: subprocess.Popen[bytes]) -> None:
    """Send the child what is sent to us. What the terminal sent (Ctrl-C) it has got itself."""
    while True:
        info = signal.sigwaitinfo(_HANDED_ON)
        if info.si_code != _FROM_KERNEL:
            with suppress(ProcessLookupError):
                child.send_signal(info.si_signo)
