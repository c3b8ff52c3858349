/** The example's environment with what must differ on this machine, and nothing else. Pure. */
import type { DatabaseConfig, EnvironmentInput } from '../../stacks/config';

export interface ThisMachine {
  readonly databaseHost: string;
  readonly databasePort: number;
  /** Of PgBouncer, such as `1.24.1`. */
  readonly pgbouncerVersion: string;
}

/** The login that the demo shows. */
export type Login = Pick<DatabaseConfig, 'name' | 'user' | 'database'>;

/** @throws if there is no PostgreSQL among the databases */
export function findLogin({ databases }: EnvironmentInput): Login {
  const login = databases.find(({ engine = 'postgres' }) => engine === 'postgres');
  if (login === undefined) throw new Error('the example has no PostgreSQL database');
  return login;
}

export function demoEnvironment(example: EnvironmentInput, machine: ThisMachine): EnvironmentInput {
  const { name, user, database } = findLogin(example);
  return {
    ...example,
    databases: [
      {
        kind: 'attributes',
        name,
        user,
        database,
        host: machine.databaseHost,
        port: machine.databasePort,
        region: example.aws.region,
        resourceId: 'db-ABCDEFGHIJKLMNOPQRSTUVWXYZ',
        account: '111122223333',
        partition: 'aws',
      },
    ],
    pgbouncer: {
      ...example.pgbouncer,
      image: `this-machine/pgbouncer:${machine.pgbouncerVersion}`,
      version: machine.pgbouncerVersion,
      // So that logins are frequent enough for a stale token to show.
      serverLifetimeSeconds: 1,
    },
  };
}
