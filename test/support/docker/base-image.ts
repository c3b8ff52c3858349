import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { run } from '../process';
import { IMAGE_NODE } from '../refresher';
import { removeFolder, tempFolder } from '../temp';
import { BuiltImage } from './image';

/** What a distroless Node image has that matters to whoever builds on it. */
const DOCKERFILE = `FROM scratch
COPY root/ /
ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
USER 65532
WORKDIR /home/nonroot
ENTRYPOINT ["/nodejs/bin/node"]
`;

export interface BaseImageOptions {
  /** Where in the image Node lies, or `false` for an image that is only built upon. @default /nodejs/bin/node */
  readonly nodePath?: string | false;
  /** @default - the engine's own */
  readonly platform?: string;
}

/**
 * A stand-in for the distroless base, which takes a registry that tests must not depend on: Node 24 with the libraries
 * that it is linked with, from this machine, in an image that holds nothing else.
 *
 * @throws where this machine's Node is not Linux's
 */
export async function buildBaseImage(options: BaseImageOptions = {}): Promise<BuiltImage> {
  const { nodePath = '/nodejs/bin/node', platform } = options;
  const context = tempFolder('base-image');
  try {
    const root = join(context, 'root');
    mkdirSync(join(root, 'etc'), { recursive: true });
    mkdirSync(join(root, 'home/nonroot'), { recursive: true });
    writeFileSync(join(root, 'etc/passwd'), 'nonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin\n');
    if (nodePath !== false) {
      copy(IMAGE_NODE, join(root, nodePath));
      for (const library of await librariesOf(IMAGE_NODE)) copy(library, join(root, library));
    }
    writeFileSync(join(context, 'Dockerfile'), DOCKERFILE);
    return await BuiltImage.build({ context, platform });
  } finally {
    removeFolder(context);
  }
}

function copy(from: string, to: string): void {
  mkdirSync(dirname(to), { recursive: true });
  copyFileSync(from, to);
}

/** Paths of the shared libraries, and of the loader, that a program needs. */
async function librariesOf(program: string): Promise<string[]> {
  if (process.platform !== 'linux') {
    throw new Error("the base image is made of this machine's Node, which has to be one for Linux");
  }
  const { code, stdout, stderr } = await run('ldd', [program]);
  if (code !== 0) throw new Error(`ldd ${program} ended with status ${code}:\n${stdout}${stderr}`);
  // "libc.so.6 => /lib/libc.so.6 (0x...)" or "/lib64/ld-linux-x86-64.so.2 (0x...)"
  return [...stdout.matchAll(/(?:=>|^)\s*(\/\S+) \(0x/gm)].map(([, path]) => path as string);
}
