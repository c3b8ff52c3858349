import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type GroupPlan, planGroups } from '../../../sidecar-image/src/renewal/plan';
import { config, targetInput } from '../../support/builders';

/** Plans targets a, b, c ... from the files that each writes. */
function plan(...files: string[][]): GroupPlan[] {
  const targets = files.map((paths, index) =>
    targetInput({
      name: nameOf(index),
      user: nameOf(index),
      outputs: paths.map(path => ({ format: 'pgbouncer-userlist', path: `/${path}` })),
    }),
  );
  return planGroups(config({ targets }));
}

const nameOf = (index: number) => String.fromCharCode('a'.charCodeAt(0) + index);

/** The names in each group, and the targets of each file. */
const summary = (groups: GroupPlan[]) =>
  groups.map(({ targets, files }) => ({
    targets: targets.map(({ name }) => name).join(' '),
    files: Object.fromEntries(
      files.map(({ path, entries }) => [path.slice(1), entries.map(({ target }) => target.name).join(' ')]),
    ),
  }));

describe('planGroups', () => {
  it('keeps targets apart that share no file', () => {
    expect(summary(plan(['x'], ['y']))).toEqual([
      { targets: 'a', files: { x: 'a' } },
      { targets: 'b', files: { y: 'b' } },
    ]);
  });

  it('puts targets together that share a file', () => {
    expect(summary(plan(['x'], ['x']))).toEqual([{ targets: 'a b', files: { x: 'a b' } }]);
  });

  it('ties groups together by a target that shares a file with each', () => {
    expect(summary(plan(['x'], ['y'], ['z'], ['y', 'x', 'w']))).toEqual([
      { targets: 'c', files: { z: 'c' } },
      { targets: 'a b d', files: { x: 'a d', y: 'b d', w: 'd' } },
    ]);
  });

  it('writes files for their owner or for the pod, as each says', () => {
    const [group] = planGroups(
      config({
        targets: [
          targetInput({
            outputs: [
              { format: 'pgbouncer-userlist', path: '/userlist' },
              { format: 'pgpass', path: '/pgpass' },
              { format: 'token', path: '/token', access: 'owner' },
              { format: 'mysql-option-file', path: '/my.cnf' },
            ],
          }),
        ],
      }),
    );
    expect(group?.files.map(({ path, mode }) => [path, mode.toString(8)])).toEqual([
      ['/userlist', '640'],
      ['/pgpass', '600'],
      ['/token', '600'],
      ['/my.cnf', '640'],
    ]);
  });

  it('loses nobody, and no file is in two groups', () => {
    const files = fc.uniqueArray(fc.constantFrom<string>('p', 'q', 'r', 's', 't', 'u'), {
      minLength: 1,
      maxLength: 3,
    });
    fc.assert(
      fc.property(fc.array(files, { minLength: 1, maxLength: 10 }), all => {
        const groups = plan(...all);
        const names = groups.flatMap(({ targets }) => targets.map(({ name }) => name));
        expect(names.sort()).toEqual(all.map((_, index) => nameOf(index)).sort());
        const paths = groups.flatMap(group => group.files.map(({ path }) => path));
        expect(new Set(paths).size).toBe(paths.length);
        for (const group of groups) {
          for (const { path, entries } of group.files) {
            const writers = all.flatMap((own, index) => (own.includes(path.slice(1)) ? [nameOf(index)] : []));
            expect(entries.map(({ target }) => target.name)).toEqual(writers);
            for (const writer of writers) {
              expect(group.targets.map(({ name }) => name)).toContain(writer);
            }
          }
        }
      }),
    );
  });
});
