/** Synthesizes the examples, a stack each. Run by `synth.mjs examples`. */
import { mkdirSync } from 'node:fs';
import { report, showAnnotations } from '../app';
import { examplesApp } from './app';

report(() => {
  const outdir = process.env.CDKTF_OUTDIR ?? 'cdktf.out/examples';
  mkdirSync(outdir, { recursive: true });
  const app = examplesApp({ outdir });
  app.synth();
  if (!process.env.CDKTF_OUTDIR) showAnnotations(app);
});
