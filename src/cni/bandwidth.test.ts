import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Bandwidth } from '../net/bandwidth.ts';
import {
  annotatedBandwidth,
  type BandwidthConfiguration,
  configuredBandwidth,
  firstBandwidth,
} from './bandwidth.ts';
import { CniError, cniErrorCode } from './error.ts';

const uint32Max = 0xffff_ffff;
const ingressKey = 'kubernetes.io/ingress-bandwidth';
const egressKey = 'kubernetes.io/egress-bandwidth';

const configured: readonly (readonly [string, BandwidthConfiguration, Bandwidth])[] = [
  ['nothing', {}, {}],
  ['nulls and zeros', { ingressRate: null, ingressBurst: 0, egressRate: 0, egressBurst: null }, {}],
  [
    'rates and bursts',
    { ingressRate: 1e6, ingressBurst: 2e6, egressRate: 3e6, egressBurst: 4e6 },
    {
      ingress: { bitsPerSecond: 1e6, burstBits: 2e6 },
      egress: { bitsPerSecond: 3e6, burstBits: 4e6 },
    },
  ],
  ['one direction', { egressRate: 1e6 }, { egress: { bitsPerSecond: 1e6 } }],
  [
    "containerd's burst, which is none",
    { ingressRate: 1e6, ingressBurst: uint32Max, egressRate: 0, egressBurst: uint32Max },
    { ingress: { bitsPerSecond: 1e6 } },
  ],
  ['a fraction of a bit', { ingressRate: 1500.5 }, { ingress: { bitsPerSecond: 1500 } }],
];

for (const [name, asked, expected] of configured) {
  test(`runtimeConfig.bandwidth with ${name}`, () => {
    assert.deepEqual(configuredBandwidth(asked), expected);
  });
}

const refused: readonly (readonly [BandwidthConfiguration, RegExp])[] = [
  [{ ingressRate: -1 }, /bandwidth\.ingressRate: -1 is not between 1000 and/],
  [{ egressRate: 999 }, /bandwidth\.egressRate: 999 is not between 1000 and/],
  [{ egressRate: 2e15 }, /egressRate: 2000000000000000 is not between/],
  [{ ingressRate: Number.NaN }, /ingressRate: NaN is not between/],
  [{ ingressRate: 1e6, ingressBurst: -8 }, /ingressBurst: -8 is not a whole number of bits/],
  [{ egressRate: 1e6, egressBurst: 1.5 }, /egressBurst: 1.5 is not a whole number of bits/],
  [{ egressRate: 1e6, egressBurst: 2 ** 32 }, /egressBurst: 4294967296 is not a whole number/],
  [{ ingressBurst: 8000 }, /ingressBurst: 8000 is a burst without a rate/],
];

for (const [asked, text] of refused) {
  test(`runtimeConfig.bandwidth ${JSON.stringify(asked)} is refused`, () => {
    assert.throws(() => configuredBandwidth(asked), isRefusal(text));
  });
}

test('annotations are Kubernetes quantities in bits per second', () => {
  const annotations = { [ingressKey]: '10M', [egressKey]: '1.5Gi', 'example.org/other': 'x' };
  assert.deepEqual(annotatedBandwidth(annotations), {
    ingress: { bitsPerSecond: 10e6 },
    egress: { bitsPerSecond: 1_610_612_736 },
  });
  assert.deepEqual(annotatedBandwidth({}), {});
});

for (const [text, rule] of [
  ['10MB', /pod annotation kubernetes.io\/egress-bandwidth: "10MB" is not a quantity/],
  ['', /"" is not a quantity/],
  ['0', /"0" is not between 1000 and/],
  ['-1M', /"-1M" is not between/],
  ['1E', /"1E" is not between/],
] as const) {
  test(`annotation "${text}" is refused`, () => {
    assert.throws(() => annotatedBandwidth({ [egressKey]: text }), isRefusal(rule));
  });
}

test('each direction uses the first limit that is given for it', () => {
  const ten = { bitsPerSecond: 10e6 };
  const one = { bitsPerSecond: 1e6 };
  assert.deepEqual(firstBandwidth({ ingress: ten }, { ingress: one, egress: one }), {
    ingress: ten,
    egress: one,
  });
  assert.equal(firstBandwidth({}, {}), undefined);
});

function isRefusal(text: RegExp): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof CniError);
    assert.equal(error.code, cniErrorCode.invalidConfiguration);
    assert.match(error.message, text);
    return true;
  };
}
