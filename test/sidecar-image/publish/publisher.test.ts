import { chmodSync, existsSync, mkdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { keepCaBundle } from '../../../sidecar-image/src/publish/ca-bundle';
import { createPublisher } from '../../../sidecar-image/src/publish/publisher';
import { removeFolder, tempFolder } from '../../support/temp';

let parent: string;
let folder: string;

beforeEach(() => {
  parent = tempFolder('publisher');
  folder = join(parent, 'tokens');
});

afterEach(() => removeFolder(parent));

describe('createPublisher', () => {
  it('puts back a folder that held a file of its own, with its mode', () => {
    mkdirSync(folder);
    chmodSync(folder, 0o2750);
    const publish = createPublisher();
    const path = join(folder, 'token');
    publish(path, 'one', 0o640);
    removeFolder(folder);
    publish(path, 'two', 0o640);
    expect(readFileSync(path, 'utf8')).toBe('two');
    expect((statSync(folder).mode & 0o7777).toString(8)).toBe('2750');
  });

  it('makes no folder that never was there', () => {
    const path = join(folder, 'token');
    expect(() => createPublisher()(path, 'one', 0o640)).toThrow(`can't publish "${path}"`);
    expect(existsSync(folder)).toBe(false);
  });

  it('says which folder can not be put back', () => {
    mkdirSync(folder);
    const publish = createPublisher();
    const path = join(folder, 'token');
    publish(path, 'one', 0o640);
    removeFolder(parent);
    expect(() => publish(path, 'two', 0o640)).toThrow(`can't put back the folder "${folder}"`);
  });
});

describe('keepCaBundle', () => {
  it('puts the bundle back when it is gone, and leaves it alone otherwise', () => {
    const publish = createPublisher();
    const source = join(parent, 'source.pem');
    const PEM = '-----BEGIN CERTIFICATE-----\nMII=\n-----END CERTIFICATE-----\n';
    publish(source, PEM, 0o644);
    const path = join(parent, 'ca.pem');
    const repair = keepCaBundle({ path, source }, publish);
    expect(repair()).toBe(false);
    removeFolder(path);
    expect(repair()).toBe(true);
    expect(readFileSync(path, 'utf8')).toBe(PEM);
    expect(repair()).toBe(false);
  });
});
