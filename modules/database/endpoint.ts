import { isIP } from 'node:net';
import { Token } from 'cdktf';

const REGION = '[a-z]{2,}(?:-[a-z]+)+-\\d+';

/**
 * Names that RDS itself gives out: `<id>.<hash>.<region>.rds.<suffix>`, and in China `<id>.<hash>.rds.<region>.<suffix>`.
 * The suffixes are those of the public partitions; the isolated ones get the warning without harm.
 */
const RDS_HOST = new RegExp(
  `^[a-z0-9-]+\\.[a-z0-9-]+\\.(?:(${REGION})\\.rds|rds\\.(${REGION}))\\.amazonaws\\.(?:com|com\\.cn|eu)$`,
);

/** The Region in a host name that RDS gave out; `undefined` where the name is unresolved or somebody else's. */
export function regionOfHost(host: string): string | undefined {
  if (Token.isUnresolved(host)) return undefined;
  const match = RDS_HOST.exec(host);
  return match?.[1] ?? match?.[2];
}

/**
 * Refuses what can't be the endpoint of a database that takes IAM tokens.
 *
 * @throws if the host is known and is a URL, carries a port, or is an IP address
 */
export function checkHost(host: string): void {
  if (Token.isUnresolved(host)) return;
  if (isIP(host) !== 0) {
    throw new Error(
      `host "${host}" is an IP address: pass the endpoint name that RDS shows, since the token is signed for it`,
    );
  }
  if (host.includes('://') || host.includes('/')) {
    throw new Error(`host "${host}" is not a host name: pass it without scheme and path`);
  }
  if (/:\d*$/.test(host)) {
    throw new Error(`host "${host}" carries a port: pass the name alone, and the port as port`);
  }
  if (host !== host.toLowerCase()) {
    throw new Error(
      `host "${host}" has capital letters: pass "${host.toLowerCase()}", since RDS compares the signed name exactly`,
    );
  }
  if (!/^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/.test(host)) {
    throw new Error(`host "${host}" is not a host name: pass the endpoint that RDS shows`);
  }
}

/** Why a login through this name would probably fail; `undefined` where nothing speaks against it. */
export function hostWarning(host: string): string | undefined {
  if (Token.isUnresolved(host) || RDS_HOST.test(host)) return undefined;
  return (
    `host "${host}" is not a name that RDS gives out: a token signed for a CNAME is refused with ` +
    '"PAM authentication failed"; pass the endpoint that RDS shows'
  );
}
