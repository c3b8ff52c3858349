import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually';
import { RunningProcess } from '../support/process';

/** Starting and stopping everything takes a while on a busy machine. */
const TIMEOUT_MS = 120_000;

function startDemo(seconds: number): Promise<RunningProcess> {
  const env = { ...process.env, DEMO_SECONDS: String(seconds) };
  // On SIGTERM it takes what it started with it, should a test fail.
  return RunningProcess.start(process.execPath, ['demo/main.mjs'], { env, exitSignal: 'SIGTERM' });
}

/** Every process below this one, with its command. */
function descendants(pid: number): Map<number, string> {
  const processes = execFileSync('ps', ['-A', '-o', 'pid=,ppid=,stat=,command='], { encoding: 'utf8' })
    .split('\n')
    .flatMap(line => {
      const [, child, parent, state = '', command = ''] =
        /^\s*(\d+)\s+(\d+)\s+(\S+)\s+(.*)$/.exec(line) ?? [];
      // A zombie has ended: its new parent just did not ask yet.
      return state.startsWith('Z') ? [] : [{ pid: Number(child), parent: Number(parent), command }];
    });
  const found = new Map<number, string>();
  const collect = (parent: number) => {
    for (const child of processes.filter(process => process.parent === parent)) {
      found.set(child.pid, child.command);
      collect(child.pid);
    }
  };
  collect(pid);
  return found;
}

function isRunning(pid: number): boolean {
  try {
    return !execFileSync('ps', ['-o', 'stat=', '-p', String(pid)], { encoding: 'utf8' })
      .trim()
      .startsWith('Z');
  } catch {
    return false;
  }
}

/** Folders that only a demo makes, but for those of one that ran before. */
function leftovers(): string[] {
  return demoFolders().filter(name => !before.has(name));
}

function demoFolders(): string[] {
  const list = (folder: string) => (existsSync(folder) ? readdirSync(folder) : []);
  return [...list('/tmp'), ...list('node_modules/.cache')].filter(name => /^(rds-iam-)?demo-/.test(name));
}

const before = new Set(demoFolders());

describe('npm run demo', () => {
  it(
    'keeps an app logged in while tokens expire, and says so',
    async () => {
      const demo = await startDemo(8);
      try {
        const exit = await demo.exited;
        const text = demo.output;
        expect(exit, text).toEqual({ code: 0, signal: null });
        expect(text).toMatch(/database +PostgreSQL \d+/);
        expect(text).toMatch(/synthesis +example\.json -> cdk\.tf\.json, \d+ resources/);
        expect(text).toMatch(/refresher +passed startup probe \/startup/);
        expect(text).toMatch(/pgbouncer +passed startup probe \/poolers\/pgbouncer/);
        expect(text).toMatch(/tokens +\d+ published +each lived 3 s; [1-9]\d* expired by now/);
        expect(text).toMatch(/reloads +[1-9]\d* confirmed +0 failed/);
        expect(text).toMatch(/logins +[1-9]\d* accepted +0 refused/);
        expect(text).toMatch(/queries +[1-9]\d* answered +0 failed/);
        expect(text).toMatch(/a stale token +1 refused/);
        expect(text).toContain('PAM authentication failed for user "app"');
        // Neither escape sequences where nothing can be redrawn, nor a part of a token.
        expect(text).not.toContain('\u001b');
        expect(text).not.toMatch(/X-Amz|DBUser/);
        expect(leftovers()).toEqual([]);
      } finally {
        await demo.stop('SIGTERM');
      }
    },
    TIMEOUT_MS,
  );

  it.each([
    ['while the pod starts', /database +PostgreSQL/],
    ['while it runs', /app +started/],
  ])(
    'takes everything with it when it is interrupted %s',
    async (_when, pattern) => {
      const demo = await startDemo(60);
      try {
        await demo.waitForOutput(pattern, { timeout: 60_000 });
        const children = descendants(demo.pid);
        expect([...children.values()].join('\n')).toMatch(/postgres/);
        expect(await demo.stop('SIGINT', 30_000)).toEqual({ code: 130, signal: null });
        expect(demo.output).toContain('Everything is stopped and removed.');
        await eventually(() => [...children.keys()].filter(isRunning).length === 0);
        expect(leftovers()).toEqual([]);
      } finally {
        await demo.stop('SIGTERM');
      }
    },
    TIMEOUT_MS,
  );
});
