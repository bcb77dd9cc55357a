// Kubernetes quantities: `10M`, `1.5Gi`, `2e6` (k8s.io/apimachinery/pkg/api/resource).

const binary: Readonly<Record<string, number>> = {
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
  Ei: 2 ** 60,
};

const decimal: Readonly<Record<string, number>> = {
  n: 1e-9,
  u: 1e-6,
  m: 1e-3,
  '': 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  E: 1e18,
};

/** The number; undefined if the text is not a quantity. */
export function parseQuantity(text: string): number | undefined {
  // Each text can be divided in one way only: a tenant may write any number of digits.
  const match = /^([+-]?(?:\d+(?:\.\d*)?|\.\d+))([eE][+-]?\d+|[KMGTPE]i|[numkMGTPE]?)$/.exec(text);
  if (match === null) return undefined;
  const [, number = '', suffix = ''] = match;
  if (/^[eE][+-]?\d/.test(suffix)) return Number(`${number}${suffix}`);
  const factor = binary[suffix] ?? decimal[suffix];
  return factor === undefined ? undefined : Number(number) * factor;
}
