import { randomBytes } from 'node:crypto';
import { isIP } from 'node:net';
import { generate } from 'selfsigned';

/** A server's certificate with the authority that signed it, all PEM. */
export interface Certificates {
  /** For the client: `sslrootcert`, `server_tls_ca_file`. */
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

const HOUR_MS = 3_600_000;

/** Makes an authority and a certificate for these host names and addresses, good for a day. */
export async function generateCertificates(names: readonly string[]): Promise<Certificates> {
  const common = {
    keyType: 'ec',
    algorithm: 'sha256',
    notBeforeDate: new Date(Date.now() - HOUR_MS),
    notAfterDate: new Date(Date.now() + 24 * HOUR_MS),
  } as const;
  // A name of its own: OpenSSL reports a namesake's certificate as a broken one, not as an untrusted one.
  const name = `RDS stand-in CA ${randomBytes(4).toString('hex')}`;
  const authority = await generate([{ name: 'commonName', value: name }], {
    ...common,
    extensions: [
      { name: 'basicConstraints', cA: true, critical: true },
      { name: 'keyUsage', keyCertSign: true, cRLSign: true, critical: true },
    ],
  });
  const server = await generate([{ name: 'commonName', value: names[0] }], {
    ...common,
    ca: { key: authority.private, cert: authority.cert },
    extensions: [
      { name: 'basicConstraints', cA: false },
      { name: 'extKeyUsage', serverAuth: true },
      {
        name: 'subjectAltName',
        altNames: names.map(name => (isIP(name) ? { type: 7, ip: name } : { type: 2, value: name })),
      },
    ],
  });
  return { ca: authority.cert, cert: server.cert, key: server.private };
}
