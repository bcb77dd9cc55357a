// Writes objects to the API server as controllers and kubelets do: plain requests over a few permanent connections.

import { readFileSync } from 'node:fs';
import { Agent, request } from 'node:https';
import { join } from 'node:path';

export interface ApiWrite {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  readonly path: string;
  /** A PATCH is a merge patch. */
  readonly body?: object;
}

export class ApiWriter implements Disposable {
  readonly #url: string;
  readonly #agent: Agent;

  /** `folder`: of a BareApiServer. */
  constructor(url: string, folder: string, connections: number) {
    this.#url = url;
    this.#agent = new Agent({
      ca: readFileSync(join(folder, 'ca.crt')),
      keepAlive: true,
      maxSockets: connections,
      maxFreeSockets: connections,
    });
  }

  /** The object as acknowledged. Throws an Error with the API server's message if it refuses the write. */
  write({ method, path, body }: ApiWrite): Promise<unknown> {
    const type = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json';
    const headers = { authorization: 'Bearer admin-token', 'content-type': type };
    return new Promise((resolve, reject) => {
      const asked = request(
        `${this.#url}${path}`,
        { method, headers, agent: this.#agent },
        (answer) => {
          let text = '';
          answer.setEncoding('utf8').on('data', (part: string) => {
            text += part;
          });
          answer.once('error', reject).once('end', () => {
            const status = answer.statusCode ?? 0;
            if (status < 300) resolve(JSON.parse(text));
            else reject(new Error(`${method} ${path}: ${status} ${text}`));
          });
        },
      );
      asked.once('error', reject).end(body === undefined ? undefined : JSON.stringify(body));
    });
  }

  [Symbol.dispose](): void {
    this.#agent.destroy();
  }
}
