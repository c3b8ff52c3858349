import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { LocalProcess } from '../../../demo/pod/localize';
import { reachableNode } from '../../../demo/run/images';
import { Kubelet } from '../../../demo/run/kubelet';
import { freePort } from '../../support/free-port';
import { tempFolder } from '../../support/temp';

const kubelets: Kubelet[] = [];
let node = '';

beforeAll(async () => {
  node = await reachableNode(process.cwd(), tempFolder('kubelet'));
});

async function start(...processes: LocalProcess[]): Promise<Kubelet> {
  const kubelet = new Kubelet();
  kubelets.push(kubelet);
  const signal = new AbortController().signal;
  await kubelet.start({ folders: [], files: {}, processes }, { signal, onStarted: () => {} });
  return kubelet;
}

function script(name: string, text: string, more: Partial<LocalProcess> = {}): LocalProcess {
  return { name, role: 'sidecar', command: [node, '-e', text], env: {}, ...more };
}

afterEach(async () => {
  for (const kubelet of kubelets.splice(0)) await kubelet.stop();
});

const FOREVER = 'setInterval(() => {}, 1000);';

describe('the kubelet', () => {
  it('starts the next container when the one before passed its startup probe, and stops in reverse', async () => {
    const log = join(tempFolder('kubelet'), 'log');
    const note = (what: string) => `require('fs').appendFileSync(${JSON.stringify(log)}, '${what} ');`;
    const port = await freePort();
    const server = `setTimeout(() => require('http').createServer((_, r) => { ${note('probed')} r.end(); })
      .listen(${port}, '127.0.0.1'), 300);`;
    const ending = (name: string) => `process.on('SIGTERM', () => { ${note(`-${name}`)} process.exit(); });`;
    const startupProbe = { path: '/', port, periodSeconds: 1, timeoutSeconds: 1, failureThreshold: 20 };
    const kubelet = await start(
      script('init', note('init'), { role: 'init' }),
      script('one', `${note('+one')} ${ending('one')} ${server}`, { startupProbe }),
      script('two', `${ending('two')} ${note('+two')} console.log('up'); ${FOREVER}`, { role: 'main' }),
    );
    await expect.poll(() => kubelet.output('two'), { timeout: 10_000 }).toContain('up');
    await kubelet.stop();
    expect(readFileSync(log, 'utf8')).toBe('init +one probed +two -two -one ');
  });

  it('says which container ended, and what it said last', async () => {
    const kubelet = await start(script('app', 'console.error("no disk"); process.exit(3)'));
    await expect(kubelet.failure).rejects.toThrow(/^app ended with status 3\nno disk$/);
  });

  it('says so when an init container fails', async () => {
    const failing = script('migrate', 'process.exit(1)', { role: 'init' });
    await expect(start(failing)).rejects.toThrow('migrate ended with status 1');
  });

  it('gives up on a startup probe that never passes', async () => {
    const startupProbe = {
      path: '/x',
      port: await freePort(),
      periodSeconds: 1,
      timeoutSeconds: 1,
      failureThreshold: 1,
    };
    await expect(start(script('slow', FOREVER, { startupProbe }))).rejects.toThrow(
      'slow did not pass its startup probe /x in 1 s',
    );
  });

  it('does not wait for the startup probe of a container that has ended', async () => {
    const startupProbe = {
      path: '/',
      port: await freePort(),
      periodSeconds: 10,
      timeoutSeconds: 1,
      failureThreshold: 9,
    };
    await expect(start(script('gone', 'process.exit(4)', { startupProbe }))).rejects.toThrow(
      'gone ended with status 4',
    );
  });
});
