// Requested limits: runtimeConfig.bandwidth (CONVENTIONS.md of the CNI project), and the annotations of Kubernetes
// pods, which containerd passes unchanged.

import { z } from 'zod';
import type { Bandwidth, RateLimit } from '../net/bandwidth.ts';
import { parseQuantity } from '../net/quantity.ts';
import { CniError, type CniErrorOptions, cniErrorCode } from './error.ts';
import { withFieldNames } from './field-names.ts';

const fields = {
  ingressRate: z.number().nullish(),
  ingressBurst: z.number().nullish(),
  egressRate: z.number().nullish(),
  egressBurst: z.number().nullish(),
};

/** The convention's fields, in bits per second and bits. Zero means absent, as in the reference plugin. */
export const bandwidthSchema: z.ZodType<BandwidthConfiguration> = z.preprocess(
  (value) => withFieldNames(value, Object.keys(fields)),
  z.looseObject(fields),
);

export interface BandwidthConfiguration {
  readonly ingressRate?: number | null | undefined;
  readonly ingressBurst?: number | null | undefined;
  readonly egressRate?: number | null | undefined;
  readonly egressBurst?: number | null | undefined;
}

/** Limits of Kubernetes' validation of the annotations: 1k to 1P. Below, less than one packet per second would pass. */
const lowestRate = 1e3;
const highestRate = 1e15;

/** containerd's value for "no burst": annotations have none. */
const noBurst = 0xffff_ffff;

/** Throws CniError (invalidConfiguration). */
export function configuredBandwidth(configuration: BandwidthConfiguration): Bandwidth {
  const { ingressRate, ingressBurst, egressRate, egressBurst } = configuration;
  const where = 'network configuration: runtimeConfig.bandwidth';
  return bandwidth(
    limitOf({ rate: ingressRate, burst: ingressBurst }, [
      `${where}.ingressRate`,
      `${where}.ingressBurst`,
    ]),
    limitOf({ rate: egressRate, burst: egressBurst }, [
      `${where}.egressRate`,
      `${where}.egressBurst`,
    ]),
  );
}

/**
 * `kubernetes.io/ingress-bandwidth` and `.../egress-bandwidth`, in bits per second. Throws CniError
 * (invalidConfiguration).
 */
export function annotatedBandwidth(annotations: Readonly<Record<string, string>>): Bandwidth {
  const read = (direction: 'ingress' | 'egress'): RateLimit | undefined => {
    const key = `kubernetes.io/${direction}-bandwidth`;
    const text = annotations[key];
    return text === undefined ? undefined : annotatedLimit(key, text);
  };
  return bandwidth(read('ingress'), read('egress'));
}

function annotatedLimit(key: string, text: string): RateLimit {
  const field = { name: `pod annotation ${key}`, about: 'pod annotation' } as const;
  const rate = parseQuantity(text);
  if (rate === undefined) throw invalid(field, JSON.stringify(text), 'is not a quantity');
  return { bitsPerSecond: checkedRate(rate, field, JSON.stringify(text)) };
}

/** Per direction the first candidate with a limit; undefined if none has any. */
export function firstBandwidth(...candidates: readonly Bandwidth[]): Bandwidth | undefined {
  const ingress = candidates.find((candidate) => candidate.ingress !== undefined)?.ingress;
  const egress = candidates.find((candidate) => candidate.egress !== undefined)?.egress;
  return ingress === undefined && egress === undefined ? undefined : bandwidth(ingress, egress);
}

interface AskedLimit {
  readonly rate: number | null | undefined;
  readonly burst: number | null | undefined;
}

function limitOf(
  { rate, burst }: AskedLimit,
  [rateName, burstName]: readonly [string, string],
): RateLimit | undefined {
  const hasBurst = burst !== undefined && burst !== null && burst !== 0;
  if (rate === undefined || rate === null || rate === 0) {
    if (hasBurst && burst !== noBurst)
      throw invalid({ name: burstName }, String(burst), 'is a burst without a rate');
    return undefined;
  }
  const bitsPerSecond = checkedRate(rate, { name: rateName }, String(rate));
  if (!hasBurst || burst === noBurst) return { bitsPerSecond };
  if (!Number.isInteger(burst) || burst < 0 || burst > noBurst) {
    throw invalid(
      { name: burstName },
      String(burst),
      `is not a whole number of bits, 1 to ${noBurst}`,
    );
  }
  return { bitsPerSecond, burstBits: burst };
}

function checkedRate(rate: number, field: Field, written: string): number {
  if (rate >= lowestRate && rate <= highestRate) return Math.floor(rate);
  throw invalid(field, written, `is not between ${lowestRate} and ${highestRate} bits a second`);
}

function bandwidth(ingress: RateLimit | undefined, egress: RateLimit | undefined): Bandwidth {
  return { ...(ingress !== undefined && { ingress }), ...(egress !== undefined && { egress }) };
}

interface Field {
  readonly name: string;
  readonly about?: CniErrorOptions['about'];
}

function invalid({ name, about }: Field, value: string, rule: string): CniError {
  return new CniError(cniErrorCode.invalidConfiguration, `${name}: ${value} ${rule}`, { about });
}
