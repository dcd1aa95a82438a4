package dump

import "sync"

// Shared asks once for those who ask at the same time. An answer never is older
// than the question: who comes while one is under way waits for the next, together
// with all others who wait. Nobody may change what was answered.
type Shared[T any] struct {
	mu   sync.Mutex
	next *asking[T] // not begun yet
	last *asking[T] // the last one that has begun
}

type asking[T any] struct {
	done   chan struct{}
	answer []T
	err    error
}

// Whole is the function Whole, shared.
func (s *Shared[T]) Whole(list func() ([]T, error)) ([]T, error) {
	s.mu.Lock()
	if a := s.next; a != nil {
		s.mu.Unlock()
		<-a.done
		return a.answer, a.err
	}
	a, before := &asking[T]{done: make(chan struct{})}, s.last
	s.next = a
	s.mu.Unlock()
	if before != nil {
		<-before.done
	}
	s.mu.Lock()
	s.next, s.last = nil, a
	s.mu.Unlock()
	a.answer, a.err = Whole(list)
	close(a.done)
	return a.answer, a.err
}
