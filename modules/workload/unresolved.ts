import { Token } from 'cdktf';

/** Whether a value is known only to Terraform. Checks on such a value are left to the provider. */
export function isUnresolved(value: unknown): boolean {
  return Token.isUnresolved(value);
}

/** A number as text. An unresolved one becomes its interpolation, where `String()` would write the token's number. */
export function numberText(value: number): string {
  return isUnresolved(value) ? Token.asString(value) : String(value);
}
