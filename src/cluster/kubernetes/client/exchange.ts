// Sends one request to one address and waits for the first byte of the answer, with a deadline for each step.

import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest, type RequestOptions } from 'node:https';
import { shownMs } from './answer-body.ts';
import { ConnectionError } from './api-error.ts';
import type { ApiTimes } from './api-times.ts';

export interface Exchange {
  readonly server: string;
  /** Including the query. */
  readonly path: string;
  readonly body?: string | undefined;
  readonly options: RequestOptions;
  readonly times: Pick<ApiTimes, 'connectMs' | 'answerMs'>;
}

/** Throws ConnectionError. */
export function exchange(asked: Exchange): Promise<IncomingMessage> {
  const { server, path, body, options, times } = asked;
  const isPlain = server.startsWith('http:');
  return new Promise((resolve, reject) => {
    const fail = (error: unknown): void => reject(new ConnectionError(server, error));
    let isAnswered = false;
    const request = (isPlain ? httpRequest : httpsRequest)(`${server}${path}`, options);
    const timeout = (ms: number, text: string): NodeJS.Timeout =>
      setTimeout(() => request.destroy(timedOut(`${text} within ${shownMs(ms)}`)), ms);
    let timer = timeout(times.connectMs, 'no connection');
    request.on('socket', (socket) => {
      const proceed = (): void => {
        if (request.destroyed) return;
        clearTimeout(timer);
        timer = timeout(times.answerMs, 'nothing');
        socket.setKeepAlive(true, keepAliveMs);
      };
      if (socket.connecting) socket.once(isPlain ? 'connect' : 'secureConnect', proceed);
      else proceed();
    });
    request.on('response', (response) => {
      clearTimeout(timer);
      isAnswered = true;
      resolve(response);
    });
    // 101 Switching Protocols was not requested.
    request.on('upgrade', (_, socket) => {
      clearTimeout(timer);
      socket.destroy();
      fail(new Error('it switches to another protocol (101)'));
    });
    request.on('error', (error) => {
      clearTimeout(timer);
      // After the answer has begun, its reader receives the error. A second request would have no reader.
      if (isAnswered) return;
      // The server closed the idle connection at this moment; this is not a fault.
      const isStale = request.reusedSocket && 'code' in error && error.code === 'ECONNRESET';
      if (isStale && options.signal?.aborted !== true) exchange(asked).then(resolve, reject);
      else fail(error);
    });
    request.end(body);
  });
}

// A dead connection is detected within about 25 s: after this silence, ten probes a second apart.
const keepAliveMs = 15_000;

function timedOut(text: string): Error {
  return Object.assign(new Error(text), { code: 'ETIMEDOUT' });
}
