import { copyFileSync, cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../../test/support/process';
import { giveToUnprivileged, unprivileged } from '../../test/support/unprivileged';
import { readDockerfile } from '../pod/dockerfile';
import type { LocalImage } from '../pod/localize';
import type { PodContainer } from '../pod/pod';

export interface ImageOptions {
  /** Folder of the project. */
  readonly project: string;
  /** Folder to put the images' files in. */
  readonly folder: string;
  /** The bundled app. */
  readonly app: string;
  /** PgBouncer's program. */
  readonly pgbouncer: string;
  /** PEM: stands in the refresher's image where RDS's own authorities stand. */
  readonly authority: string;
}

/** Puts together what stands on this machine for each image of the pod, and tells which it is. */
export async function buildImages(options: ImageOptions): Promise<(container: PodContainer) => LocalImage> {
  const { project, folder, app, pgbouncer, authority } = options;
  mkdirSync(folder, { recursive: true });
  const bundle = join(folder, 'refresher.js');
  const appBundle = join(folder, 'app.js');
  copyFileSync(join(project, 'sidecar-image/dist/refresher.js'), bundle);
  writeFileSync(join(folder, 'rds-ca-bundle.pem'), authority);
  copyFileSync(app, appBundle);
  giveToUnprivileged(folder);
  const node = await reachableNode(project, folder);
  const { entrypoint, cmd } = readDockerfile(readFileSync(join(project, 'sidecar-image/Dockerfile'), 'utf8'));

  const refresher: LocalImage = {
    entrypoint: entrypoint.map(part =>
      part === 'node' ? node : part.endsWith('/refresher.js') ? bundle : part,
    ),
    defaultArgs: cmd,
  };
  return container => {
    if (container.isApp) return { entrypoint: [node, appBundle], defaultArgs: [] };
    if (container.env.REFRESHER_CONFIG !== undefined) return refresher;
    if (container.command[0] === 'pgbouncer') {
      return { entrypoint: [pgbouncer], defaultArgs: [], programs: { pgbouncer } };
    }
    throw new Error(
      `container "${container.name}" runs the image "${container.image}", which the demo has nothing for: it knows the refresher, PgBouncer and the app`,
    );
  };
}

/** The image's Node, where the user that servers run as gets at it: a project below /root is closed to it. */
export async function reachableNode(project: string, folder: string): Promise<string> {
  const node = join(project, 'node_modules/node/bin/node');
  if (!existsSync(node)) throw new Error(`${node} is missing: run "npm ci" without "--ignore-scripts"`);
  const identity = unprivileged();
  const { code } = await run(node, ['--version'], { identity }).catch(() => ({ code: null }));
  if (code === 0) return node;
  const copy = join(folder, 'node');
  cpSync(node, copy, { dereference: true });
  giveToUnprivileged(copy);
  return copy;
}
