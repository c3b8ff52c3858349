import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { copiedPaths } from '../../../modules/image/dockerfile';

describe('copiedPaths', () => {
  it('finds what the refresher’s image is made of', () => {
    expect(copiedPaths(readFileSync('sidecar-image/Dockerfile', 'utf8'))).toEqual([
      'dist/refresher.js',
      'dist/rds-ca-bundle.pem',
    ]);
  });

  it.each<[string, string[]]>([
    ['COPY a b /to/', ['a', 'b']],
    ['copy ./a/ /b//c /to/', ['a', 'b/c']],
    ['ADD --chown=1:1 --chmod=644 a /', ['a']],
    ['COPY ["a b", "c", "/"]', ['a b', 'c']],
    ['COPY a \\\n  # why\n  b \\\n  /', ['a', 'b']],
    ['COPY a /\nCOPY a /x', ['a']],
    // Docker's to judge.
    ['COPY . /', []],
    ['COPY --from=build /out /', []],
    ['COPY $FILE a*.js /', []],
    ['COPY <<EOF /x\nCOPY text /\nEOF\nCOPY a /', ['a']],
    ["RUN <<-'END' cat\nADD text /\n\tEND\nCOPY a /", ['a']],
    ['ADD https://example.com/x git@github.com:a/b.git /', []],
    ['RUN cp a b', []],
    ['COPY ["a', []],
    ['# escape=`\nCOPY a `\n b /', []],
  ])('%j', (dockerfile, paths) => {
    expect(copiedPaths(`FROM scratch\n${dockerfile}\n`)).toEqual(paths);
  });
});
