package turnd

import (
	"net"
	"net/netip"
	"sync"
)

// quota counts allocations.
type quota struct {
	perMember, perIP, total int

	mu      sync.Mutex // guards the following
	members map[string]int
	ips     map[netip.Addr]int
	all     int
}

func newQuota(c *Config) *quota {
	return &quota{
		perMember: c.MemberQuota, perIP: c.IPQuota, total: c.MaxAllocations,
		members: map[string]int{}, ips: map[netip.Addr]int{},
	}
}

func (q *quota) room(u userID) bool {
	return q.members[u.member] < q.perMember && q.ips[subnet(u.ip)] < q.perIP && q.all < q.total
}

// hasRoom is Pion's QuotaHandler. It only makes the answer the right one (486); what counts is take.
func (s *Server) hasRoom(user, _ string, _ net.Addr) bool {
	u, ok := parseUserID(user)
	s.quota.mu.Lock()
	defer s.quota.mu.Unlock()
	if ok && s.quota.room(u) {
		return true
	}
	s.drop(dropQuota)
	return false
}

// take counts one allocation, unless that is too many.
func (q *quota) take(u userID) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.room(u) {
		return false
	}
	q.members[u.member]++
	q.ips[subnet(u.ip)]++
	q.all++
	return true
}

func (q *quota) giveBack(u userID) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.all--
	decrement(q.members, u.member)
	decrement(q.ips, subnet(u.ip))
}

func decrement[K comparable](m map[K]int, k K) {
	if m[k] > 1 {
		m[k]--
	} else {
		delete(m, k)
	}
}
