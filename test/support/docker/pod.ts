import { randomBytes } from 'node:crypto';
import type { Finished } from '../process';
import { docker, removeOnExit, tryDocker } from './engine';

/** Group of the pod's volumes, as `fsGroup` makes it. */
export const FS_GROUP = 2000;

export interface ContainerOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** `uid:gid`. @default - the image's */
  readonly user?: string;
  /** Whether the container is a member of the pod's `fsGroup`. @default true */
  readonly inGroup?: boolean;
  /** Replaces the image's entry point. */
  readonly entrypoint?: string;
  /** Whether `/shared` can't be written to. @default false */
  readonly readOnly?: boolean;
}

/** How a container ended. */
export interface ContainerExit {
  readonly code: number;
  readonly killedForMemory: boolean;
}

/** A container of a pod, running or ended. */
export class PodContainer {
  constructor(readonly id: string) {}

  /** Standard output and standard error so far. */
  async logs(): Promise<string> {
    const { stdout, stderr } = await tryDocker(['logs', this.id]);
    return stdout + stderr;
  }

  /** SIGTERM; and SIGKILL, which ends it with 137, where that has no effect within ten seconds. */
  async stop(): Promise<ContainerExit> {
    await docker(['stop', '--time', '10', this.id]);
    return this.exit();
  }

  /** Waits for the end. */
  async exit(): Promise<ContainerExit> {
    const code = Number(await docker(['wait', this.id]));
    const killed = await docker(['inspect', '--format', '{{.State.OOMKilled}}', this.id]);
    return { code, killedForMemory: killed === 'true' };
  }
}

/**
 * Containers that share a network and a memory-backed volume at `/shared`, as those of a pod do, under what Pod Security
 * `restricted` asks for. There is no network but the loopback.
 */
export class Pod {
  private readonly containers: string[] = [];
  private readonly forget: (() => void)[] = [];

  private constructor(
    private readonly image: string,
    private readonly name: string,
  ) {}

  /** @param image has a `node` in its `PATH`, which also holds the pod open */
  static async start(image: string): Promise<Pod> {
    const pod = new Pod(image, `refresher-test-${randomBytes(6).toString('hex')}`);
    try {
      // As the kubelet leaves an emptyDir: root's, the group's by fsGroup, and new files get the group as well.
      const options = `size=1m,uid=0,gid=${FS_GROUP},mode=2777`;
      const volume = [
        '--driver',
        'local',
        '--opt',
        'type=tmpfs',
        '--opt',
        'device=tmpfs',
        '--opt',
        `o=${options}`,
      ];
      pod.forget.push(removeOnExit('volume', 'rm', '--force', pod.name));
      await docker(['volume', 'create', ...volume, pod.name]);
      // While it runs, the volume stays mounted and what is in it survives the others.
      const idle = ['--entrypoint', 'node', image, '-e', 'setInterval(() => {}, 60_000)'];
      pod.forget.push(removeOnExit('rm', '--force', pod.name));
      await docker(['run', '--detach', '--name', pod.name, '--network', 'none', ...pod.sandbox({}), ...idle]);
      return pod;
    } catch (error) {
      await pod.remove();
      throw error;
    }
  }

  /** Starts a container that keeps running. */
  async start(args: readonly string[], options: ContainerOptions = {}): Promise<PodContainer> {
    const name = this.containerName();
    await docker(['run', '--detach', '--name', name, ...this.joined(options), this.image, ...args]);
    return new PodContainer(name);
  }

  /** Runs a container to its end. */
  run(args: readonly string[], options: ContainerOptions = {}): Promise<Finished> {
    return tryDocker(['run', '--name', this.containerName(), ...this.joined(options), this.image, ...args]);
  }

  /** Runs JavaScript in a container of its own. */
  script(source: string, options: ContainerOptions = {}): Promise<Finished> {
    return this.run(['-e', source], { ...options, entrypoint: 'node' });
  }

  /** GETs from the pod's loopback, as another container of the pod. */
  async get(port: number, path: string): Promise<{ status: number; body: string }> {
    const url = JSON.stringify(`http://127.0.0.1:${port}${path}`);
    const { code, stdout, stderr } = await this.script(
      `fetch(${url}).then(async answer => console.log(JSON.stringify({ status: answer.status, body: await answer.text() })))`,
    );
    if (code !== 0) throw new Error(`${url} gave no answer:\n${stderr}`);
    return JSON.parse(stdout);
  }

  async remove(): Promise<void> {
    await tryDocker(['rm', '--force', ...this.containers, this.name]);
    await tryDocker(['volume', 'rm', '--force', this.name]);
    for (const forget of this.forget) forget();
  }

  private containerName(): string {
    const name = `${this.name}-${this.containers.length}`;
    this.containers.push(name);
    this.forget.push(removeOnExit('rm', '--force', name));
    return name;
  }

  private joined(options: ContainerOptions): string[] {
    return ['--network', `container:${this.name}`, ...this.sandbox(options)];
  }

  private sandbox({ env = {}, user, inGroup = true, entrypoint, readOnly }: ContainerOptions): string[] {
    return [
      '--read-only',
      ...['--cap-drop', 'ALL', '--security-opt', 'no-new-privileges'],
      // The limit that the constructs give the refresher.
      ...['--memory', '128m'],
      ...['--volume', `${this.name}:/shared${readOnly ? ':ro' : ''}`],
      ...(inGroup ? ['--group-add', `${FS_GROUP}`] : []),
      ...(user === undefined ? [] : ['--user', user]),
      ...(entrypoint === undefined ? [] : ['--entrypoint', entrypoint]),
      ...Object.entries(env).flatMap(([name, value]) => ['--env', `${name}=${value}`]),
    ];
  }
}
