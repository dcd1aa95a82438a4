package bond

import "sync"

// mailbox is an unbounded queue of work for the control goroutine. Posting
// never waits, so a netlink or poller goroutine cannot be held up by a bond,
// and the bond's own calls cannot deadlock with it.
type mailbox struct {
	mu     sync.Mutex
	work   []func()
	closed bool
	ready  chan struct{} // capacity 1: there is work
}

func newMailbox() *mailbox { return &mailbox{ready: make(chan struct{}, 1)} }

// post queues fn and reports false once the mailbox is closed.
func (m *mailbox) post(fn func()) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return false
	}
	m.work = append(m.work, fn)
	select {
	case m.ready <- struct{}{}:
	default:
	}
	return true
}

// take returns all queued work, oldest first.
func (m *mailbox) take() []func() {
	m.mu.Lock()
	defer m.mu.Unlock()
	w := m.work
	m.work = nil
	return w
}

// close refuses further posts and returns what was still queued.
func (m *mailbox) close() []func() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = true
	w := m.work
	m.work = nil
	return w
}
