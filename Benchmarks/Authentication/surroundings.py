"""The environment of the benchmark: names, a realm, a server, a delaying proxy."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

REALM, USER = "BENCH.TEST", "ann"
LITERAL, ONE_FAMILY, TWO_FAMILIES, OTHER = "127.0.0.1", "four.bench.test", "both.bench.test", "other.bench.test"
QUICK_NAMES, SILENT_NAMES = "127.0.0.53", "127.0.0.54"
DELAY = 2500  # microseconds each way
SBIN = {**os.environ, "PATH": os.environ.get("PATH", "") + ":/usr/sbin:/sbin"}


def complain(text):
    sys.exit(f"benchmark: {text}")


class Surroundings:
    """Names, a realm, a server and a proxy; `stop()` removes them all."""

    def __init__(self, arguments):
        self.arguments = arguments
        self.peers = arguments.scratch_path / "peers"
        self.folder = Path(tempfile.mkdtemp(prefix="benchmark-"))
        self.processes = []
        self.noise = open(self.folder / "noise", "w")
        self.caches = 0

    def start(self):
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True, env=SBIN)
        # Cyrus SASL, which libmongoc uses, looks up the machine's own name for each client.
        self.bind("/etc/hosts", f"127.0.0.1 localhost {socket.gethostname()}\n127.0.0.1 {ONE_FAMILY}\n127.0.0.1 {OTHER}\n"
                                f"127.0.0.1 {TWO_FAMILIES}\n::1 {TWO_FAMILIES}\n")
        self.bind("/etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\n")
        self.resolver = self.bind("/etc/resolv.conf", "")
        self.ask_names(QUICK_NAMES)
        self.spawn([self.peers / "names"], lines=1)
        self.start_realm()
        self.port, self.proxy_port = free_port(), free_port()
        threads = os.cpu_count() or 1
        self.server = self.spawn(
            [self.peers / "server", self.keytab, str(self.port), str(threads), "127.0.0.1", "::1"], lines=threads)
        self.spawn([self.peers / "proxy", str(self.proxy_port), str(self.port), str(DELAY)], lines=1)

    def bind(self, path, text):
        own = self.folder / Path(path).name
        own.write_text(text)
        subprocess.run(["mount", "--bind", own, os.path.realpath(path)], check=True, env=SBIN)
        return own

    def ask_names(self, server):
        """Selects the name server. Each client is a new process and reads the file again."""
        self.resolver.write_text(f"nameserver {server}\n")

    def spawn(self, command, lines=0):
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=self.noise, text=True, env={**SBIN, **self.environment()})
        self.processes.append(process)
        for _ in range(lines):
            if process.stdout.readline() != "ready\n":
                complain(f"{command[0]} did not start: {(self.folder / 'noise').read_text()[-1000:]}")
        return process

    def environment(self):
        return {"KRB5_CONFIG": str(self.folder / "krb5.conf"), "KRB5_KDC_PROFILE": str(self.folder / "kdc.conf"),
                "KRB5RCACHENAME": "none:"}

    def start_realm(self):
        port = free_port()
        (self.folder / "krb5.conf").write_text(f"""[libdefaults]
    default_realm = {REALM}
    dns_lookup_kdc = false
    dns_lookup_realm = false
    dns_canonicalize_hostname = false
    rdns = false
    qualify_shortname = ""
    udp_preference_limit = 1
    default_ccache_name = FILE:{self.folder}/default.ccache
[realms]
    {REALM} = {{
        kdc = 127.0.0.1:{port}
    }}
[domain_realm]
    .bench.test = {REALM}
""")
        self.log = self.folder / "kdc.log"
        (self.folder / "kdc.conf").write_text(f"""[kdcdefaults]
    kdc_listen = 127.0.0.1:{port}
    kdc_tcp_listen = 127.0.0.1:{port}
    kdc_tcp_listen_backlog = 4096
[realms]
    {REALM} = {{
        database_name = {self.folder}/principal
        key_stash_file = {self.folder}/stash
    }}
[logging]
    kdc = FILE:{self.log}
    admin_server = FILE:{self.folder}/kadmin.log
""")
        environment = {**SBIN, **self.environment()}

        def run(*command, text=None):
            subprocess.run(
                command, check=True, env=environment, input=text, text=True, stdout=subprocess.DEVNULL, stderr=self.noise)

        run("kdb5_util", "-r", REALM, "create", "-s", "-P", "master")
        self.keytab, self.user_keytab = self.folder / "service.keytab", self.folder / "user.keytab"
        services = [f"mongodb/{host}" for host in (LITERAL, ONE_FAMILY, TWO_FAMILIES, OTHER)]
        commands = [f"addprinc -randkey {name}" for name in [USER, *services]]
        commands += [f"ktadd -k {self.user_keytab} {USER}"] + [f"ktadd -k {self.keytab} {name}" for name in services]
        run("kadmin.local", "-r", REALM, text="\n".join(commands) + "\n")
        self.kdc = self.spawn(["krb5kdc", "-n", "-r", REALM, "-P", str(self.folder / "kdc.pid")])
        self.first_ticket = self.folder / "first-ticket.ccache"
        for _ in range(100):
            if not subprocess.run(
                    ["kinit", "-k", "-t", self.user_keytab, "-c", self.first_ticket, f"{USER}@{REALM}"], env=environment,
                    stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode:
                return
            time.sleep(0.1)
        complain("the KDC does not issue a ticket")

    def tickets_asked_for(self):
        return self.log.read_text(errors="replace").count("TGS_REQ")

    def cold_cache(self):
        """A new cache that holds only the user's initial ticket."""
        self.caches += 1
        cache = self.folder / f"cache-{self.caches % 8}"
        shutil.copyfile(self.first_ticket, cache)
        return {"KRB5CCNAME": f"FILE:{cache}"}

    def stop(self):
        for process in reversed(self.processes):
            process.send_signal(signal.SIGCONT)
            process.terminate()
        for process in self.processes:
            process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]
