// How many requests wait for the kernel beside the event loop.

import { Slots } from '../../base/slots.ts';

// libuv's pool has four threads unless told otherwise; one stays free for files and DNS. An agent has one slow request at a
// time and two aside: the RTNL lock lets one through, the second is there when the event loop has no time for a third. Seldom a
// long list is read as well.
export const slowRequests: Slots = new Slots(3);
export const asideRequests: Slots = new Slots(2);
