import { readFileSync } from 'node:fs';
import { USER } from '../../support/login-path';
import type { CredentialRegistry } from '../../support/rds/credential-registry';
import type { RdsStandIn } from '../../support/rds/rds-stand-in';
import { verifyToken } from '../../support/rds/token-verifier';

/** The token of the load's user in a userlist; undefined where there is none. */
export function tokenIn(userlist: string): string | undefined {
  return new RegExp(`^"${USER}" "([^"\\n]+)"$`, 'm').exec(userlist)?.[1];
}

/** What lies on the volume, judged as the database would: the truth that the refresher's own word is held against. */
export class PublishedToken {
  /** Every token seen, for the search for secrets in outputs. */
  readonly seen = new Set<string>();

  constructor(
    private readonly userlist: string,
    private readonly rds: RdsStandIn,
    private readonly registry: CredentialRegistry,
  ) {}

  /** Whether the published token would log in now. */
  isValid(now = Date.now()): boolean {
    const token = this.read();
    if (token === undefined) return false;
    this.seen.add(token);
    const { host, port, region, tokenValiditySeconds } = this.rds;
    const database = { host, port, region, tokenValiditySeconds };
    return verifyToken({ user: USER, token }, database, this.registry, now).ok;
  }

  private read(): string | undefined {
    try {
      return tokenIn(readFileSync(this.userlist, 'utf8'));
    } catch {
      return undefined;
    }
  }
}
