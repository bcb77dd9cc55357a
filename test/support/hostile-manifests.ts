// Manifests that cost their reader far more than their size: each form can be made arbitrarily long.

export interface HostileManifest {
  readonly name: string;
  /** Text of about this number of characters. */
  text(size: number): string;
}

const repeated =
  (each: (index: number) => string) =>
  (size: number): string => {
    const parts: string[] = [];
    let length = 0;
    for (let index = 0; length < size; index++) {
      const part = each(index);
      parts.push(part);
      length += part.length;
    }
    return parts.join('');
  };

const around = (begin: string, middle: (size: number) => string, end: string) => (size: number) =>
  `${begin}${middle(size - begin.length - end.length)}${end}`;

const podWith = (name: string, rest: string): string =>
  `{apiVersion: v1, kind: Pod, metadata: {name: ${name}}, ${rest}}\n---\n`;

// The reader allows 100 uses of an anchor; each use is checked like written text.
const ports = around(
  'apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nx: &c {name: a, ports: [',
  repeated(() => '{},'),
  `]}\nspec: {containers: [${'*c,'.repeat(99)}]}\n`,
);

function indented(size: number): string {
  const levels = Math.floor(Math.sqrt(2 * size));
  return Array.from({ length: levels }, (_, level) => `${' '.repeat(level)}a:`).join('\n');
}

export const hostileManifests: readonly HostileManifest[] = [
  { name: 'many keys in one map', text: repeated((index) => `k${index}:\n`) },
  {
    name: 'many keys in one flow map',
    text: around(
      '{',
      repeated((i) => `k${i},`),
      '}',
    ),
  },
  { name: 'the same key again and again', text: repeated(() => 'k:\n') },
  { name: 'deep flow nesting', text: repeated(() => '[') },
  {
    name: 'deep flow nesting that is closed',
    text: (size) => `${'['.repeat(size / 2)}${']'.repeat(size / 2)}`,
  },
  { name: 'deep nesting of lists in one line', text: repeated(() => '- ') },
  { name: 'deep nesting by indentation', text: indented },
  { name: 'deep nesting of keys', text: repeated(() => '? ') },
  {
    name: 'keys that are maps',
    text: (size) => `${'{'.repeat(size / 5)}a${': b}'.repeat(size / 5)}`,
  },
  { name: 'many anchors with an alias each', text: repeated((i) => `- &a${i} x\n- *a${i}\n`) },
  {
    name: 'many aliases of one anchor',
    text: around(
      '- &a x\n',
      repeated(() => '- *a\n'),
      '',
    ),
  },
  {
    name: 'many merge keys',
    text: around(
      'a: &a {b: c}\nd:\n',
      repeated(() => '- {<<: *a}\n'),
      '',
    ),
  },
  { name: 'ports that are repeated by aliases', text: ports },
  {
    name: 'a huge flow sequence',
    text: around(
      '[',
      repeated(() => 'a,'),
      ']',
    ),
  },
  {
    name: 'a long plain scalar of many lines',
    text: around(
      'a: ',
      repeated(() => 'b\n  '),
      '',
    ),
  },
  {
    name: 'a long scalar of escapes',
    text: around(
      '"',
      repeated(() => '\\x41'),
      '"',
    ),
  },
  {
    name: 'a long literal block',
    text: around(
      'a: |\n',
      repeated(() => ' b\n'),
      '',
    ),
  },
  { name: 'empty documents', text: repeated(() => '---\n') },
  {
    name: 'documents of no kind that is read',
    text: repeated(() => '---\n{apiVersion: a, kind: b}\n'),
  },
  { name: 'comments', text: repeated(() => '#\n') },
  { name: 'a syntax error in each character', text: repeated(() => ']') },
  {
    name: 'small objects',
    text: repeated((i) => `{apiVersion: v1, kind: Namespace, metadata: {name: n${i}}}\n---\n`),
  },
  { name: 'objects with a fault each', text: repeated((i) => podWith(`a${i}`, 'spec: 7')) },
  { name: 'one object again and again', text: repeated(() => podWith('a', 'spec: {}')) },
  {
    name: 'an object of many labels',
    text: around(
      '{apiVersion: v1, kind: Pod, metadata: {name: a, labels: {',
      repeated((index) => `k${index}: v,`),
      '}}}',
    ),
  },
  {
    name: 'a list of pods',
    text: around(
      'apiVersion: v1\nkind: PodList\nitems:\n',
      repeated((index) => `- {metadata: {name: a${index}}}\n`),
      '',
    ),
  },
];
