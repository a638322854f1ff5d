"""nginx before a served application, as a program of the current user with folders of its own."""

import os
import pwd
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.servers.child import Child, ServerError, free_port, running

TIED = Path(__file__).with_name("tied_child.py")
START_SECONDS = 30.0

# Where its packages would have it write is nothing that a user may write to.
CONFIGURATION = """
daemon off;
user {user};
worker_processes 1;
error_log stderr;
pid {folder}/nginx.pid;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    gzip on;
    gzip_types text/event-stream application/json;
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass {upstream};
            proxy_read_timeout 3s;
        }}
    }}
}}
"""


@contextmanager
def nginx_server(folder: Path, upstream: str) -> Iterator[Child]:
    """A proxy before `upstream` with the buffers that it has by default, packed answers, and 3 s for a silence."""
    program = shutil.which("nginx")
    if program is None:
        raise ServerError("nginx is missing: install the package nginx-light")
    port = free_port()
    written = folder / "nginx.conf"
    user = pwd.getpwuid(os.getuid()).pw_name
    written.write_text(CONFIGURATION.format(folder=folder, port=port, upstream=upstream, user=user))
    command = [sys.executable, str(TIED), str(port), program, "-e", "stderr", "-p", str(folder), "-c", str(written)]
    with running("nginx", command, log=folder / "nginx.log", start_seconds=START_SECONDS) as child:
        yield child
