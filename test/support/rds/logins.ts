import { EventEmitter } from 'node:events';
import type { TokenRefusal, Verified } from './token-verifier';

/** Why a login was refused: the token, or `not-encrypted` without TLS, or `fault` when a test wanted it so. */
export type LoginRefusal = TokenRefusal | 'not-encrypted' | 'fault';

/** What is remembered of a login. Never the token. */
export type LoginRecord = AcceptedLogin | RefusedLogin;

export interface AcceptedLogin {
  readonly accepted: true;
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly user: string;
  /** Of the access key behind the token. */
  readonly accessKeyId: string;
  /** Seconds since the token was signed. */
  readonly tokenAgeSeconds: number;
}

export interface RefusedLogin {
  readonly accepted: false;
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly user: string;
  readonly reason: LoginRefusal;
}

/** The logins of a database so far. Emits `login` with each. */
export class Logins extends EventEmitter<{ login: [LoginRecord] }> {
  private readonly records: LoginRecord[] = [];

  /** Oldest first. */
  get all(): readonly LoginRecord[] {
    return this.records;
  }

  get acceptedCount(): number {
    return this.records.filter(record => record.accepted).length;
  }

  get refusedCount(): number {
    return this.records.length - this.acceptedCount;
  }

  /** How many were refused for each reason that occurred. */
  get refusedByReason(): Partial<Record<LoginRefusal, number>> {
    const counts: Partial<Record<LoginRefusal, number>> = {};
    for (const record of this.records) {
      if (!record.accepted) counts[record.reason] = (counts[record.reason] ?? 0) + 1;
    }
    return counts;
  }

  accepted(at: number, user: string, { accessKeyId, signedAt }: Verified): void {
    this.add({ accepted: true, at, user, accessKeyId, tokenAgeSeconds: (at - signedAt) / 1000 });
  }

  refused(at: number, user: string, reason: LoginRefusal): void {
    this.add({ accepted: false, at, user, reason });
  }

  private add(record: LoginRecord): void {
    this.records.push(record);
    this.emit('login', record);
  }
}
