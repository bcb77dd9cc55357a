// One client's requests to the API server, according to the API server's audit log.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { z } from 'zod';

/** Also the name of the user with this token: an administrator whose requests are logged. */
export const agentToken = 'agent-token';

export interface AuditedRequest {
  readonly verb: string;
  readonly resource: string;
  readonly receivedAt: Date;
}

/** Flags of an API server that writes `audit.log` into its folder. */
export function auditFlags(folder: string): Readonly<Record<string, string>> {
  // Logs each request once, on arrival: a watch has more stages, the last of which is its end.
  const policy = {
    apiVersion: 'audit.k8s.io/v1',
    kind: 'Policy',
    omitStages: ['ResponseStarted', 'ResponseComplete'],
    rules: [{ level: 'Metadata', users: [agentToken] }, { level: 'None' }],
  };
  writeFileSync(join(folder, 'audit-policy.yaml'), stringify(policy));
  return {
    'audit-policy-file': join(folder, 'audit-policy.yaml'),
    'audit-log-path': join(folder, 'audit.log'),
    'audit-log-mode': 'blocking',
  };
}

const event = z.object({
  verb: z.string(),
  requestURI: z.string(),
  requestReceivedTimestamp: z.string().transform((text) => new Date(text)),
  objectRef: z.object({ resource: z.string() }).optional(),
});

/** In the order in which they were received. */
export function auditedRequests(folder: string): readonly AuditedRequest[] {
  return readFileSync(join(folder, 'audit.log'), 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => event.parse(JSON.parse(line)))
    .map(({ verb, requestURI, objectRef, requestReceivedTimestamp: receivedAt }) => ({
      verb,
      resource: objectRef?.resource ?? requestURI,
      receivedAt,
    }));
}
