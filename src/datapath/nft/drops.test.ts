import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KernelError } from '../../kernel/errno.ts';
import type { NftCounter } from '../../kernel/netfilter/nft-counters.ts';
import { NftDrops } from './drops.ts';

/** A table with one counter, as libnftables lists it; undefined: no table. */
class FakeNft {
  packets: number | undefined = 0;

  readonly counters = (): ReadonlyMap<string, NftCounter> => {
    if (this.packets === undefined) return new Map();
    const { packets } = this;
    return new Map([
      ['foreign_tunnel', { packets, bytes: packets * 100 }],
      ['of another rule', { packets: 7, bytes: 7 }],
    ]);
  };
  apply(): void {}
  replaceTable(): void {
    this.packets = 0;
  }
  deleteTable(): boolean {
    this.packets = undefined;
    return true;
  }
  listTable(): undefined {
    return undefined;
  }
  ruleBytes(): Buffer {
    return Buffer.alloc(0);
  }
}

const counted = (packets: number): object[] => [
  { reason: 'foreign tunnel packet', packets, bytes: packets * 100 },
];

test('counts of a replaced table are kept, including the last moment', () => {
  const nft = new FakeNft();
  const drops = new NftDrops(nft, nft.counters);
  assert.deepEqual(drops.byReason(), []);
  nft.packets = 3;
  drops.replaceTable('inet', 'heddle', '');
  nft.packets = 5;
  assert.deepEqual(drops.byReason(), counted(8));
  drops.deleteTable('inet', 'heddle');
  assert.deepEqual(drops.byReason(), counted(8));
});

test('a table removed by another process keeps the counts that were last read', () => {
  const nft = new FakeNft();
  const drops = new NftDrops(nft, nft.counters);
  nft.packets = 4;
  assert.deepEqual(drops.byReason(), counted(4));
  nft.packets = undefined;
  assert.deepEqual(drops.byReason(), counted(4));
  nft.packets = 1;
  assert.deepEqual(drops.byReason(), counted(5));
});

test('while counters cannot be read, the last counts are shown', () => {
  const nft = new FakeNft();
  let isBusy = false;
  const drops = new NftDrops(nft, () => {
    if (isBusy) throw new KernelError({ call: 'nft list counters', subject: '', code: 'EAGAIN' });
    return nft.counters();
  });
  nft.packets = 4;
  assert.deepEqual(drops.byReason(), counted(4));
  isBusy = true;
  assert.deepEqual(drops.byReason(), counted(4));
});
