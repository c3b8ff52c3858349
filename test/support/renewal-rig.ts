import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { RefresherConfig } from '../../sidecar-image/src/config/schema';
import type { Credentials } from '../../sidecar-image/src/credentials/credentials';
import { RefresherError } from '../../sidecar-image/src/errors';
import { type Fingerprint, publishFile } from '../../sidecar-image/src/publish/atomic-file';
import { planGroups } from '../../sidecar-image/src/renewal/plan';
import type { RenewalEvents, RenewalPorts } from '../../sidecar-image/src/renewal/renew';
import { type GroupState, initialState, type TargetState } from '../../sidecar-image/src/renewal/state';
import { config, credentials, type TargetInput, targetInput } from './builders';
import { ManualClock } from './manual-clock';
import { removeFolder, tempFolder } from './temp';

/**
 * Renewals without AWS: real files in a temporary folder and a clock that stands still. Tokens are numbered as they
 * are signed, and an entry is `<target> <number>`, so that a test reads who was renewed when.
 */
export class RenewalRig {
  readonly folder = tempFolder('renewal');
  readonly clock = new ManualClock();
  readonly config: RefresherConfig;
  readonly groups: GroupState[];
  /** What was called and what was told, in order. */
  readonly journal: string[] = [];
  /** Targets that fail, by what fails. */
  readonly faults = {
    credentials: undefined as Error | undefined,
    sign: new Set<string>(),
    encode: new Set<string>(),
    publish: new Set<string>(),
  };
  /** Handed out at the next request. */
  credentials: Credentials = credentials();
  /** Draw of the next attempt. */
  draw = 0;
  private signed = 0;

  constructor(
    targets: readonly (Partial<TargetInput> & { readonly name: string; readonly files: string[] })[],
  ) {
    this.config = config({
      targets: targets.map(({ files, ...rest }) =>
        targetInput({
          user: rest.name,
          ...rest,
          outputs: files.map(file => ({ format: 'pgbouncer-userlist', path: this.path(file) })),
        }),
      ),
    });
    this.groups = planGroups(this.config).map(initialState);
  }

  path(file: string): string {
    return join(this.folder, file);
  }

  /** Lines of a published file; undefined if there is none. */
  lines(file: string): string[] | undefined {
    const path = this.path(file);
    return existsSync(path) ? readFileSync(path, 'utf8').split('\n').slice(0, -1) : undefined;
  }

  get targets(): TargetState[] {
    return this.groups.flatMap(group => [...group.targets]);
  }

  target(name: string): TargetState {
    const found = this.targets.find(target => target.config.name === name);
    if (found === undefined) throw new Error(`no target "${name}"`);
    return found;
  }

  get group(): GroupState {
    const [group, ...others] = this.groups;
    if (group === undefined || others.length > 0) throw new Error('not exactly one group');
    return group;
  }

  /** What was written in the journal since it was last asked. */
  news(): string[] {
    return this.journal.splice(0);
  }

  readonly ports: RenewalPorts = {
    clock: this.clock,
    random: () => this.draw,
    credentials: async () => {
      this.journal.push('credentials');
      if (this.faults.credentials) throw this.faults.credentials;
      return this.credentials;
    },
    sign: async ({ name }) => {
      this.journal.push(`sign ${name}`);
      if (this.faults.sign.has(name)) throw new Error('can not sign');
      this.signed += 1;
      const date = new Date(this.clock.now().wall).toISOString().replace(/[-:]|\.\d+/g, '');
      return `db:5432/?X-Amz-Date=${date}&X-Amz-Expires=900&n=${this.signed}`;
    },
    encode: ({ name }, _output, { text }) => {
      this.journal.push(`encode ${name}`);
      if (this.faults.encode.has(name)) throw new RefresherError('encode', 'too long');
      return `${name} ${new URLSearchParams(text).get('n')}\n`;
    },
    publish: (path, content, mode): Fingerprint => {
      const file = path.slice(this.folder.length + 1);
      this.journal.push(`publish ${file}`);
      if (this.faults.publish.has(file)) throw new RefresherError('publish', `can't publish "${file}"`);
      return publishFile(path, content, mode);
    },
  };

  readonly events: RenewalEvents & { repairFailed(error: unknown): void } = {
    published: ({ config: { name } }) => this.journal.push(`published ${name}`),
    failed: ({ config: { name } }, error) => this.journal.push(`failed ${name}: ${(error as Error).message}`),
    replaced: ({ plan }) => this.journal.push(`replaced ${plan.path.slice(this.folder.length + 1)}`),
    repairFailed: error => this.journal.push(`repair failed: ${(error as Error).message}`),
  };

  stop(): void {
    removeFolder(this.folder);
  }
}
