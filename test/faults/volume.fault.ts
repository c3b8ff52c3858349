import { existsSync, readdirSync, rmSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { freePort } from '../support/free-port';
import { Refresher } from '../support/refresher';
import { giveToUnprivileged } from '../support/unprivileged';
import {
  expectTruthful,
  expectUnavoidable,
  expectUnnoticed,
  FaultPath,
  HICCUP_SECONDS,
  OUTAGE_SECONDS,
  Pod,
  TOKEN_SECONDS,
} from './support/pod';
import { Tmpfs } from './support/tmpfs';

let scene: FaultPath;
beforeAll(async () => {
  scene = await FaultPath.start();
});
afterAll(() => scene.stop());

describe('the volume', () => {
  let volume: Tmpfs;
  beforeEach(() => {
    volume = new Tmpfs(scene.path.shared);
  });
  afterEach(() => volume.stop());

  const faults = [
    ['is full', () => volume.fill(), () => volume.free()],
    ['is read-only', () => volume.remount('ro'), () => volume.remount('rw')],
  ] as const;

  it.each(faults)('%s for a moment', async (name, begin, end) => {
    const pod = await Pod.start(scene);
    const outcome = await pod.suffer({
      section: 'volume',
      fault: `volume ${name} for a moment`,
      seconds: HICCUP_SECONDS,
      atRenewal: true,
      begin,
      end,
    });
    expectUnnoticed(pod, outcome);
    expect(pod.refresher.output).toContain('"kind":"publish"');
  });

  it.each(faults)('%s until the token dies', async (name, begin, end) => {
    const pod = await Pod.start(scene);
    const outcome = await pod.suffer({
      section: 'volume',
      fault: `volume ${name}, until the token dies`,
      seconds: OUTAGE_SECONDS,
      begin,
      end,
    });
    expect(outcome.deadSeconds).toBeGreaterThan(0);
    expectUnavoidable(pod, outcome);
    // Failed attempts leave nothing behind that would fill the volume further.
    expect(readdirSync(scene.path.shared).filter(file => file.endsWith('.tmp'))).toEqual([]);
  });
});

describe('another process', () => {
  it('deletes the file', async () => {
    const pod = await Pod.start(scene);
    const outcome = await pod.suffer({
      section: 'volume',
      fault: 'file deleted every 0.1 s, for 6 s',
      seconds: 6,
      ...repeatedly(() => rmSync(scene.path.userlist, { force: true })),
    });
    expect(outcome).toMatchObject({ failed: 0, refused: 0 });
    expect(existsSync(scene.path.userlist)).toBe(true);
  });

  it('empties the file', async () => {
    const pod = await Pod.start(scene);
    const outcome = await pod.suffer({
      section: 'volume',
      fault: 'file emptied in place every second, for 6 s',
      seconds: 6,
      ...repeatedly(() => truncateSync(scene.path.userlist), 1_000),
    });
    expect(outcome).toMatchObject({ failed: 0, refused: 0 });
  });

  it('deletes the folder', async () => {
    const { shared } = scene.path;
    const pod = await Pod.start(scene);
    const outcome = await pod.suffer({
      section: 'volume',
      fault: 'folder deleted, with the CA bundle in it',
      seconds: 3,
      begin: () => rmSync(shared, { recursive: true }),
    });
    // No login can be verified while the bundle is gone. But it is not for long, and nobody has to help.
    expect(outcome).toMatchObject({ refused: 0, loginRecovery: 0 });
    expect(existsSync(scene.path.userlist) && existsSync(scene.path.caBundle)).toBe(true);
  });
});

describe('a crash', () => {
  it('leaves a temporary file, which the next start removes', async () => {
    const { shared, userlist } = scene.path;
    const old = join(shared, '.userlist.txt.0123456789ab.tmp');
    const fresh = join(shared, '.userlist.txt.ba9876543210.tmp');
    const pod = await Pod.start(scene);
    const outcome = await pod.suffer({
      section: 'refresher',
      fault: 'killed (SIGKILL) with a temporary file left behind, started again',
      seconds: 1,
      begin: () =>
        pod.restartRefresher(async ({ process }) => {
          await process.stop('SIGKILL');
          for (const leftover of [old, fresh]) {
            writeFileSync(leftover, '"app_user" "half a tok', { mode: 0o600 });
            giveToUnprivileged(leftover);
          }
          const twoMinutesAgo = Date.now() / 1000 - 120;
          utimesSync(old, twoMinutesAgo, twoMinutesAgo);
        }),
    });
    expect(outcome).toMatchObject({ failures: [], refused: 0, deadSeconds: 0 });
    expect(existsSync(old)).toBe(false);
    // It might be another refresher's that is about to rename it.
    expect(existsSync(fresh)).toBe(true);
    expect(existsSync(userlist)).toBe(true);
    rmSync(fresh);
  });
});

describe('two refreshers', () => {
  it('on one volume', async () => {
    const { path, agent } = scene;
    const pod = await Pod.start(scene);
    let second: Refresher | undefined;
    const outcome = await pod.suffer({
      section: 'refresher',
      fault: 'two refreshers write the same file and reload the same pooler',
      seconds: 15,
      begin: async () => {
        second = await Refresher.start({
          config: path.config({
            renewal: {
              tokenLifetimeSeconds: TOKEN_SECONDS,
              threshold: 0.4,
              maxBackoffSeconds: 0.5,
              initialBackoffSeconds: 0.25,
            },
            listen: { probePort: await freePort(), controlPort: await freePort() },
          }),
          env: { ...agent.environment(), AWS_REGION: path.rds.region },
        });
      },
      end: () => second?.stop(),
    });
    // It is a mistake, and each puts its own file back when it sees the other's: a reload too many, but no login refused.
    expectTruthful(pod);
    expect(outcome).toMatchObject({ refused: 0, unreadySeconds: 0, deadSeconds: 0 });
    expect(outcome.failed).toBeLessThan(50);
    expect(scene.secrets.foundIn(second?.output ?? '')).toEqual([]);
  });
});

/** What a fault does again and again while it lasts. A file that isn't there can't be harmed. */
function repeatedly(harm: () => void, everyMs = 100): { begin: () => void; end: () => void } {
  let timer: NodeJS.Timeout | undefined;
  return {
    begin: () => {
      timer = setInterval(() => {
        try {
          harm();
        } catch {}
      }, everyMs);
    },
    end: () => clearInterval(timer),
  };
}
