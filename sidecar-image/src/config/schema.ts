/**
 * The refresher's configuration: one schema for both ends.
 *
 * The container parses it at start; the CDKTF constructs validate the same object at synth, so that a
 * mistake is an error in review and not a crash loop. Everything here is plain data: no I/O, no clock.
 */
import { posix } from 'node:path';
import * as z from 'zod';

/** Longest life of an RDS IAM token, in seconds. Source: the `X-Amz-Expires` that AWS fixes for `rds-db`. */
export const MAX_TOKEN_LIFETIME_SECONDS = 900;

/** A name that is safe as a metric label, a URL segment and a Kubernetes name part. */
const nameSchema = z
  .string()
  .regex(
    /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/,
    'use 1 to 63 of a-z, 0-9 and "-", not starting or ending with "-"',
  );

/** Whole numbers may arrive as text: from the environment, or from a Terraform interpolation inside a string. */
const integer = (minimum: number, maximum: number) => {
  const message = `must be a whole number from ${minimum} to ${maximum}`;
  return z
    .union([z.number(), z.string().regex(/^\d+$/).transform(Number)], message)
    .pipe(z.number(message).int({ message, abort: true }).min(minimum, message).max(maximum, message));
};

const port = integer(1, 65_535);

/** NUL and line ends can't be written in any of the formats; other control characters are never meant. */
const printable = z.string().regex(/^[^\u0000-\u001f\u007f]+$/, {
  message: 'must not be empty or hold control characters',
  abort: true,
});

/** A user's name in the database. PostgreSQL cuts longer ones, in bytes; MySQL's are shorter. */
const userName = printable.refine(name => Buffer.byteLength(name) <= 63, 'must have at most 63 bytes');

const absolutePath = printable
  .refine(path => posix.isAbsolute(path), { message: 'must be an absolute path', abort: true })
  .refine(
    path => posix.normalize(path) === path && !path.endsWith('/'),
    'must be a normalized path of a file',
  );

const outputBase = {
  /** Absolute path of the file. Its folder must exist and be writable: the new file is made beside the old one. */
  path: absolutePath,
};

/**
 * Who may read a published file: `owner` is mode 0600, `group` is mode 0640 (with the pod's `fsGroup`, every
 * container of the pod).
 */
const access = z.enum(['owner', 'group']);

const outputSchema = z.discriminatedUnion('format', [
  /** PgBouncer's `auth_file`: one `"user" "token"` line a target. Several targets may share the file. */
  z.strictObject({ format: z.literal('pgbouncer-userlist'), ...outputBase, access: access.default('group') }),
  /**
   * libpq's password file. Several targets may share the file. Always mode 0600: libpq ignores a password file
   * that anybody else may read, so its reader must run with the refresher's uid.
   */
  z.strictObject({
    format: z.literal('pgpass'),
    ...outputBase,
    /** Database the line is for. `*` is any. */
    database: printable.default('*'),
    access: z
      .literal('owner', 'must be "owner": libpq ignores a password file that others may read')
      .default('owner'),
  }),
  /** The bare token, without a line end. */
  z.strictObject({ format: z.literal('token'), ...outputBase, access: access.default('group') }),
  /** A MySQL/MariaDB client option file (`--defaults-extra-file`), with a `[client]` group. */
  z.strictObject({ format: z.literal('mysql-option-file'), ...outputBase, access: access.default('group') }),
]);

const targetSchema = z.strictObject({
  /** Label of the target in logs, metrics and `/status`. */
  name: nameSchema.default('default'),
  /**
   * The endpoint RDS itself gave the database. A CNAME will not do: the signature covers the host name, and RDS
   * refuses a token that was signed for another.
   */
  host: z
    .string()
    .max(253)
    .regex(/^[A-Za-z0-9.-]+$/, 'must be a host name, without scheme, port or path'),
  /** Port of the endpoint, part of what is signed. */
  port,
  /** Database user, with `GRANT rds_iam` (PostgreSQL) or `AWSAuthenticationPlugin` (MySQL). */
  user: userName,
  /** AWS Region of the database, part of what is signed. */
  region: z.string().regex(/^[a-z]{2,}(-[a-z]+)+-\d+$/, 'must be an AWS Region such as eu-central-1'),
  /** Files to keep fresh for this target. */
  outputs: z.array(outputSchema).min(1, 'name at least one output: without it nothing would be published'),
});

/** `1.24` or `1.24.1`. */
const pgbouncerVersion = z
  .string('must be a PgBouncer version in quotes, such as "1.24"')
  .regex(/^1\.\d{1,2}(\.\d{1,3})?$/, 'must be a PgBouncer version such as 1.24');

const poolerSchema = z.strictObject({
  /** Label of the pooler in logs, metrics and `/poolers/<name>`. */
  name: nameSchema.default('pgbouncer'),
  /** The userlist output that this PgBouncer reads as its `auth_file`. */
  authFile: absolutePath,
  /** Folder of PgBouncer's unix socket (`unix_socket_dir`): the admin console needs no password there. */
  socketDirectory: absolutePath,
  /** PgBouncer's `listen_port`, which also names its socket. */
  port: port.default(6432),
  /** A member of PgBouncer's `admin_users`. `pgbouncer` needs no entry when the uids are equal. */
  adminUser: userName.default('pgbouncer'),
  /** Decides how long a password the userlist may hold. */
  version: pgbouncerVersion.default('1.24'),
});

/** How the schedule is derived from a token's effective life; see `schedule/`. */
const renewalSchema = z
  .strictObject({
    /**
     * The life to count on, in seconds, from signing. Lower it to rotate more often; tokens always say 900.
     */
    tokenLifetimeSeconds: integer(2, MAX_TOKEN_LIFETIME_SECONDS).default(MAX_TOKEN_LIFETIME_SECONDS),
    /** Share of the effective life after which a token is renewed. The rest is the time left for retries. */
    threshold: z.number().min(0.1).max(0.9).default(0.66),
    /** The renewal is moved earlier by a random share of the effective life, up to this. Below `threshold`. */
    jitter: z.number().min(0).max(0.5).default(0.1),
    /** Delay before the first retry, in seconds. It doubles with each failure. */
    initialBackoffSeconds: z.number().min(0.05).max(60).default(1),
    /** Longest delay between retries, in seconds. */
    maxBackoffSeconds: z.number().min(0.05).max(300).default(30),
    /** Longest wait for credentials in one attempt, in seconds. */
    attemptTimeoutSeconds: z.number().min(0.5).max(300).default(45),
  })
  .refine(({ threshold, jitter }) => jitter < threshold, {
    path: ['jitter'],
    message: 'must be below threshold, or a token would be renewed at once',
  })
  .refine(({ initialBackoffSeconds, maxBackoffSeconds }) => initialBackoffSeconds <= maxBackoffSeconds, {
    path: ['initialBackoffSeconds'],
    message: 'must not exceed maxBackoffSeconds',
  });

const listenSchema = z
  .strictObject({
    /** Address of the probe listener. Every one of the pod's by default, whichever of IPv4 and IPv6 the cluster has. */
    host: z.union([z.ipv4(), z.ipv6()], 'must be an IP address, such as 0.0.0.0 or ::').optional(),
    /** Port of the probes, `/metrics` and `/status`. */
    probePort: port.default(9810),
    /** Port of `POST /quit`. Always on 127.0.0.1. */
    controlPort: port.default(9811),
  })
  .refine(({ probePort, controlPort }) => probePort !== controlPort, {
    path: ['controlPort'],
    message: 'must differ from probePort: the control port is loopback-only',
  });

/** Where AWS credentials come from. `auto` takes the first that the environment is set up for. */
const credentialSourceSchema = z.enum([
  'auto',
  'environment',
  'web-identity',
  'container',
  'instance-metadata',
]);

const caBundleSchema = z.strictObject({
  /** Where to put the RDS CA bundle, for PgBouncer's `server_tls_ca_file` or libpq's `sslrootcert`. */
  path: absolutePath,
  /** A PEM file to publish in place of the bundle in the image: a newer one, or of a private authority. */
  source: absolutePath.optional(),
});

const shape = z.strictObject({
  /** Lets an editor complete the file; ignored. */
  $schema: z.string().optional(),
  targets: z.array(targetSchema).min(1, 'name at least one target'),
  /** PgBouncers to reload after their `auth_file` changed. */
  poolers: z.array(poolerSchema).default([]),
  caBundle: caBundleSchema.optional(),
  credentials: credentialSourceSchema.default('auto'),
  renewal: renewalSchema.prefault({}),
  listen: listenSchema.prefault({}),
  logLevel: z.enum(['debug', 'info', 'warn', 'error']).default('info'),
});

type Shape = z.output<typeof shape>;

/** What can only be judged across targets and poolers. Each message names both sides. */
function crossChecks(config: Shape, context: z.RefinementCtx): void {
  const refuse = (path: (string | number)[], message: string) =>
    context.addIssue({ code: 'custom', path, message });

  const duplicate = (list: 'targets' | 'poolers') => {
    const seen = new Map<string, number>();
    config[list].forEach(({ name }, index) => {
      const first = seen.get(name);
      if (first === undefined) seen.set(name, index);
      else refuse([list, index, 'name'], `"${name}" is also the name of ${list}.${first}: give each its own`);
    });
  };
  duplicate('targets');
  duplicate('poolers');

  const files = new Map<
    string,
    { format: string; target: string; keys: Map<string, string>; access: string }
  >();
  config.targets.forEach((target, t) => {
    target.outputs.forEach((output, o) => {
      const path = ['targets', t, 'outputs', o, 'path'];
      // What the reader looks a login up by: two entries with one key would hide one of them.
      const key =
        output.format === 'pgpass'
          ? `${target.host}:${target.port}:${output.database}:${target.user}`
          : output.format === 'pgbouncer-userlist'
            ? target.user
            : '';
      const file = files.get(output.path);
      if (file === undefined) {
        const keys = new Map([[key, target.name]]);
        files.set(output.path, { format: output.format, target: target.name, keys, access: output.access });
        return;
      }
      if (file.format !== output.format || file.access !== output.access) {
        refuse(
          path,
          `"${output.path}" is a ${file.format} (${file.access}) of target "${file.target}": one file has one format and access`,
        );
      } else if (file.keys.has(key)) {
        refuse(
          path,
          output.format === 'pgbouncer-userlist'
            ? `target "${file.keys.get(key)}" already writes user "${target.user}" to "${output.path}", and a userlist holds one password a user: use another database user, or another file and pooler`
            : `target "${file.keys.get(key)}" already writes "${output.path}": give each its own file`,
        );
      } else {
        file.keys.set(key, target.name);
      }
    });
  });

  config.poolers.forEach((pooler, p) => {
    if (files.get(pooler.authFile)?.format !== 'pgbouncer-userlist') {
      refuse(
        ['poolers', p, 'authFile'],
        `"${pooler.authFile}" is not a pgbouncer-userlist output of any target`,
      );
    }
  });

  const caPath = config.caBundle?.path;
  if (caPath !== undefined && files.has(caPath)) {
    refuse(['caBundle', 'path'], `"${caPath}" is also an output of target "${files.get(caPath)?.target}"`);
  }
}

/** Schema of the file that `REFRESHER_CONFIG` names. */
export const refresherConfigSchema = shape.superRefine(crossChecks);

/** The configuration as a person writes it: everything with a default may be left out. */
export type RefresherConfigInput = z.input<typeof refresherConfigSchema>;
/** The configuration as the refresher runs it: every default filled in. */
export type RefresherConfig = z.output<typeof refresherConfigSchema>;
export type TargetConfig = RefresherConfig['targets'][number];
export type OutputConfig = TargetConfig['outputs'][number];
export type PoolerConfig = RefresherConfig['poolers'][number];
export type RenewalConfig = RefresherConfig['renewal'];
export type CredentialSourceName = RefresherConfig['credentials'];

export { describeIssues } from './issues';
