# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How to reach Azure and who signs in (arguments.CONNECTION)."""

from __future__ import annotations


class ModuleDocFragment:
    """The connection options of every module."""

    DOCUMENTATION = r"""
options:
  auth_source:
    description:
      - Where the credentials come from.
      - V(auto) uses the first of O(profile), the options O(client_id) or O(ad_user), the environment, the section
        C([default]) of C(~/.azure/credentials), and the user signed in to the Azure CLI. Sources are never mixed.
      - V(env) uses only the environment, V(credential_file) only C(~/.azure/credentials), V(cli) only the Azure CLI.
      - V(msi) signs in as the managed identity of the machine or, with O(client_id), as a user-assigned one. Without
        O(subscription_id) it uses the first subscription that the identity can access. V(auto) never tries it.
      - Can be set by E(ANSIBLE_AZURE_AUTH_SOURCE). The default is V(auto).
    type: str
    choices: [auto, cli, credential_file, env, msi]
  profile:
    description:
      - A section of C(~/.azure/credentials) whose keys have the names of these options. Can be set by E(AZURE_PROFILE).
    type: str
  subscription_id:
    description:
      - The subscription, a GUID. It takes precedence over any in the credentials. Can be set by E(AZURE_SUBSCRIPTION_ID).
    type: str
  client_id:
    description:
      - The application (client) id of the service principal, or of a user-assigned managed identity.
      - If the values allow several ways to sign in, the module uses the first of O(oidc_token), O(oidc_token_file_path),
        O(secret), O(x509_certificate_path) and O(ad_user). Can be set by E(AZURE_CLIENT_ID).
    type: str
  secret:
    description:
      - The secret of the service principal. Can be set by E(AZURE_SECRET) or E(AZURE_CLIENT_SECRET).
    type: str
  tenant:
    description:
      - The tenant of the service principal. Can be set by E(AZURE_TENANT) or E(AZURE_TENANT_ID).
    type: str
  ad_user:
    description:
      - The name of a user who signs in with O(password), through the application O(client_id) or by default the Azure CLI's.
      - It does not work if a second factor is required. Can be set by E(AZURE_AD_USER).
    type: str
  password:
    description:
      - The password of O(ad_user). Can be set by E(AZURE_PASSWORD).
    type: str
  cloud_environment:
    description:
      - The cloud, as a name (V(AzureCloud), V(AzureChinaCloud), V(AzureUSGovernment), V(AzureGermanCloud)) or as the
        https URL of a Resource Manager that serves C(/metadata/endpoints), such as that of Azure Stack Hub.
      - It applies to all sources of credentials. Can be set by E(AZURE_CLOUD_ENVIRONMENT). The default is
        V(AzureCloud).
    type: str
  cert_validation_mode:
    description:
      - V(ignore) accepts any TLS certificate and warns. Set E(REQUESTS_CA_BUNDLE) to your certificate authority instead.
      - Can be set by E(AZURE_CERT_VALIDATION_MODE). The default is V(validate).
    type: str
    choices: [validate, ignore]
  api_profile:
    description:
      - Accepted for compatibility with azure.azcollection and ignored.
    type: str
  adfs_authority_url:
    description:
      - The sign-in URL, instead of the cloud's own. A URL that ends in C(/adfs) is an AD FS, which has no tenants.
      - Can be set by E(AZURE_ADFS_AUTHORITY_URL).
    type: str
  log_mode:
    description:
      - Accepted for compatibility with azure.azcollection and ignored.
    type: str
  log_path:
    description:
      - Accepted for compatibility with azure.azcollection and ignored.
    type: str
  x509_certificate_path:
    description:
      - A PEM file with a certificate of the service principal and its key, on the machine that runs the task.
      - Can be set by E(AZURE_X509_CERTIFICATE_PATH).
    type: path
  thumbprint:
    description:
      - Accepted for compatibility with azure.azcollection and not needed. Can be set by E(AZURE_THUMBPRINT).
    type: str
  disable_instance_discovery:
    description:
      - Do not ask Microsoft whether the sign-in endpoint is genuine. This is always so for clouds that are given by URL.
      - Can be set by E(AZURE_DISABLE_INSTANCE_DISCOVERY).
    type: bool
  oidc_token:
    description:
      - A token from another issuer that the service principal trusts, such as a CI pipeline. It is valid for minutes; if a task
        waits longer, use O(oidc_token_file_path). Can be set by E(AZURE_FEDERATED_TOKEN).
    type: str
  oidc_token_file_path:
    description:
      - A file with such a token, read again for each sign-in, as used by workload identity on Kubernetes. Can be set by
        E(AZURE_FEDERATED_TOKEN_FILE).
    type: path
requirements:
  - python >= 3.10
  - azure-identity >= 1.19.0
  - azure-mgmt-core >= 1.6.0
  - azure-mgmt-dataprotection >= 2.0.1
  - azure-mgmt-recoveryservicesbackup >= 9.1.0
notes:
  - The names, environment variables, credentials file and precedence are those of azure.azcollection, so profiles and
    Automation Controller's credential type I(Microsoft Azure Resource Manager) work with both. C(module_defaults) need the
    action group of this collection, C(group/holdfast.azure_backup.azure).
"""
