// Tests that need root and a real kernel. Without root they are skipped with the reason; where CI=true a skip fails,
// so that a green run always means that they ran.

import { type TestContext, test } from 'node:test';

export type TestBody = (context: TestContext) => void | Promise<void>;

export function rootTest(name: string, body: TestBody): void {
  const isRoot = process.getuid?.() === 0;
  if (!isRoot && process.env['CI'] === 'true') {
    test(name, () => {
      throw new Error('needs root, and a skipped test fails where CI=true');
    });
    return;
  }
  void test(name, isRoot ? {} : { skip: 'needs root' }, body);
}
