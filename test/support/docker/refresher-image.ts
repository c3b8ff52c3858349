import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { buildBaseImage } from './base-image';
import { docker } from './engine';
import { type BuildOptions, BuiltImage } from './image';

/** The build context as it is shipped. */
export const REFRESHER_CONTEXT = resolve('sidecar-image');

export interface RefresherImage {
  readonly image: BuiltImage;
  /** Name of the image it is based on. */
  readonly base: string;
  remove(): Promise<void>;
}

/**
 * The refresher's image, on a stand-in for its base; or on the image that `TEST_BASE_IMAGE` names, such as the real one
 * where its registry can be reached.
 *
 * @throws when `npm run build` was not run before, or Docker can't build
 */
export async function buildRefresherImage(options: Partial<BuildOptions> = {}): Promise<RefresherImage> {
  if (!existsSync(`${REFRESHER_CONTEXT}/dist/refresher.js`)) {
    throw new Error(`${REFRESHER_CONTEXT}/dist/refresher.js is missing: run "npm run build"`);
  }
  const given = process.env.TEST_BASE_IMAGE;
  if (given) await docker(['pull', '--quiet', given]);
  const standIn = given ? undefined : await buildBaseImage();
  const base = standIn?.name ?? (given as string);
  try {
    const image = await BuiltImage.build({
      context: REFRESHER_CONTEXT,
      ...options,
      buildArgs: { BASE: base, ...options.buildArgs },
    });
    const remove = async () => {
      await image.remove();
      await standIn?.remove();
    };
    return { image, base, remove };
  } catch (error) {
    await standIn?.remove();
    throw error;
  }
}
