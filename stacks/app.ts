/** The app of this folder, and what whoever runs an app prints of it. */
import { App, type AppConfig } from 'cdktf';
import { InvalidEnvironment, loadEnvironments } from './environments';
import { SidecarStack } from './sidecar-stack';

/** Set by the scripts where the caller didn't. */
const environmentFolder = process.env.SIDECAR_ENVIRONMENTS ?? 'stacks/environments';

/**
 * A stack for every environment file.
 *
 * @throws InvalidEnvironment with the file, if one can't be deployed
 */
export function environmentApp(config?: AppConfig): App {
  const environments = loadEnvironments(environmentFolder);
  const app = new App(config);
  for (const { name, file, config } of environments) {
    try {
      new SidecarStack(app, name, config);
    } catch (error) {
      throw new InvalidEnvironment(`${file}: ${error instanceof Error ? error.message : error}`, {
        cause: error,
      });
    }
  }
  return app;
}

/** Prints the warnings that the constructs left. */
export function showAnnotations(app: App): void {
  for (const { annotations } of Object.values(app.manifest.stacks)) {
    for (const { level, constructPath, message } of annotations) {
      console.error(`${level.replace('@cdktf/', '')}: ${constructPath}: ${message}`);
    }
  }
}

/** Runs what a script is for. A mistake in a file needs no stack trace, and a mistake of ours does. */
export function report(script: () => void): void {
  try {
    script();
  } catch (error) {
    console.error(error instanceof InvalidEnvironment && !process.env.DEBUG ? error.message : error);
    process.exitCode = 1;
  }
}
