// Copyright (c) 2026 The holdfast.azure_backup authors
// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later
//
// A virtual machine backed up by Microsoft's JavaScript clients, from a resource group to the removal of its vault. What each
// step gave is written as one JSON object; test_javascript.py looks at it.

"use strict";

const { ClientSecretCredential } = require("@azure/identity");
const { RecoveryServicesClient } = require("@azure/arm-recoveryservices");
const { RecoveryServicesBackupClient } = require("@azure/arm-recoveryservicesbackup");
const { ResourceManagementClient } = require("@azure/arm-resources");

const { URL_OF_AZURE, SUBSCRIPTION, TENANT, CLIENT, SECRET } = process.env;
const GROUP = "js-rg";
const VAULT = "js-vault";
const FABRIC = "Azure";
const MACHINE = `/subscriptions/${SUBSCRIPTION}/resourceGroups/demo-rg/providers/Microsoft.Compute/virtualMachines/web01`;
const CONTAINER = "IaasVMContainer;iaasvmcontainerv2;demo-rg;web01";
const ITEM = "VM;iaasvmcontainerv2;demo-rg;web01";

const credential = new ClientSecretCredential(TENANT, CLIENT, SECRET, {
  authorityHost: URL_OF_AZURE,
  disableInstanceDiscovery: true,
});
const options = { endpoint: URL_OF_AZURE, credentialScopes: [`${URL_OF_AZURE}/.default`] };
const groups = new ResourceManagementClient(credential, SUBSCRIPTION, options);
const vaults = new RecoveryServicesClient(credential, SUBSCRIPTION, options);
const backup = new RecoveryServicesBackupClient(credential, SUBSCRIPTION, options);

const every = async (pages) => {
  const found = [];
  for await (const one of pages) found.push(one);
  return found;
};
const until = async (look, isOver) => {
  for (let turn = 0; turn < 300; turn += 1) {
    const seen = await look();
    if (isOver(seen)) return seen;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error("it did not end");
};

async function main() {
  const told = {};
  told.absent = (await groups.resourceGroups.checkExistence(GROUP)).body;
  await groups.resourceGroups.createOrUpdate(GROUP, { location: "westeurope" });
  told.present = (await groups.resourceGroups.checkExistence(GROUP)).body;
  told.groups = (await every(groups.resourceGroups.list())).map((one) => one.name);

  const made = await vaults.vaults.beginCreateOrUpdateAndWait(
    GROUP,
    VAULT,
    { location: "westeurope", sku: { name: "RS0", tier: "Standard" }, properties: { publicNetworkAccess: "Enabled" } },
    { updateIntervalInMs: 100 },
  );
  told.vault = made.properties.provisioningState;
  // Ids are asked for as they are, so that the path begins with two slashes.
  told.byId = (await groups.resources.getById(made.id, "2024-04-01")).name;
  const updated = await vaults.vaults.beginUpdateAndWait(GROUP, VAULT, { tags: { owner: "js" } }, { updateIntervalInMs: 100 });
  told.tags = updated.tags;
  const config = await backup.backupResourceVaultConfigs.get(VAULT, GROUP);
  told.softDelete = config.properties.softDeleteFeatureState;
  await backup.backupResourceVaultConfigs.update(VAULT, GROUP, {
    properties: { softDeleteFeatureState: "Disabled", enhancedSecurityState: "Disabled" },
  });

  const policies = await every(backup.backupPolicies.list(VAULT, GROUP));
  told.policies = policies.map((one) => one.name).sort();
  const policy = policies.find((one) => one.name === "DefaultPolicy");
  const copied = await backup.protectionPolicies.createOrUpdate(VAULT, GROUP, "copied", { properties: policy.properties });
  told.copied = copied.properties.retentionPolicy.dailySchedule.retentionDuration;

  told.status = (await backup.backupStatus.get("westeurope", { resourceType: "VM", resourceId: MACHINE })).protectionStatus;
  told.protectable = (await every(backup.backupProtectableItems.list(VAULT, GROUP))).map((one) => one.properties.friendlyName);
  await backup.protectedItems.createOrUpdate(VAULT, GROUP, FABRIC, CONTAINER, ITEM, {
    properties: { protectedItemType: "Microsoft.Compute/virtualMachines", sourceResourceId: MACHINE, policyId: copied.id },
  });
  const item = await until(
    () => backup.protectedItems.get(VAULT, GROUP, FABRIC, CONTAINER, ITEM).catch(() => null),
    (one) => one && one.properties.policyId,
  );
  told.state = item.properties.protectionState;
  await backup.backups.trigger(VAULT, GROUP, FABRIC, CONTAINER, ITEM, {
    properties: { objectType: "IaasVMBackupRequest", recoveryPointExpiryTimeInUTC: new Date("2040-01-01T00:00:00Z") },
  });
  const job = await until(
    async () => (await every(backup.backupJobs.list(VAULT, GROUP))).find((one) => one.properties.operation === "Backup"),
    (one) => one && one.properties.status !== "InProgress",
  );
  told.job = (await backup.jobDetails.get(VAULT, GROUP, job.name)).properties.status;
  told.points = (await every(backup.recoveryPoints.list(VAULT, GROUP, FABRIC, CONTAINER, ITEM))).length;
  await backup.protectedItems.delete(VAULT, GROUP, FABRIC, CONTAINER, ITEM);
  await until(
    () => every(backup.backupProtectedItems.list(VAULT, GROUP)),
    (items) => items.length === 0,
  );
  // The status of this operation is 404 once the vault is gone (recorded), which this client takes for a failure.
  await vaults.vaults.beginDeleteAndWait(GROUP, VAULT, { updateIntervalInMs: 100 }).catch((error) => {
    if (error.statusCode !== 404) throw error;
  });
  await until(
    () => every(vaults.vaults.listByResourceGroup(GROUP)),
    (left) => left.length === 0,
  );
  await groups.resourceGroups.beginDeleteAndWait(GROUP, { updateIntervalInMs: 100 });
  told.gone = (await groups.resourceGroups.checkExistence(GROUP)).body;
  console.log(JSON.stringify(told));
}

main().catch((error) => {
  console.error(`${error.name}: ${error.code || ""} ${error.message}\n${error.stack}`);
  process.exit(1);
});
