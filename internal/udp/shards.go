package udp

import (
	"maps"
	"net/netip"
	"sync"
	"sync/atomic"
)

const shardCount = 64

// shards is a map that is read without a lock: each shard is an immutable map, replaced as a whole by writers.
type shards[K comparable, V any] struct {
	hash func(K) uint8
	list [shardCount]shard[K, V]
}

type shard[K comparable, V any] struct {
	mu sync.Mutex // serialises writers
	m  atomic.Pointer[map[K]V]
}

func (s *shards[K, V]) shard(k K) *shard[K, V] { return &s.list[s.hash(k)%shardCount] }

func (s *shards[K, V]) get(k K) (V, bool) {
	if m := s.shard(k).m.Load(); m != nil {
		v, ok := (*m)[k]
		return v, ok
	}
	var none V
	return none, false
}

// update replaces the value of k by what f makes of it; keep false removes it. f runs under the lock of k's shard, so
// that two updates of one key never overlap.
func (s *shards[K, V]) update(k K, f func(old V, ok bool) (v V, keep bool)) {
	sh := s.shard(k)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	var old map[K]V
	if m := sh.m.Load(); m != nil {
		old = *m
	}
	was, had := old[k]
	v, keep := f(was, had)
	if !keep && !had {
		return
	}
	m := maps.Clone(old)
	if m == nil {
		m = make(map[K]V, 1)
	}
	if keep {
		m[k] = v
	} else {
		delete(m, k)
	}
	sh.m.Store(&m)
}

func (s *shards[K, V]) len() (n int) {
	for i := range s.list {
		if m := s.list[i].m.Load(); m != nil {
			n += len(*m)
		}
	}
	return n
}

func (s *shards[K, V]) values() (list []V) {
	for i := range s.list {
		if m := s.list[i].m.Load(); m != nil {
			for _, v := range *m {
				list = append(list, v)
			}
		}
	}
	return list
}

func hashString(s string) uint8 {
	h := uint32(2166136261) // FNV-1a
	for i := range len(s) {
		h = (h ^ uint32(s[i])) * 16777619
	}
	return uint8(h ^ h>>8)
}

// hashAddr spreads addresses by their port, which NATs and clients choose at random, and the last byte of the address.
func hashAddr(a netip.AddrPort) uint8 {
	b := a.Addr().As16()
	return uint8(a.Port()) ^ uint8(a.Port()>>8) ^ b[15]
}
