"""Makes and changes the domain of a realm whose KDC is Samba's.

One process for many changes: each run of samba-tool costs almost half a second, and takes passwords as arguments.

Reads lines of words with tabs between them from its standard input. What goes wrong is a line on its standard error
that begins with "samba-realm: "; Samba's own libraries write there too.
"""

import fcntl
import os
import re
import shutil
import sys

try:
    import ldb
    import samba
    import samba.dckeytab  # Gives Net its export_keytab.
    from samba import dsdb
    from samba.auth import system_session
    from samba.net import Net
    from samba.param import LoadParm
    from samba.provision import provision
    from samba.samdb import SamDB
except ImportError as error:
    sys.exit(f"samba-realm: Samba's Python modules are missing ({error}): install the Debian packages python3-samba "
             "samba-dsdb-modules samba-ad-provision")

# A new number makes older templates be ignored, for a change of what `make_template` does.
TEMPLATE_VERSION = "1"

# What is left of a password's rules is that there is one: tests choose their own, and none gets too old by itself.
PASSWORD_RULES = {
    "pwdProperties": "0", "minPwdLength": "0", "pwdHistoryLength": "0", "minPwdAge": "0", "maxPwdAge": "0",
}


class Mistake(Exception):
    """Something for the caller to read."""


def settings(path):
    lp = LoadParm()
    lp.load(path)
    # The KDC shares the file, and shall say more.
    lp.set("log level", "0")
    return lp


class Quiet:
    """A logger: provisioning says much, and warns of what a KDC alone does not need."""

    def info(self, *words):
        pass

    warning = error = debug = info


def make_template(folder, realm, domain):
    """Provisions a domain; takes some ten seconds."""
    os.makedirs(folder, 0o700)
    path = os.path.join(folder, "base.conf")
    with open(path, "w") as file:
        # Without nosync the disk decides how long it takes: minutes on a slow one.
        file.write("[global]\nldb:nosync = true\ninterfaces = lo\n")
    lp = settings(path)
    provision(
        Quiet(), system_session(), targetdir=folder, realm=realm, domain=domain, hostname="dc", hostip="127.0.0.1",
        dns_backend="NONE", serverrole="active directory domain controller",
        dom_for_fun_level=dsdb.DS_DOMAIN_FUNCTION_2008_R2, lp=lp)
    lp = settings(os.path.join(folder, "etc", "smb.conf"))
    database = SamDB(session_info=system_session(), lp=lp)
    change(database, ldb.Dn(database, database.domain_dn()), {name: [value] for name, value in PASSWORD_RULES.items()})


def start(templates, folder, realm, domain):
    """Copies a template, which is made where there is none, to `folder`."""
    os.makedirs(templates, 0o700, exist_ok=True)
    name = f"{realm}+{domain}+{samba.version}+{TEMPLATE_VERSION}"
    template = os.path.join(templates, name)
    with open(os.path.join(templates, f"{name}.lock"), "w") as lock:
        # It goes with this process, however that ends; others wait for one provision instead of making their own.
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not os.path.isdir(template):
            draft = f"{template}.new"
            shutil.rmtree(draft, ignore_errors=True)
            make_template(draft, realm, domain)
            os.rename(draft, template)
    for each in ("lock", "run", "state", "cache", "ncalrpc", "bind-dns"):
        os.makedirs(os.path.join(folder, each), 0o700)
    shutil.copytree(os.path.join(template, "private"), os.path.join(folder, "private"))


def change(database, dn, attributes, flag=ldb.FLAG_MOD_REPLACE):
    message = ldb.Message(dn)
    for name, values in attributes.items():
        message[name] = ldb.MessageElement(values, flag, name)
    database.modify(message)


class Directory:
    def __init__(self, path):
        self.lp = settings(path)
        self.database = SamDB(session_info=system_session(), lp=self.lp)
        self.realm = self.lp.get("realm")

    def search(self, expression, attributes=("userAccountControl",)):
        return list(self.database.search(self.database.domain_dn(), ldb.SCOPE_SUBTREE, expression, list(attributes)))

    def find(self, name):
        """An account by its name, or by a principal's name that belongs to it."""
        text = ldb.binary_encode(name)
        for expression in (
                f"(&(objectClass=user)(sAMAccountName={text}))", f"(servicePrincipalName={text})",
                f"(userPrincipalName={text})", f"(userPrincipalName={text}@{ldb.binary_encode(self.realm)})"):
            found = self.search(expression)
            if len(found) > 1:
                raise Mistake(f"{name} belongs to {len(found)} accounts: name one of them")
            if found:
                return found[0]
        raise Mistake(f"there is no account {name}")

    def account_name(self, service):
        """A name that is free for the account of a service. No more than 20 characters: that is what Windows allows."""
        base = re.sub(r'[^A-Za-z0-9._-]', "-", service)[:20].rstrip(".")
        name, number = base, 1
        while self.search(f"(sAMAccountName={ldb.binary_encode(name)})"):
            number += 1
            name = f"{base[:20 - len(str(number)) - 1]}-{number}"
        return name

    def add(self, account, upn, service, password):
        account = account or self.account_name(service)
        dn = ldb.Dn(self.database, "CN=x")
        dn.set_component(0, "CN", account)
        dn.add_base(self.database.get_wellknown_dn(self.database.get_default_basedn(), dsdb.DS_GUID_USERS_CONTAINER))
        message = {
            "dn": dn, "objectClass": "user", "sAMAccountName": account, "userPrincipalName": upn,
            "userAccountControl": str(dsdb.UF_NORMAL_ACCOUNT), "unicodePwd": secret(password)}
        if service:
            message["servicePrincipalName"] = service
        self.database.add(message)

    def password(self, name, password=""):
        change(self.database, self.find(name).dn, {"unicodePwd": [secret(password)]})

    def set(self, name, attribute, *values):
        change(self.database, self.find(name).dn, {attribute: list(values)})

    def flags(self, name, on, off):
        account = self.find(name)
        value = (int(str(account["userAccountControl"])) | int(on)) & ~int(off)
        change(self.database, account.dn, {"userAccountControl": [str(value)]})

    def remove(self, name):
        self.database.delete(self.find(name).dn)

    def keytab(self, path, *names):
        net = Net(None, self.lp)
        for name in names:
            self.find(name)
            net.export_keytab(keytab=path, principal=name)

    def groups(self, name, *groups):
        member = str(self.find(name).dn)
        for group in groups:
            found = self.search(f"(&(objectClass=group)(sAMAccountName={ldb.binary_encode(group)}))")
            if not found:
                self.database.newgroup(group)
                found = self.search(f"(&(objectClass=group)(sAMAccountName={ldb.binary_encode(group)}))")
            change(self.database, found[0].dn, {"member": [member]}, ldb.FLAG_MOD_ADD)

    def suffix(self, suffix):
        partitions = ldb.Dn(self.database, f"CN=Partitions,{self.database.get_config_basedn()}")
        change(self.database, partitions, {"uPNSuffixes": [suffix]}, ldb.FLAG_MOD_ADD)

    def domain(self, *words):
        """Attributes of the domain itself, each with its value behind it."""
        attributes = {name: [value] for name, value in zip(words[::2], words[1::2])}
        change(self.database, ldb.Dn(self.database, self.database.domain_dn()), attributes)

    def service(self, name, service):
        """A further service principal name; the database refuses one that is not unique."""
        change(self.database, self.find(name).dn, {"servicePrincipalName": [service]}, ldb.FLAG_MOD_ADD)

    def duplicate(self, name, service):
        """A name that another account has already.

        Samba's database refuses it, as one domain controller does. Two have it when both took one and then replicated;
        so it is written where replication would put it.
        """
        dn = str(self.find(name).dn)
        base = self.database.domain_dn().upper()
        path = os.path.join(self.lp.get("private dir"), "sam.ldb.d", f"{base}.ldb")
        raw = ldb.Ldb(f"tdb://{path}", flags=ldb.FLG_DONT_CREATE_DB)
        change(raw, ldb.Dn(raw, dn), {"servicePrincipalName": [service]}, ldb.FLAG_MOD_ADD)


def secret(password):
    """As Active Directory takes a password: between quotation marks, in UTF-16."""
    return f'"{password or samba.generate_random_password(40, 40)}"'.encode("utf-16-le")


def main():
    lines = [line.rstrip("\n").split("\t") for line in sys.stdin]
    if lines and lines[0][0] == "start":
        start(*lines.pop(0)[1:])
    verbs = {
        "add", "password", "set", "flags", "remove", "keytab", "groups", "suffix", "domain", "service", "duplicate"}
    directory = Directory(sys.argv[1])
    for verb, *words in lines:
        if verb not in verbs:
            raise Mistake(f"there is no verb {verb}")
        try:
            getattr(directory, verb)(*words)
        except ldb.LdbError as error:
            # The name's place is first, where there is one; no password stands there.
            raise Mistake(f"{verb} {words[0]}: {error.args[1]}")


try:
    main()
except Mistake as error:
    sys.exit(f"samba-realm: {error}")
except Exception as error:
    # A traceback would show lines of this file, not passwords; the last line is what a reader needs.
    sys.exit(f"samba-realm: {type(error).__name__}: {error}")
