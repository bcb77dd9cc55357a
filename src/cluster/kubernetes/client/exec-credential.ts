// Parses the credential program in a kubeconfig and its output (client.authentication.k8s.io/v1).

import { z } from 'zod';
import type { ProgramCall } from './credential-programs.ts';

const text = z.string().nullish();

const program = z.object({
  command: z.string().min(1),
  args: z.array(z.string()).nullish(),
  env: z.array(z.object({ name: z.string(), value: z.string() })).nullish(),
});

const printed = z.object({
  status: z.object({
    token: text,
    clientCertificateData: text,
    clientKeyData: text,
    expirationTimestamp: text,
  }),
});

export interface ExecCredential {
  readonly token?: string | null | undefined;
  readonly clientCertificateData?: string | null | undefined;
  readonly clientKeyData?: string | null | undefined;
  readonly expirationTimestamp?: string | null | undefined;
}

/** `exec`: the section of a user in the kubeconfig. Throws Error if it does not name a program. */
export function programCall(exec: unknown): ProgramCall {
  const { success, data } = program.safeParse(exec);
  if (!success) throw new Error('the exec of its user is not a command with args and env');
  const { command, args, env } = data;
  const pairs = (env ?? []).map(({ name, value }) => [name, value] as const);
  return { command, args: args ?? [], env: Object.fromEntries(pairs) };
}

/** Throws Error unless the output is an ExecCredential with a status. The error contains nothing of the output. */
export function execCredential(output: string): ExecCredential {
  const { success, data } = printed.safeParse(parsedJson(output));
  if (!success) throw new Error('the credential program printed no ExecCredential with a status');
  return data.status;
}

function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Whether the credential can be reused. Without an expiry time it cannot. */
export function isValid({ expirationTimestamp }: ExecCredential): boolean {
  return Date.parse(expirationTimestamp ?? '') > Date.now();
}
