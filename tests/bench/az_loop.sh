#!/usr/bin/env bash
# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Protects disks one after another with az rest: az_loop.sh VAULT_ID DISK_ID...
set -euo pipefail
vault=$1
shift
group=${vault%%/providers/*}
version="?api-version=2025-07-01"
for disk in "$@"; do
  name=${disk##*/}
  source="{\"datasourceType\": \"Microsoft.Compute/disks\", \"objectType\": \"Datasource\", \"resourceID\": \"$disk\",
    \"resourceLocation\": \"westeurope\", \"resourceName\": \"$name\", \"resourceType\": \"Microsoft.Compute/disks\",
    \"resourceUri\": \"$disk\"}"
  store="{\"dataStoreType\": \"OperationalStore\", \"objectType\": \"AzureOperationalStoreParameters\",
    \"resourceGroupId\": \"$group\"}"
  policy="{\"policyId\": \"$vault/backupPolicies/disks\",
    \"policyParameters\": {\"dataStoreParametersList\": [$store]}}"
  instance="{\"dataSourceInfo\": $source, \"friendlyName\": \"$name\", \"objectType\": \"BackupInstance\",
    \"policyInfo\": $policy}"
  url="$vault/backupInstances/$name-$name-bench$version"
  az rest --method post --url "$vault/validateForBackup$version" --body "{\"backupInstance\": $instance}" > /dev/null
  az rest --method put --url "$url" --body "{\"properties\": $instance}" > /dev/null
  until [ "$(az rest --method get --url "$url" --query properties.currentProtectionState -o tsv)" = ProtectionConfigured ]; do
    sleep "$BENCH_POLL_INTERVAL"
  done
done
