import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseAddress } from '../../net/address.ts';
import { hostPrefix, type Prefix, parsePrefix, prefixesOverlap } from '../../net/prefix.ts';
import { orderedPrefix } from '../prefix-order.ts';
import { ClaimLedger } from './claim-ledger.ts';
import type { AddressClaim, RangeClaim } from './node-claims.ts';

function range(text: string): RangeClaim {
  const prefix = parsePrefix(text);
  return { prefix, ordered: orderedPrefix(prefix), isPublic: false };
}

function address(text: string): AddressClaim {
  const parsed = parseAddress(text);
  return { address: parsed, ordered: orderedPrefix(hostPrefix(parsed)) };
}

function randomFrom(start: number): (below: number) => number {
  let state = start;
  return (below) => {
    state = (state * 48_271) % 2_147_483_647;
    return state % below;
  };
}

test('accepted claims never overlap, and only overlapping ones are refused, as in a comparison of all pairs', () => {
  const random = randomFrom(3);
  for (let round = 0; round < 40; round++) {
    const ledger = new ClaimLedger();
    const entered: Prefix[] = [];
    for (let index = 0; index < 60; index++) {
      const isAddress = random(2) === 0;
      const text = `fd00::${random(16).toString(16)}:${random(65_536).toString(16)}`;
      const claim = isAddress ? address(text) : range(`${text}/${100 + random(29)}`);
      const prefix = 'prefix' in claim ? claim.prefix : hostPrefix(claim.address);
      // Two addresses are compared directly; no range is entered twice.
      const other = entered.find((each) => prefixesOverlap(each, prefix));
      const flaw =
        'prefix' in claim ? ledger.rangeFlaw(claim, 'n1') : ledger.addressFlaw(claim, 'n1');
      assert.equal(flaw !== undefined, other !== undefined, `${prefix} ${other}`);
      if (flaw !== undefined) continue;
      if ('prefix' in claim) ledger.addRange(claim, 'n1');
      else ledger.addAddress(claim, 'n1');
      entered.push(prefix);
    }
  }
});

test("cost hardly depends on the Nodes' prefix lengths and the number of claims", () => {
  let looked = 0;
  const counted = <Claim extends AddressClaim | RangeClaim>(claim: Claim): Claim => {
    const { digits, ...rest } = claim.ordered;
    const ordered = {
      ...rest,
      get digits(): string {
        looked++;
        return digits;
      },
    };
    return { ...claim, ordered };
  };
  const ledger = new ClaimLedger();
  const nodes = 500;
  const each = 8;
  for (let index = 0; index < nodes; index++) {
    const node = `n${index}`;
    const at = (index + 1).toString(16);
    for (let number = 0; number < each; number++) {
      const claim = counted(address(`fdaa:${at}::${number + 1}`));
      assert.equal(ledger.addressFlaw(claim, node), undefined);
      ledger.addAddress(claim, node);
    }
    const claim = counted(range(`fd00:${at}::/${32 + (index % 96)}`));
    assert.equal(ledger.rangeFlaw(claim, node), undefined);
    ledger.addRange(claim, node);
  }
  assert.equal(ledger.owners.size, nodes);
  const claims = nodes * (each + 1);
  assert.ok(looked < claims * 70, `${looked / claims} looks for a claim`);
});
