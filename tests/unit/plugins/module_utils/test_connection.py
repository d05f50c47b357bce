# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Signing in and finding the cloud: azure.azcollection's names and precedence, with its traps mended."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import Driver
from emulator import metadata
from emulator.seed import ASSIGNED_CLIENT, CLIENT, OUTSIDER_CLIENT, PASSWORD, SECRET, SUBSCRIPTION, TENANT, USER
from emulator.server import Emulator

ALL = ("AZURE_SUBSCRIPTION_ID", "AZURE_TENANT", "AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_SECRET", "AZURE_CLIENT_SECRET")
OPTIONS = {"subscription_id": SUBSCRIPTION, "tenant": TENANT, "client_id": CLIENT, "secret": SECRET}


@pytest.fixture
def blank(azure: Driver, monkeypatch: pytest.MonkeyPatch) -> Driver:
    """No credentials in the environment; the cloud stays."""
    for name in ALL:
        monkeypatch.delenv(name, raising=False)
    return azure


def works(azure: Driver, **options: object) -> bool:
    result = azure.run("backup_vault", check=True, **options)
    assert not result["failed"], result["msg"]
    return True


def refused(azure: Driver, **options: object) -> str:
    result = azure.run("backup_vault", check=True, **options)
    assert result["failed"]
    assert SECRET not in str({key: value for key, value in result.items() if key != "invocation"})
    return str(result["msg"])


def write_file(tmp_path: Path, text: str) -> None:
    """Write the credentials file; HOME is each test's own folder."""
    (tmp_path / ".azure").mkdir()
    (tmp_path / ".azure" / "credentials").write_text(text, encoding="utf-8")


SECTION = f"subscription_id={SUBSCRIPTION}\nclient_id={CLIENT}\nsecret={SECRET}\ntenant={TENANT}\n"


def test_options_alone(blank: Driver) -> None:
    assert works(blank, **OPTIONS)


@pytest.mark.parametrize("missing", ["AZURE_TENANT", "AZURE_TENANT_ID"])
@pytest.mark.parametrize("absent", ["AZURE_SECRET", "AZURE_CLIENT_SECRET"])
def test_environment_alone_under_either_name(azure: Driver, monkeypatch: pytest.MonkeyPatch, missing: str, absent: str) -> None:
    monkeypatch.delenv(missing)
    monkeypatch.delenv(absent)
    assert works(azure, auth_source="env")


def test_credentials_file_by_default_profile_and_by_name(blank: Driver, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    write_file(tmp_path, f"[default]\n{SECTION}[other]\n{SECTION}[broken]\nclient_id=x\n")
    assert works(blank)
    assert works(blank, auth_source="credential_file")
    assert works(blank, profile="other")
    monkeypatch.setenv("AZURE_PROFILE", "other")
    assert works(blank)
    assert "nosuch" in refused(blank, profile="nosuch")
    assert "secret, tenant" in refused(blank, profile="broken", subscription_id=SUBSCRIPTION)


def test_a_percent_sign_in_a_secret_is_only_a_percent_sign(blank: Driver, tmp_path: Path) -> None:
    write_file(tmp_path, f"[default]\n{SECTION.replace(SECRET, 'a%b%%c')}")
    message = refused(blank)
    assert "signing in failed" in message
    assert "a%b" not in message


def test_options_win_over_the_environment_as_a_whole(azure: Driver) -> None:
    # As in azure.azcollection: with client_id as an option the environment is not asked for the rest.
    assert "secret, tenant" in refused(azure, client_id=CLIENT)


def test_a_profile_wins_over_everything(azure: Driver, tmp_path: Path) -> None:
    write_file(tmp_path, f"[other]\n{SECTION}")
    assert works(azure, profile="other", client_id="nonsense", secret="nonsense")


def test_the_environment_wins_over_the_file(azure: Driver, tmp_path: Path) -> None:
    write_file(tmp_path, "[default]\nclient_id=nonsense\n")
    assert works(azure)


def test_a_subscription_option_counts_with_any_credentials(blank: Driver, tmp_path: Path) -> None:
    write_file(tmp_path, f"[default]\n{SECTION.replace('subscription_id', '#')}")
    assert "subscription_id" in refused(blank)
    assert works(blank, subscription_id=SUBSCRIPTION)


def test_blank_means_unset(azure: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    # Automation Controller always exports AZURE_SUBSCRIPTION_ID, also when it is empty.
    monkeypatch.setenv("AZURE_PROFILE", "")
    monkeypatch.setenv("ANSIBLE_AZURE_AUTH_SOURCE", "")
    monkeypatch.setenv("AZURE_AD_USER", "")
    assert works(azure, client_id="", secret="")
    monkeypatch.setenv("AZURE_SUBSCRIPTION_ID", "")
    assert "subscription_id" in refused(azure)
    assert works(azure, subscription_id=SUBSCRIPTION)


def test_a_cloud_named_as_an_option_counts_with_credentials_of_the_environment(
    azure: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = azure.emulator.url
    monkeypatch.delenv("AZURE_CLOUD_ENVIRONMENT")
    assert works(azure, cloud_environment=url)
    assert works(azure, cloud_environment=url.upper().replace("HTTPS", "https") + "/")
    monkeypatch.setenv("AZURE_CLOUD_ENVIRONMENT", url)
    assert works(azure, **OPTIONS)


@pytest.mark.parametrize("answers", ["new", "old"])
def test_the_token_is_for_the_audience_that_the_cloud_names(azure: Driver, answers: str) -> None:
    if answers == "old":
        # Azure Stack Hub knows only the old form and refuses the other api-version.
        azure.fault(kind="answer", method="GET", path="^/metadata/endpoints$", status=400)
    azure.vault()
    audiences = {entry["audience"] for entry in azure.azure.journal.entries if entry.get("audience")}
    assert audiences == {metadata.audience(TENANT)}


def test_nothing_at_all_is_told(blank: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    message = refused(blank)
    for word in ("client_id", "secret", "tenant", "subscription_id", "AZURE_CLIENT_ID"):
        assert word in message
    assert blank.azure.journal.entries == []


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"cloud_environment": "AzureMoon"}, "cloud_environment"),
        ({"cloud_environment": "http://127.0.0.1:1"}, "cloud_environment"),
        ({"subscription_id": "my-subscription"}, "subscription_id"),
        ({"auth_source": "cli"}, "auth_source"),
        ({"secret": None, "oidc_token_file_path": "/nowhere/token"}, "oidc_token_file_path"),
        ({"secret": None, "x509_certificate_path": "/nowhere/client.pem"}, "x509_certificate_path"),
        ({"secret": None, "ad_user": "me"}, "secret"),
        ({"client_id": None, "ad_user": "me"}, "client_id"),
    ],
)
def test_what_cannot_be_is_told_before_any_request(
    blank: Driver, monkeypatch: pytest.MonkeyPatch, options: dict, named: str
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    message = refused(blank, **{**OPTIONS, **options})
    assert named in message
    assert blank.azure.journal.entries == []


def test_a_wrong_secret_is_told_without_it(azure: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_SECRET", "wrong-secret-value")
    message = refused(azure)
    assert "AADSTS7000215" in message
    assert "wrong-secret-value" not in message


@pytest.mark.parametrize(("name", "code"), [("AZURE_CLIENT_ID", "AADSTS700016"), ("AZURE_TENANT", "tenant")])
def test_an_unknown_application_or_tenant_is_told(azure: Driver, monkeypatch: pytest.MonkeyPatch, name: str, code: str) -> None:
    monkeypatch.setenv(name, "0bad0bad-0000-4000-8000-000000000000")
    assert code in refused(azure)


def test_a_subscription_without_access_is_told(azure: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_CLIENT_ID", OUTSIDER_CLIENT)
    assert "does not have authorization" in refused(azure)


def test_a_subscription_that_is_not_there_is_told(azure: Driver) -> None:
    assert "could not be found" in refused(azure, subscription_id="0bad0bad-0000-4000-8000-000000000000")


# -- other ways than a secret


@pytest.fixture(scope="module")
def certificate(loopback: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A certificate with its key that the client may sign in with."""
    yield loopback.make_client_certificate(tmp_path_factory.mktemp("certificate"))
    loopback.azure.seed.certificate = ""


def test_by_certificate(certificate: Path, blank: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    alone = {**OPTIONS, "secret": None}
    assert works(blank, **alone, x509_certificate_path=str(certificate))
    # azure.azcollection wants the thumbprint, so playbooks give it.
    assert works(blank, **alone, x509_certificate_path=str(certificate), thumbprint="ab:cd")
    for name, value in (("CLIENT_ID", CLIENT), ("TENANT", TENANT), ("SUBSCRIPTION_ID", SUBSCRIPTION)):
        monkeypatch.setenv(f"AZURE_{name}", value)
    monkeypatch.setenv("AZURE_X509_CERTIFICATE_PATH", str(certificate))
    assert works(blank)


def test_a_certificate_that_is_none_or_not_the_clients_is_told(blank: Driver, certificate: Path, tmp_path: Path) -> None:
    alone = {**OPTIONS, "secret": None}
    (tmp_path / "none.pem").write_text("no certificate", encoding="utf-8")
    assert "x509_certificate_path" in refused(blank, **alone, x509_certificate_path=str(tmp_path / "none.pem"))
    blank.azure.entra.principals[CLIENT.lower()].certificate = ""
    assert "AADSTS700027" in refused(blank, **alone, x509_certificate_path=str(certificate))


def test_by_a_token_of_another_issuer(blank: Driver, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    alone = {**OPTIONS, "secret": None}
    token = blank.azure.entra.federated_token(CLIENT)
    assert works(blank, **alone, oidc_token=token)
    file = tmp_path / "token"
    file.write_text(token, encoding="utf-8")
    assert works(blank, **alone, oidc_token_file_path=str(file))
    for name, value in (("CLIENT_ID", CLIENT), ("TENANT_ID", TENANT), ("SUBSCRIPTION_ID", SUBSCRIPTION)):
        monkeypatch.setenv(f"AZURE_{name}", value)
    monkeypatch.setenv("AZURE_FEDERATED_TOKEN_FILE", str(file))
    assert works(blank)


def test_a_token_wins_over_a_secret_and_is_never_shown(blank: Driver) -> None:
    stranger = blank.azure.entra.federated_token(OUTSIDER_CLIENT)
    result = blank.run("backup_vault", check=True, **OPTIONS, oidc_token=stranger)
    assert result["failed"]
    assert "AADSTS700213" in result["msg"]
    assert stranger not in str(result)


def test_what_is_in_a_token_file_has_to_be_a_token(blank: Driver, tmp_path: Path) -> None:
    file = tmp_path / "token"
    arguments = {**OPTIONS, "secret": None, "oidc_token_file_path": str(file)}
    file.write_text(blank.azure.entra.federated_token(CLIENT), encoding="utf-8")
    assert not blank.run("backup_vault", **arguments)["failed"]
    file.write_text("no token any more", encoding="utf-8")
    assert "700027" in refused(blank, **arguments)


def test_by_managed_identity(blank: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", blank.emulator.url)
    assert works(blank, auth_source="msi", subscription_id=SUBSCRIPTION)
    assert works(blank, auth_source="msi", client_id=ASSIGNED_CLIENT, subscription_id=SUBSCRIPTION)
    monkeypatch.setenv("AZURE_CLIENT_ID", ASSIGNED_CLIENT)
    monkeypatch.setenv("ANSIBLE_AZURE_AUTH_SOURCE", "msi")
    assert works(blank, subscription_id=SUBSCRIPTION)
    message = refused(blank, client_id="0bad0bad-0000-4000-8000-000000000000", subscription_id=SUBSCRIPTION)
    assert "signing in failed" in message


def test_a_managed_identity_finds_its_subscription_by_itself(blank: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", blank.emulator.url)
    result = blank.run("backup_vault", auth_source="msi", client_id=ASSIGNED_CLIENT)
    assert result["vault"]["subscription_id"] == SUBSCRIPTION or "demo-rg" in result.get("msg", "")
    blank.azure.entra.principals[ASSIGNED_CLIENT].scopes = []
    assert "has access to no subscription" in refused(blank, auth_source="msi", client_id=ASSIGNED_CLIENT)


def test_by_user_and_password_at_an_adfs(blank: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    person = {"ad_user": USER, "password": PASSWORD, "subscription_id": SUBSCRIPTION}
    adfs = f"{blank.emulator.url}/adfs"
    assert works(blank, **person, adfs_authority_url=adfs)
    assert works(blank, **person, adfs_authority_url=f"{adfs}/", client_id=CLIENT, tenant=TENANT)
    monkeypatch.setenv("AZURE_ADFS_AUTHORITY_URL", adfs)
    assert works(blank, **person)
    message = refused(blank, **{**person, "password": "wrong-password-value"})
    assert "AADSTS50126" in message
    assert "wrong-password-value" not in message


def test_a_service_principal_of_an_adfs(blank: Driver) -> None:
    assert works(blank, **OPTIONS, adfs_authority_url=f"{blank.emulator.url}/adfs")
    paths = {entry["path"] for entry in blank.azure.journal.entries}
    assert "/adfs/oauth2/token" in paths


@pytest.fixture
def azure_cli(blank: Driver, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An az on the path that is signed in to the loopback Azure; its words are those of the real one."""
    folder = tmp_path / "bin"
    folder.mkdir()
    script = folder / "az"
    expiry = "2099-01-01 00:00:00.000000"
    token = blank.azure.entra.issue(
        TENANT,
        {
            "grant_type": "client_credentials",
            "client_id": CLIENT,
            "client_secret": SECRET,
            "scope": f"{blank.emulator.url}/.default",
        },
    ).body["access_token"]
    answers = {
        "account show": {"id": SUBSCRIPTION, "tenantId": TENANT, "name": "Loopback"},
        "cloud show": {"name": "LoopbackAzure", "endpoints": {"resourceManager": f"{blank.emulator.url}/"}},
        "account get-access-token": {"accessToken": token, "expiresOn": expiry, "expires_on": 4070908800},
    }
    script.write_text(
        f"#!{sys.executable}\nimport json, sys\nanswers = {answers!r}\n"
        "found = [answer for words, answer in answers.items() if ' '.join(sys.argv[1:]).startswith(words)]\n"
        "print(json.dumps(found[0])) if found else sys.exit('ERROR: unknown command')\n",
        encoding="utf-8",
    )
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}/usr/bin{os.pathsep}/bin")
    monkeypatch.delenv("AZURE_CLOUD_ENVIRONMENT")
    return script


@pytest.mark.parametrize("source", ["cli", "auto"])
def test_by_the_azure_cli(azure_cli: Path, blank: Driver, source: str) -> None:
    assert azure_cli.is_file()
    assert works(blank, auth_source=source)


def test_an_azure_cli_that_nobody_is_signed_in_to_is_told(azure_cli: Path, blank: Driver) -> None:
    azure_cli.write_text("#!/bin/sh\necho 'ERROR: Please run az login to setup account.' >&2\nexit 1\n", encoding="utf-8")
    assert "az login" in refused(blank, auth_source="cli")
    azure_cli.write_text("#!/bin/sh\necho 'not json'\n", encoding="utf-8")
    assert "returned no result" in refused(blank, auth_source="cli")


@pytest.mark.usefixtures("azure")
def test_an_unreachable_cloud_fails_in_seconds() -> None:
    from modules import run_module

    begin = time.monotonic()
    arguments = {"resource_group": "demo-rg", "vault_name": "demo-vault", "cloud_environment": "https://127.0.0.1:9"}
    result = run_module("backup_vault", arguments)
    assert result["failed"]
    assert "connection refused" in result["msg"]
    assert "127.0.0.1:9" in result["msg"]
    assert time.monotonic() - begin < 10


def test_an_untrusted_certificate_is_refused(azure: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    import certifi

    monkeypatch.setenv("REQUESTS_CA_BUNDLE", certifi.where())
    message = refused(azure)
    assert "certificate" in message
    assert "REQUESTS_CA_BUNDLE" in message
    assert azure.azure.journal.entries == []


def test_a_certificate_file_that_is_not_there_is_told(azure: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere/ca.pem")
    assert "/nowhere/ca.pem" in refused(azure)


def test_an_untrusted_certificate_can_be_accepted_with_a_warning(azure: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    import certifi

    monkeypatch.setenv("REQUESTS_CA_BUNDLE", certifi.where())
    result = azure.run("backup_vault", check=True, cert_validation_mode="ignore")
    assert not result["failed"], result["msg"]
    assert "cert_validation_mode" in str(result["warnings"])


def test_a_token_never_goes_to_another_host(azure: Driver) -> None:
    azure.vault()
    stranger = "https://localhost:1/subscriptions/x/operationStatus/y"
    azure.fault(kind="answer_after", method="PUT", status=201, body={}, headers={"Azure-AsyncOperation": stranger})
    result = azure.run("backup_vault", tags={"a": "b"})
    assert result["failed"]
    assert "another host" in result["msg"]
    assert result["error"]["code"] == "UntrustedHost"


def test_a_list_that_leads_to_another_host_is_not_followed(azure: Driver) -> None:
    azure.vault()
    body = {"value": [], "nextLink": "https://localhost:1/next"}
    azure.fault(kind="answer", method="GET", path="/backupPolicies$", status=200, body=body)
    result = azure.run("backup_policy", policy_name="disks", datasource_type="azure_disk")
    assert result["failed"]
    assert "another host" in result["msg"]


def test_a_redirect_is_not_followed(azure: Driver) -> None:
    azure.fault(kind="answer", method="GET", status=302, headers={"Location": azure.emulator.url + "/elsewhere"}, body={})
    result = azure.run("backup_vault")
    assert result["failed"]
    assert not azure.requests("GET", "/elsewhere")


@pytest.mark.parametrize(
    ("missing", "module"), [("azure-identity", "backup_vault_info"), ("azure-mgmt-dataprotection", "backup_policy_info")]
)
def test_a_missing_or_old_library_is_named_with_its_requirement(
    azure: Driver, monkeypatch: pytest.MonkeyPatch, missing: str, module: str
) -> None:
    from ansible_collections.holdfast.azure_backup.plugins.module_utils.azure import libraries

    real = libraries.metadata.version

    def absent(name: str) -> str:
        if name == missing:
            raise libraries.metadata.PackageNotFoundError(name)
        return real(name)

    libraries.version_of.cache_clear()
    monkeypatch.setattr(libraries.metadata, "version", absent)
    message = azure.run(module)["msg"]
    assert f"{missing} is missing" in message
    assert "pip install" in message
    libraries.version_of.cache_clear()
    monkeypatch.setattr(libraries.metadata, "version", lambda name: "0.9.1" if name == missing else real(name))
    assert "too old" in azure.run(module)["msg"]
    libraries.version_of.cache_clear()


def test_azure_is_not_imported_before_it_is_needed() -> None:
    import subprocess
    import sys

    code = (
        "import sys, importlib, pkgutil\n"
        "import ansible_collections.holdfast.azure_backup.plugins.modules as modules\n"
        "names = [module.name for module in pkgutil.iter_modules(modules.__path__)]\n"
        "assert len(names) >= 10, names\n"
        "for name in names:\n"
        "    importlib.import_module('ansible_collections.holdfast.azure_backup.plugins.modules.' + name)\n"
        "print([name for name in sys.modules if name == 'azure' or name.startswith('azure.')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603
    assert done.stdout.strip() == "[]"


def test_a_sign_in_endpoint_that_does_not_answer_is_not_blamed_on_the_credentials(azure: Driver) -> None:
    message = refused(azure, adfs_authority_url="https://127.0.0.1:9")
    assert "connection refused" in message
    assert "client_id" not in message


@pytest.mark.parametrize("body", [["a list"], "text", 7])
@pytest.mark.parametrize("module", ["backup_vault", "backup_vault_info"])
def test_nonsense_of_the_service_is_told_without_a_traceback(azure: Driver, module: str, body: object) -> None:
    azure.vault()
    azure.fault(kind="answer", method="GET", path="/backupVaults/demo-vault$", status=200, body=body, times=2)
    result = azure.run(module)
    assert result["failed"]
    assert "Traceback" not in str(result)
    assert "the response is not" in result["msg"]


def test_no_token_is_kept_on_disk(azure: Driver, tmp_path: Path) -> None:
    azure.protected("data01")
    assert os.environ["HOME"] == str(tmp_path)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_credentials_file_of_a_windows_editor_is_read(blank: Driver, tmp_path: Path) -> None:
    write_file(tmp_path, f"\ufeff[default]\n{SECTION}")
    assert works(blank)


def test_options_that_do_not_count_are_named(azure: Driver) -> None:
    result = azure.run("backup_vault_info", tenant="00000000-0000-4000-8000-000000000001")
    assert not result["failed"], result["msg"]
    assert any("The task's tenant is ignored" in str(warning) for warning in result["warnings"])


@pytest.mark.parametrize("option", ["secret", "oidc_token", "oidc_token_file_path", "x509_certificate_path"])
def test_a_part_of_the_credentials_beside_those_of_the_environment_is_named(azure: Driver, tmp_path: Path, option: str) -> None:
    """F10: each place counts as a whole."""
    file = tmp_path / "credential.pem"
    file.write_text("no certificate", encoding="utf-8")
    value = str(file) if option.endswith("path") else "wr0ng-credential"
    result = azure.run("backup_vault_info", **{option: value})
    assert not result["failed"], result["msg"]
    warnings = str(result["warnings"])
    assert f"The task's {option} is ignored: the credentials come from the environment" in warnings
    assert "set client_id in the task, too" in warnings
    assert "wr0ng" not in warnings


def test_an_incomplete_environment_beside_a_secret_of_the_task_says_where_each_is(
    azure: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AZURE_SECRET", "AZURE_CLIENT_SECRET"):
        monkeypatch.delenv(name, raising=False)
    message = refused(azure, secret="s0me-secret")
    assert message.startswith("secret: not set in the environment")
    assert "The task's secret is ignored: the credentials come from the environment" in message
    assert "set client_id in the task, too" in message


@pytest.mark.parametrize(
    ("proxy", "said"),
    [
        ("http://operator:p4ss@127.0.0.1:9", "through the proxy 127.0.0.1:9 (HTTPS_PROXY): connection refused"),
        ("http://operator:p4ss#1@127.0.0.1:9", "127.0.0.1:9"),
        ("http://operator:p4/ss@127.0.0.1:9", "HTTPS_PROXY"),
    ],
)
def test_a_proxy_is_named_without_who_signs_in(azure: Driver, monkeypatch: pytest.MonkeyPatch, proxy: str, said: str) -> None:
    """F11: whoever reads the message looks at the proxy, and sees no part of its password."""
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    monkeypatch.setenv("NO_PROXY", "")
    monkeypatch.setenv("no_proxy", "")
    result = azure.run("backup_vault_info")
    assert result["failed"]
    assert said in result["msg"]
    told = str({key: value for key, value in result.items() if key != "invocation"})
    assert "p4" not in told
    assert "operator" not in told


def test_a_netrc_does_not_take_the_place_of_the_token(azure: Driver) -> None:
    file = Path.home() / ".netrc"
    file.write_text("default login operator password p4ss\n", encoding="utf-8")
    file.chmod(0o600)
    result = azure.run("backup_vault_info")
    assert not result["failed"], result["msg"]


def test_a_host_with_no_address_is_named_at_once(azure: Driver) -> None:
    """A mistyped name is tried twice, not for a minute (F11)."""
    result = azure.run(
        "hsm_backup",
        vault_name=None,
        resource_group=None,
        hsm_uri="https://mistyped.invalid",
        use_user_managed_identity=True,
        storage_container_uri="https://account.blob.core.windows.net/backups",
    )
    assert result["failed"]
    assert "mistyped.invalid: the name of the host is not known" in result["msg"]
    assert sum(azure.clock.slept) < 10


def test_all_missing_libraries_are_named_at_once(azure: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    from ansible_collections.holdfast.azure_backup.plugins.module_utils.azure import libraries

    def absent(name: str) -> str:
        raise libraries.metadata.PackageNotFoundError(name)

    libraries.version_of.cache_clear()
    monkeypatch.setattr(libraries.metadata, "version", absent)
    message = azure.run("backup_vault_info")["msg"]
    libraries.version_of.cache_clear()
    for name in ("azure-core", "azure-identity", "azure-mgmt-core", "requests"):
        assert message.count(f"'{name}>=") == 1
