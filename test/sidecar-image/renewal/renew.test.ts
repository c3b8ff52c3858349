import { lstatSync, rmSync, writeFileSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import { RefresherError } from '../../../sidecar-image/src/errors';
import { renew, repair } from '../../../sidecar-image/src/renewal/renew';
import { credentials } from '../../support/builders';
import { RenewalRig } from '../../support/renewal-rig';

let rig: RenewalRig;

afterEach(() => rig.stop());

/** Renews the named targets, or all. */
async function attempt(...names: string[]): Promise<void> {
  const due = names.length > 0 ? names.map(name => rig.target(name)) : rig.targets;
  await renew(rig.group, due, rig.config.renewal, rig.ports, rig.events);
}

const two = () => {
  rig = new RenewalRig([
    { name: 'a', files: ['list'] },
    { name: 'b', files: ['list'] },
  ]);
};

describe('renew', () => {
  it('goes from credentials to token, entry and file, then tells', async () => {
    rig = new RenewalRig([{ name: 'a', files: ['one', 'two'] }]);
    await attempt();
    expect(rig.news()).toEqual([
      'credentials',
      'sign a',
      'encode a',
      'encode a',
      'publish one',
      'publish two',
      'published a',
      'replaced one',
      'replaced two',
    ]);
    expect(rig.lines('one')).toEqual(['a 1']);
    expect(rig.lines('two')).toEqual(['a 1']);
    expect(lstatSync(rig.path('one')).mode & 0o777).toBe(0o640);
    expect(rig.target('a')).toMatchObject({ published: 1, schedule: { failures: 0 } });
    expect(rig.target('a').schedule.token?.expiresAt).toBe(rig.clock.now().wall + 900_000);
  });

  it('writes a shared file once, in the order of the configuration', async () => {
    two();
    await attempt('b', 'a');
    expect(rig.lines('list')).toEqual(['a 2', 'b 1']);
    expect(rig.news().filter(entry => entry.startsWith('publish '))).toEqual(['publish list']);
  });

  it('keeps the entries of those that are not renewed', async () => {
    two();
    await attempt();
    await rig.clock.advance(600_000);
    await attempt('b');
    expect(rig.lines('list')).toEqual(['a 1', 'b 3']);
  });

  it('publishes who is well before who is not', async () => {
    two();
    rig.faults.sign.add('a');
    await attempt();
    expect(rig.lines('list')).toEqual(['b 1']);
    expect(rig.target('a')).toMatchObject({ published: 0, schedule: { failures: 1 } });
    expect(rig.target('b')).toMatchObject({ published: 1, schedule: { failures: 0 } });
  });

  it('ends a token with the credentials that signed it', async () => {
    two();
    rig.credentials = credentials(new Date(rig.clock.now().wall + 60_000));
    await attempt();
    expect(rig.target('a').schedule.token?.expiresAt).toBe(rig.clock.now().wall + 60_000);
  });

  it('gives all targets of an attempt one draw, so that they stay in step', async () => {
    two();
    rig.draw = 0.5;
    await attempt();
    const [a, b] = rig.targets;
    expect(a?.schedule.renewalMarginMs).toBe(b?.schedule.renewalMarginMs);
  });

  it('measures from asking for credentials to the last file', async () => {
    two();
    const ask = rig.ports.credentials;
    const slow = async () => {
      await rig.clock.advance(1_500);
      return ask();
    };
    await renew(rig.group, rig.targets, rig.config.renewal, { ...rig.ports, credentials: slow }, rig.events);
    expect(rig.target('a').lastDurationSeconds).toBe(1.5);
  });
});

describe('the last good file wins', () => {
  /** Two logins in place, then half of their life gone. */
  async function inPlace(): Promise<void> {
    two();
    await attempt();
    expect(rig.lines('list')).toEqual(['a 1', 'b 2']);
    await rig.clock.advance(450_000);
    rig.news();
  }

  it('over missing credentials', async () => {
    await inPlace();
    const before = rig.target('a').schedule;
    rig.faults.credentials = new RefresherError('credentials', 'down');
    await attempt();
    expect(rig.news()).toEqual(['credentials', 'failed a: down', 'failed b: down']);
    expect(rig.lines('list')).toEqual(['a 1', 'b 2']);
    const { schedule, lastFailure, failed } = rig.target('a');
    expect(schedule).toEqual({ ...before, failures: 1, retryAt: rig.clock.now().monotonic + 500 });
    expect(lastFailure).toEqual({ at: rig.clock.now().wall, kind: 'credentials', message: 'down' });
    expect(Object.fromEntries(failed)).toEqual({ credentials: 1 });
  });

  it('over a token that can not be signed', async () => {
    await inPlace();
    rig.faults.sign.add('a').add('b');
    await attempt();
    expect(rig.lines('list')).toEqual(['a 1', 'b 2']);
    expect(rig.news()).not.toContain('publish list');
    expect(rig.target('a').lastFailure?.kind).toBe('unexpected');
  });

  it('over an entry that its reader could not read, for that entry alone', async () => {
    await inPlace();
    rig.faults.encode.add('a');
    await attempt();
    expect(rig.lines('list')).toEqual(['a 1', 'b 4']);
    expect(rig.target('a')).toMatchObject({
      published: 1,
      lastFailure: { kind: 'encode', message: 'too long' },
    });
    expect(rig.target('b')).toMatchObject({ published: 2, schedule: { failures: 0 } });
  });

  it('over a file that can not be written: nothing of the attempt is adopted', async () => {
    await inPlace();
    const before = rig.targets.map(({ schedule }) => schedule.token);
    const { fingerprint } = rig.group.files[0] ?? {};
    rig.faults.publish.add('list');
    await attempt();
    expect(rig.news().slice(-3)).toEqual([
      'publish list',
      'failed a: can\'t publish "list"',
      'failed b: can\'t publish "list"',
    ]);
    expect(rig.lines('list')).toEqual(['a 1', 'b 2']);
    expect(rig.targets.map(({ schedule }) => schedule.token)).toEqual(before);
    expect(rig.group.files[0]?.fingerprint).toBe(fingerprint);
    expect([...(rig.group.files[0]?.entries ?? [])]).toEqual([
      ['a', 'a 1\n'],
      ['b', 'b 2\n'],
    ]);
  });

  it('over credentials that sign nothing longer-lived: no publish, no reload', async () => {
    two();
    rig.credentials = credentials(new Date(rig.clock.now().wall + 600_000));
    await attempt();
    await rig.clock.advance(450_000);
    rig.news();
    await attempt();
    expect(rig.lines('list')).toEqual(['a 1', 'b 2']);
    expect(rig.news()).toEqual([
      'credentials',
      'sign a',
      'sign b',
      expect.stringMatching(
        /^failed a: the credentials at hand sign no token that outlives the published one/,
      ),
      expect.stringMatching(/^failed b: /),
    ]);
    expect(rig.target('a').lastFailure?.kind).toBe('credentials');

    rig.credentials = credentials(new Date(rig.clock.now().wall + 3_600_000), 'two');
    await attempt();
    expect(rig.lines('list')).toEqual(['a 5', 'b 6']);
    expect(rig.target('a').schedule.failures).toBe(0);
  });

  it('and it is no failure of a target that only came along', async () => {
    two();
    rig.credentials = credentials(new Date(rig.clock.now().wall + 600_000));
    await attempt();
    rig.news();
    await attempt('a');
    expect(rig.news()).toEqual(['credentials', 'sign a']);
    expect(rig.target('a')).toMatchObject({ schedule: { failures: 0 }, published: 1 });
  });

  it('when one of two files fails: the other has the new login, and the target tries again', async () => {
    rig = new RenewalRig([{ name: 'a', files: ['one', 'two'] }]);
    await attempt();
    await rig.clock.advance(450_000);
    rig.news();
    rig.faults.publish.add('two');
    await attempt();
    expect([rig.lines('one'), rig.lines('two')]).toEqual([['a 2'], ['a 1']]);
    expect(rig.news().slice(-2)).toEqual(['failed a: can\'t publish "two"', 'replaced one']);
    expect(rig.target('a')).toMatchObject({ published: 1, schedule: { failures: 1 } });

    // A retry leaves the good file alone: its reader would reload for nothing.
    await rig.clock.advance(30_000);
    await attempt();
    expect(rig.news()).toEqual([
      'credentials',
      'encode a',
      'encode a',
      'publish two',
      'failed a: can\'t publish "two"',
    ]);

    rig.faults.publish.clear();
    await attempt();
    expect([rig.lines('one'), rig.lines('two')]).toEqual([['a 2'], ['a 2']]);
    expect(rig.target('a')).toMatchObject({ published: 2, unfinished: undefined });
    await rig.clock.advance(600_000);
    await attempt();
    expect([rig.lines('one'), rig.lines('two')]).toEqual([['a 3'], ['a 3']]);
  });

  it('and a retry that comes so late that its token would be due signs another', async () => {
    rig = new RenewalRig([{ name: 'a', files: ['one', 'two'] }]);
    rig.faults.publish.add('two');
    await attempt();
    await rig.clock.advance(600_000);
    await attempt();
    expect(rig.lines('one')).toEqual(['a 2']);
    // As does one after the clock was stepped: AWS may date the token otherwise than we did.
    rig.clock.step(60_000);
    await attempt();
    expect(rig.lines('one')).toEqual(['a 3']);
  });

  it('and failures in a row are counted, each with its kind', async () => {
    await inPlace();
    rig.faults.credentials = new RefresherError('credentials', 'down');
    await attempt('a');
    await attempt('a');
    rig.faults.credentials = undefined;
    rig.faults.publish.add('list');
    await attempt('a');
    expect(rig.target('a').schedule).toMatchObject({
      failures: 3,
      retryAt: rig.clock.now().monotonic + 2_000,
    });
    expect(Object.fromEntries(rig.target('a').failed)).toEqual({ credentials: 2, publish: 1 });
    expect(rig.target('b').schedule.failures).toBe(0);
  });
});

describe('repair', () => {
  const fix = () => repair(rig.group, rig.ports, rig.events);

  it('leaves what is as published, and what was never published', async () => {
    two();
    fix();
    await attempt();
    rig.news();
    fix();
    expect(rig.news()).toEqual([]);
  });

  it.each<[string, () => void]>([
    ['removed', () => rmSync(rig.path('list'))],
    ['changed', () => writeFileSync(rig.path('list'), 'by hand')],
    ['emptied', () => writeFileSync(rig.path('list'), '')],
  ])('puts back a file that was %s, once', async (_, change) => {
    two();
    await attempt();
    rig.news();
    change();
    fix();
    expect(rig.lines('list')).toEqual(['a 1', 'b 2']);
    expect(rig.news()).toEqual(['publish list', 'replaced list']);
    fix();
    expect(rig.news()).toEqual([]);
    expect(rig.group.files[0]?.repaired).toBe(1);
  });

  it('throws what keeps it from doing so, and tries again', async () => {
    two();
    await attempt();
    rmSync(rig.path('list'));
    rig.faults.publish.add('list');
    expect(fix).toThrow('can\'t publish "list"');
    expect(rig.group.files[0]?.repaired).toBe(0);
    rig.faults.publish.clear();
    fix();
    expect(rig.lines('list')).toEqual(['a 1', 'b 2']);
  });
});
