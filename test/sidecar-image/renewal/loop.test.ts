import { rmSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import { RefresherError } from '../../../sidecar-image/src/errors';
import { LOOK_MS, RenewalLoop } from '../../../sidecar-image/src/renewal/loop';
import { credentials } from '../../support/builders';
import { settled } from '../../support/manual-clock';
import { RenewalRig } from '../../support/renewal-rig';

let rig: RenewalRig;
let stop = new AbortController();
let running: Promise<void> | undefined;

afterEach(async () => {
  stop.abort();
  await running;
  running = undefined;
  stop = new AbortController();
  rig.stop();
});

const newLoop = () => new RenewalLoop(rig.groups, rig.config.renewal, rig.ports, rig.events);

/** Starts the loop and lets it come to rest. */
async function start(): Promise<RenewalLoop> {
  const loop = newLoop();
  running = loop.run(stop.signal);
  await settled();
  return loop;
}

const published = () => rig.news().filter(entry => entry.startsWith('published'));

const one = () => {
  rig = new RenewalRig([{ name: 'a', files: ['list'] }]);
};

/** Milliseconds from a publish to its renewal, with the default threshold and a draw of 0. */
const RENEWAL_MS = 594_000;

describe('RenewalLoop', () => {
  it('publishes at once, then at each renewal, for hours', async () => {
    one();
    await start();
    expect(published()).toEqual(['published a']);
    await rig.clock.advance(RENEWAL_MS - 1_000);
    expect(published()).toEqual([]);
    await rig.clock.advance(1_000);
    expect(published()).toEqual(['published a']);
    await rig.clock.advance(10 * RENEWAL_MS + 1_000);
    expect(published()).toHaveLength(10);
  });

  it('never lets a token die while all is well', async () => {
    one();
    await start();
    for (let i = 0; i < 200; i++) {
      rig.draw = (i % 10) / 10;
      await rig.clock.advance(60_000);
      expect(rig.target('a').schedule.token?.expiresAt).toBeGreaterThan(rig.clock.now().wall + 290_000);
    }
  });

  it('looks every few seconds, and sooner where something is due sooner', async () => {
    one();
    await start();
    expect(rig.clock.slept.at(-1)).toBe(LOOK_MS);
    await rig.clock.advance(RENEWAL_MS - 2_000);
    expect(rig.clock.slept.at(-1)).toBeLessThanOrEqual(4_000);
    rig.faults.credentials = new RefresherError('credentials', 'down');
    await rig.clock.advance(2_000);
    expect(rig.clock.slept.at(-1)).toBe(500);
  });

  it('retries with a growing delay, and is back to normal after a success', async () => {
    one();
    rig.faults.credentials = new RefresherError('credentials', 'down');
    rig.draw = 0.999_999;
    await start();
    const attempts = async (ms: number) => {
      await rig.clock.advance(ms);
      return rig.news().filter(entry => entry === 'credentials').length;
    };
    expect(await attempts(0)).toBe(1);
    expect(await attempts(1_000)).toBe(1);
    expect(await attempts(2_000)).toBe(1);
    expect(await attempts(4_000)).toBe(1);
    expect(await attempts(60_000)).toBeLessThanOrEqual(5);

    rig.faults.credentials = undefined;
    await rig.clock.advance(30_000);
    expect(published()).toEqual(['published a']);
    expect(rig.target('a').schedule.failures).toBe(0);
  });

  it('keeps groups apart: one that hangs holds up no other', async () => {
    rig = new RenewalRig([
      { name: 'a', files: ['one'] },
      { name: 'b', files: ['two'] },
    ]);
    const { sign } = rig.ports;
    let hanging = 0;
    Object.assign(rig.ports, {
      sign: (...args: Parameters<typeof sign>) => {
        if (args[0].name !== 'a') return sign(...args);
        hanging += 1;
        return new Promise<string>(() => {});
      },
    });
    await start();
    expect(published()).toEqual(['published b']);
    await rig.clock.advance(3 * RENEWAL_MS);
    expect(published()).toEqual(['published b', 'published b', 'published b']);
    expect(hanging).toBe(1);
  });

  it('renews the targets of a shared file together: one replacement, one reload', async () => {
    rig = new RenewalRig([
      { name: 'a', files: ['list'] },
      { name: 'b', files: ['list'] },
    ]);
    rig.faults.sign.add('b');
    await start();
    rig.faults.sign.clear();
    await rig.clock.advance(1_000);
    expect(rig.lines('list')).toEqual(['a 1', 'b 2']);
    rig.news();
    await rig.clock.advance(RENEWAL_MS);
    expect(rig.news().filter(entry => entry.startsWith('replaced'))).toEqual(['replaced list']);
    expect(rig.lines('list')).toEqual(['a 3', 'b 4']);
  });

  it('signs anew when the clock was stepped', async () => {
    one();
    await start();
    published();
    rig.clock.step(60_000);
    await rig.clock.advance(LOOK_MS);
    expect(published()).toEqual(['published a']);
    await rig.clock.advance(60_000);
    expect(published()).toEqual([]);
  });

  it('looks at once when nudged', async () => {
    one();
    const loop = await start();
    published();
    rig.clock.step(60_000);
    loop.nudge();
    await settled();
    expect(published()).toEqual(['published a']);
  });

  it('puts back a removed file at its next look', async () => {
    one();
    await start();
    rmSync(rig.path('list'));
    await rig.clock.advance(LOOK_MS);
    expect(rig.lines('list')).toEqual(['a 1']);
  });

  it('goes on when a file can not be put back, and says so', async () => {
    one();
    await start();
    rig.news();
    rmSync(rig.path('list'));
    rig.faults.publish.add('list');
    await rig.clock.advance(LOOK_MS);
    expect(rig.news()).toContain('repair failed: can\'t publish "list"');
    rig.faults.publish.clear();
    await rig.clock.advance(LOOK_MS);
    expect(rig.lines('list')).toEqual(['a 1']);
  });

  it('waits for credentials that outlive the token in place, then publishes', async () => {
    one();
    rig.credentials = credentials(new Date(rig.clock.now().wall + 600_000));
    await start();
    await rig.clock.advance(500_000);
    expect(rig.lines('list')).toEqual(['a 1']);
    expect(rig.target('a').schedule.failures).toBeGreaterThan(2);
    rig.credentials = credentials(new Date(rig.clock.now().wall + 3_600_000), 'two');
    await rig.clock.advance(30_000);
    expect(published()).toHaveLength(2);
    expect(rig.target('a').schedule.failures).toBe(0);
  });

  it('stops at once, asleep or not yet started', async () => {
    one();
    await start();
    stop.abort();
    await running;
    expect(rig.clock.sleeping).toBe(0);
    rig.news();
    await newLoop().run(stop.signal);
    expect(rig.news()).toEqual([]);
  });

  describe('attemptAll', () => {
    it('tries every target once and waits for the end of all, well or not', async () => {
      rig = new RenewalRig([
        { name: 'a', files: ['one'] },
        { name: 'b', files: ['two'] },
      ]);
      rig.faults.sign.add('b');
      await newLoop().attemptAll();
      expect(rig.lines('one')).toEqual(['a 1']);
      expect(rig.news()).toContain('failed b: can not sign');
      expect(rig.clock.sleeping).toBe(0);
    });

    it('is taken up by run, without a second attempt', async () => {
      one();
      const loop = newLoop();
      await loop.attemptAll();
      running = loop.run(stop.signal);
      await settled();
      expect(published()).toEqual(['published a']);
    });
  });
});
