/** Synthesizes the app: a stack for every environment file. Run by `synth.mjs`. */
import { environmentApp, report, showAnnotations } from './app';

report(() => {
  const app = environmentApp();
  app.synth();
  // The CLI shows the warnings itself.
  if (!process.env.CDKTF_OUTDIR) showAnnotations(app);
});
