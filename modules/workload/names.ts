import { isUnresolved } from './unresolved';

const DNS_LABEL = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;
/** IANA_SVC_NAME: at most 15 characters, with a letter, and no two hyphens in a row. */
const PORT_NAME = /^(?=.{1,15}$)(?=.*[a-z])[a-z0-9]+(-[a-z0-9]+)*$/;
const LABEL_VALUE = /^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$/;
const ENV_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

/**
 * Source of the rules: https://kubernetes.io/docs/concepts/overview/working-with-objects/names/ and
 * https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/
 */
function requireMatch(pattern: RegExp, what: string, value: string, rule: string): void {
  if (isUnresolved(value) || pattern.test(value)) return;
  throw new Error(`${what} "${value}" is invalid: ${rule}`);
}

export function requireDnsLabel(what: string, value: string): void {
  requireMatch(
    DNS_LABEL,
    what,
    value,
    'use 1 to 63 of a-z, 0-9 and "-", not starting or ending with "-" (a DNS label)',
  );
}

export function requirePortName(what: string, value: string): void {
  requireMatch(PORT_NAME, what, value, 'use 1 to 15 of a-z, 0-9 and single "-", with at least one letter');
}

export function requireLabelValue(what: string, value: string): void {
  requireMatch(
    LABEL_VALUE,
    what,
    value,
    'use at most 63 of a-z, A-Z, 0-9, "-", "_" and ".", starting and ending with a letter or digit',
  );
}

export function requireEnvName(what: string, value: string): void {
  requireMatch(ENV_NAME, what, value, 'use a-z, A-Z, 0-9 and "_", not starting with a digit');
}

/** Ports are 1 to 65535. */
export function requirePort(what: string, value: number): void {
  if (isUnresolved(value)) return;
  if (!Number.isInteger(value) || value < 1 || value > 65_535) {
    throw new Error(`${what} is ${value}: use a whole number from 1 to 65535`);
  }
}
