import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { completionTree } from './completion.ts';
import { heddleProgram } from './program.ts';
import { bashCompletion } from './render/completion-bash.ts';
import { fishCompletion } from './render/completion-fish.ts';
import { flatten } from './render/completion-tree.ts';
import { zshCompletion } from './render/completion-zsh.ts';

const tree = completionTree(await heddleProgram());

/** The completions of bash after these words; the last one is being typed. */
function offered(...words: string[]): string[] {
  const script = `${bashCompletion(tree)}
COMP_WORDS=(${words.map((word) => `'${word}'`).join(' ')})
COMP_CWORD=${words.length - 1}
_heddle
printf '%s\\n' "\${COMPREPLY[@]}"`;
  return execFileSync('bash', ['-c', script], { encoding: 'utf8' }).trim().split('\n');
}

test('bash offers commands, subcommands, flags and the values of arguments', () => {
  assert.ok(offered('heddle', '').includes('status'));
  assert.deepEqual(offered('heddle', 'maps', 'd'), ['dump']);
  assert.deepEqual(offered('heddle', 'flows', '--ver'), ['--verdict']);
  assert.deepEqual(offered('heddle', 'completion', 'z'), ['zsh']);
  assert.deepEqual(offered('heddle', 'maps', 'list', '--outp'), ['--output']);
});

test('bash offers the values of a flag', () => {
  assert.deepEqual(offered('heddle', 'flows', '--verdict', ''), ['allowed', 'closed', 'dropped']);
  assert.deepEqual(offered('heddle', 'status', '--output', 'j'), ['json']);
});

test('every command is in the zsh and fish scripts', () => {
  const zsh = zshCompletion(tree);
  const fish = fishCompletion(tree);
  for (const { path } of flatten(tree)) {
    assert.ok(zsh.includes(`"${path.join(' ')}") entries=(`), `zsh: ${path.join(' ')}`);
    assert.ok(fish.includes(`'__heddle_at ${path.join(' ')}'`), `fish: ${path.join(' ')}`);
  }
});
