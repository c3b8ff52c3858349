import { lstatSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { failureKind } from '../../../sidecar-image/src/errors';
import { publishCaBundle } from '../../../sidecar-image/src/publish/ca-bundle';
import { removeFolder, tempFolder } from '../../support/temp';

const PEM = '-----BEGIN CERTIFICATE-----\nMII=\n-----END CERTIFICATE-----\n';

let folder: string;
let source: string;

beforeEach(() => {
  folder = tempFolder('ca');
  source = join(folder, 'source.pem');
  writeFileSync(source, PEM, { mode: 0o600 });
});

afterEach(() => removeFolder(folder));

describe('publishCaBundle', () => {
  it('copies the bundle for everybody to read', () => {
    const path = join(folder, 'rds-ca.pem');
    publishCaBundle({ path, source });
    expect(readFileSync(path, 'utf8')).toBe(PEM);
    expect(lstatSync(path).mode & 0o7777).toBe(0o644);
  });

  function refusal(name: { path: string; source: string }): string {
    try {
      publishCaBundle(name);
    } catch (error) {
      expect(failureKind(error)).toBe('publish');
      return (error as Error).message;
    }
    throw new Error('it was published');
  }

  it('fails with a kind where there is none', () => {
    const absent = join(folder, 'absent.pem');
    expect(refusal({ path: join(folder, 'ca.pem'), source: absent })).toBe(
      `can't read the CA bundle "${absent}"`,
    );
  });

  it('fails with a kind where its place is not there', () => {
    const path = join(folder, 'absent', 'ca.pem');
    expect(refusal({ path, source })).toBe(`can't publish "${path}"`);
  });

  it('refuses what holds no certificate, without quoting it, and keeps the old bundle', () => {
    const path = join(folder, 'rds-ca.pem');
    publishCaBundle({ path, source });
    writeFileSync(source, '-----BEGIN PRIVATE KEY-----');
    expect(refusal({ path, source })).toBe(`"${source}" holds no certificate in PEM`);
    expect(readFileSync(path, 'utf8')).toBe(PEM);
  });
});
