// Every configuration key of the agent, as comments for the ConfigMap, so that whoever edits it needs no other page.

import { configFlags } from '../../src/config/flags.ts';

const width = 100;

/** Comment lines, one key after the other, without `node`: in a cluster each pod sets its own. */
export function configKeyComments(): string {
  const lines = configFlags()
    .filter(({ key }) => key !== 'node')
    .flatMap(({ key, argument, description, default: preset }) => {
      const value = argument.replaceAll('|', ' or ');
      const kind = preset === undefined ? value : `${value}; default: ${preset}`;
      return wrapped(`${key} (${kind}): ${description}`);
    });
  return ['# Every key, `a.b` is b below a:', '#', ...lines, ''].join('\n');
}

function wrapped(text: string): readonly string[] {
  const lines = ['#'];
  for (const word of text.split(' ')) {
    const line = `${lines.at(-1)} ${word}`;
    if (line.length <= width) lines.splice(-1, 1, line);
    else lines.push(`#   ${word}`);
  }
  return lines;
}
