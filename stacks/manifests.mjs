/** Prints the Kubernetes objects of every environment, or of those named, as YAML: `npm run manifests -- production`. */
import { prepare, runTypeScript } from './bundle.mjs';

prepare();
await runTypeScript('manifests/main.ts');
