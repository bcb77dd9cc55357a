import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NftDrops } from './nft-drops.ts';

/** A table with one counter, as libnftables lists it; undefined: no table. */
class FakeNft {
  packets: number | undefined = 0;

  listCounters(): readonly unknown[] {
    if (this.packets === undefined) return [];
    const { packets } = this;
    return [
      { counter: { family: 'inet', name: 'foreign_tunnel', packets, bytes: packets * 100 } },
      { counter: { family: 'inet', name: 'of another rule', packets: 7, bytes: 7 } },
    ];
  }
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
}

const counted = (packets: number): object[] => [
  { reason: 'foreign tunnel packet', packets, bytes: packets * 100 },
];

test('what a table has counted when it is replaced stays counted, also right before', () => {
  const nft = new FakeNft();
  const drops = new NftDrops(nft);
  assert.deepEqual(drops.byReason(), []);
  nft.packets = 3;
  drops.replaceTable('inet', 'heddle', '');
  nft.packets = 5;
  assert.deepEqual(drops.byReason(), counted(8));
  drops.deleteTable('inet', 'heddle');
  assert.deepEqual(drops.byReason(), counted(8));
});

test('a table that another process removed has what was last read of it', () => {
  const nft = new FakeNft();
  const drops = new NftDrops(nft);
  nft.packets = 4;
  assert.deepEqual(drops.byReason(), counted(4));
  nft.packets = undefined;
  assert.deepEqual(drops.byReason(), counted(4));
  nft.packets = 1;
  assert.deepEqual(drops.byReason(), counted(5));
});
