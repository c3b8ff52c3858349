/** A provisioner that runs a POSIX shell script where Terraform runs, when its resource is created. */
export function scriptStep(script: string, environment: Readonly<Record<string, string>>) {
  return {
    type: 'local-exec' as const,
    interpreter: ['/bin/sh', '-c'],
    command: script,
    // Newer than cdktf's type. Without it Terraform prints the whole script first.
    quiet: true,
    environment: { ...environment },
  };
}
