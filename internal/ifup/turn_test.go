package ifup

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// A second one waits, says for whom after a second, and goes on when the first
// one is done.
func TestTurnWaits(t *testing.T) {
	t.Setenv("TAPBOND_RUN", t.TempDir()+"/run")
	synctest.Test(t, func(t *testing.T) {
		nobody := func(who string) { t.Errorf("waited for %s", who) }
		done, err := Turn(t.Context(), nobody)
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		var said []string
		var after time.Duration
		second := make(chan error)
		go func() {
			done, err := Turn(t.Context(), func(who string) { said, after = append(said, who), time.Since(began) })
			if err == nil {
				done()
			}
			second <- err
		}()
		wait(10 * time.Second)
		select {
		case err := <-second:
			t.Fatalf("two at once: %v", err)
		default:
		}
		done()
		if err := <-second; err != nil || len(said) != 1 || !strings.HasSuffix(said[0], fmt.Sprintf("(process %d)", os.Getpid())) || after != turnQuiet {
			t.Errorf("%v; said %q after %v", err, said, after)
		}

		// Nobody is left in the way.
		done, err = Turn(t.Context(), nobody)
		if err != nil {
			t.Fatal(err)
		}
		defer done()
		ctx, cancel := context.WithTimeout(t.Context(), turnQuiet/2)
		defer cancel()
		if _, err := Turn(ctx, nobody); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "gave up waiting for ") {
			t.Errorf("given up: %v", err)
		}
	})
}

// wait lets a virtual time pass.
func wait(d time.Duration) { <-time.After(d) }

// turnVar makes the test's own program, run again, one that wants a turn.
const turnVar = "TAPBOND_TEST_TURN"

func TestMain(m *testing.M) {
	if os.Getenv(turnVar) == "" {
		os.Exit(m.Run())
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	done, err := Turn(ctx, func(who string) { fmt.Println("waits for", who); cancel() })
	if err != nil {
		os.Exit(1)
	}
	done()
	fmt.Print("had it")
}

// What somebody runs who has its turn has it too, and ends nobody's by ending.
func TestTurnOfOurOwn(t *testing.T) {
	t.Setenv("TAPBOND_RUN", t.TempDir())
	t.Setenv(turnVar, "1")
	t.Setenv("GORACE", "atexit_sleep_ms=0")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	done, err := Turn(t.Context(), func(who string) { t.Errorf("waited for %s", who) })
	if err != nil {
		t.Fatal(err)
	}
	for _, command := range [][]string{{self}, {"sh", "-c", `"$0"; true`, self}, {"sh", "-c", `sh -c '"$0"; true' "$0"; true`, self}} {
		if out, err := exec.Command(command[0], command[1:]...).CombinedOutput(); err != nil || string(out) != "had it" {
			t.Errorf("%q: %v: %s", command, err, out)
		}
	}
	path, err := turnFile()
	if err != nil {
		t.Fatal(err)
	}
	if h := whose(path); h.pid != os.Getpid() {
		t.Errorf("then it is %v's", h)
	}
	done()
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the file is left: %v", err)
	}
}

// A number alone is nobody.
func TestHolders(t *testing.T) {
	pid := os.Getpid()
	own, first := lookAt(pid), lookAt(1)
	if own.parent != os.Getppid() || own.start == "" {
		t.Fatalf("we are %+v", own)
	}
	for what, c := range map[string]struct {
		h     holder
		above bool
	}{
		"ourselves":                       {holder{pid, own.start}, true},
		"our parent":                      {holder{own.parent, lookAt(own.parent).start}, true},
		"the first process":               {holder{1, first.start}, true},
		"one that had our number before":  {holder{pid, "1"}, false},
		"the first of another namespace":  {holder{1, own.start}, false},
		"one that is no more":             {holder{1 << 22, "5"}, false},
		"one that didn't say":             {holder{}, false},
		"one that didn't say when it was": {holder{pid, ""}, false},
	} {
		if got := c.h.above(pid); got != c.above {
			t.Errorf("%s: above us: %v", what, got)
		}
	}
	for text, want := range map[string]string{"": "another one", "x y": "another one", "12": "another one", fmt.Sprintf("%d 1", pid): "another one"} {
		path := t.TempDir() + "/lock"
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := whose(path).String(); got != want {
			t.Errorf("%q: %s", text, got)
		}
	}
}
