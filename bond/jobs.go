package bond

import "context"

// jobs does to the host what the control goroutine decides and must not wait
// for, one job after the other in the order decided. A job must not ask for the
// bond's lock: who holds it may be waiting for the jobs.
type jobs struct{ box *mailbox }

func newJobs() *jobs { return &jobs{box: newMailbox()} }

// do queues a job and returns at once.
func (j *jobs) do(fn func()) { j.box.post(fn) }

// run does the jobs until ctx ends.
func (j *jobs) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-j.box.ready:
			for _, fn := range j.box.take() {
				fn()
			}
		}
	}
}

// wait returns when the jobs queued so far are done, or ctx has ended.
func (j *jobs) wait(ctx context.Context) {
	done := make(chan struct{})
	j.do(func() { close(done) })
	select {
	case <-done:
	case <-ctx.Done():
	}
}
