import type { CredentialRegistry, Credentials } from '../../support/rds/credential-registry';

/** A token's signature or session token in plain sight, whoever's it is. */
const SIGNED = /X-Amz-(?:Signature|Security-Token)=(?!\[redacted\])[^&\s"]{8}/i;

/** Remembers every key that a registry learns of, to look for them in outputs. */
export class Secrets {
  private readonly known = new Set<string>();

  constructor(registry: CredentialRegistry) {
    const add = registry.add.bind(registry);
    registry.add = <T extends Credentials>(credentials: T): T => {
      this.learn(credentials);
      return add(credentials);
    };
  }

  learn({ secretAccessKey, sessionToken }: Credentials): void {
    this.known.add(secretAccessKey);
    if (sessionToken !== undefined) this.known.add(sessionToken);
  }

  /** What of the secrets, or of the tokens, stands in the text. Empty is good. */
  foundIn(text: string, tokens: Iterable<string> = []): string[] {
    const found: string[] = [];
    const plain = (secret: string) => [
      secret,
      encodeURIComponent(secret),
      JSON.stringify(secret).slice(1, -1),
    ];
    for (const secret of this.known) {
      if (plain(secret).some(form => text.includes(form)))
        found.push(`a key or session token (${secret.slice(0, 4)}…)`);
    }
    for (const token of tokens) {
      const signature = /X-Amz-Signature=([0-9a-f]+)/.exec(token)?.[1];
      if (signature !== undefined && text.includes(signature))
        found.push(`the signature ${signature.slice(0, 8)}…`);
    }
    const signed = SIGNED.exec(text);
    if (signed) found.push(signed[0].slice(0, 30));
    return found;
  }
}
