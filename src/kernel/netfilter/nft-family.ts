// The address families of nftables, with the names that `nft` uses.

/** Families of tables; `inet` is IPv4 and IPv6 together. */
export type NftFamily = 'ip' | 'ip6' | 'inet' | 'arp' | 'bridge' | 'netdev';
