/** Says what is done while it is done. */
export class Narrator {
  constructor(private readonly print: (...lines: string[]) => void) {}

  say(...lines: string[]): void {
    this.print(...lines);
  }

  /** A label with what there is to say about it. */
  item(label: string, ...lines: readonly string[]): void {
    this.say(...lines.map((line, index) => `  ${(index === 0 ? label : '').padEnd(LABEL_WIDTH)}${line}`));
  }

  /** Work, and once it is done what came of it and how long it took. */
  async step<T>(
    label: string,
    work: () => Promise<T>,
    describe: (result: T) => readonly string[],
  ): Promise<T> {
    const begun = performance.now();
    const result = await work();
    const took = `(${((performance.now() - begun) / 1000).toFixed(1)} s)`;
    this.item(label, ...describe(result).map((line, index) => (index === 0 ? `${line} ${took}` : line)));
    return result;
  }
}

const LABEL_WIDTH = 12;
