import type { RdsTarget } from '../../../modules/database/rds-target';

/** A login with everything known. */
export function target(overrides: Partial<RdsTarget> = {}): RdsTarget {
  return {
    name: 'orders',
    engine: 'postgres',
    host: 'orders.abc123.eu-central-1.rds.amazonaws.com',
    port: 5432,
    user: 'app',
    region: 'eu-central-1',
    connectArn: 'arn:aws:rds-db:eu-central-1:111122223333:dbuser:db-ABCDEFGHIJKL01234/app',
    ...overrides,
  };
}
