/** What a Dockerfile says its image runs. Pure. */
export interface ImageCommand {
  readonly entrypoint: readonly string[];
  readonly cmd: readonly string[];
}

/** @throws if there is no ENTRYPOINT in the exec form */
export function readDockerfile(text: string): ImageCommand {
  const execForm = (instruction: string): string[] | undefined => {
    const json = new RegExp(`^${instruction}\\s+(\\[.*\\])\\s*$`, 'm').exec(text)?.[1];
    return json === undefined ? undefined : (JSON.parse(json) as string[]);
  };
  const entrypoint = execForm('ENTRYPOINT');
  if (entrypoint === undefined) throw new Error('the Dockerfile has no ENTRYPOINT ["...", ...]');
  return { entrypoint, cmd: execForm('CMD') ?? [] };
}
