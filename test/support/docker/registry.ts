import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '../free-port';
import { findCommand, RunningProcess } from '../process';
import { removeFolder, tempFolder } from '../temp';

/** Path of a registry's command, where there is one: Debian's package is `docker-registry`. */
export const registryCommand = findCommand(['docker-registry', 'registry']);

/** An image registry on loopback, which Docker talks to without TLS. */
export class Registry {
  /**
   * @param htpasswd who may use it: lines of user, colon and bcrypt hash. @default - everyone
   * @throws where there is no such command
   */
  static async start(htpasswd?: string): Promise<Registry> {
    if (registryCommand === undefined) throw new Error('docker-registry was not found in PATH');
    const folder = tempFolder('registry');
    const port = await freePort();
    const config = join(folder, 'config.yml');
    const users = join(folder, 'htpasswd');
    if (htpasswd !== undefined) writeFileSync(users, htpasswd);
    writeFileSync(
      config,
      `version: 0.1
log: {level: info, accesslog: {disabled: true}}
storage: {filesystem: {rootdirectory: ${folder}/data}}
http: {addr: 127.0.0.1:${port}}
${htpasswd === undefined ? '' : `auth: {htpasswd: {realm: test, path: ${users}}}\n`}`,
    );
    const process = await RunningProcess.start(registryCommand, ['serve', config]);
    await process.waitForOutput(/listening on/);
    return new Registry(`127.0.0.1:${port}`, process, folder);
  }

  private constructor(
    /** Host and port: what the names of its images begin with. */
    readonly address: string,
    private readonly process: RunningProcess,
    private readonly folder: string,
  ) {}

  /** The tags of a repository, in the order of their names. */
  async tags(repository: string): Promise<string[]> {
    const response = await fetch(`http://${this.address}/v2/${repository}/tags/list`);
    if (response.status === 404) return [];
    const { tags } = (await response.json()) as { tags: string[] | null };
    return (tags ?? []).sort();
  }

  async stop(): Promise<void> {
    await this.process.stop();
    removeFolder(this.folder);
  }
}
