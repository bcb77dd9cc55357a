import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readSpecs } from './junit.ts';

const report = (cases: string): string => `<?xml version="1.0" encoding="UTF-8"?>
  <testsuites tests="5" disabled="0" errors="0" failures="1" time="9">
      <testsuite name="Kubernetes e2e suite" package="/x" tests="5" time="9" timestamp="2026-11-30T06:00:00">
          <properties><property name="SpecialSuiteFailureReason" value=""></property></properties>
          ${cases}
      </testsuite>
  </testsuites>`;

test('a spec that ran passed or failed; one that was not selected is no result', () => {
  const specs = readSpecs(
    report(`
    <testcase name="[It] [sig-network] Proxy &#34;a&#34; &lt;b&gt; [Conformance]" classname="k" status="passed" time="2.5"></testcase>
    <testcase name="[It] [sig-apps] other" classname="k" status="skipped" time="0"><skipped message="skipped"></skipped></testcase>
    <testcase name="[It] [sig-apps] later" classname="k" status="pending" time="0"><skipped message="pending"></skipped></testcase>
    <testcase name="[It] [sig-network] DNS" classname="k" status="failed" time="30">
        <failure type="failed">[FAILED] expected&#xA;it&#39;s &amp; more&#xA;</failure>
        <system-err>&gt; Enter [BeforeEach]</system-err>
    </testcase>`),
  );
  assert.deepEqual(specs, [
    {
      name: '[sig-network] Proxy "a" <b> [Conformance]',
      outcome: 'passed',
      seconds: 2.5,
      text: '',
    },
    {
      name: '[sig-network] DNS',
      outcome: 'failed',
      seconds: 30,
      text: "[FAILED] expected\nit's & more",
    },
  ]);
});

test('a spec that skipped itself has its reason', () => {
  const [spec] = readSpecs(
    report(
      `<testcase name="[It] [sig-network] SCTP" status="skipped" time="1"><skipped message="skipped - no module"></skipped></testcase>`,
    ),
  );
  assert.deepEqual(spec, {
    name: '[sig-network] SCTP',
    outcome: 'skipped',
    seconds: 1,
    text: 'no module',
  });
});

test('every other status is a failure, and a step of the suite counts only if it fails', () => {
  const specs = readSpecs(
    report(`
    <testcase name="[SynchronizedBeforeSuite]" status="passed" time="1"></testcase>
    <testcase name="[SynchronizedAfterSuite]" status="failed" time="1"><failure type="failed">no nodes</failure></testcase>
    <testcase name="[It] panicky" status="panicked" time="1"><error message="nil map" type="panicked">goroutine 1</error></testcase>
    <testcase name="[It] slow" status="interrupted" time="1"></testcase>`),
  );
  assert.deepEqual(
    specs.map(({ name, outcome, text }) => `${name} ${outcome}: ${text}`),
    [
      '[SynchronizedAfterSuite] failed: no nodes',
      'panicky failed: goroutine 1',
      'slow failed: interrupted',
    ],
  );
});

test('a file without test cases is refused', () => {
  assert.throws(() => readSpecs(report('')), /no test case/);
});
