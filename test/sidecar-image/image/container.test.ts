import { readFileSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { DOCKER_TIMEOUT, describeWithDocker } from '../../support/docker/engine';
import { FS_GROUP, Pod } from '../../support/docker/pod';
import { buildRefresherImage, type RefresherImage } from '../../support/docker/refresher-image';
import { CredentialRegistry, type SessionCredentials } from '../../support/rds/credential-registry';
import { verifyToken } from '../../support/rds/token-verifier';

const DATABASE = {
  host: 'app.c1abcd.eu-central-1.rds.amazonaws.com',
  port: 5432,
  region: 'eu-central-1',
  tokenValiditySeconds: 900,
};
const USER = 'app';
const PROBES = 9810;
const CONTROL = 9811;
/** A pooler's or an app's user: not the refresher's. */
const READER = '70:70';

/** Mode, owner, group and text of a file, or what went wrong. */
const READ = (path: string) => `
  const fs = require('node:fs');
  const { mode, uid, gid } = fs.statSync(${JSON.stringify(path)});
  const text = fs.readFileSync(${JSON.stringify(path)}, 'utf8');
  console.log(JSON.stringify({ mode: (mode & 0o7777).toString(8), uid, gid, text }));`;

describeWithDocker('the container', () => {
  const keys = new CredentialRegistry();
  let credentials: SessionCredentials;
  let env: Record<string, string>;
  let built: RefresherImage;
  let pod: Pod;

  beforeAll(async () => {
    built = await buildRefresherImage();
  }, DOCKER_TIMEOUT);

  afterAll(async () => {
    await built?.remove();
  }, DOCKER_TIMEOUT);

  beforeEach(async () => {
    credentials = keys.issue();
    env = {
      AWS_ACCESS_KEY_ID: credentials.accessKeyId,
      AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
      AWS_SESSION_TOKEN: credentials.sessionToken,
      AWS_REGION: DATABASE.region,
      REFRESHER_TARGET_HOST: DATABASE.host,
      REFRESHER_TARGET_USER: USER,
      REFRESHER_USERLIST: '/shared/userlist.txt',
      REFRESHER_CA_BUNDLE: '/shared/rds-ca-bundle.pem',
      REFRESHER_LOG_LEVEL: 'debug',
    };
    pod = await Pod.start(built.image.name);
  }, DOCKER_TIMEOUT);

  afterEach(async () => {
    await pod?.remove();
  }, DOCKER_TIMEOUT);

  async function read(path: string, options: { user?: string; inGroup?: boolean } = {}) {
    const { code, stdout, stderr } = await pod.script(READ(path), { readOnly: true, ...options });
    if (code !== 0) throw new Error(stderr);
    return JSON.parse(stdout) as { mode: string; uid: number; gid: number; text: string };
  }

  async function startAndWait() {
    const refresher = await pod.start([], { env });
    expect(await pod.run(['wait'], { env })).toMatchObject({ code: 0 });
    return refresher;
  }

  function tokenOf(userlist: string): string {
    const [, token] = /^"app" "([^"]+)"\n$/.exec(userlist) ?? [];
    if (token === undefined)
      throw new Error(`not a userlist with one entry for "${USER}": ${userlist.slice(0, 40)}`);
    return token;
  }

  it('publishes for the group of the volume, and answers every probe', async () => {
    await startAndWait();

    const { text: userlist, ...attributes } = await read('/shared/userlist.txt');
    expect(attributes).toEqual({ mode: '640', uid: 65532, gid: FS_GROUP });
    expect(verifyToken({ user: USER, token: tokenOf(userlist) }, DATABASE, keys, Date.now())).toMatchObject({
      ok: true,
      accessKeyId: credentials.accessKeyId,
    });

    const { text: certificates, ...caAttributes } = await read('/shared/rds-ca-bundle.pem');
    expect(caAttributes).toMatchObject({ mode: '644', uid: 65532 });
    expect(certificates).toBe(readFileSync('sidecar-image/dist/rds-ca-bundle.pem', 'utf8'));

    for (const path of ['/startup', '/readiness', '/liveness']) {
      expect(await pod.get(PROBES, path), path).toMatchObject({ status: 200 });
    }
    const status = await pod.get(PROBES, '/status');
    expect(JSON.parse(status.body)).toMatchObject({ started: true, ready: true });
  });

  it('exposes metrics in the text format of Prometheus', async () => {
    await startAndWait();
    const { status, body } = await pod.get(PROBES, '/metrics');
    expect(status).toBe(200);
    const samples = body.split('\n').filter(line => line !== '' && !line.startsWith('#'));
    for (const sample of samples) {
      expect(sample).toMatch(/^[a-z_]+(\{[a-z_]+="[^"\\]*"(,[a-z_]+="[^"\\]*")*\})? -?[0-9.]+(e[+-]?\d+)?$/);
    }
    expect(samples).toContain('rds_iam_refresher_ready 1');
    expect(samples).toContain('rds_iam_refresher_publishes_total{target="default"} 1');
    const expiry = samples.find(sample =>
      sample.startsWith('rds_iam_refresher_token_expiry_timestamp_seconds'),
    );
    expect(Number(expiry?.split(' ')[1])).toBeGreaterThan(Date.now() / 1000);
  });

  it('is read by another user of the group, and by nobody outside of it', async () => {
    await startAndWait();
    const { text } = await read('/shared/userlist.txt', { user: READER });
    expect(tokenOf(text)).toContain(DATABASE.host);
    await expect(read('/shared/userlist.txt', { user: READER, inGroup: false })).rejects.toThrow('EACCES');
    // The volume itself is open to the stranger: it is the file's mode that keeps the login.
    const open = await read('/shared/rds-ca-bundle.pem', { user: READER, inGroup: false });
    expect(open.text).toContain('BEGIN CERTIFICATE');
  });

  it('writes to nothing but the volume, and can not', async () => {
    const { code, stderr } = await pod.script(`require('node:fs').writeFileSync('/home/nonroot/x', '')`);
    expect(code).not.toBe(0);
    expect(stderr).toContain('EROFS');
  });

  it('ends with 0 on SIGTERM, as process 1', async () => {
    const refresher = await startAndWait();
    expect(await refresher.stop()).toEqual({ code: 0, killedForMemory: false });
    expect(await refresher.logs()).toContain('"reason":"SIGTERM"');
  });

  it('ends with 0 when another container of the pod asks it to', async () => {
    const refresher = await startAndWait();
    expect(await pod.run(['quit'], { env })).toMatchObject({ code: 0 });
    expect(await refresher.exit()).toEqual({ code: 0, killedForMemory: false });
  });

  it('logs no secret', async () => {
    const refresher = await startAndWait();
    await refresher.stop();
    const token = tokenOf((await read('/shared/userlist.txt')).text);
    const signature = /X-Amz-Signature=([0-9a-f]{64})/.exec(token)?.[1] ?? '';
    expect(token).toContain(encodeURIComponent(credentials.sessionToken));
    const logs = await refresher.logs();
    expect(logs).toContain('token published');
    expect(signature).not.toBe('');
    for (const secret of [
      credentials.secretAccessKey,
      credentials.sessionToken,
      encodeURIComponent(credentials.sessionToken),
      signature,
    ]) {
      expect(logs).not.toContain(secret);
    }
  });

  it('publishes once and ends, as an init container does', async () => {
    expect(await pod.run(['once'], { env })).toMatchObject({ code: 0 });
    const { text } = await read('/shared/userlist.txt', { user: READER });
    const verdict = verifyToken({ user: USER, token: tokenOf(text) }, DATABASE, keys, Date.now());
    expect(verdict).toMatchObject({ ok: true });
  });

  it('tells whoever waits that nobody publishes', async () => {
    const { code, stderr } = await pod.run(['wait', '--timeout', '1'], { env });
    expect(code).toBe(8);
    expect(JSON.parse(stderr)).toMatchObject({ kind: 'timeout' });
  });

  it('judges a configuration', async () => {
    const good = await pod.run(['check'], { env });
    expect(good).toMatchObject({ code: 0 });
    expect(JSON.parse(good.stdout)).toMatchObject({ listen: { probePort: PROBES, controlPort: CONTROL } });

    const bad = await pod.run(['check'], { env: { ...env, REFRESHER_TARGET_HOST: 'postgres://db:5432' } });
    expect(bad).toMatchObject({ code: 3, stdout: '' });
    expect(JSON.parse(bad.stderr)).toMatchObject({
      kind: 'config',
      msg: expect.stringContaining('REFRESHER_TARGET_HOST: must be a host name'),
    });
  });

  it('says its version', async () => {
    const { version } = JSON.parse(readFileSync('package.json', 'utf8'));
    expect(await pod.run(['--version'])).toMatchObject({ code: 0, stdout: `${version}\n` });
  });

  it('refuses a command that it does not know', async () => {
    expect(await pod.run(['refresh'], { env })).toMatchObject({ code: 2 });
  });

  it('names the volume that it may not write to', async () => {
    const { code, stderr } = await pod.run(['once', '--timeout', '1'], { env, readOnly: true });
    expect(code).toBe(6);
    expect(stderr).toContain('/shared/rds-ca-bundle.pem');
  });
});
