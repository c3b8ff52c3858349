import { describe, expect, it } from 'vitest';
import { SynthesizedStack } from '../../../demo/pod/terraform';

const stack = new SynthesizedStack(
  JSON.stringify({
    resource: {
      kubernetes_namespace_v1: { ns: { metadata: { name: 'shop' } } },
      aws_ecr_repository: { repo: { name: 'refresher' } },
    },
  }),
);

describe('references', () => {
  it.each([
    ['a block that is no list', '${kubernetes_namespace_v1.ns.metadata[0].name}', 'shop'],
    ['an attribute in a text', 'x/${aws_ecr_repository.repo.name}:1', 'x/refresher:1'],
    ['an escaped one', 'echo $${HOME} %%{if}', 'echo ${HOME} %{if}'],
    ['what only an apply knows', '${aws_ecr_repository.repo.arn}', '${aws_ecr_repository.repo.arn}'],
  ])('%s', (_name, text, expected) => {
    expect(stack.resolve(text)).toBe(expected);
  });

  it('refuses what has to be known and is not, but no escape', () => {
    expect(() => stack.known('port of "x"', '1${aws_db.x.port}')).toThrow(
      'port of "x" holds ${aws_db.x.port}',
    );
    expect(stack.known('a script', '$${HOME}')).toBe('${HOME}');
  });

  it('counts resources', () => {
    expect(stack.resourceCount).toBe(2);
  });
});
