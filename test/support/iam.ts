/**
 * Decides requests by IAM policies, as far as the policies of this project go: Allow statements with exact or
 * wildcard actions and resources, principals, and `StringEquals`. It refuses to judge what it doesn't know.
 */
import type { Json } from './synth';

export interface IamRequest {
  readonly action: string;
  /** ARN, or `*` for an action without one. @default - not asked for: a trust policy has no resource */
  readonly resource?: string;
  /** `Federated`, `Service` or `AWS`, and who. @default - not asked for: a role's policy has no principal */
  readonly principal?: { readonly type: string; readonly id: string };
  /** Condition keys of the request, as AWS or the caller set them. @default - none */
  readonly context?: Readonly<Record<string, string>>;
}

/** A statement of the policy language. */
interface Statement {
  readonly Effect: string;
  readonly Action: string | readonly string[];
  readonly Resource?: string | readonly string[];
  readonly Principal?: Readonly<Record<string, string | readonly string[]>>;
  readonly Condition?: Readonly<Record<string, Readonly<Record<string, string | readonly string[]>>>>;
}

/** Whether a policy, as IAM stores it, allows the request. */
export function allows(policy: { readonly Statement: readonly Statement[] }, request: IamRequest): boolean {
  return [policy.Statement].flat().some(statement => matches(statement, request));
}

/** The policy that the configuration of an `aws_iam_policy_document` data source stands for. */
export function policyOf(document: Json): { readonly Statement: readonly Statement[] } {
  return {
    Statement: document.statement.map((statement: Json) => ({
      Effect: statement.effect ?? 'Allow',
      Action: statement.actions,
      ...(statement.resources && { Resource: statement.resources }),
      ...(statement.principals && {
        Principal: Object.fromEntries(statement.principals.map((p: Json) => [p.type, p.identifiers])),
      }),
      ...(statement.condition && { Condition: conditionsOf(statement.condition) }),
    })),
  };
}

function conditionsOf(conditions: Json[]): Record<string, Record<string, string[]>> {
  const byTest: Record<string, Record<string, string[]>> = {};
  for (const { test, variable, values } of conditions) {
    byTest[test] = { ...byTest[test], [variable]: values };
  }
  return byTest;
}

function matches(statement: Statement, request: IamRequest): boolean {
  if (statement.Effect !== 'Allow') throw new Error(`can't judge a statement of effect ${statement.Effect}`);
  return (
    anyMatches(statement.Action, request.action) &&
    (statement.Resource === undefined
      ? request.resource === undefined
      : request.resource !== undefined && anyMatches(statement.Resource, request.resource)) &&
    principalMatches(statement.Principal, request.principal) &&
    conditionMatches(statement.Condition ?? {}, request.context ?? {})
  );
}

function principalMatches(allowed: Statement['Principal'], principal: IamRequest['principal']): boolean {
  if (allowed === undefined || principal === undefined)
    return allowed === undefined && principal === undefined;
  return [allowed[principal.type] ?? []].flat().includes(principal.id);
}

function conditionMatches(
  conditions: NonNullable<Statement['Condition']>,
  context: NonNullable<IamRequest['context']>,
): boolean {
  return Object.entries(conditions).every(([test, keys]) => {
    if (test !== 'StringEquals') throw new Error(`can't judge a condition ${test}`);
    return Object.entries(keys).every(([key, values]) => [values].flat().includes(context[key] ?? ''));
  });
}

function anyMatches(patterns: string | readonly string[], value: string): boolean {
  return [patterns].flat().some(pattern => {
    const escaped = pattern
      .replace(/[.+^${}()|[\]\\]/g, '\\$&')
      .replaceAll('*', '.*')
      .replaceAll('?', '.');
    return new RegExp(`^${escaped}$`).test(value);
  });
}
