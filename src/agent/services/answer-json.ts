// An answer in JSON with the headers that kube-proxy's answers have, and one by which it is told from kube-proxy's.

import type { ServerResponse } from 'node:http';

/** In `server` of an answer, and in `user-agent` of an agent that looks for kube-proxy. */
export const heddlesName = 'heddle';

export function answerJson(
  response: ServerResponse,
  status: number,
  body: object,
  headers: Readonly<Record<string, string>> = {},
): void {
  const fixed = {
    'content-type': 'application/json',
    'x-content-type-options': 'nosniff',
    server: heddlesName,
  };
  response.writeHead(status, { ...fixed, ...headers }).end(JSON.stringify(body));
}
