import type { PolicyGrant } from '../identity/workload-identity';
import type { RdsTarget } from './rds-target';

/** Statement id for a label: IAM takes letters and digits only. */
function sidOf(name: string): string {
  const words = name.split('-').filter(word => word !== '');
  return `RdsConnect${words.map(word => word.charAt(0).toUpperCase() + word.slice(1)).join('')}`;
}

/** The one permission that a login takes: `rds-db:connect` as this user of this database. */
export function connectGrant(target: RdsTarget): PolicyGrant {
  return { sid: sidOf(target.name), actions: ['rds-db:connect'], resources: [target.connectArn] };
}
