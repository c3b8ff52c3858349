import * as z from 'zod';

const blocks = z.record(z.string(), z.record(z.string(), z.looseObject({})));
const cdkTfJson = z.looseObject({
  resource: blocks.default({}),
  data: blocks.default({}),
});

/** A resource or data source as it stands in the JSON. */
export type Block = Readonly<Record<string, unknown>>;

/** What `cdktf synth` wrote for one stack. Pure: what only an apply would know stays unknown. */
export class SynthesizedStack {
  private readonly json: z.output<typeof cdkTfJson>;

  /** @param text content of a `cdk.tf.json` */
  constructor(text: string) {
    this.json = cdkTfJson.parse(JSON.parse(text));
  }

  get resourceCount(): number {
    return Object.values(this.json.resource).reduce((sum, blocks) => sum + Object.keys(blocks).length, 0);
  }

  resources(type: string): Block[] {
    return Object.values(this.json.resource[type] ?? {});
  }

  dataSources(type: string): Block[] {
    return Object.values(this.json.data[type] ?? {});
  }

  /** The text with every reference replaced whose value stands in the JSON, and Terraform's escapes undone. */
  resolve(text: string): string {
    return this.replaceReferences(text, whole => whole);
  }

  /**
   * As `resolve`, for text that has to be known.
   *
   * @throws if a part of it is known only after an apply
   */
  known(what: string, text: string): string {
    return this.replaceReferences(text, whole => {
      throw new Error(
        `${what} holds ${whole}, which only an apply would know: write its value into the config`,
      );
    });
  }

  private replaceReferences(text: string, unknown: (whole: string) => string): string {
    return text.replaceAll(/([$%])\1\{|\$\{([^}]*)\}/g, (whole, escaped?: string, reference?: string) =>
      escaped === undefined ? (this.lookUp(reference ?? '') ?? unknown(whole)) : `${escaped}{`,
    );
  }

  /** `kubernetes_config_map_v1.some_name.metadata[0].name` */
  private lookUp(reference: string): string | undefined {
    const [type = '', name = '', ...path] = reference.replaceAll(/\[\d+\]/g, '').split('.');
    const start: unknown = this.json.resource[type]?.[name];
    const value = path.reduce<unknown>((at, key) => {
      // A block may be written with or without its list.
      const block = Array.isArray(at) ? at[0] : at;
      return typeof block === 'object' && block !== null ? (block as Block)[key] : undefined;
    }, start);
    return typeof value === 'string' ? value : undefined;
  }
}
