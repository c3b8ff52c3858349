import pino, { type Logger } from 'pino';
import type { RefresherConfig } from './config/schema';

export type { Logger };

const MASK = '[redacted]';

/** What gives a login away whatever line it strays into: the signed parts of a token. */
const SIGNED_PARTS = /(X-Amz-(?:Signature|Security-Token|Credential)=)[^&\s"'\\]+/gi;

/**
 * Secrets seen by this process, for the last line of defence: no code logs one on purpose, but an error from a
 * library might quote what it was given.
 */
export class SecretMask {
  // Renewed credentials replace old ones every hour or so; the last few are enough for late errors.
  private static readonly KEPT = 64;
  private readonly secrets = new Set<string>();

  /** Short values are left out: masking them would garble ordinary words. */
  add(...secrets: (string | undefined)[]): void {
    for (const secret of secrets) {
      if (secret === undefined || secret.length < 8 || this.secrets.has(secret)) continue;
      this.secrets.add(secret);
      if (this.secrets.size > SecretMask.KEPT) {
        for (const oldest of this.secrets) {
          this.secrets.delete(oldest);
          break;
        }
      }
    }
  }

  apply(text: string): string {
    let masked = text.replaceAll(SIGNED_PARTS, `$1${MASK}`);
    for (const secret of this.secrets) masked = masked.replaceAll(secret, MASK);
    return masked;
  }
}

/** JSON lines on standard output, every one of them masked. */
export function createLogger(level: RefresherConfig['logLevel'], mask: SecretMask): Logger {
  return pino({
    level,
    // Process id and host name are the pod's already.
    base: undefined,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: label => ({ level: label }) },
    hooks: { streamWrite: line => mask.apply(line) },
  });
}
