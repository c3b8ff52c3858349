import { TerraformOutput, TerraformVariable } from 'cdktf';
import type { Construct } from 'constructs';
import { beforeAll, describe, expect, it } from 'vitest';
import { RdsTarget } from '../../../modules/database/rds-target';
import { CLUSTER, INSTANCE, PROXY } from '../../support/databases';
import { type Json, synth } from '../../support/synth';
import { reportNotRun, terraformCommand, terraformFolder } from '../../support/terraform';

/** Hides known values behind variables, so that constructs can't read them and Terraform has to. */
function hide<T extends object>(scope: Construct, prefix: string, known: T): T {
  const hidden = Object.entries(known).map(([key, value]) => {
    const type = typeof value === 'number' ? 'number' : 'string';
    const variable = new TerraformVariable(scope, `${prefix}_${key}`, { type, default: value });
    return [key, type === 'number' ? variable.numberValue : variable.stringValue];
  });
  return Object.fromEntries(hidden) as T;
}

if (terraformCommand === undefined) {
  reportNotRun('targets of unresolved databases', 'terraform was not found in PATH');
}

describe.runIf(terraformCommand)('what Terraform makes of a database it knows only at apply', () => {
  let outputs: Record<string, Json> = {};

  beforeAll(async () => {
    const { json } = synth(scope => {
      const user = 'app';
      const targets = {
        instance: RdsTarget.fromInstance(scope, 'i', { instance: hide(scope, 'i', INSTANCE), user }),
        cluster: RdsTarget.fromCluster(scope, 'c', { cluster: hide(scope, 'c', CLUSTER), user }),
        proxy: RdsTarget.fromProxy(scope, 'p', { proxy: hide(scope, 'p', PROXY), user }),
      };
      for (const [name, { host, port, region, connectArn }] of Object.entries(targets)) {
        new TerraformOutput(scope, name, { value: { host, port, region, connectArn } });
      }
    });
    const { terraform, outputs: read } = terraformFolder(json);
    await terraform('init', '-backend=false', '-input=false');
    await terraform('apply', '-auto-approve', '-input=false');
    outputs = await read();
  }, 120_000);

  it('is what is made of one that is known at synth', () => {
    expect(outputs).toEqual({
      instance: {
        host: INSTANCE.address,
        port: INSTANCE.port,
        region: 'eu-central-1',
        connectArn: 'arn:aws:rds-db:eu-central-1:111122223333:dbuser:db-ABCDEFGHIJKL01234/app',
      },
      cluster: {
        host: CLUSTER.endpoint,
        port: CLUSTER.port,
        region: 'eu-west-1',
        connectArn: 'arn:aws:rds-db:eu-west-1:111122223333:dbuser:cluster-ABCDEFGHIJKL01234/app',
      },
      proxy: {
        host: PROXY.endpoint,
        port: 5432,
        region: 'us-gov-west-1',
        connectArn: 'arn:aws-us-gov:rds-db:us-gov-west-1:444455556666:dbuser:prx-0123456789abcdef0/app',
      },
    });
  });
});
