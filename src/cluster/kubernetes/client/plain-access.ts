// Reads the access that nearly every agent has: its pod's service account, or a kubeconfig with only files, tokens and
// certificates. The library for all other kinds adds a second to the agent's start and takes 75 MB permanently.

import { readFileSync } from 'node:fs';
import type { RequestOptions } from 'node:https';
import { dirname, resolve } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import type { ClusterAccess } from './cluster-access.ts';

/** `folder`: where the kubelet mounts it. */
export function serviceAccountAccess(folder: string): ClusterAccess {
  const { KUBERNETES_SERVICE_HOST: host = '', KUBERNETES_SERVICE_PORT: port = '443' } = process.env;
  const name = host.includes(':') ? `[${host}]` : host;
  return {
    server: host === '' ? undefined : `https://${name}:${port}`,
    request: () => ({
      request: {
        ca: readFileSync(`${folder}/ca.crt`),
        headers: bearer(readFileSync(`${folder}/token`, 'utf8')),
      },
    }),
  };
}

const text = z.string().min(1).optional();

// Strict: anything else is left to the library.
const plainCluster = z.strictObject({
  server: z.string().min(1),
  'certificate-authority': text,
  'certificate-authority-data': text,
  'insecure-skip-tls-verify': z.boolean().optional(),
  'tls-server-name': text,
});

const plainUser = z.strictObject({
  token: text,
  tokenFile: text,
  'client-certificate': text,
  'client-certificate-data': text,
  'client-key': text,
  'client-key-data': text,
});

const kubeconfig = z.object({
  'current-context': z.string(),
  contexts: z.array(
    z.object({ name: z.string(), context: z.object({ cluster: z.string(), user: z.string() }) }),
  ),
  clusters: z.array(z.object({ name: z.string(), cluster: z.unknown() })),
  users: z.array(z.object({ name: z.string(), user: z.unknown() })),
});

/** Undefined if the file contains more than is supported here, or is invalid. The library reports the reason. */
export function plainAccess(file: string): ClusterAccess | undefined {
  const { data: config } = kubeconfig.safeParse(parsedYaml(file));
  const context = config?.contexts.find(({ name }) => name === config['current-context'])?.context;
  const byName = ({ name }: { readonly name: string }): boolean => name === context?.cluster;
  const cluster = plainCluster.safeParse(config?.clusters.find(byName)?.cluster).data;
  const user = plainUser.safeParse(config?.users.find(({ name }) => name === context?.user)?.user);
  if (cluster === undefined || user.data === undefined) return undefined;
  const read = reader(dirname(file));
  const { token, tokenFile, ...client } = user.data;
  return {
    server: cluster.server,
    request: () => {
      const { 'tls-server-name': servername, 'insecure-skip-tls-verify': isUnverified } = cluster;
      const request: RequestOptions = {
        ca: read(cluster['certificate-authority-data'], cluster['certificate-authority']),
        cert: read(client['client-certificate-data'], client['client-certificate']),
        key: read(client['client-key-data'], client['client-key']),
        ...(isUnverified === true && { rejectUnauthorized: false }),
        ...(servername !== undefined && { servername }),
      };
      // If both are given, the file is used, as in Kubernetes' own clients, because the file is the one that rotates.
      const known = read(undefined, tokenFile)?.toString('utf8') ?? token;
      return { request: known === undefined ? request : { ...request, headers: bearer(known) } };
    },
  };
}

function parsedYaml(file: string): unknown {
  try {
    return parse(readFileSync(file, 'utf8'));
  } catch {
    return undefined;
  }
}

// Data is inline. Paths are relative to the kubeconfig's folder.
function reader(
  folder: string,
): (data: string | undefined, path: string | undefined) => Buffer | undefined {
  return (data, path) => {
    if (data !== undefined) return Buffer.from(data, 'base64');
    return path === undefined ? undefined : readFileSync(resolve(folder, path));
  };
}

// A line break at the end of a token file is not part of the token and is not allowed in a header.
function bearer(token: string): Record<string, string> {
  return { Authorization: `Bearer ${token.trim()}` };
}
