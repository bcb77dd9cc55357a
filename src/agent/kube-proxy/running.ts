// Whether a kube-proxy is at work in this network namespace: its process, or what only it answers on loopback. A pod
// without the host's processes sees the ports alone.

import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { get } from 'node:http';
import { heddlesName } from '../services/answer-json.ts';

/** How it was found: `process 4711`, `127.0.0.1:10249 answers, mode iptables`; undefined: none was. */
export async function runningKubeProxy(): Promise<string | undefined> {
  const process = processInThisNetwork('kube-proxy');
  if (process !== undefined) return `process ${process}`;
  const mode = await answerOf(metricsPort, '/proxyMode');
  if (mode !== undefined && modes.has(mode))
    return `127.0.0.1:${metricsPort} answers, mode ${mode}`;
  const health = await answerOf(healthPort, '/healthz');
  const isItsAnswer = health?.includes('"lastUpdated"') && health.includes('"currentTime"');
  return isItsAnswer ? `127.0.0.1:${healthPort} answers` : undefined;
}

// Its defaults; k3s and others that contain it use them too.
const metricsPort = 10249;
const healthPort = 10256;
const modes: ReadonlySet<string> = new Set(['iptables', 'ipvs', 'nftables']);
const patienceMs = 500;
const mostBytes = 4096;

/**
 * Undefined: nothing answers, something else than HTTP, or an agent of Heddle in kube-proxy's place. The status does not
 * matter: 503 is an answer as well.
 */
function answerOf(port: number, path: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const signal = AbortSignal.timeout(patienceMs);
    const headers = { 'user-agent': heddlesName };
    const to = { host: '127.0.0.1', port, path, headers, agent: false, signal };
    const request = get(to, (response) => {
      response.on('error', () => resolve(undefined)).on('close', () => resolve(undefined));
      if (response.headers['server'] === heddlesName) {
        response.destroy();
        return;
      }
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        text += chunk;
        if (text.length > mostBytes) response.destroy();
      });
      response.on('end', () => resolve(text.trim()));
    });
    request.on('error', () => resolve(undefined));
  });
}

function processInThisNetwork(name: string): string | undefined {
  const network = readlinkSync('/proc/thread-self/ns/net');
  return readdirSync('/proc').find((pid) => {
    if (!/^\d+$/.test(pid)) return false;
    try {
      return (
        readFileSync(`/proc/${pid}/comm`, 'utf8').trimEnd() === name &&
        readlinkSync(`/proc/${pid}/ns/net`) === network
      );
    } catch {
      // It has ended.
      return false;
    }
  });
}
