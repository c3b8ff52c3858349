import { randomBytes } from 'node:crypto';
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { buildBaseImage } from '../../support/docker/base-image';
import { DOCKER_TIMEOUT, describeWithDocker, docker } from '../../support/docker/engine';
import { BuiltImage, type ImageDetails, type ImageFile, inspectImage } from '../../support/docker/image';
import {
  buildRefresherImage,
  REFRESHER_CONTEXT,
  type RefresherImage,
} from '../../support/docker/refresher-image';
import { removeFolder, tempFolder } from '../../support/temp';

/** What a developer's machine has lying around, and what must not get into an image. */
const MARKER = `secret-${randomBytes(12).toString('hex')}`;

describeWithDocker('the image that the Dockerfile makes', () => {
  let context: string;
  let built: RefresherImage;
  let details: ImageDetails;
  let baseDetails: ImageDetails;
  let files: ImageFile[];

  beforeAll(async () => {
    context = tempFolder('context');
    cpSync(REFRESHER_CONTEXT, context, { recursive: true });
    writeFileSync(join(context, '.env'), MARKER);
    writeFileSync(join(context, 'dist/notes.txt'), MARKER);
    writeFileSync(join(context, 'src/main.ts'), MARKER);
    const buildArgs = {
      VERSION: '1.2.3',
      REVISION: '0123456789abcdef',
      CREATED: '2026-01-02T03:04:05Z',
      // The Dockerfile has no such argument.
      AWS_SECRET_ACCESS_KEY: MARKER,
    };
    built = await buildRefresherImage({ context, buildArgs });
    details = await built.image.inspect();
    baseDetails = await inspectImage(built.base);
    files = await built.image.filesOfLastLayer();
  }, DOCKER_TIMEOUT);

  afterAll(async () => {
    await built?.remove();
    removeFolder(context);
  }, DOCKER_TIMEOUT);

  it('adds one layer to its base', () => {
    const base = baseDetails.RootFS.Layers;
    expect(details.RootFS.Layers.slice(0, base.length)).toEqual(base);
    expect(details.RootFS.Layers).toHaveLength(base.length + 1);
  });

  it('adds two files, which belong to root and which everybody may read', () => {
    expect(files.filter(({ mode }) => !mode.startsWith('d'))).toEqual([
      { path: 'opt/refresher/rds-ca-bundle.pem', mode: '-rw-r--r--', owner: '0/0' },
      { path: 'opt/refresher/refresher.js', mode: '-rw-r--r--', owner: '0/0' },
    ]);
    for (const folder of files.filter(({ mode }) => mode.startsWith('d'))) {
      expect(folder, folder.path).toMatchObject({ mode: 'drwxr-xr-x', owner: '0/0' });
    }
  });

  it('runs as 65532, its base has no say in what is started, and no health check wakes it', () => {
    const { User, Entrypoint, Cmd, Env, Healthcheck } = details.Config;
    expect(User).toBe('65532:65532');
    expect(Entrypoint).toEqual([
      'node',
      '--max-semi-space-size=1',
      '--max-old-space-size=32',
      '/opt/refresher/refresher.js',
    ]);
    expect(Cmd).toEqual(['run']);
    expect(Healthcheck).toBeUndefined();
    const without = (env: readonly string[]) => env.filter(variable => !variable.startsWith('PATH='));
    expect(without(Env)).toEqual(without(baseDetails.Config.Env));
  });

  it('says what it is, and what it was built from', () => {
    expect(details.Config.Labels).toMatchObject({
      'org.opencontainers.image.title': 'rds-iam-refresher',
      'org.opencontainers.image.description': expect.stringContaining('RDS IAM tokens'),
      'org.opencontainers.image.version': '1.2.3',
      'org.opencontainers.image.revision': '0123456789abcdef',
      'org.opencontainers.image.created': '2026-01-02T03:04:05Z',
      'org.opencontainers.image.licenses': 'Apache-2.0',
      'org.opencontainers.image.base.name': built.base,
    });
  });

  it('keeps nothing of the machine that built it', async () => {
    const told = `${await built.image.history()}${JSON.stringify(details)}`;
    expect(told).toContain('/opt/refresher/refresher.js');
    expect(told).not.toContain(MARKER);
  });

  it('sends the builder nothing but what it copies', async () => {
    const folder = tempFolder('dockerfile');
    const dockerfile = join(folder, 'Dockerfile');
    writeFileSync(dockerfile, 'FROM scratch\nCOPY . /\n');
    const everything = await BuiltImage.build({ context, dockerfile });
    try {
      const sent = await everything.filesOfLastLayer();
      const paths = sent.filter(({ mode }) => !mode.startsWith('d')).map(({ path }) => path);
      expect(paths.sort()).toEqual(['dist/rds-ca-bundle.pem', 'dist/refresher.js']);
    } finally {
      await everything.remove();
      removeFolder(folder);
    }
  });

  it.each(['amd64', 'arm64'])('is built for linux/%s without running anything', async architecture => {
    // There is nothing in this base that could be run.
    const platform = `linux/${architecture}`;
    const base = await buildBaseImage({ nodePath: false, platform });
    const buildArgs = { BASE: base.name };
    const image = await BuiltImage.build({ context, platform, buildArgs });
    try {
      expect(await image.inspect()).toMatchObject({ Os: 'linux', Architecture: architecture });
      expect(await image.filesOfLastLayer()).toEqual(files);
    } finally {
      await image.remove();
      await base.remove();
    }
  });

  it('finds Node where other bases have it', async () => {
    const base = await buildBaseImage({ nodePath: '/usr/local/bin/node' });
    const image = await BuiltImage.build({ context, buildArgs: { BASE: base.name } });
    try {
      const { version } = JSON.parse(readFileSync('package.json', 'utf8'));
      expect(await docker(['run', '--rm', '--network', 'none', image.name, '--version'])).toBe(version);
    } finally {
      await image.remove();
      await base.remove();
    }
  });
});
