// zod schemas for fields of Kubernetes objects, with rules as messages: `is not a port (1-65535)`. As in the API
// server, unknown fields are ignored and null means absent.

import { z } from 'zod';
import { InputError } from '../base/input-error.ts';
import { type Address, parseAddress } from '../net/address.ts';
import type { Port } from '../net/port.ts';
import { type Prefix, parsePrefix } from '../net/prefix.ts';
import type {
  Labels,
  NamespacedMeta,
  ObjectMeta,
  PortReference,
  TransportProtocol,
} from './objects.ts';

export function optional<T>(schema: z.ZodType<T>): z.ZodType<T | undefined> {
  return schema.nullish().transform((value) => value ?? undefined);
}

/** Absent and null become the empty list. */
export function list<T>(schema: z.ZodType<T>): z.ZodType<T[]> {
  return z
    .array(schema)
    .nullish()
    .transform((value) => value ?? []);
}

export const addressField: z.ZodType<Address> = z
  .string()
  .transform((text, context) => orIssue(context, text, () => parseAddress(text)));

export const prefixField: z.ZodType<Prefix> = z
  .string()
  .transform((text, context) => orIssue(context, text, () => parsePrefix(text)));

export const portField: z.ZodType<Port> = z.unknown().transform((value, context) => {
  if (isPort(value)) return value;
  return issue(context, value, 'is not a port (1-65535)');
});

/** The API treats 0 as absent. */
export const optionalPortField: z.ZodType<Port | undefined> = optional(z.unknown()).transform(
  (value, context) => {
    if (value === undefined || value === 0) return undefined;
    return isPort(value) ? value : issue(context, value, 'is not a port (1-65535)');
  },
);

/**
 * A number, or the name of a container port (IANA_SVC_NAME: at most 15 characters of a-z, 0-9 and -, including a
 * letter).
 */
export const portReferenceField: z.ZodType<PortReference> = z
  .unknown()
  .transform((value, context) => {
    if (isPort(value)) return value;
    if (typeof value === 'number') return issue(context, value, 'is not a port (1-65535)');
    if (typeof value === 'string' && isPortName(value)) return value;
    return issue(context, value, 'is not a port (1-65535) nor a port name');
  });

export const protocolField: z.ZodType<TransportProtocol> = optional(
  z.enum(['TCP', 'UDP', 'SCTP']),
).transform((value) => value ?? 'TCP');

export const labelsField: z.ZodType<Labels> = z
  .record(z.string(), z.string())
  .nullish()
  .transform((value) => value ?? {});

export const objectNameField: z.ZodType<string> = z
  .string()
  .regex(/^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/, 'is not an object name (a-z, 0-9, - and .)');

/** Converts RFC 3339, as the API server writes it, into milliseconds since 1970. */
const timestamp: z.ZodType<number> = z.string().transform((text, context) => {
  const isTime = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[-+]\d\d:\d\d)$/.test(text);
  const time = isTime ? Date.parse(text) : Number.NaN;
  return Number.isNaN(time) ? issue(context, text, 'is not a time (RFC 3339)') : time;
});

const metaFields = {
  name: objectNameField,
  uid: optional(z.string()),
  creationTimestamp: optional(timestamp),
  deletionTimestamp: optional(z.string()),
  labels: labelsField,
  annotations: labelsField,
};

export const objectMeta: z.ZodType<ObjectMeta> = z.object(metaFields).transform(withTimes);

export const namespacedMeta: z.ZodType<NamespacedMeta> = z
  .object({
    ...metaFields,
    namespace: optional(objectNameField).transform((value) => value ?? 'default'),
  })
  .transform(withTimes);

interface Times {
  readonly creationTimestamp?: number | undefined;
  readonly deletionTimestamp?: string | undefined;
}

// Absent fields are omitted to save memory: there are tens of thousands of objects.
function withTimes<Meta extends Times>({
  creationTimestamp,
  deletionTimestamp,
  ...rest
}: Meta): Omit<Meta, keyof Times> & { readonly createdAt?: number; readonly isDeleting?: true } {
  return {
    ...rest,
    ...(creationTimestamp !== undefined && { createdAt: creationTimestamp }),
    ...(deletionTimestamp !== undefined && { isDeleting: true as const }),
  };
}

function isPort(value: unknown): value is Port {
  return typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= 65535;
}

function isPortName(text: string): boolean {
  return /^(?=.*[a-z])[a-z0-9]+(-[a-z0-9]+)*$/.test(text) && text.length <= 15;
}

function orIssue<T>(context: z.RefinementCtx, input: unknown, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    return issue(context, input, error.problem.rule);
  }
}

function issue(context: z.RefinementCtx, input: unknown, message: string): never {
  context.addIssue({ code: 'custom', message, input });
  return z.NEVER;
}
