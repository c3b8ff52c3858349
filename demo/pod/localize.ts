/** From a pod to processes of this machine: container paths to folders, images to programs. Pure. */
import { posix } from 'node:path';
import type { HttpProbe, Pod, PodContainer, Role } from './pod';

/** What stands on this machine in the place of an image. */
export interface LocalImage {
  /** Program and first arguments, as a Dockerfile's ENTRYPOINT. */
  readonly entrypoint: readonly string[];
  /** As a Dockerfile's CMD. */
  readonly defaultArgs: readonly string[];
  /** Where programs are that the pod names by `command`. @default - none: the pod's command is dropped */
  readonly programs?: Readonly<Record<string, string>>;
}

export interface LocalizeOptions {
  /** Absolute folder that everything of the pod goes to. */
  readonly root: string;
  /** What to run for a container. */
  readonly imageOf: (container: PodContainer) => LocalImage;
  /** Variables of every container: what EKS would inject. */
  readonly env: Readonly<Record<string, string>>;
  /** Ports that are taken on this machine, with what to use instead. */
  readonly ports: ReadonlyMap<number, number>;
}

export interface LocalProcess {
  readonly name: string;
  readonly role: Role;
  readonly command: readonly string[];
  /** The whole environment. */
  readonly env: Readonly<Record<string, string>>;
  readonly startupProbe?: HttpProbe;
}

export interface LocalPod {
  /** To make before anything starts. */
  readonly folders: readonly string[];
  /** Content by path, to write before anything starts. */
  readonly files: Readonly<Record<string, string>>;
  /** In the order they start. */
  readonly processes: readonly LocalProcess[];
}

export function localize(pod: Pod, options: LocalizeOptions): LocalPod {
  const files: Record<string, string> = {};
  const folders = new Set<string>();
  const processes = pod.containers.map((container): LocalProcess => {
    // Each container has its own view: two may mount one volume at different paths.
    const places = new Map(
      container.mounts.map(({ volume, path }) => [path, placeOf(pod, container, volume, options.root)]),
    );
    const rewrite = (text: string) => rewritePorts(rewritePaths(text, places), options.ports);
    for (const { volume, path } of container.mounts) {
      const place = places.get(path) ?? '';
      folders.add(place);
      const content = pod.volumes[volume];
      if (content?.kind !== 'files') continue;
      for (const [name, text] of Object.entries(content.files)) {
        files[posix.join(place, name)] = bindToLoopback(rewrite(text));
      }
    }
    const { startupProbe } = container;
    return {
      name: container.name,
      role: container.role,
      command: commandLine(
        { ...container, command: container.command.map(rewrite), args: container.args.map(rewrite) },
        options.imageOf(container),
      ),
      env: { ...options.env, ...mapValues(container.env, rewrite) },
      ...(startupProbe && {
        startupProbe: { ...startupProbe, port: options.ports.get(startupProbe.port) ?? startupProbe.port },
      }),
    };
  });
  return { folders: [...folders], files, processes };
}

/** A pod's scratch space is shared; a ConfigMap is written once for each container, in its own words. */
function placeOf(pod: Pod, container: PodContainer, volume: string, root: string): string {
  const found = pod.volumes[volume];
  if (found === undefined) {
    throw new Error(`container "${container.name}" mounts volume "${volume}", which the pod doesn't have`);
  }
  return found.kind === 'scratch' ? posix.join(root, volume) : posix.join(root, container.name, volume);
}

/** As Kubernetes does: the pod's `command` stands for the ENTRYPOINT, its `args` for the CMD. */
function commandLine({ name, command, args }: PodContainer, image: LocalImage): string[] {
  const { entrypoint, defaultArgs, programs } = image;
  const [program, ...rest] = command;
  if (program === undefined) return [...entrypoint, ...(args.length > 0 ? args : defaultArgs)];
  if (programs === undefined) return [...entrypoint, ...defaultArgs];
  const path = programs[program];
  if (path === undefined)
    throw new Error(`container "${name}" runs "${program}", which is not on this machine`);
  return [path, ...rest, ...args];
}

/** Every path in the text that is, or lies below, one of `places`; the longest wins. */
export function rewritePaths(text: string, places: ReadonlyMap<string, string>): string {
  if (places.size === 0) return text;
  const known = [...places.keys()].sort((a, b) => b.length - a.length).map(escapeRegExp);
  // A path begins at the start, or behind what can't be a part of one: white space, a quote, or a list's separator.
  const pattern = new RegExp(`(?<![^\\s"'=:,;])(?:${known.join('|')})(?![^\\s"'=:,;/])`, 'g');
  return text.replaceAll(pattern, path => places.get(path) ?? path);
}

function escapeRegExp(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
}

/** Every whole number in the text that is one of `ports`. */
export function rewritePorts(text: string, ports: ReadonlyMap<number, number>): string {
  if (ports.size === 0) return text;
  const pattern = new RegExp(`(?<![\\w.])(?:${[...ports.keys()].join('|')})(?![\\w.])`, 'g');
  return text.replaceAll(pattern, port => String(ports.get(Number(port)) ?? port));
}

/** A pod has an address of its own; this machine's would be open to its network. */
function bindToLoopback(text: string): string {
  if (!text.startsWith('{')) return text;
  const config = JSON.parse(text) as { listen?: object };
  if (config.listen === undefined) return text;
  return `${JSON.stringify({ ...config, listen: { host: '127.0.0.1', ...config.listen } }, null, 2)}\n`;
}

/** Ports that the pod listens on: of its probes, and those that its configuration files name. */
export function listeningPorts(pod: Pod): number[] {
  const probed = pod.containers.flatMap(({ startupProbe }) => (startupProbe ? [startupProbe.port] : []));
  const texts = Object.values(pod.volumes).flatMap(volume =>
    volume.kind === 'files' ? Object.values(volume.files) : [],
  );
  const configured = texts.flatMap(text =>
    [...text.matchAll(/(?:\blisten_port\s*=\s*|"(?:probe|control)Port":\s*"?)(\d+)/g)].map(([, port]) =>
      Number(port),
    ),
  );
  return [...new Set([...probed, ...configured])];
}

function mapValues<T>(record: Readonly<Record<string, T>>, map: (value: T) => T): Record<string, T> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, map(value)]));
}
