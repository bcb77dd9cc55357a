// What a kubeconfig says of a credential program, and what such a program prints (client.authentication.k8s.io/v1).

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

/** Throws Error for what names no program. `exec`: of the user in the kubeconfig. */
export function programCall(exec: unknown): ProgramCall {
  const { success, data } = program.safeParse(exec);
  if (!success) throw new Error('the exec of its user is not a command with args and env');
  const { command, args, env } = data;
  const pairs = (env ?? []).map(({ name, value }) => [name, value] as const);
  return { command, args: args ?? [], env: Object.fromEntries(pairs) };
}

/** Throws Error for anything else than an ExecCredential with a status; nothing of the output is in its text. */
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

/** Whether it can be used again; not without a time. */
export function isValid({ expirationTimestamp }: ExecCredential): boolean {
  return Date.parse(expirationTimestamp ?? '') > Date.now();
}
