// Reads the report of Kubernetes' end-to-end tests, a JUnit file. It lists every spec of the suite, also the thousands
// that were not selected.

export interface Spec {
  readonly name: string;
  readonly outcome: 'passed' | 'failed' | 'skipped';
  readonly seconds: number;
  /** The failure, or the reason for which the spec skipped itself. */
  readonly text: string;
}

/**
 * Specs that were selected, and steps of the suite itself that failed. The text must be as Go's encoding/xml writes it:
 * no `<` or `>` in attributes and text, no CDATA, no empty-element tags. Throws an Error if there is no test case in it.
 */
export function readSpecs(junit: string): readonly Spec[] {
  const cases = [...junit.matchAll(/<testcase ([^>]*)>(.*?)<\/testcase>/gs)];
  if (cases.length === 0) throw new Error('the JUnit file has no test case');
  return cases.flatMap(([, attributes = '', body = '']) => specOf(attributes, body) ?? []);
}

function specOf(attributes: string, body: string): Spec | undefined {
  const title = attribute(attributes, 'name');
  const status = attribute(attributes, 'status');
  const isSpec = title.startsWith('[It] ');
  const fixed = {
    name: title.replace(/^\[It\] /, ''),
    seconds: Number(attribute(attributes, 'time')),
  };
  switch (status) {
    case 'passed':
      return isSpec ? { ...fixed, outcome: 'passed', text: '' } : undefined;
    case 'pending':
      return undefined;
    case 'skipped': {
      // A spec that was not selected has no reason.
      const [, reason] = /^skipped - (.*)$/s.exec(attribute(body, 'message')) ?? [];
      return reason !== undefined && isSpec
        ? { ...fixed, outcome: 'skipped', text: reason }
        : undefined;
    }
    default: {
      // `failed`, `panicked`, `timedout`, `interrupted`, `aborted`
      const [, , said = ''] = /<(failure|error)[^>]*>(.*?)<\/\1>/s.exec(body) ?? [];
      return { ...fixed, outcome: 'failed', text: unescaped(said).trim() || status };
    }
  }
}

function attribute(text: string, name: string): string {
  return unescaped(new RegExp(`(?:^|\\s)${name}="([^"]*)"`).exec(text)?.[1] ?? '');
}

const named: Readonly<Record<string, string>> = {
  amp: '&',
  lt: '<',
  gt: '>',
  quot: '"',
  apos: "'",
};

function unescaped(text: string): string {
  return text.replace(/&(?:#x([0-9a-fA-F]+)|#(\d+)|(\w+));/g, (all, hex, decimal, name) => {
    if (hex !== undefined) return String.fromCodePoint(Number.parseInt(hex, 16));
    if (decimal !== undefined) return String.fromCodePoint(Number(decimal));
    return named[name] ?? all;
  });
}
