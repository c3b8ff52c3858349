import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';
import { type ISynthesisSession, TerraformStack } from 'cdktf';
import { Construct } from 'constructs';
import type { ContextFile } from './build-context';

export interface ContextAssetProps {
  readonly files: readonly ContextFile[];
  /** Of the files: another content lies at another path. */
  readonly hash: string;
}

/**
 * Where cdktf looks for constructs that write files as well; it keeps the function that sets it to itself. A
 * `TerraformAsset` would take a whole folder, and these are some of its files.
 */
const CUSTOM_SYNTHESIS = Symbol.for('cdktf/customSynthesis');

/** A build context in the output of synth. */
export class ContextAsset extends Construct {
  /** Relative to the folder that Terraform runs in. */
  readonly path: string;
  private readonly folder: string;

  constructor(scope: Construct, id: string, { files, hash }: ContextAssetProps) {
    super(scope, id);
    const stack = TerraformStack.of(this);
    this.folder = posix.join('assets', stack.getLogicalId(this.node));
    this.path = posix.join(this.folder, hash);
    const onSynthesize = ({ manifest }: ISynthesisSession) => {
      const { synthesizedStackPath } = manifest.forStack(stack);
      this.write(dirname(join(manifest.outdir, synthesizedStackPath)), files);
    };
    Object.defineProperty(this, CUSTOM_SYNTHESIS, { value: { onSynthesize } });
  }

  private write(directory: string, files: readonly ContextFile[]): void {
    // What an earlier synth left.
    rmSync(join(directory, this.folder), { recursive: true, force: true });
    for (const { path, executable, content } of files) {
      const file = join(directory, this.path, path);
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, content, { mode: executable ? 0o755 : 0o644 });
    }
  }
}
