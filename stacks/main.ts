/** The app: a stack for every environment file. Run by `synth.mjs`. */
import { App } from 'cdktf';
import { InvalidEnvironment, loadEnvironments } from './environments';
import { SidecarStack } from './sidecar-stack';

/** Set by `synth.mjs` where the caller didn't. */
const directory = process.env.SIDECAR_ENVIRONMENTS ?? 'stacks/environments';

function synthesize(): void {
  const environments = loadEnvironments(directory);
  const app = new App();
  for (const { name, file, config } of environments) {
    try {
      new SidecarStack(app, name, config);
    } catch (error) {
      throw new InvalidEnvironment(`${file}: ${error instanceof Error ? error.message : error}`, {
        cause: error,
      });
    }
  }
  app.synth();
  // The CLI shows the warnings itself.
  if (!process.env.CDKTF_OUTDIR) showAnnotations(app);
}

function showAnnotations(app: App): void {
  for (const { annotations } of Object.values(app.manifest.stacks)) {
    for (const { level, constructPath, message } of annotations) {
      console.error(`${level.replace('@cdktf/', '')}: ${constructPath}: ${message}`);
    }
  }
}

try {
  synthesize();
} catch (error) {
  // A mistake in a file needs no stack trace, and a mistake of ours does.
  console.error(error instanceof InvalidEnvironment && !process.env.DEBUG ? error.message : error);
  process.exitCode = 1;
}
