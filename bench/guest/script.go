package guest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// Script runs a script of busybox's shell in a fresh guest and returns its
// output. A status other than 0 is a *StatusError. A guest that hasn't come to
// the script's end within the limit (Limit if 0) is replaced by another one,
// once; ErrHung says that this one hung, too.
func Script(ctx context.Context, cfg Config, limit time.Duration, script string) (string, error) {
	if limit == 0 {
		limit = Limit
	}
	dir, err := os.MkdirTemp("", "tapbond-script-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, scriptName)
	if err := os.WriteFile(file, []byte(script), 0o755); err != nil {
		return "", err
	}
	cfg.Files = append([]string{file}, cfg.Files...)
	out, first := attempt(ctx, cfg, limit)
	if !errors.Is(first, ErrHung) || ctx.Err() != nil {
		return out, first
	}
	out, second := attempt(ctx, cfg, limit)
	if second != nil {
		second = fmt.Errorf("%w (and the guest before this one: %w)", second, first)
	}
	return out, second
}

const scriptName = "tapbond-script"

func attempt(ctx context.Context, cfg Config, limit time.Duration) (string, error) {
	g, err := Start(ctx, cfg)
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	out, err := g.Run(ctx, "sh /bin/%s", scriptName)
	return out, errors.Join(err, g.Stop())
}
