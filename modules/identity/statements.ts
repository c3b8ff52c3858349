import { Token } from 'cdktf';
import type { PolicyGrant } from './workload-identity';

/**
 * Actions that IAM can't limit to a resource, among those that a sidecar has a use for.
 * Source: the "Resource types" column of https://docs.aws.amazon.com/service-authorization/latest/reference/
 */
const ACTIONS_WITHOUT_RESOURCE: ReadonlySet<string> = new Set([
  'cloudwatch:PutMetricData',
  'ecr:GetAuthorizationToken',
  'sts:GetCallerIdentity',
  'xray:PutTelemetryRecords',
  'xray:PutTraceSegments',
]);

/**
 * Adds a grant to those of a role: the same one twice is one, and one with the same id and actions adds its
 * resources. The result is ordered by statement id, so the order of the calls doesn't show in a plan.
 *
 * @throws if the grant allows more than it has to, or its id is taken by a grant of other actions
 */
export function mergeGrant(grants: readonly PolicyGrant[], grant: PolicyGrant): PolicyGrant[] {
  checkGrant(grant);
  const known = grants.find(({ sid }) => sid === grant.sid);
  if (known !== undefined && !sameSet(known.actions, grant.actions)) {
    throw new Error(
      `grant "${grant.sid}" of ${list(grant.actions)} was made before with ${list(known.actions)}: ` +
        'give each its own sid',
    );
  }
  const merged: PolicyGrant = {
    sid: grant.sid,
    actions: known?.actions ?? unique(grant.actions),
    resources: unique([...(known?.resources ?? []), ...grant.resources]),
  };
  return [...grants.filter(other => other !== known), merged].sort((a, b) => (a.sid < b.sid ? -1 : 1));
}

/** The statement as IAM writes it, for a person to add by hand. */
export function describeStatement({ sid, actions, resources }: PolicyGrant): string {
  const statement = { Sid: sid, Effect: 'Allow', Action: actions, Resource: resources };
  return JSON.stringify(statement).replace(/\$\{TfToken\[[^\]]*\]\}/g, '<known after apply>');
}

function checkGrant({ sid, actions, resources }: PolicyGrant): void {
  if (!/^[A-Za-z0-9]+$/.test(sid)) {
    throw new Error(`"${sid}" is not a statement id: use letters and digits only`);
  }
  if (actions.length === 0) throw new Error(`grant "${sid}" has no actions: name at least one`);
  if (resources.length === 0) throw new Error(`grant "${sid}" has no resources: name at least one arn`);
  for (const action of actions) {
    if (!/^[a-z0-9-]+:[A-Za-z0-9]+$/.test(action)) {
      throw new Error(
        `"${action}" of grant "${sid}" is not one action: name each as service:Action, without "*"`,
      );
    }
  }
  for (const resource of resources) checkResource(sid, actions, resource);
}

function checkResource(sid: string, actions: readonly string[], resource: string): void {
  if (resource === '*') {
    const limitable = actions.filter(action => !ACTIONS_WITHOUT_RESOURCE.has(action));
    if (limitable.length === 0) return;
    throw new Error(`grant "${sid}" allows ${list(limitable)} on "*": name the arns it is for`);
  }
  if (!Token.isUnresolved(resource) && !/^arn:/.test(resource)) {
    throw new Error(
      `"${resource}" of grant "${sid}" is not an arn: pass one such as arn:aws:s3:::bucket/key`,
    );
  }
  if (actions.includes('rds-db:connect') && /[*?]/.test(resource)) {
    throw new Error(
      `grant "${sid}" allows rds-db:connect on "${resource}": name one user of one database, without a wildcard`,
    );
  }
}

function unique(values: readonly string[]): string[] {
  return [...new Set(values)];
}

function sameSet(a: readonly string[], b: readonly string[]): boolean {
  return a.every(value => b.includes(value)) && b.every(value => a.includes(value));
}

function list(actions: readonly string[]): string {
  return actions.join(', ');
}
