import { DataAwsDbInstance } from '@cdktf/provider-aws/lib/data-aws-db-instance';
import { DbInstance } from '@cdktf/provider-aws/lib/db-instance';
import { DbProxy } from '@cdktf/provider-aws/lib/db-proxy';
import { RdsCluster } from '@cdktf/provider-aws/lib/rds-cluster';
import { TerraformOutput } from 'cdktf';
import type { Construct } from 'constructs';
import { describe, expect, it } from 'vitest';
import { RdsTarget } from '../../../modules/database/rds-target';
import { CLUSTER, INSTANCE, PROXY } from '../../support/databases';
import { synth, testStack } from '../../support/synth';

/** Makes a target from known values and gives it back. */
function make(build: (scope: Construct) => RdsTarget): RdsTarget {
  return build(testStack());
}

/** Synthesizes the fields of a target as outputs. */
function resolved(build: (scope: Construct) => RdsTarget) {
  const stack = synth(scope => {
    const target = build(scope);
    for (const [name, value] of Object.entries(target)) new TerraformOutput(scope, name, { value });
  });
  return (field: keyof RdsTarget) => stack.output(field);
}

describe('an instance', () => {
  it('gives where to connect and the arn that allows it, from one value', () => {
    expect(
      make(scope => RdsTarget.fromInstance(scope, 'orders', { instance: INSTANCE, user: 'app' })),
    ).toEqual({
      name: 'orders',
      engine: 'postgres',
      host: 'orders.cxample12345.eu-central-1.rds.amazonaws.com',
      port: 5433,
      user: 'app',
      region: 'eu-central-1',
      connectArn: 'arn:aws:rds-db:eu-central-1:111122223333:dbuser:db-ABCDEFGHIJKL01234/app',
    });
  });

  it('takes everything from the resource, known or not', () => {
    const field = resolved(scope => {
      const instance = new DbInstance(scope, 'Db', { instanceClass: 'db.t4g.micro' });
      return RdsTarget.fromInstance(scope, 'orders', { instance, user: 'app' });
    });
    const part = (index: number) => `\${element(split(":", aws_db_instance.Db.arn), ${index})}`;
    expect(field('host')).toBe('${aws_db_instance.Db.address}');
    expect(field('port')).toBe('${aws_db_instance.Db.port}');
    expect(field('region')).toBe(part(3));
    expect(field('connectArn')).toBe(
      `arn:${part(1)}:rds-db:${part(3)}:${part(4)}:dbuser:\${aws_db_instance.Db.resource_id}/app`,
    );
  });

  it('takes the arn of the data source, which has another name there', () => {
    const field = resolved(scope => {
      const instance = new DataAwsDbInstance(scope, 'Db', { dbInstanceIdentifier: 'orders' });
      return RdsTarget.fromInstance(scope, 'orders', { instance, user: 'app' });
    });
    expect(field('region')).toBe('${element(split(":", data.aws_db_instance.Db.db_instance_arn), 3)}');
  });

  it('refuses one without an arn', () => {
    const { arn: _, ...instance } = INSTANCE;
    expect(() => make(scope => RdsTarget.fromInstance(scope, 'orders', { instance, user: 'app' }))).toThrow(
      'the instance of "orders" has no arn: pass arn with it, or use RdsTarget.fromAttributes',
    );
  });

  it('refuses the arn of something else', () => {
    const instance = { ...INSTANCE, arn: CLUSTER.arn };
    expect(() => make(scope => RdsTarget.fromInstance(scope, 'orders', { instance, user: 'app' }))).toThrow(
      '"arn:aws:rds:eu-west-1:111122223333:cluster:orders" is not the arn of this kind of database: ' +
        'pass one like arn:aws:rds:<region>:<account>:db:<id>',
    );
  });
});

describe('a cluster', () => {
  it.each([
    [undefined, CLUSTER.endpoint],
    ['writer', CLUSTER.endpoint],
    ['reader', CLUSTER.readerEndpoint],
  ] as const)('endpoint %s', (endpoint, host) => {
    const target = make(scope =>
      RdsTarget.fromCluster(scope, 'orders', { cluster: CLUSTER, user: 'app', endpoint, engine: 'mysql' }),
    );
    expect(target).toMatchObject({ host, port: 3307, engine: 'mysql', region: 'eu-west-1' });
    expect(target.connectArn).toBe(
      'arn:aws:rds-db:eu-west-1:111122223333:dbuser:cluster-ABCDEFGHIJKL01234/app',
    );
  });

  it('takes everything from the resource', () => {
    const field = resolved(scope => {
      const cluster = new RdsCluster(scope, 'Db', { engine: 'aurora-postgresql' });
      return RdsTarget.fromCluster(scope, 'orders', { cluster, user: 'app', endpoint: 'reader' });
    });
    expect(field('host')).toBe('${aws_rds_cluster.Db.reader_endpoint}');
    expect(field('connectArn')).toContain(':dbuser:${aws_rds_cluster.Db.cluster_resource_id}/app');
  });
});

describe('a proxy', () => {
  it('is named by the last segment of its own arn, in its own partition', () => {
    expect(make(scope => RdsTarget.fromProxy(scope, 'orders', { proxy: PROXY, user: 'app' }))).toMatchObject({
      host: PROXY.endpoint,
      port: 5432,
      region: 'us-gov-west-1',
      connectArn: 'arn:aws-us-gov:rds-db:us-gov-west-1:444455556666:dbuser:prx-0123456789abcdef0/app',
    });
  });

  it('has the port of its engine', () => {
    const port = (props: { engine?: 'postgres' | 'mysql'; port?: number }) =>
      make(scope => RdsTarget.fromProxy(scope, 'orders', { proxy: PROXY, user: 'app', ...props })).port;
    expect(port({ engine: 'postgres' })).toBe(5432);
    expect(port({ engine: 'mysql' })).toBe(3306);
    expect(port({ engine: 'mysql', port: 3307 })).toBe(3307);
  });

  it('leaves an unresolved arn to Terraform', () => {
    const field = resolved(scope => {
      const proxy = new DbProxy(scope, 'Proxy', {
        name: 'orders',
        engineFamily: 'POSTGRESQL',
        roleArn: 'arn:aws:iam::111122223333:role/proxy',
        vpcSubnetIds: ['subnet-1', 'subnet-2'],
      });
      return RdsTarget.fromProxy(scope, 'orders', { proxy, user: 'app' });
    });
    expect(field('connectArn')).toContain(':dbuser:${element(split(":", aws_db_proxy.Proxy.arn), 6)}/app');
  });
});

describe('attributes', () => {
  const attributes = {
    host: 'orders.cxample12345.eu-central-1.rds.amazonaws.com',
    resourceId: 'db-ABCDEFGHIJKL01234',
    user: 'app',
  };

  it('are taken as given, without a look-up', () => {
    const stack = synth(scope => {
      const target = RdsTarget.fromAttributes(scope, 'orders', {
        ...attributes,
        host: 'orders.cxample12345.rds.cn-north-1.amazonaws.com.cn',
        port: 6000,
        region: 'cn-north-1',
        account: '111122223333',
        partition: 'aws-cn',
        name: 'orders-rw',
      });
      expect(target).toMatchObject({ name: 'orders-rw', port: 6000 });
      expect(target.connectArn).toBe(
        'arn:aws-cn:rds-db:cn-north-1:111122223333:dbuser:db-ABCDEFGHIJKL01234/app',
      );
    });
    expect(stack.json.data).toBeUndefined();
    expect(stack.warnings).toEqual([]);
  });

  it('are asked of the provider where left out, but the Region is read from the host', () => {
    const stack = synth(scope => {
      const target = RdsTarget.fromAttributes(scope, 'orders', attributes);
      expect(target.region).toBe('eu-central-1');
      new TerraformOutput(scope, 'arn', { value: target.connectArn });
    });
    expect(stack.output('arn')).toMatch(
      /^arn:\$\{data\.aws_partition\.[\w-]+\.partition}:rds-db:eu-central-1:\$\{data\.aws_caller_identity\.[\w-]+\.account_id}:dbuser:db-ABCDEFGHIJKL01234\/app$/,
    );
    expect(Object.keys(stack.json.data)).toEqual(['aws_caller_identity', 'aws_partition']);
  });

  it('ask for the Region only where the host does not say it', () => {
    const stack = synth(scope => {
      const host = new DbInstance(scope, 'Db', { instanceClass: 'db.t4g.micro' }).address;
      const target = RdsTarget.fromAttributes(scope, 'orders', { ...attributes, host });
      new TerraformOutput(scope, 'region', { value: target.region });
    });
    // `id` is there in version 5 and 6 of the provider; `name` and `region` aren't both.
    expect(stack.output('region')).toMatch(/^\$\{data\.aws_region\.[\w-]+\.id\}$/);
  });
});

describe('what is refused', () => {
  const with_ = (change: Partial<Parameters<typeof RdsTarget.fromAttributes>[2]>) => () =>
    make(scope =>
      RdsTarget.fromAttributes(scope, 'orders', {
        host: 'orders.cxample12345.eu-central-1.rds.amazonaws.com',
        resourceId: 'db-ABCDEFGHIJKL01234',
        user: 'app',
        account: '111122223333',
        partition: 'aws',
        ...change,
      }),
    );

  it.each([
    [
      { resourceId: 'db-orders' },
      '"db-orders" is not a resource id: pass the one like db-ABCDEFGHIJKL01234, cluster-... or prx-..., not the identifier of the instance or cluster',
    ],
    [{ resourceId: 'orders' }, '"orders" is not a resource id'],
    [{ resourceId: '' }, '"" is not a resource id'],
    [{ user: '' }, 'the database user is empty: pass the user that has the rds_iam role'],
    [
      { user: '*' },
      'database user "*" is a wildcard, which would allow every user that matches: make a target a user',
    ],
    [{ user: 'app_?' }, 'database user "app_?" is a wildcard'],
    [
      { user: 'app user' },
      'database user "app user" holds white space or control characters: pass the bare name',
    ],
    [{ user: 'app\n' }, 'database user "app\\n" holds white space or control characters'],
    [{ user: 'app\u0000' }, 'database user "app\\u0000" holds white space or control characters'],
    [
      { user: '${aws:username}' },
      'database user "${aws:username}" holds a policy variable, which IAM would replace: pass the name itself',
    ],
    [{ user: 'a'.repeat(64) }, 'has 64 characters: a name has at most 63'],
    [
      { host: 'postgres://orders.cxample12345.eu-central-1.rds.amazonaws.com' },
      'is not a host name: pass it without scheme and path',
    ],
    [{ host: 'orders.example.com/db' }, 'is not a host name: pass it without scheme and path'],
    [
      { host: 'orders.cxample12345.eu-central-1.rds.amazonaws.com:5432' },
      'carries a port: pass the name alone, and the port as port',
    ],
    [
      { host: '10.0.0.7' },
      'host "10.0.0.7" is an IP address: pass the endpoint name that RDS shows, since the token is signed for it',
    ],
    [{ host: 'fd00::7' }, 'host "fd00::7" is an IP address'],
    [
      { host: 'Orders.cxample12345.eu-central-1.rds.amazonaws.com' },
      'has capital letters: pass "orders.cxample12345.eu-central-1.rds.amazonaws.com", since RDS compares the signed name exactly',
    ],
    [{ host: '-orders..x' }, 'host "-orders..x" is not a host name: pass the endpoint that RDS shows'],
    [{ host: '' }, 'host "" is not a host name'],
    [{ port: 0 }, 'port 0 is not a port: pass a whole number from 1 to 65535'],
    [{ port: 5432.5 }, 'port 5432.5 is not a port'],
    [{ port: 65_536 }, 'port 65536 is not a port'],
    [
      { region: 'eu-central-1a' },
      '"eu-central-1a" is not an AWS Region: pass one such as eu-central-1, not an Availability Zone',
    ],
    [
      { region: 'us-east-1' },
      'region "us-east-1" is not the Region of host "orders.cxample12345.eu-central-1.rds.amazonaws.com", which is "eu-central-1": a token signed for another Region is refused',
    ],
    [{ account: '1234' }, '"1234" is not an AWS account id: pass its 12 digits, as text'],
    [{ partition: 'china' }, '"china" is not an AWS partition: pass one such as aws, aws-cn or aws-us-gov'],
    [
      { name: 'Orders DB' },
      '"Orders DB" can\'t label a target in logs and metrics: pass a name of 1 to 63 of a-z, 0-9 and "-", known at synth',
    ],
  ])('%o', (change, message) => {
    expect(with_(change)).toThrow(message);
  });

  it('nothing of what is right', () => {
    expect(with_({})).not.toThrow();
    expect(with_({ user: 'app.user+rw@x', port: 65_535, name: 'a' })).not.toThrow();
  });
});

describe('a host that RDS did not give out', () => {
  const warnings = (host: string) =>
    synth(scope => {
      RdsTarget.fromAttributes(scope, 'orders', {
        host,
        resourceId: 'db-ABCDEFGHIJKL01234',
        user: 'app',
        region: 'eu-central-1',
      });
    }).warnings;

  it('is a warning, since it can only be a CNAME', () => {
    expect(warnings('db.example.com')).toEqual([
      'host "db.example.com" is not a name that RDS gives out: a token signed for a CNAME is refused with ' +
        '"PAM authentication failed"; pass the endpoint that RDS shows',
    ]);
    // The suffix alone doesn't make it one.
    expect(warnings('db.eu-central-1.rds.amazonaws.com.example.com')).toHaveLength(1);
  });

  it('is none for the names of instances, clusters and proxies', () => {
    expect(warnings('orders.cxample12345.eu-central-1.rds.amazonaws.com')).toEqual([]);
    expect(warnings('orders.cluster-ro-cxample12345.eu-central-1.rds.amazonaws.com')).toEqual([]);
    expect(warnings('orders.proxy-cxample12345.eu-central-1.rds.amazonaws.com')).toEqual([]);
  });
});
