import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** The refresher's build context, as this package ships it. */
export interface PackagedContext {
  readonly directory: string;
  /** Of the package, and so of the refresher. */
  readonly version: string;
}

const PACKAGE = 'cdktf-rds-iam-sidecar';

/**
 * Looks from a folder upwards for this package, or for a `node_modules` that holds it: the code that asks may lie in
 * the package's sources, in its bundle, or in a bundle that an app was made to.
 *
 * @throws if it isn't found
 */
export function packagedContext(from: string = __dirname): PackagedContext {
  for (let folder = from; ; folder = dirname(folder)) {
    for (const root of [folder, join(folder, 'node_modules', PACKAGE)]) {
      const version = versionOf(root);
      if (version !== undefined) return { directory: join(root, 'sidecar-image'), version };
    }
    if (folder === dirname(folder)) break;
  }
  throw new Error(
    `the refresher's build context was not found above "${from}": pass its folder to SidecarImage.fromDirectory`,
  );
}

/** @returns `undefined` where the folder isn't this package's */
function versionOf(root: string): string | undefined {
  if (!existsSync(join(root, 'sidecar-image', 'Dockerfile'))) return undefined;
  const { name, version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  return name === PACKAGE ? version : undefined;
}
