// The owner of a flow: translated flows of connection tracking pass the stack, in every program, both families, with
// any flow entry or none; all other flows take the direct way.

import assert from 'node:assert/strict';
import { flowPath } from '../../src/datapath/generated.ts';
import { beginGeneration } from '../../src/datapath/maps/generation.ts';
import { type TestDatapath, testDatapath } from '../support/datapath.ts';
import { type AddressByFamily, db, places, web } from '../support/datapath-network.ts';
import { clearFlows, onlyFlow } from '../support/flow-packets.ts';
import { type Hop, hops, markOf, sentByDb, track, verdictOf } from '../support/owner-packets.ts';
import { families, tcpFlags } from '../support/packets.ts';
import { rootTest } from '../support/root-test.ts';

const { syn, ack, fin, rst } = tcpFlags;
const bodies = ['tcp', 'udp'] as const;
const up = { from_pod: 'pass', from_network: 'next', from_overlay: 'next' } as const;

/** Each way on which a reply may arrive that the node's NAT has to see. */
const answers = Object.values(hops);

function eachAnswer(
  context: Parameters<typeof testDatapath>[0],
  judge: (given: {
    readonly datapath: TestDatapath;
    readonly hop: Hop;
    readonly family: 4 | 6;
    readonly protocol: 'tcp' | 'udp';
  }) => void,
  stampShift?: number,
): void {
  const datapath = testDatapath(context, stampShift === undefined ? {} : { stampShift });
  for (const hop of answers) {
    for (const family of families) {
      for (const protocol of bodies) {
        judge({ datapath, hop, family, protocol });
        clearFlows(datapath);
        track(datapath, 'flush');
      }
    }
  }
}

/** A connection of the reply's receiver to a Service's address, translated to the reply's sender. */
function service(family: 4 | 6, hop: Hop) {
  return {
    original: [hop.to[family], places.world[family]],
    reply: [hop.from[family], hop.to[family]],
  } as const;
}

rootTest(
  'a reply without an entry passes the stack if it belongs to a translated connection',
  (context) => {
    eachAnswer(context, ({ datapath, hop, family, protocol }) => {
      const answer = { hop, family, protocol, back: true } as const;
      assert.equal(verdictOf(datapath, answer), 'redirect', 'nothing translates it');
      clearFlows(datapath);
      track(datapath, { protocol, ...service(family, hop) });
      assert.equal(
        verdictOf(datapath, answer),
        up[hop.program],
        `${hop.program} ${family} ${protocol}`,
      );
      assert.equal(verdictOf(datapath, answer), up[hop.program], 'and the next one');
      for (const [, flow] of datapath.flows.entries())
        assert.equal(flow.path, flowPath.throughStack);
    });
  },
);

rootTest('a connection tracked without translation takes the direct path', (context) => {
  eachAnswer(context, ({ datapath, hop, family, protocol }) => {
    const ends = [hop.to[family], hop.from[family]] as const;
    track(datapath, { protocol, original: ends, reply: [ends[1], ends[0]] });
    assert.equal(verdictOf(datapath, { hop, family, protocol, back: true }), 'redirect');
  });
});

rootTest('source translation counts like destination translation', (context) => {
  eachAnswer(context, ({ datapath, hop, family, protocol }) => {
    const original = [hop.from[family], hop.to[family]] as const;
    track(datapath, { protocol, original, reply: [hop.to[family], places.node[family]] });
    assert.equal(verdictOf(datapath, { hop, family, protocol }), up[hop.program]);
  });
});

rootTest(
  'a packet that looks like one of a translated connection passes the stack as well',
  (context) => {
    const datapath = testDatapath(context);
    for (const family of families) {
      for (const peer of [db, places.native, places.tunnelled]) {
        for (const protocol of bodies) {
          const hop = { ...hops.answerOfPod, from: web, to: peer };
          track(datapath, { protocol, ...service(family, { ...hop, from: peer, to: web }) });
          assert.equal(
            verdictOf(datapath, { hop, family, protocol }),
            'pass',
            'straight to the server',
          );
          clearFlows(datapath);
          track(datapath, 'flush');
        }
      }
    }
  },
);

rootTest('an entry of an earlier generation does not decide for a flow', (context) => {
  eachAnswer(context, ({ datapath, hop, family, protocol }) => {
    const answer = { hop, family, protocol, back: true } as const;
    assert.equal(verdictOf(datapath, answer), 'redirect');
    track(datapath, { protocol, ...service(family, hop) });
    assert.equal(verdictOf(datapath, answer), 'redirect', 'found out a moment ago');
    beginGeneration(datapath.tableGeneration);
    assert.equal(verdictOf(datapath, answer), up[hop.program]);
    assert.equal(onlyFlow(datapath).path, flowPath.throughStack);
    assert.equal(verdictOf(datapath, answer), up[hop.program]);
  });
});

rootTest('an entry decides only for a moment', (context) => {
  const eachPacket = 0;
  eachAnswer(
    context,
    ({ datapath, hop, family, protocol }) => {
      const answer = { hop, family, protocol, back: true } as const;
      assert.equal(verdictOf(datapath, answer), 'redirect');
      pause(10);
      track(datapath, { protocol, ...service(family, hop) });
      assert.equal(verdictOf(datapath, answer), up[hop.program]);
    },
    eachPacket,
  );
});

rootTest('an entry does not decide for the first two packets of a connection', (context) => {
  const datapath = testDatapath(context);
  for (const hop of answers) {
    for (const family of families) {
      for (const closing of [[], [fin | ack], [rst]]) {
        for (const flags of [syn | ack, ack, ...closing]) {
          const answer = { hop, family, protocol: 'tcp', flags, back: true } as const;
          assert.equal(verdictOf(datapath, answer), 'redirect', `flags ${flags}`);
        }
        track(datapath, { protocol: 'tcp', ...service(family, hop) });
        for (const flags of [syn | ack, ack]) {
          const answer = { hop, family, protocol: 'tcp', flags, back: true } as const;
          assert.equal(verdictOf(datapath, answer), up[hop.program], `then flags ${flags}`);
        }
        clearFlows(datapath);
        track(datapath, 'flush');
      }
    }
  }
});

rootTest('a SYN-ACK uses the entry that its SYN has opened, and only the first one', (context) => {
  const datapath = testDatapath(context);
  for (const family of families) {
    const opening = { hop: sentByDb(web), family, protocol: 'tcp', flags: syn } as const;
    const hop = hops.answerOfPod;
    const answer = { hop, family, protocol: 'tcp', flags: syn | ack, back: true } as const;
    assert.equal(verdictOf(datapath, opening), 'redirect');
    track(datapath, { protocol: 'tcp', ...service(family, hop) });
    assert.equal(verdictOf(datapath, answer), 'redirect', 'looked up with the SYN');
    assert.equal(verdictOf(datapath, answer), 'pass', 'its sender has spoken since the SYN');
    clearFlows(datapath);
    assert.equal(verdictOf(datapath, { ...opening, flags: syn | ack }), 'pass');
    assert.equal(verdictOf(datapath, answer), 'pass', 'no SYN was seen');
    clearFlows(datapath);
    track(datapath, 'flush');
  }
});

rootTest('a SYN on the closed entry of a translated connection is looked up again', (context) => {
  const datapath = testDatapath(context);
  for (const family of families) {
    const hop = { ...hops.answerOfPod, from: web, to: places.native };
    track(datapath, { protocol: 'tcp', ...service(family, hop) });
    assert.equal(
      verdictOf(datapath, { hop, family, protocol: 'tcp', flags: ack, back: true }),
      'pass',
    );
    track(datapath, 'flush');
    const whole = { hop, family, protocol: 'tcp', back: true } as const;
    assert.equal(verdictOf(datapath, { ...whole, flags: syn }), 'pass', 'not closed: it stays');
    assert.equal(verdictOf(datapath, { ...whole, flags: rst }), 'pass');
    assert.equal(verdictOf(datapath, { ...whole, flags: syn }), 'redirect');
    assert.equal(verdictOf(datapath, { ...whole, flags: ack }), 'redirect');
    clearFlows(datapath);
  }
});

rootTest('protocols without a lookup always pass the stack', (context) => {
  const datapath = testDatapath(context);
  for (const hop of answers) {
    for (const family of families) {
      for (const protocol of ['sctp', 'udp-lite', 'gre', 'icmp-timestamp'] as const) {
        for (const back of [false, true, false]) {
          const what = { hop, family, protocol, back };
          assert.equal(verdictOf(datapath, what), up[hop.program], `${hop.program} ${protocol}`);
        }
        clearFlows(datapath);
      }
    }
  }
});

rootTest(
  'all fragments of a datagram pass the stack, and whole packets of their flow do not',
  (context) => {
    eachAnswer(context, ({ datapath, hop, family, protocol }) => {
      const what = { hop, family, protocol } as const;
      for (const round of ['no entry', 'an entry']) {
        for (const piece of ['first', 'middle', 'last'] as const) {
          assert.equal(
            verdictOf(datapath, { ...what, piece }),
            up[hop.program],
            `${round}, ${piece}`,
          );
        }
        assert.equal(verdictOf(datapath, what), 'redirect', round);
        assert.equal(
          verdictOf(datapath, { ...what, piece: 'only' }),
          'redirect',
          'a fragment by itself',
        );
      }
      assert.equal(onlyFlow(datapath).path, flowPath.direct);
      track(datapath, { protocol, ...service(family, hop) });
      clearFlows(datapath);
      const answer = { ...what, back: true };
      assert.equal(verdictOf(datapath, { ...answer, piece: 'first' }), up[hop.program]);
      assert.equal(verdictOf(datapath, answer), up[hop.program], 'the fragment said nothing of it');
    });
  },
);

// DIRECT_MARK of bpf/owner.h.
const directMark = 0x68656464;

rootTest(
  'the first fragment of a direct flow is marked, so that the datagram is not translated',
  (context) => {
    eachAnswer(context, ({ datapath, hop, family, protocol }) => {
      const answer = { hop, family, protocol, back: true, piece: 'first' } as const;
      const echo = { hop, family, protocol: 'echo', piece: 'first' } as const;
      assert.equal(markOf(datapath, answer), directMark, `${hop.program} ${family} ${protocol}`);
      assert.equal(markOf(datapath, { ...answer, piece: 'last' }), 0);
      assert.equal(markOf(datapath, echo), directMark);
      assert.equal(markOf(datapath, { ...echo, back: true, protocol: 'sctp' }), 0);
      track(datapath, { protocol, ...service(family, hop) });
      assert.equal(markOf(datapath, answer), 0, 'of a translated connection');
      track(datapath, 'flush');
      assert.equal(markOf(datapath, answer), directMark);
      assert.equal(markOf(datapath, answer, 5), 5, 'marked by another program');
    });
  },
);

rootTest('an echo reply follows its request, and without one passes the stack', (context) => {
  const datapath = testDatapath(context);
  for (const hop of answers) {
    for (const family of families) {
      const request = { hop, family, protocol: 'echo' } as const;
      const reply = { hop, family, protocol: 'echo', back: true } as const;
      assert.equal(verdictOf(datapath, reply), up[hop.program], 'nobody asked');
      clearFlows(datapath);
      assert.equal(verdictOf(datapath, request), 'redirect');
      assert.equal(verdictOf(datapath, reply), 'redirect', 'asked straight');
      beginGeneration(datapath.tableGeneration);
      assert.equal(verdictOf(datapath, reply), 'redirect', 'a moment ago');
      age(datapath, 11);
      beginGeneration(datapath.tableGeneration);
      assert.equal(verdictOf(datapath, reply), up[hop.program], 'long ago');
      clearFlows(datapath);
    }
  }
});

rootTest('an ICMP error takes the path of the flow that it quotes', (context) => {
  eachAnswer(context, ({ datapath, hop, family, protocol }) => {
    const error = { hop, family, protocol: 'error', quotes: protocol } as const;
    assert.equal(verdictOf(datapath, error), 'redirect', 'a flow that nobody translates');
    track(datapath, { protocol, ...service(family, hop) });
    assert.equal(verdictOf(datapath, error), up[hop.program], 'a translated one');
    for (const quotes of ['sctp', 'gre', 'fragment', 'echo'] as const) {
      assert.equal(verdictOf(datapath, { ...error, quotes }), up[hop.program], quotes);
    }
    assert.equal(verdictOf(datapath, { ...error, quotes: 'nothing' }), 'drop');
    assert.equal([...datapath.flows.entries()].length, 0, 'no flow of its own');
  });
});

rootTest('an ICMP error about an echo on the direct path takes the direct path', (context) => {
  const datapath = testDatapath(context);
  for (const family of families) {
    // The packet that the pod db sent, and the neighbour pod's error about it.
    const request = sentByDb(places.native);
    assert.equal(verdictOf(datapath, { hop: request, family, protocol: 'echo' }), 'redirect');
    const error = {
      hop: hops.answerOfNeighbour,
      family,
      protocol: 'error',
      quotes: 'echo',
    } as const;
    assert.equal(verdictOf(datapath, error), 'redirect');
    clearFlows(datapath);
  }
});

rootTest(
  'a router’s error reaches the pod past the stack if it is about a flow between pods',
  (context) => {
    const datapath = testDatapath(context);
    for (const family of families) {
      const sent = sentByDb(places.native);
      const what = { hop: sent, family, protocol: 'udp' } as const;
      const router: AddressByFamily = places.world;
      const about = (to: AddressByFamily) =>
        verdictOf(datapath, {
          ...{ hop: { ...hops.answerOfNeighbour, from: router }, family, protocol: 'error' },
          ...{ quotes: 'udp', quotedTo: to },
        });
      assert.equal(about(places.native), 'next', 'no such flow');
      assert.equal(verdictOf(datapath, what), 'redirect');
      assert.equal(about(places.native), 'redirect');
      assert.equal(about(places.world), 'next', 'a flow into the world');
      track(datapath, {
        protocol: 'udp',
        ...service(family, { ...sent, from: places.native, to: db }),
      });
      assert.equal(about(places.native), 'next', 'translated');
      clearFlows(datapath);
      track(datapath, 'flush');
    }
  },
);

/** Ages the entries of the flow table. */
function age(datapath: TestDatapath, seconds: number): void {
  for (const [key, flow] of [...datapath.flows.entries()]) {
    datapath.flows.set(key, { ...flow, lastSeenNs: flow.lastSeenNs - seconds * 1e9 });
  }
}

function pause(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}
