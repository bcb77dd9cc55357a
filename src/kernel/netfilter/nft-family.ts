// The address families of nftables, as `nft` writes them.

/** The families of tables; `inet` is IPv4 and IPv6 in one. */
export type NftFamily = 'ip' | 'ip6' | 'inet' | 'arp' | 'bridge' | 'netdev';
