import type { Readable } from 'node:stream';

/**
 * The next `size` bytes of a paused stream; whatever comes after them stays in it.
 *
 * @returns undefined when the stream ends or is destroyed before.
 */
export async function readExactly(stream: Readable, size: number): Promise<Buffer | undefined> {
  if (size === 0) return Buffer.alloc(0);
  return new Promise(resolve => {
    const settle = (bytes: Buffer | undefined) => {
      stream.off('readable', attempt).off('end', giveUp).off('close', giveUp);
      resolve(bytes);
    };
    const attempt = () => {
      const bytes: Buffer | null = stream.read(size);
      // At its end a stream gives what is left, however little.
      if (bytes) settle(bytes.length === size ? bytes : undefined);
    };
    const giveUp = () => settle(undefined);
    stream.on('readable', attempt).on('end', giveUp).on('close', giveUp);
    if (stream.destroyed || stream.readableEnded) giveUp();
    else attempt();
  });
}
