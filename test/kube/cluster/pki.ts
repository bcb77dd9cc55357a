// The identities in a cluster: a certificate authority, the API server's certificate, bearer tokens, and kubeconfig
// files.

import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { InputError } from '../../../src/base/input-error.ts';
import { controlPlaneAddresses } from './fabric.ts';
import type { ClusterPaths } from './paths.ts';

/** The API server's address for clients: no Service is needed for it. */
export const apiServer: string = `https://${controlPlaneAddresses[0]}:6443`;

/** Further nodes have no token: the API server reads its list once. */
const largestNodeCount = 32;

const names = ['', '.default', '.default.svc', '.default.svc.cluster.local'];
const serverNames = [
  ...[...controlPlaneAddresses, '10.96.0.1', 'fd00:96::1', '127.0.0.1'].map((ip) => `IP:${ip}`),
  ...names.map((suffix) => `DNS:kubernetes${suffix}`),
];

/** Writes `ca.crt`, `api.crt` and key, the service accounts' key pair, and `tokens.csv`. */
export function makePki({ pki }: ClusterPaths): void {
  mkdirSync(pki, { recursive: true, mode: 0o700 });
  const openssl = (...words: readonly string[]): void => {
    execFileSync('openssl', words, { cwd: pki, stdio: ['ignore', 'ignore', 'pipe'] });
  };
  const ec = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  const ca = ['-keyout', 'ca.key', '-out', 'ca.crt', '-subj', '/CN=heddle-test-ca'];
  openssl('req', '-x509', ...ec, '-days', '30', ...ca);
  openssl('req', ...ec, '-keyout', 'api.key', '-out', 'api.csr', '-subj', '/CN=kube-apiserver');
  writeFileSync(join(pki, 'extensions'), `subjectAltName=${serverNames.join(',')}\n`);
  const signing = ['-CA', 'ca.crt', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '30'];
  openssl(
    ...['x509', '-req', '-in', 'api.csr', ...signing],
    ...['-extfile', 'extensions', '-out', 'api.crt'],
  );
  openssl('genpkey', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256', '-out', 'sa.key');
  openssl('pkey', '-in', 'sa.key', '-pubout', '-out', 'sa.pub');
  writeFileSync(join(pki, 'tokens.csv'), tokenList());
}

/** A kubeconfig for one of the users in `tokens.csv`, by the first column's name without `-token`. */
export function kubeconfig({ pki }: ClusterPaths, user: string): string {
  const cluster = { server: apiServer, 'certificate-authority': join(pki, 'ca.crt') };
  return configText(cluster, user);
}

/** The same, with the authority's certificate included: for a node, which does not see the cluster's folder. */
export function portableKubeconfig(caCertificate: string, user: string): string {
  const data = Buffer.from(caCertificate).toString('base64');
  return configText({ server: apiServer, 'certificate-authority-data': data }, user);
}

function configText(cluster: Readonly<Record<string, string>>, user: string): string {
  return stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'heddle', cluster }],
    users: [{ name: user, user: { token: `${user}-token` } }],
    contexts: [{ name: 'heddle', context: { cluster: 'heddle', user } }],
    'current-context': 'heddle',
  });
}

// token,user,uid,"groups"
function tokenList(): string {
  const nodes = Array.from({ length: largestNodeCount }, (_, index) => `node-${index + 1}`);
  const lines = [
    'admin-token,admin,admin,"system:masters"',
    'controller-manager-token,system:kube-controller-manager,controller-manager',
    'scheduler-token,system:kube-scheduler,scheduler',
    ...nodes.map((node) => `${node}-token,system:node:${node},${node},"system:nodes"`),
  ];
  return `${lines.join('\n')}\n`;
}

/** Throws InputError for a count without tokens. */
export function parseNodeCount(count: number): number {
  if (Number.isInteger(count) && count >= 1 && count <= largestNodeCount) return count;
  throw new InputError({
    object: '--nodes',
    value: count,
    rule: `is not 1 to ${largestNodeCount}`,
  });
}
