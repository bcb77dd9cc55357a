// Reads kubeconfigs of all kinds with the Kubernetes client library: credential programs, identity providers, proxies.

import type { Agent, RequestOptions } from 'node:https';
import type { KubeConfig, User } from '@kubernetes/client-node';
import { InputError } from '../../../base/input-error.ts';
import type { ClusterAccess, RequestMaterial } from './cluster-access.ts';
import type { CredentialPrograms, ProgramCall } from './credential-programs.ts';
import { type ExecCredential, execCredential, isValid, programCall } from './exec-credential.ts';

export interface LibraryAccessOptions {
  readonly programs: CredentialPrograms;
  /** For a credential program or identity provider. */
  readonly deadlineMs: number;
}

/** Throws InputError for a context without a cluster, Error for an invalid file. */
export async function libraryAccess(
  file: string,
  { programs, deadlineMs }: LibraryAccessOptions,
): Promise<ClusterAccess> {
  // Imported on demand: an agent that does not need the library does not pay for it (see plain-access.ts).
  const { KubeConfig } = await import('@kubernetes/client-node');
  const config = new KubeConfig();
  config.loadFromFile(file);
  const cluster = config.getCurrentCluster();
  if (cluster === null) {
    throw new InputError({
      object: file,
      field: 'current-context',
      value: config.getCurrentContext(),
      rule: 'names no context with a cluster',
    });
  }
  const authenticate = ownProgram(file, config, programs);
  const read = async (signal: AbortSignal): Promise<RequestMaterial> => {
    await authenticate(signal);
    const all: RequestOptions = {};
    await config.applyToHTTPSOptions(all);
    const { agent, ...request } = all;
    trimToken(request);
    const isProxied = cluster.proxyUrl !== undefined && typeof agent === 'object';
    return { request, proxy: isProxied ? (agent as Agent) : undefined };
  };
  // Shared by concurrent callers, because each run may start a program. After the deadline it is abandoned and its
  // program killed.
  let reading: Promise<RequestMaterial> | undefined;
  return {
    server: cluster.server,
    proxyUrl: cluster.proxyUrl,
    request: (): Promise<RequestMaterial> => {
      reading ??= inTime(read, deadlineMs).finally(() => {
        reading = undefined;
      });
      return reading;
    },
  };
}

/**
 * Runs the user's credential program, if there is one, when its last credentials are no longer valid. The library would
 * wait forever for a program that hangs, so it is given a user with the credentials themselves.
 */
function ownProgram(
  file: string,
  config: KubeConfig,
  programs: CredentialPrograms,
): (signal: AbortSignal) => Promise<void> {
  const user = config.getCurrentUser();
  if (user === null) return () => Promise.resolve();
  refuseLegacyProgram(file, user);
  const exec: unknown = user.exec ?? configOf(user)?.['exec'];
  if (exec === undefined || exec === null) return () => Promise.resolve();
  const call: ProgramCall = programCall(exec);
  let known: ExecCredential | undefined;
  return async (signal) => {
    if (known !== undefined && isValid(known)) return;
    known = execCredential(await programs.run(call, signal));
    const own = withCredential(user, known);
    config.users = config.users.map((each) => (each.name === user.name ? own : each));
  };
}

function withCredential(user: User, credential: ExecCredential): User {
  const { exec: _exec, authProvider: _provider, certFile, keyFile, ...rest } = user;
  const { token, clientCertificateData: certificate, clientKeyData: key } = credential;
  const own = {
    ...rest,
    ...(certificate ? { certData: base64(certificate) } : { certFile }),
    ...(key ? { keyData: base64(key) } : { keyFile }),
    ...(!rest.token && token ? { token } : {}),
  };
  return own as User;
}

const base64 = (text: string): string => Buffer.from(text).toString('base64');

// The library runs such a program synchronously: if it hung, the whole agent would stop, including CNI requests.
function refuseLegacyProgram(file: string, user: User): void {
  const { name } = (user.authProvider ?? {}) as { readonly name?: unknown };
  if ((name !== 'azure' && name !== 'gcp') || configOf(user)?.['cmd-path'] === undefined) return;
  throw new InputError({
    object: file,
    field: 'auth-provider',
    value: name,
    rule: 'with cmd-path is not supported (Kubernetes removed it in 1.26): configure the program under exec',
  });
}

function configOf(user: User): Readonly<Record<string, unknown>> | undefined {
  const provider = user.authProvider as { readonly config?: Record<string, unknown> } | undefined;
  return provider?.config ?? undefined;
}

async function inTime<T>(
  read: (signal: AbortSignal) => Promise<T>,
  deadlineMs: number,
): Promise<T> {
  const late = new AbortController();
  const text = `no credentials for ${deadlineMs / 1_000} s from the program or identity provider that it names`;
  const aborted = new Promise<never>((_, reject) => {
    late.signal.addEventListener('abort', () => reject(new Error(text)));
  });
  // The timer must not keep the agent alive.
  const timer = setTimeout(() => late.abort(), deadlineMs).unref();
  try {
    return await Promise.race([read(late.signal), aborted]);
  } finally {
    clearTimeout(timer);
  }
}

// See `bearer` in plain-access.ts.
function trimToken(request: RequestOptions): void {
  const headers = request.headers as Record<string, string> | undefined;
  const token = headers?.['Authorization'];
  if (headers !== undefined && token !== undefined) headers['Authorization'] = token.trim();
}
