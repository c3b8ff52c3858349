import { onExit } from '../../test/support/exit';

/** A part of the terminal. On anything else, such as a pipe or a file, there is nothing to redraw. */
export class Screen {
  private drawn = 0;
  private restore: (() => void) | undefined;

  constructor(private readonly out: NodeJS.WriteStream) {}

  /** Whether `lines` can be redrawn in place: what has scrolled away can't. */
  canRedraw(lines: number): boolean {
    return this.out.isTTY === true && process.env.TERM !== 'dumb' && lines < (this.out.rows ?? 24);
  }

  print(...lines: string[]): void {
    this.out.write(`${lines.join('\n')}\n`);
  }

  /** Puts the lines in the place of those drawn before. */
  redraw(lines: readonly string[]): void {
    if (this.restore === undefined) {
      this.out.write(HIDE_CURSOR);
      const forget = onExit(() => this.out.write(SHOW_CURSOR));
      this.restore = () => {
        forget();
        this.out.write(SHOW_CURSOR);
      };
    }
    const up = this.drawn > 0 ? `\x1b[${this.drawn}A` : '';
    this.out.write(`${up}\r${lines.map(line => `${line}${ERASE_REST}`).join('\n')}\n`);
    this.drawn = lines.length;
  }

  /** Takes away the lines drawn last. */
  erase(): void {
    if (this.drawn > 0) this.out.write(`\x1b[${this.drawn}A\r${ERASE_BELOW}`);
    this.settle();
  }

  /** Leaves the lines as they are: what follows goes below. */
  settle(): void {
    this.restore?.();
    this.restore = undefined;
    this.drawn = 0;
  }
}

const HIDE_CURSOR = '\x1b[?25l';
const SHOW_CURSOR = '\x1b[?25h';
const ERASE_BELOW = '\x1b[J';
const ERASE_REST = '\x1b[K';
