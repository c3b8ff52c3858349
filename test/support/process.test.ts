import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { eventually } from './eventually';
import { RunningProcess, run } from './process';
import { tempFolder } from './temp';

const node = (script: string) => RunningProcess.start(process.execPath, ['-e', script]);

/** Whether anybody listens. A killed process may stay a zombie for long, but its port is free. */
async function listens(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

describe('RunningProcess', () => {
  it('collects output and waits for it', async () => {
    const child = await node(`console.log('hello 42'); console.error('there'); setInterval(() => {}, 1000)`);
    expect((await child.waitForOutput(/hello (\d+)/))[1]).toBe('42');
    await child.waitForOutput(/there/);
    expect(child).toMatchObject({ stdout: 'hello 42\n', stderr: 'there\n', running: true });
    expect(await child.stop()).toEqual({ code: null, signal: 'SIGTERM' });
    expect(child.running).toBe(false);
  });

  it('says why a wait is of no use, with the output', async () => {
    const child = await node(`console.log('oops'); process.exitCode = 3`);
    await expect(child.waitForOutput(/hello/, { timeout: 60_000 })).rejects.toThrow(
      /never printed \/hello\/: it ended with status 3\n--- its output ---\noops/,
    );
  });

  it('still finds what the process printed last', async () => {
    const child = await node(`console.log('bye')`);
    await child.exited;
    expect((await child.waitForOutput(/bye/))[0]).toBe('bye');
  });

  it('kills what does not stop', async () => {
    const child = await node(
      `process.on('SIGTERM', () => {}); console.log('up'); setInterval(() => {}, 1000)`,
    );
    await child.waitForOutput(/up/);
    expect(await child.stop('SIGTERM', 50)).toEqual({ code: null, signal: 'SIGKILL' });
  });

  it('says when a command does not exist', async () => {
    await expect(RunningProcess.start('/nonexistent/command')).rejects.toThrow('ENOENT');
  });
});

describe('run', () => {
  it('passes input, and gives status and output', async () => {
    const script = `process.stdin.on('data', d => process.stdout.write(d)).on('end', () => process.exit(4))`;
    expect(await run(process.execPath, ['-e', script], { input: 'in' })).toEqual({
      code: 4,
      signal: null,
      stdout: 'in',
      stderr: '',
    });
  });

  it('kills what takes too long', async () => {
    const { signal } = await run(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { timeout: 50 });
    expect(signal).toBe('SIGKILL');
  });
});

describe('when this process ends, its children, theirs and its folders go too', () => {
  it.each([
    ['by itself', `process.exit(0)`, { code: 0, signal: null }],
    ['by an error', `Promise.reject(new Error('on purpose'))`, { code: 1, signal: null }],
    ['by SIGTERM', `process.kill(process.pid, 'SIGTERM')`, { code: null, signal: 'SIGTERM' }],
    ['by SIGINT', `process.kill(process.pid, 'SIGINT')`, { code: null, signal: 'SIGINT' }],
  ])('%s', async (_, ending, exit) => {
    const { build } = await import('esbuild');
    const { outputFiles } = await build({
      stdin: {
        contents: `import { RunningProcess } from './process';
          import { tempFolder } from './temp';
          const server = "require('net').createServer().listen(0, function () { console.log(this.address().port) })";
          // As a grandchild, which must go as well.
          const args = ['-c', '"$0" -e "$1" & wait', process.execPath, server];
          RunningProcess.start('sh', args).then(async child => {
            const [port] = await child.waitForOutput(/\\d+\\n/);
            console.log(port + ' ' + tempFolder());
            setInterval(() => {}, 1000);
            ${ending};
          });`,
        resolveDir: import.meta.dirname,
      },
      bundle: true,
      packages: 'external',
      platform: 'node',
      write: false,
    });
    const parent = await run(process.execPath, ['-e', outputFiles[0]?.text ?? '']);
    expect(parent).toMatchObject(exit);
    const [, port, folder = ''] = /^(\d+)\s+(\S+)\n$/.exec(parent.stdout) ?? [];
    expect(folder).not.toBe('');
    await eventually(async () => !(await listens(Number(port))));
    expect(existsSync(folder)).toBe(false);
  });
});

describe('tempFolder', () => {
  it('gives a new folder each time', () => {
    expect(existsSync(tempFolder())).toBe(true);
    expect(tempFolder()).not.toBe(tempFolder());
    expect(join(tempFolder(), '.s.PGSQL.65535').length).toBeLessThan(104);
  });
});
