// kube-proxy's chains in the text of `iptables-legacy-save`, and the text for `iptables-legacy-restore` that removes them.
// Pure.

import { isOwnChain } from './own-chains.ts';

export interface LegacyChains {
  readonly chains: readonly string[];
  /** Rules of the table's own chains that lead there, as `-A` lines. */
  readonly rules: readonly string[];
  /** Rules of other programs' chains that lead there. */
  readonly others: readonly { readonly chain: string; readonly target: string }[];
}

/** `text`: of one table. */
export function ownLegacyChains(text: string): LegacyChains {
  const declared = [...text.matchAll(/^:(\S+) (\S+)/gm)].map(([, name = '', policy = '']) => {
    return { name, isBuiltIn: policy !== '-' };
  });
  const chains = declared.map(({ name }) => name).filter(isOwnChain);
  const builtIn = new Set(declared.filter((each) => each.isBuiltIn).map(({ name }) => name));
  // A rule with such a target ends there.
  const leading = [...text.matchAll(/^-A (\S+) (?:.* )?(?:-j|-g) (KUBE-\S+)$/gm)].flatMap(
    ([line, chain = '', target = '']) =>
      isOwnChain(target) && !isOwnChain(chain) ? [{ line, chain, target }] : [],
  );
  return {
    chains,
    rules: leading.filter(({ chain }) => builtIn.has(chain)).map(({ line }) => line),
    others: leading
      .filter(({ chain }) => !builtIn.has(chain))
      .map(({ chain, target }) => ({ chain, target })),
  };
}

/** Empties all chains, and deletes those to which no other program's rule leads. */
export function removalText(table: string, { chains, rules, others }: LegacyChains): string {
  const kept = new Set(others.map(({ target }) => target));
  return [
    `*${table}`,
    ...chains.map((name) => `:${name} - [0:0]`),
    ...rules.map((line) => line.replace(/^-A/, '-D')),
    ...chains.filter((name) => !kept.has(name)).map((name) => `-X ${name}`),
    'COMMIT',
    '',
  ].join('\n');
}
