/**
 * Paths that a Dockerfile copies out of its build context, as far as they are plain: without variables, wildcards,
 * URLs and here-documents. What stands there and isn't in the context fails the build.
 *
 * Source: https://docs.docker.com/reference/dockerfile/#copy
 */
export function copiedPaths(dockerfile: string): string[] {
  const paths = instructions(dockerfile).flatMap(sources).map(normalize).filter(isPlain);
  return [...new Set(paths)];
}

/** Instructions, each in one line, without comments and here-documents. */
function instructions(dockerfile: string): string[] {
  // The directive may make another character continue a line; such a file is left to Docker.
  if (/^#\s*escape\s*=\s*`/im.test(dockerfile)) return [];
  const lines = dockerfile.split(/\r?\n/).filter(line => !/^\s*#/.test(line));
  const joined = lines.join('\n').replace(/\\[ \t]*\n/g, ' ');
  return joined.replace(/(<<-?["']?(\w+)["']?.*)\n[\s\S]*?\n\s*\2(?=\n|$)/g, '$1').split('\n');
}

function sources(instruction: string): string[] {
  const rest = /^\s*(?:COPY|ADD)\s+(.*)$/i.exec(instruction)?.[1]?.trim();
  if (rest === undefined) return [];
  const [flags = ''] = /^(?:--\S+\s+)*/.exec(rest) ?? [];
  // Another stage or image, or text that follows in the Dockerfile itself.
  if (/--from=/.test(flags) || rest.includes('<<')) return [];
  return words(rest.slice(flags.length)).slice(0, -1);
}

function words(text: string): string[] {
  if (!text.startsWith('[')) return text.split(/\s+/);
  try {
    return (JSON.parse(text) as unknown[]).map(String);
  } catch {
    // Docker says what is wrong with it.
    return [];
  }
}

function normalize(path: string): string {
  return path
    .split('/')
    .filter(part => part !== '' && part !== '.')
    .join('/');
}

function isPlain(path: string): boolean {
  return (
    path !== '' &&
    !/[$*?[\\"]/.test(path) &&
    !/^(https?:|git@|ssh:|git:)/.test(path) &&
    !path.startsWith('..')
  );
}
