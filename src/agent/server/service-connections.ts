// GET /v1/services/connections: written piece by piece, because a node may have hundreds of thousands.

import type { ServerResponse } from 'node:http';
import type { ServiceConnection, ServiceConnections } from '../../api/service-connections.ts';
import { InputError } from '../../base/input-error.ts';
import { writePatiently } from './patient-write.ts';

export interface ConnectionQuery {
  /** `shop/web`, or `web` in any namespace. */
  readonly service?: string | undefined;
  /** `shop/web-1`, as client or as backend. */
  readonly pod?: string | undefined;
  /** Maximum number for each of the two ways. */
  readonly limit: number;
}

/** Pieces of the answer; the result says whether some are missing. Throws InputError. */
export type ConnectionSource = (
  query: ConnectionQuery,
) => AsyncGenerator<readonly ServiceConnection[], ServiceConnections['cut'] | undefined>;

const usualLimit = 1000;

/** Throws InputError, and rejects with what the source does. */
export async function sendServiceConnections(
  query: URLSearchParams,
  response: ServerResponse,
  source: ConnectionSource,
): Promise<void> {
  const closed = new AbortController();
  response.once('close', () => closed.abort());
  const pieces = source(connectionQuery(query));
  response.writeHead(200, { 'content-type': 'application/json' });
  try {
    let separator = '{"connections":[';
    let piece = await pieces.next();
    while (piece.done !== true && !closed.signal.aborted) {
      if (piece.value.length > 0) {
        const text = piece.value.map((connection) => JSON.stringify(connection)).join(',');
        await writePatiently(response, `${separator}${text}`, closed.signal);
        separator = ',';
      }
      piece = await pieces.next();
    }
    if (piece.done !== true) return;
    const beginning = separator === ',' ? '' : separator;
    const cut = piece.value === undefined ? '' : `,"cut":${JSON.stringify(piece.value)}`;
    response.end(`${beginning}]${cut}}`);
  } finally {
    await pieces.return(undefined);
  }
}

function connectionQuery(query: URLSearchParams): ConnectionQuery {
  const text = query.get('limit');
  const limit = text === null ? usualLimit : Number(text);
  if (!Number.isSafeInteger(limit) || limit < 1) {
    const rule = 'is not a whole number of at least 1';
    throw new InputError({ object: 'limit', value: text, rule });
  }
  return {
    limit,
    service: query.get('service') ?? undefined,
    pod: query.get('pod') ?? undefined,
  };
}
