// Limits how many requests wait for the kernel outside the event loop.

import { Slots } from '../../base/slots.ts';

// libuv's pool has four threads by default; one stays free for files and DNS. An agent has one slow request at a time
// and two on workers: the RTNL lock admits one, and the second is ready when the event loop has no time for a third.
// Occasionally a long list is read as well.
export const slowRequests: Slots = new Slots(3);
export const asideRequests: Slots = new Slots(2);
