// Finds Go, which builds the programs of the test cluster.

import { spawnSync } from 'node:child_process';

export interface GoToolchain {
  /** `go1.26.1 linux/amd64`: part of the key under which built programs are kept. */
  readonly version: string;
  readonly environment: NodeJS.ProcessEnv;
}

const leastMinor = 25;

/** Throws an Error that names the required version if Go is missing or older than 1.25. */
export function findGo(): GoToolchain {
  // The folder in which Go's own archive installs it.
  const environment = {
    ...process.env,
    PATH: `${process.env['PATH']}:/usr/local/go/bin`,
    GOTOOLCHAIN: 'local',
    GOWORK: 'off',
  };
  const asked = spawnSync('go', ['version'], { env: environment, encoding: 'utf8' });
  const needs = `the test cluster is built from Go modules and needs Go 1.${leastMinor} or later`;
  const how = 'install it from https://go.dev/dl (the golang package of Debian 12 is older)';
  if (asked.status !== 0) throw new Error(`${needs}, but found none: ${how}`);
  const version = asked.stdout.trim().replace(/^go version /, '');
  if (!isRecent(version)) throw new Error(`${needs} (this is ${version}): ${how}`);
  return { version, environment };
}

/** @param version the output of `go version` without its first words. */
export function isRecent(version: string): boolean {
  const [, major, minor] = /^go(\d+)\.(\d+)/.exec(version) ?? [];
  return Number(major) > 1 || (Number(major) === 1 && Number(minor) >= leastMinor);
}
