import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type LocalImage,
  listeningPorts,
  localize,
  rewritePaths,
  rewritePorts,
} from '../../../demo/pod/localize';
import { type Pod, type PodContainer, readPod } from '../../../demo/pod/pod';
import { findRefresher } from '../../../demo/pod/refresher';
import { synthesizeDemo } from './stack';

const IMAGES: Readonly<Record<string, LocalImage>> = {
  refresher: { entrypoint: ['/bin/node', '/tmp/refresher.js'], defaultArgs: ['run'] },
  pgbouncer: { entrypoint: [], defaultArgs: [], programs: { pgbouncer: '/usr/sbin/pgbouncer' } },
  app: { entrypoint: ['/bin/node', '/tmp/app.js'], defaultArgs: [] },
};

const imageOf = ({ name }: PodContainer) => IMAGES[name] ?? { entrypoint: ['/bin/true'], defaultArgs: [] };

function local(pod: Pod, ports: [number, number][] = []) {
  return localize(pod, { root: '/r', imageOf, env: { HOME: '/home/x' }, ports: new Map(ports) });
}

describe('the pod of the example on this machine', () => {
  const pod = readPod(synthesizeDemo());

  it('runs local programs with the arguments of the pod', () => {
    expect(local(pod).processes.map(({ command }) => command)).toEqual([
      ['/bin/node', '/tmp/refresher.js', 'run'],
      ['/usr/sbin/pgbouncer', '/r/pgbouncer/pgbouncer-config/pgbouncer.ini'],
      // The pod's own command is of an image that is not here. Its mount at /tmp is none of the program's.
      ['/bin/node', '/tmp/app.js'],
    ]);
  });

  it('gives each container its files, in the words of this machine', () => {
    const { files, folders, processes } = local(pod);
    const ini = files['/r/pgbouncer/pgbouncer-config/pgbouncer.ini'];
    expect(ini).toContain('auth_file = /r/shared/userlist.txt');
    expect(ini).toContain('unix_socket_dir = /r/pgbouncer-socket');
    const config = JSON.parse(files[processes[0]?.env.REFRESHER_CONFIG ?? ''] ?? '');
    expect(config.poolers[0]).toMatchObject({
      authFile: '/r/shared/userlist.txt',
      socketDirectory: '/r/pgbouncer-socket',
    });
    expect(config.listen).toMatchObject({ host: '127.0.0.1', probePort: 9810 });
    expect(folders).toContain('/r/shared');
    expect(Object.values(files).join()).not.toMatch(/["= ]\/(shared|run|etc)\b/);
  });

  it('adds the variables of EKS, and the pod has the last word', () => {
    const [refresher] = local(pod).processes;
    expect(refresher?.env).toMatchObject({ HOME: '/home/x', AWS_REGION: 'eu-central-1' });
  });

  it('tells where to look at the refresher', () => {
    expect(findRefresher(local(pod))).toEqual({ probePort: 9810, userlist: '/r/shared/userlist.txt' });
  });

  it('knows the ports that the pod listens on, and moves each of them everywhere', () => {
    expect(listeningPorts(pod).sort((a, b) => a - b)).toEqual([6432, 9810, 9811]);
    const moved = local(pod, [
      [6432, 16432],
      [9810, 19810],
      [9811, 19811],
    ]);
    const text = JSON.stringify(moved);
    expect(text).not.toMatch(/(?<!\d)(6432|9810|9811)(?!\d)/);
    expect(text).toContain('listen_port = 16432');
    expect(moved.processes.map(({ startupProbe }) => startupProbe?.port)).toEqual([19810, 19810, undefined]);
    expect(moved.processes[2]?.env.PGPORT).toBe('16432');
    // Where the database is has nothing to do with it.
    expect(text).toContain('port=54321');
  });

  it('refuses a program that is not here', () => {
    const [container] = pod.containers;
    if (container === undefined) throw new Error('no container');
    const odd = { ...pod, containers: [{ ...container, name: 'pgbouncer', command: ['pgcat'] }] };
    expect(() => local(odd)).toThrow('container "pgbouncer" runs "pgcat", which is not on this machine');
  });
});

describe('paths in texts', () => {
  const places = new Map([
    ['/shared', '/r/shared'],
    ['/shared/deep', '/r/deep'],
    ['/tmp', '/r/tmp'],
  ]);

  it.each([
    ['a = /shared', 'a = /r/shared'],
    ['"/shared/x.txt"', '"/r/shared/x.txt"'],
    ['/shared/deep/x', '/r/deep/x'],
    ['/shared/deeper', '/r/shared/deeper'],
    ['/shared:/tmp', '/r/shared:/r/tmp'],
    ['/sharedness', '/sharedness'],
    ['/shared.old', '/shared.old'],
    ['/var/shared', '/var/shared'],
    ['https://host/shared', 'https://host/shared'],
  ])('%s', (text, expected) => {
    expect(rewritePaths(text, places)).toBe(expected);
  });

  it('of any kind are taken literally', () => {
    const segment = fc.stringMatching(/^[\w+()$^[\]-]{1,8}$/);
    fc.assert(
      fc.property(segment, segment, (name, file) => {
        const rewritten = rewritePaths(`x = /${name}/${file}`, new Map([[`/${name}`, '/place']]));
        expect(rewritten).toBe(`x = /place/${file}`);
      }),
    );
  });
});

describe('ports in texts', () => {
  it.each([
    ['listen_port = 6432', 'listen_port = 7'],
    ['"port": 6432,', '"port": 7,'],
    ['16432 64321 6432.5 v6432', '16432 64321 6432.5 v6432'],
  ])('%s', (text, expected) => {
    expect(rewritePorts(text, new Map([[6432, 7]]))).toBe(expected);
  });
});
