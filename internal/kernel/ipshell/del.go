package ipshell

import "context"

// del deletes a bond; other devices are the installed ip's, and if one was a
// slave, its bond knows when the command returns.
func (s *Shell) del(ctx context.Context, words, whole []string) int {
	p, err := s.look(ctx)
	if err != nil {
		return s.refused(err)
	}
	r, ok := parse(words)
	r.dev = s.ownName(p, r.dev)
	if !ok || p.bond(r.dev) == nil || r.kind != "" && r.kind != "bond" {
		return s.settled(ctx, p, s.real(ctx, whole...))
	}
	if err := p.client.Delete(ctx, r.dev); err != nil {
		return s.refused(err)
	}
	return exitOK
}
