// The client of the reachability matrix. It runs in a pod, asks the web server of each target for its name, and
// measures the round trip of a few bytes to its TCP echo. Reads one ProbeRequest as JSON and prints one line of
// ProbeResult[].

import { get } from 'node:http';
import { connect, type Socket } from 'node:net';
import { json, text } from 'node:stream/consumers';
import { type EchoAnswer, echoPort, plainEchoPort } from './echo-answer.ts';
import { median, type ProbeRequest, type ProbeResult, type ProbeTarget } from './probe.ts';

const message = Buffer.from('heddle');
// The first rounds include connection set-up, cold caches and compilation.
const warmUpRounds = 20;

const request = JSON.parse(await text(process.stdin)) as ProbeRequest;
const results: ProbeResult[] = [];
// Sequential, because a second client on the same CPU would distort the measurement.
for (const target of request.targets) results.push(await probe(target, request));
process.stdout.write(`${JSON.stringify(results)}\n`);

async function probe(target: ProbeTarget, options: ProbeRequest): Promise<ProbeResult> {
  try {
    const pod = await whoAnswers(target.address, options.timeoutMs);
    if (pod !== target.pod) return { ok: false, reason: `answered by ${pod}` };
    return { ok: true, medianUs: await measure(target.address, options) };
  } catch (error) {
    return { ok: false, reason: reasonOf(error) };
  }
}

function whoAnswers(host: string, timeoutMs: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(timeoutMs);
    const headers = { accept: 'application/json' };
    const asked = get({ host, port: echoPort, headers, signal }, (response) => {
      json(response).then((answer) => resolve((answer as EchoAnswer).pod), reject);
    });
    asked.on('error', reject);
  });
}

async function measure(host: string, { rounds, timeoutMs }: ProbeRequest): Promise<number> {
  const socket = connect({ host, port: plainEchoPort, noDelay: true });
  const timer = setTimeout(() => socket.destroy(new Error('timeout')), timeoutMs);
  try {
    const times: number[] = [];
    for (let round = 0; round < warmUpRounds + rounds; round++) {
      const start = process.hrtime.bigint();
      await roundTrip(socket);
      times.push(Number(process.hrtime.bigint() - start) / 1000);
    }
    return median(times.slice(warmUpRounds));
  } finally {
    clearTimeout(timer);
    socket.destroy();
  }
}

function roundTrip(socket: Socket): Promise<void> {
  return new Promise((resolve, reject) => {
    let received = 0;
    const done = (): void => {
      socket.off('data', take).off('error', fail).off('close', fail);
    };
    const take = (chunk: Buffer): void => {
      received += chunk.length;
      if (received < message.length) return;
      done();
      resolve();
    };
    const fail = (error: unknown): void => {
      done();
      reject(error instanceof Error ? error : new Error('closed'));
    };
    socket.on('data', take).on('error', fail).on('close', fail);
    socket.write(message);
  });
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = 'code' in error ? String(error.code) : '';
  const words: Record<string, string> = {
    ABORT_ERR: 'timeout',
    ECONNREFUSED: 'refused',
    EHOSTUNREACH: 'unreachable',
    ENETUNREACH: 'unreachable',
    ETIMEDOUT: 'timeout',
    ECONNRESET: 'reset',
  };
  return words[code] ?? error.message;
}
