import { describe, expect, it } from 'vitest';
import { connectGrant } from '../../../modules/database/connect-grant';
import { RdsTarget } from '../../../modules/database/rds-target';
import { INSTANCE } from '../../support/databases';
import { testStack } from '../../support/synth';

describe('connectGrant', () => {
  it('allows this user of this database and nothing else', () => {
    const target = RdsTarget.fromInstance(testStack(), 'orders-read-only', {
      instance: INSTANCE,
      user: 'app',
    });
    expect(connectGrant(target)).toEqual({
      sid: 'RdsConnectOrdersReadOnly',
      actions: ['rds-db:connect'],
      resources: ['arn:aws:rds-db:eu-central-1:111122223333:dbuser:db-ABCDEFGHIJKL01234/app'],
    });
  });
});
