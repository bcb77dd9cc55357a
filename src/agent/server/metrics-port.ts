// /metrics over TCP, where the network may reach it. It is served by a separate thread (metrics-thread.ts): pods can
// fill that one with connections without delaying probes or CNI requests.

import { Worker } from 'node:worker_threads';
import type { Opened } from './kept-open.ts';
import type { MetricsText } from './metrics-text.ts';

/** From the thread: it listens, it cannot, or it needs a text. */
export type FromMetricsThread =
  | { readonly kind: 'listening'; readonly address: string }
  | { readonly kind: 'refused'; readonly text: string }
  | { readonly kind: 'scrape' };

/** To the thread; undefined: rendering failed. */
export type ToMetricsThread = MetricsText | undefined;

// A thread that needs more is faulty: it ends and is replaced.
const resourceLimits = { maxOldGenerationSizeMb: 16, maxYoungGenerationSizeMb: 2, stackSizeMb: 1 };

/** `address` as in the configuration. Rejects if it cannot be listened on. */
export function openMetricsPort(
  address: string,
  metrics: () => Promise<MetricsText>,
): Promise<Opened> {
  const thread = new Worker(new URL('./metrics-thread.js', import.meta.url), {
    workerData: address,
    resourceLimits,
  });
  const close = (): void => void thread.terminate();
  const broken = new Promise<never>((_, reject) => {
    thread.once('error', reject);
    thread.once('exit', (code) => reject(new Error(`its thread has ended (${code})`)));
  });
  broken.catch(() => undefined);
  const listening = new Promise<Opened>((resolve, reject) => {
    thread.on('message', (message: FromMetricsThread) => {
      switch (message.kind) {
        case 'listening':
          return resolve({ address: message.address, broken, close });
        case 'refused':
          close();
          return reject(new Error(message.text));
        case 'scrape':
          return void answerScrape(thread, metrics);
      }
    });
  });
  return Promise.race([listening, broken]);
}

async function answerScrape(thread: Worker, metrics: () => Promise<MetricsText>): Promise<void> {
  const text: ToMetricsThread = await metrics().catch(() => undefined);
  thread.postMessage(text);
}
