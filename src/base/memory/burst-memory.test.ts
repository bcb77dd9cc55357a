import assert from 'node:assert/strict';
import { describe, mock, test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { BurstMemory, collectGarbage } from './burst-memory.ts';

describe('memory after a burst', () => {
  test('is collected once, after a while without changes', () => {
    mock.timers.enable({ apis: ['setTimeout'] });
    try {
      const collect = mock.fn();
      using memory = new BurstMemory({ leastChanges: 3, quietMs: 1000, collect });
      memory.noteChange();
      memory.noteChange();
      mock.timers.tick(5000);
      assert.equal(collect.mock.callCount(), 0, 'two changes are no burst');
      memory.noteChange();
      mock.timers.tick(900);
      memory.noteChange();
      mock.timers.tick(900);
      assert.equal(collect.mock.callCount(), 0, 'the burst went on');
      mock.timers.tick(100);
      assert.equal(collect.mock.callCount(), 1);
      memory.noteChange();
      mock.timers.tick(5000);
      assert.equal(collect.mock.callCount(), 1, 'changes are counted from the last collection');
    } finally {
      mock.timers.reset();
    }
  });

  test('is not collected after the owner has ended', () => {
    mock.timers.enable({ apis: ['setTimeout'] });
    try {
      const collect = mock.fn();
      const memory = new BurstMemory({ leastChanges: 1, quietMs: 1000, collect });
      memory.noteChange();
      memory[Symbol.dispose]();
      mock.timers.tick(5000);
      assert.equal(collect.mock.callCount(), 0);
    } finally {
      mock.timers.reset();
    }
  });

  test('is returned: an unreferenced object is collected', async () => {
    const held = new WeakRef({ text: 'nobody holds this' });
    // A WeakRef keeps its object until the job that made it has ended.
    await nextTurn();
    collectGarbage();
    assert.equal(held.deref(), undefined);
  });
});
