"""A program takes no more than its limits say, and leaves nothing behind, however it ends."""

from __future__ import annotations

import asyncio
import os
import random
import subprocess
import sys
import time
import venv
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

import pytest

from lightagent.adapters.code.monty import MontyRunner
from lightagent.adapters.code.subprocess import SubprocessRunner
from lightagent.adapters.code.subprocess.interpreters import find_interpreters
from lightagent.adapters.code.subprocess.refused_calls import call_filter
from lightagent.domain.code.programs import CodeFolder, CodeJob, CodeLimits, CodeText
from lightagent.domain.errors import ConfigurationError, ToolError
from tests.servers.polling import ticks
from tests.support.left_processes import LINGER, children, marked
from tests.support.loop_clock import held_clock
from tests.support.patience import eventually

KILLS = int(os.environ.get("TEST_CODE_KILLS", "2"))
WITHIN = 0.15
"""Seconds after the start of a program within which the one that runs it is killed."""
NO_BUBBLEWRAP = "/nowhere/bwrap"
MEGABYTE = 1024 * 1024
LIMITS = CodeLimits(seconds=20, memory=200 * MEGABYTE, processes=12, disk=8 * MEGABYTE)

TOO_MUCH_MEMORY = {
    "an array": "data = bytearray(3 << 30)",
    "a map of memory": "import mmap\ndata = mmap.mmap(-1, 3 << 30)\nwhile True: data.write(b'x' * 4096)",
    "bit by bit": "data = []\nwhile True: data.append('x' * 1_000_000 + str(len(data)))",
    "a child": (
        "import os\nif os.fork() == 0:\n    data = bytearray(3 << 30)\n    os._exit(0)\n"
        "raise SystemExit(os.waitstatus_to_exitcode(os.wait()[1]))"
    ),
}
UNCOUNTED_MEMORY = {
    "files in memory": (
        "import os\nfor number in range(60):\n    os.write(os.memfd_create('x'), b'x' * (7 << 20))\n    print(7 << 20)"
    ),
    "shared memory of System V": (
        "import ctypes\nlibc = ctypes.CDLL(None)\nlibc.shmat.restype = ctypes.c_void_p\n"
        "libc.shmdt.argtypes = [ctypes.c_void_p]\nfor number in range(10):\n"
        "    memory = libc.shmget(0, 40 << 20, 0o1600)\n    assert memory >= 0\n"
        "    place = libc.shmat(memory, None, 0)\n"
        "    ctypes.memset(place, 1, 40 << 20)\n    libc.shmdt(place)\n    print(40 << 20)"
    ),
    "queues of System V": (
        "import ctypes\nlibc = ctypes.CDLL(None)\ntext = ctypes.create_string_buffer(b'x' * 8200)\n"
        "while True:\n    queue = libc.msgget(0, 0o1600)\n    assert queue >= 0\n"
        "    while libc.msgsnd(queue, text, 8000, 0o4000) == 0:\n        print(8000)"
    ),
    "semaphores of System V": (
        "import ctypes\nwhile True:\n    assert ctypes.CDLL(None).semget(0, 32000, 0o1600) >= 0\n    print(64 * 32000)"
    ),
    "attributes of a file": (
        "import os\nopen('/tmp/file', 'w').close()\nfor number in range(4000):\n"
        "    os.setxattr('/tmp/file', f'user.{number}', b'x' * 60_000)\n    print(60_000)"
    ),
    "buffers of sockets": (
        "import socket\nkept = []\nwhile True:\n    kept.append(socket.socketpair())\n    here = kept[-1][0]\n"
        "    here.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 24)\n    here.setblocking(False)\n    try:\n"
        "        while True: print(here.send(b'x' * 65536))\n    except BlockingIOError: pass"
    ),
}
"""Programs that print how many bytes they have got hold of, until there are no more."""


def sandbox() -> SubprocessRunner:
    return SubprocessRunner(limits=LIMITS)


@pytest.fixture
def no_child_left() -> Iterator[None]:
    """The test leaves no child of this process, which may have some of other tests."""
    before = set(children(os.getpid()))
    yield
    assert set(children(os.getpid())) <= before


@pytest.mark.needs("bubblewrap")
@pytest.mark.parametrize("way", TOO_MUCH_MEMORY)
async def test_memory_is_limited(way: str) -> None:
    done = await sandbox().run(CodeJob(CodeText(TOO_MUCH_MEMORY[way])))
    assert done.exit_code not in (0, None), done


@pytest.mark.needs("bubblewrap")
@pytest.mark.skipif(call_filter() is None, reason="the numbers of this machine's system calls are not known")
@pytest.mark.parametrize("way", UNCOUNTED_MEMORY)
async def test_memory_that_no_limit_counts_is_not_to_be_had(way: str) -> None:
    done = await sandbox().run(CodeJob(CodeText(UNCOUNTED_MEMORY[way])))
    assert done.exit_code == 1, done
    assert sum(map(int, done.stdout.split())) < LIMITS.memory


@pytest.mark.needs("bubblewrap")
@pytest.mark.skipif(call_filter() is None, reason="the numbers of this machine's system calls are not known")
async def test_sockets_are_local_or_of_the_network_of_the_sandbox() -> None:
    source = "import socket\nfor family in range(64):\n    try:\n        socket.socket(family, socket.SOCK_DGRAM)\n"
    source += "        print(family)\n    except OSError:\n        pass"
    done = await sandbox().run(CodeJob(CodeText(source)))
    assert {int(family) for family in done.stdout.split()} <= {1, 2, 10, 16}, done


@pytest.mark.needs("bubblewrap")
async def test_what_computing_needs_is_not_refused() -> None:
    source = "cp -a /usr/share/misc /tmp/copy && ls -d /tmp/copy"
    assert (await sandbox().run(CodeJob(CodeText(source, "shell")))).stdout == "/tmp/copy\n"
    source = "from multiprocessing import get_context\nqueue = get_context('fork').SimpleQueue()\n"
    source += "child = get_context('fork').Process(target=queue.put, args=(1,))\nchild.start()\nprint(queue.get())"
    assert (await sandbox().run(CodeJob(CodeText(source)))).stdout == "1\n"


@pytest.mark.needs("bubblewrap")
async def test_a_program_is_ended_first_where_memory_runs_out_and_cannot_change_that() -> None:
    source = "with open('/proc/self/oom_score_adj') as told:\n    print(int(told.read()))\n"
    source += "open('/proc/self/oom_score_adj', 'w').write('0')"
    done = await sandbox().run(CodeJob(CodeText(source)))
    assert (done.exit_code, done.stdout) == (1, "1000\n"), done


@pytest.fixture
def busy_owner(tmp_path: Path) -> Iterator[CodeFolder]:
    """A folder of a user who has more processes than a program may have."""
    user = 1_000_000 + os.getpid()
    os.chown(tmp_path, user, user)
    running = [subprocess.Popen(["/bin/sleep", "60"], user=user, cwd="/") for _ in range(LIMITS.processes + 4)]
    yield CodeFolder(str(tmp_path), writable=True)
    for one in running:
        one.kill()
        one.wait()


@pytest.mark.needs("bubblewrap")
@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs programs as somebody else")
async def test_other_processes_of_an_owner_do_not_count(
    busy_owner: CodeFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = "import os, signal\nmade = 0\ntry:\n    while True:\n        if os.fork() == 0:\n"
    source += "            signal.pause()\n        made += 1\nexcept OSError:\n    print(made)"
    done = await sandbox().run(CodeJob(CodeText(source), folder=busy_owner))
    assert 0 < int(done.stdout) < LIMITS.processes, done
    monkeypatch.setattr("lightagent.adapters.code.subprocess.runner.processes_of", lambda user: 0)
    with pytest.raises(ToolError, match="No process can be started"):
        await sandbox().run(CodeJob(CodeText("print(1)"), folder=busy_owner))


@pytest.mark.needs("bubblewrap")
@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs programs as somebody else")
def test_a_folder_may_be_its_owners_alone(tmp_path: Path) -> None:
    user = 1_000_000 + os.getpid()
    os.chown(tmp_path, user, user)
    tmp_path.chmod(0o700)
    source = "open('new.txt', 'w').write('x')\nprint(open('new.txt').read())"
    job = CodeJob(CodeText(source), folder=CodeFolder(str(tmp_path), writable=True))
    done = asyncio.run(sandbox().run(job))
    assert (done.exit_code, done.stdout) == (0, "x\n"), done
    assert (tmp_path / "new.txt").stat().st_uid == user
    tmp_path.chmod(0)
    with pytest.raises(ToolError, match="cannot be entered"):
        asyncio.run(sandbox().run(job))


@pytest.mark.needs("bubblewrap")
@pytest.mark.skipif(call_filter() is None, reason="the numbers of this machine's system calls are not known")
async def test_no_file_is_left_that_runs_as_its_owner() -> None:
    source = """
import os
os.close(os.open('file', os.O_CREAT | os.O_WRONLY, 0o755))
for make in (
    lambda: os.chmod('file', 0o4755),
    lambda: os.chmod('file', 0o2755),
    lambda: os.fchmod(os.open('file', os.O_RDWR), 0o4755),
    lambda: os.chmod('file', 0o4755, dir_fd=os.open('.', os.O_RDONLY)),
    lambda: os.open('new', os.O_CREAT | os.O_WRONLY, 0o4755),
    lambda: os.open('.', os.O_TMPFILE | os.O_WRONLY, 0o4755),
    lambda: os.mknod('node', 0o104755),
):
    try:
        make()
        print('made')
    except PermissionError:
        print('refused')
os.chmod('file', 0o700)
"""
    done = await sandbox().run(CodeJob(CodeText(source)))
    assert (done.exit_code, done.stdout) == (0, "refused\n" * 7), done


@pytest.mark.needs("bubblewrap")
async def test_processes_and_threads_are_limited() -> None:
    fork = "import os, time\nmade = 0\nwhile True:\n    try:\n        child = os.fork()\n    except OSError:\n"
    fork += "        break\n    if child == 0:\n        time.sleep(60)\n    made += 1\nprint(made)"
    thread = "import threading, time\nmade = 0\nwhile True:\n    try:\n"
    thread += "        threading.Thread(target=time.sleep, args=(60,), daemon=True).start()\n"
    thread += "    except RuntimeError:\n        break\n    made += 1\nprint(made)"
    for source in (fork, thread):
        done = await sandbox().run(CodeJob(CodeText(source)))
        assert done.exit_code == 0, done
        assert 0 < int(done.stdout) < LIMITS.processes


@pytest.mark.usefixtures("no_child_left")
@pytest.mark.needs("bubblewrap")
async def test_a_fork_bomb_ends_with_its_time() -> None:
    source = "import os\nwhile True:\n    try:\n        os.fork()\n    except OSError:\n        pass"
    done = await sandbox().run(CodeJob(CodeText(source), limits=CodeLimits(seconds=0.5, processes=20)))
    assert done.timed_out


@pytest.mark.needs("bubblewrap")
@pytest.mark.parametrize("folder", ["/tmp", "/dev/shm"])
async def test_the_private_directory_is_limited(folder: str) -> None:
    source = f"for number in range(64):\n    open(f'{folder}/{{number}}', 'wb').write(b'x' * (1 << 20))\n"
    done = await sandbox().run(CodeJob(CodeText(source)))
    assert done.exit_code == 1
    assert "No space left" in done.stderr
    one = await sandbox().run(CodeJob(CodeText(f"open('{folder}/one', 'wb').write(b'x' * (32 << 20))")))
    assert one.exit_code == 1


@pytest.mark.needs("bubblewrap")
@pytest.mark.parametrize("folder", ["/", "/dev", "/program", "/usr/bin", "/etc", "/proc/sys/kernel"])
async def test_nothing_else_can_be_written(folder: str) -> None:
    done = await sandbox().run(CodeJob(CodeText(f"open('{folder}/file', 'w').write('x')")))
    assert done.exit_code == 1


@pytest.mark.needs("bubblewrap")
@pytest.mark.skipif(call_filter() is None, reason="the numbers of this machine's system calls are not known")
async def test_the_kernel_refuses_what_no_program_needs() -> None:
    source = """
import ctypes, errno
libc = ctypes.CDLL(None, use_errno=True)
for name, arguments in {
    "unshare": (0x10000000,), "setns": (0, 0), "ptrace": (0, 0, 0, 0), "chroot": (b"/",),
    "mount": (None, b"/", None, 32, None), "umount2": (b"/proc", 2), "process_vm_readv": (1, None, 0, None, 0, 0),
}.items():
    ctypes.set_errno(0)
    getattr(libc, name)(*arguments)
    print(name, errno.errorcode.get(ctypes.get_errno()))
"""
    done = await sandbox().run(CodeJob(CodeText(source)))
    assert done.exit_code == 0, done
    assert {line.split()[1] for line in done.stdout.splitlines()} == {"EPERM"}


@pytest.mark.needs("bubblewrap")
async def test_an_interpreter_brings_its_packages() -> None:
    own = SubprocessRunner(python=sys.executable)
    assert (await own.run(CodeJob(CodeText("import pydantic\nprint(pydantic.__name__)")))).stdout == "pydantic\n"
    seen = await sandbox().run(CodeJob(CodeText("import sys\nprint(sys.prefix)")))
    assert seen.stdout == f"{sys.base_prefix}\n"
    with pytest.raises(ConfigurationError, match="is not an executable file"):
        SubprocessRunner(python="/nowhere/python")


@pytest.mark.needs("bubblewrap")
async def test_an_interpreter_may_lie_where_programs_have_their_private_directory() -> None:
    with TemporaryDirectory(dir="/tmp") as folder:
        await asyncio.to_thread(venv.create, folder, symlinks=True)
        done = await SubprocessRunner(python=f"{folder}/bin/python").run(
            CodeJob(CodeText("import sys\nprint(sys.prefix)"))
        )
    assert done.stdout == f"{folder}\n", done


def test_the_home_of_a_user_is_no_home_of_an_interpreter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for folder in ("bin", "lib"):
        (tmp_path / folder).mkdir()
    python = tmp_path / "bin/python"
    python.write_text("#!/bin/sh\n")
    python.chmod(0o755)
    assert find_interpreters(str(python))["python"].needs == (str(python),)


@pytest.mark.needs("bubblewrap")
async def test_fifty_megabytes_of_output_are_not_kept() -> None:
    shown = 0

    def count(piece: object) -> None:
        nonlocal shown
        shown += 1

    done = await sandbox().run(CodeJob(CodeText("print('x' * 50_000_000)")), count)
    assert (done.truncated, done.exit_code, len(done.stdout)) == (True, None, LIMITS.output)
    assert 0 < shown < 100


@pytest.mark.usefixtures("no_child_left")
@pytest.mark.needs("bubblewrap")
@pytest.mark.parametrize("stays", ["ends", "stays", "speaks"])
async def test_a_sandbox_leaves_no_process(stays: str) -> None:
    await _leaves_no_process(sandbox(), stays)


@pytest.mark.usefixtures("no_child_left")
@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere orphans have no other parent than the system")
@pytest.mark.parametrize("stays", ["ends", "stays", "speaks"])
async def test_without_isolation_no_process_is_left_either(stays: str) -> None:
    await _leaves_no_process(SubprocessRunner(allow_unisolated=True, bubblewrap=NO_BUBBLEWRAP), stays)


SUPERVISED = """
import os, signal, sys, time
mark, name = input().split()
child = os.fork()
if child == 0:
    os.setsid()
    os.execv("/bin/sh", ["sh", "-c", "while :; do sleep 1; done", mark])
while mark not in open(f"/proc/{child}/cmdline").read():
    time.sleep(0.01)
__import__("ctypes").CDLL(None).prctl(1, 0, 0, 0, 0)  # Not to be ended with the supervisor.
os.kill(os.getppid(), getattr(signal, name))
print("begun", flush=True)
time.sleep(60)
"""


@pytest.mark.usefixtures("no_child_left")
@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere orphans have no other parent than the system")
@pytest.mark.parametrize("name", ["SIGKILL", "SIGSTOP"])
async def test_without_isolation_a_program_that_ends_its_supervisor_leaves_no_process(name: str) -> None:
    runner = SubprocessRunner(allow_unisolated=True, bubblewrap=NO_BUBBLEWRAP)
    mark, begun = uuid4().hex, asyncio.Event()
    job = CodeJob(CodeText(SUPERVISED), stdin=f"{mark} {name}\n", limits=LIMITS)
    with held_clock() as clock:
        running = asyncio.ensure_future(runner.run(job, lambda piece: begun.set()))
        await begun.wait()
        assert marked(mark)
        await clock.advance(LIMITS.seconds + 1)
        done = await running
    assert done.timed_out
    assert marked(mark) == []


async def _leaves_no_process(runner: SubprocessRunner, stays: str) -> None:
    mark, begun = uuid4().hex, asyncio.Event()
    job = CodeJob(CodeText(LINGER), stdin=f"{mark} {stays}\n", limits=LIMITS)
    with held_clock() as clock:
        running = asyncio.ensure_future(runner.run(job, lambda piece: begun.set() if "\n" in piece.text else None))
        await begun.wait()
        if stays != "ends":
            await clock.advance(LIMITS.seconds + 1)
        done = await running
    assert done.stdout == "begun\n", done
    assert done.timed_out == (stays != "ends")
    assert marked(mark) == []


@pytest.mark.usefixtures("no_child_left")
@pytest.mark.needs("bubblewrap")
async def test_one_that_is_cancelled_leaves_no_process() -> None:
    mark, begun = uuid4().hex, asyncio.Event()
    job = CodeJob(CodeText(LINGER), stdin=f"{mark} stays\n")
    running = asyncio.ensure_future(sandbox().run(job, lambda piece: begun.set()))
    await begun.wait()
    assert await eventually(lambda: marked(mark))
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert marked(mark) == []


@pytest.mark.usefixtures("no_child_left")
@pytest.mark.needs("bubblewrap")
def test_many_runs_leave_no_descriptors_and_no_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    runners = (sandbox(), SubprocessRunner(allow_unisolated=True, bubblewrap=NO_BUBBLEWRAP), MontyRunner())
    job = CodeJob(CodeText("print(1)"))

    async def each(times: int) -> None:
        await asyncio.gather(*(runner.run(job) for runner in runners for _ in range(times)))

    asyncio.run(each(1))
    before = len([*Path("/proc/self/fd").iterdir()])
    asyncio.run(each(3))
    assert len([*Path("/proc/self/fd").iterdir()]) <= before
    assert list(tmp_path.iterdir()) == []


PROGRAM = """
import asyncio, sys
from lightagent.domain.code.programs import CodeJob, CodeText
kind, mark, source = sys.argv[1:]
if kind == "monty":
    from lightagent.adapters.code.monty import MontyRunner
    runner = MontyRunner()
else:
    from lightagent.adapters.code.subprocess import SubprocessRunner
    unisolated = kind == "unisolated"
    runner = SubprocessRunner(allow_unisolated=unisolated, bubblewrap="/nowhere" if unisolated else None)
job = CodeJob(CodeText(source), stdin=f"{mark} stays\\n")
print("starting", flush=True)
asyncio.run(runner.run(job, lambda piece: print("begun", flush=True)))
"""
BUSY = "print('begun')\nwhile True: pass"
KINDS = [pytest.param("sandbox", marks=pytest.mark.needs("bubblewrap")), "unisolated", "monty"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_program_that_is_killed_leaves_no_process(kind: str) -> None:
    mark = uuid4().hex
    with _started(kind, mark) as program:
        assert program.stdout is not None
        assert [program.stdout.readline(), program.stdout.readline()] == [b"starting\n", b"begun\n"]
        left = _descendants(program.pid)
        assert left
        program.kill()
    _gone(mark, left)


@pytest.mark.parametrize("turn", range(KILLS))
@pytest.mark.parametrize("kind", KINDS)
def test_one_that_is_killed_while_it_starts_one_leaves_no_process(kind: str, turn: int) -> None:
    mark = uuid4().hex
    with _started(kind, mark) as program:
        assert program.stdout is not None
        assert program.stdout.readline() == b"starting\n"
        time.sleep(random.Random(turn).uniform(0, WITHIN))
        left = _descendants(program.pid)
        program.kill()
    _gone(mark, left)


def _started(kind: str, mark: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", PROGRAM, kind, mark, BUSY if kind == "monty" else LINGER]
    return subprocess.Popen(command, stdout=subprocess.PIPE)


def _descendants(process: int) -> set[int]:
    found: set[int] = set()
    waiting = [process]
    while waiting:
        new = set(children(waiting.pop())) - found
        found |= new
        waiting += new
    return found


def _gone(mark: str, processes: set[int]) -> None:
    """Wait until all have ended; an orphan that has ended waits for the machine's first process to ask about it."""
    left: object = None
    for pause in ticks(within=10):
        left = marked(mark), {process for process in processes if _runs(process)}
        if left == ([], set()):
            return
        time.sleep(pause)
    raise AssertionError(f"left behind: {left}")


def _runs(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_a_bubblewrap_that_isolates_nothing_is_none(tmp_path: Path) -> None:
    wrapper = tmp_path / "bwrap"
    wrapper.write_text('#!/bin/sh\nwhile [ "$1" != -- ]; do shift; done\nshift\nexec "$@"\n')
    wrapper.chmod(0o755)
    for path in ("/bin/true", str(wrapper)):
        with pytest.raises(ConfigurationError, match="does not work here: it ended with 0 and did not isolate"):
            SubprocessRunner(bubblewrap=path)


def test_without_bubblewrap_nothing_is_run_unless_that_was_allowed() -> None:
    with pytest.raises(ConfigurationError, match="isolation") as error:
        SubprocessRunner(bubblewrap=NO_BUBBLEWRAP)
    assert "allow_unisolated" in error.value.guidance
    assert not SubprocessRunner(allow_unisolated=True, bubblewrap=NO_BUBBLEWRAP).is_isolated
