// An answer in JSON with the headers that kube-proxy's answers have, and one by which it is told from kube-proxy's.

import type { ServerResponse } from 'node:http';

export function answerJson(
  response: ServerResponse,
  status: number,
  body: object,
  headers: Readonly<Record<string, string>> = {},
): void {
  const fixed = {
    'content-type': 'application/json',
    'x-content-type-options': 'nosniff',
    server: 'heddle',
  };
  response.writeHead(status, { ...fixed, ...headers }).end(JSON.stringify(body));
}
