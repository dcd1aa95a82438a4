package dump

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// However many ask: those who wait share an answer, which was asked for after them.
func TestShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s Shared[int]
		var begun atomic.Int64
		ask := func() ([]int, error) {
			n := int(begun.Add(1))
			<-time.After(time.Second)
			if n == 3 {
				return nil, errors.ErrUnsupported
			}
			return []int{n}, nil
		}
		var wg sync.WaitGroup
		for i := range 30 {
			wg.Go(func() {
				<-time.After(time.Duration(i) * 100 * time.Millisecond)
				before := int(begun.Load())
				got, err := s.Whole(ask)
				if err == nil && got[0] <= before || err != nil && before > 2 {
					t.Errorf("asked after %d answers had begun, got %v, %v", before, got, err)
				}
			})
		}
		wg.Wait()
		if n := begun.Load(); n > 5 {
			t.Errorf("%d answers for 30 in 3 s", n)
		}
	})
}
