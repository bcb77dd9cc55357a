// The client of the reachability matrix: runs inside a pod, asks every target's echo server, and measures the round trip of
// a small HTTP request on an open connection. One ProbeRequest as JSON in, one line of ProbeResult[] out.

import { connect, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import type { EchoAnswer } from './echo-answer.ts';
import { median, type ProbeRequest, type ProbeResult, type ProbeTarget } from './probe.ts';

const request = JSON.parse(await text(process.stdin)) as ProbeRequest;
const results: ProbeResult[] = [];
// One after the other: a second client on the same CPU would be measured too.
for (const target of request.targets) results.push(await probe(target, request));
process.stdout.write(`${JSON.stringify(results)}\n`);

async function probe(
  target: ProbeTarget,
  { rounds, timeoutMs }: ProbeRequest,
): Promise<ProbeResult> {
  const socket = connect({ host: target.address, port: target.port });
  socket.setNoDelay(true);
  const message = Buffer.from(requestText(target));
  try {
    const answer = await withTimeout(roundTrip(socket, message), socket, timeoutMs);
    const { pod } = JSON.parse(answer.slice(answer.indexOf('\r\n\r\n') + 4)) as EchoAnswer;
    if (pod !== target.pod) return { ok: false, reason: `answered by ${pod}` };
    const times: number[] = [];
    for (let round = 0; round < rounds; round++) {
      const start = process.hrtime.bigint();
      await withTimeout(roundTrip(socket, message), socket, timeoutMs);
      times.push(Number(process.hrtime.bigint() - start) / 1000);
    }
    return { ok: true, medianUs: median(times) };
  } catch (error) {
    return { ok: false, reason: reasonOf(error) };
  } finally {
    socket.destroy();
  }
}

function requestText({ address, port }: ProbeTarget): string {
  const host = address.includes(':') ? `[${address}]` : address;
  return `GET / HTTP/1.1\r\nHost: ${host}:${port}\r\nAccept: application/json\r\n\r\n`;
}

/** The whole answer as text; it is short enough to come in one segment, but need not. */
function roundTrip(socket: Socket, message: Buffer): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = '';
    const done = (): void => {
      socket.off('data', take).off('error', fail).off('close', fail);
    };
    const take = (chunk: Buffer): void => {
      answer += chunk.toString('latin1');
      if (!isComplete(answer)) return;
      done();
      resolve(answer);
    };
    const fail = (error: unknown): void => {
      done();
      reject(error instanceof Error ? error : new Error('closed'));
    };
    socket.on('data', take).on('error', fail).on('close', fail);
    socket.write(message);
  });
}

function isComplete(answer: string): boolean {
  const end = answer.indexOf('\r\n\r\n');
  if (end < 0) return false;
  const length = /content-length: (\d+)/i.exec(answer);
  return length !== null && answer.length - end - 4 >= Number(length[1]);
}

async function withTimeout<Value>(
  work: Promise<Value>,
  socket: Socket,
  timeoutMs: number,
): Promise<Value> {
  const timer = setTimeout(() => socket.destroy(new Error('timeout')), timeoutMs);
  try {
    return await work;
  } finally {
    clearTimeout(timer);
  }
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = 'code' in error ? String(error.code) : '';
  const words: Record<string, string> = {
    ECONNREFUSED: 'refused',
    EHOSTUNREACH: 'unreachable',
    ENETUNREACH: 'unreachable',
    ETIMEDOUT: 'timeout',
    ECONNRESET: 'reset',
  };
  return words[code] ?? error.message;
}
