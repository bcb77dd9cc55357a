// Tests that need root and a real kernel. On machines where they cannot run they are skipped with the reason; with
// CI=true a skip fails, so that success always means that they ran.

import { type TestContext, test } from 'node:test';

export type TestBody = (context: TestContext) => void | Promise<void>;

export function rootTest(name: string, body: TestBody): void {
  const reason = reasonToSkip();
  if (reason !== undefined && process.env['CI'] === 'true') {
    test(name, () => {
      throw new Error(`${reason}; a skipped test fails where CI=true`);
    });
    return;
  }
  test(name, reason === undefined ? {} : { skip: reason }, body);
}

/** scripts/test passes the missing requirements, in the words of scripts/requirements. */
export function reasonToSkip(): string | undefined {
  const lacking = process.env['HEDDLE_SKIP_ROOT_TESTS'];
  if (lacking !== undefined && lacking !== '') return lacking;
  return process.getuid?.() === 0 ? undefined : 'needs root';
}
